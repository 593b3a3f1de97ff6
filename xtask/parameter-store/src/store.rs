//! Reading and writing parameters.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use parameter_store_protocol::{Failure, NewParameter, Reading, Stored, Write, Writing};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::failure::Refusal;

/// How many names a call takes (AWS Systems Manager API Reference, `GetParameters`).
const NAMES_PER_CALL: usize = 10;

type Readings = BTreeMap<String, Reading>;

/// The parameters of these names, in as few calls as possible, side by side.
///
/// One name that is denied or malformed makes AWS refuse the whole call. Its names
/// are then asked for one by one, so that each gets its own answer.
pub(crate) async fn read(client: &Client, names: &[String]) -> Result<Readings, Failure> {
    let batches = names.chunks(NAMES_PER_CALL).map(<[String]>::to_vec);
    let calls = batches.map(|names| {
        let client = client.clone();
        async move {
            match read_batch(&client, &names).await {
                Err(refusal) if refusal.may_be_about_one_name() => {
                    read_one_by_one(&client, names).await
                }
                answer => answer.map_err(|refusal| refusal.about("reading parameters", None)),
            }
        }
    });
    side_by_side(calls).await
}

async fn read_one_by_one(client: &Client, names: Vec<String>) -> Result<Readings, Failure> {
    let calls = names.into_iter().map(|name| {
        let client = client.clone();
        async move {
            let what = format!("reading the parameter {name}");
            let names = [name];
            match read_batch(&client, &names).await {
                Err(refusal) if refusal.may_be_about_one_name() => {
                    let failure = refusal.about(&what, None);
                    Ok(names
                        .map(|name| (name, Reading::Failed(failure.clone())))
                        .into())
                }
                answer => answer.map_err(|refusal| refusal.about(&what, None)),
            }
        }
    });
    side_by_side(calls).await
}

async fn side_by_side(
    calls: impl Iterator<Item = impl Future<Output = Result<Readings, Failure>> + Send + 'static>,
) -> Result<Readings, Failure> {
    let calls: JoinSet<_> = calls.collect();
    let answers = calls.join_all().await;
    let readings: Vec<Readings> = answers.into_iter().collect::<Result<_, _>>()?;
    Ok(readings.into_iter().flatten().collect())
}

async fn read_batch(client: &Client, names: &[String]) -> Result<Readings, Refusal> {
    let call = client.get_parameters().set_names(Some(names.to_vec()));
    let answer = call.with_decryption(true).send().await?;
    let mut readings: Readings = names
        .iter()
        .map(|name| (name.clone(), Reading::Missing))
        .collect();
    for parameter in answer.parameters.unwrap_or_default() {
        if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
            let stored = Stored {
                value,
                version: parameter.version,
                encrypted: parameter.r#type == Some(ParameterType::SecureString),
            };
            readings.insert(name, Reading::Found(stored));
        }
    }
    Ok(readings)
}

/// Writes the parameters one after another: AWS allows few writes a second. Where
/// the time is over, what was written before stays written, and is said to be.
pub(crate) async fn write(
    client: &Client,
    write: &Write,
    clock: &Clock,
) -> BTreeMap<String, Writing> {
    let mut written = BTreeMap::new();
    for parameter in &write.parameters {
        let writing = match put_in_time(client, parameter, write, clock).await {
            Ok(version) => Writing::Stored(version),
            Err(failure) => Writing::Failed(failure),
        };
        written.insert(parameter.name.clone(), writing);
    }
    written
}

async fn put_in_time(
    client: &Client,
    parameter: &NewParameter,
    write: &Write,
    clock: &Clock,
) -> Result<i64, Failure> {
    let what = format!("writing the parameter {}", parameter.name);
    let (mut failure, may_be_written) = match clock.bound(put(client, parameter, write)).await {
        Ok(Ok(version)) => return Ok(version),
        Ok(Err(refusal)) => {
            let failure = refusal.about(&what, Some(&parameter.value));
            (failure, refusal.leaves_open())
        }
        Err(late) => {
            let message = format!("{what}: {}", late.message);
            (Failure { message, ..late }, true)
        }
    };
    if may_be_written {
        let hint = "it may have been written all the same: the same command tells";
        failure.hints.insert(0, hint.into());
    }
    Err(failure)
}

/// Writes a parameter and gives its new version, or the one that it has where it is so
/// already: a try whose answer got lost, also one of an earlier command, has stored it.
async fn put(client: &Client, parameter: &NewParameter, write: &Write) -> Result<i64, Refusal> {
    let (kind, key) = if parameter.secret {
        (ParameterType::SecureString, write.key.clone())
    } else {
        (ParameterType::String, None)
    };
    let call = client.put_parameter().name(&parameter.name);
    let call = call.value(&parameter.value).r#type(kind).set_key_id(key);
    let answer = call.overwrite(write.overwrite).send().await;
    let refusal = match answer.map_err(Refusal::from) {
        Ok(answer) => return Ok(answer.version),
        Err(refusal) => refusal,
    };
    if refusal.is_about_one_that_exists()
        && let Ok(readings) = read_batch(client, std::slice::from_ref(&parameter.name)).await
        && let Some(Reading::Found(stored)) = readings.get(&parameter.name)
        && (&stored.value, stored.encrypted) == (&parameter.value, parameter.secret)
    {
        return Ok(stored.version);
    }
    Err(refusal)
}
