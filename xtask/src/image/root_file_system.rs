//! What is in an image besides the service's own files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Where the binary lies: the same in every image, so that one Dockerfile serves all.
pub(super) const BINARY: &str = "service";

/// Where programs look for trusted certificates.
pub(super) const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The user and group that the service runs as.
pub(super) const USER: u32 = 65532;

/// A file of an image.
pub(super) struct Entry {
    /// Its path, without a slash in front.
    pub(super) path: &'static str,
    /// Its permissions.
    pub(super) mode: u32,
    /// Its content.
    pub(super) content: Vec<u8>,
}

/// The files of an image around `binary`, sorted by path.
pub(super) fn entries(binary: &Path) -> Result<Vec<Entry>> {
    let binary = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    let file = |path, content| Entry {
        path,
        mode: 0o644,
        content,
    };
    Ok(vec![
        file(
            "etc/group",
            format!("root:x:0:\nservice:x:{USER}:\n").into_bytes(),
        ),
        file(
            "etc/passwd",
            format!(
                "root:x:0:0:root:/:/sbin/nologin\nservice:x:{USER}:{USER}:service:/:/sbin/nologin\n"
            )
            .into_bytes(),
        ),
        file(CERTIFICATES, certificates().into_bytes()),
        Entry {
            path: BINARY,
            mode: 0o755,
            content: binary,
        },
    ])
}

/// Mozilla's certificate authorities as PEM (RFC 7468). They come from a crate,
/// so that `Cargo.lock` decides on them and not the machine that builds.
fn certificates() -> String {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let encoded = BASE64_STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in encoded.as_bytes().chunks(64) {
            // Base64 is ASCII, and writing to a `String` cannot fail.
            let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
