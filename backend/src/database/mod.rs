//! One way to talk to SQLite and PostgreSQL: statements that both understand, with `$1` for arguments, over integers
//! and texts.

mod migrations;
mod postgres;
mod sqlite;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::config::DatabaseUrl;

/// A database whose schema is up to date. Clones share it.
#[derive(Clone)]
pub struct Database(Kind);

#[derive(Clone)]
enum Kind {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Database {
    /// Connects and brings the schema up to date. Several instances may do so at once.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        let database = Self(match url {
            DatabaseUrl::SqliteInMemory => Kind::Sqlite(sqlite::Database::in_memory()?),
            DatabaseUrl::SqliteFile(uri) => Kind::Sqlite(sqlite::Database::file(uri)?),
            DatabaseUrl::Postgres(options) => {
                Kind::Postgres(postgres::Database::open(options).await?)
            }
        });
        migrations::run(&database).await?;
        Ok(database)
    }

    /// A session that only reads.
    pub(crate) async fn read(&self) -> Result<Session, Error> {
        Ok(match &self.0 {
            Kind::Sqlite(database) => Session::Sqlite(database.read().await?),
            Kind::Postgres(database) => Session::Postgres(database.read().await?),
        })
    }

    /// A session whose changes take effect all together with [`Session::commit`], and are undone without it.
    pub(crate) async fn write(&self) -> Result<Session, Error> {
        Ok(match &self.0 {
            Kind::Sqlite(database) => Session::Sqlite(database.write().await?),
            Kind::Postgres(database) => Session::Postgres(database.write().await?),
        })
    }

    /// A session that writes while no other instance migrates.
    async fn migrate(&self) -> Result<Session, Error> {
        match &self.0 {
            // SQLite lets only one connection write in any case.
            Kind::Sqlite(_) => self.write().await,
            Kind::Postgres(database) => Ok(Session::Postgres(database.migrate().await?)),
        }
    }
}

/// A connection that is in use.
pub(crate) enum Session {
    Sqlite(sqlite::Session),
    Postgres(postgres::Session),
}

impl Session {
    /// Runs a statement; the answer is the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64, Error> {
        match self {
            Self::Sqlite(session) => session.execute(sql, arguments),
            Self::Postgres(session) => session.execute(sql, arguments).await,
        }
    }

    /// Runs a statement that answers with rows, and reads each of them.
    pub(crate) async fn query<T>(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
        read: impl FnMut(Row<'_>) -> Result<T, Error> + Send,
    ) -> Result<Vec<T>, Error> {
        match self {
            Self::Sqlite(session) => session.query(sql, arguments, read),
            Self::Postgres(session) => session.query(sql, arguments, read).await,
        }
    }

    /// Runs a statement that answers with exactly one number.
    pub(crate) async fn number(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<i64, Error> {
        let numbers = self.query(sql, arguments, |row| row.integer(0)).await?;
        numbers.into_iter().next().ok_or(Error::UnexpectedRow)
    }

    /// Runs several statements.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), Error> {
        match self {
            Self::Sqlite(session) => session.script(sql),
            Self::Postgres(session) => session.script(sql).await,
        }
    }

    /// Makes the changes of a session that writes take effect.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(session) => session.commit(),
            Self::Postgres(session) => session.commit().await,
        }
    }
}

/// What stands for `$1` and so on.
#[derive(Clone, Copy)]
pub(crate) enum Argument<'a> {
    Integer(i64),
    Text(&'a str),
}

impl From<i64> for Argument<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Argument<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'a, T: AsRef<str> + ?Sized> From<&'a T> for Argument<'a> {
    fn from(value: &'a T) -> Self {
        Self::Text(value.as_ref())
    }
}

/// A row of an answer. Only the columns that are asked for are taken out of it.
#[derive(Clone, Copy)]
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a PgRow),
}

impl Row<'_> {
    pub(crate) fn integer(self, column: usize) -> Result<i64, Error> {
        self.optional_integer(column)?.ok_or(Error::UnexpectedRow)
    }

    pub(crate) fn optional_integer(self, column: usize) -> Result<Option<i64>, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => postgres::optional_integer(row, column),
        }
    }

    pub(crate) fn text(self, column: usize) -> Result<String, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

/// What can go wrong with a database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another row has what must be unique.
    #[error("a row with this key exists")]
    Duplicate,
    /// It cannot be reached, now.
    #[error("the database does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed.
    #[error("the database refused a statement")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer does not fit its query.
    #[error("the database answered with an unexpected row")]
    UnexpectedRow,
}
