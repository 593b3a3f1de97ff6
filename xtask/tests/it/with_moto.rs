//! Parameters in Parameter Store: moto's server, and beside it an endpoint that
//! refuses what moto accepts. All of these compile the AWS SDK at first.

mod stacks;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::parameter_store::{Call, Endpoint, Moto, Reply, refusal};
use crate::support::scripted::Scripted;
use crate::support::stock::{self, STOCK};
use crate::support::{Ran, Sandbox, tiny};

const CANARY: &str = "canary-7c1f-password";

fn ssm<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["--parameters", "ssm"], arguments].concat()
}

#[test]
fn the_pipeline_runs_with_what_was_put_from_the_local_file() {
    let moto = Moto::start();
    let sandbox = tiny::workspace().with_parameter_store(moto.address());
    let put = sandbox.ok(["params", "put", "--from-local"]);
    assert!(
        put.stderr.contains("building parameter-store"),
        "{}",
        put.stderr
    );
    assert_eq!(
        put.stdout,
        "TINY_IMAGE_REPO_NAME stored, version 1\n\
         TINY_IMAGE_TAG_STAGING stored, version 1\n\
         TINY_IMAGE_TAG_PRODUCTION stored, version 1\n"
    );
    let run = sandbox.ok(ssm(&["pipeline", "run"]));
    assert!(run.stdout.contains("release: 1 services promoted"));
    assert!(
        run.stderr
            .contains("TINY_IMAGE_TAG_PRODUCTION = 1.0.RELEASE (from Parameter Store, version 1)"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("building parameter-store"));
    assert!(
        sandbox
            .path("target/delivery/production/tiny/imagedefinitions.json")
            .exists()
    );
}

#[test]
fn the_server_must_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::with_certificate(folder.path());
    let mut sandbox = tiny::workspace().with_parameter_store(moto.address());
    let list = ssm(&["params", "list", "--timeout", "2"]);
    sandbox.run(&list).fails(7, &[]);
    let certificate = folder.path().join("certificate.pem");
    sandbox.set("SSL_CERT_FILE", certificate.display().to_string());
    sandbox.ok(ssm(&["params", "list"]));
}

#[test]
fn what_exists_is_overwritten_where_that_is_said() {
    let moto = Moto::start();
    let sandbox = Sandbox::new().with_parameter_store(moto.address());
    let put = ["params", "put", "BACKEND_IMAGE_TAG_STAGING"];
    let first = sandbox.run_with_input(&put, "1.0.SNAPSHOT\n");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    sandbox
        .run_with_input(&put, "2.0.SNAPSHOT\n")
        .fails(3, &["BACKEND_IMAGE_TAG_STAGING", "hint: `--overwrite`"]);
    let again = sandbox.run_with_input(
        &[&put[..], &["--overwrite", "--format", "json"]].concat(),
        "2.0.SNAPSHOT\r\n",
    );
    assert_eq!(
        again.line(),
        r#"[{"name":"BACKEND_IMAGE_TAG_STAGING","outcome":"stored","version":2}]"#
    );
    let sandbox = sandbox.with("BACKEND_IMAGE_TAG_PRODUCTION", "from-here");
    let listed = sandbox.json(0, &ssm(&["params", "list"]));
    let of = |name: &str| listed.iter().find(|object| object["name"] == name).unwrap();
    let staging = of("BACKEND_IMAGE_TAG_STAGING");
    assert_eq!(staging["value"], "2.0.SNAPSHOT");
    assert_eq!(staging["version"], 2);
    assert_eq!(staging["source"], "from Parameter Store, version 2");
    assert_eq!(
        of("BACKEND_IMAGE_TAG_PRODUCTION")["source"],
        "from the environment"
    );
    assert!(of("DOCKER_USER")["source"].is_null());
}

#[test]
fn a_value_that_no_command_would_take_is_not_stored() {
    let sandbox = Sandbox::new();
    for (name, value, word) in [
        ("BACKEND_IMAGE_TAG_STAGING", "", "is empty"),
        ("BACKEND_IMAGE_TAG_STAGING", "1.0 SNAPSHOT", "is not a tag"),
        ("DOCKER_USER", "a\nb", "control character"),
        (
            "BACKEND_IMAGE_REPO_NAME",
            "App/Backend",
            "is not a repository",
        ),
        ("SERVICE_DNS_STAGING", "backend.example.com", "is no URL"),
        ("NONSENSE", "value", "there is no parameter"),
    ] {
        let ran = sandbox.run_with_input(&["params", "put", name], value);
        ran.fails(4, &[name, word]);
    }
    sandbox.run(["params", "put"]).fails(2, &[]);
}

#[test]
fn all_that_is_missing_is_listed_with_the_command_that_sets_it() {
    let moto = Moto::start();
    let sandbox = Sandbox::new().with_parameter_store(moto.address());
    let check = sandbox.run(ssm(&["params", "check"]));
    check.fails(4, &["it is not in the environment or Parameter Store"]);
    for name in [
        // The generated files name these, so that CodeBuild and ECS demand them.
        "DOCKER_USER",
        "DOCKER_PASSWORD",
        "BACKEND_DATABASE_URL_STAGING",
        "BACKEND_DATABASE_URL_PRODUCTION",
        "BACKEND_IMAGE_REPO_NAME",
        "BACKEND_FOR_FRONTEND_IMAGE_TAG_PRODUCTION",
        "SERVICE_DNS_PRODUCTION",
    ] {
        let hint = format!("hint: cargo xtask params put {name}\n");
        assert!(check.stderr.contains(&hint), "{}", check.stderr);
    }
    sandbox.ok(["params", "put", "--from-local"]);
    for name in ["DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_REPO"] {
        let ran = sandbox.run_with_input(&["params", "put", name], "https://example.com");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    put_databases(&sandbox);
    let check = sandbox.ok(ssm(&["params", "check"]));
    assert!(!check.stderr.contains("warning"), "{}", check.stderr);
}

fn put_databases(sandbox: &Sandbox) {
    for name in [
        "BACKEND_DATABASE_URL_STAGING",
        "BACKEND_DATABASE_URL_PRODUCTION",
    ] {
        let ran = sandbox.run_with_input(&["params", "put", name], "postgres://x/y");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
}

/// What the generated files name in Parameter Store.
fn named_for_aws(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in sandbox.json(0, &["generate"]) {
        let text = sandbox.read(file["file"].as_str().unwrap());
        for line in text.lines() {
            let arn = line.split_once(":parameter/").map(|(_, name)| name);
            match arn.map(|name| (name, name.strip_suffix("_${Suffix}"))) {
                Some((_, Some(stem))) => {
                    names.extend(["STAGING", "PRODUCTION"].map(|suffix| format!("{stem}_{suffix}")))
                }
                Some((name, None)) => drop(names.insert(name.to_owned())),
                None => {}
            }
            // In a buildspec the variable has the parameter's name.
            if let Some((variable, parameter)) = line.trim().split_once(": ")
                && parameter.split(' ').next() == Some(variable)
            {
                names.insert(variable.to_owned());
            }
        }
    }
    names
}

#[test]
fn what_the_generated_files_name_is_what_must_be_in_parameter_store() {
    let endpoint = Endpoint::start(|_, call| {
        Reply::Json(
            200,
            json!({ "Parameters": [], "InvalidParameters": call.names() }),
        )
    });
    let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
    let port = "port = 8080";
    let keys = format!("{port}\npages = true\nproduction-repository = true");
    sandbox.edit("backend-for-frontend/Cargo.toml", port, &keys);
    let list = |name: &str| {
        let file = sandbox.read("build/parameters.toml");
        let entry = format!("\n[{name}]\ndescription = \"more\"\n");
        sandbox.write("build/parameters.toml", file + &entry);
    };
    // A URL for one environment makes it a database in both.
    list("BACKEND_FOR_FRONTEND_DATABASE_URL_STAGING");
    let named = named_for_aws(&sandbox);
    assert!(!named.contains("DOCKER_TOKEN_REALM"), "{named:?}");
    list("DOCKER_TOKEN_REALM");
    let checked = sandbox.json(4, &ssm(&["params", "check"]));
    let failed = checked
        .iter()
        .filter(|object| object["outcome"] == "failed")
        .map(|object| object["name"].as_str().unwrap().to_owned());
    let failed: BTreeSet<_> = failed.collect();
    assert_eq!(failed, named_for_aws(&sandbox));
    assert_eq!(failed.len(), named.len() + 1, "{failed:?}");
    assert_eq!(failed.len(), 17, "{failed:?}");
}

#[test]
fn the_check_warns_of_plain_secrets_and_refuses_equal_tags() {
    let moto = Moto::start();
    let sandbox = Sandbox::new()
        .with_parameter_store(moto.address())
        .with("DOCKER_USER", "tester")
        .with("DOCKER_REPO", "https://example.com");
    sandbox.ok(["params", "put", "--from-local"]);
    put_databases(&sandbox);
    // What was stored as plain text is called secret only afterwards.
    let file = sandbox.read("build/parameters.toml") + "\n[API_KEY]\ndescription = \"key\"\n";
    sandbox.write("build/parameters.toml", &file);
    for name in ["DOCKER_PASSWORD", "API_KEY"] {
        let ran = sandbox.run_with_input(&["params", "put", name], CANARY);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    sandbox.write("build/parameters.toml", file + "secret = true\n");
    let check = sandbox.ok(ssm(&["params", "check"]));
    let warning = "warning: API_KEY is a secret and stored as plain String";
    assert!(check.stderr.contains(warning), "{}", check.stderr);
    let sandbox = sandbox.with("BACKEND_IMAGE_TAG_STAGING", "1.0.RELEASE");
    let check = sandbox.run(ssm(&["params", "check"]));
    check.fails(4, &["each would displace the other's image"]);
    assert!(!format!("{check:?}").contains(CANARY));
}

#[test]
fn a_secret_shows_up_nowhere() {
    let moto = Moto::start();
    let sandbox = tiny::workspace().with_parameter_store(moto.address());
    let mut file = sandbox.read("build/parameters.toml");
    file += "DOCKER_PASSWORD = { description = \"password\", secret = true }\n";
    sandbox.write("build/parameters.toml", file);
    assert_the_watcher_sees();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| seen_in_command_lines(CANARY, &stop));
        let put = ["params", "put", "DOCKER_PASSWORD", "--verbose"];
        let mut all = vec![
            sandbox.run_with_input(&put, CANARY),
            sandbox.run_with_input(&put, CANARY),
            sandbox.ok(["params", "put", "--from-local", "--verbose"]),
        ];
        for arguments in [
            &["params", "list"][..],
            &["params", "list", "--format", "json"],
            &["params", "check"],
            &["pipeline", "run"],
        ] {
            all.push(sandbox.run(ssm(&[arguments, &["--verbose"]].concat())));
        }
        stop.store(true, Ordering::SeqCst);
        assert_eq!(watcher.join().unwrap(), None);
        assert!(!format!("{all:?}").contains(CANARY));
        let masked = "DOCKER_PASSWORD = ******** (from Parameter Store, version 1)";
        assert!(all[3].stdout.contains(masked), "{:?}", all[3]);
        assert_eq!(all[6].code, Some(0), "{:?}", all[6]);
    });
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let own = [sandbox.path("target"), target.join("parameter-store.json")];
    for path in own {
        assert_no_file_has(CANARY, &path);
    }
}

#[test]
fn the_program_does_not_get_the_secrets_of_the_environment() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let environments = Arc::clone(&seen);
    let endpoint = Endpoint::start(move |_, call| {
        // The program waits for this answer.
        environments
            .lock()
            .unwrap()
            .extend(environments_of("/parameter-store"));
        call.all_found("value")
    });
    let sandbox = tiny::workspace()
        .with_parameter_store(endpoint.address())
        .with("DOCKER_PASSWORD", CANARY)
        .with("MARK", endpoint.address());
    sandbox.ok(ssm(&["params", "list"]));
    let seen = seen.lock().unwrap();
    let mark = format!("MARK={}\0", endpoint.address());
    let mut own = seen
        .iter()
        .filter(|variables| variables.contains(&mark))
        .peekable();
    assert!(own.peek().is_some());
    assert!(own.all(|variables| !variables.contains(CANARY)));
}

/// The environments of the processes of this program, each variable ended by a zero.
fn environments_of(program: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    processes
        .filter(|process| {
            text(process.join("cmdline"))
                .trim_end_matches('\0')
                .ends_with(program)
        })
        .map(|process| text(process.join("environ")))
        .collect()
}

/// Reads the command lines of all processes until told to stop; gives the first
/// that has `word`.
fn seen_in_command_lines(word: &str, stop: &AtomicBool) -> Option<String> {
    while !stop.load(Ordering::SeqCst) {
        for process in fs::read_dir("/proc").unwrap() {
            // A process may end while it is looked at.
            let line = fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if line.contains(word) {
                return Some(line.into_owned());
            }
        }
    }
    None
}

/// A test that finds nothing must be able to find something.
fn assert_the_watcher_sees() {
    let word = "control-51d0";
    let mut process = Command::new("sh")
        .args(["-c", "read _", word])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let seen = seen_in_command_lines(word, &AtomicBool::new(false));
    assert!(seen.is_some_and(|line| line.contains("read _")));
    drop(process.stdin.take());
    process.wait().unwrap();
}

fn assert_no_file_has(word: &str, path: &Path) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            assert_no_file_has(word, &entry.unwrap().path());
        }
    } else if let Ok(content) = fs::read(path) {
        let found = content
            .windows(word.len())
            .any(|window| window == word.as_bytes());
        assert!(!found, "{} has the secret", path.display());
    }
}

#[test]
fn twenty_five_parameters_take_three_calls() {
    let endpoint = Endpoint::start(|_, call| call.all_found("value"));
    let sandbox = tiny::workspace().with_parameter_store(endpoint.address());
    let mut file = sandbox.read("build/parameters.toml");
    for number in 0..20 {
        file += &format!("EXTRA_{number} = {{ description = \"more\" }}\n");
    }
    sandbox.write("build/parameters.toml", file);
    let sandbox = sandbox
        .with("TINY_TESTED_DIGEST", "")
        .with("DOCKER_USER", "x");
    let listed = sandbox.json(0, &ssm(&["params", "list"]));
    let read = listed.iter().filter(|object| object["version"] == 1);
    // Two of the account, three of the service, twenty more; not what is in the environment.
    assert_eq!(read.count(), 25);
    assert_eq!(endpoint.calls().len(), 3);
    assert!(endpoint.calls().iter().all(|call| call.names().len() <= 10));
}

#[test]
fn a_name_that_is_not_listed_is_read_once() {
    let endpoint = Endpoint::start(|_, call| match &call.names()[..] {
        ["/login/user"] => call.all_found("tester"),
        names => Reply::Json(200, json!({ "Parameters": [], "InvalidParameters": names })),
    });
    let sandbox = tiny::workspace().with_parameter_store(endpoint.address());
    let buildspec = "\
version: 0.2
env:
  parameter-store: { USER: /login/user, AGAIN: /login/user, TOKEN: /login/nothing }
phases: { build: { commands: [\"true\"] } }
";
    sandbox.write("buildspec.yml", buildspec);
    let ran = sandbox.run(ssm(&["codebuild", "run", "buildspec.yml"]));
    ran.fails(4, &["the parameter /login/nothing is missing"]);
    let calls = endpoint.calls();
    for name in ["/login/user", "/login/nothing"] {
        let asked = calls.iter().filter(|call| call.names().contains(&name));
        assert_eq!(asked.count(), 1, "{name}: {calls:?}");
    }
}

#[test]
fn a_realm_that_nobody_needs_is_not_asked_for() {
    let endpoint = Endpoint::start(|_, _| refusal(400, "AccessDeniedException", "not granted"));
    let registry = Scripted::start(STOCK.state());
    let sandbox = stock::sandbox(&registry)
        .with_parameter_store(endpoint.address())
        .with("BACKEND_IMAGE_TAG_STAGING", "1.0.SNAPSHOT")
        .with("BACKEND_IMAGE_TAG_PRODUCTION", "1.0.RELEASE");
    let digest = STOCK.new.to_string();
    sandbox.ok(ssm(&["promote", "backend", "--digest", &digest]));
    assert!(
        registry
            .asked()
            .iter()
            .any(|line| line.starts_with("GET /token"))
    );
}

/// Lists the parameters of an endpoint.
fn list_at(answer: impl Fn(usize, &Call) -> Reply + Send + 'static) -> (Ran, Vec<Call>) {
    list_within("120", answer)
}

fn list_within(
    seconds: &str,
    answer: impl Fn(usize, &Call) -> Reply + Send + 'static,
) -> (Ran, Vec<Call>) {
    let endpoint = Endpoint::start(answer);
    let sandbox = tiny::workspace().with_parameter_store(endpoint.address());
    let ran = sandbox.run(ssm(&["params", "list", "--timeout", seconds]));
    (ran, endpoint.calls())
}

#[test]
fn throttling_is_waited_for_within_the_time() {
    let throttled = || refusal(400, "ThrottlingException", "Rate exceeded");
    let (ran, calls) = list_at(move |before, call| {
        if before < 3 {
            throttled()
        } else {
            call.all_found("value")
        }
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(calls.len(), 4);

    let (ran, calls) = list_within("3", move |_, _| throttled());
    ran.fails(
        7,
        &[
            "within the time limit of 3 s: ThrottlingException",
            "--timeout",
        ],
    );
    // Of the names that are asked for together each has the same.
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    assert!(calls.len() > 1);
}

#[test]
fn one_name_that_is_denied_does_not_hide_the_others() {
    for (code, message, exit) in [
        (
            "AccessDeniedException",
            "not authorized to perform: ssm:GetParameters",
            6,
        ),
        (
            "AccessDeniedException",
            "not authorized to perform: kms:Decrypt",
            6,
        ),
        ("ValidationException", "Parameter name is malformed", 4),
    ] {
        let (ran, _) = list_at(move |_, call| {
            if call.names().contains(&"DOCKER_USER") {
                refusal(400, code, message)
            } else {
                call.all_found("value")
            }
        });
        ran.fails(exit, &["reading the parameter DOCKER_USER", message]);
        let other = "TINY_IMAGE_TAG_STAGING = value (from Parameter Store, version 1)";
        assert!(ran.stdout.contains(other), "{}", ran.stdout);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn answers_that_are_none_have_their_exit_codes() {
    let (ran, calls) = list_at(|_, _| {
        refusal(
            400,
            "ExpiredTokenException",
            "The security token is expired",
        )
    });
    ran.fails(6, &["The security token is expired", "aws sso login"]);
    assert_eq!(calls.len(), 1);
    let (ran, _) = list_at(|_, _| Reply::Text(403, "<html>Forbidden</html>"));
    ran.fails(6, &["status 403"]);
    let (ran, _) = list_at(|_, _| Reply::Text(200, "<html>Welcome</html>"));
    ran.fails(1, &["status 200 is not what AWS sends"]);
    let (ran, _) = list_within("3", |_, _| Reply::Cut);
    ran.fails(7, &["within the time limit of 3 s: "]);
    let (ran, calls) = list_at(|before, call| match before {
        0 => Reply::Cut,
        _ => call.all_found("value"),
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(calls.len(), 2);
}

#[test]
fn what_cannot_be_reached_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sandbox = tiny::workspace().with_parameter_store(&address);
    let ran = sandbox.run(ssm(&["promote", "--timeout", "1"]));
    ran.fails(7, &["hint: "]);
}

#[test]
fn a_write_that_aws_refuses_does_not_quote_the_value() {
    for (code, message, exit) in [
        (
            "ValidationException",
            "Standard tier parameters support a maximum parameter value of 4096 characters",
            4,
        ),
        ("ValidationException", "Value '{}' failed to satisfy", 4),
        (
            "ParameterPatternMismatchException",
            "{} does not match the pattern",
            4,
        ),
        ("InvalidKeyId", "The key alias/x does not exist", 4),
        (
            "AccessDeniedException",
            "not authorized: ssm:PutParameter",
            6,
        ),
    ] {
        let value = CANARY.repeat(250);
        let said = message.replace("{}", &value);
        let endpoint = Endpoint::start(move |_, _| refusal(400, code, &said));
        let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
        let put = ["params", "put", "DOCKER_PASSWORD", "--key", "alias/x"];
        let ran = sandbox.run_with_input(&put, &value);
        ran.fails(
            exit,
            &[
                "writing the parameter DOCKER_PASSWORD",
                code,
                &message.replace("{}", "********"),
            ],
        );
        assert!(!format!("{ran:?}").contains(CANARY));
        let call = &endpoint.calls()[0];
        assert_eq!(call.action, "PutParameter");
        let body = &call.body;
        assert_eq!(body["Type"], "SecureString");
        assert_eq!(body["KeyId"], "alias/x");
        assert_eq!(body["Overwrite"], false);
    }
}

#[test]
fn what_was_written_before_the_time_was_over_is_said_to_be() {
    let endpoint = Endpoint::start(|before, _| match before {
        0 => Reply::Json(200, json!({ "Version": 1 })),
        1 => Reply::Cut,
        _ => Reply::Silence,
    });
    let sandbox = tiny::workspace().with_parameter_store(endpoint.address());
    let ran = sandbox.run(["params", "put", "--from-local", "--timeout", "10"]);
    assert_eq!(
        ran.stdout,
        "TINY_IMAGE_REPO_NAME stored, version 1\n\
         TINY_IMAGE_TAG_STAGING failed\n\
         TINY_IMAGE_TAG_PRODUCTION failed\n"
    );
    ran.fails(
        7,
        &[
            "TINY_IMAGE_TAG_STAGING",
            "within the time limit of 10 s: ",
            "hint: it may have been written all the same",
        ],
    );
}

#[test]
fn a_write_whose_answer_got_lost_is_found_where_it_was_done() {
    let put = |name: &str, lost: usize, stored: serde_json::Value| {
        let endpoint = Endpoint::start(move |before, call| match &*call.action {
            "PutParameter" if before < lost => Reply::Cut,
            "PutParameter" => refusal(400, "ParameterAlreadyExists", "it exists"),
            _ => Reply::Json(
                200,
                json!({ "Parameters": [stored], "InvalidParameters": [] }),
            ),
        });
        let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
        let ran = sandbox.run_with_input(&["params", "put", name], "canary-7");
        assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
        ran
    };
    let tag = "BACKEND_IMAGE_TAG_STAGING";
    let stored = |name: &str, kind: &str, value: &str| json!({ "Name": name, "Type": kind, "Value": value, "Version": 3 });
    // The second is of a command whose answer got lost altogether.
    for lost in [2, 0] {
        let ran = put(tag, lost, stored(tag, "String", "canary-7"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stdout, format!("{tag} stored, version 3\n"));
    }
    let password = "DOCKER_PASSWORD";
    for (name, kind, value) in [
        (tag, "String", "another"),
        (password, "String", "canary-7"),
        (password, "SecureString", "another"),
    ] {
        let ran = put(name, 1, stored(name, kind, value));
        ran.fails(3, &["it exists", "hint: `--overwrite`"]);
    }
    // Without leave to read it, it stays refused.
    let endpoint = Endpoint::start(|_, call| match &*call.action {
        "PutParameter" => refusal(400, "ParameterAlreadyExists", "it exists"),
        _ => refusal(400, "AccessDeniedException", "not granted"),
    });
    let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
    let ran = sandbox.run_with_input(&["params", "put", tag], "canary-7");
    ran.fails(3, &["it exists", "hint: `--overwrite`"]);
}

#[test]
fn a_hierarchy_needs_a_leading_slash() {
    let endpoint = Endpoint::start(|_, _| {
        refusal(
            400,
            "ValidationException",
            "Parameter name must be a fully qualified name.",
        )
    });
    let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
    let file = sandbox.read("build/parameters.toml");
    let file = file + "\n[\"backend/user\"]\ndescription = \"without a slash\"\n";
    sandbox.write("build/parameters.toml", file);
    sandbox
        .run_with_input(&["params", "put", "backend/user"], "value")
        .fails(4, &["backend/user", "fully qualified name"]);
}

const PROFILES: &str = "\
[profile delivery]
region = ap-northeast-1
[profile signed-in]
region = ap-northeast-1
sso_session = delivery
sso_account_id = 123456789012
sso_role_name = delivery
[sso-session delivery]
sso_region = ap-northeast-1
sso_start_url = https://example.awsapps.com/start
";

/// Where `aws sso login` leaves the token of the session `delivery`, by the SHA-1 of
/// that name.
const SSO_TOKEN: &str = "home/.aws/sso/cache/391cb1e07c5f1f4e3000e0fd125802c7a9b1dc96.json";

/// Answers as Parameter Store, SSO, and the metadata of a container and an instance do.
fn answer_as_a_host(call: &Call) -> Reply {
    let role = "/latest/meta-data/iam/security-credentials";
    let path = call.action.split(' ').next_back().unwrap();
    match path {
        "GetParameters" => call.all_found("value"),
        "/latest/api/token" => Reply::Text(200, "token"),
        "/latest/meta-data/placement/region" => Reply::Text(200, "ap-northeast-1"),
        _ if path.starts_with("/federation/credentials") => Reply::Json(
            200,
            json!({ "roleCredentials": {
                "accessKeyId": "tester", "secretAccessKey": "secret", "sessionToken": "token",
                "expiration": 32_500_000_000_000_u64,
            } }),
        ),
        _ if path.trim_end_matches('/') == role => Reply::Text(200, "role"),
        _ => Reply::Json(
            200,
            json!({
                "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2001-02-03T04:05:06Z",
                "AccessKeyId": "tester", "SecretAccessKey": "secret", "Token": "token",
                "Expiration": "2999-02-03T04:05:06Z",
            }),
        ),
    }
}

#[test]
fn credentials_come_from_a_profile_sso_a_container_or_an_instance() {
    let profile: &[(&str, &str)] = &[("AWS_PROFILE", "delivery")];
    let sso = &[
        ("AWS_PROFILE", "signed-in"),
        ("AWS_ENDPOINT_URL_SSO", "ENDPOINT"),
    ];
    let container = &[
        ("AWS_REGION", "ap-northeast-1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "ENDPOINT/container"),
    ];
    let instance = &[
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ENDPOINT"),
    ];
    for variables in [profile, sso, container, instance] {
        let endpoint = Endpoint::start(|_, call| answer_as_a_host(call));
        let sandbox = tiny::workspace().with_parameter_store(endpoint.address());
        sandbox.write("home/.aws/config", PROFILES);
        let token = json!({
            "accessToken": "token", "expiresAt": "2999-02-03T04:05:06Z",
            "region": "ap-northeast-1", "startUrl": "https://example.awsapps.com/start",
        });
        sandbox.write(SSO_TOKEN, token.to_string());
        sandbox.write(
            "home/.aws/credentials",
            "[delivery]\naws_access_key_id = tester\naws_secret_access_key = secret\n",
        );
        let mut command = sandbox.command(ssm(&["params", "list"]));
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        for (name, value) in variables {
            command.env(name, value.replace("ENDPOINT", endpoint.address()));
        }
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{variables:?}\n{}", ran.stderr);
    }
}

#[test]
fn a_prompt_on_a_terminal_does_not_show_what_is_typed() {
    let endpoint = Endpoint::start(|_, _| Reply::Json(200, json!({ "Version": 1 })));
    let sandbox = Sandbox::new().with_parameter_store(endpoint.address());
    let put = sandbox.command(["params", "put", "DOCKER_PASSWORD"]);
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command"])
        .arg(format!(
            "{} params put DOCKER_PASSWORD",
            put.get_program().display()
        ))
        .arg("/dev/null")
        .current_dir(sandbox.root())
        .env_clear()
        .envs(
            put.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let mut terminal = terminal
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is missing: `cargo xtask setup` installs it");
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines();
    let mut shown: Vec<String> = Vec::new();
    while !shown.iter().any(|line| line.contains("(not shown)")) {
        shown.push(lines.next().expect("there was no prompt").unwrap());
    }
    let typed = format!("{CANARY}\n");
    let mut keyboard = terminal.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    shown.extend(lines.map_while(Result::ok));
    drop(keyboard);
    assert!(terminal.wait().unwrap().success(), "{shown:?}");
    let shown = shown.join("\n");
    assert!(
        shown.contains("DOCKER_PASSWORD stored, version 1"),
        "{shown}"
    );
    assert!(!shown.contains(CANARY), "{shown}");
    assert_eq!(endpoint.calls()[0].body["Value"], CANARY);
}

#[test]
fn without_region_or_credentials_the_steps_that_were_tried_are_named() {
    let sandbox = tiny::workspace().with_parameter_store("http://127.0.0.1:1");
    let mut command = sandbox.command(ssm(&["params", "check"]));
    let ran = Ran::from(command.env_remove("AWS_REGION").output().unwrap());
    ran.fails(
        4,
        &[
            "AWS_REGION",
            "the profile default",
            "hint: `export AWS_REGION=",
        ],
    );
    sandbox.write("home/.aws/config", PROFILES);
    let mut command = sandbox.command(ssm(&["params", "check"]));
    command.env_remove("AWS_ACCESS_KEY_ID");
    let ran = Ran::from(command.env("AWS_PROFILE", "signed-in").output().unwrap());
    ran.fails(6, &["hint: `aws sso login --profile signed-in`"]);
    let mut command = sandbox.command(ssm(&["params", "check"]));
    let command = command.env_remove("AWS_ACCESS_KEY_ID");
    let ran = Ran::from(
        command
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .output()
            .unwrap(),
    );
    ran.fails(
        4,
        &[
            "Environment",
            "Profile",
            "EcsContainer",
            "Ec2InstanceMetadata",
            "hint: `aws sso login",
        ],
    );
}
