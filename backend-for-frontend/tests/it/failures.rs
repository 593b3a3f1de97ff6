//! What the pages say where the backend fails, and what a registration leaves behind.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use service_kit::RequestId;

use crate::bff::{Bff, form_of, user};
use crate::running::{Running, service};
use crate::upstream::{Fault, Upstream};

#[tokio::test]
async fn a_backend_that_is_down_is_502() {
    // Nothing listens on port 1.
    let bff = Bff::in_front_of("127.0.0.1:1".parse().unwrap());
    let page = bff.get("/getUsers").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(
        page.text_of("message-panel"),
        "The users service cannot be reached. Try again later. (HTTP502)"
    );
    assert!(
        !page.text.contains("tcp") && !page.text.contains("127.0.0.1"),
        "nothing internal: {}",
        page.text
    );
    assert_eq!(
        bff.get("/getUser?userId=0").await.status,
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(
        bff.get("/isUsableLoginId?loginId=a").await.status,
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(bff.get("/portal").await.status, StatusCode::OK);
    assert_eq!(bff.get("/health/ready").await.status, StatusCode::OK);

    let result = bff.in_japanese().submit(&user(0, "saburo")).await;
    assert_eq!(result.status, StatusCode::BAD_GATEWAY);
    assert!(
        result
            .text_of("message-panel")
            .starts_with("ユーザーサービスに接続できません。")
    );
    assert_eq!(result.value_of("loginId-0"), "saburo", "the input is kept");
}

#[tokio::test]
async fn a_backend_whose_host_drops_packets_is_502() {
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(1));
    // Nobody accepts these: once there is no place left, the system drops what comes.
    let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
    let page = Bff::in_front_of(address).get("/getUsers").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text_of("message-panel").ends_with("(HTTP502)"));
    drop(waiting);
}

#[tokio::test]
async fn a_backend_that_hangs_is_504() {
    let (upstream, bff) = Upstream::start().await;
    upstream.always(Method::GET, Fault::Hang);
    let page = bff.get("/getUsers").await;
    assert_eq!(page.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(page.text_of("message-panel").ends_with("(HTTP504)"));
    assert_eq!(
        upstream.count(&Method::GET),
        1,
        "slow calls are not repeated"
    );
}

#[tokio::test]
async fn a_fault_of_the_backend_is_se0001() {
    let (upstream, bff) = Upstream::start().await;
    upstream.always(
        Method::GET,
        Fault::Answer(StatusCode::INTERNAL_SERVER_ERROR, "stack trace"),
    );
    let page = bff.get("/getUsers").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text_of("message-panel").ends_with("(SE0001)"));
    assert!(!page.text.contains("stack trace"));
}

#[tokio::test]
async fn a_fault_is_told_also_where_the_second_try_hangs() {
    let (upstream, bff) = Upstream::start().await;
    let fault = Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, "");
    upstream.plan(Method::GET, 0..1, fault);
    upstream.plan(Method::GET, 1..2, Fault::Hang);
    let page = bff.get("/getUsers").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text_of("message-panel").ends_with("(SE0001)"));
    assert_eq!(upstream.count(&Method::GET), 2);
}

#[tokio::test]
async fn nonsense_of_the_backend_is_se0002() {
    for nonsense in ["<html>", "{}", "[{\"userId\":\"zero\"}]", ""] {
        let (upstream, bff) = Upstream::start().await;
        upstream.always(Method::GET, Fault::Answer(StatusCode::OK, nonsense));
        let page = bff.get("/getUsers").await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{nonsense}");
        assert!(
            page.text_of("message-panel").ends_with("(SE0002)"),
            "{nonsense}"
        );
    }
    let (upstream, bff) = Upstream::start().await;
    upstream.always(Method::GET, Fault::Answer(StatusCode::FOUND, ""));
    assert!(
        bff.get("/getUsers")
            .await
            .text_of("message-panel")
            .ends_with("(SE0002)")
    );
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_se0002_and_not_asked_for_again() {
    let (upstream, bff) = Upstream::start().await;
    let long = " ".repeat(16 * 1024 * 1024 + 1);
    upstream.always(Method::GET, Fault::Answer(StatusCode::OK, long.leak()));
    let page = bff.get("/getUsers").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(
        page.text_of("message-panel"),
        "The answer of the users service was not understood. (SE0002)"
    );
    assert_eq!(upstream.count(&Method::GET), 1);
}

#[tokio::test]
async fn a_refusal_is_be0001_with_and_without_an_explanation() {
    let explanation = r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"Not before noon.","code":"BE9999","args":[]}"#;
    for (body, said) in [
        (explanation, "Not before noon. (BE0001)"),
        (
            "no problem document",
            "The users service refused the request. (BE0001)",
        ),
    ] {
        let (upstream, bff) = Upstream::start().await;
        upstream.always(Method::GET, Fault::Answer(StatusCode::FORBIDDEN, body));
        let page = bff.get("/getUsers").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{body}");
        assert_eq!(page.text_of("message-panel"), said);
    }
}

#[tokio::test]
async fn idempotent_calls_are_repeated_once() {
    for fault in [
        Fault::Break,
        Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, ""),
    ] {
        let (upstream, bff) = Upstream::start().await;
        upstream.plan(Method::GET, 0..1, fault);
        assert_eq!(bff.get("/getUsers").await.status, StatusCode::OK);
        assert_eq!(upstream.count(&Method::GET), 2);

        upstream.plan(Method::GET, 2..4, fault);
        assert_eq!(bff.get("/getUsers").await.status, StatusCode::BAD_GATEWAY);
        assert_eq!(upstream.count(&Method::GET), 4);
    }
}

#[tokio::test]
async fn additions_are_not_repeated() {
    let (upstream, bff) = Upstream::start().await;
    upstream.always(
        Method::POST,
        Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, ""),
    );
    assert_eq!(
        bff.submit(&user(0, "saburo")).await.status,
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(upstream.count(&Method::POST), 1);
}

#[tokio::test]
async fn the_request_id_and_the_language_are_passed_on() {
    let (upstream, bff) = Upstream::start().await;
    let bff = bff.in_japanese();
    let answer = bff
        .get_with(
            "/getUsers",
            RequestId::HEADER.parse().unwrap(),
            "from-the-browser",
        )
        .await;
    assert_eq!(answer.headers[RequestId::HEADER], "from-the-browser");
    assert_eq!(
        upstream.last_headers()[RequestId::HEADER],
        "from-the-browser"
    );
    assert_eq!(upstream.last_headers()[header::ACCEPT_LANGUAGE], "ja");
}

/// The loginIds that the backend has besides the sample's.
async fn left(bff: &Bff) -> Vec<String> {
    let page = bff.get("/getUsers").await;
    let ids = (3..).map(|number| format!("td-loginId-{number}"));
    ids.take_while(|id| page.has(id))
        .map(|id| page.text_of(&id))
        .collect()
}

fn three_users() -> Vec<(String, String)> {
    [user(0, "saburo"), user(1, "shiro"), user(2, "goro")].concat()
}

#[tokio::test]
async fn where_the_backend_dies_between_two_steps_nobody_is_left() {
    for step in 0..3 {
        let (upstream, bff) = Upstream::start().await;
        upstream.plan(Method::POST, step..step + 1, Fault::Break);
        let result = bff.submit(&three_users()).await;
        assert_eq!(result.status, StatusCode::BAD_GATEWAY, "{step}");
        assert!(
            !result.text_of("message-panel").contains("login ID"),
            "{step}"
        );
        assert_eq!(left(&bff).await, [""; 0], "{step}");
    }
}

#[tokio::test]
async fn whose_addition_was_never_confirmed_is_named_and_not_deleted() {
    for fault in [
        Fault::DoAndBreak,
        Fault::Answer(StatusCode::BAD_GATEWAY, "nonsense"),
    ] {
        let (upstream, bff) = Upstream::start().await;
        // The same form was sent before, and succeeded.
        bff.submit(&user(0, "shiro")).await;
        upstream.plan(Method::POST, 2..3, fault);
        let twice = [user(0, "saburo"), user(1, "shiro")].concat();
        let result = bff.submit(&twice).await;
        assert!(
            result.text_of("message-panel").ends_with(": shiro"),
            "{fault:?}"
        );
        assert_eq!(left(&bff).await, ["shiro"], "{fault:?}");
    }
}

#[tokio::test]
async fn who_cannot_be_deleted_again_is_named() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 2..3, Fault::Break);
    upstream.always(Method::DELETE, Fault::Break);
    let result = bff.submit(&three_users()).await;
    assert_eq!(result.status, StatusCode::BAD_GATEWAY);
    let message = result.text_of("message-panel");
    assert!(
        message.ends_with("could not be removed again: saburo, shiro"),
        "{message}"
    );
    assert_eq!(left(&bff).await, ["saburo", "shiro"]);
}

#[tokio::test]
async fn who_cannot_be_looked_up_is_named() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 0..1, Fault::DoAndBreak);
    upstream.plan(Method::GET, 0..2, Fault::Break);
    let result = bff.submit(&user(0, "saburo")).await;
    assert!(
        result
            .text_of("message-panel")
            .ends_with("could not be removed again: saburo")
    );
    assert_eq!(left(&bff).await, ["saburo"]);
}

#[tokio::test]
async fn who_may_still_be_added_is_named() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 0..1, Fault::Hang);
    let result = bff.submit(&user(0, "saburo")).await;
    assert_eq!(result.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        result
            .text_of("message-panel")
            .ends_with("could not be removed again: saburo")
    );
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_counts() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 1..2, Fault::Break);
    upstream.plan(Method::DELETE, 0..1, Fault::DoAndBreak);
    let result = bff
        .submit(&[user(0, "saburo"), user(1, "shiro")].concat())
        .await;
    assert!(!result.text_of("message-panel").contains("saburo"));
    assert_eq!(left(&bff).await, [""; 0]);
}

#[tokio::test]
async fn somebody_else_who_has_the_login_id_is_not_deleted() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 0..1, Fault::Break);
    bff.submit(&user(0, "taro.mynavi")).await;
    assert_eq!(upstream.count(&Method::DELETE), 0);
    assert_eq!(bff.get("/getUser?userId=0").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_registration_ends_also_where_the_browser_goes_away() {
    let (upstream, bff) = Upstream::start().await;
    upstream.plan(Method::POST, 1..2, Fault::Break);
    let fields = [user(0, "saburo"), user(1, "shiro")].concat();
    // Polled once, which starts the registration, and dropped.
    assert!(
        tokio::time::timeout(Duration::ZERO, bff.submit(&fields))
            .await
            .is_err()
    );
    upstream.answered(&Method::DELETE, 1).await;
    assert_eq!(left(&bff).await, [""; 0]);
}

/// On two threads, since the test waits for the process while the backend goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_ends_also_where_the_process_stops() {
    let (upstream, address) = Upstream::listen().await;
    // It takes until the end of the call, so that the signal comes before.
    upstream.plan(Method::POST, 1..2, Fault::Hang);
    let mut bff = Running::start(&mut service(&format!("http://{address}")));
    let mut browser = TcpStream::connect(bff.address()).unwrap();
    let fields = [user(0, "saburo"), user(1, "shiro")].concat();
    let form = form_of(&fields);
    write!(
        browser,
        "POST /backend-for-frontend/addUsers HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    upstream.answered(&Method::POST, 1).await;
    // The browser goes away, and with it the connection that the process would wait for.
    drop(browser);
    let log = bff.stop();
    assert_eq!(left(&Bff::in_front_of(address)).await, [""; 0], "{log}");
    assert!(!log.contains("still running"), "{log}");
}
