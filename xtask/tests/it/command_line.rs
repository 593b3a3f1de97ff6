//! What users meet before anything is delivered: errors, hints, exit codes.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Ran, Sandbox, output_of, wait_for_line};

#[test]
fn usage_errors_print_no_json() {
    let sandbox = Sandbox::new();
    for arguments in [
        &[
            "promote",
            "backend",
            "bff",
            "--digest",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ][..],
        &["promote", "--expect", "absent"],
        &["rollback", "--to", "1.0.OLD"],
        &[
            "imagedefinitions",
            "--environment",
            "staging",
            "--output",
            "x",
        ],
        &["promote", "backend", "--digest", "sha256:12"],
        &["promote", "backend", "--expect", "nothing"],
        &["imagedefinitions", "backend"],
        &["nonsense"],
        &["build", "--engine", "podman"],
        &["--timeout", "0", "build"],
        &["test", "--skip", "nonsense"],
        &["e2e", "--url", "pages.example.com"],
        &["e2e", "--url", "http:///portal"],
    ] {
        let ran = sandbox.run(arguments.iter().copied().chain(["--format", "json"]));
        ran.fails(2, &[]);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn an_end_to_end_test_of_nobody_ends_at_once() {
    // Port 1 is no service's: nobody listens there.
    Sandbox::new()
        .run(["e2e", "--url", "http://127.0.0.1:1/backend-for-frontend"])
        .fails(7, &["nobody listens at 127.0.0.1:1", "cargo xtask up"]);
}

#[test]
fn an_end_to_end_test_of_a_host_that_drops_packets_ends_in_time() {
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(1));
    // Nobody accepts these: once there is no place left, the system drops what comes.
    let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
    let start = Instant::now();
    Sandbox::new()
        .run(["e2e", "--url", &format!("http://{address}")])
        .fails(7, &["nobody listens at", "timed out"]);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    drop(waiting);
}

#[test]
fn an_unknown_service_is_answered_with_the_nearest_name() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["build", "backnd"])
        .fails(4, &["backnd", "hint: did you mean `backend`?"]);
    sandbox
        .run(["build", "bbf"])
        .fails(4, &["hint: did you mean `bff`?"]);
    sandbox.run(["build", "payments"]).fails(
        4,
        &["hint: the services are: backend, backend-for-frontend"],
    );
    let object = sandbox.one(4, &["promote", "payments"]);
    assert_eq!(object["error"]["kind"], "configuration");
}

#[test]
fn a_missing_parameter_names_itself_its_source_and_the_line_to_add() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["--parameters", "env", "promote", "backend"])
        .fails(
            4,
            &[
                "BACKEND_IMAGE_REPO_NAME",
                "the environment",
                "hint: ",
                "BACKEND_IMAGE_REPO_NAME: BACKEND_IMAGE_REPO_NAME",
                "env.parameter-store",
            ],
        );
    sandbox.edit(
        "build/parameters.toml",
        "local = \"oci:registry/backend\"\n",
        "",
    );
    sandbox.run(["promote", "backend"]).fails(
        4,
        &["BACKEND_IMAGE_REPO_NAME", "build/parameters.toml", "hint: "],
    );
}

#[test]
fn auto_is_the_environment_in_codebuild_and_the_file_elsewhere() {
    let sandbox = Sandbox::new().with("CODEBUILD_BUILD_ID", "project:1");
    sandbox
        .run(["staging-tag", "backend"])
        .fails(4, &["it is not in the environment"]);
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    assert!(
        sandbox
            .ok(["staging-tag", "backend"])
            .stderr
            .contains("(from build/parameters.toml)")
    );
}

#[test]
fn malformed_parameters_are_named_with_what_is_wrong() {
    for (name, value, word) in [
        (
            "BACKEND_IMAGE_REPO_NAME",
            "App/Backend",
            "is not a repository",
        ),
        ("BACKEND_IMAGE_REPO_NAME", "backend:1.0", "without a tag"),
        (
            "BACKEND_IMAGE_REPO_NAME",
            "https://example.com/a",
            "without a scheme",
        ),
        ("BACKEND_IMAGE_REPO_NAME", "", "is empty"),
        ("BACKEND_IMAGE_REPO_NAME", "a\nb", "control character"),
        (
            "BACKEND_IMAGE_TAG_PRODUCTION",
            "1.0 RELEASE",
            "is not a tag",
        ),
        (
            "BACKEND_IMAGE_TAG_PRODUCTION",
            "1.0.SNAPSHOT",
            "each would displace the other's image",
        ),
        ("BACKEND_TESTED_DIGEST", "sha256:zz", "is not a digest"),
    ] {
        let sandbox = Sandbox::new().with(name, value);
        sandbox.run(["promote", "backend"]).fails(4, &[name, word]);
    }
}

#[test]
fn two_services_under_one_tag_are_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.has_staged("one");
    // Another name of the same folder.
    sandbox.set(
        "BACKEND_FOR_FRONTEND_IMAGE_REPO_NAME",
        "oci:registry/../registry/backend",
    );
    for command in [
        &["promote"][..],
        // Also where a command is about one of them: the pipeline has an action for each.
        &["promote", "backend"],
        &["promote", "bff"],
        &["staging-tag", "bff"],
        &["rollback", "bff"],
        &["params", "check"],
    ] {
        sandbox
            .run(command)
            .fails(4, &["each would displace the other's image"]);
    }
}

#[test]
fn wrong_metadata_is_named_by_file_and_key() {
    for (file, from, to, words) in [
        (
            "backend/Cargo.toml",
            "port = 8080",
            "prot = 8080",
            &["backend/Cargo.toml", "prot"][..],
        ),
        (
            "backend/Cargo.toml",
            "port = 8080",
            "port = 99999",
            &["backend/Cargo.toml", "99999"],
        ),
        (
            "backend/Cargo.toml",
            "port = 8080",
            "port = 0",
            &["backend/Cargo.toml", "`port`"],
        ),
        (
            "backend/Cargo.toml",
            "\"/backend\"",
            "\"backend\"",
            &["backend/Cargo.toml", "`context-path`"],
        ),
        (
            "backend/Cargo.toml",
            "\"/backend\"",
            "\"/back end/*\"",
            &["backend/Cargo.toml", "`context-path`"],
        ),
        (
            "backend/Cargo.toml",
            "\"/backend\"",
            "\"/backend-for-frontend/api\"",
            &[
                "backend-for-frontend",
                "tell their requests apart",
                "hint: give one of them another `context-path`",
            ],
        ),
        (
            "backend/Cargo.toml",
            "[package.metadata",
            "[[package.metadata",
            &["backend/Cargo.toml"],
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "[\"backend\"]",
            "[\"orders\"]",
            &[
                "upstreams",
                "orders",
                "hint: the services are: backend, backend-for-frontend",
            ],
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "alias = \"bff\"",
            "alias = \"backend\"",
            &["share a name", "hint: rename one of the packages"],
        ),
        (
            "backend/Cargo.toml",
            "port = 8080",
            "port = 8080\nupstreams = [\"backend-for-frontend\"]",
            &["circle: backend, backend-for-frontend", "hint: take one"],
        ),
        (
            "Cargo.toml",
            "target = \"x86_64",
            "tarjet = \"x86_64",
            &["Cargo.toml", "tarjet"],
        ),
        (
            "Cargo.toml",
            "x86_64-unknown-linux-gnu",
            "x86_64-pc-windows-msvc",
            &["Cargo.toml", "`target`"],
        ),
        (
            "Cargo.toml",
            "[workspace.metadata.delivery]",
            "[workspace.metadata.x]",
            &["[workspace.metadata.delivery]"],
        ),
        (
            "Cargo.toml",
            "members = [\"backend\",",
            "members = [\"back*\",",
            &["pattern"],
        ),
        (
            "build/parameters.toml",
            "secret = true",
            "secrt = true",
            &["build/parameters.toml", "secrt"],
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.edit(file, from, to);
        sandbox.run(["params", "list"]).fails(4, words);
    }
}

#[test]
fn outside_of_a_workspace_the_folder_is_named() {
    let sandbox = Sandbox::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = sandbox.command(["build"]);
    Ran::from(command.current_dir(elsewhere.path()).output().unwrap())
        .fails(4, &["Cargo workspace"]);
}

#[test]
fn the_target_directory_is_cargos() {
    let mut sandbox = Sandbox::new();
    sandbox.has_staged("one");
    sandbox.write(
        ".cargo/config.toml",
        "[build]\ntarget-dir = \"elsewhere\"\n",
    );
    let look = ["promote", "backend", "--dry-run"];
    sandbox.run(look).fails(5, &[]);
    fs::rename(sandbox.path("target"), sandbox.path("elsewhere")).unwrap();
    sandbox.ok(["promote", "backend"]);
    assert!(
        sandbox
            .path("elsewhere/delivery/production/backend/imageDetail.json")
            .exists()
    );
    sandbox.set(
        "CARGO_TARGET_DIR",
        sandbox.path("third").display().to_string(),
    );
    sandbox.run(["promote", "backend"]).fails(5, &[]);
}

#[test]
fn a_configuration_of_cargos_that_cannot_be_read_is_no_other_target_directory() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path(".cargo/config.toml")).unwrap();
    let ran = sandbox.run(["params", "list"]);
    ran.fails(4, &[".cargo/config.toml cannot be read"]);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let sandbox = Sandbox::new();
    output_of(Command::new("mkfifo").arg(sandbox.path("build/pipeline.yaml")));
    let ran = sandbox.run(["generate", "--check"]);
    ran.fails(1, &["build/pipeline.yaml", "it is no regular file"]);
    output_of(Command::new("mkfifo").arg(sandbox.path("Cargo.lock")));
    let ran = sandbox.run(["onboard", "orders"]);
    ran.fails(1, &["Cargo.lock", "it is no regular file"]);
}

#[test]
fn a_token_in_cargos_configuration_is_not_quoted() {
    let sandbox = Sandbox::new();
    let configuration = "[registry]\ntoken = \"canary\n";
    sandbox.write(".cargo/config.toml", configuration);
    let ran = sandbox.run(["params", "list"]);
    ran.fails(4, &[".cargo/config.toml is malformed", "line 2"]);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
}

#[test]
fn a_command_works_in_every_folder_of_the_workspace() {
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    let mut command = sandbox.command(["promote", "backend"]);
    let ran = Ran::from(
        command
            .current_dir(sandbox.path("backend"))
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        sandbox
            .path("target/delivery/production/backend/imageDetail.json")
            .exists()
    );
}

#[test]
fn what_was_not_built_is_not_found() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["staging-tag", "backend"])
        .fails(5, &["hint: cargo xtask build backend"]);
    sandbox
        .run(["promote", "backend"])
        .fails(5, &["hint: cargo xtask staging-tag backend"]);
}

#[test]
fn parameters_are_listed_and_secrets_are_masked() {
    let sandbox = Sandbox::new()
        .with("DOCKER_PASSWORD", "canary")
        .with("BACKEND_DATABASE_URL_STAGING", "postgres://canary@x/y")
        .with("API_TOKEN", "canary");
    // Its name alone makes it one.
    let listed = "[API_TOKEN]\ndescription = \"token\"\n\n[DOCKER_USER]\n";
    sandbox.edit("build/parameters.toml", "[DOCKER_USER]\n", listed);
    let ran = sandbox.ok(["params", "list"]);
    assert!(
        ran.stdout.contains(
            "BACKEND_IMAGE_REPO_NAME = oci:registry/backend (from build/parameters.toml)"
        ),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("DOCKER_PASSWORD = ******** (from the environment)"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("API_TOKEN = ********"),
        "{}",
        ran.stdout
    );
    assert!(!format!("{ran:?}").contains("canary"));
    let json = sandbox.run(["params", "list", "--format", "json", "-v"]);
    assert!(!format!("{json:?}").contains("canary"));
}

#[test]
fn a_nested_cargo_does_not_see_the_variables_of_the_outer_one() {
    let mut sandbox = Sandbox::new();
    let cargo = sandbox.script("bin/cargo", "env > seen");
    sandbox.set("CARGO", cargo);
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
        sandbox.set(name, "of-the-outer-one");
    }
    sandbox.set("CARGO_NET_OFFLINE", "of-the-user");
    let pages = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", pages.local_addr().unwrap());
    sandbox.ok(["e2e", "--url", &url]);
    let seen = sandbox.read("seen");
    assert!(seen.contains("CARGO_NET_OFFLINE=of-the-user"), "{seen}");
    assert!(!seen.contains("of-the-outer-one"), "{seen}");
}

#[test]
fn a_parameter_that_the_answer_leaves_out_is_not_stored() {
    let mut sandbox = Sandbox::new();
    let answer = json!({ "version": 1, "outcome": { "written": { "SERVICE_DNS_STAGING": { "stored": 1 } } } });
    let store = sandbox.script("bin/store", &format!("cat > seen; echo '{answer}'"));
    // What Cargo says where it has built the program.
    let built = json!({ "reason": "compiler-artifact", "target": { "name": "parameter-store" }, "executable": store });
    let cargo = sandbox.script("bin/cargo", &format!("echo '{built}'"));
    sandbox.set("CARGO", cargo);
    let stored = sandbox.run_with_input(&["params", "put", "SERVICE_DNS_STAGING"], "http://a");
    assert_eq!(stored.stdout, "SERVICE_DNS_STAGING stored, version 1\n");
    let ran = sandbox.run_with_input(&["params", "put", "DOCKER_USER"], "tester");
    ran.fails(1, &["DOCKER_USER was stored", "hint: cargo xtask"]);
    assert_eq!(ran.stdout, "DOCKER_USER failed\n");
}

#[test]
fn a_malformed_secret_is_not_quoted() {
    let mut sandbox = Sandbox::new();
    let names = ["BACKEND_IMAGE_TAG_STAGING", "SERVICE_DNS_STAGING"];
    let file = "build/parameters.toml";
    for name in names {
        let entry = format!("[{name}]\n");
        sandbox.edit(file, &entry, &format!("{entry}secret = true\n"));
        let hint = format!("hint: cargo xtask params put {name}\n");
        let ran = sandbox.run_with_input(&["params", "put", name], "canary 2");
        assert_kept_back(&ran, &["from standard input", &hint]);
    }
    for name in names {
        sandbox.set(name, "canary 2");
    }
    for arguments in [&["params", "check"][..], &["staging-tag", "backend"]] {
        let words = ["from the environment", "unset BACKEND_IMAGE_TAG_STAGING`"];
        assert_kept_back(&sandbox.run(arguments), &words);
    }
}

#[test]
fn a_secret_of_another_type_is_not_quoted() {
    let file = "build/parameters.toml";
    for entry in [
        "[API_TOKEN]\ndescription = \"token\"\nlocal = 4711",
        "[API_TOKEN]\ndescription = \"token\"\nlocal = [\"4711, expected\"]",
        "[API_TOKEN]\ndescription = \"token\"\nsecret = \"4711, expected\"",
        "# Not a table.\n\nAPI_TOKEN = \"4711, expected \"",
    ] {
        let sandbox = Sandbox::new();
        let others = sandbox.read(file);
        sandbox.write(file, format!("{entry}\n\n{others}"));
        let ran = sandbox.run(["params", "list"]);
        ran.fails(4, &[file, "line 3: expected "]);
        assert!(!ran.stderr.contains("4711"), "{}", ran.stderr);
    }
}

/// The value is malformed, which is said without it.
fn assert_kept_back(ran: &Ran, words: &[&str]) {
    ran.fails(4, words);
    ran.fails(4, &["is malformed; it is a secret, and not quoted"]);
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
}

#[test]
fn the_check_of_the_parameters_finds_what_is_wrong() {
    Sandbox::new().ok(["params", "check"]);
    let sandbox = Sandbox::new()
        .with("SERVICE_DNS_STAGING", "backend.example.com")
        .with("BACKEND_IMAGE_TAG_STAGING", "");
    let objects = sandbox.json(4, &["params", "check"]);
    let failed: Vec<_> = objects
        .iter()
        .filter(|object| object["outcome"] == "failed")
        .map(|object| object["name"].clone())
        .collect();
    assert_eq!(failed, ["BACKEND_IMAGE_TAG_STAGING", "SERVICE_DNS_STAGING"]);
}

#[test]
fn what_a_merge_or_a_slip_leaves_behind_names_the_next_step() {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let conflict = "<<<<<<< ours\n=======\n>>>>>>> theirs\n";
    let breaks = |path: &str, code: i32, arguments: &[&str], words: &[&str]| {
        let before = sandbox.read(path);
        sandbox.write(path, format!("{before}{conflict}"));
        sandbox.run(arguments).fails(code, words);
        sandbox.write(path, before);
    };
    breaks(
        "build/pipeline.yaml",
        1,
        &["lint"],
        &["pipeline.yaml is no YAML", "hint: cargo xtask generate\n"],
    );
    breaks(
        "build/parameters.toml",
        4,
        &["params", "list"],
        &["parameters.toml is malformed", "hint: mend that line"],
    );
    sandbox
        .run_with_input(&["params", "put", "DOCKER_USER"], "\n")
        .fails(4, &["is empty", "| cargo xtask params put DOCKER_USER"]);
    fs::remove_dir_all(sandbox.path("backend")).unwrap();
    sandbox.run(["params", "list"]).fails(
        4,
        &[
            "the workspace's member \"backend\" has no Cargo.toml",
            "hint: take it out of `members` in Cargo.toml",
        ],
    );
}

#[test]
fn a_name_that_is_no_shells_is_set_in_another_way() {
    let name = "/CodeBuild/dockerLoginUser";
    let sandbox = Sandbox::new();
    let buildspec = format!(
        "version: 0.2\nenv:\n  parameter-store:\n    USER: {name}\nphases:\n  build:\n    commands: [\"true\"]\n"
    );
    sandbox.write("buildspec.yml", buildspec);
    let ran = sandbox.run(["codebuild", "run", "buildspec.yml"]);
    let key = format!("[{name:?}] with `local");
    let variable = format!("`env {name}=… cargo xtask …`");
    ran.fails(4, &[&key, &variable]);
    assert!(!ran.stderr.contains("export /"), "{}", ran.stderr);
    let parameters = sandbox.read("build/parameters.toml");
    let entry = format!("[{name:?}]\ndescription = \"a user\"\nlocal = \"x\"\n");
    sandbox.write("build/parameters.toml", format!("{parameters}\n{entry}"));
    sandbox.ok(["codebuild", "run", "buildspec.yml"]);
}

#[test]
fn a_value_that_a_service_or_the_pipeline_would_not_take_is_malformed() {
    let outcome = |name: &str, value: &str| {
        let objects = Sandbox::new()
            .with(name, value)
            .run(["params", "check", "--format", "json"]);
        let objects: Vec<serde_json::Value> = serde_json::from_str(&objects.stdout).unwrap();
        let mut of_name = objects.iter().filter(|object| object["name"] == name);
        of_name.next().unwrap()["outcome"].clone()
    };
    for (name, good, bad) in [
        (
            "SERVICE_DNS_STAGING",
            &["http://x", "https://x.example.com/", "http://[::1]:8080"][..],
            &[
                "http://x/y",
                "http://x//",
                "http://x:99999",
                "http://x:",
                "http://user:pw@x",
            ][..],
        ),
        (
            "BACKEND_DATABASE_URL_STAGING",
            &["postgres://u:p@x/db", "postgresql://x", "sqlite::memory:"],
            &["foo", "mysql://x", "postgres://", "sqlite:"],
        ),
        (
            "DOCKER_REPO",
            &["https://index.docker.io/v1/", "registry.example.com:5000"],
            &[":::", "https://", "registry.example.com:99999"],
        ),
    ] {
        for value in good {
            assert_eq!(outcome(name, value), "ok", "{name} {value}");
        }
        for value in bad {
            assert_eq!(outcome(name, value), "failed", "{name} {value}");
        }
    }
}

#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing_half_done() {
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    // A layout that is locked by somebody else keeps the command waiting.
    let lock =
        xtask::files::FolderLock::exclusive(&sandbox.path("target/registry/backend")).unwrap();
    let mut command = sandbox.command(["promote", "backend", "--verbose", "--format", "json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_line(&mut child, "nobody says that it was tested");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let objects: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(objects[0]["error"]["kind"], "interrupted");
    drop(lock);
    sandbox.ok(["promote", "backend"]);
}

#[test]
fn what_only_skipped_tests_need_is_not_installed() {
    // A machine with none of the programs, whose user may not install any.
    let mut sandbox = Sandbox::new();
    for (program, script) in [("apt-get", "exit 1"), ("id", "echo 1000")] {
        sandbox.script(&format!("programs/{program}"), script);
    }
    sandbox.set("PATH", sandbox.path("programs").display().to_string());
    let packages = |arguments: &[&str]| {
        let said = sandbox.run(arguments).stderr;
        let named = said.lines().find_map(|line| {
            line.strip_prefix("hint: sudo apt-get install --no-install-recommends ")
        });
        let packages = named.unwrap_or_else(|| panic!("{said}")).split(' ');
        packages.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = packages(&["test"]);
    let mut distinct = all.clone();
    distinct.dedup();
    assert!(all.contains(&"chromium".to_owned()), "{all:?}");
    assert!(all.is_sorted() && distinct == all, "each once: {all:?}");
    let some = packages(&["test", "--skip", "browser"]);
    assert!(!some.contains(&"chromium".to_owned()), "{some:?}");
    assert!(some.contains(&"docker-registry".to_owned()), "{some:?}");
}

#[test]
fn only_where_every_part_is_skipped_nothing_but_rust_is_said_to_be_tested() {
    let sandbox = Sandbox::new();
    let usage = sandbox.run(["test", "--skip", "nonsense"]).stderr;
    let (_, parts) = usage.split_once("[possible values: ").unwrap();
    let (parts, _) = parts.split_once(']').unwrap();
    let parts: Vec<_> = parts.split(", ").collect();
    // The services of a sandbox cannot be built: that ends the command early.
    let warns = |skipped: &[&str], more: &[&str]| {
        let skips = skipped.iter().flat_map(|part| ["--skip", *part]);
        let ran = sandbox.run(
            ["test"]
                .into_iter()
                .chain(skips)
                .chain(more.iter().copied()),
        );
        ran.stderr.contains("warning: every part is skipped")
    };
    assert!(warns(&parts, &[]));
    assert!(warns(&parts, &["--no-setup"]));
    assert!(!warns(&vec!["browser"; parts.len()], &["--no-setup"]));
}

#[test]
fn the_help_of_a_promotion_says_what_is_moved_kept_and_recorded() {
    let help = Sandbox::new()
        .ok(["promote-to-production", "--help"])
        .stdout;
    for words in [
        "unless production has a repository of",
        "TAG-previous",
        "promotion.json",
        "CodeBuild refuses",
    ] {
        assert!(help.contains(words), "no {words:?} in:\n{help}");
    }
}
