//! Why the last attempt of a call came to nothing. The SDK tries again by itself, and
//! keeps to itself why, which is wanted where the time limit ends it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ssm::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ssm::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ssm::error::{BoxError, ProvideErrorMetadata as _};
use aws_sdk_ssm::operation::get_parameters::GetParametersError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;

use crate::failure::causes;

/// What the last attempt failed with; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(Arc<Mutex<Option<String>>>);

impl Attempts {
    /// Why the last attempt failed; `None` where there was none, or it succeeded.
    pub(crate) fn last_failure(&self) -> Option<String> {
        self.last().clone()
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.last() = why(context);
        Ok(())
    }
}

/// The code of what AWS answered, without its message, which may quote a value; or what
/// became of the connection.
fn why(context: &FinalizerInterceptorContextRef<'_>) -> Option<String> {
    let error = context.output_or_error()?.err()?;
    if let Some(refusal) = error.as_operation_error() {
        let read = refusal.downcast_ref().and_then(GetParametersError::code);
        let written = || refusal.downcast_ref().and_then(PutParameterError::code);
        if let Some(code) = read.or_else(written) {
            return Some(code.to_owned());
        }
    }
    let status = context.response().map(|answer| answer.status().as_u16());
    let broken = error.as_connector_error().map(|error| causes(error));
    broken.or_else(|| Some(format!("an answer with status {}", status?)))
}
