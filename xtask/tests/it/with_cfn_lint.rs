//! AWS's own linter has nothing to say of the templates.

use crate::support::{Sandbox, many, output_of, python_tool};

fn has_no_finding(sandbox: &Sandbox) {
    sandbox.ok(["generate"]);
    let mut linter = python_tool("cfn-lint");
    linter
        .current_dir(sandbox.root())
        .args(["--include-checks", "I", "--template"]);
    for file in ["foundation", "environment", "pipeline"] {
        linter.arg(format!("build/{file}.yaml"));
    }
    assert_eq!(output_of(&mut linter), "");
}

#[test]
fn the_templates_of_this_project_are_clean() {
    has_no_finding(&Sandbox::new());
}

#[test]
fn the_templates_of_one_and_of_many_services_are_clean() {
    for count in [1, 2, 10, 20] {
        has_no_finding(&many::workspace(count));
    }
}
