//! The errors that the domain knows.

use crate::Language;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorCode {
    /// No such user.
    E0001,
    /// The loginId is used already.
    E0002,
    /// No such e-mail.
    E0003,
    /// Neither key nor e-mail given.
    E0004,
    /// Already in the group.
    E0005,
    /// Not in the group.
    E0006,
    /// No such group.
    E0007,
    /// No user with that loginId.
    E0008,
    /// The update is based on an older version.
    E0009,
    /// What was sent breaks rules.
    E0010,
}

impl ErrorCode {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::E0001,
        Self::E0002,
        Self::E0003,
        Self::E0004,
        Self::E0005,
        Self::E0006,
        Self::E0007,
        Self::E0008,
        Self::E0009,
        Self::E0010,
    ];

    /// The code as it is written in a problem document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E0001 => "E0001",
            Self::E0002 => "E0002",
            Self::E0003 => "E0003",
            Self::E0004 => "E0004",
            Self::E0005 => "E0005",
            Self::E0006 => "E0006",
            Self::E0007 => "E0007",
            Self::E0008 => "E0008",
            Self::E0009 => "E0009",
            Self::E0010 => "E0010",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::E0001 | Self::E0003 | Self::E0006 | Self::E0007 | Self::E0008 => 404,
            Self::E0002 | Self::E0005 | Self::E0009 => 409,
            Self::E0004 | Self::E0010 => 422,
        }
    }

    /// What it means in words that do not change.
    pub fn title(self) -> &'static str {
        match self {
            Self::E0001 => "No such user",
            Self::E0002 => "LoginId already used",
            Self::E0003 => "No such e-mail",
            Self::E0004 => "Neither key nor e-mail given",
            Self::E0005 => "Already in the group",
            Self::E0006 => "Not in the group",
            Self::E0007 => "No such group",
            Self::E0008 => "No user with that loginId",
            Self::E0009 => "Stale version",
            Self::E0010 => "Validation",
        }
    }

    /// What it means in general; `{0}` and `{1}` stand for the arguments.
    pub fn template(self, language: Language) -> &'static str {
        match self {
            Self::E0001 => language.choose("There is no user {0}.", "ユーザー{0}は存在しません。"),
            Self::E0002 => language.choose(
                "The login ID {0} is already used.",
                "ログインID{0}は既に使用されています。",
            ),
            Self::E0003 => language.choose(
                "There is no e-mail {0} of user {1}.",
                "ユーザー{1}のメール{0}は存在しません。",
            ),
            Self::E0004 => language.choose(
                "Neither a key nor an e-mail address is given.",
                "キーもメールアドレスも指定されていません。",
            ),
            Self::E0005 => language.choose(
                "User {0} is already in group {1}.",
                "ユーザー{0}は既にグループ{1}に所属しています。",
            ),
            Self::E0006 => language.choose(
                "User {0} is not in group {1}.",
                "ユーザー{0}はグループ{1}に所属していません。",
            ),
            Self::E0007 => language.choose("There is no group {0}.", "グループ{0}は存在しません。"),
            Self::E0008 => language.choose(
                "There is no user with the login ID {0}.",
                "ログインID{0}のユーザーは存在しません。",
            ),
            Self::E0009 => language.choose(
                "User {0} has been changed meanwhile: version {1} is no longer the current one.",
                "ユーザー{0}は他で更新されています。バージョン{1}は最新ではありません。",
            ),
            Self::E0010 => {
                language.choose("What was sent breaks rules.", "入力内容に誤りがあります。")
            }
        }
    }

    /// What it means with these arguments.
    pub fn message(self, language: Language, args: &[String]) -> String {
        args.iter().enumerate().fold(
            self.template(language).to_owned(),
            |message, (index, arg)| message.replace(&format!("{{{index}}}"), arg),
        )
    }
}
