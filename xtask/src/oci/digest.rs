//! Content digests.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Fault, Kind};

const PREFIX: &str = "sha256:";

/// A SHA-256 digest, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 hexadecimal digits without the algorithm, as a layout names its files.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                // Writing to a `String` cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// Whether `text`, which should name the same content, names other content. A
    /// digest of another algorithm says nothing.
    pub fn is_denied_by(&self, text: &str) -> bool {
        let other_algorithm = text.split_once(':').is_some_and(|(algorithm, encoded)| {
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            algorithm != "sha256" && !encoded.is_empty() && algorithm.chars().all(letters)
        });
        !other_algorithm && text != self.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        text.strip_prefix(PREFIX)
            .and_then(parse_hex)
            .map(Self)
            .ok_or_else(|| {
                Kind::Configuration.because(format!(
                    "{text:?} is not a digest: expected sha256: and 64 lower-case hexadecimal digits"
                ))
            })
    }
}

fn parse_hex(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}

/// Hashes what comes in pieces.
#[derive(Clone)]
pub struct Hasher(Context);

impl Hasher {
    /// A hasher that has seen nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "an empty hasher is a beginning, not a default"
    )]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything seen.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_reads_back_what_it_writes() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse::<Digest>().unwrap(), Digest::of(b""));
    }

    #[test]
    fn only_a_digest_of_the_same_algorithm_denies_another() {
        let digest = Digest::of(b"");
        for text in ["", "sha256:00", "nothing", ":", &EMPTY.to_uppercase()] {
            assert!(digest.is_denied_by(text), "{text:?}");
        }
        for text in [EMPTY, "sha512:cf83e1357eefb8bd"] {
            assert!(!digest.is_denied_by(text), "{text:?}");
        }
    }

    #[test]
    fn only_the_canonical_form_is_a_digest() {
        for malformed in [
            "",
            "sha256:",
            "e3b0",
            &EMPTY.to_uppercase(),
            &EMPTY[..70],
            &format!("{EMPTY}0"),
        ] {
            assert!(malformed.parse::<Digest>().is_err(), "{malformed}");
        }
    }
}
