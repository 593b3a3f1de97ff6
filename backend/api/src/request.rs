//! What is sent to the API. A field that is not known is an error: it would otherwise be lost in silence.

use serde::{Deserialize, Serialize};

use crate::limits::{ADDRESS, EMAIL, LOGIN_ID, NAME, ZIP_CODE};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::validation::text;
use crate::{Validate, Violation};

/// A user to add.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUser {
    /// Given name.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::name))]
    pub first_name: String,
    /// Family name.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::name))]
    pub family_name: String,
    /// The name to log in with, which nobody else has.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::login_id))]
    pub login_id: String,
    /// Whether the user is logged in.
    #[serde(default)]
    pub is_login: bool,
    /// Where the user lives.
    pub address: NewAddress,
    /// Any number of e-mails.
    #[serde(default)]
    pub email_list: Vec<NewEmail>,
}

/// The address of a user to add.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewAddress {
    /// Digits and hyphens.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::zip_code))]
    pub zip_code: String,
    /// Everything but the zip code.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::address))]
    pub address: String,
}

/// A user as it shall be. E-mails have paths of their own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserUpdate {
    /// May be left out, since the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Given name.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::name))]
    pub first_name: String,
    /// Family name.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::name))]
    pub family_name: String,
    /// The name to log in with, which nobody else has.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::login_id))]
    pub login_id: String,
    /// Whether the user is logged in.
    pub is_login: bool,
    /// Where the user lives; stays as it is where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressUpdate>,
    /// The version that the update is based on.
    pub version: i64,
}

/// An address as it shall be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressUpdate {
    /// May be left out, since the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Digits and hyphens.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::zip_code))]
    pub zip_code: String,
    /// Everything but the zip code.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::address))]
    pub address: String,
}

/// An e-mail to add.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewEmail {
    /// The address itself.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::email))]
    pub email: String,
}

/// An e-mail as it shall be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmailUpdate {
    /// May be left out, since the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// May be left out, since the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_no: Option<i64>,
    /// The address itself.
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::email))]
    pub email: String,
}

impl Validate for NewUser {
    fn violations(&self) -> Vec<Violation> {
        let person = person(&self.first_name, &self.family_name, &self.login_id);
        let address = address("address.", &self.address.zip_code, &self.address.address);
        let emails = self.email_list.iter().enumerate();
        let emails = emails
            .filter_map(|(no, entry)| text(format!("emailList[{no}].email"), &entry.email, &EMAIL));
        person.chain(address).chain(emails).collect()
    }
}

impl Validate for UserUpdate {
    fn violations(&self) -> Vec<Violation> {
        let address = self
            .address
            .iter()
            .flat_map(|to| address("address.", &to.zip_code, &to.address));
        person(&self.first_name, &self.family_name, &self.login_id)
            .chain(address)
            .collect()
    }
}

impl Validate for AddressUpdate {
    fn violations(&self) -> Vec<Violation> {
        address("", &self.zip_code, &self.address).collect()
    }
}

impl Validate for NewEmail {
    fn violations(&self) -> Vec<Violation> {
        text("email", &self.email, &EMAIL).into_iter().collect()
    }
}

impl Validate for EmailUpdate {
    fn violations(&self) -> Vec<Violation> {
        text("email", &self.email, &EMAIL).into_iter().collect()
    }
}

fn person(first_name: &str, family_name: &str, login_id: &str) -> impl Iterator<Item = Violation> {
    [
        text("firstName", first_name, &NAME),
        text("familyName", family_name, &NAME),
        text("loginId", login_id, &LOGIN_ID),
    ]
    .into_iter()
    .flatten()
}

fn address(prefix: &str, zip_code: &str, address: &str) -> impl Iterator<Item = Violation> + use<> {
    [
        text(format!("{prefix}zipCode"), zip_code, &ZIP_CODE),
        text(format!("{prefix}address"), address, &ADDRESS),
    ]
    .into_iter()
    .flatten()
}
