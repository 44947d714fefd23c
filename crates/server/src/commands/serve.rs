//! `voce serve`: the page, its API, and a session for every call.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use voce_core::Call;
use voce_telemetry::SinkKind;
use voce_transport::Transport;

use crate::{
    cli::ServeArgs,
    commands::judge,
    config::Config,
    feedback::{self, Opinions},
    http::{self, Model, Status},
    inspector::{self, Inspector, Scores},
    metrics::{self, CallCount},
    old_audio,
    variants::Assistants,
};

/// How long the spans of a call that just ended may take to arrive.
const LAST_SPANS: Duration = Duration::from_millis(200);

pub async fn run(mut config: Config, args: ServeArgs) -> Result<()> {
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    // The address first: a busy port must not cost the wait for the models.
    let listener = bind(&config.server.listen).await?;
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let stop = CancellationToken::new();
    // A judge file that is broken must not cost the wait for the models either.
    let judge = judge::beside_calls(&config, &telemetry.telemetry(), stop.clone())?;
    let load = config.clone();
    tracing::info!("loading models");
    let assistants = tokio::task::spawn_blocking(move || Assistants::load(&load)).await??;
    for (role, model) in assistants.cards() {
        tracing::info!(role, provider = model.provider, model = model.name, device = model.device, "ready");
    }
    let address = listener.local_addr()?;
    let (transport, calls) = Transport::bind(config.transport.clone(), address.ip()).await?;
    let calls_begun = CallCount::default();
    metrics::register(&telemetry.telemetry(), &transport, &calls_begun);
    let redactor = voce_telemetry::Redactor::new(&config.telemetry)?;
    let inspector = Inspector::new(&config, redactor.clone(), telemetry.telemetry());
    let client = mlflow(&config)?.filter(|_| config.telemetry.enabled && config.inspector.turns > 0);
    let status = status(&config, &assistants, client.is_some(), telemetry.telemetry());
    let opinions = Opinions::new(client, inspector.clone(), redactor);
    let routes = voce_transport::router(transport.clone())
        .merge(http::router(status))
        .merge(http::telemetry(telemetry.telemetry()))
        .merge(inspector::router(inspector.clone()))
        .merge(feedback::router(opinions.clone()))
        .merge(metrics::router(telemetry.telemetry()));
    let mut tasks = JoinSet::new();
    let calls_over = CancellationToken::new();
    tasks.spawn(inspector.clone().run(calls_over.clone()));
    tasks.spawn(opinions.run(stop.clone()));
    if let Some(scores) = scores(&config)? {
        let follow = inspector.clone().follow_scores(scores);
        let quit = stop.clone();
        tasks.spawn(async move { quit.run_until_cancelled(follow).await.unwrap_or_default() });
    }
    if let Some(delete) = delete_old_audio(&config)? {
        let quit = stop.clone();
        tasks.spawn(async move { quit.run_until_cancelled(delete).await.unwrap_or_default() });
    }
    if let Some(worker) = judge {
        judge::register(&telemetry.telemetry(), &worker.gauges());
        tasks.spawn(worker.run());
    }
    let observed = Observed { inspector, begun: calls_begun, over: calls_over };
    tasks.spawn(take_calls(calls, assistants, observed, stop.clone()));
    let quit = stop.clone();
    tasks.spawn(async move {
        let served = axum::serve(listener, routes).with_graceful_shutdown(quit.cancelled_owned()).await;
        served.inspect_err(|error| tracing::error!(%error, "the http server failed")).ok();
    });
    println!("voce listens on http://{address}");
    super::ended().await?;
    tracing::info!("ending; running calls are closed");
    let drain = Duration::from_secs(config.server.drain_seconds);
    stop.cancel();
    transport.shutdown(drain).await;
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(drain, all).await.is_err() {
        tracing::warn!("not everything ended in time");
    }
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(())
}

/// Where scores of the turns are found, if they are to be looked for.
fn scores(config: &Config) -> Result<Option<Scores>> {
    let is_wanted = config.inspector.turns > 0 && config.inspector.scores_seconds > 0;
    let client = mlflow(config)?.filter(|_| is_wanted && config.telemetry.enabled);
    Ok(client.map(|client| Scores { client }))
}

/// The first MLflow that traces go to.
fn mlflow(config: &Config) -> Result<Option<voce_mlflow::Client>> {
    let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    let Some(sink) = sink else { return Ok(None) };
    Ok(Some(voce_mlflow::Client::new(&sink.url, voce_mlflow::Credentials::from_environment()?)?))
}

/// Takes recordings that are too old out of the first MLflow, if some are put there.
fn delete_old_audio(config: &Config) -> Result<Option<impl Future<Output = ()> + use<>>> {
    let audio = &config.telemetry.audio;
    let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    let Some(sink) = sink.filter(|_| audio.enabled && audio.keep_days > 0) else { return Ok(None) };
    let client = voce_mlflow::Client::new(&sink.url, voce_mlflow::Credentials::from_environment()?)?;
    let keep = Duration::from_secs(u64::from(audio.keep_days) * 24 * 60 * 60);
    Ok(Some(old_audio::delete_forever(client, sink.experiment.clone(), keep)))
}

async fn bind(listen: &str) -> Result<TcpListener> {
    let address: SocketAddr = listen.parse().with_context(|| {
        format!("server.listen = {listen:?} is not an address; expected e.g. 127.0.0.1:8080")
    })?;
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another voce running? choose another address with --listen")
    })
}

/// Who looks on at calls.
struct Observed {
    inspector: Inspector,
    begun: CallCount,
    /// To be cancelled once no call goes on and the last spans had time to come.
    over: CancellationToken,
}

/// Runs a session for every call until told to stop, then waits for those under way.
async fn take_calls(
    mut calls: mpsc::Receiver<Call>,
    assistants: Assistants,
    observed: Observed,
    stop: CancellationToken,
) {
    let mut sessions = JoinSet::new();
    let mut observers = JoinSet::new();
    loop {
        let call = tokio::select! {
            () = stop.cancelled() => break,
            // Sessions that ended are taken off the list as they end.
            Some(ended) = sessions.join_next() => {
                log_end(ended);
                continue;
            }
            Some(_) = observers.join_next() => continue,
            call = calls.recv() => match call {
                Some(call) => call,
                None => break,
            },
        };
        observed.begun.add();
        let span = tracing::info_span!("call", id = call.id);
        let assistant = assistants.of_call(call.user.as_deref(), &call.id);
        span.in_scope(|| tracing::debug!(variant = assistant.name, "a call begins"));
        let call = observed.inspector.observe(call, &mut observers);
        let session =
            voce_pipeline::run(call, assistant.engines.clone(), assistant.settings.clone(), stop.clone());
        sessions.spawn(session.instrument(span));
    }
    while let Some(ended) = sessions.join_next().await {
        log_end(ended);
    }
    sleep(LAST_SPANS).await;
    observed.over.cancel();
}

fn log_end(ended: Result<Result<(), voce_core::EngineError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => tracing::debug!("call ended"),
        Ok(Err(error)) => tracing::error!(%error, "a call could not begin"),
        // The panic's message may quote what was said; its place stands in a line of its own.
        Err(_) => tracing::error!("a call ended by a defect; the others go on"),
    }
}

fn status(
    config: &Config,
    assistants: &Assistants,
    takes_feedback: bool,
    telemetry: voce_telemetry::Telemetry,
) -> http::StatusSource {
    let models = assistants.cards().into_iter().map(|(role, card)| Model { role, card }).collect();
    let still = Status {
        name: "voce",
        version: env!("CARGO_PKG_VERSION"),
        assistant: config.assistant.name.clone(),
        models,
        variants: if config.variants.is_empty() { vec![] } else { assistants.names() },
        takes_feedback,
        mlflow_url: None,
        trace_url_template: None,
        ice_servers: config.transport.ice_servers.clone(),
    };
    Arc::new(move || {
        let template = telemetry.trace_url("{trace_id}");
        let mlflow_url = template.as_deref().and_then(|url| url.split("/#").next()).map(str::to_owned);
        Status { mlflow_url, trace_url_template: template, ..still.clone() }
    })
}
