//! Reading one piece while the one before it is written.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// A piece's length, and how many of them wait: a megabyte for each blob.
const PIECE: usize = 128 * 1024;
const PIECES: usize = 8;

type Piece = io::Result<Vec<u8>>;

/// What a thread of `scope` reads from `source`. Dropping it ends that thread
/// with its next piece.
pub(super) fn read_ahead<'scope>(
    scope: &'scope Scope<'scope, '_>,
    source: impl Read + Send + 'scope,
) -> Box<dyn Read + Send> {
    let (sender, receiver) = sync_channel(PIECES);
    scope.spawn(move || pump(source, &sender));
    Box::new(Ahead {
        receiver,
        piece: io::Cursor::new(Vec::new()),
    })
}

fn pump(mut source: impl Read, sender: &SyncSender<Piece>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = source.read(&mut piece).map(|count| piece.truncate(count));
        let is_last = read.is_err() || piece.is_empty();
        let sent = sender.send(read.map(|()| piece));
        if is_last || sent.is_err() {
            return;
        }
    }
}

struct Ahead {
    receiver: Receiver<Piece>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        // The thread has ended where nothing comes any more: so has the content.
        let Ok(piece) = self.receiver.recv() else {
            return Ok(0);
        };
        self.piece = io::Cursor::new(piece?);
        self.piece.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ahead_is_what_is_there() {
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|index| index as u8).collect();
        let mut read = Vec::new();
        std::thread::scope(|scope| read_ahead(scope, &*bytes).read_to_end(&mut read)).unwrap();
        assert!(read == bytes);
    }

    #[test]
    fn an_error_comes_after_what_was_read_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut read = Vec::new();
        let error = std::thread::scope(|scope| {
            read_ahead(scope, (&b"before"[..]).chain(Broken)).read_to_end(&mut read)
        });
        assert_eq!(
            (error.unwrap_err().to_string(), &*read),
            ("broken".into(), &b"before"[..])
        );
    }

    #[test]
    fn nobody_waits_for_what_nobody_reads() {
        std::thread::scope(|scope| drop(read_ahead(scope, io::repeat(0))));
    }
}
