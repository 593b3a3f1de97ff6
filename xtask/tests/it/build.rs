//! Making images, of a service that compiles in a second.

use std::fs;

use serde_json::Value;
use xtask::oci::{References, annotation};
use xtask::registry::Repository as _;

use crate::support::image::layout;
use crate::support::scripted::{Scripted, State};
use crate::support::{Ran, SERVICES, Sandbox, tiny};

#[test]
fn the_same_commit_gives_the_same_digest_anywhere() {
    let (one, other) = (
        tiny::workspace(),
        tiny::workspace()
            .with("RUSTFLAGS", "-Copt-level=0")
            .with("CFLAGS", "-O0"),
    );
    let digest = one.ok(["build"]).line().to_owned();
    assert_eq!(other.ok(["build"]).line(), digest);
    let object = one.one(0, &["build", "tiny"]);
    assert_eq!(
        (&object["outcome"], object["digest"].as_str()),
        (&Value::from("unchanged"), Some(&*digest))
    );

    other.write("tiny/src/change.rs", "");
    let dirty = other.ok(["build"]);
    assert_ne!(dirty.line(), digest, "a changed tree is another image");
}

#[test]
fn an_image_is_one_layer_with_a_binary_and_a_user() {
    let sandbox = tiny::workspace();
    let digest = sandbox.ok(["build"]).line().parse().unwrap();
    let layout = layout(&sandbox.path("target/images/tiny"));
    let manifest = layout.manifest(&digest).unwrap().unwrap();
    let References::Image { blobs } = manifest.references() else {
        panic!("an image is no index");
    };
    let [configuration, layer] = blobs.as_slice() else {
        panic!("one layer, not {}", blobs.len() - 1);
    };
    let read = |digest: &xtask::oci::Digest| {
        fs::read(sandbox.path(&format!("target/images/tiny/blobs/sha256/{}", digest.hex())))
            .unwrap()
    };
    let configuration: Value = serde_json::from_slice(&read(&configuration.digest)).unwrap();
    assert_eq!(configuration["architecture"], "amd64");
    assert_eq!(configuration["config"]["User"], "65532:65532");
    assert_eq!(configuration["config"]["Entrypoint"][0], "/service");
    assert!(configuration["config"]["ExposedPorts"]["8080/tcp"].is_object());
    let labels = &configuration["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], "0.3.0");
    assert_eq!(
        labels["org.opencontainers.image.created"],
        "2001-02-03T04:05:06Z"
    );
    assert_eq!(
        labels["org.opencontainers.image.revision"].as_str(),
        manifest.annotation("org.opencontainers.image.revision")
    );

    let layer = read(&layer.digest);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*layer));
    let entries: Vec<_> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (header.uid().unwrap(), header.mtime().unwrap()),
                (0, 981_173_106)
            );
            (
                entry.path().unwrap().display().to_string(),
                header.mode().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("etc/", 0o755),
        ("etc/group", 0o644),
        ("etc/passwd", 0o644),
        ("etc/ssl/", 0o755),
        ("etc/ssl/certs/", 0o755),
        ("etc/ssl/certs/ca-certificates.crt", 0o644),
        ("service", 0o755),
    ];
    assert_eq!(
        entries,
        expected.map(|(path, mode)| (path.trim_end_matches('/').to_owned(), mode))
    );
}

#[test]
fn no_path_of_this_machine_is_in_the_binary() {
    let sandbox = tiny::workspace();
    sandbox.ok(["build"]);
    let binary = fs::read(sandbox.path("target/x86_64-unknown-linux-gnu/image/tiny")).unwrap();
    let root = sandbox.root().display().to_string();
    assert!(
        !binary
            .windows(root.len())
            .any(|window| window == root.as_bytes())
    );
}

#[test]
fn a_build_leaves_one_image_and_nothing_else() {
    let sandbox = tiny::workspace();
    sandbox.ok(["build"]);
    sandbox.edit("tiny/src/main.rs", "Not Found", "Never Found");
    sandbox.ok(["build"]);
    let blobs = fs::read_dir(sandbox.path("target/images/tiny/blobs/sha256")).unwrap();
    assert_eq!(blobs.count(), 3, "a manifest, a configuration and a layer");
}

#[test]
fn what_changes_while_it_is_compiled_is_in_no_image_of_the_commit() {
    let mut sandbox = tiny::workspace();
    let before = sandbox.ok(["build"]).line().to_owned();
    let change = "sed -i 's/Not Found/Uncommitted/' tiny/src/main.rs";
    let cargo = sandbox.script("home/cargo", &format!("{change}; exec cargo \"$@\""));
    sandbox.set("CARGO", cargo);
    let commit = tiny::commit(&sandbox);
    sandbox.run(["build"]).fails(
        1,
        &[
            &format!("from {commit} to {commit}-dirty"),
            "hint: cargo xtask build tiny",
        ],
    );
    let layout = layout(&sandbox.path("target/images/tiny"));
    let kept = layout.resolve(&"built".parse().unwrap()).unwrap();
    assert_eq!(kept.map(|digest| digest.to_string()), Some(before));

    let ran = sandbox.ok(["build"]);
    let manifest = layout.manifest(&ran.line().parse().unwrap()).unwrap();
    assert_eq!(
        manifest
            .unwrap()
            .annotation("org.opencontainers.image.revision"),
        Some(&*format!("{commit}-dirty"))
    );
}

#[test]
fn sources_without_git_name_their_commit_otherwise() {
    let mut sandbox = tiny::workspace();
    let digest = sandbox.ok(["build"]).line().to_owned();
    let commit = tiny::commit(&sandbox);
    fs::remove_dir_all(sandbox.path(".git")).unwrap();
    sandbox
        .run(["build"])
        .fails(4, &["CODEBUILD_RESOLVED_SOURCE_VERSION", "hint: "]);
    sandbox.set("CODEBUILD_RESOLVED_SOURCE_VERSION", commit);
    sandbox.run(["build"]).fails(4, &["SOURCE_DATE_EPOCH"]);
    sandbox.set("SOURCE_DATE_EPOCH", "yesterday");
    sandbox.run(["build"]).fails(4, &["SOURCE_DATE_EPOCH"]);
    sandbox.set("SOURCE_DATE_EPOCH", "981173106");
    assert_eq!(
        sandbox.ok(["build"]).line(),
        digest,
        "the same commit, the same image"
    );
}

#[test]
fn a_repository_that_does_not_track_the_sources_does_not_name_them() {
    let mut sandbox = tiny::workspace();
    fs::remove_dir_all(sandbox.path(".git")).unwrap();
    sandbox.write(".gitignore", "*\n");
    tiny::git(&sandbox, &["init", "--quiet"]);
    let words = ["git does not track", "hint: commit the sources"];
    sandbox.run(["build"]).fails(4, &words);
    tiny::git(&sandbox, &["add", "--force", ".gitignore"]);
    tiny::git(
        &sandbox,
        &["commit", "--quiet", "--message", "Another project"],
    );
    sandbox.run(["build"]).fails(4, &words);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    sandbox.set("CODEBUILD_RESOLVED_SOURCE_VERSION", "main");
    sandbox.run(["build"]).fails(4, &["\"main\"", "hint: "]);
    sandbox.set("CODEBUILD_RESOLVED_SOURCE_VERSION", commit);
    sandbox.set("SOURCE_DATE_EPOCH", "981173106");
    sandbox.ok(["build"]);
    let image = layout(&sandbox.path("target/images/tiny"));
    let image = image.tagged(&"built".parse().unwrap()).unwrap().unwrap();
    assert_eq!(image.annotation(annotation::REVISION), Some(commit));
}

#[test]
fn a_commit_is_known_also_where_git_shows_its_signature() {
    let sandbox = tiny::workspace();
    let signature = "echo '[GNUPG:] SIG_CREATED ' >&2; echo '-----BEGIN PGP SIGNATURE-----'";
    // Git takes it for a failure where nobody reads what it passes on.
    let script = format!("cat > /dev/null; echo 'gpg: Good' >&2; {signature}");
    let gpg = sandbox.script("home/gpg", &script);
    let settings = format!("[log]\nshowSignature = true\n[gpg]\nprogram = {gpg}\n");
    sandbox.write("home/.gitconfig", settings);
    let program = format!("gpg.program={gpg}");
    let sign = ["commit", "--quiet", "--amend", "--no-edit", "--gpg-sign"];
    tiny::git(&sandbox, &[&["-c", &program][..], &sign].concat());
    sandbox.ok(["build"]);
}

#[test]
fn what_does_not_compile_fails_with_the_command() {
    let sandbox = tiny::workspace();
    sandbox.write("tiny/src/main.rs", "fn main() { nonsense }");
    let ran = sandbox.run(["build", "--format", "json"]);
    ran.fails(
        1,
        &[
            "compiling for x86_64-unknown-linux-gnu failed",
            "cargo build --locked",
            "nonsense",
        ],
    );
    assert!(
        ran.stdout.contains(r#""outcome":"failed""#),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_lock_file_that_does_not_know_a_package_is_answered_with_the_command_to_type() {
    let sandbox = tiny::workspace();
    sandbox.edit("tiny/Cargo.toml", "name = \"tiny\"", "name = \"renamed\"");
    let ran = sandbox.run(["build", "renamed"]);
    ran.fails(
        1,
        &[
            "hint: Cargo.lock does not have",
            "`cargo update --workspace`",
        ],
    );
    assert!(!ran.stderr.contains("no C compiler"), "{}", ran.stderr);
}

#[test]
fn a_target_that_the_toolchain_lacks_is_answered_with_the_command_to_type() {
    let sandbox = tiny::workspace();
    sandbox.edit(
        "Cargo.toml",
        "x86_64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-musl",
    );
    sandbox.run(["build"]).fails(
        1,
        &["hint: ", "rustup target add riscv64gc-unknown-linux-musl"],
    );
}

#[test]
fn the_pipeline_runs_from_source_to_image_definitions() {
    let mut sandbox = tiny::workspace();
    let ran = sandbox.ok(["pipeline", "run", "--yes"]);
    let stages: Vec<_> = ran
        .stdout
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(stages, ["source", "staging", "release"]);
    assert!(
        ran.stderr.contains("1.0.RELEASE"),
        "the table is for people:\n{}",
        ran.stderr
    );
    let digest = sandbox.ok(["build"]).line().to_owned();
    assert_eq!(
        sandbox.record("production", "tiny", "imagedefinitions.json"),
        format!(r#"[{{"name":"sample-tiny-production","imageUri":"oci:registry/tiny@{digest}"}}]"#)
    );
    let objects = sandbox.json(0, &["pipeline", "run", "--from", "release"]);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["services"][0]["digest"].as_str(), Some(&*digest));
    // A build of AWS is told what was tested, or releases nothing.
    sandbox.set("CODEBUILD_BUILD_ID", "delivery:1");
    sandbox
        .run([
            "--parameters",
            "local",
            "pipeline",
            "run",
            "--from",
            "release",
        ])
        .fails(4, &["TINY_TESTED_DIGEST"]);
}

#[test]
fn what_is_compiled_takes_nothing_of_the_time_for_the_registry() {
    let registry = Scripted::start(State::default());
    let sandbox = tiny::workspace().with("TINY_IMAGE_REPO_NAME", registry.repository("app"));
    sandbox.write(
        "tiny/build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(6)) }",
    );
    // The build script is not committed, so that nothing is released.
    let stages = sandbox.json(3, &["--timeout", "5", "pipeline", "run"]);
    assert_eq!(stages[1]["outcome"], "done", "{stages:?}");
}

#[test]
fn a_failing_stage_ends_the_pipeline() {
    let sandbox = tiny::workspace();
    sandbox.write("tiny/src/main.rs", "fn main() { nonsense }");
    let objects = sandbox.json(1, &["pipeline", "run"]);
    assert_eq!(
        objects
            .iter()
            .map(|stage| stage["outcome"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["done", "failed"]
    );
    assert!(!sandbox.path("target/delivery").exists());
}

#[test]
fn a_password_never_reaches_a_compiler() {
    let mut sandbox = tiny::workspace();
    sandbox.set("DOCKER_PASSWORD", "canary");
    // A build script sees what Cargo sees.
    sandbox.write("tiny/build.rs", "fn main() { for (name, _) in std::env::vars() { if name.contains(\"PASSWORD\") { panic!() } } }");
    let ran: Ran = sandbox.ok(["build"]);
    assert!(!format!("{ran:?}").contains("canary"));
}

#[test]
fn a_compiler_sees_how_the_network_is_reached_and_nothing_that_changes_the_binary() {
    let mut sandbox = tiny::workspace();
    let cargo = sandbox.script(
        "home/cargo",
        "test $1 != build || env > \"$HOME/seen\"; exit 1",
    );
    sandbox.set("CARGO", cargo);
    let of_the_network = ["HTTPS_PROXY", "ALL_PROXY", "all_proxy", "CARGO_HTTP_CAINFO"];
    for name in of_the_network {
        sandbox.set(name, "of-the-network");
    }
    for name in ["RUSTFLAGS", "CARGO_PROFILE_IMAGE_OPT_LEVEL", "CC", "CFLAGS"] {
        sandbox.set(name, "of-the-caller");
    }
    sandbox.run(["build"]).fails(1, &["failed"]);
    let seen = sandbox.read("home/seen");
    for name in of_the_network {
        assert!(seen.contains(&format!("{name}=of-the-network")), "{seen}");
    }
    assert!(!seen.contains("of-the-caller"), "{seen}");
}

#[test]
fn a_failing_stage_tells_of_every_service() {
    let sandbox = Sandbox::new();
    let upstreams = "upstreams = [\"backend\"]\n";
    sandbox.edit("backend-for-frontend/Cargo.toml", upstreams, "");
    for (stage, code, doing) in [
        ("staging", 4, "building the image of"),
        ("release", 5, "hint: cargo xtask staging-tag"),
    ] {
        let told = SERVICES.map(|service| format!("{doing} {service}\n"));
        let ran = sandbox.run(["pipeline", "run", "--from", stage]);
        ran.fails(code, &told.each_ref().map(String::as_str));
    }
}

#[test]
fn what_fails_before_the_tests_keeps_no_finding_back() {
    let sandbox = Sandbox::new().with_toolchain();
    let objects = sandbox.json(1, &["ci", "--no-setup"]);
    let failed = |check: &str| {
        let mut objects = objects.iter();
        objects.any(|object| object["check"] == check && object["outcome"] == "failed")
    };
    assert!(
        failed("format") && failed("architecture") && failed("tests"),
        "{objects:?}"
    );
}
