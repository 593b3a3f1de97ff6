//! The users that the test adds.

/// What is entered for a user.
pub(crate) struct User {
    pub(crate) first_name: &'static str,
    pub(crate) family_name: &'static str,
    pub(crate) login_id: String,
    pub(crate) zip_code: &'static str,
    pub(crate) address: &'static str,
    pub(crate) emails: Vec<&'static str>,
}

impl User {
    /// The single fields: what the input's id and the table cell's id begin with, and what is in both.
    pub(crate) fn fields(&self) -> [(&'static str, &'static str, &str); 5] {
        [
            ("firstName", "td-firstName", self.first_name),
            ("familyName", "td-familyName", self.family_name),
            ("loginId", "td-loginId", &self.login_id),
            ("zipCode", "td-address-zipCode", self.zip_code),
            ("address", "td-address-address", self.address),
        ]
    }

    /// Saburo, with one e-mail.
    pub(crate) fn saburo(login_id: String) -> Self {
        Self {
            first_name: "saburo",
            family_name: "mynavi",
            login_id,
            zip_code: "100-0005",
            address: "Tokyo Chiyoda Marunouchi",
            emails: vec!["saburo.mynavi@debugroom.org"],
        }
    }

    /// Hanae, with two e-mails.
    pub(crate) fn hanae(login_id: String) -> Self {
        Self {
            first_name: "花江",
            family_name: "舞奈美",
            login_id,
            zip_code: "330-0000",
            address: "埼玉県さいたま市",
            emails: vec!["hanae1@debugroom.org", "hanae2@debugroom.org"],
        }
    }
}
