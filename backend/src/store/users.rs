//! Users, with everything that belongs to them.

use backend_api::{Address, Email, ErrorCode, NewUser, User, UserUpdate};

use super::{addresses, emails, now, numbering};
use crate::database::{self, Argument, Row, Session};
use crate::error::Error;

/// Users in order, a row for each of their e-mails: one query, however many users.
macro_rules! users_where {
    ($condition:literal) => {
        concat!(
            "SELECT u.user_id, u.first_name, u.family_name, u.login_id, u.is_login, u.ver, u.last_updated_at, ",
            "a.zip_code, a.address, e.email_no, e.email ",
            "FROM usr u JOIN address a ON a.user_id = u.user_id LEFT JOIN email e ON e.user_id = u.user_id ",
            "WHERE ",
            $condition,
            " ORDER BY u.user_id, e.email_no"
        )
    };
}

/// Users after the given one, up to a number of them.
pub(crate) async fn page(
    session: &mut Session,
    after: i64,
    limit: i64,
) -> Result<Vec<User>, Error> {
    let sql = users_where!(
        "u.user_id IN (SELECT user_id FROM usr WHERE user_id > $1 ORDER BY user_id LIMIT $2)"
    );
    select(session, sql, &[after.into(), limit.into()]).await
}

pub(crate) async fn by_id(session: &mut Session, user_id: i64) -> Result<User, Error> {
    let users = select(session, users_where!("u.user_id = $1"), &[user_id.into()]).await?;
    users.into_iter().next().ok_or_else(|| none(user_id))
}

pub(crate) async fn by_login_id(session: &mut Session, login_id: &str) -> Result<User, Error> {
    let users = select(session, users_where!("u.login_id = $1"), &[login_id.into()]).await?;
    users
        .into_iter()
        .next()
        .ok_or_else(|| Error::refused(ErrorCode::E0008, [&login_id]))
}

/// Where several users share the e-mail, the first of them.
pub(crate) async fn by_email(session: &mut Session, email: &str) -> Result<User, Error> {
    let sql = users_where!("u.user_id = (SELECT MIN(user_id) FROM email WHERE email = $1)");
    let users = select(session, sql, &[email.into()]).await?;
    users
        .into_iter()
        .next()
        .ok_or_else(|| Error::refused(ErrorCode::E0001, [&email]))
}

pub(crate) async fn with_zip_code(
    session: &mut Session,
    zip_code: &str,
) -> Result<Vec<User>, Error> {
    select(session, users_where!("a.zip_code = $1"), &[zip_code.into()]).await
}

pub(crate) async fn without_zip_code(
    session: &mut Session,
    zip_code: &str,
) -> Result<Vec<User>, Error> {
    select(
        session,
        users_where!("a.zip_code <> $1"),
        &[zip_code.into()],
    )
    .await
}

pub(crate) async fn in_group(session: &mut Session, group_id: i64) -> Result<Vec<User>, Error> {
    let sql = users_where!("u.user_id IN (SELECT user_id FROM membership WHERE group_id = $1)");
    select(session, sql, &[group_id.into()]).await
}

pub(crate) async fn not_in_group(session: &mut Session, group_id: i64) -> Result<Vec<User>, Error> {
    let sql = users_where!("u.user_id NOT IN (SELECT user_id FROM membership WHERE group_id = $1)");
    select(session, sql, &[group_id.into()]).await
}

pub(crate) async fn add(session: &mut Session, new: &NewUser) -> Result<User, Error> {
    numbering::lock(session).await?;
    let user_id = insert(session, new).await?;
    addresses::insert(session, user_id, &new.address).await?;
    for email in &new.email_list {
        emails::insert(session, user_id, &email.email).await?;
    }
    by_id(session, user_id).await
}

async fn insert(session: &mut Session, new: &NewUser) -> Result<i64, Error> {
    let sql = "INSERT INTO usr (user_id, first_name, family_name, login_id, is_login, ver, last_updated_at) \
               SELECT COALESCE(MAX(user_id), -1) + 1, $1, $2, $3, $4, 0, $5 FROM usr RETURNING user_id";
    let now = now();
    let arguments = [
        (&new.first_name).into(),
        (&new.family_name).into(),
        (&new.login_id).into(),
        new.is_login.into(),
        (&now).into(),
    ];
    session
        .number(sql, &arguments)
        .await
        .map_err(|error| taken(error, &new.login_id))
}

pub(crate) async fn update(
    session: &mut Session,
    user_id: i64,
    to: &UserUpdate,
) -> Result<User, Error> {
    let sql = "UPDATE usr SET first_name = $1, family_name = $2, login_id = $3, is_login = $4, \
               ver = ver + 1, last_updated_at = $5 WHERE user_id = $6 AND ver = $7";
    let now = now();
    let arguments = [
        (&to.first_name).into(),
        (&to.family_name).into(),
        (&to.login_id).into(),
        to.is_login.into(),
        (&now).into(),
        user_id.into(),
        to.version.into(),
    ];
    let changed = session
        .execute(sql, &arguments)
        .await
        .map_err(|error| taken(error, &to.login_id))?;
    if changed == 0 {
        by_id(session, user_id).await?;
        return Err(Error::refused(ErrorCode::E0009, [&user_id, &to.version]));
    }
    if let Some(address) = &to.address {
        addresses::set(session, user_id, address).await?;
    }
    by_id(session, user_id).await
}

pub(crate) async fn delete(session: &mut Session, user_id: i64) -> Result<User, Error> {
    hold(session, user_id).await?;
    let user = by_id(session, user_id).await?;
    session
        .execute("DELETE FROM usr WHERE user_id = $1", &[user_id.into()])
        .await?;
    Ok(user)
}

/// Locks the user for this session and counts a change of what belongs to it, so that an update which does not know
/// of that change is refused.
pub(crate) async fn touch(session: &mut Session, user_id: i64) -> Result<(), Error> {
    let sql = "UPDATE usr SET ver = ver + 1, last_updated_at = $1 WHERE user_id = $2";
    found(
        session
            .execute(sql, &[(&now()).into(), user_id.into()])
            .await?,
        user_id,
    )
}

/// Locks the user for this session and leaves it as it is.
pub(crate) async fn hold(session: &mut Session, user_id: i64) -> Result<(), Error> {
    found(
        session
            .execute(
                "UPDATE usr SET ver = ver WHERE user_id = $1",
                &[user_id.into()],
            )
            .await?,
        user_id,
    )
}

/// An error where there is no such user.
pub(crate) async fn check(session: &mut Session, user_id: i64) -> Result<(), Error> {
    let sql = "SELECT COUNT(*) FROM usr WHERE user_id = $1";
    let count = session.number(sql, &[user_id.into()]).await?;
    if count == 1 {
        Ok(())
    } else {
        Err(none(user_id))
    }
}

fn found(changed: u64, user_id: i64) -> Result<(), Error> {
    if changed == 1 {
        Ok(())
    } else {
        Err(none(user_id))
    }
}

fn none(user_id: i64) -> Error {
    Error::refused(ErrorCode::E0001, [&user_id])
}

/// The loginId is all that must be unique besides the keys, which are ours.
fn taken(error: database::Error, login_id: &str) -> Error {
    match error {
        database::Error::Duplicate => Error::refused(ErrorCode::E0002, [&login_id]),
        other => other.into(),
    }
}

async fn select(
    session: &mut Session,
    sql: &'static str,
    arguments: &[Argument<'_>],
) -> Result<Vec<User>, Error> {
    let mut users: Vec<User> = Vec::new();
    session
        .query(sql, arguments, |row| gather(&mut users, row))
        .await?;
    Ok(users)
}

/// Adds the row's user, unless it is the one of the row before, and the row's e-mail.
fn gather(users: &mut Vec<User>, row: Row<'_>) -> Result<(), database::Error> {
    let user_id = row.integer(0)?;
    if users.last().is_none_or(|user| user.user_id != user_id) {
        users.push(without_emails(user_id, row)?);
    }
    if let (Some(user), Some(email_no)) = (users.last_mut(), row.optional_integer(9)?) {
        user.email_list.push(Email {
            user_id,
            email_no,
            email: row.text(10)?,
        });
    }
    Ok(())
}

fn without_emails(user_id: i64, row: Row<'_>) -> Result<User, database::Error> {
    Ok(User {
        user_id,
        first_name: row.text(1)?,
        family_name: row.text(2)?,
        login_id: row.text(3)?,
        is_login: row.integer(4)? != 0,
        version: row.integer(5)?,
        last_updated_at: row.text(6)?,
        address: Address {
            user_id,
            zip_code: row.text(7)?,
            address: row.text(8)?,
        },
        email_list: Vec::new(),
    })
}
