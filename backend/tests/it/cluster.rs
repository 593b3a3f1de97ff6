//! A PostgreSQL of the tests' own, on a Unix socket in a temporary folder.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Makes the cluster, obeys lines of its standard input, and removes the cluster when that ends: also where the tests
/// crash.
const KEEPER: &str = r#"
set -eu
DIR=$(mktemp -d)
trap 'pg_ctl -D "$DIR/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$DIR"' EXIT
trap 'exit 1' HUP INT TERM
start() {
    pg_ctl -D "$DIR/data" -l "$DIR/log" -w -o "-k $DIR -c listen_addresses= -c fsync=off" start >/dev/null </dev/null
}
initdb -D "$DIR/data" --username=test --auth=trust --no-sync >/dev/null
start
echo "$DIR"
while read -r command; do
    case $command in
        stop) pg_ctl -D "$DIR/data" -m fast -w stop >/dev/null ;;
        start) start ;;
    esac
    echo "$command"
done
"#;

/// A running cluster, as long as this value or the process lives.
pub(crate) struct Cluster {
    _keeper: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    socket: String,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let mut keeper = keeper()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let commands = keeper.stdin.take().expect("its standard input");
        let answers = BufReader::new(keeper.stdout.take().expect("its standard output"));
        let mut cluster = Self {
            _keeper: keeper,
            commands,
            answers,
            socket: String::new(),
        };
        cluster.socket = cluster.answer();
        cluster
    }

    /// Stops or starts the server, and returns when it has.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("the cluster's keeper");
        assert_eq!(self.answer(), command);
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("the cluster's keeper");
        assert!(
            !line.is_empty(),
            "PostgreSQL did not start; its message is above"
        );
        line.trim_end().to_owned()
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://test@localhost/{database}?host={}", self.socket)
    }

    /// The URL of a new database.
    pub(crate) async fn create_database(&self) -> String {
        let name = new_name();
        create(&self.url("postgres"), &name).await;
        self.url(&name)
    }
}

/// The URL of a new database in a cluster that all tests share.
pub(crate) async fn new_database() -> String {
    // Before the first use of what is shared, whose panic only one test would report in its own words.
    programs();
    static SHARED: LazyLock<Mutex<Cluster>> = LazyLock::new(|| Mutex::new(Cluster::start()));
    let name = new_name();
    let (admin, url) = {
        let cluster = SHARED.lock().expect("no test panics while it holds this");
        (cluster.url("postgres"), cluster.url(&name))
    };
    create(&admin, &name).await;
    url
}

fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn create(admin: &str, name: &str) {
    let mut connection = PgConnection::connect(admin)
        .await
        .expect("the test's own PostgreSQL");
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("a database");
}

/// PostgreSQL refuses to run as root, so root steps down to the account that Debian's package made.
fn keeper() -> Command {
    let path = format!("{}:/usr/bin:/bin", programs().display());
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| {
        use std::os::unix::fs::MetadataExt;
        process.uid() == 0
    });
    let mut command = Command::new(if is_root { "/usr/sbin/runuser" } else { "sh" });
    if is_root {
        command.args(["-u", "postgres", "--", "sh"]);
    }
    command
        .args(["-c", KEEPER])
        .env("PATH", path)
        .env("LC_ALL", "C")
        .current_dir("/");
    command
}

/// Where the newest PostgreSQL of the machine keeps its programs: Debian does not put these on the PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max();
    newest.expect("PostgreSQL is not installed: run `cargo xtask setup`")
}
