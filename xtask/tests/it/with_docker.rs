//! A real Docker engine beside the tool.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::support::image::tar_of;
use crate::support::registry::Registry;
use crate::support::{SERVICES, Sandbox, built_image, output_of, tiny};

/// The article's production buildspec of `backend`, its commands as printed.
const ARTICLE: &str = r#"
set -e
docker login -u $DOCKER_USER -p $DOCKER_PASSWORD $DOCKER_REPO
docker pull $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
docker tag $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING $IMAGE_REPO_NAME:$IMAGE_TAG
docker push $IMAGE_REPO_NAME:$IMAGE_TAG
printf '[{"name":"mynavi-sample-continuous-delivery-backend-production","imageUri":"%s"}]' $IMAGE_REPO_NAME:$IMAGE_TAG > imagedefinitions.json
"#;

/// What stands for the article's staging build: an image that Docker pushed.
const STAGING: &str = r"
set -e
docker login -u $DOCKER_USER -p $DOCKER_PASSWORD $DOCKER_REPO
docker import image.tar $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
docker push $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
docker rmi $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
";

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
        let target = sandbox.path(&format!("target/images/{service}"));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        output_of(
            Command::new("cp")
                .arg("-r")
                .arg(built_image(service))
                .arg(&target),
        );
    }
    sandbox.ok(["staging-tag"]);
    // The image may be of a tree that is being worked on: the registry on loopback stands for one on disk.
    let digests: Vec<String> = sandbox
        .ok(["staging-tag"])
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    for ((service, repository), digest) in
        [("/backend", "backend"), ("/backend-for-frontend", "bff")]
            .iter()
            .zip(&digests)
    {
        let image = format!("{}@{digest}", registry.repository(repository));
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
        .with("DOCKER_PASSWORD", "secret");
    let bash = |script: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", script])
            .current_dir(sandbox.root())
            .env("HOME", sandbox.root());
        for (name, value) in [
            ("DOCKER_USER", "tester"),
            ("DOCKER_PASSWORD", "secret"),
            ("DOCKER_REPO", &registry.host()),
            ("IMAGE_REPO_NAME", &repository),
            ("IMAGE_TAG_STAGING", "1.0.SNAPSHOT"),
            ("IMAGE_TAG", "1.0.RELEASE"),
        ] {
            bash.env(name, value);
        }
        output_of(&mut bash)
    };
    sandbox.write("image.tar", tar_of("article"));
    bash(STAGING);
    let ours = sandbox.ok(["promote", "backend"]).line().to_owned();
    sandbox.ok(["imagedefinitions", "backend", "--environment", "production"]);

    bash(ARTICLE);
    // The tag still points at our digest: the article pushed the very same manifest.
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &ours])["outcome"],
        "unchanged"
    );
    assert_eq!(
        sandbox.read("imagedefinitions.json"),
        sandbox.record("production", "backend", "imagedefinitions.json")
    );
}
