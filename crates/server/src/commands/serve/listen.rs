//! The listeners: the page with its API, over TLS where files are named, and the operations beside it. Bound before the
//! models load, served from then on.
mod limit;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, connect_info::IntoMakeServiceWithConnectInfo},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::any,
};
use axum_server::{Handle, Server, accept::NoDelayAcceptor, tls_rustls::RustlsAcceptor};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tower::ServiceExt;

use self::limit::Limited;
use super::{
    ready::{self, Readiness},
    tls::Tls,
};
use crate::{config::ServerConfig, http};

/// Connections at the same time. A browser has up to six, and a page that is open and does nothing has none for long.
const MOST_CONNECTIONS: usize = 512;
/// Connections of probes and scrapers.
const MOST_OPERATIONS: usize = 64;
/// Time from a connection, or the last answer on it, to the end of the next request's head. Whoever takes longer is gone.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// How long a connection that many requests share may be silent before it is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);
/// Time for a request, from its head to the head of its answer: an offer may wait for a relay.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest body of a request whose route says nothing, bytes.
const LONGEST_BODY: usize = 128 * 1024;
/// What a caller who comes before the models is told to wait, seconds.
const LOADS_FOR: &str = "5";

/// Both addresses, bound.
pub struct Listening {
    page: TcpListener,
    operations: Option<TcpListener>,
    tls: Option<Tls>,
}

/// The routes that need the models: there once they stand.
#[derive(Clone, Default)]
pub struct Routes(Arc<OnceLock<Parts>>);

/// The routes of both listeners.
pub struct Parts {
    /// The page and its API.
    pub page: Router,
    /// `/metrics`.
    pub metrics: Router,
}

impl Listening {
    /// Takes the addresses and reads the certificate.
    pub async fn bind(config: &ServerConfig) -> Result<Self> {
        let tls = Tls::load(&config.tls)?;
        let page = bind("server.listen", &config.listen, "choose another address with --listen").await?;
        let operations = match &config.operations_listen {
            Some(address) => Some(
                bind("server.operations_listen", address, "set server.operations_listen to another").await?,
            ),
            None => None,
        };
        Ok(Self { page, operations, tls })
    }

    /// Where the page is.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.page.local_addr()?)
    }

    /// Where the page is, for a browser.
    pub fn url(&self) -> Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// The certificate, to be exchanged.
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Serves from now on: what needs no models at once, all else as soon as it stands in `routes`. The handle ends it.
    pub fn serve(
        self,
        tasks: &mut JoinSet<()>,
        routes: &Routes,
        readiness: &Readiness,
    ) -> Result<Handle<SocketAddr>> {
        let handle = Handle::new();
        // The operations stand apart from the page, or beside it.
        let mut page = http::alive().fallback(routes.of(|parts| &parts.page));
        match self.operations {
            None => page = page.merge(ready::router(readiness.clone(), false)),
            Some(listener) => {
                tracing::info!(address = %listener.local_addr()?, "operations listen apart from the page");
                let operations = http::alive()
                    .merge(ready::router(readiness.clone(), true))
                    .route("/metrics", any(routes.of(|parts| &parts.metrics)));
                let limited = Limited::new(NoDelayAcceptor::new(), MOST_OPERATIONS);
                let server = patient(Server::from_listener(listener), &handle).acceptor(limited);
                tasks.spawn(async move { over(server.serve(service(operations)).await) });
            }
        }
        let page = service(page.layer(from_fn(in_time)).layer(DefaultBodyLimit::max(LONGEST_BODY)));
        let server = patient(Server::from_listener(self.page), &handle);
        match self.tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls.rustls).acceptor(NoDelayAcceptor::new());
                let server = server.acceptor(Limited::new(acceptor, MOST_CONNECTIONS));
                tasks.spawn(async move { over(server.serve(page).await) });
            }
            None => {
                let server = server.acceptor(Limited::new(NoDelayAcceptor::new(), MOST_CONNECTIONS));
                tasks.spawn(async move { over(server.serve(page).await) });
            }
        }
        Ok(handle)
    }
}

impl Routes {
    /// The models stand, and so do these.
    pub fn open(&self, parts: Parts) {
        // Called once; a second set would be a defect, and the first stays.
        self.0.set(parts).ok();
    }

    /// A handler that hands every request to `part` of the routes, or says that it is too early.
    fn of(
        &self,
        part: fn(&Parts) -> &Router,
    ) -> impl Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static {
        let routes = self.clone();
        move |request| {
            let router = routes.0.get().map(|parts| part(parts).clone());
            Box::pin(async move {
                let Some(router) = router else { return too_early() };
                router.oneshot(request).await.unwrap_or_else(|never| match never {})
            })
        }
    }
}

/// With the limits of time.
fn patient<A>(server: Server<SocketAddr, A>, handle: &Handle<SocketAddr>) -> Server<SocketAddr, A> {
    let mut server = server
        .handle(handle.clone())
        .first_request_timeout(HEAD_WITHIN)
        .accept_error_handler(|peer, error| tracing::debug!(?peer, %error, "a connection was not taken"));
    server.http_builder().http1().header_read_timeout(HEAD_WITHIN);
    server.http_builder().http2().keep_alive_interval(SILENCE).keep_alive_timeout(SILENCE);
    server
}

fn service(routes: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    routes.into_make_service_with_connect_info::<SocketAddr>()
}

fn over(served: std::io::Result<()>) {
    if let Err(error) = served {
        tracing::error!(%error, "the http server failed");
    }
}

/// A body that trickles in, or an answer that never comes, does not hold a connection for good.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => refusal(
            StatusCode::REQUEST_TIMEOUT,
            &format!("the request was not complete within {} seconds", ANSWER_WITHIN.as_secs()),
        ),
    }
}

fn too_early() -> Response {
    let mut answer = refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server has just started and loads its models; try again soon",
    );
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(LOADS_FOR));
    answer
}

/// In the form of the transport's refusals.
fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason, "info": reason }))).into_response()
}

async fn bind(key: &str, listen: &str, otherwise: &str) -> Result<TcpListener> {
    let address: SocketAddr = listen
        .parse()
        .with_context(|| format!("{key} = {listen:?} is not an address; expected e.g. 127.0.0.1:8080"))?;
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is another voce running? {otherwise}"))
}
