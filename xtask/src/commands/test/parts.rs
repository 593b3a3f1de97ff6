//! The parts of the tests that need more than Rust.

use std::fs;

use crate::process;

/// Tests that share what they need.
pub(crate) struct Part {
    /// The part's name, as `--skip` takes it.
    pub(crate) name: &'static str,
    /// What the names of its tests contain: the module that they are in.
    pub(crate) filter: &'static str,
    /// The programs that its tests start.
    pub(crate) programs: &'static [&'static str],
    /// The Debian packages with those programs.
    pub(crate) packages: &'static [&'static str],
}

/// All of them.
pub(crate) const PARTS: [Part; 5] = [
    Part {
        name: "registry",
        filter: "with_registry::",
        programs: &["docker-registry", "htpasswd", "openssl"],
        packages: &["docker-registry", "apache2-utils", "openssl"],
    },
    Part {
        name: "skopeo",
        filter: "with_skopeo::",
        programs: &["skopeo", "docker-registry"],
        packages: &["skopeo", "docker-registry"],
    },
    Part {
        name: "docker",
        filter: "with_docker::",
        programs: &["docker", "dockerd", "docker-registry"],
        packages: &["docker.io", "docker-registry"],
    },
    Part {
        name: "postgres",
        filter: "postgres::",
        programs: &["initdb", "pg_ctl"],
        packages: &["postgresql"],
    },
    Part {
        name: "browser",
        filter: "with_browser::",
        programs: &["chromium", "chromedriver"],
        packages: &["chromium", "chromium-driver"],
    },
];

/// Where Debian keeps the programs of PostgreSQL's server, a folder per version.
const POSTGRESQL: &str = "/usr/lib/postgresql";

impl Part {
    /// The programs that are not there.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let programs = self.programs.iter().copied();
        programs
            .filter(|program| process::find(program).is_none() && !is_of_postgresql(program))
            .collect()
    }
}

fn is_of_postgresql(program: &str) -> bool {
    let versions = fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    let mut folders = versions.map(|version| version.path().join("bin"));
    folders.any(|folder| folder.join(program).is_file())
}
