//! The words of the OCI specifications as types: names, tags, digests and
//! manifests. Nothing here touches a network or a disk.
//!
//! Sources: OCI distribution specification 1.1 ("Pulling manifests" for the
//! grammar of names and tags), OCI image specification 1.1 (descriptors,
//! manifests, indexes) and Docker's reference grammar for short names.

mod digest;
mod manifest;
mod name;

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize as _, Deserializer, de};

use crate::error::Fault;

pub use digest::{Digest, Hasher};
pub use manifest::{
    Descriptor, MAX_MANIFEST_BYTES, Manifest, MediaType, ParseManifestError, References,
    annotation, empty_where_null,
};
pub use name::{Host, Location, RepositoryName, Tag, Target};

/// Reads what is written as text, with the same checks as everywhere else.
fn parsed<'de, T: FromStr<Err = Fault>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}
