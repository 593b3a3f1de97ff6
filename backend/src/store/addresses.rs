//! The address of each user.

use backend_api::{Address, AddressUpdate, NewAddress};

use super::{now, users};
use crate::database::{self, Session};
use crate::error::Error;

pub(crate) async fn of_user(session: &mut Session, user_id: i64) -> Result<Address, Error> {
    Ok(users::by_id(session, user_id).await?.address)
}

pub(super) async fn insert(
    session: &mut Session,
    user_id: i64,
    new: &NewAddress,
) -> Result<(), database::Error> {
    let sql = "INSERT INTO address (user_id, zip_code, address, ver, last_updated_at) VALUES ($1, $2, $3, 0, $4)";
    session
        .execute(
            sql,
            &[
                user_id.into(),
                (&new.zip_code).into(),
                (&new.address).into(),
                (&now()).into(),
            ],
        )
        .await?;
    Ok(())
}

pub(crate) async fn update(
    session: &mut Session,
    user_id: i64,
    to: &AddressUpdate,
) -> Result<Address, Error> {
    users::touch(session, user_id).await?;
    set(session, user_id, to).await?;
    of_user(session, user_id).await
}

/// The caller has locked the user.
pub(super) async fn set(
    session: &mut Session,
    user_id: i64,
    to: &AddressUpdate,
) -> Result<(), database::Error> {
    let sql = "UPDATE address SET zip_code = $1, address = $2, ver = ver + 1, last_updated_at = $3 WHERE user_id = $4";
    session
        .execute(
            sql,
            &[
                (&to.zip_code).into(),
                (&to.address).into(),
                (&now()).into(),
                user_id.into(),
            ],
        )
        .await?;
    Ok(())
}
