//! Content that is checked while it is read.

use std::io::{self, Read};

use anyhow::{Result, bail};

use super::broken_content;
use crate::oci::{Descriptor, Hasher};

/// Content that ends with an error where it is not what its descriptor says, so
/// that the request that carries it breaks and nobody stores it.
pub struct Verified<R> {
    source: R,
    blob: Descriptor,
    hasher: Option<Hasher>,
    length: u64,
}

impl<R: Read> Verified<R> {
    /// `source`, which is to give the content of `blob`.
    pub fn new(source: R, blob: Descriptor) -> Self {
        Self {
            source,
            blob,
            hasher: Some(Hasher::new()),
            length: 0,
        }
    }

    fn check(&mut self) -> Result<()> {
        if self.length != self.blob.size {
            bail!(
                "the blob {} has {} bytes, not {}",
                self.blob.digest,
                self.length,
                self.blob.size
            );
        }
        // What comes after it was found right can only be too much.
        let Some(hasher) = self.hasher.take() else {
            return Ok(());
        };
        let found = hasher.finish();
        if found != self.blob.digest {
            bail!("the blob {} has the digest {found}", self.blob.digest);
        }
        Ok(())
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.length += count as u64;
        // The request ends with the last byte: the check cannot wait for the end.
        if count == 0 || self.length >= self.blob.size {
            self.check().map_err(broken_content)?;
        }
        Ok(count)
    }
}
