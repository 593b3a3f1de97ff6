//! An OCI image layout on disk (image specification, "Image Layout").
//!
//! `index.json` holds one descriptor per tag. Whoever changes it holds the
//! folder's lock; whoever reads it needs none, since it is replaced by renaming.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::walk::walk;
use super::{Content, Displaced, Move, Moved, Repository, Verified, content_error, referrers};
use crate::console;
use crate::error::Kind;
use crate::files::{self, FolderLock};
use crate::oci::{
    Descriptor, Digest, Hasher, MAX_MANIFEST_BYTES, Manifest, MediaType, References,
    RepositoryName, Tag, Target, annotation, empty_where_null,
};

/// The bound of `index.json`: a descriptor for each of some hundred thousand tags.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;

const VERSION_FILE: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A repository in a folder.
#[derive(Debug)]
pub struct Layout {
    name: RepositoryName,
    folder: PathBuf,
}

/// `index.json`; what it says besides the manifests is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(deserialize_with = "empty_where_null")]
    manifests: Vec<Descriptor>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Index {
    fn empty() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OciIndex.name().into()),
            manifests: Vec::new(),
            rest: serde_json::Map::new(),
        }
    }

    fn resolve(&self, tag: &Tag) -> Option<Digest> {
        let tagged = self
            .manifests
            .iter()
            .find(|descriptor| is_tagged(descriptor, tag));
        tagged.map(|descriptor| descriptor.digest)
    }

    fn point(&mut self, tag: &Tag, manifest: &Manifest) {
        self.manifests
            .retain(|descriptor| !is_tagged(descriptor, tag));
        let mut descriptor = manifest.descriptor();
        descriptor
            .annotations
            .insert(annotation::REF_NAME.into(), tag.to_string());
        self.manifests.push(descriptor);
    }
}

fn is_tagged(descriptor: &Descriptor, tag: &Tag) -> bool {
    descriptor
        .annotations
        .get(annotation::REF_NAME)
        .is_some_and(|name| name == tag.as_str())
}

impl Layout {
    /// The layout in `folder`, which is created by the first write.
    pub fn new(name: RepositoryName, folder: PathBuf) -> Self {
        Self { name, folder }
    }

    /// The layout in `folder` under the name `oci:folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self::new(RepositoryName::layout(folder), folder.to_owned())
    }

    /// Keeps others from replacing the layout's content while it is read.
    pub fn keep(&self) -> Result<FolderLock> {
        FolderLock::shared(&self.folder)
    }

    /// Keeps others away while the layout's content is made anew.
    pub fn own(&self) -> Result<FolderLock> {
        FolderLock::exclusive(&self.folder)
    }

    /// Stores a manifest or blob of `bytes` and gives its descriptor.
    pub fn store(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let blob = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        self.write_blob(&blob, &bytes)?;
        Ok(blob)
    }

    /// Makes `tag`, pointing at `manifest`, the only one, and removes every blob
    /// that it does not need. `lock` comes from [`Layout::own`].
    pub fn replace_all(&self, lock: &FolderLock, tag: &Tag, manifest: &Manifest) -> Result<()> {
        self.write_manifest(manifest)?;
        let mut needed = BTreeSet::new();
        self.walk(manifest, |part| {
            needed.insert(part.digest());
            if let References::Image { blobs } = part.references() {
                needed.extend(blobs.iter().map(|blob| blob.digest));
            }
            Ok(())
        })?;
        let mut index = Index::empty();
        index.point(tag, manifest);
        self.write_index(lock, &index)?;
        self.remove_all_but(&needed)
    }

    fn walk(&self, manifest: &Manifest, visit: impl FnMut(&Manifest) -> Result<()>) -> Result<()> {
        let get = |child: &Descriptor| {
            let found = self.manifest(&child.digest)?;
            found.ok_or_else(|| {
                let path = self.blob_path(&child.digest);
                self.broken(child.digest, format_args!("{} is missing", path.display()))
            })
        };
        walk(manifest, get, visit)
    }

    fn remove_all_but(&self, needed: &BTreeSet<Digest>) -> Result<()> {
        let needed: BTreeSet<_> = needed.iter().map(Digest::hex).collect();
        let folder = self.blobs();
        let reading = || format!("reading {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            if !needed.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())
                    .with_context(|| format!("removing {}", entry.path().display()))?;
            }
        }
        Ok(())
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs").join("sha256")
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    fn read_index(&self) -> Result<Option<Index>> {
        let path = self.index_path();
        let bytes = match files::read(&path, MAX_INDEX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let index = serde_json::from_slice(&bytes).with_context(|| {
            Kind::Failed
                .because(format!("{} is no index of an OCI layout", path.display()))
                .hint("restore the file, or remove the layout's folder and fill it again with `cargo xtask staging-tag`")
        })?;
        Ok(Some(index))
    }

    fn write_index(&self, lock: &FolderLock, index: &Index) -> Result<()> {
        let version = self.folder.join("oci-layout");
        if !version.exists() {
            lock.write(&version, VERSION_FILE)?;
        }
        let bytes = serde_json::to_vec(index).context("encoding index.json")?;
        lock.write(&self.index_path(), &bytes)
    }

    /// Refuses a manifest whose parts are missing, as a registry does.
    fn check_references(&self, manifest: &Manifest) -> Result<()> {
        let parts = match manifest.references() {
            References::Image { blobs } => blobs,
            References::Index { manifests } => manifests,
        };
        for part in parts.iter().filter(|part| !part.is_foreign()) {
            self.check_blob(part).map_err(|why| {
                self.broken(
                    manifest.digest(),
                    format_args!("{}: {why}", self.blob_path(&part.digest).display()),
                )
            })?;
        }
        Ok(())
    }

    /// Reads the blob to its end: a disk keeps its size where it loses its content.
    fn check_blob(&self, blob: &Descriptor) -> io::Result<()> {
        let file = files::open(&self.blob_path(&blob.digest))?;
        io::copy(&mut Verified::new(file, blob.clone()), &mut io::sink())?;
        Ok(())
    }

    fn broken(&self, digest: Digest, why: impl std::fmt::Display) -> anyhow::Error {
        Kind::Failed
            .because(format!(
                "the layout of {} is broken: {why}",
                self.name.at(&digest)
            ))
            .hint(
                "build and tag the image again: `cargo xtask build` and `cargo xtask staging-tag`",
            )
            .into()
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.check_references(manifest)?;
        self.store(manifest.media_type().name(), manifest.bytes())?;
        Ok(())
    }
}

impl Repository for Layout {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn resolve(&self, tag: &Tag) -> Result<Option<Digest>> {
        Ok(self.read_index()?.and_then(|index| index.resolve(tag)))
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>> {
        let path = self.blob_path(digest);
        let bytes = match files::read(&path, MAX_MANIFEST_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let index = self.read_index()?;
                let tagged = index.is_some_and(|index| {
                    index.manifests.iter().any(|entry| entry.digest == *digest)
                });
                if tagged {
                    return Err(self.broken(*digest, format_args!("{} is missing", path.display())));
                }
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(self.broken(
                *digest,
                format_args!("{} has the digest {found}", path.display()),
            ));
        }
        let manifest = Manifest::parse(bytes, None).map_err(|why| {
            Kind::NotFound
                .because(format!("{} is no image: {why}", self.name.at(digest)))
                .hint("name an image by its manifest's digest, as `cargo xtask staging-tag` prints it: an image ID of Docker is another one")
        })?;
        Ok(Some(manifest))
    }

    fn put_manifest(&self, target: &Target, manifest: &Manifest) -> Result<()> {
        self.write_manifest(manifest)?;
        if let Target::Tag(tag) = target {
            let lock = FolderLock::exclusive(&self.folder)?;
            let mut index = self.read_index()?.unwrap_or_else(Index::empty);
            index.point(tag, manifest);
            self.write_index(&lock, &index)?;
        }
        Ok(())
    }

    fn move_tag(&self, wanted: Move<'_>) -> Result<Moved> {
        let Move {
            tag,
            to,
            from,
            displaced,
        } = wanted;
        self.write_manifest(to)?;
        if let Some(Displaced { manifest, .. }) = displaced {
            // Broken or not it was here before, and keeps no other from its place.
            self.store(manifest.media_type().name(), manifest.bytes())?;
        }
        let lock = FolderLock::exclusive(&self.folder)?;
        let mut index = self.read_index()?.unwrap_or_else(Index::empty);
        let found = index.resolve(tag);
        if found == Some(to.digest()) {
            return Ok(Moved::Done);
        }
        if found != from {
            return Ok(Moved::Raced(found));
        }
        if let Some(displaced) = displaced {
            index.point(displaced.kept, displaced.manifest);
        }
        index.point(tag, to);
        self.write_index(&lock, &index)?;
        Ok(Moved::Done)
    }

    fn has_blob(&self, blob: &Descriptor) -> Result<bool> {
        Ok(self.check_blob(blob).is_ok())
    }

    fn check_whole(&self, manifest: &Manifest) -> Result<()> {
        self.walk(manifest, |part| self.check_references(part))
    }

    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + '_>> {
        let path = self.blob_path(&blob.digest);
        let open = || -> io::Result<File> {
            let mut file = files::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = open().map_err(|error| {
            self.broken(blob.digest, format_args!("{}: {error}", path.display()))
        })?;
        Ok(Box::new(file))
    }

    /// Writes beside the blob, under a lock on that very file: whoever waited for
    /// it finds the blob there, or takes over what a killed writer left.
    fn write_blob(&self, blob: &Descriptor, content: &dyn Content) -> Result<()> {
        let path = self.blob_path(&blob.digest);
        let writing = || format!("writing {}", path.display());
        fs::create_dir_all(self.blobs()).with_context(writing)?;
        let partial = path.with_file_name(format!(".{}.partial", blob.digest.hex()));
        while !self.has_blob(blob)? {
            let mut file = open_partial(&partial).with_context(writing)?;
            if !is_same_file(&file, &partial) {
                // The writer that was waited for has renamed it.
                continue;
            }
            let written = fill(&mut file, blob, content).and_then(|()| {
                fs::rename(&partial, &path)?;
                Ok(files::sync_folder(&path)?)
            });
            if written.is_err() {
                // The space matters on a full disk; the empty file is reused.
                let _ = file.set_len(0);
            }
            return written.with_context(writing);
        }
        Ok(())
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let Some(index) = self.read_index()? else {
            return Ok(Vec::new());
        };
        let list = index.resolve(&referrers::tag(subject)?);
        let list = list.map(|digest| self.manifest(&digest)).transpose()?;
        let mut referrers = referrers::listed(list.flatten().as_ref());
        // A layout may list what is no manifest at all (image specification, "index.json").
        let manifests = index.manifests.into_iter();
        for descriptor in
            manifests.filter(|entry| MediaType::from_name(&entry.media_type).is_some())
        {
            match self.manifest(&descriptor.digest) {
                Ok(Some(manifest)) if manifest.subject() == Some(*subject) => {
                    referrers.push(descriptor);
                }
                Ok(_) => {}
                // Another image's trouble is none of this one's.
                Err(error) => console::warn(format_args!(
                    "{} is passed over as a referrer of {subject}: {error:#}",
                    self.name.at(&descriptor.digest)
                )),
            }
        }
        Ok(referrers)
    }
}

fn open_partial(partial: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(partial)?;
    file.lock()?;
    Ok(file)
}

fn is_same_file(file: &File, path: &Path) -> bool {
    let identity = |data: fs::Metadata| (data.dev(), data.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

fn fill(file: &mut File, blob: &Descriptor, content: &dyn Content) -> Result<()> {
    file.set_len(0)?;
    let mut hasher = Hasher::new();
    let mut source = content.open()?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match source.read(&mut buffer).map_err(content_error)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                file.write_all(&buffer[..count])?;
            }
        }
    }
    let (found, length) = (hasher.finish(), file.metadata()?.len());
    if length != blob.size {
        bail!("the content has {length} bytes, not {}", blob.size);
    }
    if found != blob.digest {
        bail!("the content has the digest {found}, not {}", blob.digest);
    }
    Ok(file.sync_all()?)
}
