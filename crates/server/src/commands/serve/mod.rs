//! `voce serve`: the page, its API, and a session for every call. An outline; the parts stand beside it.
mod background;
mod calls;
mod status;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use voce_transport::Transport;

use self::{
    background::{delete_old_audio, mlflow, scores},
    calls::{Observed, take_calls},
    status::status,
};

use crate::{
    cli::ServeArgs,
    commands::judge,
    config::Config,
    feedback::{self, Opinions},
    http,
    inspector::{self, Inspector},
    metrics::{self, CallCount},
    variants::Assistants,
};

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
    let (transport, calls) = Transport::bind(config.transport.clone(), address.ip(), vec![]).await?;
    let calls_begun = CallCount::default();
    metrics::register(&telemetry.telemetry(), &transport, &calls_begun);
    let redactor = voce_telemetry::Redactor::new(&config.telemetry)?;
    let inspector = Inspector::new(&config, redactor.clone(), telemetry.telemetry());
    let client = mlflow(&config)?.filter(|_| config.telemetry.enabled && config.inspector.turns > 0);
    let status = status(&config, &assistants, transport.clone(), client.is_some(), telemetry.telemetry());
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
    let drain = Duration::from_secs(config.server.close_seconds);
    stop.cancel();
    transport.shutdown(drain).await;
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(drain, all).await.is_err() {
        tracing::warn!("not everything ended in time");
    }
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(())
}

async fn bind(listen: &str) -> Result<TcpListener> {
    let address: SocketAddr = listen.parse().with_context(|| {
        format!("server.listen = {listen:?} is not an address; expected e.g. 127.0.0.1:8080")
    })?;
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another voce running? choose another address with --listen")
    })
}
