//! Programs, and what they print.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The first line of which `find` makes something.
    pub(crate) fn find<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let mut lines = self.output.by_ref().lines().map(Result::unwrap);
        lines.find_map(|line| find(&line)).unwrap()
    }

    /// Where a service listens, once it does.
    pub(crate) fn address(&mut self) -> String {
        self.find(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            Some(line["address"].as_str()?.to_owned())
        })
    }

    /// Asks the process to stop, and waits until it has; answers with what it still printed.
    pub(crate) fn stop(mut self) -> String {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service on a free port, in front of the backend.
pub(crate) fn service(backend: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backend-for-frontend"));
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("SERVICE_DNS", backend);
    command
}
