//! A layer: a gzipped tar that is the same for the same files
//! (image specification, "Image Layer Filesystem Changeset").

use std::io::{Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use flate2::{Compression, GzBuilder};

use super::root_file_system::Entry;
use crate::oci::{Digest, Hasher};

/// A packed layer.
pub(super) struct Layer {
    /// Its compressed bytes.
    pub(super) bytes: Vec<u8>,
    /// The media type of the bytes.
    pub(super) media_type: &'static str,
}

/// What the media types of gzipped layers, OCI's and Docker's, have in common.
pub(super) const GZIP_SUFFIX: &str = "gzip";

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Packs `entries` and the folders that they lie in: sorted, owned by root, all
/// of one `time`. Gives the layer and the digest of the tar before compression,
/// the configuration's `diff_id`.
pub(super) fn pack(entries: &[Entry], time: SystemTime) -> Result<(Layer, Digest)> {
    let seconds = time.duration_since(UNIX_EPOCH)?.as_secs();
    let mut tar = tar::Builder::new(Vec::new());
    let mut folders: Vec<&Path> = Vec::new();
    for entry in entries {
        let path = Path::new(entry.path);
        let above: Vec<_> = path
            .ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
            .collect();
        for folder in above.into_iter().rev() {
            if !folders.contains(&folder) {
                folders.push(folder);
                tar.append_data(
                    &mut header(tar::EntryType::Directory, 0o755, 0, seconds),
                    folder,
                    &[][..],
                )?;
            }
        }
        let size = entry.content.len() as u64;
        tar.append_data(
            &mut header(tar::EntryType::Regular, entry.mode, size, seconds),
            path,
            &*entry.content,
        )?;
    }
    compress(&*tar.into_inner()?)
}

fn header(kind: tar::EntryType, mode: u32, size: u64, seconds: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_size(size);
    header
}

/// Compresses a tar and gives its digest before that, too. The gzip header has
/// no name and no time of its own.
pub(super) fn compress(mut tar: impl Read) -> Result<(Layer, Digest)> {
    let mut hasher = Hasher::new();
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::default());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match tar.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                encoder.write_all(&buffer[..count])?;
            }
        }
    }
    let layer = Layer {
        bytes: encoder.finish()?,
        media_type: GZIP,
    };
    Ok((layer, hasher.finish()))
}

/// The media type of a layer that is compressed already, by its first bytes;
/// `None` for a plain tar.
pub(super) fn compressed_media_type(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(&[0x1f, 0x8b]) {
        Some(GZIP)
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some("application/vnd.oci.image.layer.v1.tar+zstd")
    } else {
        None
    }
}
