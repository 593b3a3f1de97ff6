//! The form that adds users, in front of the real backend.

use axum::http::StatusCode;

use crate::bff::{Bff, button, user, with};

/// What browsers send a form as.
const FORM: &str = "application/x-www-form-urlencoded";

async fn login_ids(bff: &Bff) -> Vec<String> {
    let page = bff.get("/getUsers").await;
    (0..)
        .take_while(|number| page.has(&format!("td-loginId-{number}")))
        .map(|number| page.text_of(&format!("td-loginId-{number}")))
        .collect()
}

#[tokio::test]
async fn one_user_is_added_with_several_emails() {
    let bff = Bff::with_backend().await;
    let result = bff.submit(&user(0, "saburo")).await;
    assert_eq!(result.status, StatusCode::OK);
    for (id, text) in [
        ("td-userId-0", "3"),
        ("td-firstName-0", "名"),
        ("td-familyName-0", "姓"),
        ("td-loginId-0", "saburo"),
        ("td-address-zipCode-0", "100-0001"),
        ("td-address-address-0", "東京都千代田区"),
        ("td-email-0_email-0", "one@debugroom.org"),
        ("td-email-0_email-1", "two@debugroom.org"),
    ] {
        assert_eq!(result.text_of(id), text, "{id}");
    }
}

#[tokio::test]
async fn several_users_are_added_in_order() {
    let bff = Bff::with_backend().await;
    let result = bff
        .submit(&[user(0, "saburo"), user(1, "shiro")].concat())
        .await;
    assert_eq!(result.text_of("td-loginId-0"), "saburo");
    assert_eq!(result.text_of("td-loginId-1"), "shiro");
    assert_eq!(login_ids(&bff).await[3..], ["saburo", "shiro"]);
}

#[tokio::test]
async fn where_one_login_id_is_taken_nobody_is_added() {
    let bff = Bff::with_backend().await.in_japanese();
    let result = bff
        .submit(&[user(0, "saburo"), user(1, "taro.mynavi"), user(2, "shiro")].concat())
        .await;
    assert_eq!(result.status, StatusCode::CONFLICT);
    assert_eq!(
        result.text_of("loginId-1-message"),
        "ログインIDtaro.mynaviは既に使用されています。"
    );
    assert!(!result.has("loginId-0-message"));
    assert_eq!(result.value_of("loginId-0"), "saburo", "the input is kept");
    assert_eq!(
        login_ids(&bff).await,
        ["taro.mynavi", "hanako.mynavi", "jiro.mynavi"]
    );
}

#[tokio::test]
async fn the_same_login_id_twice_adds_nobody() {
    let bff = Bff::with_backend().await;
    let result = bff
        .submit(&[user(0, "saburo"), user(1, "saburo")].concat())
        .await;
    assert_eq!(result.status, StatusCode::CONFLICT);
    assert_eq!(login_ids(&bff).await.len(), 3);
}

#[tokio::test]
async fn invalid_fields_are_marked_in_japanese_and_kept() {
    let bff = Bff::with_backend().await.in_japanese();
    let long = "名".repeat(51);
    for (field, id, value, message) in [
        (
            "firstName",
            "firstName-0",
            "",
            "1文字以上、50文字以下で入力してください。",
        ),
        (
            "familyName",
            "familyName-0",
            long.as_str(),
            "1文字以上、50文字以下で入力してください。",
        ),
        (
            "loginId",
            "loginId-0",
            "",
            "1文字以上、32文字以下で入力してください。",
        ),
        (
            "loginId",
            "loginId-0",
            "taro mynavi",
            "無効な文字が含まれています。",
        ),
        (
            "address.zipCode",
            "zipCode-0",
            "東京",
            "無効な文字が含まれています。",
        ),
        (
            "address.address",
            "address-0",
            "100%",
            "無効な文字が含まれています。",
        ),
        (
            "emailList[0].email",
            "email-0_0",
            "nobody",
            "無効なメール形式です。",
        ),
    ] {
        let result = bff
            .submit(&with(
                user(0, "saburo"),
                &format!("users[0].{field}"),
                value,
            ))
            .await;
        assert_eq!(result.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(result.text_of(&format!("{id}-message")), message, "{field}");
        assert_eq!(result.value_of(id), value, "{field}");
        assert!(
            result
                .text
                .contains(&format!("aria-describedby=\"{id}-message\"")),
            "{field}"
        );
    }
    assert_eq!(login_ids(&bff).await.len(), 3);
}

#[tokio::test]
async fn html_and_sql_are_text() {
    let bff = Bff::with_backend().await;
    let script = "<script>alert('x')</script>";
    let result = bff
        .submit(&with(user(0, "saburo"), "users[0].firstName", script))
        .await;
    assert_eq!(result.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!result.text.contains("<script>alert"));
    assert_eq!(
        result.value_of("firstName-0"),
        "&lt;script&gt;alert('x')&lt;/script&gt;"
    );

    let sql = "'; DROP TABLE usr; --";
    let result = bff
        .submit(&with(user(0, "saburo"), "users[0].firstName", sql))
        .await;
    assert_eq!(result.text_of("td-firstName-0"), sql);
    assert_eq!(login_ids(&bff).await.len(), 4);
}

#[tokio::test]
async fn buttons_change_the_form_without_a_script() {
    let bff = Bff::with_backend().await;
    let mut fields = user(0, "saburo");
    fields.push(button("add-user 0"));
    let page = bff.submit(&fields).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.value_of("loginId-0"), "saburo");
    assert_eq!(page.value_of("loginId-1"), "");
    assert!(page.has("deleteFormButton-1"));

    let mut fields = [user(0, "saburo"), user(1, "shiro")].concat();
    fields.push(button("delete-user 0"));
    let page = bff.submit(&fields).await;
    assert_eq!(page.value_of("loginId-0"), "shiro");
    assert!(!page.has("loginId-1") && !page.has("deleteFormButton-0"));

    let mut fields = user(0, "saburo");
    fields.push(button("delete-email 0 0"));
    let page = bff.submit(&fields).await;
    assert_eq!(page.value_of("email-0_0"), "two@debugroom.org");
    assert!(!page.has("email-0_1") && !page.has("deleteEmailButton-0_0"));

    let mut fields = user(0, "saburo");
    fields.push(button("add-email 0"));
    assert_eq!(bff.submit(&fields).await.value_of("email-0_2"), "");
    assert_eq!(login_ids(&bff).await.len(), 3, "nobody is added by these");
}

#[tokio::test]
async fn a_login_id_can_be_checked_without_a_script() {
    let bff = Bff::with_backend().await.in_japanese();
    for (login_id, message) in [
        ("saburo", "使用可能なログインIDです。"),
        ("taro.mynavi", "このログインIDは使用できません。"),
    ] {
        let mut fields = user(0, login_id);
        fields.push(button("check-login-id 0"));
        let page = bff.submit(&fields).await;
        assert_eq!(page.text_of("message-panel"), message);
        assert_eq!(page.value_of("loginId-0"), login_id);
    }
}

#[tokio::test]
async fn an_oversized_form_is_refused_with_a_page() {
    let bff = Bff::with_backend().await;
    let fields = |name: fn(usize) -> String, count| (0..count).map(name).collect::<String>();
    for body in [
        "x".repeat(64 * 1024 + 1),
        fields(|number| format!("users[{number}].loginId=a&"), 101),
        fields(
            |number| format!("users[0].emailList[{number}].email=a&"),
            21,
        ),
    ] {
        let result = bff.submit_body(FORM, body).await;
        assert_eq!(result.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            result.text_of("message-panel"),
            "That was too much at once."
        );
    }
}

#[tokio::test]
async fn nonsense_is_an_empty_form() {
    let bff = Bff::with_backend().await;
    let body = vec![0xff, 0x00, b'&', b'=', b'%', b'u'];
    let result = bff.submit_body(FORM, body).await;
    assert_eq!(result.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        result.text_of("firstName-0-message"),
        "Enter 1 to 50 characters."
    );
}

#[tokio::test]
async fn what_is_no_form_is_refused_with_a_page() {
    let bff = Bff::with_backend().await;
    for media_type in ["application/json", "multipart/form-data; boundary=x"] {
        let result = bff.submit_body(media_type, "users[0].loginId=saburo").await;
        assert_eq!(result.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(
            result.text_of("message-panel"),
            "Only the form of the portal can be sent here."
        );
    }
}
