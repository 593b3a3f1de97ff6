//! The users.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use backend_api::{Address, Email, User};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

/// Every user with its address, a row for each of its e-mails.
macro_rules! select_users {
    ($condition:literal) => {
        concat!(
            "SELECT u.user_id, u.first_name, u.family_name, u.login_id, u.is_login, u.ver, u.last_updated_at, ",
            "a.zip_code, a.address, e.email_no, e.email ",
            "FROM usr u JOIN address a ON a.user_id = u.user_id LEFT JOIN email e ON e.user_id = u.user_id ",
            $condition,
            " ORDER BY u.user_id, e.email_no"
        )
    };
}

pub(crate) async fn list(State(pool): State<AnyPool>) -> Result<Json<Vec<User>>, StatusCode> {
    let rows = sqlx::query(select_users!(""))
        .fetch_all(&pool)
        .await
        .map_err(internal)?;
    fold(rows).map(Json).map_err(internal)
}

pub(crate) async fn find(
    State(pool): State<AnyPool>,
    Path(id): Path<i64>,
) -> Result<Json<User>, StatusCode> {
    let rows = sqlx::query(select_users!("WHERE u.user_id = $1"))
        .bind(id)
        .fetch_all(&pool)
        .await
        .map_err(internal)?;
    fold(rows)
        .map_err(internal)?
        .pop()
        .map(Json)
        .ok_or(StatusCode::NOT_FOUND)
}

fn fold(rows: Vec<AnyRow>) -> Result<Vec<User>, sqlx::Error> {
    let mut users: Vec<User> = Vec::new();
    for row in rows {
        let user_id = row.try_get(0)?;
        if users.last().is_none_or(|user| user.user_id != user_id) {
            users.push(user(&row)?);
        }
        if let (Some(user), Some(email_no)) = (users.last_mut(), row.try_get(9)?) {
            user.email_list.push(Email {
                user_id,
                email_no,
                email: row.try_get(10)?,
            });
        }
    }
    Ok(users)
}

fn user(row: &AnyRow) -> Result<User, sqlx::Error> {
    let user_id = row.try_get(0)?;
    Ok(User {
        user_id,
        first_name: row.try_get(1)?,
        family_name: row.try_get(2)?,
        login_id: row.try_get(3)?,
        is_login: row.try_get::<i16, _>(4)? != 0,
        version: row.try_get(5)?,
        last_updated_at: row.try_get(6)?,
        address: Address {
            user_id,
            zip_code: row.try_get(7)?,
            address: row.try_get(8)?,
        },
        email_list: Vec::new(),
    })
}

fn internal(error: sqlx::Error) -> StatusCode {
    tracing::error!(%error, "the database failed");
    StatusCode::INTERNAL_SERVER_ERROR
}
