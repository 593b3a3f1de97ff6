//! Promotion in Debian's `docker-registry`.

mod kills;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::json;
use xtask::oci::{MediaType, Target};
use xtask::registry::Repository as _;

use crate::support::image::{Image, layout, write_index};
use crate::support::matrix::{self, Behind};
use crate::support::registry::Registry;
use crate::support::scripted::Scripted;
use crate::support::stock::{PASSWORD, STOCK, USER};
use crate::support::{Ran, Sandbox, output_of, proxy};

const ABSENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A sandbox whose backend lives in `registry`.
fn sandbox(registry: &Registry) -> Sandbox {
    Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"))
}

/// Tags an image with that content for staging and gives its digest.
fn stage(sandbox: &Sandbox, content: &str) -> String {
    sandbox.has_built("backend", Image::new(content));
    sandbox.ok(["staging-tag", "backend"]).line().to_owned()
}

#[test]
fn four_requests_for_a_new_tag_one_when_done_seven_for_a_displaced_one() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    let first = stage(&sandbox, "first");
    let second = stage(&sandbox, "second");
    let promote = |digest: &str| {
        sandbox.one(
            0,
            &[
                "--parameters",
                "local",
                "promote-to-production",
                "backend",
                "--digest",
                digest,
            ],
        )
    };

    let before = registry.requests().len();
    let new = promote(&first);
    assert_eq!(
        (&new["outcome"], &new["requests"], &new["auth_requests"]),
        (&json!("promoted"), &json!(4), &json!(0))
    );
    let asked = registry.requests();
    let methods: Vec<_> = asked[before..]
        .iter()
        .map(|request| request.split(' ').next().unwrap())
        .collect();
    assert_eq!(methods, ["HEAD", "GET", "PUT", "HEAD"]);

    let again = promote(&first);
    assert_eq!(
        (&again["outcome"], &again["requests"], &again["previous"]),
        (&json!("unchanged"), &json!(1), &json!(null))
    );

    let displacing = promote(&second);
    assert_eq!(
        (&displacing["requests"], &displacing["previous"]),
        (&json!(7), &json!(first))
    );
    assert!(
        !registry.requests()[before..]
            .iter()
            .any(|request| request.contains("/blobs/")),
        "no blob bytes"
    );
    assert_eq!(
        registry.requests().len() - before,
        12,
        "what is reported is what the registry saw"
    );

    assert_eq!(sandbox.ok(["rollback", "backend"]).line(), first);
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &first])["outcome"],
        "unchanged"
    );
    assert_eq!(
        sandbox.one(0, &["rollback", "backend"])["previous"],
        json!(first)
    );
}

#[test]
fn a_dry_run_reads_only() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    let digest = stage(&sandbox, "one");
    let before = registry.requests().len();
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest, "--dry-run"]);
    assert_eq!(
        (&object["outcome"], &object["requests"]),
        (&json!("planned"), &json!(2))
    );
    assert!(
        registry.requests()[before..]
            .iter()
            .all(|request| request.starts_with("HEAD") || request.starts_with("GET"))
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    sandbox
        .run(["promote", "backend", "--digest", ABSENT])
        .fails(5, &[ABSENT, "hint: "]);
    sandbox
        .run(["promote", "backend"])
        .fails(5, &["1.0.SNAPSHOT"]);
    sandbox
        .run(["rollback", "backend"])
        .fails(5, &["1.0.RELEASE", "hint: "]);
}

#[test]
fn both_docker_and_oci_manifests_keep_their_bytes() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    for media_type in [MediaType::OciManifest, MediaType::DockerManifest] {
        let image = Image {
            media_type,
            ..Image::new(media_type.name())
        };
        let digest = sandbox.has_built("backend", image).to_string();
        assert_eq!(sandbox.ok(["staging-tag", "backend"]).line(), digest);
        assert_eq!(
            sandbox
                .ok(["promote", "backend", "--digest", &digest])
                .line(),
            digest
        );
    }
}

#[test]
fn a_two_platform_index_is_promoted_whole() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    let built = layout(&sandbox.path("target/images/backend"));
    let index = write_index(&built);
    built
        .put_manifest(&Target::Tag("built".parse().unwrap()), &index)
        .unwrap();
    let digest = index.digest().to_string();
    assert_eq!(sandbox.ok(["staging-tag", "backend"]).line(), digest);
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest]);
    assert_eq!(
        (&object["outcome"], &object["requests"], &object["digest"]),
        (&json!("promoted"), &json!(4), &json!(digest))
    );
}

#[test]
fn an_account_is_asked_for_and_its_password_is_nowhere() {
    let registry = Registry::with_password("canary-password");
    let mut sandbox = sandbox(&registry);
    sandbox.has_built("backend", Image::new("one"));
    sandbox
        .run(["staging-tag", "backend"])
        .fails(6, &["hint: ", "DOCKER_USER"]);

    sandbox.set("DOCKER_USER", "tester");
    sandbox.set("DOCKER_PASSWORD", "canary-password");
    sandbox
        .run(["staging-tag", "backend"])
        .fails(4, &["DOCKER_REPO"]);
    sandbox.set("DOCKER_REPO", format!("http://{}/v2/", registry.host()));
    let ran = sandbox.ok(["staging-tag", "backend", "--verbose"]);
    let promoted = sandbox.one(0, &["promote", "backend", "--digest", ran.line()]);
    assert_eq!(
        (&promoted["requests"], &promoted["auth_requests"]),
        (&json!(4), &json!(1))
    );

    // An account of another registry stays at home.
    sandbox.set("DOCKER_REPO", "https://index.docker.io/v1/");
    sandbox.run(["staging-tag", "backend"]).fails(6, &[]);

    sandbox.set("DOCKER_REPO", registry.host());
    sandbox.set("DOCKER_PASSWORD", "canary-wrong");
    let denied = sandbox.run(["staging-tag", "backend", "--verbose"]);
    denied.fails(6, &["as \"tester\"", &registry.repository("app")]);
    assert!(!format!("{ran:?}{denied:?}").contains("canary"));
}

#[test]
fn dockers_configuration_and_its_helpers_serve_as_well() {
    let registry = Registry::with_password("secret");
    let mut sandbox = sandbox(&registry);
    sandbox.has_built("backend", Image::new("one"));
    let host = registry.host();
    let auth = "dGVzdGVyOnNlY3JldA=="; // tester:secret
    sandbox.write(
        "home/.docker/config.json",
        format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#),
    );
    sandbox.ok(["staging-tag", "backend"]);
    // Docker takes these for nothing: no helper of hosts, and the file itself as the store.
    sandbox.write(
        "home/.docker/config.json",
        format!(
            r#"{{"auths":{{"{host}":{{"auth":"{auth}"}},"a.example":null}},"credHelpers":null,"credsStore":""}}"#
        ),
    );
    sandbox.ok(["staging-tag", "backend"]);
    // Helpers leave names without an account behind.
    sandbox.write(
        "home/.docker/config.json",
        format!(r#"{{"auths":{{"{host}":{{}},"https://{host}/v1/":{{"auth":"{auth}"}}}}}}"#),
    );
    sandbox.ok(["staging-tag", "backend"]);

    sandbox.write(
        "docker/config.json",
        format!(r#"{{"credHelpers":{{"{host}":"test"}}}}"#),
    );
    sandbox.set(
        "DOCKER_CONFIG",
        sandbox.path("docker").display().to_string(),
    );
    sandbox
        .run(["staging-tag", "backend"])
        .fails(4, &["docker-credential-test", "hint: "]);
    sandbox.program("bin/docker-credential-test",
        r#"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"tester\",\"Secret\":\"secret\"}""#,
    );
    sandbox.ok(["staging-tag", "backend"]);
    sandbox.program(
        "bin/docker-credential-test",
        "echo 'the vault is sealed'; exit 1",
    );
    sandbox
        .run(["staging-tag", "backend"])
        .fails(6, &["the vault is sealed"]);
    // Both services ask it once.
    sandbox.program(
        "bin/docker-credential-test",
        "echo asked >> $0.log; echo 'the vault is sealed'; exit 1",
    );
    sandbox.set(
        "BACKEND_FOR_FRONTEND_IMAGE_REPO_NAME",
        registry.repository("bff"),
    );
    sandbox.run(["promote"]).fails(6, &["the vault is sealed"]);
    assert_eq!(sandbox.read("bin/docker-credential-test.log"), "asked\n");
    sandbox.program(
        "bin/docker-credential-test",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    sandbox
        .run(["staging-tag", "backend"])
        .fails(6, &["DOCKER_USER"]);
    sandbox.write("docker/config.json", "{\"auths\": canary");
    let ran = sandbox.run(["staging-tag", "backend"]);
    ran.fails(4, &["config.json", "line 1"]);
    assert!(!ran.stderr.contains("canary"));

    // The file itself, where its folder should stand.
    let file = sandbox.path("docker/config.json").display().to_string();
    sandbox.set("DOCKER_CONFIG", file);
    let ran = sandbox.run(["staging-tag", "backend"]);
    ran.fails(
        4,
        &[
            "config.json/config.json cannot be read",
            "hint: ",
            "DOCKER_CONFIG",
        ],
    );
}

#[test]
fn one_challenge_and_one_token_do_for_a_promotion() {
    let mut state = STOCK.state();
    state.signs = true;
    let tokens = Scripted::start(state);
    let registry = Registry::with_tokens(&tokens.host(), &BTreeMap::new());
    let mut sandbox = sandbox(&registry)
        .with("DOCKER_REPO", registry.host())
        .with("DOCKER_USER", USER)
        .with("DOCKER_PASSWORD", PASSWORD);
    let digest = stage(&sandbox, "one");
    let before = tokens.asked().len();
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest]);
    assert_eq!(
        (&object["requests"], &object["auth_requests"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(
        tokens.asked()[before..],
        ["GET /token?scope=repository:app:pull,push&service=service"]
    );

    let dry = sandbox.one(0, &["promote", "backend", "--digest", &digest, "--dry-run"]);
    assert_eq!(dry["outcome"], "unchanged");
    assert_eq!(
        tokens.asked().last().unwrap(),
        "GET /token?scope=repository:app:pull&service=service",
        "a dry run asks for no more than it needs"
    );

    sandbox.set("DOCKER_PASSWORD", "wrong");
    let denied = sandbox.run(["promote", "backend", "--digest", &digest]);
    denied.fails(6, &["no token", "as \"tester\""]);
}

#[test]
fn every_fault_of_every_request_ends_as_specified() {
    matrix::check(Behind::Registry);
}

/// Connects whoever asks to `server`, wherever they want to go.
fn proxy_to(server: String) -> String {
    proxy::start(move |mut client| {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let server = TcpStream::connect(&server).unwrap();
        for (mut from, mut to) in [(&client, &server), (&server, &client)]
            .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
        {
            // Either side may end the connection at any time.
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    })
}

/// What comes of a promotion where the proxy, which hosts of `no_proxy` are reached
/// without, answers with `status` instead of connecting.
fn promote_through_proxy_that_answers(status: &'static str, no_proxy: &str) -> Ran {
    let refusing = proxy::start(move |mut client| {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        client.write_all(answer.as_bytes()).unwrap();
    });
    let sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", "registry.invalid/app")
        .with("HTTPS_PROXY", refusing)
        .with("NO_PROXY", no_proxy);
    sandbox.run(["--timeout", "3", "promote", "backend", "--digest", ABSENT])
}

#[test]
fn a_proxy_that_refuses_is_told_at_once_and_one_that_is_in_trouble_asked_again() {
    let refused = promote_through_proxy_that_answers("407 Proxy Authentication Required", "");
    refused.fails(7, &["proxy", "407", "hint: check HTTPS_PROXY"]);
    assert!(!refused.stderr.contains("trying again"), "{refused:?}");
    let in_trouble = promote_through_proxy_that_answers("503 Service Unavailable", "");
    in_trouble.fails(7, &["proxy", "503", "trying again"]);
}

#[test]
fn hosts_are_reached_without_the_proxy_where_they_or_their_domain_are_listed() {
    for (no_proxy, is_listed) in [
        ("localhost, registry.invalid", true),
        ("Invalid", true),
        (".invalid,localhost", true),
        ("*.invalid", true),
        ("*", true),
        ("istry.invalid, other.registry.invalid, .", false),
    ] {
        let ran = promote_through_proxy_that_answers("407 Proxy Authentication Required", no_proxy);
        ran.fails(7, &["hint: "]);
        assert_ne!(ran.stderr.contains("407"), is_listed, "{no_proxy}: {ran:?}");
    }
}

/// What comes of a promotion where the registry's host is the server at `address`.
fn promote_at(address: String, sandbox: Sandbox) -> Ran {
    let sandbox = sandbox
        .with("BACKEND_IMAGE_REPO_NAME", "registry.invalid/app")
        .with("HTTPS_PROXY", proxy_to(address));
    sandbox.run(["promote", "backend", "--digest", ABSENT])
}

/// What comes of it where the host has the certificate that `openssl req` makes with
/// `more` arguments, and that one is trusted or not.
fn promote_with_certificate(more: &[&str], is_trusted: bool) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let request = "req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -subj /CN=host";
    let mut openssl = Command::new("openssl");
    output_of(
        openssl
            .args(request.split(' '))
            .args(more)
            .current_dir(folder.path()),
    );
    let arguments = "s_server -accept 127.0.0.1:0 -cert certificate -key key";
    let mut server = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| Some(line.unwrap().strip_prefix("ACCEPT ")?.to_owned()))
        .unwrap();
    let mut sandbox = Sandbox::new();
    if is_trusted {
        let certificate = folder.path().join("certificate");
        sandbox.set("SSL_CERT_FILE", certificate.display().to_string());
    }
    let ran = promote_at(address, sandbox);
    server.kill().unwrap();
    server.wait().unwrap();
    ran
}

#[test]
fn a_host_that_is_not_trusted_ends_the_command_at_once() {
    let of_a_host = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let plain = Registry::open();
    for (ran, hint) in [
        (promote_with_certificate(&of_a_host, false), "SSL_CERT_FILE"),
        // It has another name.
        (promote_with_certificate(&of_a_host, true), "s_client"),
        (promote_with_certificate(&[], true), "CA:FALSE"),
        (
            promote_at(plain.host(), Sandbox::new()),
            "does not speak TLS",
        ),
    ] {
        ran.fails(7, &["no trusted connection", "hint: ", hint]);
        assert!(!ran.stderr.contains("trying again"), "{}", ran.stderr);
    }
}

#[test]
fn a_dirty_image_is_not_released_to_a_registry() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    let dirty = Image {
        revision: "0123456789abcdef0123456789abcdef01234567-dirty",
        ..Image::new("dirty")
    };
    let digest = sandbox.has_built("backend", dirty).to_string();
    sandbox.ok(["staging-tag", "backend"]);
    sandbox
        .run(["promote", "backend", "--digest", &digest])
        .fails(3, &["uncommitted changes", "hint: commit"]);
}

#[test]
fn a_registry_that_is_not_there_is_unavailable_after_the_time_limit() {
    let host = Registry::open().host();
    let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", format!("{host}/app"));
    let ran = sandbox.run(["--timeout", "1", "promote", "backend", "--digest", ABSENT]);
    ran.fails(
        7,
        &["trying again in", "within the time limit of 1 s", "hint: "],
    );
}

#[test]
fn production_gets_a_repository_of_its_own_by_mount_and_another_registry_by_copy() {
    let (registry, other) = (Registry::open(), Registry::open());
    let mut sandbox = sandbox(&registry).with(
        "BACKEND_IMAGE_REPO_NAME_PRODUCTION",
        registry.repository("released"),
    );
    sandbox.edit(
        "backend/Cargo.toml",
        "port = 8080",
        "port = 8080\nproduction-repository = true",
    );
    let digest = stage(&sandbox, "one");
    let before = registry.requests().len();
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &digest])["digest"],
        json!(digest)
    );
    let asked = registry.requests();
    assert!(
        asked[before..]
            .iter()
            .any(|request| request.contains("mount=")),
        "{asked:?}"
    );
    assert!(
        !asked[before..]
            .iter()
            .any(|request| request.starts_with("GET") && request.contains("/blobs/"))
    );

    sandbox.set(
        "BACKEND_IMAGE_REPO_NAME_PRODUCTION",
        other.repository("released"),
    );
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest]);
    assert_eq!(
        (&object["outcome"], &object["digest"]),
        (&json!("promoted"), &json!(digest))
    );
    assert!(
        other
            .requests()
            .iter()
            .any(|request| request.contains("manifests/1.0.SNAPSHOT-0123456789ab"))
    );
}

#[test]
fn the_benchmark_of_promotions_counts_their_requests() {
    let sandbox = Sandbox::new();
    let figures = sandbox.json(
        0,
        &["bench", "promotion", "--services", "3", "--latency", "1"],
    );
    let value = |service: &str, name: &str| {
        let mut figures = figures.iter();
        let found = figures.find(|one| one["service"] == service && one["figure"] == name);
        found.unwrap()["value"].as_f64().unwrap()
    };
    for (name, services) in [("one service", 1.0), ("many services", 3.0)] {
        assert_eq!(value(name, "services"), services);
        assert_eq!(value(name, "requests"), 4.0 * services);
        assert!(value(name, "time") > 0.0 && value(name, "peak memory") > 0.0);
    }
}
