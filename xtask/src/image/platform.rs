//! Rust's targets in the words of the image specification ("Image Index",
//! `platform`, which takes Go's names), and in those of AWS.

use crate::error::{Fault, Kind};
use crate::workspace::Workspace;

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Platform {
    /// Go's `GOARCH`.
    pub(super) architecture: &'static str,
    /// The ELF header's `e_machine`.
    pub(super) machine: u16,
    aws: Option<AwsProcessor>,
}

/// A processor that both Fargate and CodeBuild have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AwsProcessor {
    /// Fargate's word for it (Amazon ECS Developer Guide, "Amazon ECS task definition
    /// parameters for Fargate", `cpuArchitecture`).
    pub(crate) cpu_architecture: &'static str,
    /// CodeBuild's type of machine (AWS CodeBuild User Guide, "Build environment
    /// compute modes and types").
    pub(crate) build_environment: &'static str,
    /// CodeBuild's image (AWS CodeBuild User Guide, "Docker images provided by CodeBuild").
    pub(crate) build_image: &'static str,
}

/// The platforms by the first part of a target.
const KNOWN: [(&str, Platform); 4] = [
    (
        "x86_64",
        Platform {
            architecture: "amd64",
            machine: 62,
            aws: Some(AwsProcessor {
                cpu_architecture: "X86_64",
                build_environment: "LINUX_CONTAINER",
                build_image: "aws/codebuild/standard:8.0",
            }),
        },
    ),
    (
        "aarch64",
        Platform {
            architecture: "arm64",
            machine: 183,
            aws: Some(AwsProcessor {
                cpu_architecture: "ARM64",
                build_environment: "ARM_CONTAINER",
                build_image: "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            }),
        },
    ),
    (
        "riscv64gc",
        Platform {
            architecture: "riscv64",
            machine: 243,
            aws: None,
        },
    ),
    (
        "s390x",
        Platform {
            architecture: "s390x",
            machine: 22,
            aws: None,
        },
    ),
];

impl Platform {
    /// The platform of the workspace's target, e.g. `x86_64-unknown-linux-gnu`.
    pub(super) fn of(workspace: &Workspace) -> Result<Self, Fault> {
        let cpu = workspace.target.split('-').next();
        let mut known = KNOWN.into_iter();
        let found = known.find(|(name, _)| Some(*name) == cpu);
        let (_, platform) = found.ok_or_else(|| {
            let why = "no image platform is known for it";
            refused(workspace, why, "known are Linux targets of", |_| true)
        })?;
        Ok(platform)
    }
}

impl AwsProcessor {
    /// The processor of the workspace's target.
    ///
    /// # Errors
    /// AWS has none: images of that target are for machines elsewhere.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self, Fault> {
        Platform::of(workspace)?.aws.ok_or_else(|| {
            let why = "neither Fargate nor CodeBuild has such a processor";
            refused(workspace, why, "AWS has those of", |platform| {
                platform.aws.is_some()
            })
        })
    }
}

/// The target is refused; those of the platforms that are `possible` would not be.
fn refused(
    workspace: &Workspace,
    why: &str,
    hint: &str,
    possible: impl Fn(&Platform) -> bool,
) -> Fault {
    let possible = KNOWN.iter().filter(|(_, platform)| possible(platform));
    let names: Vec<_> = possible.map(|(name, _)| *name).collect();
    let manifest = workspace.root.join("Cargo.toml");
    let fault = format!(
        "the key `target` in [workspace.metadata.delivery] of {} is {:?}: {why}",
        manifest.display(),
        workspace.target
    );
    let hint = format!(
        "{hint} {}, e.g. target = \"x86_64-unknown-linux-gnu\"",
        names.join(", ")
    );
    Kind::Configuration.because(fault).hint(hint)
}
