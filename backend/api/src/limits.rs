//! What a text may be. The same patterns are checked here, in the OpenAPI document and in a browser, so they keep to
//! what all their dialects of regular expressions share.

use std::sync::OnceLock;

use regex_lite::Regex;

use crate::Rule;

/// How many users one page may hold.
pub const PAGE_MAX: i64 = 1000;

/// First and family names.
pub static NAME: Limit = Limit::new(50, PLAIN_TEXT, Rule::Characters);
/// What a user logs in with.
pub static LOGIN_ID: Limit = Limit::new(32, r"^[a-zA-Z0-9.\-]*$", Rule::Characters);
/// Zip codes.
pub static ZIP_CODE: Limit = Limit::new(8, r"^[0-9\-]*$", Rule::Characters);
/// Addresses without their zip code.
pub static ADDRESS: Limit = Limit::new(255, PLAIN_TEXT, Rule::Characters);
/// E-mail addresses, as browsers check them.
pub static EMAIL: Limit = Limit::new(
    256,
    concat!(
        r"^[a-zA-Z0-9.!#$%&'*+\/=?^_`\{\|\}~\-]+@",
        r"[a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)*$"
    ),
    Rule::Email,
);

/// No control characters, which PostgreSQL cannot store all of, and none of ``=#$%&./<>?^~[]()\``.
const PLAIN_TEXT: &str = r"^[^\x00-\x1F\x7F=#$%&.\/<>?^~\[\]\(\)\\]*$";

/// The limits of one kind of text: from one character up to a number of them, of which kinds.
pub struct Limit {
    /// The greatest number of characters.
    pub max: usize,
    /// What the text looks like, apart from its length.
    pub pattern: &'static str,
    otherwise: Rule,
    regex: OnceLock<Regex>,
}

impl Limit {
    const fn new(max: usize, pattern: &'static str, otherwise: Rule) -> Self {
        Self {
            max,
            pattern,
            otherwise,
            regex: OnceLock::new(),
        }
    }

    /// The rule that the text breaks, if any.
    pub fn broken_by(&self, text: &str) -> Option<Rule> {
        if !(1..=self.max).contains(&text.chars().count()) {
            Some(Rule::Length { max: self.max })
        } else if !self.regex().is_match(text) {
            Some(self.otherwise.clone())
        } else {
            None
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "the patterns are constants of this file, and its test compiles them all"
    )]
    fn regex(&self) -> &Regex {
        self.regex
            .get_or_init(|| Regex::new(self.pattern).expect("a regular expression"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_to_their_limits() {
        let fifty = "名".repeat(50);
        for (limit, text) in [
            (&NAME, fifty.as_str()),
            (&NAME, "O'Brien; DROP TABLE usr--"),
            (&LOGIN_ID, "taro.mynavi-1"),
            (&ZIP_CODE, "000-0000"),
            (&ADDRESS, "東京都千代田区 1-2-3"),
            (&EMAIL, "taro.mynavi1@debugroom.org"),
            (&EMAIL, "o'brien+{x|y}@localhost"),
        ] {
            assert_eq!(limit.broken_by(text), None, "{text}");
        }
    }

    #[test]
    fn each_broken_limit_names_its_rule() {
        let fifty_one = "名".repeat(51);
        let long_label = format!("a@{}.org", "b".repeat(64));
        for (limit, text, rule) in [
            (&NAME, "", Rule::Length { max: 50 }),
            (&NAME, fifty_one.as_str(), Rule::Length { max: 50 }),
            (&NAME, "a\0b", Rule::Characters),
            (&NAME, "<b>", Rule::Characters),
            (&NAME, r"back\slash", Rule::Characters),
            (&NAME, "line\n", Rule::Characters),
            (&LOGIN_ID, "taro_mynavi", Rule::Characters),
            (&LOGIN_ID, "taro\n", Rule::Characters),
            (&ZIP_CODE, "00-000000", Rule::Length { max: 8 }),
            (&ZIP_CODE, "00A", Rule::Characters),
            (&ADDRESS, "50% off", Rule::Characters),
            (&EMAIL, "taro", Rule::Email),
            (&EMAIL, "taro@", Rule::Email),
            (&EMAIL, "taro@-a.org", Rule::Email),
            (&EMAIL, "taro@a..org", Rule::Email),
            (&EMAIL, long_label.as_str(), Rule::Email),
        ] {
            assert_eq!(limit.broken_by(text), Some(rule), "{text}");
        }
    }
}
