//! Blobs: streamed, never held in memory.

use std::io::{self, Read};
use std::time::Instant;

use anyhow::Result;
use ureq::http::{Method, StatusCode};

use super::client::{Payload, Request};
use super::failure::{self, Failure};
use super::refusal::Refusal;
use super::session::Session;
use super::{CONTENT_DIGEST, HttpRepository};
use crate::error::{Fault, Kind};
use crate::oci::Descriptor;
use crate::registry::{Content, Repository as _, broken_content};

/// From this size on the registry is asked before a blob is sent. One that does
/// not want it (a proxy's limit, say) answers at once and closes the connection:
/// whoever is still sending then sees a broken connection instead of the answer.
const WORTH_ASKING: u64 = 1024 * 1024;

const EXPECT: &str = "expect";

/// How often a mount is tried. One that a registry cannot do now costs a copy, which
/// is better than no image at all.
const MOUNTS: u32 = 3;

/// How often a blob is sent whose upload the registry forgets meanwhile.
const UPLOADS: u32 = 3;

/// How often a blob may end too early at the same place. Then the registry has no more
/// of it.
const ENDS: u32 = 3;

impl HttpRepository {
    pub(super) fn head_blob(&self, blob: &Descriptor) -> Result<bool> {
        let request = Request::new(Method::HEAD, self.url("blobs", blob.digest));
        let what = format!("looking at the blob {}", self.name().at(&blob.digest));
        self.session.persist(&what, || {
            let answer = self.session.exchange(&request)?;
            match answer.status {
                StatusCode::OK => Ok(true),
                StatusCode::NOT_FOUND => Ok(false),
                _ => Err(self.session.unexpected(&answer.into_refusal())),
            }
        })
    }

    /// Uploads in one piece (distribution specification, "POST then PUT"). Each
    /// try is an upload of its own; one whose answer got lost is found by `HEAD`.
    pub(super) fn upload(&self, blob: &Descriptor, content: &dyn Content) -> Result<()> {
        let what = format!("uploading the blob {}", self.name().at(&blob.digest));
        let mut tries = 0;
        self.session.persist(&what, || {
            if tries > 0 && self.head_blob(blob)? {
                return Ok(());
            }
            tries += 1;
            let location = self.begin_upload()?;
            match self.finish_upload(&location, blob, content)? {
                None => Ok(()),
                Some(refusal) if refusal.is_of_lost_upload() && tries < UPLOADS => {
                    let why = format!("the upload is gone: {}{}", refusal.status, refusal.said());
                    Err(Failure::again(why))
                }
                Some(refusal) => Err(self.session.unexpected(&refusal)),
            }
        })
    }

    fn begin_upload(&self) -> Result<String, Failure> {
        let mut request = Request::new(Method::POST, self.url("blobs", "uploads/"));
        request.body = Payload::Bytes(&[]);
        let answer = self.session.exchange(&request)?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(self.session.unexpected(&answer.into_refusal()));
        }
        answer.location()
    }

    /// Sends the blob; gives the answer where the registry does not take it.
    fn finish_upload(
        &self,
        location: &str,
        blob: &Descriptor,
        content: &dyn Content,
    ) -> Result<Option<Refusal>, Failure> {
        let joint = if location.contains('?') { "&" } else { "?" };
        let mut request = Request::new(
            Method::PUT,
            format!("{location}{joint}digest={}", blob.digest),
        );
        request
            .headers
            .push(("content-type", "application/octet-stream".into()));
        request.body = Payload::Blob(content, blob.size);
        if blob.size >= WORTH_ASKING {
            request.headers.push((EXPECT, "100-continue".into()));
        }
        let mut answer = self.session.exchange(&request)?;
        if answer.status == StatusCode::EXPECTATION_FAILED {
            drop(answer);
            request.headers.retain(|(name, _)| *name != EXPECT);
            answer = self.session.exchange(&request)?;
        }
        if !answer.status.is_success() {
            return Ok(Some(answer.into_refusal()));
        }
        self.session
            .count_bytes(usize::try_from(blob.size).unwrap_or(usize::MAX));
        match answer.header(CONTENT_DIGEST) {
            Some(digest) if blob.digest.is_denied_by(digest) => {
                let fault = format!(
                    "{} was sent, the registry says that it stored {digest:?}",
                    blob.digest
                );
                Err(Kind::Failed.because(fault).into())
            }
            _ => Ok(None),
        }
    }

    /// Takes a blob over from the repository `source` of the same registry. A
    /// registry that would rather have it uploaded says so with 202, others with
    /// a refusal, or fail: all of it means no. The token needs `pull` on the source as well.
    pub(super) fn mount(&self, blob: &Descriptor, source: &str) -> Result<bool> {
        let scope = format!(
            "repository:{}:pull,push repository:{source}:pull",
            self.path
        );
        let session = Session::new(self.client.clone(), self.state.clone(), scope);
        let url = self.url(
            "blobs",
            format_args!("uploads/?mount={}&from={source}", blob.digest),
        );
        let mut request = Request::new(Method::POST, url);
        request.body = Payload::Bytes(&[]);
        let what = format!("mounting the blob {}", self.name().at(&blob.digest));
        let mut tries = 0;
        let mounted = session.persist(&what, || {
            tries += 1;
            match session.exchange(&request) {
                Ok(answer) => Ok(answer.status == StatusCode::CREATED),
                Err(Failure::Again { .. }) if tries == MOUNTS => Ok(false),
                Err(failure) => Err(failure),
            }
        });
        self.session.add_traffic(session.traffic());
        match mounted {
            // A token server may give nothing at all where it does not give everything.
            Err(error) if matches!(Fault::kind_of(&error), Kind::Denied | Kind::NotFound) => {
                Ok(false)
            }
            mounted => mounted,
        }
    }
}

/// A blob on its way in. A connection that breaks is made anew, and the blob
/// goes on where it stopped.
pub(super) struct Download<'a> {
    repository: &'a HttpRepository,
    blob: Descriptor,
    position: u64,
    /// How often it ended there.
    ends: u32,
    stream: Box<dyn Read + Send + 'a>,
}

impl<'a> Download<'a> {
    pub(super) fn open(
        repository: &'a HttpRepository,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<Self> {
        Ok(Self {
            stream: open_at(repository, blob, offset)?,
            repository,
            blob: blob.clone(),
            position: offset,
            ends: 0,
        })
    }

    /// One read; an end before the blob's may be a broken connection.
    fn read_once(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        match self.stream.read(buffer) {
            Ok(0) if self.position < self.blob.size && !buffer.is_empty() => {
                self.ends += 1;
                let why = format!(
                    "it ended after {} of {} bytes",
                    self.position, self.blob.size
                );
                if self.ends < ENDS {
                    return Err(Failure::again(why));
                }
                let fault = Kind::Unavailable.because(why);
                Err(fault.hint("the blob is not whole there, or is not as large as the manifest says: push the image again").into())
            }
            Ok(count) => {
                if count > 0 {
                    self.ends = 0;
                }
                self.position += count as u64;
                Ok(count)
            }
            Err(error) => Err(failure::of_io(&error)),
        }
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let repository = self.repository;
        let what = format!(
            "downloading the blob {}",
            repository.name().at(&self.blob.digest)
        );
        let mut broken = false;
        let read = repository.session.persist(&what, || {
            if broken {
                // The broken connection counts as one of the host's no longer.
                self.stream = Box::new(io::empty());
                self.stream = open_once(repository, &self.blob, self.position)?;
            }
            broken = true;
            self.read_once(buffer)
        });
        read.map_err(broken_content)
    }
}

/// The bytes of one answer: counted, and lets the clock stand still while they move.
struct Arriving<'a, R> {
    session: &'a Session,
    answer: R,
}

impl<R: Read> Read for Arriving<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let clock = &self.session.client().clock;
        if clock.remaining().is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let since = Instant::now();
        let count = self.answer.read(buffer)?;
        clock.moved(since, count as u64);
        self.session.count_bytes(count);
        Ok(count)
    }
}

fn open_at<'a>(
    repository: &'a HttpRepository,
    blob: &Descriptor,
    offset: u64,
) -> Result<Box<dyn Read + Send + 'a>> {
    let what = format!("opening the blob {}", repository.name().at(&blob.digest));
    repository
        .session
        .persist(&what, || open_once(repository, blob, offset))
}

fn open_once<'a>(
    repository: &'a HttpRepository,
    blob: &Descriptor,
    offset: u64,
) -> Result<Box<dyn Read + Send + 'a>, Failure> {
    let session = &repository.session;
    let mut request = Request::new(Method::GET, repository.url("blobs", blob.digest));
    request.answered_by_blob = true;
    if offset > 0 {
        request.headers.push(("range", format!("bytes={offset}-")));
    }
    let answer = session.exchange(&request)?;
    let known = match answer.status {
        StatusCode::PARTIAL_CONTENT if offset > 0 => 0,
        // Without support for ranges it begins anew: what is known already is passed over.
        StatusCode::OK => offset,
        // There is nothing behind what is known.
        StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => return Ok(Box::new(io::empty())),
        _ => return Err(session.unexpected(&answer.into_refusal())),
    };
    let mut arriving = Arriving {
        session,
        answer: answer.into_reader(),
    };
    io::copy(&mut arriving.by_ref().take(known), &mut io::sink())
        .map_err(|error| failure::of_io(&error))?;
    Ok(Box::new(arriving))
}
