//! Programs from PyPI, in environments of their own below the target directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::files;
use crate::process::{self, CommandLine};

/// A program of a package on PyPI.
pub(crate) struct PythonTool {
    /// The program.
    pub(crate) program: &'static str,
    /// The package with that program.
    pub(crate) package: &'static str,
    /// What of the package is wanted, e.g. `[server]`.
    pub(crate) extras: &'static str,
    /// The package's version.
    pub(crate) version: &'static str,
}

impl PythonTool {
    /// What `pip install` takes.
    fn requirement(&self) -> String {
        format!("{}{}=={}", self.package, self.extras, self.version)
    }

    /// The environment below `folder`. No two packages share one: what they depend
    /// on may clash.
    fn environment(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{}", self.package, self.version))
    }

    /// Where the tests find the program, whatever its version.
    fn link(&self, folder: &Path) -> PathBuf {
        folder.join("bin").join(self.program)
    }

    /// Whether the program of this very version is below `folder`. The link is made
    /// last, so that it says that the installation was complete.
    pub(crate) fn is_installed(&self, folder: &Path) -> bool {
        let target = self.environment(folder).join("bin").join(self.program);
        fs::read_link(self.link(folder)).is_ok_and(|link| link == target && target.is_file())
    }

    /// Installs the program below `folder`.
    pub(crate) fn install(&self, folder: &Path) -> Result<()> {
        let environment = self.environment(folder);
        let programs = environment.join("bin");
        files::remove_folder(&environment)?;
        let create = CommandLine::new("python3")
            .args(["-m", "venv"])
            .arg(&environment);
        let here = Path::new(".");
        process::succeed(&create, here, |expression| expression)?;
        let install = CommandLine::new(programs.join("pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg(self.requirement());
        process::succeed(&install, here, |expression| expression)?;
        let link = self.link(folder);
        let linking = || format!("linking {}", link.display());
        fs::create_dir_all(folder.join("bin")).with_context(linking)?;
        if link.is_symlink() {
            fs::remove_file(&link).with_context(linking)?;
        }
        symlink(programs.join(self.program), &link).with_context(linking)
    }
}
