//! A page for the OpenAPI document, that needs nothing but itself.

use backend_api::{ErrorCode, Language};
use maud::{DOCTYPE, Markup, html};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{OpenApi, PathItem, RefOr};

/// The page.
pub(crate) fn page(document: &OpenApi) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (document.info.title) }
            }
            body {
                h1 { (document.info.title) " " (document.info.version) }
                p { (document.info.description.as_deref().unwrap_or_default()) " The document for machines: "
                    a href="openapi.json" { "openapi.json" } "." }
                @for (path, item) in &document.paths.paths {
                    @for (method, operation) in operations(item) { (section(method, path, operation)) }
                }
                h2 { "Errors" }
                (errors())
            }
        }
    }
}

fn section(method: &str, path: &str, operation: &Operation) -> Markup {
    html! {
        h2 { (method) " " code { (path) } }
        p { (operation.summary.as_deref().unwrap_or_default()) }
        @for parameter in parameters(operation) {
            p { code { (parameter.name) } " " (parameter.description.as_deref().unwrap_or_default()) }
        }
        ul { @for status in operation.responses.responses.keys() { li { (status) } } }
    }
}

fn errors() -> Markup {
    html! {
        table {
            tr { th { "Code" } th { "Status" } th { "Meaning" } th lang="ja" { "意味" } }
            @for code in ErrorCode::ALL {
                tr id=(code.as_str()) {
                    td { (code.as_str()) }
                    td { (code.status()) }
                    td { (code.template(Language::English)) }
                    td lang="ja" { (code.template(Language::Japanese)) }
                }
            }
        }
    }
}

fn operations(path: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &path.get),
        ("POST", &path.post),
        ("PUT", &path.put),
        ("DELETE", &path.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
}
