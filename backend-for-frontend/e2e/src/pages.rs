//! The pages, by what a person wants of them.

use anyhow::{Context as _, Result, ensure};

use crate::browser::Browser;
use crate::run::Run;
use crate::user::User;

/// The pages in one browser.
pub(crate) struct Pages<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) browser: &'a Browser,
}

impl Pages<'_> {
    /// A loginId that nobody has used before this run.
    pub(crate) fn login_id(&self, name: &str) -> String {
        format!("e2e.{}.{name}", self.run.mark)
    }

    /// A loginId that somebody has.
    pub(crate) async fn taken_login_id(&self) -> Result<String> {
        let login_ids = self.list().await?;
        login_ids
            .into_iter()
            .next_back()
            .context("there is no user")
    }

    /// Opens the portal.
    pub(crate) async fn portal(&self) -> Result<()> {
        self.browser.goto(&format!("{}/portal", self.run.url)).await
    }

    /// Goes from the portal to the table of all users and gives their loginIds.
    pub(crate) async fn list(&self) -> Result<Vec<String>> {
        self.portal().await?;
        self.browser.click("getUsersButton").await?;
        self.browser.seen("table").await?;
        self.browser.texts("[id^='td-loginId-']").await
    }

    /// Fills in the form of user `number`, and adds fields for e-mails where there are too few.
    pub(crate) async fn fill(&self, number: usize, user: &User) -> Result<()> {
        for (field, _, text) in user.fields() {
            self.browser
                .fill(&format!("{field}-{number}"), text)
                .await?;
        }
        for (no, email) in user.emails.iter().enumerate() {
            if no > 0 {
                self.browser
                    .click(&format!("addEmailButton-{number}"))
                    .await?;
            }
            self.browser
                .fill(&format!("email-{number}_{no}"), email)
                .await?;
        }
        Ok(())
    }

    /// Adds a form behind that of user `number`.
    pub(crate) async fn add_form(&self, number: usize) -> Result<()> {
        self.browser
            .click(&format!("addFormButton-{number}"))
            .await?;
        self.browser
            .element(&format!("firstName-{}", number + 1))
            .await
            .map(drop)
    }

    /// Presses the button that adds the users.
    pub(crate) async fn submit(&self) -> Result<()> {
        self.browser.click("addUsersButton").await
    }

    /// Asserts that row `number` of the table shows this user.
    pub(crate) async fn shows(&self, number: usize, user: &User) -> Result<()> {
        for (_, cell, text) in user.fields() {
            self.browser
                .reads(&format!("{cell}-{number}"), text)
                .await?;
        }
        for (no, email) in user.emails.iter().enumerate() {
            self.browser
                .reads(&format!("td-email-{number}_email-{no}"), email)
                .await?;
        }
        Ok(())
    }

    /// Asserts that the form of user `number` still holds what was entered.
    pub(crate) async fn keeps(&self, number: usize, user: &User) -> Result<()> {
        for (field, _, text) in user.fields() {
            self.browser
                .holds(&format!("{field}-{number}"), text)
                .await?;
        }
        for (no, email) in user.emails.iter().enumerate() {
            self.browser
                .holds(&format!("email-{number}_{no}"), email)
                .await?;
        }
        Ok(())
    }

    /// Asks whether a loginId is usable and waits for `answer`.
    pub(crate) async fn check_login_id(&self, login_id: &str, answer: &str) -> Result<()> {
        self.browser.fill("loginId-0", login_id).await?;
        self.browser.click("isUsableLoginIdButton-0").await?;
        self.browser.reads("message-panel", answer).await?;
        self.browser.holds("loginId-0", login_id).await
    }

    /// Asserts that a message is beside the field that it is about.
    pub(crate) async fn complains(&self, field: &str, message: &str) -> Result<()> {
        self.browser
            .reads(&format!("{field}-message"), message)
            .await?;
        let described_by = self
            .browser
            .element(field)
            .await?
            .attr("aria-describedby")
            .await?;
        ensure!(
            described_by == Some(format!("{field}-message")),
            "the message beside {field} is not tied to it"
        );
        Ok(())
    }
}
