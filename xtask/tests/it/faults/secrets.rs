//! Where credentials go, and where they do not.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

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
fn what_is_sent_goes_where_a_redirect_leads() {
    let registry = Scripted::start(STOCK.state());
    let storage = Scripted::start(STOCK.state());
    let scripted = |method, path: &str, location: &str| {
        let matching = Matching {
            query: Some(""),
            ..Matching::new(method, path)
        };
        registry.script(matching, When::From(1), redirect(location));
    };
    // On the same host with the authorisation, to another one and back without it.
    let manifest = "/v2/released/manifests/1.0.RELEASE";
    scripted("PUT", manifest, &format!("{manifest}?again=1"));
    let place = "/v2/released/blobs/uploads/";
    scripted("POST", place, &format!("http://{}{place}", storage.host()));
    let upload = format!("http://{}{place}7", registry.host());
    let begun = Answer::status(202).header("location", &upload);
    let post = Matching::new("POST", place);
    storage.script(post, When::From(1), Fault::Answer(begun));
    let mut sandbox = sandbox(&registry);
    sandbox.has_own_production(registry.repository("released"));
    let ran = promote(&sandbox);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    registry.with(|state| {
        assert_eq!(state.tag("released", "1.0.RELEASE"), Some(STOCK.new));
        assert_eq!(state.violations, [""; 0]);
    });
    assert!(storage.asked().iter().all(|line| line.starts_with("POST")));
    assert!(!storage.asked().is_empty());
    assert_eq!(storage.with(|state| state.authorizations.clone()), [""; 0]);
}

#[test]
fn a_redirect_that_would_change_the_method_is_told() {
    for status in [301, 302, 303] {
        let registry = Scripted::start(STOCK.state());
        let moved = Answer::status(status).header("location", "https://elsewhere.example/");
        let put = Matching::new("PUT", "");
        registry.script(put, When::From(1), Fault::Answer(moved));
        let words = ["which leads to https://elsewhere.example/", "hint: name"];
        promote(&sandbox(&registry)).fails(1, &words);
    }
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
        // As what a registry signs, so that whoever has it may read.
        let signed = format!("{location}?signature=canary");
        registry.script(get_new(), When::From(1), redirect(&signed));
        let ran = promote(&sandbox(&registry));
        ran.fails(1, &[word]);
        assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
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

/// A registry under the name `localhost`, which stands before `https` in any order, with
/// the image in `team/app`.
fn of_a_team() -> (Scripted, String) {
    let mut state = STOCK.state();
    let shelf = state.repositories["app"].clone();
    state.repositories.insert("team/app".into(), shelf);
    let registry = Scripted::start(state);
    let host = registry.host().replace("127.0.0.1", "localhost");
    registry.with(|state| state.host.clone_from(&host));
    (registry, host)
}

/// What Docker's configuration has of an account.
fn account(user: &str, password: &str) -> Value {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    json!({ "auth": pair })
}

#[test]
fn the_account_in_dockers_configuration_is_the_closest_to_the_repository() {
    let (good, other) = (
        account(USER, PASSWORD),
        account("other", "canary-of-others"),
    );
    for (keys, code) in [
        (&[("{}", &good), ("https://{}", &other)] as &[_], 0),
        (&[("{}", &good), ("http://{}/v1/", &other)], 0),
        (&[("https://{}/v1/", &good)], 0),
        (&[("{}/other", &other), ("{}/team", &good)], 0),
        (&[("{}", &other), ("{}/team", &good)], 0),
        (&[("{}/team", &other), ("{}/team/app", &good)], 0),
        (
            &[
                ("{}/tea", &other),
                ("{}/team/app/more", &other),
                ("{}", &good),
            ],
            0,
        ),
        (&[("{}/other", &other)], 6),
    ] {
        let (registry, host) = of_a_team();
        let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", format!("{host}/team/app"));
        let auths = keys
            .iter()
            .map(|(key, auth)| (key.replace("{}", &host), auth));
        let auths: Map<_, _> = auths.map(|(key, auth)| (key, (*auth).clone())).collect();
        let configuration = json!({ "auths": auths }).to_string();
        sandbox.write("home/.docker/config.json", &configuration);
        let ran = promote(&sandbox);
        assert_eq!(ran.code, Some(code), "{configuration}: {}", ran.stderr);
        let sent = registry.with(|state| state.authorizations.clone());
        let others = other["auth"].as_str().unwrap();
        let is_others = |header: &String| header.contains(others);
        assert!(!sent.iter().any(is_others), "{configuration}");
    }
}

#[test]
fn an_account_is_used_also_where_a_registry_hides_what_others_may_not_see() {
    for status in [403, 404] {
        let hiding = || {
            let mut state = STOCK.state();
            state.hides = Some(status);
            Scripted::start(state)
        };
        let registry = hiding();
        let ran = sandbox(&registry).one(
            0,
            &["promote", "backend", "--digest", &STOCK.new.to_string()],
        );
        assert_eq!(ran["outcome"], "promoted");
        assert_eq!(ran["requests"], 4);
        let asked = registry.asked();
        let bases = asked.iter().filter(|line| *line == "GET /v2/").count();
        assert_eq!(bases, 1, "{asked:?}");
        // Nobody asks for more where there is no account that could help.
        let registry = hiding();
        let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
        let ran = promote(&sandbox);
        assert!(matches!(ran.code, Some(5 | 6)), "{}", ran.stderr);
        assert!(!registry.asked().contains(&"GET /v2/".into()));
    }
}

#[test]
fn an_account_that_no_registry_asked_for_is_not_blamed() {
    let mut state = STOCK.state();
    state.account = None;
    let registry = Scripted::start(state);
    let put = Matching::new("PUT", "/v2/app/manifests/1.0.RELEASE");
    let refusal = Answer::error(403, "DENIED", "read only");
    registry.script(put, When::From(1), Fault::Answer(refusal));
    promote(&sandbox(&registry)).fails(6, &["read only (without an account)"]);
    assert_eq!(registry.with(|state| state.authorizations.clone()), [""; 0]);
}

#[test]
fn repositories_of_one_host_may_have_realms_of_their_own() {
    let mut state = STOCK.state();
    state.has_realms = true;
    let shelf = state.repositories["app"].clone();
    state.repositories.insert("other".into(), shelf);
    let registry = Scripted::start(state);
    let digest = STOCK.new.to_string();
    let sandbox = sandbox(&registry)
        .with(
            "BACKEND_FOR_FRONTEND_IMAGE_REPO_NAME",
            registry.repository("other"),
        )
        .with("BACKEND_TESTED_DIGEST", &digest)
        .with("BACKEND_FOR_FRONTEND_TESTED_DIGEST", &digest);
    for object in sandbox.json(0, &["promote"]) {
        assert_eq!(
            (&object["outcome"], &object["requests"]),
            (&json!("promoted"), &json!(4))
        );
    }
}

#[test]
fn a_password_that_is_refused_is_not_sent_again() {
    let registry = Scripted::start(STOCK.state());
    let challenge = Answer::status(401).header("www-authenticate", "Basic realm=\"x\"");
    let look = Matching::new("HEAD", "/v2/app/manifests/1.0.RELEASE");
    registry.script(look, When::From(1), Fault::Answer(challenge));
    promote(&sandbox(&registry)).fails(6, &["as \"tester\""]);
    assert_eq!(registry.asked().len(), 2, "{:?}", registry.asked());
}

#[test]
fn a_password_in_a_repositorys_name_is_not_told() {
    let name = format!("{USER}:{PASSWORD}@reg.example.com/app");
    let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", name);
    let promoted = promote(&sandbox);
    let words = [
        "BACKEND_IMAGE_REPO_NAME",
        "not quoted",
        "without an account",
        "DOCKER_USER",
    ];
    promoted.fails(4, &words);
    let checked = sandbox.run(["params", "check"]);
    checked.fails(4, &["BACKEND_IMAGE_REPO_NAME", "DOCKER_USER"]);
    let listed = sandbox.ok(["params", "list", "--format", "json"]);
    let told = format!("{promoted:?}{checked:?}{listed:?}");
    assert!(!told.contains(PASSWORD), "{told}");
}

#[test]
fn a_realm_is_named_like_any_other_server() {
    let registry = Scripted::start(STOCK.state());
    let port = registry.host().split(':').nth(1).unwrap().to_owned();
    let realm = format!("Bearer realm=\"http://localhost:{port}/token\",service=\"scripted\"");
    let challenge = Answer::status(401).header("www-authenticate", &realm);
    let look = Matching::new("HEAD", "/v2/app/manifests/1.0.RELEASE");
    registry.script(look, When::From(1), Fault::Answer(challenge));
    let mut sandbox = sandbox(&registry);
    for name in ["LOCALHOST", "http://localhost", "https://localhost:1/token"] {
        let before = registry.asked().len();
        sandbox.set("DOCKER_TOKEN_REALM", name);
        promote_within(&sandbox, "2");
        let asked = registry.asked().split_off(before);
        assert!(
            asked.iter().any(|line| line.starts_with("GET /token")),
            "{name}: {asked:?}"
        );
    }
    sandbox.set("DOCKER_TOKEN_REALM", "https://");
    promote(&sandbox).fails(4, &["DOCKER_TOKEN_REALM", "names no registry"]);
}
