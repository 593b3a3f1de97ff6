//! The files of a new service's crate.

use std::path::{Path, PathBuf};

use crate::delivery::template::fill;
use crate::workspace::Service;

const TEMPLATES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("service/Cargo.toml.template")),
    ("src/main.rs", include_str!("service/main.rs.template")),
    ("src/lib.rs", include_str!("service/lib.rs.template")),
    ("src/app.rs", include_str!("service/app.rs.template")),
    ("src/config.rs", include_str!("service/config.rs.template")),
    ("tests/it.rs", include_str!("service/test.rs.template")),
];
const CLIENT: (&str, &str) = ("src/client.rs", include_str!("service/client.rs.template"));

const CONFIG_IMPORT: &str = include_str!("service/config_import.template");
const APP_IMPORT: &str = include_str!("service/app_import.template");

/// The files of the crate `package`, which calls the `upstreams`.
pub(super) fn files(package: &str, upstreams: &[&Service]) -> Vec<(PathBuf, String)> {
    let calls = |text: &str| {
        if upstreams.is_empty() {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let each = |text: &dyn Fn(&Service) -> String| {
        upstreams
            .iter()
            .map(|upstream| text(upstream))
            .collect::<String>()
    };
    let values = [
        ("package", package.to_owned()),
        ("crate", identifier(package)),
        ("upstreams", metadata(upstreams)),
        ("json", calls("serde_json.workspace = true\n")),
        (
            "errors",
            calls("thiserror.workspace = true\ntracing.workspace = true\n"),
        ),
        ("client_module", calls("pub mod client;\n")),
        ("client_import", calls(CONFIG_IMPORT)),
        ("handler_import", calls(APP_IMPORT)),
        ("fields", each(&field)),
        ("values", each(&value)),
        ("routes", each(&route)),
        (
            "variables",
            each(&variable).trim_end_matches(", ").to_owned(),
        ),
        ("upstream_tests", each(&|upstream| test(package, upstream))),
    ];
    let values: Vec<_> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let client = (!upstreams.is_empty()).then_some(CLIENT);
    let templates = TEMPLATES.into_iter().chain(client);
    templates
        .map(|(path, template)| (Path::new(package).join(path), fill(template, &values)))
        .collect()
}

/// A package's name as Rust has it.
fn identifier(package: &str) -> String {
    package.replace('-', "_")
}

fn metadata(upstreams: &[&Service]) -> String {
    let names: Vec<_> = upstreams
        .iter()
        .map(|upstream| format!("{:?}", upstream.package))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("upstreams = [{}]\n", names.join(", "))
    }
}

fn field(upstream: &Service) -> String {
    let Service { package, .. } = upstream;
    format!(
        "    /// Where {package} is.\n    pub {}: Upstream,\n",
        identifier(package)
    )
}

fn value(upstream: &Service) -> String {
    format!(
        "            {}: environment.required(\n                \"{}\",\n                \"the base URL of {}, http://HOST or https://HOST:PORT\",\n            )?,\n",
        identifier(&upstream.package),
        upstream.address_parameter(),
        upstream.package
    )
}

fn route(upstream: &Service) -> String {
    format!(
        "        .route(\n            \"/upstreams/{}\",\n            get(async || client::answer(config.{}, \"{}\").await),\n        )\n",
        upstream.package,
        identifier(&upstream.package),
        upstream.context_path
    )
}

fn variable(upstream: &Service) -> String {
    format!(
        "(\"{}\", \"http://127.0.0.1:1\"), ",
        upstream.address_parameter()
    )
}

/// Nothing listens on port 1.
fn test(package: &str, upstream: &Service) -> String {
    format!(
        r#"
#[tokio::test]
async fn {}_out_of_reach_is_a_bad_gateway() {{
    let status = get("/{package}/upstreams/{}").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
}}
"#,
        identifier(&upstream.package),
        upstream.package
    )
}
