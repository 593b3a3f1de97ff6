//! Configuration from environment variables.

use std::collections::HashMap;
use std::ffi::OsString;
use std::str::FromStr;

/// The variables that configure the process, as a value, so that a test can have its own.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, OsString>);

/// A variable that is missing or wrong. The value itself is left out, since it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: expected {expected}, but it is {}", if *.missing { "not set" } else { "something else" })]
pub struct Misconfigured {
    variable: &'static str,
    expected: &'static str,
    missing: bool,
}

impl Environment {
    /// The environment of this process. A variable whose name is not UTF-8 is none that anybody reads.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// The variable's value, or the default where it is not set.
    pub fn parsed_or<T: FromStr>(
        &self,
        variable: &'static str,
        default: T,
        expected: &'static str,
    ) -> Result<T, Misconfigured> {
        Ok(self.parsed(variable, expected)?.unwrap_or(default))
    }

    /// The variable's value, which must be set.
    pub fn required<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<T, Misconfigured> {
        self.parsed(variable, expected)?.ok_or(Misconfigured {
            variable,
            expected,
            missing: true,
        })
    }

    /// The variable's value, where it is set to something; task definitions cannot unset a variable, only empty it.
    fn parsed<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Misconfigured> {
        let value = self.0.get(variable).filter(|value| !value.is_empty());
        let Some(value) = value else {
            return Ok(None);
        };
        // What is not UTF-8 fits no expectation either.
        let parsed = value.to_str().and_then(|value| value.parse().ok());
        parsed.map(Some).ok_or(Misconfigured {
            variable,
            expected,
            missing: false,
        })
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_or_empty_is_the_default() {
        let environment: Environment = [("EMPTY", "")].into_iter().collect();
        assert_eq!(environment.parsed_or("EMPTY", 1, "a number").ok(), Some(1));
        assert_eq!(
            environment.parsed_or("MISSING", 2, "a number").ok(),
            Some(2)
        );
    }

    #[test]
    fn errors_name_the_variable_and_never_its_value() {
        let environment: Environment = [("COUNT", "secret")].into_iter().collect();
        let wrong = environment.parsed_or("COUNT", 1, "a number").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "COUNT: expected a number, but it is something else"
        );
        let missing = environment.required::<u8>("OTHER", "a number").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "OTHER: expected a number, but it is not set"
        );
    }
}
