//! The service in this process, and what it answers.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode, header};
use backend_for_frontend::app;
use backend_for_frontend::config::Config;
use http_body_util::BodyExt;
use service_kit::Environment;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// The router that the process would serve.
pub(crate) struct Bff {
    router: Router,
    language: &'static str,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Bff {
    pub(crate) fn in_front_of(backend: SocketAddr) -> Self {
        let url = format!("http://{backend}");
        let environment: Environment = [("SERVICE_DNS", url.as_str())].into_iter().collect();
        Self {
            router: app::build(Config::from_env(&environment).unwrap()),
            language: "en",
        }
    }

    /// In front of the real backend, with the sample's users.
    pub(crate) async fn with_backend() -> Self {
        Self::in_front_of(serve(backend().await).await)
    }

    pub(crate) fn in_japanese(self) -> Self {
        Self {
            language: "ja",
            ..self
        }
    }

    pub(crate) async fn request(&self, mut request: Request<Body>) -> Answer {
        request
            .headers_mut()
            .entry(header::ACCEPT_LANGUAGE)
            .or_insert(self.language.parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let uri = format!("/backend-for-frontend{path}");
        self.request(Request::get(uri).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn get_with(&self, path: &str, name: HeaderName, value: &str) -> Answer {
        let uri = format!("/backend-for-frontend{path}");
        self.request(
            Request::get(uri)
                .header(name, value)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// Sends the form that adds users.
    pub(crate) async fn submit(&self, fields: &[(String, String)]) -> Answer {
        self.submit_body("application/x-www-form-urlencoded", form_of(fields))
            .await
    }

    pub(crate) async fn submit_body(&self, media_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post("/backend-for-frontend/addUsers")
            .header(header::CONTENT_TYPE, media_type);
        self.request(request.body(body.into()).unwrap()).await
    }
}

impl Answer {
    /// The text of the element with this id; its tags are left out.
    pub(crate) fn text_of(&self, id: &str) -> String {
        let element = self
            .element(id)
            .unwrap_or_else(|| panic!("no #{id} in {}", self.text));
        let text = element.split_once('>').unwrap().1;
        text.split_once('<').unwrap().0.to_owned()
    }

    /// The value of the input with this id.
    pub(crate) fn value_of(&self, id: &str) -> String {
        let element = self
            .element(id)
            .unwrap_or_else(|| panic!("no #{id} in {}", self.text));
        let tag = element.split_once('>').unwrap().0;
        tag.split_once("value=\"")
            .unwrap()
            .1
            .split_once('"')
            .unwrap()
            .0
            .to_owned()
    }

    /// Where the link with this id leads.
    pub(crate) fn href_of(&self, id: &str) -> &str {
        let element = self
            .element(id)
            .unwrap_or_else(|| panic!("no #{id} in {}", self.text));
        let href = element.split_once("href=\"").unwrap().1;
        href.split_once('"').unwrap().0
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.element(id).is_some()
    }

    fn element(&self, id: &str) -> Option<&str> {
        self.text
            .split_once(&format!("id=\"{id}\""))
            .map(|(_, rest)| rest)
    }
}

/// The real backend's router.
pub(crate) async fn backend() -> Router {
    let environment: Environment = [("SAMPLE_DATA", "true")].into_iter().collect();
    backend::app::build(backend::config::Config::from_env(&environment).unwrap())
        .await
        .unwrap()
}

/// Serves a router on a port, until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The fields of a user who can be added.
pub(crate) fn user(number: usize, login_id: &str) -> Vec<(String, String)> {
    [
        ("firstName", "名"),
        ("familyName", "姓"),
        ("loginId", login_id),
        ("address.zipCode", "100-0001"),
        ("address.address", "東京都千代田区"),
        ("emailList[0].email", "one@debugroom.org"),
        ("emailList[1].email", "two@debugroom.org"),
    ]
    .map(|(field, value)| (format!("users[{number}].{field}"), value.to_owned()))
    .to_vec()
}

/// The same fields, with one of them changed.
pub(crate) fn with(
    mut fields: Vec<(String, String)>,
    name: &str,
    value: &str,
) -> Vec<(String, String)> {
    fields
        .iter_mut()
        .find(|(field, _)| field == name)
        .unwrap()
        .1 = value.to_owned();
    fields
}

/// The fields as a browser sends them.
pub(crate) fn form_of(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// The button that was pressed.
pub(crate) fn button(action: &str) -> (String, String) {
    ("change".to_owned(), action.to_owned())
}
