//! What must be refused, and how.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::service::{Service, request};

async fn service() -> Service {
    Service::with_sample("sqlite::memory:").await
}

async fn post(
    service: &Service,
    media_type: &str,
    body: impl Into<Body>,
) -> crate::service::Answer {
    let request =
        Request::post("/backend/api/v1/users/new").header(header::CONTENT_TYPE, media_type);
    service.request(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn bodies_that_are_not_what_http_promises() {
    let service = service().await;
    let json = "application/json";
    for (media_type, body, status, code) in [
        (json, "{".to_owned(), StatusCode::BAD_REQUEST, "HTTP400"),
        (json, String::new(), StatusCode::BAD_REQUEST, "HTTP400"),
        (
            json,
            "{} {}".to_owned(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "E0010",
        ),
        (
            "text/plain",
            "{}".to_owned(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "HTTP415",
        ),
        (
            "application/jsonp",
            "{}".to_owned(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "HTTP415",
        ),
        (
            json,
            " ".repeat(64 * 1024 + 1),
            StatusCode::PAYLOAD_TOO_LARGE,
            "HTTP413",
        ),
    ] {
        let answer = post(&service, media_type, body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json["code"], code);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_not_what_the_contract_promises() {
    let service = service().await;
    let valid = json!({
        "firstName": "a", "familyName": "b", "loginId": "c",
        "address": {"zipCode": "1", "address": "d"}, "emailList": [{"email": "a@b.c"}],
    });
    let mut findings = String::new();
    for (pointer, value) in [
        ("/firstName", json!("")),
        ("/firstName", json!("名".repeat(51))),
        ("/firstName", json!("<script>alert(1)</script>")),
        ("/firstName", json!("a\u{0}b")),
        ("/firstName", json!(null)),
        ("/familyName", json!(["a"])),
        ("/loginId", json!("taro mynavi")),
        ("/loginId", json!("a".repeat(33))),
        ("/address/zipCode", json!("12345678-")),
        ("/address/zipCode", json!("１２３")),
        ("/address/address", json!("100%")),
        ("/address", json!("Tokyo")),
        ("/emailList/0/email", json!("nobody")),
        (
            "/emailList/0/email",
            json!(format!("a@{}", "b.".repeat(128))),
        ),
        ("/emailList/0/email", json!(1e308)),
        ("/emailList", json!({})),
        (
            "",
            json!(["a", "b", "c", false, {"zipCode": "1", "address": "d"}]),
        ),
        ("/address", json!(["1", "d"])),
        ("/emailList/0", json!(["a@b.c"])),
    ] {
        let mut body = valid.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let answer = post(&service, "application/json", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        findings.push_str(&format!("{pointer}: {}\n", answer.json["errors"]));
    }
    insta::assert_snapshot!(findings);
    assert_eq!(
        service.get("/users").await.json.as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn what_is_missing_or_unknown_is_named() {
    let service = service().await;
    for (line, body, field) in [
        ("POST /users/0/emails/new", Some(json!({})), "email"),
        (
            "POST /users/0/emails/new",
            Some(json!({"email": "a@b.c", "mail": 1})),
            "mail",
        ),
        (
            "POST /users/new",
            Some(
                json!({"firstName": "a", "familyName": "b", "loginId": "c", "address": {"address": "d"}}),
            ),
            "address.zipCode",
        ),
        (
            "POST /users/new",
            Some(json!({
                "firstName": "a", "familyName": "b", "loginId": "c",
                "address": {"zipCode": "1", "address": "d"}, "emailList": [{"email": "a@b.c"}, {}],
            })),
            "emailList[1].email",
        ),
        ("GET /users?limit=x", None, "limit"),
        ("GET /users?limit=1&limit=2", None, "limit"),
        ("GET /users?after=1.5", None, "after"),
        ("GET /users?offset=1", None, "offset"),
        ("GET /users/loginId", None, "loginId"),
    ] {
        let answer = service.send(line, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{line}");
        assert_eq!(answer.json["errors"][0]["field"], field, "{}", answer.text);
    }
}

#[tokio::test]
async fn japanese_problems_are_in_japanese_alone() {
    let service = service().await;
    for (line, body, message) in [
        (
            "POST /users/0/emails/new",
            Some(json!({"email": 1})),
            "形式が正しくありません。",
        ),
        (
            "POST /users/0/emails/new",
            Some(json!({})),
            "必須項目です。",
        ),
        (
            "POST /users/0/emails/new",
            Some(json!({"email": "a@b.c", "mail": 1})),
            "定義されていない項目です。",
        ),
        ("GET /users?limit=x", None, "形式が正しくありません。"),
    ] {
        let request = request(line, body).header(header::ACCEPT_LANGUAGE, "ja");
        let answer = service.request(request.body_of_json()).await;
        assert_eq!(answer.json["errors"][0]["message"], message, "{line}");
    }
}

#[tokio::test]
async fn unknown_fields_and_numbers_out_of_range() {
    let service = service().await;
    let update = |extra: &str| {
        format!(
            r#"{{"firstName":"a","familyName":"b","loginId":"c","isLogin":true,"version":0{extra}}}"#
        )
    };
    for (line, body) in [
        ("PUT /users/0", update(r#","admin":true"#)),
        ("PUT /users/0", update(r#","userId":99999999999999999999"#)),
        ("PUT /users/0", update(r#","version":1"#)),
        (
            "PUT /users/0/address",
            r#"{"zipCode":"1","address":"a","city":"b"}"#.to_owned(),
        ),
    ] {
        let mut request = request(line, None)
            .header(header::CONTENT_TYPE, "application/json")
            .body_of_json();
        *request.body_mut() = Body::from(body.clone());
        let answer = service.request(request).await;
        assert_eq!(answer.json["code"], "E0010", "{body}: {}", answer.text);
    }
    for path in [
        "/users/abc",
        "/users/99999999999999999999",
        "/users/1.5",
        "/users/%00",
        "/groups/x/users",
        "/zipCodes/abc/users",
    ] {
        assert_eq!(service.get(path).await.json["code"], "E0010", "{path}");
    }
    assert_eq!(service.get("/users/-1").await.json["code"], "E0001");
    assert_eq!(
        service.get("/users/9223372036854775807").await.json["code"],
        "E0001"
    );
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let service = service().await;
    for path in [
        "/nothing",
        "/backend/nothing",
        "/backend",
        "/users/0/nothing",
        "/users/",
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json["code"], "HTTP404", "{path}");
    }
    for (line, allow) in [
        ("PATCH /users/0", "GET,HEAD,PUT,DELETE"),
        ("DELETE /users", "GET,HEAD"),
        ("GET /users/new", "POST"),
        ("POST /backend/version", "GET,HEAD"),
    ] {
        let answer = service.send(line, None).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{line}");
        assert_eq!(answer.headers[header::ALLOW], allow, "{line}");
        assert_eq!(answer.json["code"], "HTTP405", "{line}");
    }
}

#[tokio::test]
async fn bad_languages_and_request_ids() {
    let service = service().await;
    for (value, language) in [
        ("ja", "ja"),
        ("xx-!!;q=z,,", "en"),
        ("ja;q=2, en", "en"),
        ("é", "en"),
    ] {
        let answer = service
            .request(
                request("GET /users/9", None)
                    .header(header::ACCEPT_LANGUAGE, value)
                    .body_of_json(),
            )
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(
            answer.headers[header::CONTENT_LANGUAGE],
            language,
            "{value}"
        );
    }

    let id = header::HeaderName::from_static("x-request-id");
    let taken_over = |value: &'static str| {
        service.request(
            request("GET /users/0", None)
                .header(id.clone(), value)
                .body_of_json(),
        )
    };
    assert_eq!(
        taken_over("from-the-caller").await.headers[&id],
        "from-the-caller"
    );
    for value in [
        "",
        "two words",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    ] {
        assert_ne!(taken_over(value).await.headers[&id], value);
    }
}
