//! SQLite. One connection, which requests use in turn: a statement takes microseconds, less than handing it to
//! another thread would.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, ffi, params_from_iter};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep};

use super::{Argument, Error, Row};

/// How long to wait where another process writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before the next try; another process usually writes for less.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(super) struct Database {
    connection: Arc<Mutex<Connection>>,
    file: Option<Arc<File>>,
}

/// The file that is open, and where it was found. SQLite goes on with one that was removed or replaced, and what it
/// writes there is lost.
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl File {
    fn at(path: PathBuf) -> Result<Self, Error> {
        let identity = Self::identity(&path)?;
        Ok(Self { path, identity })
    }

    /// Its device, and its number there.
    fn identity(path: &Path) -> Result<(u64, u64), Error> {
        fs::metadata(path)
            .map(|file| (file.dev(), file.ino()))
            .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display()).into()))
    }

    fn check(&self) -> Result<(), Error> {
        if Self::identity(&self.path)? == self.identity {
            Ok(())
        } else {
            let replaced = format!("{} was replaced by another file", self.path.display());
            Err(Error::Unavailable(replaced.into()))
        }
    }
}

impl Database {
    pub(super) fn in_memory() -> Result<Self, Error> {
        Self::new(Connection::open_in_memory()?)
    }

    /// The default flags create the file where there is none, and understand URIs.
    pub(super) fn file(uri: &str) -> Result<Self, Error> {
        let connection = Connection::open(uri)?;
        // Readers in other processes do not wait, and a commit does not wait for the disk: a power failure may lose
        // the last ones, but never breaks the file.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Self::new(connection)
    }

    fn new(connection: Connection) -> Result<Self, Error> {
        // SQLite's own waiting would stop the thread, and with it requests that need no database.
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(64);
        // A cached statement would otherwise be planned again with every new argument, which takes longer than it runs.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let path = connection.path().filter(|path| !path.is_empty());
        let file = path.map(|path| File::at(path.into())).transpose()?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            file: file.map(Arc::new),
        })
    }

    pub(super) async fn read(&self) -> Result<Session, Error> {
        let connection = Arc::clone(&self.connection).lock_owned().await;
        self.file.as_ref().map_or(Ok(()), |file| file.check())?;
        Ok(Session(connection))
    }

    pub(super) async fn write(&self) -> Result<Session, Error> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            // Whoever only reads gets the connection during the pause.
            if let Some(session) = self.read().await?.begin(Instant::now() < deadline)? {
                return Ok(session);
            }
            sleep(BUSY_PAUSE).await;
        }
    }
}

pub(crate) struct Session(OwnedMutexGuard<Connection>);

impl Session {
    /// Nothing where another process writes and there is time to wait for it.
    fn begin(self, may_wait: bool) -> Result<Option<Self>, Error> {
        match self.0.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => Ok(Some(self)),
            Err(error) if may_wait && is_busy(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn execute(&mut self, sql: &str, arguments: &[Argument<'_>]) -> Result<u64, Error> {
        let changed = self
            .0
            .prepare_cached(sql)?
            .execute(params_from_iter(arguments))?;
        Ok(changed as u64)
    }

    pub(super) fn query<T>(
        &mut self,
        sql: &str,
        arguments: &[Argument<'_>],
        mut read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows =
            statement.query_and_then(params_from_iter(arguments), |row| read(Row::Sqlite(row)))?;
        rows.collect()
    }

    pub(super) fn script(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.0.execute_batch(sql)?)
    }

    pub(super) fn commit(self) -> Result<(), Error> {
        Ok(self.0.execute_batch("COMMIT")?)
    }
}

impl Drop for Session {
    /// The next request gets the same connection, and must not find itself inside this one's transaction.
    fn drop(&mut self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }
}

impl ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Argument::Integer(value) => ValueRef::Integer(*value),
            Argument::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(cause) if cause.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE => Self::Duplicate,
            _ if is_busy(&error) => Self::Unavailable(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}
