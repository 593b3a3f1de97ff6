//! Loads for the services.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::ScopedJoinHandle;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::error::Kind;
use crate::process::{self, CommandLine};

/// How many connections load a service at once.
const CONNECTIONS: usize = 32;

/// How many clients add users through a stop, and how many users each.
const CLIENTS: usize = 4;
const USERS_PER_CLIENT: usize = 250;

/// What a load generator saw.
#[derive(Debug, PartialEq)]
pub(super) struct Load {
    pub(super) per_second: f64,
    /// In milliseconds.
    pub(super) p99: f64,
    pub(super) failed: f64,
}

/// What clients saw while an instance stopped.
#[derive(Default)]
pub(super) struct Through {
    /// The loginIds of the users of whom an instance said that they were added.
    pub(super) accepted: BTreeSet<String>,
    /// How many requests had no answer and went to the other instance.
    pub(super) retried: usize,
}

/// Loads one URL for some seconds.
pub(super) fn wrk(url: &str, seconds: u64) -> Result<Load> {
    if process::find("wrk").is_none() {
        return Err(Kind::Failed
            .because("wrk is missing, which makes the load")
            .hint("sudo apt-get install --no-install-recommends wrk")
            .into());
    }
    let line = CommandLine::new("wrk")
        .args(["--latency", "--threads", "2", "--connections"])
        .arg(CONNECTIONS.to_string())
        .args(["--duration", &format!("{seconds}s"), url]);
    let output = process::capture(&line, Path::new("."), |wrk| wrk)?;
    let said = String::from_utf8_lossy(&output);
    parse(&said).with_context(|| format!("wrk said:\n{said}"))
}

fn parse(said: &str) -> Option<Load> {
    let after = |label: &str| {
        let lines = said.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix(label))
            .map(str::trim)
            .next_back()
    };
    let failed = after("Non-2xx or 3xx responses:").map_or(Some(0.0), |count| count.parse().ok());
    Some(Load {
        per_second: after("Requests/sec:")?.parse().ok()?,
        p99: milliseconds(after("99%")?)?,
        failed: failed?,
    })
}

/// A time as `wrk` writes it.
fn milliseconds(time: &str) -> Option<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 6e4)];
    let (number, factor) = units
        .into_iter()
        .find_map(|(unit, factor)| Some((time.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}

/// Asks for something that must be there.
pub(super) fn get(url: &str) -> Result<String> {
    let answer = ureq::get(url).call();
    let mut answer = answer.with_context(|| format!("asking for {url}"))?;
    answer
        .body_mut()
        .read_to_string()
        .with_context(|| format!("reading {url}"))
}

/// Adds users, whose loginIds begin with `mark`.
pub(super) fn add_users(backend: &str, mark: &str, count: usize) -> Result<()> {
    let agent = ureq::agent();
    (0..count).try_for_each(|number| add(&agent, backend, &format!("{mark}.{number}")))
}

fn add(agent: &ureq::Agent, backend: &str, login_id: &str) -> Result<()> {
    let user = json!({
        "firstName": "bench",
        "familyName": "mynavi",
        "loginId": login_id,
        "address": { "zipCode": "100-0005", "address": "Tokyo Chiyoda" },
        "emailList": [{ "email": "bench@debugroom.org" }],
    });
    agent
        .post(format!("{backend}/api/v1/users/new"))
        .content_type("application/json")
        .send(user.to_string())
        .with_context(|| format!("adding {login_id}"))?;
    Ok(())
}

/// Adds users at the first of two instances, and at the other where there is no
/// answer. In the midst of it, `restart` stops the first and starts it again.
pub(super) fn while_users_are_added<T>(
    urls: &[String; 2],
    restart: impl FnOnce() -> Result<T>,
) -> Result<Through> {
    let (sender, answered) = mpsc::channel();
    let seen = std::thread::scope(|scope| {
        let start = |client| {
            let sender = sender.clone();
            scope.spawn(move || add_some(client, urls, &sender))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        // Nobody waits for clients that have given up.
        drop(sender);
        let quarter = CLIENTS * USERS_PER_CLIENT / 4;
        answered.iter().take(quarter).for_each(drop);
        let restarted = restart();
        let seen: Vec<_> = clients.into_iter().map(finish).collect();
        restarted.map(|_| seen)
    })?;
    let mut through = Through::default();
    for client in seen {
        let client = client?;
        through.accepted.extend(client.accepted);
        through.retried += client.retried;
    }
    Ok(through)
}

fn finish(client: ScopedJoinHandle<'_, Result<Through>>) -> Result<Through> {
    let broke = |_| Err(Kind::Failed.because("a client broke").into());
    client.join().unwrap_or_else(broke)
}

/// What one client does, and says each time that it was done.
fn add_some(client: usize, urls: &[String; 2], answered: &Sender<()>) -> Result<Through> {
    let agent = ureq::agent();
    let mut through = Through::default();
    for number in 0..USERS_PER_CLIENT {
        let login_id = format!("through.{client}.{number}");
        if add(&agent, &urls[0], &login_id).is_err() {
            through.retried += 1;
            // Where the first instance had added the user without saying so, this is refused.
            add(&agent, &urls[1], &login_id)?;
        }
        through.accepted.insert(login_id);
        // After the restart nobody counts any more.
        let _ = answered.send(());
    }
    Ok(through)
}

/// How many of these users the backend does not have.
pub(super) fn missing(backend: &str, login_ids: &BTreeSet<String>) -> Result<usize> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        login_id: String,
    }
    let users = get(&format!("{backend}/api/v1/users"))?;
    let users: Vec<User> = serde_json::from_str(&users).context("reading the users")?;
    let known: BTreeSet<String> = users.into_iter().map(|user| user.login_id).collect();
    Ok(login_ids.difference(&known).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "  Latency Distribution\n     50%  500.00us\n     99%    2.50ms\n\
                    Requests/sec:  15000.50\nTransfer/sec:      3.03MB\n";
        let load = Load {
            per_second: 15000.5,
            p99: 2.5,
            failed: 0.0,
        };
        assert_eq!(parse(said), Some(load));
        assert_eq!(milliseconds("1.5s"), Some(1500.0));
        assert_eq!(parse("unable to connect"), None);
    }
}
