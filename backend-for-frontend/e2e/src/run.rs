//! Trying steps and saying how they ended.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::browser::{Browser, Screen};
use crate::driver::Driver;

/// What all steps share.
pub(crate) struct Run<'a> {
    driver: &'a Driver,
    evidence: &'a Path,
    /// The base URL of the pages, without a slash at the end.
    pub(crate) url: &'a str,
    /// What makes the loginIds of this run differ from those of others.
    pub(crate) mark: String,
}

/// How a step ended.
#[derive(Serialize)]
struct Step<'a> {
    step: &'a str,
    outcome: &'static str,
    screenshot: PathBuf,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> Run<'a> {
    /// A run against the pages at `url`, with its screenshots in the folder `evidence`.
    pub(crate) fn new(driver: &'a Driver, url: &'a str, evidence: &'a Path) -> Result<Self> {
        std::fs::create_dir_all(evidence)
            .with_context(|| format!("creating {}", evidence.display()))?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("reading the clock")?;
        Ok(Self {
            driver,
            evidence,
            url: url.trim_end_matches('/'),
            mark: format!("{:x}", now.as_millis()),
        })
    }

    /// Starts a browser.
    pub(crate) async fn browser(&self, language: &str, screen: Screen) -> Result<Browser> {
        Browser::open(self.driver, language, screen).await
    }

    /// Waits until a step has ended, photographs what is seen then, and says how it ended. A step that failed does
    /// not keep the next ones from being tried.
    pub(crate) async fn step(
        &self,
        name: &str,
        browser: &Browser,
        step: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let start = Instant::now();
        let result = step.await;
        let screenshot = self.evidence.join(format!("{name}.png"));
        let result = result.and(browser.photograph(&screenshot).await);
        let step = Step {
            step: name,
            outcome: if result.is_ok() { "passed" } else { "failed" },
            screenshot,
            seconds: start.elapsed().as_secs_f64(),
            reason: result.err().map(|error| format!("{error:#}")),
        };
        eprintln!("{:>6}  {name} ({:.2} s)", step.outcome, step.seconds);
        println!("{}", serde_json::to_string(&step)?);
        Ok(())
    }
}
