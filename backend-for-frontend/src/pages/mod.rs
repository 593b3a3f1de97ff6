//! The pages. Everything that is shown of what others entered is text, never markup.

mod explain;
mod layout;
mod notice;
mod portal;
mod users;

pub(crate) use explain::explain;
pub(crate) use notice::{Notice, failed, invalid, unusable_login_id, usable_login_id};
pub(crate) use portal::portal;
pub(crate) use users::{added, users};
