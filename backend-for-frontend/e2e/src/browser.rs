//! One browser, with what a person does in it and sees.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::driver::Driver;

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked for meanwhile.
const GLANCE: Duration = Duration::from_millis(20);

/// What keeps a browser from doing things of its own.
const ARGUMENTS: [&str; 8] = [
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
];

/// What a page is looked at on.
#[derive(Clone, Copy)]
pub(crate) enum Screen {
    /// A window of a desktop.
    Desktop,
    /// A phone, held upright.
    Phone,
}

/// A browser that runs.
pub(crate) struct Browser {
    client: Client,
}

impl Browser {
    /// Starts a browser that asks for pages in `language`.
    pub(crate) async fn open(driver: &Driver, language: &str, screen: Screen) -> Result<Self> {
        let profile = driver.profile(language);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile, language, screen)?)
            .connect(&driver.url())
            .await
            .context("starting Chromium")?;
        Ok(Self { client })
    }

    /// Opens a page, which must be there: on any other one, what a step looks for never appears.
    pub(crate) async fn goto(&self, url: &str) -> Result<()> {
        let opened = self.client.goto(url).await;
        opened.with_context(|| format!("opening {url}"))?;
        let script = "return performance.getEntriesByType('navigation')[0].responseStatus";
        let status = self.client.execute(script, Vec::new()).await;
        let status = status.with_context(|| format!("asking for the status of {url}"))?;
        ensure!(status == json!(200), "{url} answers with status {status}");
        Ok(())
    }

    /// Presses the button of this id.
    pub(crate) async fn click(&self, id: &str) -> Result<()> {
        let button = self.element(id).await?;
        button
            .click()
            .await
            .with_context(|| format!("pressing {id}"))
    }

    /// Replaces what is in a field.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let field = self.element(id).await?;
        let filling = || format!("filling in {id}");
        field.clear().await.with_context(filling)?;
        field.send_keys(text).await.with_context(filling)
    }

    /// The element of this id, as soon as it is there.
    pub(crate) async fn element(&self, id: &str) -> Result<Element> {
        self.seen(&format!("#{id}")).await
    }

    /// The first element that a CSS selector means, as soon as there is one.
    pub(crate) async fn seen(&self, selector: &str) -> Result<Element> {
        let wait = self.client.wait().at_most(PATIENCE).every(GLANCE);
        let found = wait.for_element(Locator::Css(selector)).await;
        found.with_context(|| format!("waiting for {selector}"))
    }

    /// Waits until the element of this id says `text`.
    pub(crate) async fn reads(&self, id: &str, text: &str) -> Result<()> {
        let path = format!("//*[@id='{id}'][normalize-space()='{text}']");
        let wait = self.client.wait().at_most(PATIENCE).every(GLANCE);
        let found = wait.for_element(Locator::XPath(&path)).await;
        found
            .map(drop)
            .with_context(|| format!("waiting for {id} to say {text:?}"))
    }

    /// Asserts what is in a field.
    pub(crate) async fn holds(&self, id: &str, text: &str) -> Result<()> {
        let value = self.element(id).await?.prop("value").await?;
        ensure!(
            value.as_deref() == Some(text),
            "{id} holds {value:?} instead of {text:?}"
        );
        Ok(())
    }

    /// The text of each element that a CSS selector means.
    pub(crate) async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await? {
            texts.push(element.text().await?);
        }
        Ok(texts)
    }

    /// Asserts that nobody has to scroll sideways to see the page.
    pub(crate) async fn fits(&self) -> Result<()> {
        let root = "document.documentElement";
        let script = format!("return {root}.scrollWidth - {root}.clientWidth");
        let beyond = self.client.execute(&script, Vec::new()).await?;
        ensure!(
            beyond == json!(0),
            "the page is {beyond} pixels wider than the screen"
        );
        Ok(())
    }

    /// Leaves every request that the page's script makes from now on without an answer.
    pub(crate) async fn silence(&self) -> Result<()> {
        let script = "window.fetch = () => new Promise(() => {})";
        let silenced = self.client.execute(script, Vec::new()).await;
        silenced.map(drop).context("silencing the server")
    }

    /// Writes what is seen now into a file.
    pub(crate) async fn photograph(&self, file: &Path) -> Result<()> {
        let image = self
            .client
            .screenshot()
            .await
            .context("taking a screenshot")?;
        std::fs::write(file, image).with_context(|| format!("writing {}", file.display()))
    }
}

fn capabilities(profile: &str, language: &str, screen: Screen) -> Result<Capabilities> {
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={profile}"));
    // Tall, so that a screenshot shows the whole page.
    arguments.push("--window-size=1280,1600".to_owned());
    if is_root()? {
        arguments.push("--no-sandbox".to_owned());
    }
    let mut options = json!({
        "args": arguments,
        "prefs": { "intl.accept_languages": language },
    });
    if let Screen::Phone = screen {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": 390, "height": 1600, "pixelRatio": 2.0 } });
    }
    Ok(Capabilities::from_iter([(
        "goog:chromeOptions".to_owned(),
        options,
    )]))
}

/// Chromium's sandbox does not work for root.
fn is_root() -> Result<bool> {
    let own = std::fs::metadata("/proc/self").context("asking who runs this")?;
    Ok(own.uid() == 0)
}
