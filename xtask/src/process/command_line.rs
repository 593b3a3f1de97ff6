//! Command lines, as they are started and as messages name them.

use std::ffi::OsString;
use std::path::Path;

use duct::Expression;

use super::hidden;

/// A command line: a program with its arguments.
#[derive(Debug, Clone)]
pub struct CommandLine {
    program: OsString,
    arguments: Vec<OsString>,
    /// What it is called where its program's name says little.
    name: Option<String>,
    /// The variables that it does not see, besides those that no child does.
    hidden: Vec<OsString>,
}

impl CommandLine {
    /// `program` without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            name: None,
            hidden: Vec::new(),
        }
    }

    /// Cargo, as the toolchain that runs this tool has it.
    pub fn cargo() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo).without_cargo_variables()
    }

    /// Takes away what `cargo run` leaks to this tool. A nested Cargo that sees it
    /// takes every crate that asks for these variables for changed.
    #[must_use]
    pub fn without_cargo_variables(mut self) -> Self {
        let names = std::env::vars_os().map(|(name, _)| name);
        self.hidden
            .extend(names.filter(|name| is_leaked(&name.to_string_lossy())));
        self
    }

    /// What messages call the process, instead of its program's name: every service's
    /// program may have the same.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// What messages call the process.
    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.program_name())
    }

    fn program_name(&self) -> String {
        let program = Path::new(&self.program);
        let program = program.file_name().unwrap_or(program.as_os_str());
        program.to_string_lossy().into_owned()
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The process in `duct`'s terms, without the secrets of the environment. A
    /// status other than zero is no error there: [`super::succeed`] and
    /// [`super::capture`] report it with the command line.
    pub fn expression(&self, directory: &Path) -> Expression {
        let expression = self.expression_with_secrets(directory);
        let hidden = hidden();
        let names = hidden.iter();
        names.fold(expression, |expression, name| expression.env_remove(name))
    }

    /// The same with the secrets, for a command that is made to use them.
    pub(super) fn expression_with_secrets(&self, directory: &Path) -> Expression {
        let expression = duct::cmd(&self.program, &self.arguments)
            .dir(directory)
            .unchecked();
        let names = self.hidden.iter();
        names.fold(expression, |expression, name| expression.env_remove(name))
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.program_name())?;
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            if argument.contains(char::is_whitespace) || argument.is_empty() {
                write!(formatter, " '{argument}'")?;
            } else {
                write!(formatter, " {argument}")?;
            }
        }
        Ok(())
    }
}

fn is_leaked(name: &str) -> bool {
    let prefixes = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CFG_"];
    let names = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "LD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "OUT_DIR",
        "RUST_RECURSION_COUNT",
    ];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}
