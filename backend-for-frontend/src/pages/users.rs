//! Tables of users.

use backend_api::limits::PAGE_MAX;
use backend_api::{Language, User};
use maud::{Markup, html};

use super::layout;
use crate::app::BASE;

/// All users, a page of the backend at a time.
pub(crate) fn users(language: Language, users: &[User]) -> Markup {
    page(
        language,
        language.choose("All users", "ユーザー一覧"),
        users,
        &next(language, users),
    )
}

/// A full page leads to the next one, which may turn out to be empty.
fn next(language: Language, users: &[User]) -> Markup {
    let is_full = i64::try_from(users.len()) == Ok(PAGE_MAX);
    html! {
        @if let Some(last) = users.last().filter(|_| is_full) {
            p {
                a id="nextUsersLink" href={ (BASE) "/getUsers?after=" (last.user_id) } {
                    (language.choose("More users", "次のユーザー"))
                }
            }
        }
    }
}

/// The users who were added.
pub(crate) fn added(language: Language, users: &[User]) -> Markup {
    page(
        language,
        language.choose("Users added", "ユーザーを追加しました"),
        users,
        &html! {},
    )
}

fn page(language: Language, title: &str, users: &[User], below: &Markup) -> Markup {
    let content = html! {
        (table(language, title, users))
        (below)
        p { a href={ (BASE) "/portal" } { (language.choose("Back to the portal", "ポータルに戻る")) } }
    };
    layout::page(language, title, &content)
}

/// It can be scrolled by itself, also by keyboard, where the screen is narrower.
fn table(language: Language, title: &str, users: &[User]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(title) tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { (language.choose("User ID", "ユーザーID")) }
                        th scope="col" { (language.choose("First name", "名")) }
                        th scope="col" { (language.choose("Family name", "姓")) }
                        th scope="col" { (language.choose("Login ID", "ログインID")) }
                        th scope="col" { (language.choose("Zip code", "郵便番号")) }
                        th scope="col" { (language.choose("Address", "住所")) }
                        th scope="col" { (language.choose("E-mails", "メール")) }
                    }
                }
                tbody { @for (number, user) in users.iter().enumerate() { (row(number, user)) } }
            }
        }
    }
}

fn row(number: usize, user: &User) -> Markup {
    html! {
        tr {
            td id={ "td-userId-" (number) } { (user.user_id) }
            td id={ "td-firstName-" (number) } { (user.first_name) }
            td id={ "td-familyName-" (number) } { (user.family_name) }
            td id={ "td-loginId-" (number) } { (user.login_id) }
            td id={ "td-address-zipCode-" (number) } { (user.address.zip_code) }
            td id={ "td-address-address-" (number) } { (user.address.address) }
            td {
                @for (no, email) in user.email_list.iter().enumerate() {
                    div id={ "td-email-" (number) "_email-" (no) } { (email.email) }
                }
            }
        }
    }
}
