//! `voce replay`: a call that was recorded is held again under the present configuration, and compared turn by turn.
mod compare;
mod hold;
mod original;
mod print;
mod sound;
mod turn;
mod words;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use voce_caller::Caller;
use voce_core::in_memory;
use voce_mlflow::{Client, Credentials, MlflowError};
use voce_telemetry::SinkKind;

use super::{report, talk};
use crate::{cli::ReplayArgs, config::Config, engines, inspector::BEFORE_SPEECH};
use compare::{Replayed, Summary};
use hold::{Cue, Held};
use original::Original;
use turn::Turn;

/// The tag of a new trace that names the one it repeats.
const TAG: &str = "voce_replay_of";
/// How long a new trace may take to arrive before it stays without its tag.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);

/// What is held again.
#[derive(Debug, PartialEq)]
enum Subject {
    /// A trace, 32 hexadecimal digits.
    Trace(String),
    /// A WAV file of a caller.
    Recording(PathBuf),
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// The call that was held again; none for a recording.
    session: Option<String>,
    /// `in this process`, or `with` a server.
    place: String,
    turns: Vec<Replayed>,
    /// Turns of the assistant's own: greetings, questions whether someone is there.
    unasked: usize,
    /// The assistant hung up before everything was said.
    is_cut: bool,
    summary: Summary,
}

/// A call that is to be held again.
struct Plan {
    session: Option<String>,
    cues: Vec<Cue>,
    /// Where each cue's sound comes from, and its turn as it went.
    was: Vec<(String, Option<Turn>)>,
}

pub async fn run(config: Config, args: ReplayArgs) -> Result<ExitCode> {
    let subject = Subject::of(&args.what)?;
    let (client, plan) = match &subject {
        Subject::Trace(id) => {
            let sink = report::sink(&config)?;
            let client = Client::new(&sink.url, Credentials::from_environment()?)?;
            let turns = original::find(&client, id, args.turn).await?;
            let plan = Plan::of_traces(&client, &config, &args, turns).await?;
            (Some(client), plan)
        }
        Subject::Recording(path) => (None, Plan::of_recording(path)?),
    };
    let Plan { session, cues, was } = plan;
    let interrupts: Vec<bool> = cues.iter().map(|cue| cue.into_answer.is_some()).collect();
    let held = match &args.url {
        Some(url) => with_server(url, cues, args.out.is_some()).await?,
        None => in_this_process(&config, &args, cues).await?,
    };
    if let Some(out) = &args.out {
        voce_audio::write_wav(out, &held.answer, held.answer_rate_hz)
            .with_context(|| format!("writing {}", out.display()))?;
    }
    let turns: Vec<Replayed> = was
        .into_iter()
        .zip(interrupts)
        .enumerate()
        .map(|(index, ((sound, then), interrupts))| {
            let reports = held.turns.get(index).map_or(&[][..], Vec::as_slice);
            let now = Turn::of_reports(reports);
            let compared = then.as_ref().zip(now.as_ref()).map(|(then, now)| compare::compare(then, now));
            Replayed { number: index + 1, sound, interrupts, then, now, turns: reports.len(), compared }
        })
        .collect();
    if let Some(client) = client {
        tag(&client, &turns).await;
    }
    let place = args.url.as_ref().map_or_else(|| "in this process".to_owned(), |url| format!("with {url}"));
    let summary = Summary::of(&turns);
    let report = Report { session, place, turns, unasked: held.unasked, is_cut: held.is_cut, summary };
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{report}"),
    }
    let all = report.summary.answered == report.summary.turns;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Subject {
    fn of(what: &str) -> Result<Self> {
        let digits = what.strip_prefix("tr-").unwrap_or(what);
        if digits.len() == 32 && digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(Self::Trace(digits.to_ascii_lowercase()));
        }
        let path = Path::new(what);
        if !path.is_file() {
            bail!(
                "{what} is neither the id of a trace (32 hexadecimal digits, with or without tr-) nor a file that is there"
            );
        }
        Ok(Self::Recording(path.to_path_buf()))
    }
}

impl Plan {
    async fn of_traces(
        client: &Client,
        config: &Config,
        args: &ReplayArgs,
        turns: Vec<Original>,
    ) -> Result<Self> {
        let sounds = sound::all(client, config, &args.voice, &turns).await?;
        let session = turns.first().and_then(|turn| turn.trace.info.session()).map(str::to_owned);
        let (mut cues, mut was) = (vec![], vec![]);
        for (turn, sound) in turns.into_iter().zip(sounds) {
            // A recording holds a moment before the speech, and speech that is made holds none.
            let before = if sound.is_recorded() { BEFORE_SPEECH } else { Duration::ZERO };
            let into_answer = turn.into_answer.filter(|_| !cues.is_empty());
            let into_answer = into_answer.map(|offset| offset.saturating_sub(before));
            was.push((sound.source, Some(Turn::of_trace(&turn.trace))));
            cues.push(Cue { samples: sound.samples, into_answer, by_button: turn.by_button });
        }
        Ok(Self { session, cues, was })
    }

    fn of_recording(path: &Path) -> Result<Self> {
        let cue = Cue { samples: talk::read(path)?, into_answer: None, by_button: false };
        Ok(Self { session: None, cues: vec![cue], was: vec![(sound::RECORDED.to_owned(), None)] })
    }
}

/// With the whole assistant in this process, as `voce talk` does.
async fn in_this_process(config: &Config, args: &ReplayArgs, cues: Vec<Cue>) -> Result<Held> {
    let mut config = config.clone();
    for sink in config.telemetry.sinks.iter_mut().filter(|sink| sink.kind == SinkKind::Mlflow) {
        sink.experiment.clone_from(&args.experiment);
    }
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let load = config.clone();
    let engines = tokio::task::spawn_blocking(move || engines::build(&load)).await??;
    let (call, far) = in_memory(uuid::Uuid::now_v7().to_string());
    let settings = talk::settings(&config);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let hang_up = stop.clone();
    tasks.spawn(async move { voce_pipeline::run(call, engines, settings, hang_up).await });
    let held = hold::hold(far, cues, args.out.is_some()).await?;
    stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(held)
}

/// With a server, over WebRTC.
async fn with_server(url: &str, cues: Vec<Cue>, keeps_answer: bool) -> Result<Held> {
    let (far, line) = Caller::connect(url).await.with_context(|| format!("calling {url}"))?.into_far_end();
    let mut tasks = JoinSet::new();
    tasks.spawn(line);
    let held = hold::hold(far, cues, keeps_answer).await?;
    while let Some(ended) = tasks.join_next().await {
        ended?.with_context(|| format!("the call with {url}"))?;
    }
    Ok(held)
}

/// Names in each new trace the one that it repeats, as far as they arrive where the old ones are.
async fn tag(client: &Client, turns: &[Replayed]) {
    let ids = turns.iter().filter_map(|turn| {
        let (then, now) = turn.then.as_ref().zip(turn.now.as_ref())?;
        then.trace_id.as_deref().zip(now.trace_id.as_deref())
    });
    let give_up = Instant::now() + ARRIVES_WITHIN;
    for (then, now) in ids {
        let marked = async {
            while client.infos(&[now]).await?.is_empty() {
                if Instant::now() > give_up {
                    return Ok(false);
                }
                sleep(Duration::from_millis(250)).await;
            }
            client.set_tag(now, TAG, &format!("tr-{then}")).await.map(|()| true)
        };
        match marked.await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(trace = now, "the new trace is not where the old one is"),
            Err::<_, MlflowError>(error) => {
                tracing::warn!(%error, trace = now, "the new trace is not marked as a replay of the old one");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_told_from_a_file() {
        let digits = "0AF7651916CD43DD8448EB211C80319C";
        let trace = Subject::Trace(digits.to_lowercase());
        assert_eq!(Subject::of(digits).unwrap(), trace);
        assert_eq!(Subject::of(&format!("tr-{digits}")).unwrap(), trace);
        assert_eq!(Subject::of("Cargo.toml").unwrap(), Subject::Recording("Cargo.toml".into()));
        for bad in ["tr-12", "nowhere.wav", ""] {
            let error = Subject::of(bad).unwrap_err().to_string();
            assert!(error.contains("32 hexadecimal digits") && error.contains("file"), "{error}");
        }
    }
}
