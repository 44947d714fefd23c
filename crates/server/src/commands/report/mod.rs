//! `voce report`: what MLflow's traces say of the turns of the last hours, as a table, as JSON and as a page.
mod charts;
mod compare;
mod fetch;
mod html;
mod period;
mod plots;
mod statistics;
mod summary;
mod table;
mod turn;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use voce_mlflow::{Client, Credentials};
use voce_telemetry::{SinkConfig, SinkKind};

use crate::{
    cli::{GroupBy, ReportArgs},
    config::Config,
};
use compare::{Comparison, Group};
use summary::Summary;
use turn::{Slow, Turn};

/// Turns in the list of the slowest.
const SLOWEST: usize = 10;

/// All that a report says. Its JSON form is what `--json` prints.
#[derive(Serialize)]
pub struct Report {
    /// Name of the experiment.
    pub experiment: String,
    /// MLflow's address for a browser.
    pub mlflow: String,
    /// Turns that began at this time or later, milliseconds since 1970.
    pub from_ms: u64,
    /// And before this one.
    pub until_ms: u64,
    /// There are more turns than were read; these are the newest.
    pub more: bool,
    /// Turns that were left out because their trace is not complete (yet).
    pub incomplete: usize,
    /// How percentiles and intervals are computed.
    pub method: &'static str,
    /// Over all turns.
    pub all: Summary,
    /// What the groups are of: `variant`, `model` or `voice`.
    pub by: Option<&'static str>,
    /// The largest first.
    pub groups: Vec<Group>,
    /// The first group with each of the others.
    pub comparisons: Vec<Comparison>,
    /// By voice-to-voice time.
    pub slowest: Vec<Slow>,
    /// What the page draws from; not part of the JSON.
    #[serde(skip)]
    pub turns: Vec<Turn>,
}

pub async fn run(config: &Config, args: ReportArgs) -> Result<()> {
    ensure!(args.limit > 0, "--limit 0: expected at least 1");
    let since_ms = period::millis(&args.since)?;
    let until_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let sink = sink(config)?;
    let client = Client::new(&sink.url, Credentials::from_environment()?)?;
    let experiment_id = client.experiment(&sink.experiment).await?;
    let from_ms = until_ms.saturating_sub(since_ms);
    let fetched = fetch::turns(&client, &experiment_id, from_ms, until_ms, args.limit).await?;
    if fetched.turns.is_empty() {
        let incomplete = match fetched.incomplete {
            0 => String::new(),
            some => format!(" ({some} have not ended yet)"),
        };
        bail!(
            "no turns in experiment {:?} of {} within the last {}{incomplete}; talk to voce with traces on, or look further back with --since 7d",
            sink.experiment,
            sink.url,
            args.since
        );
    }
    let page = if sink.page_url.is_empty() { &sink.url } else { &sink.page_url };
    let place = Place { sink, page: page.trim_end_matches('/'), experiment_id: &experiment_id };
    let report = Report::of(fetched, args.by, (from_ms, until_ms), &place);
    if let Some(file) = &args.html {
        std::fs::write(file, html::page(&report))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::table(&report));
        if let Some(file) = &args.html {
            println!("\nThe page is {}.", file.display());
        }
    }
    Ok(())
}

/// The first sink that is an MLflow.
pub fn sink(config: &Config) -> Result<&SinkConfig> {
    let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    sink.context(
        "telemetry.sinks holds no MLflow to read from; expected one, e.g. --set 'telemetry.sinks=[{url=\"http://127.0.0.1:5000\"}]'",
    )
}

/// Where traces stand.
struct Place<'a> {
    sink: &'a SinkConfig,
    page: &'a str,
    experiment_id: &'a str,
}

impl Report {
    fn of(
        fetched: fetch::Fetched,
        by: Option<GroupBy>,
        (from_ms, until_ms): (u64, u64),
        place: &Place,
    ) -> Self {
        let turns = fetched.turns;
        let groups = by.map_or_else(Vec::new, |by| compare::groups(&turns, by));
        let comparisons = compare::comparisons(&turns, by, &groups);
        let link = |turn: &Turn| Client::trace_page(place.page, place.experiment_id, &turn.trace_id);
        Self {
            experiment: place.sink.experiment.clone(),
            mlflow: place.page.to_owned(),
            from_ms,
            until_ms,
            more: fetched.more,
            incomplete: fetched.incomplete,
            method: statistics::METHOD,
            all: Summary::of(turns.iter()),
            by: by.map(compare::name),
            groups,
            comparisons,
            slowest: turn::slowest(&turns, SLOWEST, link),
            turns,
        }
    }
}
