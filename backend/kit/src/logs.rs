//! Logs: JSON lines for machines, text on a terminal.

use std::error::Error;
use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

/// An error with all its causes, for a log: the outermost one seldom says what happened.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Starts logging to standard output, and makes panics part of the log.
pub(crate) fn init() {
    let builder = fmt().with_max_level(LevelFilter::INFO);
    if std::io::stdout().is_terminal() {
        builder.init();
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init();
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
}
