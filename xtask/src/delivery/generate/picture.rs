//! `build/pipeline.md`: the pipeline as a picture, and its parameters.

use crate::delivery::model::{self, Action};
use crate::delivery::template::fill;
use crate::parameters::Catalogue;
use crate::workspace::Workspace;

const TEMPLATE: &str = include_str!("picture/template.md");

/// The page's text.
pub(super) fn picture(workspace: &Workspace, catalogue: &Catalogue) -> String {
    let (staging, release) = (model::staging(workspace), model::release(workspace));
    let arrows = [
        "    source".to_owned(),
        arrow(&staging, "staging"),
        arrow(&release, "release"),
    ];
    fill(
        TEMPLATE,
        &[
            ("name", &workspace.name),
            ("staging", &nodes(&staging, "staging")),
            ("release", &nodes(&release, "release")),
            ("arrows", &arrows.join(" --> ")),
            ("parameters", &parameters(workspace, catalogue)),
        ],
    )
}

/// The steps that run side by side are one box: a line between each two of them
/// would say no more.
fn nodes(actions: &[Action<'_>], stage: &str) -> String {
    steps(actions)
        .iter()
        .map(|(order, names)| {
            format!(
                "        {stage}{order}[\"{order}: {}\"]\n",
                names.join("<br>")
            )
        })
        .collect()
}

fn arrow(actions: &[Action<'_>], stage: &str) -> String {
    let steps: Vec<_> = steps(actions)
        .iter()
        .map(|(order, _)| format!("{stage}{order}"))
        .collect();
    steps.join(" --> ")
}

/// The names of the actions by their order.
fn steps(actions: &[Action<'_>]) -> Vec<(usize, Vec<String>)> {
    let mut steps: Vec<(usize, Vec<String>)> = Vec::new();
    for action in actions {
        let name = action.step.action_name();
        match steps.last_mut() {
            Some((order, names)) if *order == action.order => names.push(name),
            _ => steps.push((action.order, vec![name])),
        }
    }
    steps
}

fn parameters(workspace: &Workspace, catalogue: &Catalogue) -> String {
    let is_digest = |name| {
        let mut services = workspace.services.iter();
        services.any(|service| service.tested_digest_parameter() == name)
    };
    let rows = catalogue.names().filter_map(|name| {
        let entry = catalogue.entry(name)?;
        let kind = if is_digest(name) {
            "the pipeline sets it"
        } else if catalogue.is_secret(name) {
            "SecureString"
        } else {
            "String"
        };
        let description = entry.description.replace('|', "\\|");
        Some(format!("| `{name}` | {description} | {kind} |\n"))
    });
    rows.collect()
}
