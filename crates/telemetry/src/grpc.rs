//! OTLP over gRPC: the same requests by another road.
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::{
    Code, Request, Status,
    codec::CompressionEncoding,
    metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    batch::{Batch, Kind},
    environment::Address,
    mlflow::short,
    sending::{Answer, accepted},
};

const CONNECTS_WITHIN: Duration = Duration::from_secs(3);

/// A receiver of OTLP over gRPC. It is connected to when something is sent, and again when it was away.
pub(crate) struct Grpc {
    endpoint: String,
    metadata: MetadataMap,
    timeout: Duration,
    client: Option<TraceServiceClient<Channel>>,
}

impl Grpc {
    pub(crate) fn new(sink: &Address) -> Self {
        let mut metadata = MetadataMap::new();
        for (name, value) in &sink.headers {
            // Header names that gRPC cannot carry are none that a receiver of OTLP asks for.
            let key = AsciiMetadataKey::from_bytes(name.as_str().as_bytes());
            let value = AsciiMetadataValue::try_from(value.as_bytes());
            if let (Ok(key), Ok(value)) = (key, value) {
                metadata.insert(key, value);
            }
        }
        Self { endpoint: sink.traces.to_string(), metadata, timeout: sink.timeout, client: None }
    }

    /// Sends a batch of spans.
    pub(crate) async fn send(&mut self, batch: &Batch) -> Answer {
        let Some(request) = batch.decode() else {
            return Answer::Refused("it is no OTLP request".into());
        };
        let mut client = match self.client() {
            Ok(client) => client,
            Err(error) => return Answer::Away(with_causes(&error)),
        };
        if matches!(batch.kind, Kind::Spans { compressed: true, .. }) {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let mut request = Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(self.timeout);
        // The header tells the receiver; a receiver that hangs is not bound by it.
        match tokio::time::timeout(self.timeout, client.export(request)).await {
            Ok(Ok(answer)) => accepted(answer.into_inner()),
            Ok(Err(status)) => meaning(&status),
            Err(_) => Answer::Away(format!("no answer within {:?}", self.timeout)),
        }
    }

    fn client(&mut self) -> Result<TraceServiceClient<Channel>, tonic::transport::Error> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut endpoint = Endpoint::from_shared(self.endpoint.clone())?.connect_timeout(CONNECTS_WITHIN);
        if self.endpoint.starts_with("https") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
        }
        // Lazy: it connects with the first request, and anew after each break.
        let client = TraceServiceClient::new(endpoint.connect_lazy());
        Ok(self.client.insert(client).clone())
    }
}

/// By the OTLP specification, which codes may be tried again; the bad batch is the one that may not.
fn meaning(status: &Status) -> Answer {
    let reason = || {
        let causes = std::error::Error::source(status).map(with_causes).unwrap_or_default();
        short(&format!("{:?}: {} {causes}", status.code(), status.message()))
    };
    // With a source the connection broke; without one the code came from the receiver.
    let is_its_own = std::error::Error::source(status).is_none();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => Answer::Refused(reason()),
        Code::Internal | Code::Unknown | Code::DataLoss if is_its_own => Answer::Failed(reason()),
        _ => Answer::Away(reason()),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
