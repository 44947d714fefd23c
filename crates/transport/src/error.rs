//! Why the transport could not start, and why a call could not.
use std::{io, net::SocketAddr};

use crate::{
    door::{Refusal, Refused},
    peer::PeerError,
};

/// Why the transport could not start.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The UDP socket could not be opened.
    #[error("cannot open UDP {address}: {error}; set [transport] address and port to one that is free")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No address to tell browsers.
    #[error("no address for browsers to reach {address} at: {error}; set [transport] public_address")]
    Advertise {
        /// Where the socket is bound.
        address: SocketAddr,
        /// What failed.
        error: io::Error,
    },
    /// The TURN servers cannot be used as configured.
    #[error("{0}")]
    Turn(String),
}

/// Why an offer was refused.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// As many calls as allowed are going on.
    #[error("the server is full: {calls} calls are going on; try again in {retry_after_seconds} seconds")]
    Full {
        /// How many.
        calls: usize,
        /// When to ask again.
        retry_after_seconds: u64,
    },
    /// A doorkeeper said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The server is stopping.
    #[error("the server is shutting down and takes no new calls; try again in {retry_after_seconds} seconds")]
    ShuttingDown {
        /// When another one may have taken its place.
        retry_after_seconds: u64,
    },
    /// No call has this name.
    #[error("no call named {0:?}; it may have ended")]
    Unknown(String),
    /// The offer or candidate itself.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

impl OfferError {
    /// Why no call begins, where it is not the offer itself.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Self::Full { .. } => Refusal::Places,
            Self::Refused(Refused { is_callers_limit: false, .. }) => Refusal::Busy,
            Self::Refused(_) => Refusal::Limit,
            Self::ShuttingDown { .. } => Refusal::Closed,
            Self::Unknown(_) | Self::Peer(_) => return None,
        })
    }
}
