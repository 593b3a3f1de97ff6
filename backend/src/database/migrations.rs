//! The schema's history. A migration that was released is never edited; a new one follows it.

use super::{Database, Error, Session};

const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_users_and_groups.sql")];

/// Runs what this database has not seen yet, all of it or nothing. A schema that is newer than this binary is left
/// alone: an instance of the release before may start while the next one is rolled out.
pub(super) async fn run(database: &Database) -> Result<(), Error> {
    let mut session = database.migrate().await?;
    session
        .script("CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT NOT NULL PRIMARY KEY)")
        .await?;
    let applied = session
        .number("SELECT COUNT(*) FROM schema_migration", &[])
        .await?;
    for (version, sql) in (1_i64..).zip(MIGRATIONS) {
        if version > applied {
            apply(&mut session, version, sql).await?;
        }
    }
    session.commit().await
}

async fn apply(session: &mut Session, version: i64, sql: &'static str) -> Result<(), Error> {
    session.script(sql).await?;
    session
        .execute(
            "INSERT INTO schema_migration (version) VALUES ($1)",
            &[version.into()],
        )
        .await?;
    tracing::info!(version, "migrated the schema");
    Ok(())
}
