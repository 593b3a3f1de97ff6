//! Changes of files that are taken back, unless they are kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::error::Kind;
use crate::{console, files, process};

/// Changes of files. Dropped, or when the command is interrupted, everything is
/// put back as it was.
pub(super) struct Changes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What was there, in the order of the changes; `None` where nothing was.
    earlier: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// Once true nothing is written any more.
    over: bool,
}

impl Changes {
    /// No changes yet.
    pub(super) fn begin() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let interrupted = Arc::clone(&state);
        process::on_interrupt(move || lock(&interrupted).undo());
        Self(state)
    }

    /// Writes a file. In a folder that is new, all else goes with it.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<()> {
        let mut state = lock(&self.0);
        state.remember(path)?;
        files::write_output(path, text.as_bytes())
    }

    /// Remembers a file that another program changes.
    pub(super) fn remember(&self, path: &Path) -> Result<()> {
        lock(&self.0).remember(path)
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

impl State {
    fn remember(&mut self, path: &Path) -> Result<()> {
        if self.over {
            return Err(Kind::Interrupted.because("interrupted").into());
        }
        let new = path.ancestors().take_while(|path| !path.exists()).last();
        let earlier = match new {
            Some(new) => (new.to_owned(), None),
            None => {
                let bytes =
                    fs::read(path).with_context(|| format!("reading {}", path.display()))?;
                (path.to_owned(), Some(bytes))
            }
        };
        self.earlier.push(earlier);
        Ok(())
    }

    fn undo(&mut self) {
        if self.over {
            return;
        }
        self.over = true;
        let mut left = Vec::new();
        for (path, earlier) in self.earlier.drain(..).rev() {
            if let Err(error) = put_back(&path, earlier) {
                console::error(&error);
                left.push(path.display().to_string());
            }
        }
        if left.is_empty() {
            console::note("everything was put back as it was");
        } else {
            let left = left.join(", ");
            console::warn(format_args!("all but {left} was put back as it was"));
            console::hint("`git status --short` shows what is left of the new service");
        }
    }
}

fn put_back(path: &Path, earlier: Option<Vec<u8>>) -> Result<()> {
    let putting_back = || format!("putting {} back as it was", path.display());
    match earlier {
        Some(bytes) => files::write_output(path, &bytes),
        None if path.is_dir() => files::remove_folder(path),
        None if path.exists() => fs::remove_file(path).map_err(Into::into),
        None => Ok(()),
    }
    .with_context(putting_back)
}
