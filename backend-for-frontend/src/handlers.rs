//! What each path answers.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawForm, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend_api::{ErrorCode, Language, Problem, Rule, limits};
use maud::Markup;
use serde::Deserialize;

use crate::backend::Backend;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::form::{Action, Form, Messages};
use crate::pages::{self, Notice};
use crate::registration::{self, Abandoned};

pub(crate) async fn portal(caller: Caller) -> Markup {
    pages::portal(caller.language, &Form::default(), &Messages::new(), None)
}

#[derive(Deserialize)]
pub(crate) struct After {
    after: Option<i64>,
}

pub(crate) async fn get_users(
    State(backend): State<Backend>,
    caller: Caller,
    Query(After { after }): Query<After>,
) -> Result<Markup, Failure> {
    let users = backend.users(&caller, after.unwrap_or(-1)).await?;
    Ok(pages::users(caller.language, &users))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ById {
    user_id: i64,
}

pub(crate) async fn get_user(
    State(backend): State<Backend>,
    caller: Caller,
    query: Result<Query<ById>, QueryRejection>,
) -> Response {
    let Ok(Query(ById { user_id })) = query else {
        return problem(&malformed_user_id(caller.language));
    };
    match backend.user(&caller, user_id).await {
        Ok(user) => Json(user).into_response(),
        Err(failure) => {
            tracing::warn!(%failure, code = failure.code(), "the backend failed");
            problem(&failure.problem(caller.language))
        }
    }
}

fn malformed_user_id(language: Language) -> Problem {
    let code = ErrorCode::E0010;
    let rule = Rule::Between(0, i64::MAX).message(language);
    Problem::plain(
        code.status(),
        code.title(),
        code.as_str(),
        format!("userId: {rule}"),
    )
}

fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)],
        Json(problem),
    )
        .into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ByLoginId {
    #[serde(default)]
    login_id: String,
}

pub(crate) async fn is_usable_login_id(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ByLoginId>,
) -> Result<String, Failure> {
    Ok(usability(&backend, &caller, &query.login_id).await?.text)
}

async fn usability(backend: &Backend, caller: &Caller, login_id: &str) -> Result<Notice, Failure> {
    let language = caller.language;
    if limits::LOGIN_ID.broken_by(login_id).is_some() {
        return Ok(pages::unusable_login_id(language));
    }
    match backend.user_by_login_id(caller, login_id).await {
        Ok(_) => Ok(pages::unusable_login_id(language)),
        Err(failure) if failure.is(ErrorCode::E0008) => Ok(pages::usable_login_id(language)),
        Err(failure) => Err(failure),
    }
}

pub(crate) async fn add_users(
    State(backend): State<Backend>,
    caller: Caller,
    RawForm(body): RawForm,
) -> Response {
    let form = Form::parse(&body);
    if form.is_too_large() {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    match Action::parse(&body) {
        Some(action) => change_form(&backend, &caller, form, action).await,
        None => add(backend, caller, form).await,
    }
}

/// A button that only changes the form: the form again, changed, without any judgement of what is in it.
async fn change_form(
    backend: &Backend,
    caller: &Caller,
    mut form: Form,
    action: Action,
) -> Response {
    let notice = match action {
        Action::CheckLoginId(user) => {
            let login_id = form.users.get(user).map_or("", |user| &user.login_id);
            let notice = usability(backend, caller, login_id).await;
            Some(notice.unwrap_or_else(|failure| pages::failed(caller.language, &failure, &[])))
        }
        _ => None,
    };
    form.apply(action);
    pages::portal(caller.language, &form, &Messages::new(), notice).into_response()
}

async fn add(backend: Backend, caller: Caller, form: Form) -> Response {
    let language = caller.language;
    let messages = form.messages(language);
    if !messages.is_empty() {
        let page = pages::portal(language, &form, &messages, Some(pages::invalid(language)));
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    }
    match registration::register(backend, caller, form.to_new_users()).await {
        Ok(users) => pages::added(language, &users).into_response(),
        Err(abandoned) => abandoned_page(language, &form, &abandoned),
    }
}

fn abandoned_page(language: Language, form: &Form, abandoned: &Abandoned) -> Response {
    let Abandoned {
        position,
        failure,
        left,
    } = abandoned;
    tracing::warn!(%failure, code = failure.code(), position, "users were not added");
    let notice = pages::failed(language, failure, left);
    let page = pages::portal(
        language,
        form,
        &beside_fields(*position, failure),
        Some(notice),
    );
    (failure.status(), page).into_response()
}

/// What the backend says of single fields goes beside them.
fn beside_fields(position: usize, failure: &Failure) -> Messages {
    let Failure::Refused {
        problem: Some(problem),
        ..
    } = failure
    else {
        return Messages::new();
    };
    let of_fields = problem
        .errors
        .iter()
        .map(|error| (error.field.as_str(), &error.message));
    let of_login_id = failure
        .is(ErrorCode::E0002)
        .then_some(("loginId", &problem.detail));
    of_fields
        .chain(of_login_id)
        .map(|(field, message)| (format!("users[{position}].{field}"), message.clone()))
        .collect()
}
