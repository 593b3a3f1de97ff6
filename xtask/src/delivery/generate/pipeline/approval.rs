//! The approval, which says what would be released.

use super::fill;
use crate::delivery::model::{self, Part, Step};
use crate::workspace::Workspace;

const APPROVAL: &str = include_str!("approval.yaml");

/// One approval action.
pub(super) fn approval(workspace: &Workspace, order: usize, part: Part<'_>) -> String {
    let lines: Vec<_> = part
        .services
        .iter()
        .map(|service| format!("                  {}", model::shown(service)))
        .collect();
    fill(
        APPROVAL,
        &[
            ("name", &workspace.name),
            ("action", &Step::Approve(part).action_name()),
            ("order", &order.to_string()),
            ("services", &lines.join(";\n")),
        ],
    )
}
