//! `voce judge calibrate`: does the judge agree with people?
mod asked;
mod report;
mod stored;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use voce_judge::{Metrics, calibration};

use super::settings;
use crate::{cli::CalibrateArgs, config::Config};
use report::Report;

pub async fn run(config: &Config, args: CalibrateArgs) -> Result<ExitCode> {
    if let Some(threshold) = args.threshold {
        ensure!(
            (-1.0..=1.0).contains(&threshold),
            "--threshold {threshold}: expected a kappa between -1 and 1, e.g. 0.4"
        );
    }
    let settings = settings::effective(config);
    let metrics = Metrics::load(&settings.folder)?;
    let gathered = match &args.file {
        Some(file) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let rated = calibration::rated(&text, &metrics)
                .map_err(|reason| anyhow::anyhow!("{}, {reason}", file.display()))?;
            asked::gather(&settings, metrics.clone(), &rated, &file.display().to_string()).await?
        }
        None => stored::gather(config, &metrics, &args.since).await?,
    };
    let report = Report::of(gathered, &metrics, args.threshold);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::table(&report));
    }
    // Also where the figures go into a file: whoever waits for the code wants to know why.
    for failure in &report.failed {
        eprintln!("voce: {}: {}", failure.metric, failure.reason);
    }
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
