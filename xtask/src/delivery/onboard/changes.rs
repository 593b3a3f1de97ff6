//! Changes of files that are taken back, unless they are kept.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::error::Kind;
use crate::{console, files, process};

/// Changes of files. Dropped, or when the command is interrupted, each is put back as
/// it was where it still is what was written: what somebody else wrote meanwhile stays.
pub(super) struct Changes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// In the order in which they were made.
    changes: Vec<Change>,
    /// Once true nothing is written any more.
    over: bool,
}

struct Change {
    path: PathBuf,
    kind: ChangeKind,
}

enum ChangeKind {
    /// A folder that was not there.
    Folder,
    File {
        /// What was there; `None` where nothing was.
        earlier: Option<Vec<u8>>,
        ours: Ours,
    },
}

/// What a file has by this command's doing.
enum Ours {
    Content(Option<Vec<u8>>),
    /// Whatever is there: a program that was started for it is writing it.
    Anything,
}

impl Changes {
    /// No changes yet.
    pub(super) fn begin() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let interrupted = Arc::clone(&state);
        process::on_interrupt(move || lock(&interrupted).undo());
        Self(state)
    }

    /// Writes a file, and makes the folders that it needs.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<()> {
        let mut state = lock(&self.0);
        state.check_not_over()?;
        let earlier = read(path)?;
        let folders = path.ancestors().skip(1);
        let new: Vec<_> = folders.take_while(|folder| !folder.exists()).collect();
        state
            .changes
            .extend(new.into_iter().rev().map(|folder| Change {
                path: folder.to_owned(),
                kind: ChangeKind::Folder,
            }));
        let ours = Ours::Content(Some(text.as_bytes().to_vec()));
        state.add(path, earlier, ours);
        files::write_output(path, text.as_bytes())
    }

    /// Lets a program write these files, which `work` starts: what is there afterwards is
    /// put back like what was written here.
    pub(super) fn lend<T>(&self, paths: &[PathBuf], work: impl FnOnce() -> Result<T>) -> Result<T> {
        lock(&self.0).lend(paths)?;
        let worked = work();
        lock(&self.0).take_back(paths)?;
        worked
    }

    /// Leaves everything as it is now.
    pub(super) fn keep(self) {
        lock(&self.0).over = true;
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        lock(&self.0).undo();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The content of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

impl State {
    fn check_not_over(&self) -> Result<()> {
        if self.over {
            return Err(Kind::Interrupted.because("interrupted").into());
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, earlier: Option<Vec<u8>>, ours: Ours) {
        self.changes.push(Change {
            path: path.to_owned(),
            kind: ChangeKind::File { earlier, ours },
        });
    }

    fn lend(&mut self, paths: &[PathBuf]) -> Result<()> {
        self.check_not_over()?;
        for path in paths {
            match self.ours(path) {
                Some(ours) => *ours = Ours::Anything,
                None => {
                    let earlier = read(path)?;
                    self.add(path, earlier, Ours::Anything);
                }
            }
        }
        Ok(())
    }

    fn take_back(&mut self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            let content = read(path)?;
            if let Some(ours) = self.ours(path) {
                *ours = Ours::Content(content);
            }
        }
        Ok(())
    }

    fn ours(&mut self, path: &Path) -> Option<&mut Ours> {
        let changes = self.changes.iter_mut();
        let mut of_path = changes.filter(|change| change.path == path);
        of_path.find_map(|change| match &mut change.kind {
            ChangeKind::File { ours, .. } => Some(ours),
            ChangeKind::Folder => None,
        })
    }

    fn undo(&mut self) {
        if self.over {
            return;
        }
        self.over = true;
        let mut left = BTreeSet::new();
        for change in self.changes.drain(..).rev() {
            match change.undo() {
                Ok(None) => continue,
                Ok(Some(why)) => {
                    console::warn(format_args!("{} {why}", change.path.display()));
                }
                Err(error) => console::error(&error),
            }
            left.insert(change.path);
        }
        if left.is_empty() {
            console::note("everything was put back as it was");
        } else {
            let left: Vec<_> = left.iter().map(|path| path.display().to_string()).collect();
            let left = left.join(", ");
            console::warn(format_args!("all but {left} was put back as it was"));
            console::hint(
                "`git status --short` and `git diff` show what is left of the new service: take it out by hand",
            );
        }
    }
}

impl Change {
    /// Puts back what was there; says why it did not where somebody else wrote there
    /// meanwhile.
    fn undo(&self) -> Result<Option<&'static str>> {
        match &self.kind {
            ChangeKind::Folder => self.remove_folder(),
            ChangeKind::File { earlier, ours } => self.put_back(earlier.as_deref(), ours),
        }
        .with_context(|| format!("putting {} back as it was", self.path.display()))
    }

    fn remove_folder(&self) -> Result<Option<&'static str>> {
        match fs::remove_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Ok(Some("stays: somebody else has put something into it"))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(None),
        }
    }

    fn put_back(&self, earlier: Option<&[u8]>, ours: &Ours) -> Result<Option<&'static str>> {
        let now = read(&self.path)?;
        if now.as_deref() == earlier {
            return Ok(None);
        }
        if matches!(ours, Ours::Content(ours) if *ours != now) {
            return Ok(Some("stays as it is: somebody else has changed it"));
        }
        match earlier {
            Some(bytes) => files::write_output(&self.path, bytes),
            None => files::remove(&self.path),
        }?;
        Ok(None)
    }
}
