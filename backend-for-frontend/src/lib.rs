//! The pages in front of the backend.
//!
//! A request passes `app` (the routes and layers) and `handlers`, which read `form`s, call the `backend` or the
//! `registration` of several users, and answer with `pages`. What goes wrong behind this service is a `Failure`.

pub mod app;
mod assets;
mod backend;
mod caller;
pub mod config;
mod failure;
mod form;
mod handlers;
mod pages;
mod registration;
