//! `voce simulate`: calls the assistant with simulated callers and checks what it does.
mod assistant;
mod judge;
mod knowledge;
mod table;
mod voices;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use voce_simulate::{
    Actor, CallOutcome, Plan, Scenario, ScenarioOutcome, Scorer, Utterances, hold, junit,
};
use voce_telemetry::{SinkKind, Telemetry};

use crate::{cli::SimulateArgs, commands::talk, config::Config, engines};
use assistant::Assistant;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    passed: bool,
    seed: u64,
    scenarios: &'a [ScenarioOutcome],
}

/// Fails if an expectation is not met, after all calls were held.
pub async fn run(mut config: Config, args: SimulateArgs) -> Result<ExitCode> {
    ensure!(args.parallel > 0, "--parallel 0: expected at least 1");
    ensure!(args.calls != Some(0), "--calls 0: expected at least 1");
    let scenarios = args.scenarios.iter().map(|file| Scenario::load(file)).collect::<Result<Vec<_>, _>>()?;
    for sink in config.telemetry.sinks.iter_mut().filter(|sink| sink.kind == SinkKind::Mlflow) {
        sink.experiment.clone_from(&args.experiment);
    }
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let desk = Desk::open(&config, &args, &scenarios).await?;
    let mut outcomes = vec![];
    for scenario in &scenarios {
        outcomes.push(desk.hold_all(scenario).await.with_context(|| format!("scenario {:?}", scenario.name))?);
    }
    let links = telemetry.telemetry();
    let flush = std::time::Duration::from_millis(config.telemetry.flush_ms);
    // Links to traces are known once MLflow has answered.
    let telemetry = tokio::task::spawn_blocking(move || {
        telemetry.flush(flush);
        telemetry
    })
    .await?;
    let passed = report(&args, &outcomes, &links)?;
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints and writes what came of the calls. Returns whether all is as expected.
fn report(args: &SimulateArgs, outcomes: &[ScenarioOutcome], telemetry: &Telemetry) -> Result<bool> {
    let passed = outcomes.iter().all(ScenarioOutcome::passed);
    if let Some(file) = &args.junit {
        std::fs::write(file, junit(outcomes)?).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.json {
        let report = Report { passed, seed: args.seed, scenarios: outcomes };
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::table(outcomes, |trace| telemetry.trace_url(trace)));
    }
    Ok(passed)
}

/// All that calls need, loaded once.
struct Desk<'a> {
    config: &'a Config,
    args: &'a SimulateArgs,
    assistant: Assistant,
    utterances: Arc<Utterances>,
    actor: Option<Actor>,
    judge: Option<judge::Scores>,
}

impl<'a> Desk<'a> {
    async fn open(config: &'a Config, args: &'a SimulateArgs, scenarios: &[Scenario]) -> Result<Self> {
        let judge = match scenarios.iter().any(|scenario| !scenario.metrics().is_empty()) {
            true => Some(judge::Scores::of(config)?),
            false => None,
        };
        let persona = scenarios.iter().find(|scenario| scenario.persona.is_some());
        let caller_llm = match persona {
            Some(scenario) => Some(caller_llm(config, args).with_context(|| format!("scenario {:?}", scenario.name))?),
            None => None,
        };
        let load = config.clone();
        let (engines, utterances, llm) = tokio::task::spawn_blocking(move || {
            let (store, runtime) = engines::foundation(&load)?;
            let utterances = Utterances::new(Arc::new(voices::Voices::load(&load, &store, &runtime)?));
            let llm = caller_llm.map(|llm| voce_llm::build(&llm, &store)).transpose()?;
            anyhow::Ok((engines::build(&load)?, Arc::new(utterances), llm))
        })
        .await??;
        let actor = llm.map(|llm| Actor { llm, utterances: utterances.clone() });
        let assistant = Assistant::new(engines, talk::settings(config));
        Ok(Self { config, args, assistant, utterances, actor, judge })
    }

    /// Holds all calls of a scenario, some at the same time.
    async fn hold_all(&self, scenario: &Scenario) -> Result<ScenarioOutcome> {
        let knowledge = match &scenario.knowledge {
            Some(folder) => Some(knowledge::Temporary::of(self.config, folder).await?),
            None => None,
        };
        let assistant = match &knowledge {
            Some(temporary) => &self.assistant.knowing(temporary.knowledge()),
            None => &self.assistant,
        };
        let greets = !self.config.assistant.greeting.is_empty();
        // All that is said is spoken first, so that no voice takes the cores from a call.
        let mut plans = vec![];
        for call in 1..=self.args.calls.unwrap_or(scenario.calls) {
            plans.push(Plan::draw(scenario, call, self.args.seed, &self.utterances, greets).await?);
        }
        let calls = stream::iter(&plans)
            .map(|plan| self.hold(assistant, scenario, plan))
            .buffered(self.args.parallel)
            .try_collect()
            .await?;
        Ok(ScenarioOutcome::of(scenario, calls))
    }

    async fn hold(&self, assistant: &Assistant, scenario: &Scenario, plan: &Plan) -> Result<CallOutcome> {
        let mut connection = assistant.dial(&plan.id);
        let record = hold(connection.far_end()?, scenario, plan, self.actor.as_ref()).await;
        connection.end().await?;
        let judge = self.judge.as_ref().map(|judge| judge as &dyn Scorer);
        let outcome = CallOutcome::of(scenario, plan, record, judge).await;
        tracing::info!(scenario = scenario.name, call = plan.call, passed = outcome.passed(), "simulated call ended");
        Ok(outcome)
    }
}

/// The language model that plays callers: `[llm]`, changed by `--caller-llm`.
fn caller_llm(config: &Config, args: &SimulateArgs) -> Result<voce_llm::Config> {
    let mut table = toml::Table::try_from(&config.llm)?;
    for assignment in &args.caller_llm {
        let (key, value) = assignment
            .split_once('=')
            .with_context(|| format!("--caller-llm {assignment}: expected KEY=VALUE, e.g. engine=openai"))?;
        let value = match toml::from_str::<toml::Table>(&format!("value = {value}")) {
            Ok(mut read) => read.remove("value").unwrap_or_else(|| value.into()),
            Err(_) => value.into(),
        };
        table.insert(key.to_owned(), value);
    }
    let llm: voce_llm::Config = table
        .try_into()
        .context("--caller-llm: expected keys of [llm] and their values; `voce config` explains them")?;
    if llm.engine == voce_llm::Engine::Candle && llm.quote {
        bail!(
            "a persona needs a language model that words its own answers; this one quotes documents. Name another, e.g. --caller-llm engine=openai --caller-llm base_url=http://127.0.0.1:11434/v1 --caller-llm model=llama3.2"
        );
    }
    Ok(llm)
}
