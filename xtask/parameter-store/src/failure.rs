//! The classes of what AWS answers.

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use parameter_store_protocol::{Class, Failure};

/// The code for a parameter that exists and was not to be overwritten.
const EXISTS: &str = "ParameterAlreadyExists";

/// An error of a call, with its code where AWS gave one. Throttling, access and
/// signatures are no modelled errors of the calls: the code is what tells them apart
/// (AWS Systems Manager API Reference, "Common Errors").
pub(crate) struct Refusal {
    code: Option<String>,
    status: Option<u16>,
    said: String,
}

impl Refusal {
    /// Whether it may be about a name rather than about all of them: access is
    /// granted by name, and so is what a key may decrypt.
    pub(crate) fn may_be_about_one_name(&self) -> bool {
        let about_names = [
            "AccessDeniedException",
            "InvalidKeyId",
            "ValidationException",
        ];
        self.code
            .as_deref()
            .is_some_and(|code| about_names.contains(&code))
    }

    /// Whether the parameter exists.
    pub(crate) fn is_about_one_that_exists(&self) -> bool {
        self.code.as_deref() == Some(EXISTS)
    }

    /// Whether what was asked may have been done all the same: the answer got lost.
    pub(crate) fn leaves_open(&self) -> bool {
        self.code.is_none() || self.class() == Class::Unavailable
    }

    fn class(&self) -> Class {
        if let Some(class) = self.code.as_deref().and_then(class_of_code) {
            return class;
        }
        match self.status {
            None | Some(408 | 429 | 500..) => Class::Unavailable,
            Some(401 | 403) => Class::Denied,
            // AWS names what it refuses; an answer without a name is not its own.
            Some(_) if self.code.is_none() => Class::Failed,
            Some(_) => Class::Configuration,
        }
    }

    /// The failure for the user. `value` is taken out of what AWS said: some of its
    /// messages quote what they refuse.
    pub(crate) fn about(&self, what: &str, value: Option<&str>) -> Failure {
        let class = self.class();
        let said = match value {
            Some(value) if !value.is_empty() => self.said.replace(value, "********"),
            _ => self.said.clone(),
        };
        Failure {
            class,
            message: format!("{what}: {said}"),
            hints: self.hints(class),
        }
    }

    fn hints(&self, class: Class) -> Vec<String> {
        let hint = match (class, self.code.as_deref()) {
            (Class::Refused, _) => "`--overwrite` gives it a new version",
            (Class::Denied, Some("ExpiredTokenException" | "ExpiredToken")) => {
                "`aws sso login` or new keys renew the credentials"
            }
            (Class::Denied, _) => {
                "`aws sts get-caller-identity` says who you are; ask for ssm:GetParameters, \
                 ssm:PutParameter, and the use of the key"
            }
            (Class::Unavailable, _) => "try again, or allow more time with `--timeout SECONDS`",
            _ => return Vec::new(),
        };
        vec![hint.into()]
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let code = error.code().map(str::to_owned);
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let said = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{message} ({code})"),
            (Some(code), None) => code.to_owned(),
            // The context of an answer that was not understood shows the answer's
            // body, and that may hold values.
            (None, _) => match status {
                Some(status) => format!("the answer with status {status} is not what AWS sends"),
                None => causes(&error),
            },
        };
        Self { code, status, said }
    }
}

/// An error with its causes, outermost first.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |cause| cause.source());
    let chain: Vec<_> = chain.map(ToString::to_string).collect();
    chain.join(": ")
}

fn class_of_code(code: &str) -> Option<Class> {
    Some(match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Class::Denied,
        "InternalFailure"
        | "InternalServerError"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TooManyUpdates" => Class::Unavailable,
        EXISTS => Class::Refused,
        _ => return None,
    })
}
