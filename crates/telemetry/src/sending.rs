//! One request to one sink, and what its answer means for the batch in it.
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::{
    Client, RequestBuilder, StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::{
    SinkKind,
    batch::{Batch, Kind},
    environment::Address,
    grpc::Grpc,
    mlflow::{self, EXPERIMENT_HEADER},
};

/// Speaks to one sink.
pub(crate) struct Sending {
    sink: Address,
    client: Client,
    grpc: Option<Grpc>,
}

/// What a sink made of a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// All of it is there.
    Taken,
    /// It took the batch, and so many of its spans not.
    TakenBut(u64, String),
    /// The batch is bad.
    Refused(String),
    /// The sink is.
    Away(String),
    /// One of them is, and it does not say which.
    Failed(String),
    /// MLflow does not know the experiment (any more).
    NoExperiment,
}

impl Sending {
    pub(crate) fn new(sink: Address, client: Client) -> Self {
        let grpc = (sink.kind == SinkKind::OtlpGrpc).then(|| Grpc::new(&sink));
        Self { sink, client, grpc }
    }

    /// Sends a batch; `experiment` is MLflow's number for it.
    pub(crate) async fn send(&mut self, batch: &Batch, experiment: Option<&str>) -> Answer {
        match (&batch.kind, &mut self.grpc) {
            (Kind::Attachment { name }, _) => self.attach(name, batch, experiment).await,
            (Kind::Spans { .. }, Some(grpc)) => grpc.send(batch).await,
            (Kind::Spans { compressed, .. }, None) => self.post(*compressed, batch, experiment).await,
        }
    }

    async fn post(&self, compressed: bool, batch: &Batch, experiment: Option<&str>) -> Answer {
        let mut request = self.client.post(self.sink.traces.clone());
        if let Some(id) = experiment {
            request = request.header(EXPERIMENT_HEADER, id);
        }
        if compressed {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let (status, body) = match self.ask(request, "application/x-protobuf", batch).await {
            Ok(answer) => answer,
            Err(away) => return away,
        };
        let reason = || format!("{status}: {}", mlflow::short(&String::from_utf8_lossy(&body)));
        match status {
            _ if status.is_success() => taken(&body),
            StatusCode::NOT_FOUND if self.sink.kind == SinkKind::Mlflow => Answer::NoExperiment,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Answer::Refused(reason())
            }
            StatusCode::INTERNAL_SERVER_ERROR => Answer::Failed(reason()),
            // Anything else (a wrong path, credentials, a host name it does not trust, an overload) is about the
            // sink and not about these spans, so they are kept until someone puts it right.
            _ => Answer::Away(reason()),
        }
    }

    /// Puts a file beside its trace, where MLflow's page looks for it.
    async fn attach(&self, name: &str, batch: &Batch, experiment: Option<&str>) -> Answer {
        let base = self.sink.base.as_str().trim_end_matches('/');
        let experiment = experiment.unwrap_or("0");
        let url = format!("{base}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{name}");
        let Ok(url) = Url::parse(&url) else { return Answer::Refused(format!("no address: {url}")) };
        let (status, body) = match self.ask(self.client.put(url), "audio/wav", batch).await {
            Ok(answer) => answer,
            Err(away) => return away,
        };
        let reason = || format!("{status}: {}", mlflow::short(&String::from_utf8_lossy(&body)));
        match status {
            _ if status.is_success() => Answer::Taken,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                Answer::Away(reason())
            }
            _ if status.is_client_error() => Answer::Refused(reason()),
            // A broken store of files must not keep the spans behind this one.
            _ => Answer::Failed(reason()),
        }
    }

    async fn ask(
        &self,
        request: RequestBuilder,
        content_type: &str,
        batch: &Batch,
    ) -> Result<(StatusCode, Vec<u8>), Answer> {
        let request = request
            .timeout(self.sink.timeout)
            .headers(self.sink.headers.clone())
            .header(CONTENT_TYPE, content_type)
            .body(batch.body.clone());
        let answer = request.send().await.map_err(|error| Answer::Away(mlflow::plain(error)))?;
        let status = answer.status();
        Ok((status, crate::answer::bytes(answer).await.unwrap_or_default()))
    }
}

/// OTLP lets a receiver take a request and reject some of its spans. MLflow never does.
fn taken(body: &[u8]) -> Answer {
    accepted(ExportTraceServiceResponse::decode(body).unwrap_or_default())
}

pub(crate) fn accepted(answer: ExportTraceServiceResponse) -> Answer {
    match answer.partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            Answer::TakenBut(partial.rejected_spans.unsigned_abs(), partial.error_message)
        }
        _ => Answer::Taken,
    }
}
