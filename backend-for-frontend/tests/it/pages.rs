//! The pages in front of the real backend.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

use crate::bff::{Bff, backend, serve};

/// A page with a line for each tag, which reads well in a snapshot. What stands behind the URLs of the assets changes
/// with them.
fn lines(page: &str) -> String {
    let lines = page.replace("><", ">\n<");
    let mark = lines.split("style.css?").nth(1).unwrap();
    let mark = mark.split('"').next().unwrap();
    lines.replace(mark, "MARK")
}

#[tokio::test]
async fn the_portal_in_english() {
    insta::assert_snapshot!(lines(&Bff::with_backend().await.get("/portal").await.text));
}

#[tokio::test]
async fn the_portal_in_japanese() {
    insta::assert_snapshot!(lines(
        &Bff::with_backend()
            .await
            .in_japanese()
            .get("/portal")
            .await
            .text
    ));
}

#[tokio::test]
async fn the_portal_has_three_paths() {
    let bff = Bff::with_backend().await;
    let portal = bff.get("/portal").await;
    for path in ["", "/", "/index.html"] {
        let page = bff.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.text, portal.text, "{path}");
    }
}

#[tokio::test]
async fn all_users_are_in_a_table() {
    insta::assert_snapshot!(lines(
        &Bff::with_backend().await.get("/getUsers").await.text
    ));
}

#[tokio::test]
async fn many_users_are_shown_page_by_page() {
    let backend = backend().await;
    for number in 3..=1000 {
        add(&backend, &format!("user.{number}")).await;
    }
    let bff = Bff::in_front_of(serve(backend).await);

    let first = bff.get("/getUsers").await;
    assert_eq!(first.text_of("td-userId-999"), "999");
    assert!(!first.has("td-userId-1000"));
    let link = first.href_of("nextUsersLink");
    assert_eq!(link, "/backend-for-frontend/getUsers?after=999");

    let last = bff.get("/getUsers?after=999").await;
    assert_eq!(last.text_of("td-userId-0"), "1000");
    assert!(!last.has("td-userId-1") && !last.has("nextUsersLink"));
}

/// Adds a user as a caller of the backend does.
async fn add(backend: &Router, login_id: &str) {
    let user = json!({
        "firstName": "a", "familyName": "b", "loginId": login_id, "address": {"zipCode": "1", "address": "c"},
    });
    let request = Request::post(backend_api::paths::new_user())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(user.to_string()))
        .unwrap();
    let answer = backend.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_page_that_is_not_a_number_is_not_understood() {
    let page = Bff::with_backend().await.get("/getUsers?after=x").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        page.text_of("message-panel"),
        "The request was not understood."
    );
}

#[tokio::test]
async fn one_user_is_json() {
    let bff = Bff::with_backend().await;
    let user = bff.get("/getUser?userId=1").await;
    assert_eq!(user.headers[header::CONTENT_TYPE], "application/json");
    let user: backend_api::User = serde_json::from_str(&user.text).unwrap();
    assert_eq!(user.login_id, "hanako.mynavi");

    let nobody = bff.get("/getUser?userId=9").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert_eq!(
        nobody.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let problem: backend_api::Problem = serde_json::from_str(&nobody.text).unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.detail.as_str()),
        ("BE0001", "There is no user 9.")
    );

    for query in [
        "",
        "?userId=",
        "?userId=x",
        "?userId=99999999999999999999",
        "?userid=1",
    ] {
        let malformed = bff.get(&format!("/getUser{query}")).await;
        assert_eq!(
            malformed.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{query}"
        );
        assert_eq!(
            malformed.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn a_login_id_is_usable_where_nobody_has_it() {
    let bff = Bff::with_backend().await.in_japanese();
    assert_eq!(
        bff.get("/isUsableLoginId?loginId=saburo").await.text,
        "使用可能なログインIDです。"
    );
    for login_id in [
        "taro.mynavi",
        "",
        "%3Cscript%3E",
        "a%26b",
        "0123456789012345678901234567890123",
    ] {
        let answer = bff
            .get(&format!("/isUsableLoginId?loginId={login_id}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.text, "このログインIDは使用できません。",
            "{login_id}"
        );
    }
    assert_eq!(
        bff.get("/isUsableLoginId").await.text,
        "このログインIDは使用できません。"
    );
}

#[tokio::test]
async fn every_answer_keeps_the_browser_safe() {
    let bff = Bff::with_backend().await;
    for path in [
        "/portal",
        "/getUsers",
        "/getUser?userId=9",
        "/nothing",
        "/assets/portal.js",
        "/addUsers",
    ] {
        let answer = bff.get(path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(
            answer.headers[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff",
            "{path}"
        );
        assert!(
            !answer.text.contains("style=\"") && !answer.text.contains(" onclick"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_files_that_a_page_loads_are_there() {
    let bff = Bff::with_backend().await;
    let page = bff.get("/portal").await.text;
    for (attribute, media_type) in [
        ("src=\"", "text/javascript; charset=utf-8"),
        ("stylesheet\" href=\"", "text/css; charset=utf-8"),
    ] {
        let url = page
            .split_once(attribute)
            .unwrap()
            .1
            .split_once('"')
            .unwrap()
            .0;
        let file = bff
            .get(url.strip_prefix("/backend-for-frontend").unwrap())
            .await;
        assert_eq!(file.status, StatusCode::OK, "{url}");
        assert_eq!(file.headers[header::CONTENT_TYPE], media_type);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_a_page() {
    let bff = Bff::with_backend().await;
    let unknown = bff.get("/nothing").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.text_of("message-panel"), "There is no such page.");
    let wrong = bff.get("/addUsers").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers[header::ALLOW], "POST");
    assert_eq!(
        bff.in_japanese()
            .get("/nothing")
            .await
            .text_of("message-panel"),
        "ページが見つかりません。"
    );
}

#[tokio::test]
async fn bad_languages_get_english() {
    let bff = Bff::with_backend().await;
    for value in ["xx", ";;q=,", "ja;q=0"] {
        let page = bff
            .get_with("/portal", header::ACCEPT_LANGUAGE, value)
            .await;
        assert!(page.text.contains("<html lang=\"en\">"), "{value}");
    }
}

#[tokio::test]
async fn health_and_version() {
    let bff = Bff::with_backend().await;
    assert_eq!(bff.get("/health/live").await.status, StatusCode::OK);
    assert_eq!(bff.get("/health/ready").await.status, StatusCode::OK);
    assert_eq!(
        bff.get("/version").await.text,
        format!(
            r#"{{"version":"{}","commit":"unknown"}}"#,
            env!("CARGO_PKG_VERSION")
        )
    );
}
