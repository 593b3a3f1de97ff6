//! What the service says of itself.

use std::collections::HashSet;

use axum::http::{StatusCode, header};
use serde_json::Value;

use crate::service::Service;

#[tokio::test]
async fn the_openapi_document_has_every_path_of_the_specification() {
    let service = Service::with(&[]).await;
    let document = service.get("/backend/openapi.json").await.json;
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/backend/api/v1").unwrap();
        let methods = methods.as_object().unwrap();
        found.extend(
            methods
                .keys()
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    found.sort_by_key(|line| {
        line.split_once(' ')
            .map(|(method, path)| (path.to_owned(), method.to_owned()))
    });
    insta::assert_snapshot!(found.join("\n"));
}

#[tokio::test]
async fn operation_ids_are_unique_and_references_lead_somewhere() {
    let service = Service::with(&[]).await;
    let document = service.get("/backend/openapi.json").await.json;
    let paths = document["paths"].as_object().unwrap();
    let operations: Vec<&Value> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .collect();
    let ids: HashSet<&str> = operations
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations.len());

    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_names_every_path_and_error() {
    let service = Service::with(&[]).await;
    let page = service.get("/backend/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.headers[header::CONTENT_SECURITY_POLICY],
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let document = service.get("/backend/openapi.json").await.json;
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.text.contains(path), "{path}");
    }
    for code in backend_api::ErrorCode::ALL {
        assert!(page.text.contains(&format!("id=\"{}\"", code.as_str())));
    }
}

#[tokio::test]
async fn health_and_version() {
    let service = Service::with(&[("SOURCE_COMMIT", "0123456789ab")]).await;
    assert_eq!(
        service.get("/backend/health/live").await.status,
        StatusCode::OK
    );
    assert_eq!(
        service.get("/backend/health/ready").await.status,
        StatusCode::OK
    );
    let version = service.get("/backend/version").await.json;
    assert_eq!(version["commit"], "0123456789ab");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}
