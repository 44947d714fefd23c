//! A WebRTC caller: what a browser does, without a browser. It speaks samples in real time as Opus over UDP,
//! keeps what it hears and is told with the moment of arrival, and hangs up politely or vanishes.
//!
//! Or it is the far end of a call ([`Caller::into_far_end`]), so that whoever can hold a call within the process can hold
//! one with a server.
mod cable;
mod far_end;
mod link;
mod mouth;
mod record;
pub mod rtvi;

use std::{error::Error as _, sync::Arc, time::Duration};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use webrtc::peer_connection::RTCPeerConnectionState;

pub use record::{Heard, Received, Recording, Sound};

use link::Link;
use mouth::{Speech, Utterance};
use record::Record;

/// The environment variable with the API key for servers that ask for one.
pub const API_KEY: &str = "VOCE_API_KEY";
/// Samples per second of what a caller says.
pub const SPOKEN_RATE_HZ: u32 = 16_000;
/// Samples per second of what a caller hears.
pub const HEARD_RATE_HZ: u32 = 24_000;

/// Why a caller could not do what its script says.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The server refused; its status and what it said.
    #[error("the server answered {status}: {body}{}", hint(*status))]
    Refused {
        /// HTTP status.
        status: u16,
        /// The body.
        body: String,
        /// The `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// No server, or no HTTP.
    #[error("no voce answers there ({0}); start it with `voce serve`, or check the address")]
    Http(String),
    /// The WebRTC side failed.
    #[error("webrtc: {0}")]
    WebRtc(String),
    /// It did not happen in time.
    #[error("no {what} within {waited:?}; received so far: {received:?}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// Types of the messages that did come.
        received: Vec<String>,
    },
    /// Sound that is not as a microphone delivers it.
    #[error(
        "a microphone delivers {} samples at {SPOKEN_RATE_HZ} Hz every 20 ms, not {samples} at {rate_hz} Hz",
        SPOKEN_RATE_HZ / 50
    )]
    Frame {
        /// How many samples came.
        samples: usize,
        /// Their rate.
        rate_hz: u32,
    },
    /// The call was over.
    #[error("the call is over")]
    Over,
}

impl From<reqwest::Error> for CallerError {
    /// With its causes: the last alone says what happened.
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Http(text)
    }
}

impl From<webrtc::error::Error> for CallerError {
    fn from(error: webrtc::error::Error) -> Self {
        Self::WebRtc(error.to_string())
    }
}

/// When an utterance sounded.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// The first packet left.
    pub began: Instant,
    /// The last packet left.
    pub ended: Instant,
}

/// Something that is being said. Dropping it does not end the sound.
#[derive(Debug)]
pub struct Playing {
    /// The first packet left.
    pub began: Instant,
    said: oneshot::Receiver<Said>,
}

impl Playing {
    /// Waits until the last packet has left.
    pub async fn ended(self) -> Result<Said, CallerError> {
        self.said.await.map_err(|_| CallerError::Over)
    }
}

/// Someone on the line.
pub struct Caller {
    http: reqwest::Client,
    offers: String,
    id: String,
    link: Link,
    said: mpsc::Sender<Speech>,
    record: Arc<Record>,
}

#[derive(Deserialize)]
struct Answer {
    sdp: String,
    pc_id: String,
}

impl Caller {
    /// Calls the server at `base_url` (`http://127.0.0.1:8080`) and waits until sound and messages can flow. Shows the
    /// API key of [`API_KEY`], if there is one.
    pub async fn connect(base_url: &str) -> Result<Self, CallerError> {
        Self::connect_by(client()?, base_url).await
    }

    /// As [`Caller::connect`], saying who calls.
    pub async fn connect_as(base_url: &str, user: &str) -> Result<Self, CallerError> {
        Self::begin(client()?, base_url, Some(user)).await
    }

    /// As [`Caller::connect`], with a client of one's own, which many callers can share.
    pub async fn connect_by(http: reqwest::Client, base_url: &str) -> Result<Self, CallerError> {
        Self::begin(http, base_url, None).await
    }

    async fn begin(http: reqwest::Client, base_url: &str, user: Option<&str>) -> Result<Self, CallerError> {
        let offers = format!("{}/api/offer", base_url.trim_end_matches('/'));
        let record = Arc::new(Record::default());
        let (mut link, offer) = Link::open(&record, on_this_machine(base_url)).await?;
        let answer = match post(&http, &offers, &offer, Again::default(), user).await {
            Ok(answer) => answer,
            Err(error) => {
                link.close().await;
                return Err(error);
            }
        };
        let said = link.connect(answer.sdp).await?;
        Ok(Self { http, offers, id: answer.pc_id, link, said, record })
    }

    /// The call's name on the server.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says `samples` (16 kHz, mono) in real time; returns when the last of it has left.
    pub async fn say(&self, samples: &[f32]) -> Result<Said, CallerError> {
        self.play(samples).await?.ended().await
    }

    /// As [`Caller::say`], but returns at once. What is played at the same time is heard at the same time: speech
    /// over noise, two people in one room.
    pub async fn play(&self, samples: &[f32]) -> Result<Playing, CallerError> {
        let (began_sender, began) = oneshot::channel();
        let (done, said) = oneshot::channel();
        let utterance = Utterance { samples: samples.to_vec(), began: began_sender, done };
        self.said.send(Speech::Utterance(utterance)).await.map_err(|_| CallerError::Over)?;
        let began = began.await.map_err(|_| CallerError::Over)?;
        Ok(Playing { began, said })
    }

    /// Presses the push-to-talk button.
    pub async fn press(&self) -> Result<(), CallerError> {
        self.tell("client-message", json!({ "t": "push-to-talk", "d": { "pressed": true } })).await
    }

    /// Lets the push-to-talk button go.
    pub async fn release(&self) -> Result<(), CallerError> {
        self.tell("client-message", json!({ "t": "push-to-talk", "d": { "pressed": false } })).await
    }

    /// Presses the button that stops the bot.
    pub async fn interrupt(&self) -> Result<(), CallerError> {
        self.tell("client-message", json!({ "t": "interrupt" })).await
    }

    /// Sends a message with the protocol's label. `data` may be null.
    pub async fn tell(&self, kind: &str, data: Value) -> Result<(), CallerError> {
        let id = format!("{kind}-1");
        self.tell_raw(&json!({ "id": id, "label": "rtvi-ai", "type": kind, "data": data }).to_string()).await
    }

    /// Sends any text on the data channel.
    pub async fn tell_raw(&self, text: &str) -> Result<(), CallerError> {
        Ok(self.link.channel().send_text(text).await?)
    }

    /// All messages so far, in order; of a call without end the last many thousands.
    pub fn messages(&self) -> Vec<Received> {
        self.record.messages()
    }

    /// The first message of this type, come or yet to come.
    pub async fn wait_for(&self, kind: &str, patience: Duration) -> Result<Received, CallerError> {
        self.wait_for_match(kind, patience, |message| message.kind() == kind).await
    }

    /// The first message of this type that came after `since`.
    pub async fn wait_for_after(
        &self,
        kind: &str,
        since: Instant,
        patience: Duration,
    ) -> Result<Received, CallerError> {
        self.wait_for_match(kind, patience, |message| message.at > since && message.kind() == kind).await
    }

    /// The first message that `matches`. `what` names it in the error.
    pub async fn wait_for_match(
        &self,
        what: &str,
        patience: Duration,
        matches: impl Fn(&Received) -> bool,
    ) -> Result<Received, CallerError> {
        let mut changes = self.record.changes();
        let found = async {
            loop {
                if let Some(message) = self.messages().into_iter().find(&matches) {
                    return Some(message);
                }
                changes.changed().await.ok()?;
            }
        };
        let late = || CallerError::Late {
            what: what.to_owned(),
            waited: patience,
            received: self.messages().iter().map(|message| message.kind().to_owned()).collect(),
        };
        timeout(patience, found).await.map_err(|_| late())?.ok_or(CallerError::Over)
    }

    /// What was heard so far; of a call without end the last minutes of sound.
    pub fn recording(&self) -> Recording {
        self.record.recording()
    }

    /// Whether the line still stands, as far as this end knows.
    pub fn state(&self) -> RTCPeerConnectionState {
        self.link.state()
    }

    /// Waits until the other end has closed the data channel or the connection.
    pub async fn wait_for_end(&self, patience: Duration) -> Result<Instant, CallerError> {
        let late = || CallerError::Late { what: "end".into(), waited: patience, received: Vec::new() };
        timeout(patience, self.record.ended()).await.map_err(|_| late())
    }

    /// Restarts ICE, as browsers do when their network changes.
    pub async fn restart_ice(&mut self) -> Result<(), CallerError> {
        let offer = self.link.restart_offer().await?;
        let answer =
            post(&self.http, &self.offers, &offer, Again { pc_id: Some(&self.id), restart_pc: false }, None)
                .await?;
        self.link.take_answer(answer.sdp).await
    }

    /// Replaces the connection by a new one of the same call, as SmallWebRTC's client does when the old one failed.
    pub async fn reconnect(&mut self) -> Result<(), CallerError> {
        let (mut link, offer) = Link::open(&self.record, self.link.is_local()).await?;
        let answer =
            post(&self.http, &self.offers, &offer, Again { pc_id: Some(&self.id), restart_pc: true }, None)
                .await?;
        self.said = link.connect(answer.sdp).await?;
        self.id = answer.pc_id;
        std::mem::replace(&mut self.link, link).close().await;
        Ok(())
    }

    /// Loses the network: nothing is sent and nothing arrives until [`Caller::plug_in`].
    pub fn unplug(&self) {
        self.link.plug(false);
    }

    /// Has the network again, at the same address.
    pub fn plug_in(&self) {
        self.link.plug(true);
    }

    /// Hangs up as a page does; returns the moment just before.
    pub async fn hang_up(self) -> Instant {
        let now = Instant::now();
        self.link.hang_up().await;
        now
    }

    /// Goes away without a word, as a killed browser does.
    pub async fn vanish(self) {
        self.link.vanish().await;
    }
}

/// Which call an offer belongs to, where it is none of a new one.
#[derive(Default)]
struct Again<'a> {
    pc_id: Option<&'a str>,
    restart_pc: bool,
}

async fn post(
    http: &reqwest::Client,
    url: &str,
    sdp: &str,
    Again { pc_id, restart_pc }: Again<'_>,
    user: Option<&str>,
) -> Result<Answer, CallerError> {
    let mut offer = json!({ "sdp": sdp, "type": "offer", "pc_id": pc_id, "restart_pc": restart_pc });
    if let Some(user) = user {
        offer["request_data"] = json!({ "user": user });
    }
    let response = http.post(url).json(&offer).send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.json().await?);
    }
    let retry_after =
        response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Err(CallerError::Refused { status: status.as_u16(), body: response.text().await?, retry_after })
}

/// A client that shows the API key of [`API_KEY`], if there is one.
///
/// # Errors
/// If the key cannot be sent, or there is no TLS.
pub fn client() -> Result<reqwest::Client, CallerError> {
    client_with(std::env::var(API_KEY).ok().as_deref())
}

/// A client that shows this API key or session token.
///
/// # Errors
/// As [`client`].
pub fn client_with(credential: Option<&str>) -> Result<reqwest::Client, CallerError> {
    // The client wants a TLS provider even for plain HTTP; one that is there already does as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut headers = HeaderMap::new();
    if let Some(credential) = credential.map(str::trim).filter(|credential| !credential.is_empty()) {
        let said = HeaderValue::from_str(&format!("Bearer {credential}"));
        // The reason would quote the key.
        let mut said =
            said.map_err(|_| CallerError::Http(format!("{API_KEY} holds no key that can be sent")))?;
        said.set_sensitive(true);
        headers.insert(AUTHORIZATION, said);
    }
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(30)).default_headers(headers).build()?)
}

fn hint(status: u16) -> String {
    if status == 401 { format!("; set {API_KEY} to a key of that server") } else { String::new() }
}

fn on_this_machine(base_url: &str) -> bool {
    ["//127.", "//localhost", "//[::1]"].iter().any(|host| base_url.contains(host))
}
