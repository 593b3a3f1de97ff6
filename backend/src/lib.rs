//! The users service: an HTTP API over a database.

pub mod app;
pub mod config;
pub mod database;
mod health;
mod sample;
mod users;
