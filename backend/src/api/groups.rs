//! Groups.

use axum::Json;
use axum::extract::State;
use backend_api::{Group, User};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::database::Database;
use crate::error::Error;
use crate::extract::Key;
use crate::openapi::Refusal;
use crate::store::{groups, users};

pub(super) fn router() -> OpenApiRouter<Database> {
    OpenApiRouter::new()
        .routes(routes!(of_user))
        .routes(routes!(members))
        .routes(routes!(others))
        .routes(routes!(add_user, remove_user))
        .routes(routes!(delete))
}

/// The groups of a user.
#[utoipa::path(
    get, path = "/users/{userId}/groups", tag = "groups", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The groups, by groupId", body = [Group]), Refusal<404>),
)]
async fn of_user(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<Vec<Group>>, Error> {
    Ok(Json(
        groups::of_user(&mut database.read().await?, user_id).await?,
    ))
}

/// The users in a group.
#[utoipa::path(
    get, path = "/groups/{id}/users", tag = "groups", params(("id" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The users, by userId", body = [User]), Refusal<404>),
)]
async fn members(
    State(database): State<Database>,
    Key(group_id): Key<i64>,
) -> Result<Json<Vec<User>>, Error> {
    let mut session = database.read().await?;
    groups::by_id(&mut session, group_id).await?;
    Ok(Json(users::in_group(&mut session, group_id).await?))
}

/// The users who are not in a group.
#[utoipa::path(
    get, path = "/groups/{id}/not-users", tag = "groups", params(("id" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The users, by userId", body = [User]), Refusal<404>),
)]
async fn others(
    State(database): State<Database>,
    Key(group_id): Key<i64>,
) -> Result<Json<Vec<User>>, Error> {
    let mut session = database.read().await?;
    groups::by_id(&mut session, group_id).await?;
    Ok(Json(users::not_in_group(&mut session, group_id).await?))
}

/// Puts a user into a group.
#[utoipa::path(
    post, path = "/groups/{id}/users/{userId}", tag = "groups",
    params(("id" = i64, Path, minimum = 0), ("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The group", body = Group), Refusal<404>, Refusal<409>),
)]
async fn add_user(
    State(database): State<Database>,
    Key((group_id, user_id)): Key<(i64, i64)>,
) -> Result<Json<Group>, Error> {
    let mut session = database.write().await?;
    let group = groups::add_user(&mut session, group_id, user_id).await?;
    session.commit().await?;
    Ok(Json(group))
}

/// Takes a user out of a group.
#[utoipa::path(
    delete, path = "/groups/{id}/users/{userId}", tag = "groups",
    params(("id" = i64, Path, minimum = 0), ("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The group", body = Group), Refusal<404>),
)]
async fn remove_user(
    State(database): State<Database>,
    Key((group_id, user_id)): Key<(i64, i64)>,
) -> Result<Json<Group>, Error> {
    let mut session = database.write().await?;
    let group = groups::remove_user(&mut session, group_id, user_id).await?;
    session.commit().await?;
    Ok(Json(group))
}

/// Deletes a group; its users stay.
#[utoipa::path(
    delete, path = "/groups/{id}", tag = "groups", params(("id" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The group as it was", body = Group), Refusal<404>),
)]
async fn delete(
    State(database): State<Database>,
    Key(group_id): Key<i64>,
) -> Result<Json<Group>, Error> {
    let mut session = database.write().await?;
    let group = groups::delete(&mut session, group_id).await?;
    session.commit().await?;
    Ok(Json(group))
}
