//! A browser's WebRTC connection as a Call, and the protocols it speaks. One UDP port carries all calls; each call is
//! one task. Knows nothing of models or turns.
mod call;
mod channel;
mod config;
mod counters;
mod discover;
mod door;
mod error;
mod framing;
mod microphone;
mod mux;
mod peer;
mod relay;
mod reorder;
mod routes;
mod rtvi;
mod runtime;
mod sdp;
mod speaker;
mod stun;
mod timestamp;
mod transport;
mod turn;
mod ways;

/// What reads the bytes of strangers, for the fuzz targets alone.
#[doc(hidden)]
pub mod strangers {
    pub use crate::{
        rtvi::{Request, request},
        sdp::check_offer,
        stun::receiver_ufrag,
    };
}

pub use config::{Config, IceServer, Relay, TurnConfig};
pub use counters::{Count, Counters};
pub use door::{Doorkeeper, Pass, REFUSALS, Refusal, Refused, Visitor};
pub use error::{OfferError, TransportError};
pub use peer::PeerError;
pub use routes::router;
pub use timestamp::utc;
pub use transport::{Answer, CallStatus, Transport};
pub use turn::TurnSecret;
