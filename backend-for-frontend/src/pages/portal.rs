//! The portal: looking users up, and the form that adds some.

use backend_api::Language;
use maud::{Markup, html};

use super::layout;
use super::notice::{self, Notice};
use crate::app::BASE;
use crate::form::{Action, Fields, Form, Messages};

/// The portal, with the form as it was filled in.
pub(crate) fn portal(
    language: Language,
    form: &Form,
    messages: &Messages,
    notice: Option<Notice>,
) -> Markup {
    let content = html! {
        (notice::panel(notice.as_ref()))
        (lookup(language))
        h2 { (language.choose("Add users", "ユーザーの追加")) }
        form id="addUsersForm" action={ (BASE) "/addUsers" } method="post" novalidate
            data-unreachable=(language.choose("The server cannot be reached.", "サーバーに接続できません。")) {
            // The first button is the one that the Enter key presses, so it must be the one that adds the users.
            button.default type="submit" tabindex="-1" aria-hidden="true" {}
            @for (number, user) in form.users.iter().enumerate() {
                (UserForm { language, messages, number, alone: form.users.len() == 1 }.render(user))
            }
            button.primary id="addUsersButton" type="submit" { (language.choose("Add users", "ユーザーを追加")) }
        }
    };
    layout::page(
        language,
        language.choose("Users portal", "ユーザーポータル"),
        &content,
    )
}

fn lookup(language: Language) -> Markup {
    html! {
        h2 { (language.choose("Get user", "ユーザーの取得")) }
        form action={ (BASE) "/getUsers" } {
            button id="getUsersButton" type="submit" { (language.choose("All users", "全ユーザーを表示")) }
        }
        form action={ (BASE) "/getUser" } {
            div.field {
                label for="userId" { (language.choose("User ID", "ユーザーID")) }
                input id="userId" name="userId" type="text" inputmode="numeric" required;
            }
            button id="getUserButton" type="submit" { (language.choose("Get user", "ユーザーを取得")) }
        }
    }
}

/// One user of the form.
struct UserForm<'a> {
    language: Language,
    messages: &'a Messages,
    number: usize,
    alone: bool,
}

impl UserForm<'_> {
    fn render(&self, user: &Fields) -> Markup {
        let (language, number) = (self.language, self.number);
        html! {
            fieldset {
                legend { (language.choose("User", "ユーザー")) " " (number + 1) }
                (self.field("firstName", "firstName", language.choose("First name", "名"), &user.first_name))
                (self.field("familyName", "familyName", language.choose("Family name", "姓"), &user.family_name))
                (self.field("loginId", "loginId", language.choose("Login ID", "ログインID"), &user.login_id))
                (self.button(
                    "isUsableLoginIdButton", Action::CheckLoginId(number),
                    language.choose("Is it usable?", "使用可能か確認"),
                ))
                (self.field("zipCode", "address.zipCode", language.choose("Zip code", "郵便番号"), &user.zip_code))
                (self.field("address", "address.address", language.choose("Address", "住所"), &user.address))
                @for (no, email) in user.emails.iter().enumerate() { (self.email(no, email, user.emails.len() == 1)) }
                (self.button("addEmailButton", Action::AddEmail(number), language.choose("Add an e-mail", "メールを追加")))
                (self.button("addFormButton", Action::AddUser(number), language.choose("Add a user", "ユーザー欄を追加")))
                @if !self.alone {
                    (self.button(
                        "deleteFormButton", Action::DeleteUser(number),
                        language.choose("Remove this user", "このユーザー欄を削除"),
                    ))
                }
            }
        }
    }

    fn email(&self, no: usize, email: &str, alone: bool) -> Markup {
        let (language, number) = (self.language, self.number);
        let name = format!("users[{number}].emailList[{no}].email");
        let label = format!("{} {}", language.choose("E-mail", "メール"), no + 1);
        html! {
            (self.input(&format!("email-{number}_{no}"), &name, &label, email))
            @if !alone {
                button id=(format!("deleteEmailButton-{number}_{no}")) type="submit" name=(Action::NAME)
                    value=(Action::DeleteEmail(number, no)) { (language.choose("Remove", "削除")) " " (label) }
            }
        }
    }

    fn field(&self, id: &str, name: &str, label: &str, value: &str) -> Markup {
        self.input(
            &format!("{id}-{}", self.number),
            &format!("users[{}].{name}", self.number),
            label,
            value,
        )
    }

    /// The rules are checked by the server alone, so that they and their words are in one place.
    fn input(&self, id: &str, name: &str, label: &str, value: &str) -> Markup {
        let message = self.messages.get(name);
        let described_by = message.map(|_| format!("{id}-message"));
        html! {
            div.field {
                label for=(id) { (label) }
                input id=(id) name=(name) type="text" value=(value) autocomplete="off" autocapitalize="off"
                    aria-invalid=[message.map(|_| "true")] aria-describedby=[described_by.as_ref()];
                @if let Some(message) = message { p.error id=[described_by.as_ref()] { (message) } }
            }
        }
    }

    fn button(&self, id: &str, action: Action, label: &str) -> Markup {
        html! {
            button id=(format!("{id}-{}", self.number)) type="submit" name=(Action::NAME) value=(action) { (label) }
        }
    }
}
