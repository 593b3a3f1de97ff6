//! The sample's users and groups.

use crate::database::{Database, Error};
use crate::store;

/// Fills the database, unless it holds something already.
pub(crate) async fn load(database: &Database) -> Result<(), Error> {
    let mut session = database.write().await?;
    store::numbering::lock(&mut session).await?;
    if session.number("SELECT COUNT(*) FROM grp", &[]).await? == 0
        && session.number("SELECT COUNT(*) FROM usr", &[]).await? == 0
    {
        session.script(include_str!("sample.sql")).await?;
    }
    session.commit().await
}
