//! The users service: an HTTP API over a database.
//!
//! A request passes `app` (the routes and layers), `api` (what a path takes and answers), `store` (what is read and
//! written) and `database` (how SQLite and PostgreSQL are talked to). Errors come back through `error` and leave
//! through `problem`.

mod api;
pub mod app;
pub mod config;
pub mod database;
mod docs;
mod error;
mod extract;
mod health;
#[expect(
    unused_qualifications,
    reason = "the macro that registers the schemas writes their types in full"
)]
mod openapi;
mod problem;
mod sample;
mod store;
