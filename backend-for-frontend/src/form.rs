//! The form that adds users, as it was sent: nothing in it is valid yet, and all of it is shown again.

use std::collections::BTreeMap;
use std::str::FromStr;

use backend_api::{Language, NewAddress, NewEmail, NewUser, Validate};

/// Users to add; at least one, and each with at least one e-mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Form {
    pub(crate) users: Vec<Fields>,
}

/// What was entered for one user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fields {
    pub(crate) first_name: String,
    pub(crate) family_name: String,
    pub(crate) login_id: String,
    pub(crate) zip_code: String,
    pub(crate) address: String,
    pub(crate) emails: Vec<String>,
}

/// How many users one form may hold, and how many e-mails each of them: the page that shows it again is many times
/// as large as what was sent.
const MAX_USERS: usize = 100;
const MAX_EMAILS: usize = 20;

/// Messages by the name of the field that they belong to.
pub(crate) type Messages = BTreeMap<String, String>;

impl Default for Form {
    fn default() -> Self {
        Self {
            users: vec![Fields::default()],
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            first_name: String::new(),
            family_name: String::new(),
            login_id: String::new(),
            zip_code: String::new(),
            address: String::new(),
            emails: vec![String::new()],
        }
    }
}

impl Form {
    /// Reads the body of a form. The numbers of users and e-mails order them, and may have gaps.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut users: BTreeMap<usize, BTreeMap<String, String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if let Some((number, field)) = indexed(&name, "users") {
                users
                    .entry(number)
                    .or_default()
                    .insert(field.to_owned(), value.into_owned());
            }
        }
        let users: Vec<Fields> = users.into_values().map(Fields::from_named).collect();
        if users.is_empty() {
            Self::default()
        } else {
            Self { users }
        }
    }

    /// Whether it holds more than anybody enters by hand.
    pub(crate) fn is_too_large(&self) -> bool {
        self.users.len() > MAX_USERS || self.users.iter().any(|user| user.emails.len() > MAX_EMAILS)
    }

    /// What the backend is asked for.
    pub(crate) fn to_new_users(&self) -> Vec<NewUser> {
        self.users.iter().map(Fields::to_new_user).collect()
    }

    /// The rules that are broken, beside the fields that break them.
    pub(crate) fn messages(&self, language: Language) -> Messages {
        let mut messages = Messages::new();
        for (number, user) in self.users.iter().enumerate() {
            for violation in user.to_new_user().violations() {
                messages.insert(
                    format!("users[{number}].{}", violation.field),
                    violation.rule.message(language),
                );
            }
        }
        messages
    }

    /// Adds or takes away what the action says; what is not there stays so.
    pub(crate) fn apply(&mut self, action: Action) {
        match action {
            Action::AddUser(user) if user < self.users.len() && self.users.len() < MAX_USERS => {
                self.users.insert(user + 1, Fields::default())
            }
            Action::DeleteUser(user) if user < self.users.len() && self.users.len() > 1 => {
                self.users.remove(user);
            }
            Action::AddEmail(user) => self.with_emails(user, |emails| {
                if emails.len() < MAX_EMAILS {
                    emails.push(String::new());
                }
            }),
            Action::DeleteEmail(user, email) => self.with_emails(user, |emails| {
                if email < emails.len() && emails.len() > 1 {
                    emails.remove(email);
                }
            }),
            Action::AddUser(_) | Action::DeleteUser(_) | Action::CheckLoginId(_) => (),
        }
    }

    fn with_emails(&mut self, user: usize, change: impl FnOnce(&mut Vec<String>)) {
        if let Some(user) = self.users.get_mut(user) {
            change(&mut user.emails);
        }
    }
}

impl Fields {
    fn from_named(mut named: BTreeMap<String, String>) -> Self {
        let mut take = |name: &str| named.remove(name).unwrap_or_default();
        let mut fields = Self {
            first_name: take("firstName"),
            family_name: take("familyName"),
            login_id: take("loginId"),
            zip_code: take("address.zipCode"),
            address: take("address.address"),
            emails: Vec::new(),
        };
        let emails = named
            .into_iter()
            .filter_map(|(name, value)| Some((email_number(&name)?, value)));
        fields.emails = emails.collect::<BTreeMap<_, _>>().into_values().collect();
        if fields.emails.is_empty() {
            fields.emails.push(String::new());
        }
        fields
    }

    fn to_new_user(&self) -> NewUser {
        NewUser {
            first_name: self.first_name.clone(),
            family_name: self.family_name.clone(),
            login_id: self.login_id.clone(),
            is_login: false,
            address: NewAddress {
                zip_code: self.zip_code.clone(),
                address: self.address.clone(),
            },
            email_list: self
                .emails
                .iter()
                .map(|email| NewEmail {
                    email: email.clone(),
                })
                .collect(),
        }
    }
}

/// The number in `emailList[0].email`.
fn email_number(name: &str) -> Option<usize> {
    indexed(name, "emailList")
        .filter(|(_, field)| *field == "email")
        .map(|(number, _)| number)
}

/// The number and the rest of `list[number].rest`.
fn indexed<'a>(name: &'a str, list: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name
        .strip_prefix(list)?
        .strip_prefix('[')?
        .split_once("].")?;
    Some((number.parse().ok()?, rest))
}

/// What a button asks for, other than to add the users. Each works as a request of its own, without a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// One more user after this one.
    AddUser(usize),
    /// Without this user.
    DeleteUser(usize),
    /// One more e-mail for this user.
    AddEmail(usize),
    /// Without this e-mail of this user.
    DeleteEmail(usize, usize),
    /// Is the loginId of this user free?
    CheckLoginId(usize),
}

impl Action {
    /// The name of the buttons. `action` would hide the form's own property of that name from the script.
    pub(crate) const NAME: &str = "change";

    /// The action in the body of a form, if it has one.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        form_urlencoded::parse(body)
            .find(|(name, _)| name == Self::NAME)?
            .1
            .parse()
            .ok()
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddUser(user) => write!(formatter, "add-user {user}"),
            Self::DeleteUser(user) => write!(formatter, "delete-user {user}"),
            Self::AddEmail(user) => write!(formatter, "add-email {user}"),
            Self::DeleteEmail(user, email) => write!(formatter, "delete-email {user} {email}"),
            Self::CheckLoginId(user) => write!(formatter, "check-login-id {user}"),
        }
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let verb = words.next();
        let mut number = || {
            words
                .next()
                .and_then(|word| word.parse().ok())
                .ok_or(UnknownAction)
        };
        match verb {
            Some("add-user") => Ok(Self::AddUser(number()?)),
            Some("delete-user") => Ok(Self::DeleteUser(number()?)),
            Some("add-email") => Ok(Self::AddEmail(number()?)),
            Some("delete-email") => Ok(Self::DeleteEmail(number()?, number()?)),
            Some("check-login-id") => Ok(Self::CheckLoginId(number()?)),
            _ => Err(UnknownAction),
        }
    }
}

/// No button asks for that.
#[derive(Debug)]
pub(crate) struct UnknownAction;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_the_order_of_its_numbers_and_closes_their_gaps() {
        let form = Form::parse(
            b"users[7].loginId=second&users[2].loginId=first&users[7].emailList[3].email=b%40x\
              &users[7].emailList[1].email=a%40x&users[x].loginId=lost&other=lost",
        );
        assert_eq!(form.users.len(), 2);
        assert_eq!(form.users[0].login_id, "first");
        assert_eq!(form.users[0].emails, [""]);
        assert_eq!(form.users[1].login_id, "second");
        assert_eq!(form.users[1].emails, ["a@x", "b@x"]);
    }

    #[test]
    fn an_empty_body_is_a_form_with_one_user() {
        assert_eq!(Form::parse(b""), Form::default());
    }

    #[test]
    fn actions_change_only_what_is_there() {
        let mut form = Form::default();
        form.apply(Action::DeleteUser(0));
        form.apply(Action::DeleteEmail(0, 0));
        form.apply(Action::AddUser(9));
        form.apply(Action::AddEmail(9));
        assert_eq!(form, Form::default());

        form.apply(Action::AddUser(0));
        form.users[1].login_id = "second".to_owned();
        form.apply(Action::AddEmail(1));
        form.apply(Action::DeleteUser(0));
        assert_eq!(form.users.len(), 1);
        assert_eq!(form.users[0].login_id, "second");
        assert_eq!(form.users[0].emails.len(), 2);
    }

    #[test]
    fn every_action_is_understood_as_it_is_written() {
        for action in [
            Action::AddUser(0),
            Action::DeleteUser(1),
            Action::AddEmail(2),
            Action::DeleteEmail(3, 4),
            Action::CheckLoginId(5),
        ] {
            assert_eq!(action.to_string().parse::<Action>().ok(), Some(action));
        }
        assert!("add-user".parse::<Action>().is_err());
        assert!("drop-table 1".parse::<Action>().is_err());
    }
}
