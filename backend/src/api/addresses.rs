//! Addresses.

use axum::Json;
use axum::extract::State;
use backend_api::{Address, AddressUpdate};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check_same;
use crate::database::Database;
use crate::error::Error;
use crate::extract::{Body, Key};
use crate::openapi::Refusal;
use crate::store::addresses;

pub(super) fn router() -> OpenApiRouter<Database> {
    OpenApiRouter::new().routes(routes!(get, update))
}

/// The address of a user.
#[utoipa::path(
    get, path = "/users/{userId}/address", tag = "addresses", params(("userId" = i64, Path, minimum = 0)),
    responses((status = 200, description = "The address", body = Address), Refusal<404>),
)]
async fn get(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
) -> Result<Json<Address>, Error> {
    Ok(Json(
        addresses::of_user(&mut database.read().await?, user_id).await?,
    ))
}

/// Changes the address of a user.
#[utoipa::path(
    put, path = "/users/{userId}/address", tag = "addresses", params(("userId" = i64, Path, minimum = 0)),
    request_body = AddressUpdate,
    responses((status = 200, description = "The address as it is now", body = Address), Refusal<404>),
)]
async fn update(
    State(database): State<Database>,
    Key(user_id): Key<i64>,
    Body(to): Body<AddressUpdate>,
) -> Result<Json<Address>, Error> {
    check_same("userId", user_id, to.user_id)?;
    let mut session = database.write().await?;
    let address = addresses::update(&mut session, user_id, &to).await?;
    session.commit().await?;
    Ok(Json(address))
}
