//! A sink that is spoken to by gRPC.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span as OtlpSpan,
};
use support::{SPANS, exporting, spooling, turn};
use tonic::{Request, Response, Status, transport::Server};
use tracing::dispatcher::with_default;
use voce_telemetry::{Config, SinkKind};

const WITHIN: Duration = Duration::from_secs(10);

/// Takes spans, unless it is told to be overloaded, or finds one that it does not like.
#[derive(Clone, Default)]
struct Receiver {
    spans: Arc<Mutex<Vec<OtlpSpan>>>,
    overloaded: Arc<Mutex<bool>>,
    dislikes: &'static str,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        if *self.overloaded.lock().unwrap() {
            return Err(Status::resource_exhausted("later"));
        }
        let scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans: Vec<OtlpSpan> = scopes.flat_map(|scope| scope.spans).collect();
        if spans.iter().any(|span| span.name == self.dislikes) {
            return Err(Status::invalid_argument("bad span"));
        }
        self.spans.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Serves until the runtime ends.
fn serve(receiver: &Receiver, address: std::net::SocketAddr) {
    let mut tasks = tokio::task::JoinSet::new();
    let service = TraceServiceServer::new(receiver.clone());
    tasks.spawn(Server::builder().add_service(service).serve(address));
    tasks.detach_all();
}

fn address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn by_grpc(address: std::net::SocketAddr, dir: &tempfile::TempDir) -> Config {
    let mut config = spooling(&format!("http://{address}"), dir.path());
    config.sinks[0].kind = SinkKind::OtlpGrpc;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_and_overloaded_gets_everything_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let address = address();
    let (dispatch, guard) = exporting(&by_grpc(address, &dir));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(!guard.flush(Duration::from_secs(2)), "nobody is there");
    let receiver = Receiver::default();
    *receiver.overloaded.lock().unwrap() = true;
    serve(&receiver, address);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!guard.flush(WITHIN), "it wants to be asked later");
    assert_eq!(guard.telemetry().sink_figures()[0].refused, 0);
    *receiver.overloaded.lock().unwrap() = false;
    assert!(guard.flush(WITHIN));
    assert_eq!(receiver.spans.lock().unwrap().len(), SPANS);
    assert_eq!(guard.telemetry().sink_figures()[0].up, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_loses_the_bad_span_alone() {
    let dir = tempfile::tempdir().unwrap();
    let address = address();
    let receiver = Receiver { dislikes: "playout", ..Receiver::default() };
    serve(&receiver, address);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (dispatch, guard) = exporting(&by_grpc(address, &dir));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().sink_figures().remove(0);
    assert_eq!((figures.exported, figures.refused), (SPANS as u64 - 1, 1));
    assert!(receiver.spans.lock().unwrap().iter().all(|span| span.name != "playout"));
}
