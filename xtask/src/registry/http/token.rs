//! What a host wants of its clients, and the tokens that it gave
//! (distribution specification, "Token Authentication").

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use ureq::http::{Method, StatusCode};

use super::challenge::Challenge;
use super::client::{Answer, Client, HostState, Payload, Request};
use super::credentials::{self, Accounts, BASIC, Login, Secret, how_to_sign_in};
use super::failure::{self, Failure};
use super::realm;
use crate::error::{Fault, Kind};
use crate::oci::Host;
use crate::parameters::account;

/// The bound of a token's answer.
const TOKEN_BOUND: usize = 64 * 1024;

/// What is known of one host's authentication.
#[derive(Default)]
pub(super) struct Authentication {
    scheme: Mutex<Option<Scheme>>,
    /// Held by the first request, so that the host is asked for its challenge once.
    probe: Mutex<()>,
    /// Whether a host that challenged nobody was asked for its challenge.
    sought: AtomicBool,
    /// Looked up once, also where that fails: a helper is not asked again and again.
    accounts: Mutex<Option<Accounts>>,
    /// The header with the token for each scope.
    tokens: Mutex<HashMap<String, Arc<Mutex<Option<String>>>>>,
    /// The challenge that came with an answer about each repository. Until one has come the
    /// host's last one serves: most hosts have one for all that they keep.
    challenges: Mutex<HashMap<String, Challenge>>,
}

#[derive(Clone)]
enum Scheme {
    /// Requests are answered without more ado.
    Open,
    Wanted(Challenge),
}

impl Authentication {
    /// Waits for the request that finds out what the host wants; while the guard
    /// is held, this one does.
    pub(super) fn probe(&self) -> Option<MutexGuard<'_, ()>> {
        if lock(&self.scheme).is_some() {
            return None;
        }
        let guard = lock(&self.probe);
        lock(&self.scheme).is_none().then_some(guard)
    }

    /// The host answered a request without a challenge.
    pub(super) fn answered(&self) {
        lock(&self.scheme).get_or_insert(Scheme::Open);
    }

    /// The host refused a request that carried the header `refused`: takes its
    /// challenge, forgets that token for `scope`, but not one that another request has
    /// fetched meanwhile. `false` where there is no challenge to answer, or only with the
    /// password that was refused.
    pub(super) fn challenged(&self, answer: &Answer, scope: &str, refused: Option<&str>) -> bool {
        let values = answer.headers.get_all("www-authenticate").iter();
        let Some(challenge) = Challenge::choose(values.filter_map(|value| value.to_str().ok()))
        else {
            return false;
        };
        if challenge == Challenge::Basic && refused.is_some_and(|sent| sent.starts_with(BASIC)) {
            return false;
        }
        *lock(&self.scheme) = Some(Scheme::Wanted(challenge.clone()));
        lock(&self.challenges).insert(repository_of(scope).to_owned(), challenge);
        lock(&self.token_slot(scope)).take_if(|token| Some(token.as_str()) == refused);
        true
    }

    fn wants_account(&self) -> bool {
        matches!(*lock(&self.scheme), Some(Scheme::Wanted(_)))
    }

    fn token_slot(&self, scope: &str) -> Arc<Mutex<Option<String>>> {
        Arc::clone(lock(&self.tokens).entry(scope.to_owned()).or_default())
    }
}

impl Client {
    /// The `Authorization` for requests within `scope`; `None` where the host wants
    /// none. `leaving` is called where a token is asked for.
    pub(super) fn authorize(
        &self,
        state: &HostState,
        scope: &str,
        leaving: impl FnOnce(),
    ) -> Result<Option<String>, Failure> {
        let authentication = &state.authentication;
        let Some(Scheme::Wanted(of_host)) = lock(&authentication.scheme).clone() else {
            return Ok(None);
        };
        let repository = repository_of(scope);
        let own = lock(&authentication.challenges).get(repository).cloned();
        let is_own = own.is_some();
        let challenge = own.unwrap_or(of_host);
        let Challenge::Bearer { realm, service } = &challenge else {
            let header = self.login(state, scope)?.and_then(|login| login.basic());
            return header.map(Some).ok_or_else(|| needs_account(&state.host));
        };
        let slot = authentication.token_slot(scope);
        let mut header = lock(&slot);
        if header.is_none() {
            match self.fetch_token(state, realm, service.as_deref(), scope, leaving) {
                Ok(token) => *header = Some(format!("Bearer {token}")),
                Err(Failure::Final(_)) if !is_own => {
                    // A request without a token brings this repository's own challenge.
                    lock(&authentication.challenges).insert(repository.to_owned(), challenge);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(header.clone())
    }

    /// Whether an account could show what a request without one did not find: where there
    /// is one, and the host wants it or was not asked yet.
    pub(super) fn could_sign_in(&self, state: &HostState, scope: &str) -> bool {
        let authentication = &state.authentication;
        let unknown = !authentication.sought.load(Ordering::Relaxed);
        // What is wrong with the account matters where it is wanted, and is told then.
        (unknown || authentication.wants_account()) && !matches!(self.login(state, scope), Ok(None))
    }

    /// Asks a host for its challenge that gave none with its answer: some tell whoever has
    /// no account that there is nothing to see (distribution specification, "Determining
    /// Support").
    pub(super) fn seek_challenge(
        &self,
        state: &HostState,
        scope: &str,
        leaving: impl FnOnce(),
    ) -> Result<(), Failure> {
        if state.authentication.wants_account() {
            return Ok(());
        }
        let base = Request::new(Method::GET, format!("{}/v2/", state.host.base_url()));
        let mut answer = self.send(state, &base, None, leaving)?;
        if failure::is_passing(answer.status) {
            let body = answer.read_error();
            return Err(failure::of_status(answer.status, &answer.headers, &body));
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            state.authentication.challenged(&answer, scope, None);
        }
        state.authentication.sought.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The account that is used within `scope`, as messages name it.
    pub(super) fn account(&self, state: &HostState, scope: &str) -> String {
        let without = || "without an account".to_owned();
        if !state.authentication.wants_account() {
            // What nobody asked for was not sent.
            return without();
        }
        match self.login(state, scope) {
            Ok(Some(login)) if !login.user.is_empty() => format!("as {:?}", login.user),
            Ok(Some(_)) => "with an identity token".into(),
            _ => without(),
        }
    }

    fn login(&self, state: &HostState, scope: &str) -> Result<Option<Login>> {
        let mut accounts = lock(&state.authentication.accounts);
        let accounts = match &mut *accounts {
            Some(accounts) => accounts,
            unknown => {
                let found =
                    credentials::find(&state.host, &self.parameters, self.clock.remaining());
                unknown.insert(
                    found.unwrap_or_else(|error| Accounts::Unusable(Fault::summary_of(&error))),
                )
            }
        };
        accounts.of(repository_of(scope))
    }

    fn fetch_token(
        &self,
        state: &HostState,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        leaving: impl FnOnce(),
    ) -> Result<String, Failure> {
        let uri = realm::check(realm, &state.host)?;
        let login = self.login(state, scope)?;
        if login.is_some() {
            let allowed = || {
                let (name, parameters) = (account::TOKEN_REALM, &self.parameters);
                let value = parameters.find(name)?;
                let host = value.map(|value| parameters.read(name, &value, Host::of_registry));
                host.transpose()
            };
            realm::check_credentials(&uri, &state.host, allowed)?;
        }
        let realm_uri = uri.to_string();
        let server = self.host(&realm_host(&realm_uri)?);
        let answer =
            self.ask_for_token(&server, &realm_uri, service, scope, login.as_ref(), leaving);
        let mut answer = answer.map_err(|failure| failure.at(&server.host))?;
        match answer.status {
            StatusCode::OK => parse_token(&answer.read(TOKEN_BOUND)?, realm),
            status => {
                let body = answer.read_error();
                Err(if failure::is_passing(status) {
                    failure::of_status(status, &answer.headers, &body).at(&server.host)
                } else {
                    refused(state, realm, status, &body, &self.account(state, scope))
                })
            }
        }
    }

    fn ask_for_token(
        &self,
        server: &HostState,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        login: Option<&Login>,
        leaving: impl FnOnce(),
    ) -> Result<Answer, Failure> {
        let mut query = scope.split(' ').fold(String::new(), |query, scope| {
            query + "&scope=" + &encode(scope)
        });
        if let Some(service) = service {
            query += &format!("&service={}", encode(service));
        }
        if let Some(Login {
            secret: Secret::IdentityToken(token),
            ..
        }) = login
        {
            let form = format!(
                "grant_type=refresh_token&client_id=xtask&refresh_token={}{query}",
                encode(token)
            );
            let mut request = Request::new(Method::POST, realm.to_owned());
            request
                .headers
                .push(("content-type", "application/x-www-form-urlencoded".into()));
            request.body = Payload::Bytes(form.as_bytes());
            return self.send(server, &request, None, leaving);
        }
        let joint = if realm.contains('?') { "&" } else { "?" };
        let request = Request::new(
            Method::GET,
            format!("{realm}{joint}{}", query.trim_start_matches('&')),
        );
        let basic = login.and_then(Login::basic);
        self.send(server, &request, basic.as_deref(), leaving)
    }
}

/// The repository that a scope is for, the first where it is for several: what is mounted
/// from another one is written to this one.
fn repository_of(scope: &str) -> &str {
    scope.split(':').nth(1).unwrap_or_default()
}

fn realm_host(realm: &str) -> Result<Host> {
    let uri: ureq::http::Uri = realm.parse().context("reading the realm")?;
    let authority = uri.authority().context("the realm has no host")?;
    authority.as_str().parse().map_err(anyhow::Error::msg)
}

fn parse_token(body: &[u8], realm: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }
    let parsed = serde_json::from_slice::<Token>(body);
    if parsed.as_ref().is_err_and(serde_json::Error::is_eof) {
        return Err(Failure::again(format_args!(
            "the answer of {realm} is cut off"
        )));
    }
    let tokens = parsed.map_or([None, None], |answer| [answer.token, answer.access_token]);
    // Programs in Go write the name that they do not use as an empty text.
    let usable = |token: &String| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    let token = tokens.into_iter().flatten().find(usable);
    token.ok_or_else(|| {
        // An answer with a token in it is not quoted.
        let quoted = if body.trim_ascii_start().starts_with(b"{") {
            String::new()
        } else {
            format!(": {}", failure::excerpt(body))
        };
        Kind::Unavailable
            .because(format!("{realm} answered without a usable token{quoted}"))
            .into()
    })
}

fn refused(
    state: &HostState,
    realm: &str,
    status: StatusCode,
    body: &[u8],
    account: &str,
) -> Failure {
    let kind = match status.as_u16() {
        401 | 403 => Kind::Denied,
        404 => Kind::NotFound,
        _ => Kind::Failed,
    };
    let fault = format!(
        "{realm} gives no token for {} {account}: {status}{}",
        state.host,
        failure::said(body)
    );
    let hint = format!("check the account: {}", how_to_sign_in(&state.host));
    kind.because(fault).hint(hint).into()
}

fn needs_account(host: &Host) -> Failure {
    Kind::Denied
        .because(format!("{host} wants a user and a password"))
        .hint(how_to_sign_in(host))
        .into()
}

/// Percent-encodes a value of a query or form (RFC 3986, section 2).
fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
