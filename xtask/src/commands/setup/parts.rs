//! The parts of the tests that need more than Rust.

use std::fs;
use std::path::Path;

use super::python::PythonTool;
use crate::process;

/// Tests that share what they need.
pub(crate) struct Part {
    /// The part's name, as `--skip` takes it.
    pub(crate) name: &'static str,
    /// What the names of its tests contain: the module that they are in.
    pub(crate) filter: &'static str,
    /// The programs that its tests start.
    pub(crate) programs: &'static [&'static str],
    /// The Debian packages with those programs, and with what `tools` need.
    pub(crate) packages: &'static [&'static str],
    /// The programs from PyPI that its tests start.
    pub(crate) tools: &'static [PythonTool],
}

/// All of them.
pub(crate) const PARTS: [Part; 9] = [
    Part {
        name: "registry",
        filter: "with_registry::",
        programs: &["docker-registry", "htpasswd", "openssl"],
        packages: &["docker-registry", "apache2-utils", "openssl"],
        tools: &[],
    },
    Part {
        name: "skopeo",
        filter: "with_skopeo::",
        programs: &["skopeo", "docker-registry"],
        packages: &["skopeo", "docker-registry"],
        tools: &[],
    },
    Part {
        name: "docker",
        filter: "with_docker::",
        programs: &["docker", "dockerd", "docker-registry"],
        packages: &["docker.io", "docker-registry"],
        tools: &[],
    },
    Part {
        name: "moto",
        filter: "with_moto::",
        programs: &["python3", "openssl", "script"],
        packages: &["python3-venv", "openssl", "bsdutils"],
        tools: &[PythonTool {
            program: "moto_server",
            package: "moto",
            extras: "[server]",
            version: "5.2.5",
        }],
    },
    Part {
        name: "postgres",
        filter: "postgres::",
        programs: &["initdb", "pg_ctl"],
        packages: &["postgresql"],
        tools: &[],
    },
    Part {
        name: "openssl",
        filter: "with_openssl::",
        programs: &["openssl"],
        packages: &["openssl"],
        tools: &[],
    },
    Part {
        name: "schemathesis",
        filter: "with_schemathesis::",
        programs: &["python3"],
        packages: &["python3-venv"],
        tools: &[PythonTool {
            program: "schemathesis",
            package: "schemathesis",
            extras: "",
            version: "4.32.5",
        }],
    },
    Part {
        name: "cfn-lint",
        filter: "with_cfn_lint::",
        programs: &["python3"],
        packages: &["python3-venv"],
        tools: &[PythonTool {
            program: "cfn-lint",
            package: "cfn-lint",
            extras: "",
            version: "1.41.0",
        }],
    },
    Part {
        name: "browser",
        filter: "with_browser::",
        programs: &["chromium", "chromedriver"],
        // The font is for what the screenshots say in Japanese.
        packages: &["chromium", "chromium-driver", "fonts-vlgothic"],
        tools: &[],
    },
];

/// Where Debian keeps the programs of PostgreSQL's server, a folder per version.
const POSTGRESQL: &str = "/usr/lib/postgresql";

impl Part {
    /// The programs that are not there. Those from PyPI are below `tools`.
    pub(crate) fn missing(&self, tools: &Path) -> Vec<&'static str> {
        let lacking = self.tools.iter().filter(|tool| !tool.is_installed(tools));
        self.programs
            .iter()
            .copied()
            .filter(|program| process::find(program).is_none() && !is_of_postgresql(program))
            .chain(lacking.map(|tool| tool.program))
            .collect()
    }
}

fn is_of_postgresql(program: &str) -> bool {
    let versions = fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    let mut folders = versions.map(|version| version.path().join("bin"));
    folders.any(|folder| folder.join(program).is_file())
}
