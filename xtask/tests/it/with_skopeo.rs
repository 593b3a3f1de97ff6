//! Other tools read what this one writes.

use std::process::Command;

use crate::support::image::Image;
use crate::support::registry::Registry;
use crate::support::{SERVICES, Sandbox};

/// Runs skopeo, which must succeed without a warning, and gives its output.
fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo")
        .args(arguments)
        .output()
        .expect("skopeo is missing: `cargo xtask setup` installs it");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && stderr.is_empty(),
        "{arguments:?}: {stderr}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn digest_of(reference: &str) -> String {
    skopeo(&[
        "inspect",
        "--tls-verify=false",
        "--format",
        "{{.Digest}}",
        reference,
    ])
    .trim()
    .to_owned()
}

#[test]
fn layouts_and_registries_are_read_by_skopeo() {
    let registry = Registry::open();
    let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
    sandbox.has_staged("one");
    sandbox.ok(["promote"]);
    let copies = sandbox.path("copies");
    std::fs::create_dir(&copies).unwrap();
    for (index, reference) in [
        format!(
            "oci:{}:built",
            sandbox.path("target/images/backend").display()
        ),
        format!(
            "oci:{}:1.0.RELEASE",
            sandbox
                .path("target/registry/backend-for-frontend")
                .display()
        ),
        format!("docker://{}:1.0.RELEASE", registry.repository("app")),
        format!(
            "docker://{}:1.0.SNAPSHOT-0123456789ab",
            registry.repository("app")
        ),
    ]
    .iter()
    .enumerate()
    {
        let copy = format!("oci:{}:copy", copies.join(index.to_string()).display());
        skopeo(&[
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            "--preserve-digests",
            reference,
            &copy,
        ]);
        assert_eq!(digest_of(reference), digest_of(&copy), "{reference}");
    }
}

#[test]
fn the_services_images_are_read_by_skopeo() {
    for service in SERVICES {
        let layout = crate::support::built_image(service);
        let reference = format!("oci:{}:built", layout.display());
        let labels = skopeo(&["inspect", "--format", "{{.Labels}}", &reference]);
        assert!(
            labels.contains("org.opencontainers.image.revision"),
            "{labels}"
        );
        let copies = tempfile::tempdir().unwrap();
        let copy = format!("oci:{}:copy", copies.path().join("copy").display());
        skopeo(&["copy", "--quiet", "--preserve-digests", &reference, &copy]);
    }
}

#[test]
fn an_image_that_skopeo_pushed_is_promoted() {
    let registry = Registry::open();
    let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
    sandbox.has_built("backend", Image::new("pushed"));
    let built = format!(
        "oci:{}:built",
        sandbox.path("target/images/backend").display()
    );
    let staging = format!("docker://{}:1.0.SNAPSHOT", registry.repository("app"));
    // As a Docker manifest: what docker push would have left there.
    skopeo(&[
        "copy",
        "--quiet",
        "--dest-tls-verify=false",
        "--format",
        "v2s2",
        &built,
        &staging,
    ]);
    let promoted = sandbox.ok(["promote", "backend"]);
    assert_eq!(promoted.line(), digest_of(&staging));
    assert_eq!(
        promoted.line(),
        digest_of(&format!(
            "docker://{}:1.0.RELEASE",
            registry.repository("app")
        ))
    );
}
