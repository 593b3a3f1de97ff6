//! Commands that are killed at random moments.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use xtask::oci::Digest;

use super::{Sandbox, tell};

/// How often a promotion is killed in one place.
const KILLS: usize = 100;

/// Promotes backend to one digest and the other in turns, kills that at random
/// moments, and looks at what is left: `tag` is what production points at.
pub(crate) fn kill_promotions(
    place: &str,
    sandbox: &Sandbox,
    digests: [String; 2],
    tag: impl Fn() -> Option<String>,
) {
    let mut random = Random::new();
    let seed = random.0;
    let promote = |digest: &str| sandbox.ok(["promote", "backend", "--digest", digest]);
    promote(&digests[0]);
    let since = Instant::now();
    promote(&digests[1]);
    let usual = since.elapsed();
    let (mut kills, mut moved) = (0, 0);
    for round in 0.. {
        let before = tag();
        let digest = &digests[round % 2];
        let arguments = ["promote", "backend", "--digest", digest];
        let killed = kill(sandbox, &arguments, random.below(usual));
        let after = tag();
        let told = format!("seed {seed}, round {round}: {before:?}, {after:?}");
        assert!(after == before || after.as_ref() == Some(digest), "{told}");
        assert_whole(&sandbox.path("target"));
        promote(digest);
        assert_eq!(tag().as_ref(), Some(digest), "{told}");
        kills += usize::from(killed);
        moved += usize::from(killed && after != before);
        if kills == KILLS {
            break;
        }
    }
    tell(format_args!(
        "kills: {kills} of promotions in {place}, {moved} after the tag had moved (seed {seed})"
    ));
}

/// Rolls backend back and forth, kills that at random moments, and looks at what is
/// left: `tags` is what production and the tag that keeps point at. They change
/// places, or nothing happens.
pub(crate) fn kill_rollbacks(sandbox: &Sandbox, tags: impl Fn() -> [Option<Digest>; 2]) {
    let mut random = Random::new();
    let seed = random.0;
    let since = Instant::now();
    sandbox.ok(["rollback", "backend"]);
    let usual = since.elapsed();
    let (mut kills, mut moved) = (0, 0);
    while kills < KILLS {
        let before = tags();
        let killed = kill(sandbox, &["rollback", "backend"], random.below(usual));
        let after = tags();
        let told = format!("seed {seed}, kill {kills}: {before:?}, {after:?}");
        let [production, kept] = before;
        assert!(
            [[production, kept], [kept, production]].contains(&after),
            "{told}"
        );
        assert_whole(&sandbox.path("target"));
        kills += usize::from(killed);
        moved += usize::from(killed && after != before);
    }
    tell(format_args!(
        "kills: {kills} of rollbacks, {moved} after the tags had moved (seed {seed})"
    ));
    sandbox.ok(["rollback", "backend"]);
}

/// Whether the command was still running at that moment.
fn kill(sandbox: &Sandbox, arguments: &[&str], moment: Duration) -> bool {
    let mut command = sandbox.command(arguments);
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = silent.spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}

/// Asserts that every blob has its digest and every JSON file is whole. What a
/// killed writer left beside them has a name of its own.
fn assert_whole(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            assert_whole(&path);
        } else if name.ends_with(".json") || name == "oci-layout" {
            let whole = serde_json::from_slice::<Value>(&fs::read(&path).unwrap());
            assert!(whole.is_ok(), "{}", path.display());
        } else if folder.ends_with("blobs/sha256") && !name.starts_with('.') {
            assert_eq!(Digest::of(&fs::read(&path).unwrap()).hex(), name);
        }
    }
}

/// Marsaglia's xorshift: enough for moments, and each run has its own.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self(now.as_nanos() as u64 | 1)
    }

    fn below(&mut self, bound: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        bound.mul_f64((self.0 % 10_000) as f64 / 10_000.0)
    }
}
