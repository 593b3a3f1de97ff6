//! Manifests and the descriptors in them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Digest;

/// The largest manifest that registries must accept, and that is read here
/// (distribution specification, "Pushing Manifests").
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// The annotations and labels that this project writes and reads
/// (image specification, "Pre-Defined Annotation Keys").
pub mod annotation {
    /// The commit that the image was built from; `-dirty` at its end where the tree had changes.
    pub const REVISION: &str = "org.opencontainers.image.revision";
    /// Where the sources are kept.
    pub const SOURCE: &str = "org.opencontainers.image.source";
    /// The version of the packaged software.
    pub const VERSION: &str = "org.opencontainers.image.version";
    /// The time of the commit, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// In a layout's index: the tag that points at the descriptor.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
}

/// The kinds of manifests, Docker's and OCI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/vnd.oci.image.manifest.v1+json`
    OciManifest,
    /// `application/vnd.oci.image.index.v1+json`
    OciIndex,
    /// `application/vnd.docker.distribution.manifest.v2+json`
    DockerManifest,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    DockerList,
    /// `application/vnd.oci.artifact.manifest.v1+json`: what signed images before OCI
    /// 1.1 was done, and still does.
    OciArtifact,
}

impl MediaType {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Self; 5] = [
        Self::OciIndex,
        Self::OciManifest,
        Self::DockerList,
        Self::DockerManifest,
        Self::OciArtifact,
    ];

    /// The media type's name, as in a `Content-Type` header.
    pub fn name(self) -> &'static str {
        match self {
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciArtifact => "application/vnd.oci.artifact.manifest.v1+json",
        }
    }

    /// The media type of that name; parameters behind `;` are ignored.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.split(';').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|media_type| media_type.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Names content by digest, size and media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: String,
    /// The digest of the content.
    pub digest: Digest,
    /// The length of the content in bytes.
    pub size: u64,
    /// Notes on the content.
    #[serde(
        default,
        deserialize_with = "empty_where_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// What else the descriptor says (platform, urls, artifact type), kept as it is.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Descriptor {
    /// A descriptor without annotations.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            annotations: BTreeMap::new(),
            rest: serde_json::Map::new(),
        }
    }

    /// Whether the content lives elsewhere and is not pushed to registries
    /// (image specification, "Non-Distributable Layers").
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("nondistributable") || self.media_type.contains(".foreign.")
    }
}

/// What a manifest refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// An image for one platform, or an artifact.
    Image {
        /// The configuration and then the layers, base first; an artifact has neither.
        blobs: Vec<Descriptor>,
    },
    /// An index of several platforms' manifests.
    Index {
        /// The manifests, in the order of the index.
        manifests: Vec<Descriptor>,
    },
}

/// A manifest or an index: its exact bytes, which are never encoded again, and
/// what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    bytes: Vec<u8>,
    digest: Digest,
    media_type: MediaType,
    references: References,
    annotations: BTreeMap<String, String>,
    subject: Option<Digest>,
}

/// Why bytes are no manifest.
#[derive(Debug)]
pub enum ParseManifestError {
    /// The bytes are no JSON object of the right form.
    Json(serde_json::Error),
    /// The JSON says of itself that it is something else.
    MediaType(String),
}

impl fmt::Display for ParseManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(formatter, "no JSON manifest: {error}"),
            Self::MediaType(name) => write!(
                formatter,
                "its media type is {name:?}, no image manifest or index"
            ),
        }
    }
}

impl std::error::Error for ParseManifestError {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "empty_where_null")]
    blobs: Vec<Descriptor>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "empty_where_null")]
    annotations: BTreeMap<String, String>,
    subject: Option<Descriptor>,
}

/// Programs in Go write an empty list or map as `null`.
///
/// # Errors
/// Where it is neither `null` nor of that type.
pub fn empty_where_null<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list that is there, also where it is `null`.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Descriptor>>, D::Error> {
    empty_where_null(deserializer).map(Some)
}

impl Manifest {
    /// Reads `bytes`. The media type is the one that they name themselves, else
    /// `declared` (a `Content-Type`), else OCI's for what they hold: the first
    /// is covered by the digest, the others are hearsay.
    pub fn parse(bytes: Vec<u8>, declared: Option<&str>) -> Result<Self, ParseManifestError> {
        let document: Document =
            serde_json::from_slice(&bytes).map_err(ParseManifestError::Json)?;
        let media_type = media_type_of(&document, declared)?;
        let missing = |field| ParseManifestError::Json(serde::de::Error::missing_field(field));
        let references = match media_type {
            MediaType::OciIndex | MediaType::DockerList => References::Index {
                manifests: document.manifests.ok_or_else(|| missing("manifests"))?,
            },
            MediaType::OciManifest | MediaType::DockerManifest => {
                let mut blobs = vec![document.config.ok_or_else(|| missing("config"))?];
                blobs.extend(document.layers.ok_or_else(|| missing("layers"))?);
                References::Image { blobs }
            }
            MediaType::OciArtifact => References::Image {
                blobs: document.blobs,
            },
        };
        Ok(Self {
            digest: Digest::of(&bytes),
            bytes,
            media_type,
            references,
            annotations: document.annotations,
            subject: document.subject.map(|subject| subject.digest),
        })
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The media type to push the bytes with.
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// What the manifest refers to.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// An annotation of the manifest.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// The manifest that this one refers to, e.g. the image that it signs.
    pub fn subject(&self) -> Option<Digest> {
        self.subject
    }

    /// The descriptor that an index or a layout holds of this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.name(), self.digest, self.bytes.len() as u64)
    }
}

fn media_type_of(
    document: &Document,
    declared: Option<&str>,
) -> Result<MediaType, ParseManifestError> {
    if let Some(name) = &document.media_type {
        return MediaType::from_name(name)
            .ok_or_else(|| ParseManifestError::MediaType(name.clone()));
    }
    Ok(declared.and_then(MediaType::from_name).unwrap_or({
        if document.manifests.is_some() {
            MediaType::OciIndex
        } else {
            MediaType::OciManifest
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(media_type: &str) -> Vec<u8> {
        let blob = format!(r#"{{"mediaType":"x","digest":"{DIGEST}","size":0}}"#);
        format!(r#"{{"schemaVersion":2,{media_type}"config":{blob},"layers":[{blob}]}}"#)
            .into_bytes()
    }

    #[test]
    fn the_bytes_own_media_type_wins() {
        let docker = format!(r#""mediaType":"{}","#, MediaType::DockerManifest);
        let manifest =
            Manifest::parse(image(&docker), Some(MediaType::OciManifest.name())).unwrap();
        assert_eq!(manifest.media_type(), MediaType::DockerManifest);
        assert_eq!(manifest.digest(), Digest::of(manifest.bytes()));
    }

    #[test]
    fn without_one_the_header_decides() {
        let declared = format!("{}; charset=utf-8", MediaType::DockerManifest);
        assert_eq!(
            Manifest::parse(image(""), Some(&declared))
                .unwrap()
                .media_type(),
            MediaType::DockerManifest
        );
        assert_eq!(
            Manifest::parse(image(""), Some("text/plain"))
                .unwrap()
                .media_type(),
            MediaType::OciManifest
        );
    }

    #[test]
    fn a_list_that_is_null_is_empty() {
        let blob =
            format!(r#"{{"mediaType":"x","digest":"{DIGEST}","size":0,"annotations":null}}"#);
        let image = format!(r#"{{"config":{blob},"layers":null,"annotations":null}}"#);
        let image = Manifest::parse(image.into(), None).unwrap();
        assert!(matches!(image.references(), References::Image { blobs } if blobs.len() == 1));
        let index = Manifest::parse(br#"{"manifests":null}"#.into(), None).unwrap();
        assert!(
            matches!(index.references(), References::Index { manifests } if manifests.is_empty())
        );
    }

    #[test]
    fn an_artifact_refers_to_its_blobs() {
        let media_type = MediaType::OciArtifact.name();
        let blob = format!(r#"{{"mediaType":"x","digest":"{DIGEST}","size":0}}"#);
        for (blobs, count) in [(format!(r#","blobs":[{blob}]"#), 1), (String::new(), 0)] {
            let artifact = format!(r#"{{"mediaType":"{media_type}","subject":{blob}{blobs}}}"#);
            let artifact = Manifest::parse(artifact.into(), None).unwrap();
            assert!(
                matches!(artifact.references(), References::Image { blobs } if blobs.len() == count)
            );
            assert_eq!(artifact.subject().unwrap().to_string(), DIGEST);
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for bytes in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"mediaType":"text/html"}"#,
            r#"{"manifests":3}"#,
        ] {
            assert!(Manifest::parse(bytes.into(), None).is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_descriptor_keeps_what_it_does_not_know() {
        let text = format!(
            r#"{{"mediaType":"x","digest":"{DIGEST}","size":1,"platform":{{"os":"linux"}}}}"#
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&descriptor).unwrap(), text);
    }
}
