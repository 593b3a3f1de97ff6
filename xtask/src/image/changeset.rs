//! Applying a layer to the files of the layers below it
//! (image specification, "Image Layer Filesystem Changeset").

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::error::{Fault, Kind};

/// What the name of a whiteout begins with; what follows is the name that it hides.
const WHITEOUT: &[u8] = b".wh.";

/// The whiteout that hides all that the layers below have in its folder.
const OPAQUE: &str = ".wh..wh..opq";

/// Extracts `tar` into `folder`, and removes there what it hides. Nothing outside of the
/// folder is touched: an entry that would lead out of it is an error.
pub(super) fn apply(tar: impl Read, folder: &Path) -> Result<()> {
    let folder = &folder.canonicalize()?;
    let mut archive = tar::Archive::new(tar);
    // Whoever starts the service owns its files: only root could give them away.
    archive.set_preserve_ownerships(false);
    // A whiteout hides nothing of its own layer, wherever in the archive it comes.
    let mut own = BTreeSet::new();
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let applying = || format!("applying {}", path.display());
        let place = place_in(folder, &path).with_context(applying)?;
        let name = place.file_name().unwrap_or_default();
        if place == *folder {
            // The root is there already.
        } else if name == OPAQUE {
            hide_content(place.parent().unwrap_or(folder), &own).with_context(applying)?;
        } else if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            let hidden = hidden_by(&place, OsStr::from_bytes(hidden)).with_context(applying)?;
            hide(&hidden, &own).with_context(applying)?;
        } else {
            let is_folder = entry.header().entry_type().is_dir();
            if !(is_folder && is_real_folder(&place)) {
                remove(&place).with_context(applying)?;
            }
            own.insert(place);
            if is_folder {
                folders.push(entry);
            } else {
                entry.unpack_in(folder)?;
            }
        }
    }
    // Last, and the deepest first: one that is read-only would keep its content out.
    folders.sort_by(|one, other| other.path_bytes().cmp(&one.path_bytes()));
    for mut entry in folders {
        entry.unpack_in(folder)?;
    }
    Ok(())
}

/// Where an entry belongs. Links on the way there are followed, as far as they stay in `folder`.
fn place_in(folder: &Path, path: &Path) -> Result<PathBuf> {
    let mut place = folder.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(part) => place.push(part),
            Component::ParentDir => return Err(leads_out().into()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    match place.parent().unwrap_or(folder).canonicalize() {
        // What is not there yet cannot lead anywhere.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(place),
        Err(error) => Err(error.into()),
        Ok(parent) if place != *folder && !parent.starts_with(folder) => Err(leads_out().into()),
        Ok(_) => Ok(place),
    }
}

fn leads_out() -> Fault {
    Kind::Failed.because("it leads out of the image")
}

/// The place that the whiteout at `place` hides: one in its own folder.
fn hidden_by(place: &Path, name: &OsStr) -> Result<PathBuf> {
    match Path::new(name).components().next() {
        Some(Component::Normal(_)) => Ok(place.with_file_name(name)),
        _ => Err(Kind::Failed
            .because("it is a whiteout of no file in its folder")
            .into()),
    }
}

/// Removes what the layers below have at `path`, and leaves what this layer has put there.
fn hide(path: &Path, own: &BTreeSet<PathBuf>) -> io::Result<()> {
    let mut following = own.range::<Path, _>((Bound::Included(path), Bound::Unbounded));
    if !following.next().is_some_and(|own| own.starts_with(path)) {
        remove(path)
    } else if is_real_folder(path) {
        hide_content(path, own)
    } else {
        Ok(())
    }
}

fn hide_content(folder: &Path, own: &BTreeSet<PathBuf>) -> io::Result<()> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(mut entries) => entries.try_for_each(|entry| hide(&entry?.path(), own)),
    }
}

/// Whether there is a folder, and not a link to one.
fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|data| data.is_dir())
}

/// Removes a file, a link or a folder, where there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match is_real_folder(path) {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
