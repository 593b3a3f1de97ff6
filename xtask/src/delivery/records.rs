//! The records of what an environment was last given.

use std::env;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::error::Kind;
use crate::files;
use crate::oci::{Digest, RepositoryName, Tag};
use crate::process;

/// The bound of a record, in bytes; AWS allows image definitions 100 KB.
const RECORD_BOUND: u64 = 100 * 1024;

/// The folder with the records of one service in one environment.
#[derive(Debug, Clone)]
pub struct Records(PathBuf);

/// `imageDetail.json`, AWS's own format (AWS CodePipeline User Guide,
/// "imageDetail.json file for Amazon ECS blue/green deployment actions").
#[derive(Serialize, Deserialize)]
struct ImageDetail {
    #[serde(rename = "ImageURI")]
    image_uri: String,
}

/// `promotion.json`: who released what, when, and what it displaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRecord {
    /// The service's package.
    pub service: String,
    /// The repository of production.
    pub repository: RepositoryName,
    /// The production tag.
    pub tag: Tag,
    /// What production was given.
    pub digest: Digest,
    /// What it displaced.
    pub previous: Option<Digest>,
    /// The commit that the image was built from, where it says so.
    pub commit: Option<String>,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// The CodeBuild build, else the user.
    pub by: String,
}

impl PromotionRecord {
    /// A record of now, by whoever runs this.
    pub fn now(service: &str, repository: &RepositoryName, tag: &Tag, digest: Digest) -> Self {
        Self {
            service: service.to_owned(),
            repository: repository.clone(),
            tag: tag.clone(),
            digest,
            previous: None,
            commit: None,
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            by: who(),
        }
    }

    /// Whether both records tell of the same image under the same tag.
    fn is_of_same_image(&self, other: &Self) -> bool {
        (&self.repository, &self.tag, self.digest) == (&other.repository, &other.tag, other.digest)
    }
}

/// What a command is about to do to production: kept until its records are written, or
/// nothing was done, so that the next run knows what one had begun whose end nobody saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change", content = "record")]
pub enum Intention {
    /// To promote an image, and to record this.
    Promotion(PromotionRecord),
    /// To go back to an image, and to record this.
    Rollback(PromotionRecord),
}

impl Intention {
    /// What is to be recorded once it is done.
    pub fn record(&self) -> &PromotionRecord {
        match self {
            Self::Promotion(record) | Self::Rollback(record) => record,
        }
    }
}

impl fmt::Display for Intention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self {
            Self::Promotion(_) => "promotion",
            Self::Rollback(_) => "rollback",
        };
        let PromotionRecord { by, time, .. } = self.record();
        write!(formatter, "the {change} that {by} began at {time}")
    }
}

fn who() -> String {
    let known = ["CODEBUILD_BUILD_ID", "USER", "LOGNAME", "USERNAME"];
    let named = known
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.is_empty());
    named
        .or_else(process::user)
        .unwrap_or_else(|| "unknown".into())
}

impl Records {
    /// The records in `folder`, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The path of `imagedefinitions.json`.
    pub fn image_definitions(&self) -> PathBuf {
        self.0.join("imagedefinitions.json")
    }

    /// The path of `imageDetail.json`.
    pub fn image_detail(&self) -> PathBuf {
        self.0.join("imageDetail.json")
    }

    /// The path of `promotion.json`.
    pub fn promotion(&self) -> PathBuf {
        self.0.join("promotion.json")
    }

    fn intention(&self) -> PathBuf {
        self.0.join("intention.json")
    }

    /// Says what is about to be done, before anything is changed: where records cannot
    /// be written, nothing is.
    pub fn intend(&self, intention: &Intention) -> Result<()> {
        write_json(&self.intention(), intention)
    }

    /// Says that nothing is about to be done any more.
    pub fn withdraw(&self) -> Result<()> {
        files::remove(&self.intention())
    }

    /// What was begun with this tag and never recorded. An intention that cannot be read
    /// is none.
    pub fn unfinished(&self, repository: &RepositoryName, tag: &Tag) -> Option<Intention> {
        let found: Option<Intention> = read_json(&self.intention()).ok().flatten();
        found.filter(|found| {
            let record = found.record();
            (&record.repository, &record.tag) == (repository, tag)
        })
    }

    /// Records that the environment was given `digest`.
    pub fn write_image_detail(&self, repository: &RepositoryName, digest: &Digest) -> Result<()> {
        let image_uri = repository.at(digest);
        write_json(&self.image_detail(), &ImageDetail { image_uri })
    }

    /// What the environment was last given, as `repository@digest`.
    pub fn read_image_uri(&self) -> Result<Option<String>> {
        let detail: Option<ImageDetail> = read_json(&self.image_detail())?;
        Ok(detail.map(|detail| detail.image_uri))
    }

    /// Records what was done, in both files, and that nothing is unfinished any more.
    pub fn write_promotion(&self, record: &PromotionRecord) -> Result<()> {
        self.write_image_detail(&record.repository, &record.digest)?;
        write_json(&self.promotion(), record)?;
        self.withdraw()
    }

    /// Records an image that was there already. Who released it, when and instead of
    /// what is known where the last record tells of this image.
    pub fn confirm_promotion(&self, record: PromotionRecord) -> Result<()> {
        // A record that cannot be read is about to be replaced by one that can.
        let recorded = self.read_promotion().ok().flatten();
        let known = recorded.filter(|recorded| recorded.is_of_same_image(&record));
        self.write_promotion(&known.unwrap_or(record))
    }

    /// The last promotion.
    pub fn read_promotion(&self) -> Result<Option<PromotionRecord>> {
        read_json(&self.promotion())
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let bytes =
        serde_json::to_vec(value).with_context(|| format!("encoding {}", path.display()))?;
    // What is recorded already needs no folder that can be written.
    if files::read(path, RECORD_BOUND).is_ok_and(|recorded| recorded == bytes) {
        return Ok(());
    }
    files::write_whole(path, &bytes)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match files::read(path, RECORD_BOUND) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let value = serde_json::from_slice(&bytes).with_context(|| {
        Kind::Failed
            .because(format!("{} is malformed", path.display()))
            .hint("remove the file; staging-tag, promote-to-production and rollback write it anew")
    })?;
    Ok(Some(value))
}
