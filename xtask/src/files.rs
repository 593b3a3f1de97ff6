//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;

use crate::console;
use crate::error::{Fault, Kind};

/// The file in a folder whose lock is the folder's.
const LOCK: &str = ".lock";

/// How long to wait before looking again whether a lock is free.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Holds a folder's lock until it is dropped. Other processes wait for it.
///
/// The lock is the standard library's, on a file of its own: one that is replaced
/// by renaming would be another file for whoever waited.
#[derive(Debug)]
pub struct FolderLock(File);

impl FolderLock {
    /// Waits until nobody else holds `folder`, which is created where it is missing.
    ///
    /// # Errors
    /// Where the folder or its lock cannot be made.
    pub fn exclusive(folder: &Path) -> Result<Self> {
        Self::exclusive_until(folder, None)
    }

    /// The same, and no longer than until `end`.
    ///
    /// # Errors
    /// Where the folder or its lock cannot be made, or somebody else holds it at the end.
    pub fn exclusive_until(folder: &Path, end: Option<Instant>) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let lock = Self::take(folder, File::try_lock, end)?;
        lock.name_holder();
        Ok(lock)
    }

    /// Waits until nobody holds `folder` exclusively; the folder must exist.
    ///
    /// # Errors
    /// Where the folder's lock cannot be made.
    pub fn shared(folder: &Path) -> Result<Self> {
        Self::take(folder, File::try_lock_shared, None)
    }

    /// Holds a folder, which must exist, if nobody else does.
    ///
    /// # Errors
    /// Where the folder's lock cannot be made.
    pub fn if_free(folder: &Path) -> Result<Option<Self>> {
        let file = open_lock(&folder.join(LOCK))
            .with_context(|| format!("locking {}", folder.display()))?;
        Ok(file.try_lock().is_ok().then_some(Self(file)))
    }

    fn take(
        folder: &Path,
        attempt: fn(&File) -> Result<(), TryLockError>,
        end: Option<Instant>,
    ) -> Result<Self> {
        let locking = || format!("locking {}", folder.display());
        let file = open_lock(&folder.join(LOCK)).with_context(locking)?;
        let mut is_told = false;
        loop {
            match attempt(&file) {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => {}
                // Nobody is waited for: the file system has no locks, for example.
                Err(TryLockError::Error(error)) => return Err(error).with_context(locking),
            }
            if !std::mem::replace(&mut is_told, true) {
                let (holder, folder) = (holder(folder), folder.display());
                console::note(format_args!("waiting for {holder} that uses {folder}"));
            }
            // The standard library's wait for a lock has no end.
            if end.is_some_and(|end| Instant::now() >= end) {
                return Err(held(folder).into());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Leaves word of who holds the lock for whoever waits.
    fn name_holder(&self) {
        // It is only a help, and the file may be read only.
        let _ = self.0.set_len(0);
        let _ = (&self.0).write_all(std::process::id().to_string().as_bytes());
    }

    /// Puts `bytes` at `path`, a file in the locked folder: written beside it,
    /// synced and renamed. Killed at any instant, the old file or the new one is
    /// there; the next write reuses what was left beside it. A link is followed: others
    /// may read the file that it leads to.
    ///
    /// # Errors
    /// Where the file cannot be written, or what is there is no file.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let target = target_of(path)?;
        replace(&target, &beside(&target, "partial"), bytes)
    }

    /// Removes everything in `folder`, the locked one, but its lock.
    ///
    /// # Errors
    /// Where something cannot be removed; the rest may be there no longer.
    pub fn clear(&self, folder: &Path) -> Result<()> {
        let clearing = || format!("clearing {}", folder.display());
        for entry in fs::read_dir(folder).with_context(clearing)? {
            let entry = entry.with_context(clearing)?;
            if entry.file_name() == LOCK {
                continue;
            }
            let is_folder = entry.file_type().with_context(clearing)?.is_dir();
            let remove = if is_folder { remove_folder } else { remove };
            remove(&entry.path())?;
        }
        Ok(())
    }
}

/// A lock that somebody else has made may be read only: that suffices.
fn open_lock(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let writable = options.create(true).truncate(false).write(true).open(path);
    writable.or_else(|error| File::open(path).map_err(|_| error))
}

/// Whoever holds a folder, as far as it is known: a process that has ended holds none.
fn holder(folder: &Path) -> String {
    let process = fs::read_to_string(folder.join(LOCK)).unwrap_or_default();
    match process.parse::<u32>() {
        Ok(id) if Path::new(&format!("/proc/{id}")).exists() => {
            format!("another command (process {id})")
        }
        _ => "another command".into(),
    }
}

fn held(folder: &Path) -> Fault {
    let (holder, folder) = (holder(folder), folder.display());
    Kind::Unavailable
        .because(format!(
            "{holder} uses {folder}, and did not end within the time limit"
        ))
        .hint("wait until it has ended or end it, or allow more time with --timeout SECONDS")
}

/// Puts `bytes` at `path`, whole or not at all, under the lock of its folder: one of
/// the tool's own.
///
/// # Errors
/// Where the folder or the file cannot be written; what was there before stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    FolderLock::exclusive(folder_of(path))?.write(path, bytes)
}

/// Puts `bytes` at `path`, a file of the sources or one that somebody named: whole or not at all, and
/// without leaving anything else in its folder. A link is followed, also one to a file
/// that is not there yet.
///
/// # Errors
/// Where the file cannot be written, or what is there is no file.
pub fn write_output(path: &Path, bytes: &[u8]) -> Result<()> {
    let target = target_of(path)?;
    let folder = folder_of(&target);
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let partial = beside(&target, &std::process::id().to_string());
    replace(&target, &partial, bytes)
}

/// The most links that are followed, one to the next: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// The file that is written where `path` is: where a link leads in the end, whether or not
/// something is there, else the path itself.
fn target_of(path: &Path) -> Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = folder_of(&target).join(next),
            Err(_) => break,
        }
    }
    if path.exists() && !path.is_file() || target.is_symlink() {
        let fault = format!("{} is no file that could be replaced", path.display());
        let hint = "remove what stands there, or name another file";
        return Err(Kind::Failed.because(fault).hint(hint).into());
    }
    Ok(target)
}

/// A file that is there to be read.
///
/// # Errors
/// Where the file is missing, or no regular file: a pipe could take for ever.
pub fn open(path: &Path) -> std::io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// The bytes of a file, which may have `bound` at most.
///
/// # Errors
/// As [`open`], and where the file is larger.
pub fn read(path: &Path, bound: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(bound + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bound {
        let what = format!("it is larger than {bound} bytes");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// The longest text that is read whole: of a manifest, a buildspec, a template.
const TEXT_BOUND: u64 = 4 * 1024 * 1024;

/// The text of a file, which is none of gigabytes.
///
/// # Errors
/// As [`read`], and where the file is no text.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    String::from_utf8(read(path, TEXT_BOUND)?).map_err(std::io::Error::other)
}

/// The text of a file, or `None` where there is no file.
///
/// # Errors
/// As [`read_text`] for any other reason; the error names the file.
pub fn read_text_if_there(path: &Path) -> Result<Option<String>> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// What TOML stands for. Where it is malformed, the error names the line and what was
/// expected there, without quoting what it holds: that may be a secret.
///
/// # Errors
/// Text that is no TOML of that form.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        anyhow::anyhow!("line {line}: {}", without_value(error.message()))
    })
}

/// A message of serde's without the value that it found, which it quotes where that is of
/// another type: of a secret that is a number without quotes, for example.
fn without_value(message: &str) -> &str {
    let quotes = ["invalid type: ", "invalid value: "];
    match message.rsplit_once(", ") {
        Some((found, expected)) if quotes.iter().any(|start| found.starts_with(start)) => expected,
        _ => message,
    }
}

/// Makes the renames in `path`'s folder last through a power failure.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Removes a file for good; one that is not there is removed already.
///
/// # Errors
/// Where it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.and_then(|()| sync_folder(path)),
    }
    .with_context(|| format!("removing {}", path.display()))
}

/// Removes a folder with everything in it; one that is not there is removed already.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
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

fn replace(path: &Path, partial: &Path, bytes: &[u8]) -> Result<()> {
    write_synced(partial, bytes)
        .and_then(|()| fs::rename(partial, path))
        .and_then(|()| sync_folder(path))
        .inspect_err(|_| drop(fs::remove_file(partial)))
        .with_context(|| format!("writing {}", path.display()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{suffix}"))
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
        thread::scope(|scope| {
            for writer in 0..8_u8 {
                let path = &path;
                scope.spawn(move || write_whole(path, &[b'a' + writer; 10_000]).unwrap());
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert!(!beside(&path, "partial").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
