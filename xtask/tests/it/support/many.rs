//! Workspaces with many services.

use super::Sandbox;

/// The name of one of the services, from 1.
pub(crate) fn name(number: usize) -> String {
    format!("a-service-whose-name-has-40-characters{number:02}")
}

/// A workspace with `count` services in a row: each calls the one before it. Their
/// names are as long as they may be.
pub(crate) fn workspace(count: usize) -> Sandbox {
    let sandbox = Sandbox::empty();
    let names: Vec<_> = (1..=count).map(name).collect();
    let members: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    sandbox.write(
        "Cargo.toml",
        format!(
            "[workspace]\nmembers = [{}]\n\n[workspace.metadata.delivery]\nname = \"mynavi-sample-continuous-delivery\"\ntarget = \"x86_64-unknown-linux-gnu\"\n",
            members.join(", ")
        ),
    );
    sandbox.write("build/parameters.toml", "");
    for (index, name) in names.iter().enumerate() {
        let upstreams = names[..index]
            .last()
            .map(|upstream| format!("upstreams = [{upstream:?}]\n"));
        sandbox.write(
            &format!("{name}/Cargo.toml"),
            format!(
                "[package]\nname = {name:?}\nversion = \"1.0.0\"\n\n[package.metadata.service]\nport = 8080\ncontext-path = \"/{name}\"\n{}",
                upstreams.unwrap_or_default()
            ),
        );
    }
    sandbox
}
