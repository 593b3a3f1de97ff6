//! Groups and who is in them.

use backend_api::{ErrorCode, Group};

use super::{now, users};
use crate::database::{self, Row, Session};
use crate::error::Error;

pub(crate) async fn by_id(session: &mut Session, group_id: i64) -> Result<Group, Error> {
    let sql = "SELECT group_id, group_name FROM grp WHERE group_id = $1";
    let groups = session.query(sql, &[group_id.into()], group).await?;
    groups.into_iter().next().ok_or_else(|| none(group_id))
}

pub(crate) async fn of_user(session: &mut Session, user_id: i64) -> Result<Vec<Group>, Error> {
    users::check(session, user_id).await?;
    let sql = "SELECT g.group_id, g.group_name FROM grp g JOIN membership m ON m.group_id = g.group_id \
               WHERE m.user_id = $1 ORDER BY g.group_id";
    Ok(session.query(sql, &[user_id.into()], group).await?)
}

pub(crate) async fn add_user(
    session: &mut Session,
    group_id: i64,
    user_id: i64,
) -> Result<Group, Error> {
    hold_both(session, group_id, user_id).await?;
    if is_member(session, group_id, user_id).await? {
        return Err(Error::refused(ErrorCode::E0005, [&user_id, &group_id]));
    }
    let sql =
        "INSERT INTO membership (group_id, user_id, ver, last_updated_at) VALUES ($1, $2, 0, $3)";
    session
        .execute(sql, &[group_id.into(), user_id.into(), (&now()).into()])
        .await?;
    by_id(session, group_id).await
}

pub(crate) async fn remove_user(
    session: &mut Session,
    group_id: i64,
    user_id: i64,
) -> Result<Group, Error> {
    hold_both(session, group_id, user_id).await?;
    let sql = "DELETE FROM membership WHERE group_id = $1 AND user_id = $2";
    if session
        .execute(sql, &[group_id.into(), user_id.into()])
        .await?
        == 0
    {
        return Err(Error::refused(ErrorCode::E0006, [&user_id, &group_id]));
    }
    by_id(session, group_id).await
}

pub(crate) async fn delete(session: &mut Session, group_id: i64) -> Result<Group, Error> {
    hold(session, group_id).await?;
    let group = by_id(session, group_id).await?;
    session
        .execute("DELETE FROM grp WHERE group_id = $1", &[group_id.into()])
        .await?;
    Ok(group)
}

/// Everybody takes the two locks in this order, so that no two sessions wait for each other.
async fn hold_both(session: &mut Session, group_id: i64, user_id: i64) -> Result<(), Error> {
    hold(session, group_id).await?;
    users::hold(session, user_id).await
}

async fn hold(session: &mut Session, group_id: i64) -> Result<(), Error> {
    let changed = session
        .execute(
            "UPDATE grp SET ver = ver WHERE group_id = $1",
            &[group_id.into()],
        )
        .await?;
    if changed == 1 {
        Ok(())
    } else {
        Err(none(group_id))
    }
}

async fn is_member(
    session: &mut Session,
    group_id: i64,
    user_id: i64,
) -> Result<bool, database::Error> {
    let sql = "SELECT COUNT(*) FROM membership WHERE group_id = $1 AND user_id = $2";
    Ok(session
        .number(sql, &[group_id.into(), user_id.into()])
        .await?
        == 1)
}

fn none(group_id: i64) -> Error {
    Error::refused(ErrorCode::E0007, [&group_id])
}

fn group(row: Row<'_>) -> Result<Group, database::Error> {
    Ok(Group {
        group_id: row.integer(0)?,
        group_name: row.text(1)?,
    })
}
