//! Folders for what nobody needs afterwards.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};

use super::on_interrupt;
use crate::{console, files};

/// A folder that nobody else may read. It is removed once this is dropped, and where an
/// interrupt ends the command, after the children that may have used it.
pub struct Scratch {
    folder: PathBuf,
    /// Whether it is removed already: the place may be somebody else's by then.
    removed: Arc<Mutex<bool>>,
}

impl Scratch {
    /// Makes `folder` anew, without what a killed command left there.
    ///
    /// # Errors
    /// Where it cannot be made: also where somebody else has just made it, whose
    /// files are not followed.
    pub fn new(folder: PathBuf) -> Result<Self> {
        let creating = || format!("creating {}", folder.display());
        files::remove_folder(&folder)?;
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).with_context(creating)?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(creating)?;
        let removed = Arc::default();
        let (interrupted, left) = (Arc::clone(&removed), folder.clone());
        on_interrupt(move || remove(&left, &interrupted));
        Ok(Self { folder, removed })
    }

    /// A folder of this process where the system keeps what is temporary.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn temporary(purpose: &str) -> Result<Self> {
        // A relative path would lead elsewhere for a child in another folder.
        let parent = std::path::absolute(std::env::temp_dir())?;
        Self::new(parent.join(format!("xtask-{purpose}-{}", std::process::id())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.folder, &self.removed);
    }
}

fn remove(folder: &Path, removed: &Mutex<bool>) {
    let mut removed = removed.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *removed, true) {
        return;
    }
    if let Err(error) = files::remove_folder(folder) {
        console::warn(format_args!("it is left behind: {error:#}"));
    }
}
