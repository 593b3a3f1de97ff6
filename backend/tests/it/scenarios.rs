//! What must hold over every database.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use crate::service::{Service, Transcript, request};

/// Makes a test of each scenario, over the service that the expression gives.
macro_rules! scenarios {
    ($service:expr) => {
        scenarios! { $service;
            users_live_and_die, users_are_found, stale_versions_are_refused, login_ids_are_unique,
            addresses_change, emails_come_and_go, groups_have_members, pages_follow_each_other,
            the_highest_number_plus_one_is_taken, the_body_may_not_name_another_record,
            texts_are_kept_as_they_are, concurrent_additions_get_distinct_numbers, messages_are_in_the_callers_language
        }
    };
    ($service:expr; $($name:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $crate::scenarios::$name($service.await).await;
        })+
    };
}
pub(crate) use scenarios;

fn saburo() -> Value {
    json!({
        "firstName": "saburo", "familyName": "mynavi", "loginId": "saburo.mynavi", "isLogin": true,
        "address": {"zipCode": "100-0001", "address": "Tokyo Chiyoda 1"},
        "emailList": [{"email": "saburo1@debugroom.org"}, {"email": "saburo2@debugroom.org"}],
    })
}

fn with_login_id(login_id: &str) -> Value {
    json!({
        "firstName": "a", "familyName": "b", "loginId": login_id,
        "address": {"zipCode": "1", "address": "c"}, "emailList": [{"email": "a@b.c"}],
    })
}

pub(crate) async fn users_live_and_die(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript.tell("POST /users/new", saburo()).await;
    transcript.ask("GET /users/3").await;
    let update = json!({
        "userId": 3, "firstName": "三郎", "familyName": "マイナビ", "loginId": "saburo", "isLogin": false,
        "address": {"userId": 3, "zipCode": "100-0002", "address": "東京都"}, "version": 0,
    });
    transcript.tell("PUT /users/3", update).await;
    transcript.ask("DELETE /users/3").await;
    transcript.ask("GET /users/3").await;
    transcript.ask("DELETE /users/3").await;
    transcript
        .ask("GET /emails/email/user?email=saburo1@debugroom.org")
        .await;
    insta::assert_snapshot!("users_live_and_die", transcript.finish());
}

pub(crate) async fn users_are_found(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript.ask("GET /users").await;
    transcript
        .ask("GET /users/loginId?loginId=hanako.mynavi")
        .await;
    transcript.ask("GET /users/loginId?loginId=nobody").await;
    transcript
        .ask("GET /emails/email/user?email=taro.mynavi2@debugroom.org")
        .await;
    transcript
        .ask("GET /emails/email/user?email=nobody@debugroom.org")
        .await;
    transcript.ask("GET /emails/email/user").await;
    transcript.ask("GET /emails/email/user?email=").await;
    transcript.ask("GET /zipCodes/300-0000/users").await;
    transcript.ask("GET /zipCodes/300-0000/not-users").await;
    transcript.ask("GET /zipCodes/999/users").await;
    insta::assert_snapshot!("users_are_found", transcript.finish());
}

pub(crate) async fn stale_versions_are_refused(service: Service) {
    let mut transcript = Transcript::of(&service);
    let update = |version: i64| {
        json!({
            "firstName": "taro", "familyName": "m", "loginId": "taro.mynavi", "isLogin": true, "version": version,
        })
    };
    transcript.tell("PUT /users/0", update(0)).await;
    transcript.tell("PUT /users/0", update(0)).await;
    // What belongs to the user counts as well.
    transcript
        .tell(
            "POST /users/0/emails/new",
            json!({"email": "new@debugroom.org"}),
        )
        .await;
    transcript.tell("PUT /users/0", update(1)).await;
    transcript.tell("PUT /users/0", update(2)).await;
    transcript.tell("PUT /users/9", update(0)).await;
    insta::assert_snapshot!("stale_versions_are_refused", transcript.finish());
}

pub(crate) async fn login_ids_are_unique(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript
        .tell("POST /users/new", with_login_id("taro.mynavi"))
        .await;
    let update = json!({
        "firstName": "hanako", "familyName": "mynavi", "loginId": "taro.mynavi", "isLogin": false, "version": 0,
    });
    transcript.tell("PUT /users/1", update).await;
    // Nothing of what was refused is left.
    transcript.ask("GET /users?after=1").await;
    transcript.ask("GET /users/1").await;
    insta::assert_snapshot!("login_ids_are_unique", transcript.finish());
}

pub(crate) async fn addresses_change(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript.ask("GET /users/1/address").await;
    transcript
        .tell(
            "PUT /users/1/address",
            json!({"zipCode": "1-2-3", "address": "さいたま市 1-2"}),
        )
        .await;
    transcript.ask("GET /users/1").await;
    transcript.ask("GET /users/9/address").await;
    transcript
        .tell(
            "PUT /users/9/address",
            json!({"zipCode": "1", "address": "a"}),
        )
        .await;
    insta::assert_snapshot!("addresses_change", transcript.finish());
}

pub(crate) async fn emails_come_and_go(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript.ask("GET /users/0/emails").await;
    transcript
        .tell(
            "POST /users/0/emails/new",
            json!({"email": "third@debugroom.org"}),
        )
        .await;
    transcript
        .tell(
            "PUT /users/0/emails/1",
            json!({"email": "second@debugroom.org"}),
        )
        .await;
    transcript.ask("DELETE /users/0/emails/0").await;
    transcript.ask("DELETE /users/0/emails/0").await;
    transcript
        .tell(
            "PUT /users/0/emails/0",
            json!({"email": "gone@debugroom.org"}),
        )
        .await;
    transcript.ask("DELETE /users/0/emails").await;
    transcript.ask("GET /users/0").await;
    transcript
        .tell(
            "POST /users/0/emails/new",
            json!({"email": "first@debugroom.org"}),
        )
        .await;
    for line in [
        "GET /users/9/emails",
        "DELETE /users/9/emails",
        "DELETE /users/9/emails/0",
    ] {
        transcript.ask(line).await;
    }
    transcript
        .tell("POST /users/9/emails/new", json!({"email": "a@b.c"}))
        .await;
    insta::assert_snapshot!("emails_come_and_go", transcript.finish());
}

pub(crate) async fn groups_have_members(service: Service) {
    let mut transcript = Transcript::of(&service);
    transcript.ask("GET /users/0/groups").await;
    transcript.ask("GET /groups/1/users").await;
    transcript.ask("GET /groups/1/not-users").await;
    transcript.ask("POST /groups/1/users/2").await;
    transcript.ask("POST /groups/1/users/2").await;
    transcript.ask("DELETE /groups/1/users/0").await;
    transcript.ask("DELETE /groups/1/users/0").await;
    transcript.ask("GET /groups/1/users").await;
    transcript.ask("DELETE /groups/2").await;
    transcript.ask("GET /users/0/groups").await;
    for line in [
        "DELETE /groups/2",
        "GET /groups/2/users",
        "GET /groups/2/not-users",
        "POST /groups/2/users/0",
        "POST /groups/0/users/9",
        "DELETE /groups/0/users/9",
        "GET /users/9/groups",
    ] {
        transcript.ask(line).await;
    }
    insta::assert_snapshot!("groups_have_members", transcript.finish());
}

pub(crate) async fn pages_follow_each_other(service: Service) {
    let first = service.get("/users?limit=2").await;
    assert_eq!(first.json.as_array().unwrap().len(), 2);
    assert_eq!(
        first.headers[header::LINK],
        "</backend/api/v1/users?limit=2&after=1>; rel=\"next\""
    );

    let second = service.get("/users?limit=2&after=1").await;
    assert_eq!(second.json[0]["userId"], 2);
    assert_eq!(second.json.as_array().unwrap().len(), 1);
    assert!(!second.headers.contains_key(header::LINK));

    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999",
        "offset=1",
    ] {
        assert_eq!(
            service.get(&format!("/users?{query}")).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{query}"
        );
    }
}

pub(crate) async fn the_highest_number_plus_one_is_taken(service: Service) {
    let added = |login_id| service.send("POST /users/new", Some(with_login_id(login_id)));
    assert_eq!(added("a").await.json["userId"], 3);
    service.send("DELETE /users/1", None).await;
    assert_eq!(added("b").await.json["userId"], 4);
    service.send("DELETE /users/4", None).await;
    assert_eq!(added("c").await.json["userId"], 4);
    for user in [0, 2, 3, 4] {
        service.send(&format!("DELETE /users/{user}"), None).await;
    }
    assert_eq!(added("d").await.json["userId"], 0);
}

pub(crate) async fn the_body_may_not_name_another_record(service: Service) {
    let update = json!({
        "userId": 1, "firstName": "a", "familyName": "b", "loginId": "c", "isLogin": true, "version": 0,
        "address": {"userId": 0, "zipCode": "1", "address": "d"},
    });
    let mut update_of_address = update.clone();
    update_of_address["userId"] = 0.into();
    update_of_address["address"]["userId"] = 1.into();
    for (line, body, field) in [
        ("PUT /users/0", update, "userId"),
        ("PUT /users/0", update_of_address, "address.userId"),
        (
            "PUT /users/0/address",
            json!({"userId": 1, "zipCode": "1", "address": "a"}),
            "userId",
        ),
        (
            "PUT /users/0/emails/0",
            json!({"userId": 1, "emailNo": 0, "email": "a@b.c"}),
            "userId",
        ),
        (
            "PUT /users/0/emails/0",
            json!({"userId": 0, "emailNo": 1, "email": "a@b.c"}),
            "emailNo",
        ),
    ] {
        let answer = service.send(line, Some(body)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{line}");
        assert_eq!(answer.json["errors"][0]["field"], field, "{line}");
    }
    assert_eq!(service.get("/users/0").await.json["version"], 0);
}

pub(crate) async fn texts_are_kept_as_they_are(service: Service) {
    let mut user = saburo();
    user["firstName"] = "'; DROP TABLE usr; --".into();
    user["familyName"] = "\" OR 1 1 🙂 髙﨑".into();
    user["address"]["address"] = "O'Brien {0} $1".replace('$', "S").into();
    user["emailList"] = json!([{"email": "o'brien+'||'--@debugroom.org"}]);
    let added = service.send("POST /users/new", Some(user.clone())).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    let found = service.get("/users/3").await.json;
    assert_eq!(found["firstName"], user["firstName"]);
    assert_eq!(found["familyName"], user["familyName"]);
    assert_eq!(found["address"]["address"], user["address"]["address"]);
    assert_eq!(
        found["emailList"][0]["email"],
        user["emailList"][0]["email"]
    );
    let by_email = service
        .get("/emails/email/user?email=o%27brien%2B%27%7C%7C%27--@debugroom.org")
        .await;
    assert_eq!(by_email.json["userId"], 3);
}

pub(crate) async fn concurrent_additions_get_distinct_numbers(service: Service) {
    let numbers = add_side_by_side(&[service.clone(), service], 20).await;
    assert_eq!(numbers, (3..23).collect::<Vec<_>>());
}

/// Adds users through several instances at the same time; the answer is their numbers, sorted.
pub(crate) async fn add_side_by_side(instances: &[Service], count: usize) -> Vec<i64> {
    let mut additions = tokio::task::JoinSet::new();
    for number in 0..count {
        let service = instances[number % instances.len()].clone();
        let body = with_login_id(&format!("user.{number}"));
        additions.spawn(async move {
            let answer = service.send("POST /users/new", Some(body)).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
            answer.json["userId"].as_i64().unwrap()
        });
    }
    let mut numbers = additions.join_all().await;
    numbers.sort_unstable();
    numbers
}

pub(crate) async fn messages_are_in_the_callers_language(service: Service) {
    for (languages, detail) in [
        ("ja,en;q=0.5", "ユーザー9は存在しません。"),
        ("fr", "There is no user 9."),
    ] {
        let request = request("GET /users/9", None).header(header::ACCEPT_LANGUAGE, languages);
        assert_eq!(
            service.request(request.body_of_json()).await.json["detail"],
            detail
        );
    }
}
