//! What is read from the database and written to it. A session that writes begins with a write, which locks what it
//! is about: the row of the user or group, or the one that numbers the users.

pub(crate) mod addresses;
pub(crate) mod emails;
pub(crate) mod groups;
pub(crate) mod numbering;
pub(crate) mod users;

use std::time::SystemTime;

/// Now, for `last_updated_at`.
fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
