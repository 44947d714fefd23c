//! `voce simulate`: calls the assistant with simulated callers and checks what it does.
mod assistant;
mod judge;
mod knowledge;
mod table;
mod voices;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use voce_simulate::{Actor, CallOutcome, Plan, Scenario, ScenarioOutcome, Scorer, Utterances, hold, junit};
use voce_telemetry::{SinkKind, Telemetry};

use crate::{cli::SimulateArgs, commands::talk, config::Config, engines};
use assistant::{Assistant, Here};

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
    // Nobody asks the configured one then, so it may stay with the process that serves it.
    if scenarios.iter().all(|scenario| scenario.knowledge.is_some()) {
        config.knowledge.store = voce_rag::StoreKind::None;
    }
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let desk = Desk::open(&config, &args, &scenarios).await?;
    let outcomes = desk.hold_all(&scenarios).await?;
    let links = telemetry.telemetry();
    let flush = Duration::from_millis(config.telemetry.flush_ms);
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
        // The traces of a server stand where it sends them.
        let link = |trace: &str| telemetry.trace_url(trace).filter(|_| args.url.is_none());
        print!("{}", table::table(outcomes, link));
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

/// A scenario whose calls can begin.
struct Prepared<'a> {
    scenario: &'a Scenario,
    assistant: Assistant,
    plans: Vec<Plan>,
    _knowledge: Option<knowledge::Temporary>,
}

impl<'a> Desk<'a> {
    async fn open(config: &'a Config, args: &'a SimulateArgs, scenarios: &[Scenario]) -> Result<Self> {
        let judge = match scenarios.iter().any(|scenario| !scenario.metrics().is_empty()) {
            true => Some(judge::Scores::of(config)?),
            false => None,
        };
        let persona = scenarios.iter().find(|scenario| scenario.persona.is_some());
        let caller_llm = match persona {
            Some(scenario) => {
                Some(caller_llm(config, args).with_context(|| format!("scenario {:?}", scenario.name))?)
            }
            None => None,
        };
        let load = config.clone();
        let is_here = args.url.is_none();
        let (engines, utterances, llm) = tokio::task::spawn_blocking(move || {
            let (store, runtime) = engines::foundation(&load)?;
            let utterances = Utterances::new(Arc::new(voices::Voices::load(&load, &store, &runtime)?));
            let llm = caller_llm.map(|llm| voce_llm::build(&llm, &store)).transpose()?;
            let engines = is_here.then(|| engines::build(&load)).transpose()?;
            anyhow::Ok((engines, Arc::new(utterances), llm))
        })
        .await??;
        let actor = llm.map(|llm| Actor { llm, utterances: utterances.clone() });
        let assistant = match (engines, &args.url) {
            (Some(engines), _) => {
                Assistant::Here(Box::new(Here { engines, settings: talk::settings(config) }))
            }
            (None, url) => Assistant::Server(url.clone().unwrap_or_default()),
        };
        Ok(Self { config, args, assistant, utterances, actor, judge })
    }

    /// Holds all calls of all scenarios, as many at the same time as wanted.
    async fn hold_all(&self, scenarios: &[Scenario]) -> Result<Vec<ScenarioOutcome>> {
        let mut prepared = vec![];
        for scenario in scenarios {
            let ready = self.prepare(scenario).await;
            prepared.push(ready.with_context(|| format!("scenario {:?}", scenario.name))?);
        }
        let calls = prepared
            .iter()
            .enumerate()
            .flat_map(|(place, ready)| ready.plans.iter().map(move |plan| (place, ready, plan)));
        let held: Vec<(usize, CallOutcome)> = stream::iter(calls)
            .map(|(place, ready, plan)| async move { anyhow::Ok((place, self.hold(ready, plan).await?)) })
            .buffered(self.args.parallel)
            .try_collect()
            .await?;
        let mut outcomes: Vec<Vec<CallOutcome>> = scenarios.iter().map(|_| vec![]).collect();
        held.into_iter().for_each(|(place, outcome)| outcomes[place].push(outcome));
        Ok(scenarios
            .iter()
            .zip(outcomes)
            .map(|(scenario, calls)| ScenarioOutcome::of(scenario, calls))
            .collect())
    }

    /// Reads the documents and speaks all that is said, so that neither takes the cores from a call.
    async fn prepare<'s>(&self, scenario: &'s Scenario) -> Result<Prepared<'s>> {
        let knowledge = match &scenario.knowledge {
            Some(_) if self.args.url.is_some() => {
                bail!(
                    "it names documents of its own, which a server does not read; leave out `knowledge` or --url"
                )
            }
            Some(folder) => Some(knowledge::Temporary::of(self.config, folder).await?),
            None => None,
        };
        let greets = !self.config.assistant.greeting.is_empty();
        let mut plans = vec![];
        for call in 1..=self.args.calls.unwrap_or(scenario.calls) {
            plans.push(Plan::draw(scenario, call, self.args.seed, &self.utterances, greets).await?);
        }
        let assistant = match &knowledge {
            Some(temporary) => self.assistant.knowing(temporary.knowledge()),
            None => self.assistant.clone(),
        };
        Ok(Prepared { scenario, assistant, plans, _knowledge: knowledge })
    }

    async fn hold(&self, ready: &Prepared<'_>, plan: &Plan) -> Result<CallOutcome> {
        let scenario = ready.scenario;
        let mut connection = ready.assistant.dial(&plan.id).await?;
        let record = hold(connection.far_end()?, scenario, plan, self.actor.as_ref()).await;
        connection.end().await?;
        let judge = self.judge.as_ref().map(|judge| judge as &dyn Scorer);
        let outcome = CallOutcome::of(scenario, plan, record, judge).await;
        tracing::info!(
            scenario = scenario.name,
            call = plan.call,
            passed = outcome.passed(),
            "simulated call ended"
        );
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
