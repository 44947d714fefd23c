//! `voce serve`: the page, its API, and a session for every call. An outline; the parts stand beside it.
mod background;
mod calls;
mod drain;
mod listen;
mod ready;
mod reload;
mod signals;
mod source;
mod status;
mod systemd;
mod tls;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use parking_lot::Mutex;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use voce_transport::Transport;

pub use self::{ready::Report, tls::read as read_tls};

use self::{
    background::{delete_old_audio, mlflow, scores},
    calls::{Observed, take_calls},
    drain::drained,
    listen::{Listening, Parts, Routes},
    ready::Readiness,
    reload::{Reloader, Taker},
    signals::{Signals, hangups},
    source::{Deadlines, Source},
    status::{ice_servers, status},
    systemd::Systemd,
};

use crate::{
    access::Access,
    admission::Admission,
    cli::{ConfigArgs, ServeArgs},
    commands::judge,
    config::Config,
    feedback::{self, Opinions},
    http,
    inspector::{self, Inspector},
    metrics::{self, CallCount},
    variants::{Assistants, Running},
};

pub async fn run(config: Config, args: ServeArgs, file: ConfigArgs) -> Result<()> {
    let source = Source::new(file, args);
    let config = source.completed(config);
    // From here on: a signal that comes while the models load must be heard.
    let (mut signals, hangups) = (Signals::new()?, hangups()?);
    let systemd = Arc::new(Systemd::from_environment());
    // The addresses first: a busy port, or a certificate that cannot be used, must not cost the wait for the models.
    let listening = Listening::bind(&config.server).await?;
    let (address, url, tls) = (listening.address()?, listening.url()?, listening.tls());
    let access = Access::new(&config, address.ip())?;
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let stop = CancellationToken::new();
    // Nor must a judge file that is broken.
    let judge = judge::beside_calls(&config, &telemetry.telemetry(), stop.clone())?;
    let mut tasks = JoinSet::new();
    let (readiness, routes) = (Readiness::loading(), Routes::default());
    let web = listening.serve(&mut tasks, &routes, &readiness)?;
    tracing::info!("loading models");
    let load = config.clone();
    let assistants = tokio::select! {
        loaded = tokio::task::spawn_blocking(move || Assistants::load(&load, None)) => loaded??,
        _ = signals.next() => return Ok(()),
    };
    let cards = assistants.cards();
    for (role, model) in &cards {
        tracing::info!(role, provider = model.provider, model = model.name, device = model.device, "ready");
    }
    let running = Running::new(assistants);
    let admission = Admission::new(&config.admission, config.transport.retry_after_seconds);
    // What the caller may, before what the machine can.
    let doorkeepers = vec![access.doorkeeper(), admission.doorkeeper()];
    let (transport, calls) = Transport::bind(config.transport.clone(), address.ip(), doorkeepers).await?;
    let calls_begun = CallCount::default();
    metrics::register(&telemetry.telemetry(), &transport, &calls_begun);
    admission.register(&telemetry.telemetry(), &transport);
    access.register(&telemetry.telemetry());
    let redactor = voce_telemetry::Redactor::new(&config.telemetry)?;
    let inspector = Inspector::new(&config, redactor.clone(), telemetry.telemetry());
    let client = mlflow(&config)?.filter(|_| config.telemetry.enabled && config.inspector.turns > 0);
    let status = status(running.clone(), transport.clone(), client.is_some(), telemetry.telemetry());
    let opinions = Opinions::new(client, inspector.clone(), redactor);
    let metrics = metrics::router(telemetry.telemetry());
    let mut page = voce_transport::router(transport.clone())
        .merge(http::router(status))
        .merge(http::telemetry(telemetry.telemetry()))
        .merge(inspector::router(inspector.clone()))
        .merge(feedback::router(opinions.clone()))
        .merge(access.routes(ice_servers(transport.clone())));
    if config.server.operations_listen.is_none() {
        page = page.merge(metrics.clone());
    }
    let page = access.guard(page);
    let calls_over = CancellationToken::new();
    tasks.spawn(inspector.clone().run(calls_over.clone()));
    tasks.spawn(opinions.run(stop.clone()));
    let (quit, watch) = (stop.clone(), admission.clone().watch());
    tasks.spawn(async move { quit.run_until_cancelled(watch).await.unwrap_or_default() });
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
    let observed = Observed { inspector, transport: transport.clone(), begun: calls_begun, over: calls_over };
    tasks.spawn(take_calls(calls, running.clone(), observed, stop.clone()));
    // What else takes a configuration that is read again; it keeps its own where it cannot.
    let (door, budget) = (access.clone(), admission.clone());
    let takers: Vec<Taker> = vec![
        Box::new(move |config| door.reload(config)),
        Box::new(move |config| {
            budget.limit(&config.admission);
            Ok(())
        }),
    ];
    let deadlines = Arc::new(Mutex::new(Deadlines::of(&config)));
    readiness.serve(&config, &cards);
    let reloader = Reloader {
        source,
        config,
        running,
        readiness: readiness.clone(),
        deadlines: deadlines.clone(),
        tls,
        systemd: systemd.clone(),
        takers,
    };
    tasks.spawn(reloader.run(hangups, stop.clone()));
    routes.open(Parts { page, metrics });
    systemd.ready();
    tracing::info!(access = access.summary(), "who comes in");
    println!("voce listens on {url}");
    drained(&mut signals, &transport, &readiness, &systemd, || deadlines.lock().drain).await;
    // Farewells. Until here the judge, the spans and the page's requests went on.
    let close = deadlines.lock().close;
    tracing::info!("ending; running calls are closed");
    stop.cancel();
    web.graceful_shutdown(Some(close));
    transport.shutdown(close).await;
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(close.max(Duration::from_secs(1)), all).await.is_err() {
        tracing::warn!("not everything ended in time");
    }
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(())
}
