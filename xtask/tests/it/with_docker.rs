//! A real Docker engine beside the tool.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use xtask::oci::Manifest;
use xtask::registry::Repository as _;

use crate::support::image::{layout, tar_of};
use crate::support::registry::Registry;
use crate::support::{ARTICLE, SERVICES, Sandbox, built_image, output_of, tiny};

/// What stands for the article's staging build: an image that Docker pushed.
const STAGING: &str = r"
set -e
docker login -u $DOCKER_USER -p $DOCKER_PASSWORD $DOCKER_REPO
docker import image.tar $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
docker push $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
docker rmi $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
";

/// What no image of today knows.
const RUNTIME: &str = "  install:\n    runtime-versions:\n      docker: 18\n";

/// The article's buildspec without some of its lines.
fn article_without(lines: &str) -> String {
    assert!(ARTICLE.contains(lines));
    ARTICLE.replace(lines, "")
}

/// The client of the engine that `cargo xtask test` found or started.
fn docker() -> Command {
    let mut docker = Command::new("docker");
    docker.args(["--config", "/nonexistent"]);
    docker
}

/// A container that is removed with everything that it is.
struct Container(String);

impl Container {
    /// Runs an image read-only, with its port on a free one of this machine.
    fn run(image: &str, port: u16, variables: &[&str]) -> Self {
        let variables = variables.iter().flat_map(|variable| ["--env", variable]);
        let publish = format!("127.0.0.1:0:{port}");
        let mut run = docker();
        run.args(["run", "--detach", "--read-only", "--publish", &publish])
            .args(variables)
            .arg(image);
        Self(output_of(&mut run).trim().to_owned())
    }

    /// Waits until the container's log has a line with `word`.
    fn wait_for(&self, word: &str) {
        let mut logs = docker();
        logs.args(["logs", "--follow", &self.0])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        let mut child = logs.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.any(|line| line.unwrap().contains(word));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found, "the container ended without saying {word:?}");
    }

    /// The address on this machine of the container's port.
    fn address(&self, port: u16) -> String {
        output_of(docker().args(["port", &self.0, &port.to_string()]))
            .lines()
            .next()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Also in a test that fails; a container that is gone is what is wanted.
        let _ = docker().args(["rm", "--force", &self.0]).output();
    }
}

fn get(address: &str, path: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    agent
        .get(format!("http://{address}{path}"))
        .call()
        .unwrap()
        .status()
        .as_u16()
}

/// The image of a service of this project as a clean tree would give it: one of a tree that
/// is being worked on is not promoted to a registry.
fn has_clean_image(sandbox: &Sandbox, service: &str) {
    let target = sandbox.path(&format!("target/images/{service}"));
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    output_of(
        Command::new("cp")
            .arg("-r")
            .arg(built_image(service))
            .arg(&target),
    );
    let (layout, built) = (layout(&target), "built".parse().unwrap());
    let manifest = layout.tagged(&built).unwrap().unwrap();
    let clean = str::from_utf8(manifest.bytes())
        .unwrap()
        .replace("-dirty", "");
    let clean = Manifest::parse(clean.into_bytes(), None).unwrap();
    let lock = layout.own().unwrap();
    layout.replace_all(&lock, &built, &clean).unwrap();
}

#[test]
fn the_promoted_images_run_read_only_and_answer() {
    let registry = Registry::open();
    let sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", registry.repository("backend"))
        .with(
            "BACKEND_FOR_FRONTEND_IMAGE_REPO_NAME",
            registry.repository("bff"),
        );
    for service in SERVICES {
        has_clean_image(&sandbox, service);
    }
    let tested = sandbox.ok(["staging-tag"]).stdout;
    assert_eq!(sandbox.ok(["promote"]).stdout, tested);
    for (service, repository) in [("/backend", "backend"), ("/backend-for-frontend", "bff")] {
        let image = format!("{}:1.0.RELEASE", registry.repository(repository));
        output_of(docker().args(["pull", "--quiet", &image]));
        let container = Container::run(&image, 8080, &["SERVICE_DNS=http://127.0.0.1:9"]);
        container.wait_for("listening");
        assert_eq!(
            get(&container.address(8080), &format!("{service}/health/live")),
            200
        );
        drop(container);
        output_of(docker().args(["rmi", "--force", &image]));
    }
}

#[test]
fn engine_docker_builds_what_is_pushed_promoted_and_run_like_the_other() {
    let registry = Registry::open();
    let repository = registry.repository("tiny");
    let mut sandbox = tiny::workspace();
    sandbox.set("TINY_IMAGE_REPO_NAME", &repository);
    sandbox.set(
        "DOCKER_HOST",
        std::env::var("DOCKER_HOST").unwrap_or_default(),
    );
    let digest = sandbox
        .ok(["build", "tiny", "--engine", "docker"])
        .line()
        .to_owned();
    assert_eq!(
        sandbox.ok(["build", "tiny", "--engine", "docker"]).line(),
        digest,
        "an unchanged tree gives the same image"
    );
    assert_eq!(sandbox.ok(["staging-tag", "tiny"]).line(), digest);
    assert_eq!(
        sandbox.ok(["promote", "tiny", "--digest", &digest]).line(),
        digest
    );
    let image = format!("{repository}:1.0.RELEASE");
    output_of(docker().args(["pull", "--quiet", &image]));
    let container = Container::run(&image, 8080, &[]);
    container.wait_for("listening");
    assert_eq!(get(&container.address(8080), "/tiny/health/live"), 200);
}

#[test]
fn the_articles_commands_and_ours_give_the_same() {
    let registry = Registry::with_password("secret");
    let repository = registry.repository("app");
    let sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", &repository)
        .with("DOCKER_REPO", registry.host())
        .with("DOCKER_USER", "tester")
        .with("DOCKER_PASSWORD", "secret")
        .with(
            "DOCKER_HOST",
            std::env::var("DOCKER_HOST").unwrap_or_default(),
        );
    sandbox.write("image.tar", tar_of("article"));
    let mut staging = Command::new("bash");
    staging
        .args(["-c", STAGING])
        .current_dir(sandbox.root())
        .env("HOME", sandbox.path("home"))
        .env("DOCKER_USER", "tester")
        .env("DOCKER_PASSWORD", "secret")
        .env("DOCKER_REPO", registry.host())
        .env("IMAGE_REPO_NAME", &repository)
        .env("IMAGE_TAG_STAGING", "1.0.SNAPSHOT");
    output_of(&mut staging);
    let ours = sandbox.ok(["promote", "backend"]).line().to_owned();
    sandbox.ok(["imagedefinitions", "backend", "--environment", "production"]);

    sandbox.write("buildspec.yml", article_without(RUNTIME));
    let phases = sandbox.json(0, &["codebuild", "run", "buildspec.yml"]);
    let names: Vec<_> = phases.iter().map(|phase| &phase["phase"]).collect();
    assert_eq!(names, ["pre_build", "build", "post_build"]);
    // The tag still points at our digest: the article pushed the very same manifest.
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &ours])["outcome"],
        "unchanged"
    );
    let expected = sandbox.record("production", "backend", "imagedefinitions.json");
    assert_eq!(sandbox.read("imagedefinitions.json"), expected);
    assert_eq!(
        sandbox.read("target/codebuild/artifacts/imagedefinitions.json"),
        expected
    );
}

#[test]
fn the_articles_buildspec_pushes_also_after_a_failed_build() {
    let registry = Registry::open();
    let mut sandbox = Sandbox::new();
    sandbox.set("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
    sandbox.set(
        "DOCKER_HOST",
        std::env::var("DOCKER_HOST").unwrap_or_default(),
    );
    let login = "      - docker login -u $DOCKER_USER -p $DOCKER_PASSWORD $DOCKER_REPO\n";
    let text = article_without(RUNTIME);
    sandbox.write("buildspec.yml", text.replace(login, ""));
    let ran = sandbox.run(["codebuild", "run", "buildspec.yml"]);
    // Nothing is in staging, so that the pull fails; the push is tried all the same.
    ran.fails(
        1,
        &[
            "`docker pull $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING` failed in the phase build",
            "`docker push $IMAGE_REPO_NAME:$IMAGE_TAG` failed in the phase post_build",
        ],
    );
}
