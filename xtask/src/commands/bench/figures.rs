//! What was measured.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::commands::{Entry, Report};

/// One thing that was measured.
#[derive(Serialize)]
struct Figure {
    service: String,
    figure: &'static str,
    value: f64,
    unit: &'static str,
}

/// The figures so far.
#[derive(Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    pub(super) fn add(
        &mut self,
        service: &str,
        figure: &'static str,
        value: f64,
        unit: &'static str,
    ) {
        self.0.push(Figure {
            service: service.to_owned(),
            figure,
            value,
            unit,
        });
    }

    pub(super) fn report(&self) -> Report {
        Report::new(self.0.iter().map(entry).collect())
    }
}

fn entry(figure: &Figure) -> Entry {
    let Figure {
        service,
        figure: name,
        value,
        unit,
    } = figure;
    let text = format!("{service}: {name}: {value:.1} {unit}");
    Entry::new(text.trim_end(), figure)
}

/// The memory of a process in megabytes, as Linux tells it in the line `label`.
pub(super) fn memory(process: u32, label: &str) -> Result<f64> {
    let file = format!("/proc/{process}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes
        .with_context(|| format!("the process has no {label}"))?
        .parse()?;
    // The kernel's are of 1,024 bytes.
    Ok(kilobytes * 1.024 / 1e3)
}
