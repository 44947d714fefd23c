//! `voce talk`: the whole pipeline with WAV files in place of a microphone and a loudspeaker.
use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use voce_core::{AudioFrame, EndReason, Event, FarEnd, MICROPHONE_RATE_HZ, MediaTime, TurnReport, in_memory};
use voce_pipeline::{Rules, Settings};

use crate::{cli::TalkArgs, config::Config, engines, variants};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = MICROPHONE_RATE_HZ as usize / 50;
/// A question that has no answer by then has none.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    turns: Vec<Turn>,
}

#[derive(Serialize)]
struct Turn {
    file: String,
    #[serde(flatten)]
    report: TurnReport,
}

pub async fn run(config: Config, args: TalkArgs) -> Result<ExitCode> {
    let questions = args.questions.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let (mut call, far) = in_memory(uuid::Uuid::now_v7().to_string());
    call.user = args.user.clone();
    let config = variants::of_call(&config, args.user.as_deref(), &call.id)?.config;
    let load = config.clone();
    let engines = tokio::task::spawn_blocking(move || engines::build(&load)).await??;
    let voice_rate_hz = engines.tts.rate_hz();
    let settings = settings(&config);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let hang_up = stop.clone();
    tasks.spawn(async move { voce_pipeline::run(call, engines, settings, hang_up).await });
    let (reports, answer) = hold(far, questions).await?;
    stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    voce_audio::write_wav(&args.out, &answer, voice_rate_hz)
        .with_context(|| format!("writing {}", args.out.display()))?;
    let failed = reports.iter().any(|report| report.end_reason == EndReason::Failed);
    print(&args, reports)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What all calls have in common, from the configuration.
pub fn settings(config: &Config) -> Settings {
    let mut assistant = config.assistant.clone();
    assistant.system_prompt = engines::system_prompt(config).to_owned();
    let rules = Rules {
        assistant: Arc::new(assistant),
        listening: config.listening.clone(),
        interruption: config.interruption.clone(),
        patience: config.patience.clone(),
        context: config.context.clone(),
    };
    Settings { rules, trace_id: voce_telemetry::trace_id }
}

/// The file as mono sound at the microphone's rate.
pub fn read(path: &Path) -> Result<Vec<f32>> {
    let (samples, rate_hz) = voce_audio::read_wav(path)?;
    Ok(voce_audio::resample(&samples, rate_hz, MICROPHONE_RATE_HZ)?)
}

/// Asks one question after the other, each once the last is answered. Returns the figures and the bot's sound.
async fn hold(far: FarEnd, questions: Vec<Vec<f32>>) -> Result<(Vec<TurnReport>, Vec<f32>)> {
    let FarEnd { microphone, controls: _controls, mut speaker, mut events } = far;
    let (asked, mut to_ask) = tokio::sync::mpsc::channel::<Vec<f32>>(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut answer = vec![];
        while let Some(frame) = speaker.recv().await {
            answer.extend(frame.samples);
        }
        answer
    });
    tasks.spawn(async move {
        let (start, mut count, mut sound) = (Instant::now(), 0u32, vec![].into_iter());
        loop {
            match to_ask.try_recv() {
                Ok(question) => sound = question.into_iter(),
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => return vec![],
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => {}
            }
            let mut samples: Vec<f32> = sound.by_ref().take(FRAME_SAMPLES).collect();
            samples.resize(FRAME_SAMPLES, 0.0);
            let at = MediaTime(FRAME * count);
            // A frame is complete, and can be sent, when its last sample was spoken.
            count += 1;
            sleep_until(start + FRAME * count).await;
            if microphone.send(AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples }).await.is_err() {
                return vec![];
            }
        }
    });
    let mut reports = vec![];
    for (index, question) in questions.into_iter().enumerate() {
        let patience =
            PATIENCE + Duration::from_secs_f64(question.len() as f64 / f64::from(MICROPHONE_RATE_HZ));
        asked.send(question).await.ok();
        match timeout(patience, answered(&mut events)).await {
            Ok(Some(report)) => reports.push(report),
            Ok(None) => bail!("the call ended during question {}", index + 1),
            Err(_) => {
                bail!("question {} was not answered within {patience:?}: is there speech in it?", index + 1)
            }
        }
    }
    drop((asked, events));
    let mut answer = vec![];
    // The speaker's task ends with the call, which ends because its microphone does.
    while let Some(ended) = tasks.join_next().await {
        answer.extend(ended?);
    }
    Ok((reports, answer))
}

/// Waits for the end of a turn.
async fn answered(events: &mut tokio::sync::mpsc::Receiver<Event>) -> Option<TurnReport> {
    loop {
        if let Event::TurnEnded(report) = events.recv().await? {
            return Some(report);
        }
    }
}

fn print(args: &TalkArgs, reports: Vec<TurnReport>) -> Result<()> {
    let turns = args
        .questions
        .iter()
        .zip(reports)
        .map(|(file, report)| Turn { file: file.display().to_string(), report })
        .collect();
    let report = Report { turns };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    for Turn { file, report } in &report.turns {
        println!("{file}");
        println!("  caller  {}", report.question);
        println!("  voce    {}", report.heard);
        for passage in &report.passages {
            println!("  source  {} ({}, {:.2})", passage.source, passage.heading, passage.score);
        }
        for (stage, seconds) in stages(report) {
            println!("  {stage:<34} {:>7.0} ms", seconds * 1_000.0);
        }
        if let Some(usage) = report.usage {
            let rate = report.tokens_per_second.map_or_else(String::new, |rate| format!(", {rate:.0}/s"));
            println!(
                "  tokens: {} prompt ({} cached), {} answer{rate}",
                usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
            );
        }
        if let Some(trace) = &report.trace_id {
            println!("  trace   {trace}");
        }
    }
    println!("answer in {}", args.out.display());
    Ok(())
}

/// The times between the end of the question and the first sound, in order, and their sum.
fn stages(report: &TurnReport) -> Vec<(&'static str, f64)> {
    [
        ("end of turn decided", report.end_of_turn_seconds),
        ("speech to text (within or after)", report.stt_seconds),
        ("retrieval", report.retrieval_seconds),
        ("language model, first token", report.llm_first_token_seconds),
        ("first line complete", report.first_line_seconds),
        ("voice, first sound", report.tts_first_audio_seconds),
        ("end of speech to first sound", report.voice_to_voice_seconds),
    ]
    .into_iter()
    .filter_map(|(stage, seconds)| Some((stage, seconds?)))
    .collect()
}
