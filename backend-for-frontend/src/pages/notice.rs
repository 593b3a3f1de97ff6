//! What is said about a request as a whole.

use backend_api::Language;
use maud::{Markup, html};

use crate::failure::Failure;

/// A sentence or two in the message panel.
pub(crate) struct Notice {
    pub(crate) text: String,
    is_error: bool,
}

/// Nobody has the loginId.
pub(crate) fn usable_login_id(language: Language) -> Notice {
    let text = language.choose("This login ID is usable.", "使用可能なログインIDです。");
    Notice {
        text: text.to_owned(),
        is_error: false,
    }
}

/// Somebody has the loginId, or nobody may have it.
pub(crate) fn unusable_login_id(language: Language) -> Notice {
    error(language.choose(
        "This login ID cannot be used.",
        "このログインIDは使用できません。",
    ))
}

/// Some fields break rules.
pub(crate) fn invalid(language: Language) -> Notice {
    error(language.choose(
        "Nothing was added: correct the fields that are marked.",
        "登録されていません。エラーのある項目を修正してください。",
    ))
}

/// The backend failed; of the users who were to be added, these are left.
pub(crate) fn failed(language: Language, failure: &Failure, left: &[String]) -> Notice {
    let mut text = format!("{} ({})", failure.message(language), failure.code());
    if !left.is_empty() {
        text.push(' ');
        text.push_str(language.choose(
            "These login IDs may have been added and could not be removed again: ",
            "次のログインIDは登録されたまま削除できなかった可能性があります: ",
        ));
        text.push_str(&left.join(", "));
    }
    error(text)
}

fn error(text: impl Into<String>) -> Notice {
    Notice {
        text: text.into(),
        is_error: true,
    }
}

/// The panel is there also when it is empty, so that a screen reader hears what is put into it later.
pub(super) fn panel(notice: Option<&Notice>) -> Markup {
    let class = match notice {
        Some(notice) if notice.is_error => "error",
        _ => "",
    };
    html! { p id="message-panel" role="status" class=(class) { @if let Some(notice) = notice { (notice.text) } } }
}
