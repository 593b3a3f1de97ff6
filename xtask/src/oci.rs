//! The words of the OCI specifications as types: names, tags, digests and
//! manifests. Nothing here touches a network or a disk.
//!
//! Sources: OCI distribution specification 1.1 ("Pulling manifests" for the
//! grammar of names and tags), OCI image specification 1.1 (descriptors,
//! manifests, indexes) and Docker's reference grammar for short names.

mod digest;
mod manifest;
mod name;

pub use digest::{Digest, Hasher};
pub use manifest::{
    Content, Descriptor, MAX_MANIFEST_BYTES, Manifest, MediaType, ParseManifestError, annotation,
    empty_where_null,
};
pub use name::{Host, Location, RepositoryName, Tag, Target};
