//! Commands that are killed at random moments.

use std::fmt;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use xtask::oci::Digest;

use super::{Sandbox, tell};

/// How often a promotion is killed in one place, at least.
const KILLS: usize = 100;

/// Promotes backend to one digest and the other in turns, kills that at random
/// moments, and looks at what is left: `tag` is what production points at.
pub(crate) fn kill_promotions(
    place: &str,
    sandbox: &Sandbox,
    digests: [String; 2],
    tag: impl Fn() -> Option<String>,
) {
    let promote = |digest: &str| sandbox.ok(["promote", "backend", "--digest", digest]);
    promote(&digests[0]);
    let mut kills = Kills::within(|| drop(promote(&digests[1])));
    for round in 0.. {
        let before = tag();
        let digest = &digests[round % 2];
        let arguments = ["promote", "backend", "--digest", digest];
        let killed = kills.kill(sandbox, &arguments);
        let after = tag();
        let told = format!("{kills}, round {round}: {before:?}, {after:?}");
        assert!(after == before || after.as_ref() == Some(digest), "{told}");
        assert_whole(&sandbox.path("target"));
        promote(digest);
        assert_eq!(tag().as_ref(), Some(digest), "{told}");
        if killed && kills.were_enough_with(after != before) {
            break;
        }
    }
    tell(format_args!("promotions in {place}: {kills}"));
}

/// Rolls backend back and forth, kills that at random moments, and looks at what is
/// left: `tags` is what production and the tag that keeps point at. They change
/// places, or nothing happens.
pub(crate) fn kill_rollbacks(sandbox: &Sandbox, tags: impl Fn() -> [Option<Digest>; 2]) {
    let mut kills = Kills::within(|| drop(sandbox.ok(["rollback", "backend"])));
    loop {
        let before = tags();
        let killed = kills.kill(sandbox, &["rollback", "backend"]);
        let after = tags();
        let told = format!("{kills}: {before:?}, {after:?}");
        let [production, kept] = before;
        assert!(
            [[production, kept], [kept, production]].contains(&after),
            "{told}"
        );
        assert_whole(&sandbox.path("target"));
        if killed && kills.were_enough_with(after != before) {
            break;
        }
    }
    tell(format_args!("rollbacks: {kills}"));
    sandbox.ok(["rollback", "backend"]);
}

/// Kills at random moments within a whole run.
struct Kills {
    random: Random,
    seed: u64,
    usual: Duration,
    before: usize,
    after: usize,
}

impl Kills {
    fn within(run: impl FnOnce()) -> Self {
        let random = Random::new();
        let since = Instant::now();
        run();
        Self {
            seed: random.0,
            random,
            usual: since.elapsed(),
            before: 0,
            after: 0,
        }
    }

    /// Whether the command was still running at that moment.
    fn kill(&mut self, sandbox: &Sandbox, arguments: &[&str]) -> bool {
        let mut command = sandbox.command(arguments);
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = silent.spawn().unwrap();
        std::thread::sleep(self.random.below(self.usual));
        child.kill().unwrap();
        let killed = child.wait().unwrap().signal() == Some(9);
        // However busy the machine becomes, every sixth run or so ends by itself, and
        // the moments reach from its beginning to its end.
        self.usual = self.usual.mul_f64(if killed { 1.02 } else { 0.9 });
        killed
    }

    /// Counts a kill. There were enough when some fell on either side of the move: a
    /// fault on a side that none fell on would stay unseen.
    fn were_enough_with(&mut self, moved: bool) -> bool {
        let side = if moved {
            &mut self.after
        } else {
            &mut self.before
        };
        *side += 1;
        let all = self.before + self.after;
        let on_both_sides = self.before > 0 && self.after > 0;
        assert!(on_both_sides || all < 10 * KILLS, "{self}");
        on_both_sides && all >= KILLS
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            before,
            after,
            ..
        } = self;
        write!(
            formatter,
            "{before} kills before the move, {after} after it (seed {seed})"
        )
    }
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
