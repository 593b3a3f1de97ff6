//! The pages in front of the backend.

pub mod app;
pub mod config;
