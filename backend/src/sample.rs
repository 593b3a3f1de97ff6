//! The sample's users and groups.

use sqlx::AnyPool;

/// Fills the database, unless it holds users already.
pub(crate) async fn load(pool: &AnyPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE numbering SET ver = ver + 1 WHERE name = 'usr'")
        .execute(&mut *transaction)
        .await?;
    let groups: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM grp")
        .fetch_one(&mut *transaction)
        .await?;
    if groups == 0 {
        sqlx::raw_sql(include_str!("sample.sql"))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}
