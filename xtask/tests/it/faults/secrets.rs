//! Where credentials go, and where they do not.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PASSWORD, STOCK, USER, sandbox};
use crate::support::scripted::{Answer, Fault, Matching, Scripted, When};
use crate::support::{Ran, Sandbox};

fn promote(sandbox: &Sandbox) -> Ran {
    promote_within(sandbox, "60")
}

fn promote_within(sandbox: &Sandbox, limit: &str) -> Ran {
    let digest = STOCK.new.to_string();
    sandbox.run([
        "--timeout",
        limit,
        "promote",
        "backend",
        "--digest",
        &digest,
        "--verbose",
    ])
}

fn get_new() -> Matching {
    Matching::new("GET", format!("/v2/app/manifests/{}", STOCK.new))
}

fn redirect(location: &str) -> Fault {
    Fault::Answer(Answer::status(307).header("location", location))
}

#[test]
fn a_redirect_to_another_host_takes_no_authorization_along() {
    let registry = Scripted::start(STOCK.state());
    let mut state = STOCK.state();
    state.account = None;
    let storage = Scripted::start(state);
    let url = format!("http://{}/v2/app/manifests/{}", storage.host(), STOCK.new);
    registry.script(get_new(), When::From(1), redirect(&url));
    let ran = promote(&sandbox(&registry));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(storage.asked().len(), 1);
    assert_eq!(storage.with(|state| state.authorizations.clone()), [""; 0]);
    assert!(!format!("{ran:?}").contains("canary"));
}

#[test]
fn a_storage_that_refuses_is_named_and_not_the_account() {
    let (registry, storage) = (
        Scripted::start(STOCK.state()),
        Scripted::start(STOCK.state()),
    );
    let url = format!("http://{}/v2/app/manifests/{}", storage.host(), STOCK.new);
    registry.script(get_new(), When::From(1), redirect(&url));
    let ran = promote(&sandbox(&registry));
    let words = format!("leads to {}, which answers 401", storage.host());
    ran.fails(6, &[&words, "hint: no account goes to"]);
    assert_eq!(storage.with(|state| state.authorizations.clone()), [""; 0]);
}

#[test]
fn redirects_end_and_do_not_leave_https() {
    for (location, word) in [
        (
            format!("/v2/app/manifests/{}", STOCK.new),
            "redirects more than",
        ),
        ("http://registry.example/x".into(), "which is not HTTPS"),
        (
            "http://registry.example/x".into(),
            "hint: a registry behind a proxy",
        ),
        ("ftp://registry.example/x".into(), "which is no URL"),
        ("//registry.example/x".into(), "which is not HTTPS"),
    ] {
        let registry = Scripted::start(STOCK.state());
        registry.script(get_new(), When::From(1), redirect(&location));
        promote(&sandbox(&registry)).fails(1, &[word]);
        assert!(registry.asked().len() < 12, "{:?}", registry.asked());
    }
}

#[test]
fn another_host_than_the_registrys_is_named_where_it_does_not_answer() {
    let nobody = "127.0.0.1:1";
    let challenge = format!("Bearer realm=\"http://{nobody}/token\",service=\"scripted\"");
    let challenge = Answer::status(401).header("www-authenticate", &challenge);
    for fault in [
        redirect(&format!("http://{nobody}/x")),
        Fault::Answer(challenge),
    ] {
        let registry = Scripted::start(STOCK.state());
        registry.script(get_new(), When::From(1), fault);
        let ran = promote_within(&sandbox(&registry), "1");
        ran.fails(7, &[&format!("{nobody}: Connection refused")]);
    }
}

#[test]
fn the_password_goes_to_the_registrys_own_realm_or_to_one_that_the_user_names() {
    let registry = Scripted::start(STOCK.state());
    let port = registry.host().split(':').nth(1).unwrap().to_owned();
    let realm = format!("Bearer realm=\"http://localhost:{port}/token\",service=\"scripted\"");
    let challenge = Answer::status(401).header("www-authenticate", &realm);
    let look = Matching::new("HEAD", "/v2/app/manifests/1.0.RELEASE");
    registry.script(
        look.clone(),
        When::Only(1),
        Fault::Answer(challenge.clone()),
    );
    registry.script(look, When::Only(2), Fault::Answer(challenge));
    // The token server of this test believes in one name only: its own.
    let mut sandbox = sandbox(&registry);
    let digest = STOCK.new.to_string();
    let ran = sandbox.run([
        "promote", "backend", "--digest", &digest, "--format", "json",
    ]);
    let objects: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(objects[0]["auth_requests"], 1, "{objects}");
    ran.fails(
        6,
        &[
            "does not belong to it",
            "hint: ",
            "DOCKER_TOKEN_REALM=localhost",
        ],
    );
    assert_eq!(registry.asked().len(), 1);
    assert_eq!(registry.with(|state| state.authorizations.clone()), [""; 0]);
    sandbox.set("DOCKER_TOKEN_REALM", "localhost");
    promote_within(&sandbox, "2");
    assert!(
        registry
            .asked()
            .iter()
            .any(|line| line.starts_with("GET /token"))
    );
}

#[test]
fn an_answer_that_may_have_a_token_in_it_is_not_quoted() {
    for body in [
        r#"{"token":"canary" }}"#,
        r#" {"token":"canary" }}"#,
        "\n{\"token\":\"canary \"}",
    ] {
        let registry = Scripted::start(STOCK.state());
        let answer = Answer::status(200).body("application/json", body);
        let token = Matching::new("GET", "/token");
        registry.script(token, When::From(1), Fault::Answer(answer));
        let ran = promote(&sandbox(&registry));
        ran.fails(7, &["without a usable token"]);
        assert!(!format!("{ran:?}").contains("canary"), "{}", ran.stderr);
    }
}

/// Puts a credential helper on the sandbox's `PATH`, instead of the account in
/// its parameters. The password stays in the environment, for nobody.
fn with_helper(registry: &Scripted, script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
    sandbox.write(
        "home/.docker/config.json",
        format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, registry.host()),
    );
    sandbox.program("bin/docker-credential-test", script);
    sandbox.set("DOCKER_PASSWORD", "canary-of-another-registry");
    sandbox.set("BACKEND_DATABASE_URL_PRODUCTION", "canary-database");
    sandbox
}

#[test]
fn a_helper_that_hangs_is_ended_with_the_time_limit() {
    for script in [
        "exec sleep 20",
        "sleep 20",
        "sleep 20 & wait",
        "cat; sleep 20",
    ] {
        let registry = Scripted::start(STOCK.state());
        let sandbox = with_helper(&registry, script);
        let since = Instant::now();
        promote_within(&sandbox, "2")
            .fails(7, &["docker-credential-test", "did not answer within"]);
        let took = since.elapsed();
        assert!(took < Duration::from_secs(8), "{script}: {took:?}");
    }
}

#[test]
fn a_helper_sees_no_secret_that_it_does_not_need() {
    let registry = Scripted::start(STOCK.state());
    let script =
        format!(r#"env > "$HOME/seen"; echo '{{"Username":"{USER}","Secret":"{PASSWORD}"}}'"#);
    let mut sandbox = with_helper(&registry, &script);
    sandbox.write("home/seen", "");
    let listed = "[API_TOKEN]\ndescription = \"token\"\n\n[DOCKER_USER]\n";
    sandbox.edit("build/parameters.toml", "[DOCKER_USER]\n", listed);
    for name in [
        "API_TOKEN",
        "BACKEND_FOR_FRONTEND_CLIENT_SECRET",
        "OTHER_PASSWORD",
        "OTHER_DATABASE_URL",
    ] {
        sandbox.set(name, "canary-of-the-project");
    }
    sandbox.set("CLOUD_SESSION_TOKEN", "of-the-helper");
    let ran = promote(&sandbox);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen = sandbox.read("home/seen");
    assert!(seen.contains("CLOUD_SESSION_TOKEN=of-the-helper"), "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
    assert!(!format!("{ran:?}").contains("canary"));
}

#[test]
fn what_turns_the_terminals_echo_off_sees_no_secret() {
    let mut sandbox = Sandbox::new().with("DOCKER_PASSWORD", "canary");
    sandbox.program(
        "bin/stty",
        r#"echo "$1" >> "$HOME/seen"; env >> "$HOME/seen""#,
    );
    sandbox.write("home/seen", "");
    let put = sandbox.command(["params", "put", "DOCKER_USER"]);
    let line = format!("{} params put DOCKER_USER", put.get_program().display());
    // Gives the tool a terminal, on which it asks for the value.
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal.env_clear().current_dir(sandbox.root());
    let variables = put.get_envs();
    terminal.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.stdout
            .contains("DOCKER_USER (from standard input) is empty"),
        "{ran:?}"
    );
    let seen = sandbox.read("home/seen");
    assert!(
        seen.starts_with("-echo\n") && seen.contains("\necho\n"),
        "{seen}"
    );
    assert!(seen.contains("HOME=") && !seen.contains("canary"), "{seen}");
}

#[test]
fn a_malformed_secret_is_not_quoted_on_the_way_to_a_registry() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = sandbox(&registry).with("DOCKER_REPO", "https://canary 2/v1/");
    let entry = "[DOCKER_REPO]\n";
    sandbox.edit(
        "build/parameters.toml",
        entry,
        &format!("{entry}secret = true\n"),
    );
    let ran = promote(&sandbox);
    ran.fails(
        4,
        &["the parameter DOCKER_REPO (from the environment) is malformed; it is a secret"],
    );
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
}

#[test]
fn a_password_in_a_url_is_not_told() {
    let registry = Scripted::start(STOCK.state());
    let url = format!("https://{USER}:{PASSWORD}@{}", registry.host());
    let sandbox = sandbox(&registry)
        .with("DOCKER_REPO", url)
        .with("SERVICE_DNS_STAGING", format!("http://x:{PASSWORD}@y/ z"));
    let promoted = promote(&sandbox);
    promoted.fails(4, &["the parameter DOCKER_REPO", "not quoted"]);
    let checked = sandbox.run(["params", "check"]);
    checked.fails(4, &["the parameter SERVICE_DNS_STAGING", "not quoted"]);
    let listed = sandbox.ok(["params", "list", "--format", "json"]);
    let told = format!("{promoted:?}{checked:?}{listed:?}");
    assert!(!told.contains(PASSWORD), "{told}");
}

#[test]
fn a_password_that_is_missing_does_not_belong_into_a_file() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"))
        .with("DOCKER_USER", USER)
        .with("DOCKER_REPO", registry.host());
    let ran = promote(&sandbox);
    ran.fails(4, &["hint: `export DOCKER_PASSWORD=…`"]);
    assert!(!ran.stderr.contains("local ="), "{}", ran.stderr);
}

#[test]
fn a_helper_that_is_not_installed_is_named() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = with_helper(&registry, "");
    let configuration = r#"{"credsStore":"nowhere"}"#;
    sandbox.write("home/.docker/config.json", configuration);
    let words = ["docker-credential-nowhere is not installed", "credsStore"];
    promote(&sandbox).fails(4, &words);
}

#[test]
fn no_request_goes_around_a_proxy_that_is_not_understood() {
    let name = "BACKEND_IMAGE_REPO_NAME";
    let sandbox = || Sandbox::new().with(name, "registry.invalid/app");
    for (variable, value) in [
        ("HTTPS_PROXY", "socks5://127.0.0.1:9"),
        ("https_proxy", "http://127.0.0.1:9 "),
        ("ALL_PROXY", "canary:::///"),
    ] {
        let ran = promote(&sandbox().with(variable, value));
        ran.fails(4, &[variable, "no HTTP proxy", "hint: "]);
        assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    }
    let ran = promote(&sandbox().with("SSL_CERT_FILE", "/nowhere"));
    ran.fails(4, &["SSL_CERT_FILE", "/nowhere", "hint: "]);
}

#[test]
fn a_proxy_that_does_not_answer_is_named_without_its_password() {
    let proxy = "http://tester:canary@127.0.0.1:1";
    let sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", "registry.invalid/app")
        .with("HTTPS_PROXY", proxy);
    let ran = promote_within(&sandbox, "1");
    ran.fails(7, &["through the proxy 127.0.0.1:1: Connection refused"]);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
}

#[test]
fn no_process_has_a_secret_among_its_arguments() {
    // Whatever else runs on this machine knows nothing of this one.
    let secret = format!("secret-of-{}", std::process::id());
    let mut state = STOCK.state();
    state.account = Some(format!("{USER}:{secret}"));
    let registry = Scripted::start(state);
    registry.delay(Duration::from_millis(20));
    let script = format!(r#"echo '{{"Username":"{USER}","Secret":"{secret}"}}'"#);
    let sandbox = with_helper(&registry, &script);
    let digest = STOCK.new.to_string();
    let mut command = sandbox.command(["promote", "backend", "--digest", &digest]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut samples = 0;
    while child.try_wait().unwrap().is_none() {
        for entry in fs::read_dir("/proc").unwrap() {
            // Processes that have just ended have no arguments.
            let arguments = fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments);
            // The script itself is this test's way to give the secret.
            assert!(!arguments.contains(&secret), "{arguments}");
        }
        samples += 1;
    }
    assert!(samples > 0);
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(!said.contains(&secret), "{said}");
    assert!(child.wait().unwrap().success(), "it was used: {said}");
}
