//! Adding several users, all or none. The backend adds one at a time, so this is a saga: where one fails, those
//! already added are deleted again.

use std::time::Duration;

use backend_api::{ErrorCode, NewUser, User};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend::Backend;
use crate::caller::Caller;
use crate::failure::Failure;

/// When no more users are added, so that there is time left to undo and to answer.
const ADDING: Duration = Duration::from_secs(5);

/// Why the users were not added.
#[derive(Debug)]
pub(crate) struct Abandoned {
    /// The position of the user that failed.
    pub(crate) position: usize,
    /// What happened to it.
    pub(crate) failure: Failure,
    /// The loginIds of users who could not be deleted again, or of whom it is not known.
    pub(crate) left: Vec<String>,
}

/// Adds the users in order. It runs to its end also where the caller goes away or the process stops: half a saga is
/// worse than none.
pub(crate) async fn register(
    backend: Backend,
    caller: Caller,
    users: Vec<NewUser>,
) -> Result<Vec<User>, Abandoned> {
    let work = service_kit::spawn(run(backend, caller, users.clone()));
    work.await.unwrap_or_else(|error| {
        let left = users.into_iter().map(|user| user.login_id).collect();
        Err(Abandoned {
            position: 0,
            failure: Failure::NotUnderstood(error.to_string()),
            left,
        })
    })
}

async fn run(
    backend: Backend,
    caller: Caller,
    users: Vec<NewUser>,
) -> Result<Vec<User>, Abandoned> {
    let started = Instant::now();
    let mut added = Vec::new();
    for (position, new) in users.iter().enumerate() {
        let (failure, doubtful) = if started.elapsed() < ADDING {
            match backend.add_user(&caller, new).await {
                Ok(user) => {
                    added.push(user);
                    continue;
                }
                // Only a refusal is certain; after any other failure the user may have been added all the same.
                Err(failure @ Failure::Refused { .. }) => (failure, None),
                Err(failure) => (failure, Some(new)),
            }
        } else {
            (Failure::TooSlow, None)
        };
        let left = undo(&backend, &caller, added, doubtful, &failure).await;
        return Err(Abandoned {
            position,
            failure,
            left,
        });
    }
    Ok(added)
}

/// Deletes what was added, side by side; answers with what is left, or may be.
async fn undo(
    backend: &Backend,
    caller: &Caller,
    added: Vec<User>,
    doubtful: Option<&NewUser>,
    failure: &Failure,
) -> Vec<String> {
    let mut deletions = JoinSet::new();
    for user in added {
        let (backend, caller) = (backend.clone(), caller.clone());
        deletions.spawn(async move { delete(&backend, &caller, user).await });
    }
    if let Some(doubtful) = doubtful {
        let (backend, caller, new) = (backend.clone(), caller.clone(), doubtful.clone());
        let may_come = matches!(failure, Failure::TooSlow);
        deletions.spawn(async move { rule_out(&backend, &caller, &new, may_come).await });
    }
    let mut left: Vec<String> = deletions
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    left.sort();
    if !left.is_empty() {
        tracing::error!(?left, "users are left of a registration that failed");
    }
    left
}

/// The error is the loginId of the user who is left.
async fn delete(backend: &Backend, caller: &Caller, user: User) -> Result<(), String> {
    match backend.delete_user(caller, user.user_id).await {
        Ok(_) => Ok(()),
        // The first of two tries may have deleted it, and its answer been lost.
        Err(failure) if failure.is(ErrorCode::E0001) => Ok(()),
        Err(failure) => {
            tracing::error!(%failure, user_id = user.user_id, login_id = user.login_id, "a user could not be deleted");
            Err(user.login_id)
        }
    }
}

/// The error is the loginId of a user who may have been added. Such a user is not deleted: it may as well be from the
/// same form, sent twice, whose other registration succeeded.
async fn rule_out(
    backend: &Backend,
    caller: &Caller,
    new: &NewUser,
    may_come: bool,
) -> Result<(), String> {
    match backend.user_by_login_id(caller, &new.login_id).await {
        // It is somebody else's.
        Ok(user) if !is_from(&user, new) => return Ok(()),
        // A backend that is still at work on the request may add the user after it was asked for.
        Err(failure) if failure.is(ErrorCode::E0008) && !may_come => return Ok(()),
        Ok(_) => (),
        Err(failure) => tracing::warn!(%failure, "it is not known whether a user was added"),
    }
    Err(new.login_id.clone())
}

/// Whether this is the user that was to be added: one who had the loginId before would differ in something.
fn is_from(user: &User, new: &NewUser) -> bool {
    let emails = user.email_list.iter().map(|email| &email.email);
    user.version == 0
        && user.first_name == new.first_name
        && user.family_name == new.family_name
        && user.address.zip_code == new.address.zip_code
        && user.address.address == new.address.address
        && emails.eq(new.email_list.iter().map(|email| &email.email))
}
