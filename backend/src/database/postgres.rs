//! PostgreSQL, through a pool of connections.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    Column, Connection as _, PgConnection, PgPool, Postgres, Row as _, Transaction, TypeInfo,
};

use super::{Argument, Error, Row};

/// A small instance of RDS allows about 80 connections for all clients together.
const CONNECTIONS: u32 = 10;

/// How long a request waits for a connection; less than callers wait for an answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a statement waits for somebody else's lock; less than a request waits for a connection, so that those who
/// wait for a lock cannot keep all connections from those who do not.
const LOCK_TIMEOUT: &str = "1s";

/// How long a statement may run; less than a request may take, so that one that was given up does not go on.
const STATEMENT_TIMEOUT: &str = "10s";

/// Any number will do, as long as nothing else in the database uses it.
const MIGRATION_LOCK: i64 = 7_465_926_113;

#[derive(Clone)]
pub(super) struct Database(PgPool);

impl Database {
    pub(super) async fn open(options: &PgConnectOptions) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let options = options.clone().options([
            ("lock_timeout", LOCK_TIMEOUT),
            ("statement_timeout", STATEMENT_TIMEOUT),
        ]);
        let pool = pool.connect_lazy_with(options.clone());
        match pool.acquire().await {
            // That is all that the pool tells of the tries that failed.
            Err(sqlx::Error::PoolTimedOut) => Err(why_not(&options).await),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Self(pool)),
        }
    }

    pub(super) async fn read(&self) -> Result<Session, Error> {
        Ok(Session::Reading(self.0.acquire().await?))
    }

    pub(super) async fn write(&self) -> Result<Session, Error> {
        Ok(Session::Writing(self.0.begin().await?))
    }

    pub(super) async fn migrate(&self) -> Result<Session, Error> {
        let mut session = self.write().await?;
        // Another instance may be at a long migration, and this one as well.
        session
            .script("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            .await?;
        session
            .execute("SELECT pg_advisory_xact_lock($1)", &[MIGRATION_LOCK.into()])
            .await?;
        Ok(session)
    }
}

/// Why there is no connection.
async fn why_not(options: &PgConnectOptions) -> Error {
    let connection = PgConnection::connect_with(options);
    match tokio::time::timeout(ACQUIRE_TIMEOUT, connection).await {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut.into(),
    }
}

pub(crate) enum Session {
    Reading(PoolConnection<Postgres>),
    Writing(Transaction<'static, Postgres>),
}

impl Session {
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64, Error> {
        Ok(bound(sql, arguments)
            .execute(self.connection())
            .await?
            .rows_affected())
    }

    pub(super) async fn query<T>(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
        mut read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let rows = bound(sql, arguments).fetch_all(self.connection()).await?;
        rows.iter().map(|row| read(Row::Postgres(row))).collect()
    }

    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), Error> {
        sqlx::raw_sql(sql).execute(self.connection()).await?;
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Reading(_) => Ok(()),
            Self::Writing(transaction) => Ok(transaction.commit().await?),
        }
    }

    fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Reading(connection) => connection,
            Self::Writing(transaction) => transaction,
        }
    }
}

fn bound<'a>(sql: &'static str, arguments: &[Argument<'a>]) -> Query<'a, Postgres, PgArguments> {
    arguments
        .iter()
        .fold(sqlx::query(sql), |query, argument| match *argument {
            Argument::Integer(value) => query.bind(value),
            Argument::Text(value) => query.bind(value),
        })
}

/// PostgreSQL tells its sizes of integers apart, SQLite does not.
pub(super) fn optional_integer(row: &PgRow, column: usize) -> Result<Option<i64>, Error> {
    if row.try_column(column)?.type_info().name() == "INT2" {
        Ok(row.try_get::<Option<i16>, _>(column)?.map(i64::from))
    } else {
        Ok(row.try_get(column)?)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Duplicate,
            sqlx::Error::Database(cause) if cause.code().is_some_and(|code| is_outage(&code)) => {
                Self::Unavailable(error.into())
            }
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => {
                Self::Unavailable(error.into())
            }
            _ => Self::Failed(error.into()),
        }
    }
}

/// Classes of SQLSTATE: connection lost, rolled back for the sake of others (deadlocks), out of resources, stopped by an
/// operator or a time-out; and two codes: a lock that somebody else keeps, and a server that only reads since another
/// one took its place (PostgreSQL, appendix A).
fn is_outage(code: &str) -> bool {
    ["08", "40", "53", "57", "55P03", "25006"]
        .iter()
        .any(|class| code.starts_with(class))
}
