//! The connection to SQLite or PostgreSQL, and its schema.

use std::borrow::Cow;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr};

use crate::config::DatabaseUrl;

/// Connections to PostgreSQL; a small instance of RDS allows about 80 for all clients together.
const POSTGRES_CONNECTIONS: u32 = 10;

/// Connections to an SQLite file: its readers do not wait for each other.
const SQLITE_CONNECTIONS: u32 = 4;

/// Connects and brings the schema up to date. Several instances may do so at once.
pub async fn open(url: &DatabaseUrl) -> Result<AnyPool, sqlx::Error> {
    install_default_drivers();
    let pool = options(url).connect(url.as_str()).await?;
    migrations().run(&pool).await?;
    Ok(pool)
}

fn options(url: &DatabaseUrl) -> AnyPoolOptions {
    let options = AnyPoolOptions::new();
    if url.is_in_memory() {
        // Every connection has a database of its own, which ends with it.
        options
            .min_connections(1)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    } else if url.is_sqlite() {
        options
            .max_connections(SQLITE_CONNECTIONS)
            .test_before_acquire(false)
    } else {
        options.max_connections(POSTGRES_CONNECTIONS)
    }
}

fn migrations() -> Migrator {
    Migrator::with_migrations(vec![Migration::new(
        1,
        Cow::Borrowed("users and groups"),
        MigrationType::Simple,
        include_str!("../migrations/0001_users_and_groups.sql").into_sql_str(),
        false,
    )])
}
