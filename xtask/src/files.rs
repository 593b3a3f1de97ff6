//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Holds a folder's lock until it is dropped. Other processes wait for it.
///
/// The lock is the standard library's, on the folder itself: a file in it that is
/// replaced by renaming would be another one for whoever waited.
pub struct FolderLock(#[expect(dead_code, reason = "closing it is what releases the lock")] File);

impl FolderLock {
    /// Waits until nobody else holds `folder`, which is created where it is missing.
    pub fn exclusive(folder: &Path) -> Result<Self> {
        let locking = || format!("locking {}", folder.display());
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let opened = File::open(folder).with_context(locking)?;
        opened.lock().with_context(locking)?;
        Ok(Self(opened))
    }

    /// Waits until nobody holds `folder` exclusively; the folder must exist.
    pub fn shared(folder: &Path) -> Result<Self> {
        let locking = || format!("locking {}", folder.display());
        let opened = File::open(folder).with_context(locking)?;
        opened.lock_shared().with_context(locking)?;
        Ok(Self(opened))
    }

    /// Puts `bytes` at `path`, a file in the locked folder: written beside it,
    /// synced and renamed. Killed at any instant, the old file or the new one is
    /// there; the next write reuses what was left beside it.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let partial = beside(path);
        write_synced(&partial, bytes)
            .and_then(|()| fs::rename(&partial, path))
            .and_then(|()| sync_folder(path))
            .inspect_err(|_| drop(fs::remove_file(&partial)))
            .with_context(|| format!("writing {}", path.display()))
    }
}

/// Puts `bytes` at `path`, whole or not at all, under the lock of its folder.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    FolderLock::exclusive(folder_of(path))?.write(path, bytes)
}

/// Makes the renames in `path`'s folder last through a power failure.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Removes a folder with everything in it; one that is not there is removed already.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_side_by_side_leave_one_whole_file() {
        let folder = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        let path = folder.join("record.json");
        std::thread::scope(|scope| {
            for writer in 0..8_u8 {
                let path = &path;
                scope.spawn(move || write_whole(path, &[b'a' + writer; 10_000]).unwrap());
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert!(!beside(&path).exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
