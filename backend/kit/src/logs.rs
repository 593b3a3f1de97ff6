//! Logs: JSON lines for machines, text on a terminal.

use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

/// Starts logging to standard output, and makes panics part of the log.
pub fn init() {
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
