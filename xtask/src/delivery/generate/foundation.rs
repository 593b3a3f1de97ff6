//! `build/foundation.yaml`: what the pipeline and the environments stand on.

use crate::delivery::template::fill;
use crate::workspace::Workspace;

const TEMPLATE: &str = include_str!("foundation/template.yaml");

/// The longest name of a connection (AWS CodeConnections API Reference, "CreateConnection").
const CONNECTION_NAME_LENGTH: usize = 32;

/// The template's text.
pub(super) fn foundation(workspace: &Workspace) -> String {
    let name = &workspace.name;
    // Names have ASCII letters alone, so that every byte is a character.
    let connection_name = name.get(..CONNECTION_NAME_LENGTH).unwrap_or(name);
    fill(
        TEMPLATE,
        &[("name", name), ("connection_name", connection_name)],
    )
}
