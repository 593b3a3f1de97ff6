//! Users.

use axum::Json;
use axum::extract::State;
use axum::http::header::{LINK, LOCATION};
use axum::http::{HeaderName, StatusCode};
use backend_api::limits::{LOGIN_ID, PAGE_MAX, ZIP_CODE};
use backend_api::{NewUser, Rule, User, UserUpdate, Violation, paths};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{check_same, check_text};
use crate::database::Database;
use crate::error::Error;
use crate::extract::{Body, Key, Query};
use crate::openapi::{LoginId, Refusal, ZipCode};
use crate::store::users;

pub(super) fn router() -> OpenApiRouter<Database> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(add))
        .routes(routes!(get, update, delete))
        .routes(routes!(by_login_id))
        .routes(routes!(with_zip_code))
        .routes(routes!(without_zip_code))
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// At most so many users; all where it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Only users whose userId is greater.
    after: Option<i64>,
}

impl Page {
    fn checked(self) -> Result<Self, Error> {
        match self.limit {
            Some(limit) if !(1..=PAGE_MAX).contains(&limit) => {
                Err(Error::Invalid(vec![Violation::new(
                    "limit",
                    Rule::Between(1, PAGE_MAX),
                )]))
            }
            _ => Ok(self),
        }
    }

    /// A full page names the next one, which may turn out to be empty.
    fn next(&self, users: &[User]) -> Option<(HeaderName, String)> {
        let (limit, last) = (self.limit?, users.last()?);
        let full = i64::try_from(users.len()) == Ok(limit);
        full.then(|| {
            (
                LINK,
                format!("<{}>; rel=\"next\"", paths::users(last.user_id, limit)),
            )
        })
    }
}

/// All users, or a page of them, by userId.
#[utoipa::path(
    get, path = "/users", tag = "users", params(Page),
    responses((status = 200, description = "The users; the header Link names the next page", body = [User])),
)]
async fn list(
    State(database): State<Database>,
    Query(page): Query<Page>,
) -> Result<(Option<[(HeaderName, String); 1]>, Json<Vec<User>>), Error> {
    let page = page.checked()?;
    let mut session = database.read().await?;
    let found = users::page(
        &mut session,
        page.after.unwrap_or(-1),
        page.limit.unwrap_or(i64::MAX),
    )
    .await?;
    Ok((page.next(&found).map(|link| [link]), Json(found)))
}

/// Adds a user.
#[utoipa::path(
    post, path = "/users/new", tag = "users", request_body = NewUser,
    responses((status = 201, description = "The user, with its userId", body = User), Refusal<409>),
)]
async fn add(
    State(database): State<Database>,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<User>), Error> {
    let mut session = database.write().await?;
    let user = users::add(&mut session, &new).await?;
    session.commit().await?;
    Ok((
        StatusCode::CREATED,
        [(LOCATION, paths::user(user.user_id))],
        Json(user),
    ))
}

/// A user.
#[utoipa::path(
    get, path = "/users/{userId}", tag = "users", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The user", body = User), Refusal<404>),
)]
async fn get(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<User>, Error> {
    Ok(Json(
        users::by_id(&mut database.read().await?, user_id).await?,
    ))
}

/// Changes a user.
#[utoipa::path(
    put, path = "/users/{userId}", tag = "users", params(("userId" = i64, Path, minimum = 0)),
    request_body = UserUpdate,
    responses((status = 200, description = "The user as it is now", body = User), Refusal<404>, Refusal<409>),
)]
async fn update(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
    Body(to): Body<UserUpdate>,
) -> Result<Json<User>, Error> {
    check_same("userId", user_id, to.user_id)?;
    check_same(
        "address.userId",
        user_id,
        to.address.as_ref().and_then(|address| address.user_id),
    )?;
    let mut session = database.write().await?;
    let user = users::update(&mut session, user_id, &to).await?;
    session.commit().await?;
    Ok(Json(user))
}

/// Deletes a user and what belongs to it.
#[utoipa::path(
    delete, path = "/users/{userId}", tag = "users", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The user as it was", body = User), Refusal<404>),
)]
async fn delete(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<User>, Error> {
    let mut session = database.write().await?;
    let user = users::delete(&mut session, user_id).await?;
    session.commit().await?;
    Ok(Json(user))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ByLoginId {
    login_id: String,
}

/// The user with a loginId.
#[utoipa::path(
    get, path = "/users/loginId", tag = "users", params(("loginId" = inline(LoginId), Query)),
    responses((status = 200, description = "The user", body = User), Refusal<404>),
)]
async fn by_login_id(
    State(database): State<Database>,
    Query(query): Query<ByLoginId>,
) -> Result<Json<User>, Error> {
    check_text("loginId", &query.login_id, &LOGIN_ID)?;
    Ok(Json(
        users::by_login_id(&mut database.read().await?, &query.login_id).await?,
    ))
}

/// The users with a zip code.
#[utoipa::path(
    get, path = "/zipCodes/{zip}/users", tag = "users", params(("zip" = inline(ZipCode), Path)),
    responses((status = 200, description = "The users, by userId", body = [User])),
)]
async fn with_zip_code(
    State(database): State<Database>,
    Key(zip): Key<String>,
) -> Result<Json<Vec<User>>, Error> {
    check_text("zip", &zip, &ZIP_CODE)?;
    Ok(Json(
        users::with_zip_code(&mut database.read().await?, &zip).await?,
    ))
}

/// The users with another zip code.
#[utoipa::path(
    get, path = "/zipCodes/{zip}/not-users", tag = "users", params(("zip" = inline(ZipCode), Path)),
    responses((status = 200, description = "The users, by userId", body = [User])),
)]
async fn without_zip_code(
    State(database): State<Database>,
    Key(zip): Key<String>,
) -> Result<Json<Vec<User>>, Error> {
    check_text("zip", &zip, &ZIP_CODE)?;
    Ok(Json(
        users::without_zip_code(&mut database.read().await?, &zip).await?,
    ))
}
