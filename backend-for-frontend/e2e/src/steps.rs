//! The steps of the test.

use anyhow::{Result, ensure};

use crate::browser::Screen;
use crate::pages::Pages;
use crate::run::Run;
use crate::user::User;

/// All steps for which the services must run.
pub(crate) async fn all(run: &Run<'_>) -> Result<()> {
    in_english(run).await?;
    in_japanese(run).await
}

/// What an English desktop sees.
async fn in_english(run: &Run<'_>) -> Result<()> {
    let browser = &run.browser("en", Screen::Desktop).await?;
    let pages = &Pages { run, browser };
    run.step("list-users", browser, list_users(pages)).await?;
    run.step("add-one-user", browser, add_one_user(pages))
        .await?;
    run.step("change-the-form", browser, change_the_form(pages))
        .await?;
    run.step("add-two-users", browser, add_two_users(pages))
        .await?;
    run.step("usable-login-id", browser, usable_login_id(pages))
        .await?;
    run.step("taken-login-id", browser, taken_login_id(pages))
        .await?;
    run.step("nothing-left-behind", browser, nothing_left_behind(pages))
        .await?;
    run.step("invalid-input", browser, invalid_input(pages))
        .await?;
    run.step("hostile-input", browser, hostile_input(pages))
        .await
}

/// What a Japanese phone sees.
async fn in_japanese(run: &Run<'_>) -> Result<()> {
    let browser = &run.browser("ja", Screen::Phone).await?;
    let pages = &Pages { run, browser };
    run.step("japanese-portal", browser, japanese_portal(pages))
        .await?;
    run.step("japanese-messages", browser, japanese_messages(pages))
        .await?;
    run.step("japanese-users", browser, japanese_users(pages))
        .await
}

/// The step for which the backend must be down.
pub(crate) async fn backend_down(run: &Run<'_>) -> Result<()> {
    let browser = &run.browser("en", Screen::Desktop).await?;
    let pages = &Pages { run, browser };
    run.step("backend-down", browser, users_without_backend(pages))
        .await
}

async fn list_users(pages: &Pages<'_>) -> Result<()> {
    pages.list().await?;
    pages.browser.seen("html[lang=en]").await?;
    let heads = pages.browser.texts("th").await?;
    ensure!(heads.len() == 7, "the table's head is {heads:?}");
    Ok(())
}

async fn add_one_user(pages: &Pages<'_>) -> Result<()> {
    let user = User::saburo(pages.login_id("one"));
    pages.portal().await?;
    pages.fill(0, &user).await?;
    pages.submit().await?;
    pages.shows(0, &user).await
}

/// Fields come and go, what was entered stays, and whoever uses a keyboard goes on where they were.
async fn change_the_form(pages: &Pages<'_>) -> Result<()> {
    let (browser, mut user) = (pages.browser, User::hanae(pages.login_id("changed")));
    pages.portal().await?;
    pages.fill(0, &user).await?;
    pages.add_form(0).await?;
    pages.keeps(0, &user).await?;
    browser.seen("#addFormButton-0:focus").await?;
    browser.click("deleteFormButton-1").await?;
    browser
        .seen("#addUsersForm:not(:has(#firstName-1))")
        .await?;
    browser.click("deleteEmailButton-0_0").await?;
    browser.seen("#addUsersForm:not(:has(#email-0_1))").await?;
    user.emails.remove(0);
    pages.keeps(0, &user).await?;
    // Nothing can be entered that the answer would take away again.
    browser.silence().await?;
    browser.click("addFormButton-0").await?;
    browser.seen("#addUsersForm[inert]").await.map(drop)
}

async fn add_two_users(pages: &Pages<'_>) -> Result<()> {
    let users = [
        User::saburo(pages.login_id("two.a")),
        User::hanae(pages.login_id("two.b")),
    ];
    pages.portal().await?;
    pages.add_form(0).await?;
    pages.fill(0, &users[0]).await?;
    pages.fill(1, &users[1]).await?;
    pages.submit().await?;
    pages.shows(0, &users[0]).await?;
    pages.shows(1, &users[1]).await
}

async fn usable_login_id(pages: &Pages<'_>) -> Result<()> {
    let (free, taken) = (pages.login_id("free"), pages.taken_login_id().await?);
    pages.portal().await?;
    pages
        .check_login_id(&free, "This login ID is usable.")
        .await?;
    pages
        .check_login_id(&taken, "This login ID cannot be used.")
        .await
}

/// The first of the two could be added, before the second could not.
async fn taken_login_id(pages: &Pages<'_>) -> Result<()> {
    let taken = pages.taken_login_id().await?;
    let users = [User::saburo(pages.login_id("first")), User::hanae(taken)];
    pages.portal().await?;
    pages.add_form(0).await?;
    pages.fill(0, &users[0]).await?;
    pages.fill(1, &users[1]).await?;
    pages.submit().await?;
    pages.browser.seen("#loginId-1-message").await?;
    pages.keeps(0, &users[0]).await?;
    pages.keeps(1, &users[1]).await
}

async fn nothing_left_behind(pages: &Pages<'_>) -> Result<()> {
    let first = pages.login_id("first");
    pages.portal().await?;
    pages
        .check_login_id(&first, "This login ID is usable.")
        .await
}

async fn invalid_input(pages: &Pages<'_>) -> Result<()> {
    let mut user = User::saburo("not_valid!".to_owned());
    (user.first_name, user.emails) = ("", vec!["nobody"]);
    pages.portal().await?;
    pages.fill(0, &user).await?;
    pages.submit().await?;
    pages
        .complains("firstName-0", "Enter 1 to 50 characters.")
        .await?;
    pages
        .complains("loginId-0", "It contains invalid characters.")
        .await?;
    pages
        .complains("email-0_0", "It is not an e-mail address.")
        .await?;
    pages.keeps(0, &user).await
}

/// What others entered is text: it comes back as it was, and nothing of it runs.
async fn hostile_input(pages: &Pages<'_>) -> Result<()> {
    let mut user = User::saburo(pages.login_id("hostile"));
    user.first_name = "\"><script>document.title='run'</script>";
    user.family_name = "'; DROP TABLE USR; --";
    pages.portal().await?;
    pages.fill(0, &user).await?;
    pages.submit().await?;
    pages
        .complains("firstName-0", "It contains invalid characters.")
        .await?;
    pages.keeps(0, &user).await?;
    let scripts = pages.browser.texts("body script").await?;
    ensure!(scripts.is_empty(), "the page has the scripts {scripts:?}");
    Ok(())
}

async fn japanese_portal(pages: &Pages<'_>) -> Result<()> {
    let (free, taken) = (pages.login_id("free"), pages.taken_login_id().await?);
    pages.portal().await?;
    pages.browser.seen("html[lang=ja]").await?;
    pages
        .browser
        .reads("getUsersButton", "全ユーザーを表示")
        .await?;
    pages
        .check_login_id(&free, "使用可能なログインIDです。")
        .await?;
    pages
        .check_login_id(&taken, "このログインIDは使用できません。")
        .await?;
    pages.browser.fits().await
}

async fn japanese_messages(pages: &Pages<'_>) -> Result<()> {
    let mut user = User::hanae(String::new());
    (user.first_name, user.address) = ("", "<b>");
    user.emails = vec!["nobody"];
    pages.portal().await?;
    pages.fill(0, &user).await?;
    pages.submit().await?;
    pages
        .complains("firstName-0", "1文字以上、50文字以下で入力してください。")
        .await?;
    pages
        .complains("loginId-0", "1文字以上、32文字以下で入力してください。")
        .await?;
    pages
        .complains("address-0", "無効な文字が含まれています。")
        .await?;
    pages
        .complains("email-0_0", "無効なメール形式です。")
        .await?;
    pages.browser.fits().await
}

/// The table is wider than a phone, and scrolls by itself.
async fn japanese_users(pages: &Pages<'_>) -> Result<()> {
    pages.list().await?;
    pages.browser.fits().await
}

async fn users_without_backend(pages: &Pages<'_>) -> Result<()> {
    pages.portal().await?;
    pages.browser.click("getUsersButton").await?;
    pages.browser.seen("#message-panel.error").await?;
    let panel = pages.browser.texts("#message-panel").await?.concat();
    ensure!(panel.ends_with("(HTTP502)"), "the page says {panel:?}");
    Ok(())
}
