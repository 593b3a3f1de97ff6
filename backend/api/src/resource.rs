//! What the API answers with.

use serde::{Deserialize, Serialize};

/// A user with everything that belongs to it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The key: the highest of all users plus one when it was added, from 0.
    pub user_id: i64,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub family_name: String,
    /// The name to log in with; no two users share one.
    pub login_id: String,
    /// Whether the user is logged in.
    pub is_login: bool,
    /// Where the user lives.
    pub address: Address,
    /// The user's e-mails by `emailNo`.
    pub email_list: Vec<Email>,
    /// Counts the changes of this user and of what belongs to it; an update names the one that it is based on.
    pub version: i64,
    /// When the user was last changed, as in RFC 3339, in UTC.
    pub last_updated_at: String,
}

/// The address of a user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Address {
    /// Whose address it is.
    pub user_id: i64,
    /// Digits and hyphens.
    pub zip_code: String,
    /// Everything but the zip code.
    pub address: String,
}

/// An e-mail address of a user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Email {
    /// Whose e-mail it is.
    pub user_id: i64,
    /// The number among the user's e-mails: their highest plus one when it was added, from 0.
    pub email_no: i64,
    /// The address itself.
    pub email: String,
}

/// A group of users.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    /// The key.
    pub group_id: i64,
    /// What the group is called.
    pub group_name: String,
}
