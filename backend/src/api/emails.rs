//! E-mails.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend_api::limits::EMAIL;
use backend_api::{Email, EmailUpdate, ErrorCode, NewEmail, User};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{check_same, check_text};
use crate::database::Database;
use crate::error::Error;
use crate::extract::{Body, Key, Query};
use crate::openapi::{EmailAddress, Refusal};
use crate::store::{emails, users};

pub(super) fn router() -> OpenApiRouter<Database> {
    OpenApiRouter::new()
        .routes(routes!(list, delete_all))
        .routes(routes!(add))
        .routes(routes!(update, delete))
        .routes(routes!(user))
}

/// The e-mails of a user.
#[utoipa::path(
    get, path = "/users/{userId}/emails", tag = "emails", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The e-mails, by emailNo", body = [Email]), Refusal<404>),
)]
async fn list(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<Vec<Email>>, Error> {
    Ok(Json(
        emails::of_user(&mut database.read().await?, user_id).await?,
    ))
}

/// Deletes the e-mails of a user.
#[utoipa::path(
    delete, path = "/users/{userId}/emails", tag = "emails", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The e-mails as they were", body = [Email]), Refusal<404>),
)]
async fn delete_all(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<Vec<Email>>, Error> {
    let mut session = database.write().await?;
    let deleted = emails::delete_all(&mut session, user_id).await?;
    session.commit().await?;
    Ok(Json(deleted))
}

/// Adds an e-mail.
#[utoipa::path(
    post, path = "/users/{userId}/emails/new", tag = "emails", params(("userId" = i64, Path, minimum = 0)),
    request_body = NewEmail,
    responses((status = 201, description = "The e-mail, with its emailNo", body = Email), Refusal<404>),
)]
async fn add(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
    Body(new): Body<NewEmail>,
) -> Result<(StatusCode, Json<Email>), Error> {
    let mut session = database.write().await?;
    let email = emails::add(&mut session, user_id, &new.email).await?;
    session.commit().await?;
    Ok((StatusCode::CREATED, Json(email)))
}

/// Changes an e-mail.
#[utoipa::path(
    put, path = "/users/{userId}/emails/{emailNo}", tag = "emails",
    params(("userId" = i64, Path, minimum = 0), ("emailNo" = i64, Path, minimum = 0)),
    request_body = EmailUpdate,
    responses((status = 200, description = "The e-mail as it is now", body = Email), Refusal<404>),
)]
async fn update(
    State(database): State<Database>,
    Key((user_id, email_no)): Key<(i64, i64)>,
    Body(to): Body<EmailUpdate>,
) -> Result<Json<Email>, Error> {
    check_same("userId", user_id, to.user_id)?;
    check_same("emailNo", email_no, to.email_no)?;
    let mut session = database.write().await?;
    let email = emails::update(&mut session, user_id, email_no, &to.email).await?;
    session.commit().await?;
    Ok(Json(email))
}

/// Deletes an e-mail.
#[utoipa::path(
    delete, path = "/users/{userId}/emails/{emailNo}", tag = "emails",
    params(("userId" = i64, Path, minimum = 0), ("emailNo" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The e-mail as it was", body = Email), Refusal<404>),
)]
async fn delete(
    State(database): State<Database>,
    Key((user_id, email_no)): Key<(i64, i64)>,
) -> Result<Json<Email>, Error> {
    let mut session = database.write().await?;
    let email = emails::delete(&mut session, user_id, email_no).await?;
    session.commit().await?;
    Ok(Json(email))
}

/// A query without it is an error of its own, so it may be missing here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByEmail {
    email: Option<String>,
}

/// The user with an e-mail; the first of them where several share it.
#[utoipa::path(
    get, path = "/emails/email/user", tag = "emails", params(("email" = inline(EmailAddress), Query)),
    responses((status = 200, description = "The user", body = User), Refusal<404>),
)]
async fn user(
    State(database): State<Database>,
    Query(query): Query<ByEmail>,
) -> Result<Json<User>, Error> {
    let email = query.email.filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| Error::refused(ErrorCode::E0004, []))?;
    check_text("email", &email, &EMAIL)?;
    Ok(Json(
        users::by_email(&mut database.read().await?, &email).await?,
    ))
}
