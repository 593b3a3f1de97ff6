//! Tokens that `docker-registry` believes, with real signatures, which it checks.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Who signs, and for whom.
pub(crate) const ISSUER: &str = "issuer";
pub(crate) const SERVICE: &str = "service";

/// How every token begins: with `{"alg":`, encoded.
pub(crate) const BEGINNING: &str = "eyJhbGciOi";

/// A key, and what was signed with it.
struct Signer {
    key: Vec<u8>,
    certificate: String,
    signed: Mutex<HashMap<String, String>>,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let request = "req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -subj /CN=tokens";
    openssl(folder.path(), request);
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    Signer {
        key: read("key"),
        certificate: String::from_utf8(read("certificate")).unwrap(),
        signed: Mutex::default(),
    }
});

/// The certificate of the key that signs.
pub(crate) fn certificate() -> &'static str {
    &SIGNER.certificate
}

/// A JSON Web Token (distribution, "Token Authentication Implementation") for
/// scopes like `repository:app:pull`. One is signed once for all who ask for it.
pub(crate) fn token<'a>(scopes: impl Iterator<Item = &'a str>) -> String {
    let access: Vec<_> = scopes.map(access).collect();
    let mut signed = SIGNER.signed.lock().unwrap();
    let key = json!(access).to_string();
    let token = signed.entry(key).or_insert_with(|| sign(&access));
    token.clone()
}

fn access(scope: &str) -> Value {
    let parts: Vec<_> = scope.splitn(3, ':').collect();
    let actions: Vec<_> = parts[2].split(',').collect();
    json!({ "type": parts[0], "name": parts[1], "actions": actions })
}

fn sign(access: &[Value]) -> String {
    let lines = SIGNER.certificate.lines();
    let certificate: String = lines.filter(|line| !line.starts_with("---")).collect();
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "tester", "aud": SERVICE, "jti": "1",
        "exp": now + 3600, "nbf": now - 10, "iat": now, "access": access,
    });
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}", encode(&header), encode(&claims));
    assert!(token.starts_with(BEGINNING), "{token}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), &SIGNER.key).unwrap();
    fs::write(folder.path().join("token"), &token).unwrap();
    let signature = openssl(folder.path(), "dgst -sha256 -sign key token");
    format!("{token}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// What `openssl` prints, which must succeed.
fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let mut command = Command::new("openssl");
    let command = command.current_dir(folder).args(arguments.split(' '));
    let output = command.output();
    let output = output.expect("openssl is missing: `cargo xtask setup` installs it");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}
