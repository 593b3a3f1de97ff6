//! The parameters with the account at the registry.

use super::{Catalogue, Form};

/// Who it is.
pub const USER: &str = "DOCKER_USER";
/// What proves it.
pub const PASSWORD: &str = "DOCKER_PASSWORD";
/// The registry that it is for.
pub const REGISTRY: &str = "DOCKER_REPO";
/// The server that hands out the registry's tokens, where it is not the registry's own.
pub const TOKEN_REALM: &str = "DOCKER_TOKEN_REALM";

/// The parameters of the account, in the order in which they are shown. Most registries
/// need no realm: there is such a parameter where the catalogue has it, and only there AWS
/// demands it.
pub(super) fn parameters(catalogue: &Catalogue) -> impl Iterator<Item = (&'static str, Form)> {
    let all = [
        (USER, Form::Text),
        (PASSWORD, Form::Text),
        (REGISTRY, Form::Registry),
        (TOKEN_REALM, Form::Registry),
    ];
    let is_there = |name| name != TOKEN_REALM || catalogue.entry(name).is_some();
    all.into_iter().filter(move |(name, _)| is_there(*name))
}
