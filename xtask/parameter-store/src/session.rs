//! Region and credentials, by the SDK's own chain.

use std::error::Error as _;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use parameter_store_protocol::{Class, Failure};

use crate::attempts::Attempts;
use crate::failure::causes;

/// Calls that are throttled or get no answer are tried this often, with pauses that
/// double up to [`LONGEST_PAUSE`]; the request's time limit stands above it.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A client with region and credentials. Both are looked for here, not at the first
/// call, so that what is missing is named. `attempts` learns what became of the calls.
pub(crate) async fn client(attempts: &Attempts) -> Result<Client, Failure> {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let configuration = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .retry_config(retries)
        .load()
        .await;
    if configuration.region().is_none() {
        return Err(no_region());
    }
    let credentials = credentials(&configuration).await?;
    let configuration = aws_sdk_ssm::config::Builder::from(&configuration)
        .credentials_provider(credentials)
        .interceptor(attempts.clone())
        .build();
    Ok(Client::from_conf(configuration))
}

async fn credentials(configuration: &SdkConfig) -> Result<Credentials, Failure> {
    match configuration.credentials_provider() {
        Some(provider) => provider
            .provide_credentials()
            .await
            .map_err(|error| no_credentials(&error)),
        None => Err(no_credentials(&CredentialsError::not_loaded_no_source())),
    }
}

fn no_region() -> Failure {
    Failure {
        class: Class::Configuration,
        message: format!(
            "no AWS region is configured: it is not in AWS_REGION or AWS_DEFAULT_REGION, not in the \
             profile {}, and no EC2 instance metadata names one",
            profile()
        ),
        hints: vec![
            "`export AWS_REGION=…`, e.g. `export AWS_REGION=ap-northeast-1`".into(),
            "`aws configure set region …` writes it into the profile".into(),
        ],
    }
}

fn no_credentials(error: &CredentialsError) -> Failure {
    let (class, what) = match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            (Class::Configuration, "no AWS credentials were found")
        }
        CredentialsError::InvalidConfiguration(_) => (
            Class::Configuration,
            "the configuration of the AWS credentials is malformed",
        ),
        CredentialsError::ProviderTimedOut(_) => (
            Class::Unavailable,
            "the provider of the AWS credentials did not answer",
        ),
        _ => (
            Class::Denied,
            "the provider of the AWS credentials gave none",
        ),
    };
    // The SDK's chain lists its steps and what each of them said, a line for each.
    let causes = error.source().map_or_else(String::new, causes);
    let causes: Vec<_> = causes.lines().map(str::trim).collect();
    Failure {
        class,
        message: format!("{what}: {}", causes.join("; ")),
        hints: vec![
            format!(
                "`aws sso login --profile {}` where you sign in through SSO",
                profile()
            ),
            "`export AWS_PROFILE=…` for another profile of ~/.aws/config".into(),
            "`export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…` for an access key".into(),
        ],
    }
}

/// The profile in use (AWS SDKs and Tools Reference Guide, "Shared config and credentials files").
fn profile() -> String {
    std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into())
}
