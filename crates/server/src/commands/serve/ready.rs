//! `/ready`: whether a call that comes now would be served. Checks of other machines are asked when somebody asks, one
//! after the other waits for the same answer, and it holds for a few seconds.
mod probes;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{ConnectInfo, FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use voce_core::ModelCard;
use voce_models::Device;

use crate::config::Config;
use probes::Probe;

/// The answer of `GET /ready`; `voce health` reads it too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether all checks are good.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that has to be good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `server`, `models`, `devices`, `knowledge`, `language model`.
    pub name: String,
    /// Whether it is.
    pub ok: bool,
    /// What was found, for people. Empty for strangers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Check {
    fn new(name: &str, ok: bool, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok, detail: detail.into() }
    }
}

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Serving,
    Draining,
}

/// Whether the server is ready. Cheap to clone.
///
/// Not asked are the sinks of telemetry, without which calls go on, and whether the server is full: a full server is
/// a healthy one, which refuses a call with words and a time, and taking it out of service would only load the others.
#[derive(Clone)]
pub struct Readiness(Arc<Shared>);

struct Shared {
    phase: Mutex<Phase>,
    still: RwLock<Vec<Check>>,
    probes: RwLock<Arc<[Probe]>>,
    /// What was bad when last asked, so that the log says it once.
    said: Mutex<Vec<String>>,
}

impl Readiness {
    /// Of a server whose models are loading.
    pub fn loading() -> Self {
        Self(Arc::new(Shared {
            phase: Mutex::new(Phase::Loading),
            still: RwLock::default(),
            probes: RwLock::new(Arc::new([])),
            said: Mutex::default(),
        }))
    }

    /// The models stand: those of `cards`, as `config` wants them. Also after they were exchanged.
    pub fn serve(&self, config: &Config, cards: &[(&'static str, ModelCard)]) {
        *self.0.still.write() = vec![models(cards), devices(config, cards)];
        *self.0.probes.write() = Probe::all(config).into();
        let mut phase = self.0.phase.lock();
        if *phase == Phase::Loading {
            *phase = Phase::Serving;
        }
    }

    /// No new calls are taken any more.
    pub fn drain(&self) {
        *self.0.phase.lock() = Phase::Draining;
    }

    /// Looks at everything.
    pub async fn report(&self) -> Report {
        let phase = *self.0.phase.lock();
        let mut checks = vec![match phase {
            Phase::Loading => Check::new("server", false, "the models are loading"),
            Phase::Serving => Check::new("server", true, "takes calls"),
            Phase::Draining => Check::new("server", false, "draining: no new calls are taken"),
        }];
        checks.extend(self.0.still.read().iter().cloned());
        let probes = self.0.probes.read().clone();
        // Side by side: together they take as long as the slowest.
        checks.extend(futures_util::future::join_all(probes.iter().map(Probe::check)).await);
        self.say(&checks, phase);
        Report { ready: checks.iter().all(|check| check.ok), checks }
    }

    /// What went bad and what is good again, once each.
    fn say(&self, checks: &[Check], phase: Phase) {
        let bad: Vec<&Check> = checks.iter().filter(|check| !check.ok && check.name != "server").collect();
        let mut said = self.0.said.lock();
        for check in &bad {
            if phase == Phase::Serving && !said.contains(&check.name) {
                tracing::warn!(check = check.name, detail = check.detail, "not ready");
            }
        }
        for name in said.iter().filter(|name| !bad.iter().any(|check| check.name == **name)) {
            tracing::info!(check = name, "ready again");
        }
        *said = bad.iter().map(|check| check.name.clone()).collect();
    }
}

fn models(cards: &[(&'static str, ModelCard)]) -> Check {
    let told: Vec<String> = cards.iter().map(|(role, card)| format!("{role}: {}", card.name)).collect();
    Check::new("models", true, told.join(", "))
}

/// Whether models run where the configuration says. Moonshine and Silero are for the CPU in any case.
fn devices(config: &Config, cards: &[(&'static str, ModelCard)]) -> Check {
    let local = cards.iter().filter(|(_, card)| card.provider == "onnxruntime");
    let on_gpu = local.clone().filter(|(_, card)| card.device.starts_with("cuda")).count();
    let told: Vec<String> = local.map(|(role, card)| format!("{role}: {}", card.device)).collect();
    let is_wanted = config.runtime.device == Device::Cuda;
    if is_wanted && on_gpu == 0 {
        let told = told.join(", ");
        return Check::new(
            "devices",
            false,
            format!("runtime.device is \"cuda\", but nothing runs there ({told}); `voce doctor` says why"),
        );
    }
    Check::new("devices", true, told.join(", "))
}

/// The route. `to_anybody` shows details to whoever asks, else only this machine sees them: they name other machines.
pub fn router(readiness: Readiness, to_anybody: bool) -> Router {
    let answer = move |State(readiness): State<Readiness>, Neighbour(is_near): Neighbour| async move {
        let mut report = readiness.report().await;
        if !to_anybody && !is_near {
            report.checks.iter_mut().for_each(|check| check.detail.clear());
        }
        let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(report)).into_response()
    };
    Router::new().route("/ready", get(answer)).with_state(readiness)
}

/// Whether a request comes from this machine and from no proxy on it.
struct Neighbour(bool);

impl<S: Send + Sync> FromRequestParts<S> for Neighbour {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let peer = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        let is_local = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let is_forwarded =
            ["forwarded", "x-forwarded-for"].iter().any(|name| parts.headers.contains_key(*name));
        Ok(Self(is_local && !is_forwarded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(provider: &str, device: &str) -> ModelCard {
        ModelCard { provider: provider.into(), name: "a-model".into(), device: device.into() }
    }

    fn still() -> Config {
        let mut config = Config::default();
        config.knowledge.store = voce_rag::StoreKind::None;
        config
    }

    #[tokio::test]
    async fn a_server_is_ready_once_its_models_stand_and_until_it_drains() {
        let readiness = Readiness::loading();
        let report = readiness.report().await;
        assert!(!report.ready && report.checks[0].detail.contains("loading"), "{report:?}");
        readiness.serve(&still(), &[("text to speech", card("onnxruntime", "cpu"))]);
        let report = readiness.report().await;
        assert!(report.ready, "{report:?}");
        readiness.drain();
        // Models that are exchanged meanwhile do not open the door again.
        readiness.serve(&still(), &[]);
        let report = readiness.report().await;
        assert!(!report.ready && report.checks[0].detail.contains("draining"), "{report:?}");
    }

    #[test]
    fn a_gpu_that_is_wanted_and_not_used_is_told() {
        let mut config = still();
        let voice = |device: &str| [("text to speech", card("onnxruntime", device))];
        assert!(devices(&config, &voice("cpu")).ok);
        config.runtime.device = Device::Cuda;
        let check = devices(&config, &voice("cpu"));
        assert!(!check.ok && check.detail.contains("runtime.device"), "{check:?}");
        assert!(devices(&config, &voice("cuda:0")).ok);
    }

    #[tokio::test]
    async fn a_language_models_server_that_is_away_is_told() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut config = still();
        config.llm.engine = voce_llm::Engine::Openai;
        // Nobody listens on the port of discarding.
        config.llm.base_url = "http://127.0.0.1:9/v1".into();
        let readiness = Readiness::loading();
        readiness.serve(&config, &[]);
        let report = readiness.report().await;
        let check =
            report.checks.iter().find(|check| check.name == "language model").expect("it is looked at");
        assert!(!report.ready && check.detail.contains("127.0.0.1:9"), "{report:?}");
    }
}
