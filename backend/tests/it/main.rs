//! Tests of the backend from outside: its router over each database, and the process.

mod bad_input;
mod cluster;
mod documents;
mod postgres;
mod process;
mod scenarios;
mod service;
mod sqlite;
