//! The e-mails of each user.

use backend_api::{Email, ErrorCode};

use super::{now, users};
use crate::database::{self, Session};
use crate::error::Error;

pub(crate) async fn of_user(session: &mut Session, user_id: i64) -> Result<Vec<Email>, Error> {
    Ok(users::by_id(session, user_id).await?.email_list)
}

pub(crate) async fn add(session: &mut Session, user_id: i64, email: &str) -> Result<Email, Error> {
    users::touch(session, user_id).await?;
    let email_no = insert(session, user_id, email).await?;
    Ok(Email {
        user_id,
        email_no,
        email: email.to_owned(),
    })
}

/// The caller has locked the user, so that nobody else takes the same number.
pub(super) async fn insert(
    session: &mut Session,
    user_id: i64,
    email: &str,
) -> Result<i64, database::Error> {
    let sql = "INSERT INTO email (user_id, email_no, email, ver, last_updated_at) \
               SELECT $1, COALESCE(MAX(email_no), -1) + 1, $2, 0, $3 FROM email WHERE user_id = $1 RETURNING email_no";
    session
        .number(sql, &[user_id.into(), email.into(), (&now()).into()])
        .await
}

pub(crate) async fn update(
    session: &mut Session,
    user_id: i64,
    email_no: i64,
    email: &str,
) -> Result<Email, Error> {
    users::touch(session, user_id).await?;
    let sql = "UPDATE email SET email = $1, ver = ver + 1, last_updated_at = $2 WHERE user_id = $3 AND email_no = $4";
    let changed = session
        .execute(
            sql,
            &[
                email.into(),
                (&now()).into(),
                user_id.into(),
                email_no.into(),
            ],
        )
        .await?;
    if changed == 0 {
        return Err(none(user_id, email_no));
    }
    Ok(Email {
        user_id,
        email_no,
        email: email.to_owned(),
    })
}

pub(crate) async fn delete(
    session: &mut Session,
    user_id: i64,
    email_no: i64,
) -> Result<Email, Error> {
    users::touch(session, user_id).await?;
    let sql = "DELETE FROM email WHERE user_id = $1 AND email_no = $2 RETURNING email";
    let deleted = session
        .query(sql, &[user_id.into(), email_no.into()], |row| row.text(0))
        .await?;
    let email = deleted
        .into_iter()
        .next()
        .ok_or_else(|| none(user_id, email_no))?;
    Ok(Email {
        user_id,
        email_no,
        email,
    })
}

pub(crate) async fn delete_all(session: &mut Session, user_id: i64) -> Result<Vec<Email>, Error> {
    users::touch(session, user_id).await?;
    let emails = of_user(session, user_id).await?;
    session
        .execute("DELETE FROM email WHERE user_id = $1", &[user_id.into()])
        .await?;
    Ok(emails)
}

fn none(user_id: i64, email_no: i64) -> Error {
    Error::refused(ErrorCode::E0003, [&email_no, &user_id])
}
