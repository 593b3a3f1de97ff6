mod delay;
mod registry;
mod sample;

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::figures::{Figures, memory};
use crate::commands::{Context, Report};
use crate::error::Kind;
use crate::files;
use crate::process::{Background, CommandLine};
use registry::Registry;
use sample::Sample;

/// How often the memory of the tool is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// The arguments of `bench promotion`.
#[derive(Debug, clap::Args)]
pub struct Promotion {
    /// How many services are promoted at once
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    services: u16,
    /// How long every request waits on its way
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=1000))]
    latency: u64,
}

/// What the tool says of one service.
#[derive(Deserialize)]
struct Promoted {
    outcome: String,
    requests: u32,
}

impl Promotion {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let folder = context.workspace.target_directory.join("bench/promotion");
        files::remove_folder(&folder)?;
        let registry = Registry::start(&folder)?;
        let delayed = delay::in_front_of(registry.port, Duration::from_millis(self.latency))?;
        let sample = Sample::new(usize::from(self.services) + 1)?;
        sample.push(context, registry.port)?;
        sample.write(&folder.join("workspace"), delayed)?;
        let mut figures = Figures::default();
        // One of them is promoted alone: for it there is nothing left to do afterwards.
        for (name, services) in [
            ("one service", &sample.names[..1]),
            ("many services", &sample.names[1..]),
        ] {
            measure(&folder, name, services, &mut figures)?;
        }
        Ok(figures.report())
    }
}

/// Promotes services with a process of its own, as a user would.
fn measure(folder: &Path, name: &str, services: &[String], figures: &mut Figures) -> Result<()> {
    let tool = std::env::current_exe().context("finding this program")?;
    let line = CommandLine::new(tool)
        .args([
            "--parameters",
            "local",
            "--format",
            "json",
            "promote-to-production",
        ])
        .args(services);
    let target = folder.join("target");
    let since = Instant::now();
    let (process, mut output) = Background::piped(&line, &folder.join("workspace"), |tool| {
        tool.env("CARGO_TARGET_DIR", target).stderr_null()
    })?;
    let mut said = String::new();
    let (read, peak) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| output.read_to_string(&mut said));
        let mut peak = 0.0;
        while !reading.is_finished() {
            // What has ended meanwhile has no memory any more.
            peak = memory(process.id(), "VmHWM:").unwrap_or(peak);
            std::thread::sleep(LOOK);
        }
        (reading.join(), peak)
    });
    let milliseconds = since.elapsed().as_secs_f64() * 1e3;
    process.wait();
    let promoted: Vec<Promoted> = match read {
        Ok(Ok(_)) => serde_json::from_str(&said).with_context(|| format!("reading {said:?}"))?,
        _ => {
            return Err(Kind::Failed
                .because("the tool's output cannot be read")
                .into());
        }
    };
    if promoted.iter().any(|one| one.outcome != "promoted") {
        return Err(Kind::Failed
            .because(format!("not all were promoted: {said}"))
            .into());
    }
    let requests = promoted.iter().map(|one| one.requests).sum::<u32>();
    figures.add(name, "services", promoted.len() as f64, "");
    figures.add(name, "requests", requests.into(), "");
    figures.add(name, "time", milliseconds, "ms");
    figures.add(name, "peak memory", peak, "MB");
    Ok(())
}
