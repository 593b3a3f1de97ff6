//! The parts of the tests that need more than Rust.

use crate::process;

/// Tests that share what they need.
pub(crate) struct Part {
    /// The part's name, and the module that its tests are in.
    pub(crate) name: &'static str,
    /// The programs that its tests start.
    pub(crate) programs: &'static [&'static str],
    /// The Debian packages with those programs.
    pub(crate) packages: &'static [&'static str],
}

/// All of them.
pub(crate) const PARTS: [Part; 3] = [
    Part {
        name: "registry",
        programs: &["docker-registry", "htpasswd"],
        packages: &["docker-registry", "apache2-utils"],
    },
    Part {
        name: "skopeo",
        programs: &["skopeo", "docker-registry"],
        packages: &["skopeo", "docker-registry"],
    },
    Part {
        name: "docker",
        programs: &["docker", "dockerd", "docker-registry"],
        packages: &["docker.io", "docker-registry"],
    },
];

impl Part {
    /// The programs that are not there.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.programs
            .iter()
            .copied()
            .filter(|program| process::find(program).is_none())
            .collect()
    }

    /// What the names of the part's tests contain.
    pub(crate) fn filter(&self) -> String {
        format!("{}::", self.name)
    }
}
