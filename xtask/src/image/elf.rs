//! What the header of a binary says (System V ABI, "ELF Header").

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::platform::Platform;
use crate::error::Kind;

/// The type of the program header that names a dynamic linker.
const PT_INTERP: u32 = 3;

/// Checks that `binary` runs on `platform` in an image with nothing else in it.
pub(super) fn check_static(binary: &Path, platform: &Platform) -> Result<()> {
    let header = Header::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    if header.machine != platform.machine {
        let fault = format!(
            "{} is not compiled for {}",
            binary.display(),
            platform.architecture
        );
        return Err(Kind::Failed.because(fault).into());
    }
    if header.has_interpreter {
        let fault = format!(
            "{} is linked dynamically and would not start in an image without a libc",
            binary.display()
        );
        let hint = "a `-gnu` target needs the static libc (Debian: apt-get install libc6-dev), or choose a `-musl` target in [workspace.metadata.delivery]";
        return Err(Kind::Failed.because(fault).hint(hint).into());
    }
    Ok(())
}

struct Header {
    machine: u16,
    has_interpreter: bool,
}

impl Header {
    fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; 64];
        file.read_exact(&mut header)?;
        if header[..4] != *b"\x7fELF" || header[4] != 2 {
            bail!("it is no 64-bit ELF file");
        }
        let little = header[5] == 1;
        let at = |offset: usize, length: usize| number(&header[offset..offset + length], little);
        let (offset, size, count) = (at(32, 8), at(54, 2), at(56, 2));
        let mut has_interpreter = false;
        for index in 0..count {
            let mut kind = [0; 4];
            file.seek(SeekFrom::Start(offset + index * size))?;
            file.read_exact(&mut kind)?;
            has_interpreter |= number(&kind, little) == u64::from(PT_INTERP);
        }
        Ok(Self {
            machine: at(18, 2) as u16,
            has_interpreter,
        })
    }
}

fn number(bytes: &[u8], little: bool) -> u64 {
    let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if little {
        bytes.iter().rev().fold(0, append)
    } else {
        bytes.iter().fold(0, append)
    }
}
