//! Configuration from environment variables.

use std::collections::HashMap;
use std::str::FromStr;

/// The variables that configure the process, as a value, so that a test can have its own.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

/// A variable that is missing or wrong. The value itself is left out, since it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: expected {expected}, but it is {}", if *.missing { "not set" } else { "something else" })]
pub struct Misconfigured {
    variable: &'static str,
    expected: &'static str,
    missing: bool,
}

impl Environment {
    /// The environment of this process. A value that is not UTF-8 is kept in a form that fits no expectation, so
    /// that it is reported like any other wrong value.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    /// The variable's value, where it is set to something; task definitions cannot unset a variable, only empty it.
    pub fn get(&self, variable: &str) -> Option<&str> {
        self.0
            .get(variable)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The variable's value, or the default where it is not set.
    pub fn parsed_or<T: FromStr>(
        &self,
        variable: &'static str,
        default: T,
        expected: &'static str,
    ) -> Result<T, Misconfigured> {
        match self.get(variable) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| Misconfigured {
                variable,
                expected,
                missing: false,
            }),
        }
    }

    /// The variable's value, which must be set.
    pub fn required<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<T, Misconfigured> {
        self.get(variable)
            .ok_or(Misconfigured {
                variable,
                expected,
                missing: true,
            })?
            .parse()
            .map_err(|_| Misconfigured {
                variable,
                expected,
                missing: false,
            })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
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
