//! Rules for what is sent, and what they say where they are broken.

use crate::limits::Limit;
use crate::{FieldError, Language};

/// Something that can be sent, and that has rules.
pub trait Validate {
    /// Every rule that is broken.
    fn violations(&self) -> Vec<Violation>;
}

/// A field and the rule that it breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The path of the field, such as `emailList[0].email`.
    pub field: String,
    /// The rule.
    pub rule: Rule,
}

impl Violation {
    /// The field breaks the rule.
    pub fn new(field: impl Into<String>, rule: Rule) -> Self {
        Self {
            field: field.into(),
            rule,
        }
    }

    /// In words.
    pub fn in_language(&self, language: Language) -> FieldError {
        FieldError {
            field: self.field.clone(),
            message: self.rule.message(language),
        }
    }
}

/// A rule that can be broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rule {
    /// From one character up to a number of them.
    Length {
        /// The greatest number.
        max: usize,
    },
    /// Only the characters that are allowed.
    Characters,
    /// An e-mail address.
    Email,
    /// Nothing but what the path says already.
    SameAsPath,
    /// A whole number between two others, both included.
    Between(i64, i64),
    /// It must be there.
    Missing,
    /// It must be one that is documented.
    Unknown,
    /// The form that is documented; with the parser's remark, which only English messages show: it is in English.
    Form(String),
}

impl Rule {
    /// The rule in words.
    pub fn message(&self, language: Language) -> String {
        match self {
            Self::Length { max } => language.choose(
                format!("Enter 1 to {max} characters."),
                format!("1文字以上、{max}文字以下で入力してください。"),
            ),
            Self::Characters => language
                .choose(
                    "It contains invalid characters.",
                    "無効な文字が含まれています。",
                )
                .to_owned(),
            Self::Email => language
                .choose("It is not an e-mail address.", "無効なメール形式です。")
                .to_owned(),
            Self::SameAsPath => language
                .choose(
                    "It differs from the path of the request.",
                    "リクエストのパスと一致していません。",
                )
                .to_owned(),
            Self::Between(low, high) => language.choose(
                format!("Enter a whole number from {low} to {high}."),
                format!("{low}以上、{high}以下の整数を入力してください。"),
            ),
            Self::Missing => language
                .choose("It is missing.", "必須項目です。")
                .to_owned(),
            Self::Unknown => language
                .choose("There is no such field.", "定義されていない項目です。")
                .to_owned(),
            Self::Form(remark) => language.choose(
                format!("It is malformed: {remark}."),
                "形式が正しくありません。".to_owned(),
            ),
        }
    }
}

/// The text's violation of its limit, if any.
pub(crate) fn text(field: impl Into<String>, text: &str, limit: &Limit) -> Option<Violation> {
    limit
        .broken_by(text)
        .map(|rule| Violation::new(field, rule))
}
