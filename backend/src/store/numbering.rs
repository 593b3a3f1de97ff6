//! The numbers of new users.

use crate::database::{Error, Session};

/// Waits until no other session takes a number: the highest plus one is only safe to take by one at a time.
pub(crate) async fn lock(session: &mut Session) -> Result<(), Error> {
    session
        .execute("UPDATE numbering SET ver = ver + 1 WHERE name = 'usr'", &[])
        .await?;
    Ok(())
}
