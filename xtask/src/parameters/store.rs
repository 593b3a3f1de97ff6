//! AWS Systems Manager Parameter Store, as the program `parameter-store` reads and
//! writes it.

mod program;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use parameter_store_protocol::{
    Answer, Class, Failure, Order, Outcome, Reading, Request, Stored, VERSION, Write, Writing,
};

use crate::error::{Fault, Kind};
use crate::process;

/// How much longer than its own time limit the program may take to end.
const GRACE: Duration = Duration::from_secs(5);

type Readings = BTreeMap<String, Reading>;

/// Parameter Store in the account and region that the AWS SDK's chain finds.
pub(super) struct Store {
    /// What is read at the first question, since a command asks for more than one.
    names: Vec<String>,
    target_directory: PathBuf,
    limit: Duration,
    /// What was read so far.
    read: Mutex<Option<Result<Readings, Fault>>>,
}

impl Store {
    /// A store that reads `names` together, and gives up after `limit`. Nothing is
    /// read yet.
    pub(super) fn new(names: Vec<String>, target_directory: PathBuf, limit: Duration) -> Self {
        Self {
            names,
            target_directory,
            limit,
            read: Mutex::default(),
        }
    }

    /// The parameter `name`, or `None` where there is none. All names are read at the
    /// first call; a failure of that is given again to whoever asks next. What is read,
    /// or found missing, is not asked for again.
    pub(super) fn get(&self, name: &str) -> Result<Option<Stored>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read.get_or_insert_with(|| {
            self.read(&self.names)
                .map_err(|error| Fault::summary_of(&error))
        });
        let read = read.as_mut().map_err(|fault| fault.clone())?;
        if !read.contains_key(name) {
            read.extend(self.read(&[name.to_owned()])?);
        }
        match read.get(name).cloned() {
            Some(Reading::Found(stored)) => Ok(Some(stored)),
            Some(Reading::Failed(failure)) => Err(fault(failure).into()),
            Some(Reading::Missing) | None => Ok(None),
        }
    }

    /// Writes parameters; gives the new version of each, or why it was not written.
    pub(super) fn put(&self, write: Write) -> Result<BTreeMap<String, Result<i64, Fault>>> {
        match self.ask(Order::Write(write))? {
            Outcome::Written(written) => Ok(written
                .into_iter()
                .map(|(name, writing)| match writing {
                    Writing::Stored(version) => (name, Ok(version)),
                    Writing::Failed(failure) => (name, Err(fault(failure))),
                })
                .collect()),
            other => Err(unexpected(other)),
        }
    }

    fn read(&self, names: &[String]) -> Result<Readings> {
        match self.ask(Order::Read(names.to_vec()))? {
            Outcome::Read(readings) => Ok(readings),
            other => Err(unexpected(other)),
        }
    }

    /// One document there, one back. Values are in them: neither is shown, also not
    /// where it is malformed.
    fn ask(&self, order: Order) -> Result<Outcome> {
        let program = program::find_or_build(&self.target_directory)?;
        let limit_in_milliseconds = self.limit.as_millis().try_into().unwrap_or(u64::MAX);
        let request = Request {
            version: VERSION,
            limit_in_milliseconds,
            order,
        };
        let request = serde_json::to_vec(&request).context("writing the request")?;
        let output = process::converse(&program, &request, self.limit + GRACE)?;
        let Ok(answer) = serde_json::from_slice::<Answer>(&output.stdout) else {
            bail!("{program} gave no answer ({})", output.status);
        };
        if answer.version != VERSION {
            bail!(
                "{program} speaks version {} of the protocol, not {VERSION}",
                answer.version
            );
        }
        Ok(answer.outcome)
    }
}

fn unexpected(outcome: Outcome) -> anyhow::Error {
    match outcome {
        Outcome::Failed(failure) => fault(failure).into(),
        Outcome::Read(_) | Outcome::Written(_) => {
            anyhow::anyhow!("parameter-store answered what it was not asked")
        }
    }
}

fn fault(failure: Failure) -> Fault {
    let kind = match failure.class {
        Class::Denied => Kind::Denied,
        Class::Unavailable => Kind::Unavailable,
        Class::Configuration => Kind::Configuration,
        Class::Refused => Kind::Refused,
        Class::Failed => Kind::Failed,
    };
    let fault = kind.because(failure.message);
    failure.hints.into_iter().fold(fault, Fault::hint)
}
