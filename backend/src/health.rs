//! Whether the process lives, and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;

use crate::database::Database;
use crate::error::Error;

pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

pub(crate) async fn ready(State(database): State<Database>) -> Result<StatusCode, Error> {
    database
        .read()
        .await?
        .number("SELECT COUNT(*) FROM numbering", &[])
        .await?;
    Ok(StatusCode::OK)
}
