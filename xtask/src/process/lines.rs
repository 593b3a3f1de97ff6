//! What a child says, line by line.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _};

/// How much Linux keeps in a pipe: what is read at once at most.
const PIPE_BYTES: usize = 64 * 1024;

/// The longest line that is kept in memory, in bytes.
const LINE_BOUND: u64 = 64 * 1024;

/// The lines of a child's output. Whatever its bytes are, reading goes on until the child
/// has closed it: a child whose output nobody reads any more dies of its next line. So
/// what is no UTF-8 is replaced, and a line that is too long comes in pieces.
pub struct Lines(BufReader<PipeReader>);

impl Lines {
    /// The lines of `output`.
    pub fn of(output: PipeReader) -> Self {
        Self(BufReader::with_capacity(PIPE_BYTES, output))
    }

    /// Reads the rest for nobody: taking it apart would cost the child its processor.
    pub fn drain(mut self) {
        // An output that cannot be read has ended.
        let _ = io::copy(&mut self.0, &mut io::sink());
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut piece = self.0.by_ref().take(LINE_BOUND);
        // An output that cannot be read has ended.
        if piece.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(String::from_utf8_lossy(text).into_owned())
    }
}
