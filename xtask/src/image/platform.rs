//! Rust's targets in the words of the image specification ("Image Index",
//! `platform`, which takes Go's names).

use anyhow::Result;

use crate::error::Kind;

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Platform {
    /// Go's `GOARCH`.
    pub(super) architecture: &'static str,
    /// The ELF header's `e_machine`.
    pub(super) machine: u16,
}

impl Platform {
    /// The platform that `target`, e.g. `x86_64-unknown-linux-gnu`, compiles for.
    pub(super) fn of(target: &str) -> Result<Self> {
        let known = [
            ("x86_64", "amd64", 62),
            ("aarch64", "arm64", 183),
            ("riscv64gc", "riscv64", 243),
            ("s390x", "s390x", 22),
        ];
        let cpu = target.split('-').next().unwrap_or_default();
        let found = known.into_iter().find(|(name, ..)| *name == cpu);
        let Some((_, architecture, machine)) = found else {
            let names = known.map(|(name, ..)| name).join(", ");
            let fault = format!(
                "the key `target` in [workspace.metadata.delivery] is {target:?}: no image platform is known for it"
            );
            return Err(Kind::Configuration
                .because(fault)
                .hint(format!("known are Linux targets of {names}"))
                .into());
        };
        Ok(Self {
            architecture,
            machine,
        })
    }
}
