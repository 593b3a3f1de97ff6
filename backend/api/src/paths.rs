//! The paths that callers build; the OpenAPI document has all of them.

/// Where all paths of the backend start.
pub const CONTEXT: &str = "/backend";

/// Where the API starts.
pub const BASE: &str = "/backend/api/v1";

/// Users by userId: at most `limit` of those after the given one.
pub fn users(after: i64, limit: i64) -> String {
    format!("{BASE}/users?limit={limit}&after={after}")
}

/// Where users are added.
pub fn new_user() -> String {
    format!("{BASE}/users/new")
}

/// One user.
pub fn user(user_id: i64) -> String {
    format!("{BASE}/users/{user_id}")
}

/// The user with this loginId, which must obey [`limits::LOGIN_ID`](crate::limits::LOGIN_ID): it is not encoded.
pub fn user_by_login_id(login_id: &str) -> String {
    format!("{BASE}/users/loginId?loginId={login_id}")
}
