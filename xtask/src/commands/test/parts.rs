//! The parts of the tests that need more than Rust.

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
pub(crate) const PARTS: [Part; 4] = [
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
        name: "cfn-lint",
        filter: "with_cfn_lint::",
        programs: &["cfn-lint"],
        // It is no package of Debian: pip installs it.
        packages: &[],
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
}
