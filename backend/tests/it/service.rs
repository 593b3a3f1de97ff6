//! The service in this process, and what it answers.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use backend::app;
use backend::config::Config;
use http_body_util::BodyExt;
use serde_json::Value;
use service_kit::Environment;
use tempfile::TempDir;
use tower::ServiceExt;

/// The router that the process would serve.
#[derive(Clone)]
pub(crate) struct Service {
    router: Router,
    _folder: Option<Arc<TempDir>>,
}

/// An answer, with its body as JSON where it is some.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Service {
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let environment: Environment = variables.iter().copied().collect();
        let router = app::build(Config::from_env(&environment).unwrap())
            .await
            .unwrap();
        Self {
            router,
            _folder: None,
        }
    }

    /// The folder of its database is there as long as the service.
    pub(crate) fn keeping(self, folder: TempDir) -> Self {
        Self {
            _folder: Some(Arc::new(folder)),
            ..self
        }
    }

    /// The sample's users and groups in the database at the URL.
    pub(crate) async fn with_sample(database_url: &str) -> Self {
        Self::with(&[("DATABASE_URL", database_url), ("SAMPLE_DATA", "true")]).await
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json,
            text,
        }
    }

    /// Sends `METHOD /path`, below the base of the API where the path does not start with `/backend`.
    pub(crate) async fn send(&self, line: &str, body: Option<Value>) -> Answer {
        self.request(request(line, body).body_of_json()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), None).await
    }
}

/// A request that is not sent yet.
pub(crate) struct Prepared(axum::http::request::Builder, Option<Value>);

pub(crate) fn request(line: &str, body: Option<Value>) -> Prepared {
    let (method, path) = line.split_once(' ').unwrap();
    let base = if path.starts_with("/backend") {
        ""
    } else {
        "/backend/api/v1"
    };
    Prepared(
        Request::builder()
            .method(method)
            .uri(format!("{base}{path}")),
        body,
    )
}

impl Prepared {
    pub(crate) fn header(self, name: header::HeaderName, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }

    pub(crate) fn body_of_json(self) -> Request<Body> {
        match self.1 {
            Some(json) => self
                .0
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(json.to_string()))
                .unwrap(),
            None => self.0.body(Body::empty()).unwrap(),
        }
    }
}

/// What was asked and answered, in a form that reads well in a snapshot.
pub(crate) struct Transcript<'a> {
    service: &'a Service,
    text: String,
}

impl<'a> Transcript<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self {
            service,
            text: String::new(),
        }
    }

    pub(crate) async fn ask(&mut self, line: &str) {
        self.step(line, None).await;
    }

    pub(crate) async fn tell(&mut self, line: &str, body: Value) {
        self.step(line, Some(body)).await;
    }

    async fn step(&mut self, line: &str, body: Option<Value>) {
        let mut answer = self.service.send(line, body.clone()).await;
        hide_times(&mut answer.json);
        let sent = body.map(|body| format!(" {body}")).unwrap_or_default();
        writeln!(self.text, "{line}{sent}\n{}", answer.status).unwrap();
        match &answer.json {
            Value::Array(items) => items
                .iter()
                .for_each(|item| writeln!(self.text, "- {item}").unwrap()),
            json => writeln!(self.text, "{json}").unwrap(),
        }
        self.text.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Times that are not the sample's are those of the test.
fn hide_times(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(hide_times),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "lastUpdatedAt" && value != "2026-01-01T00:00:00.000Z" {
                    *value = Value::from("now");
                }
            }
        }
        _ => (),
    }
}
