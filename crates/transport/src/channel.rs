//! The data channel of a call: events out, requests in, and the surest sign that the caller has left.
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};
use voce_core::{Control, Event};
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::{
    counters::Counters,
    rtvi::{self, Request},
};

/// Longest message that is looked at, bytes. The protocol allows clients 64 KiB.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// Why a conversation over the data channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The browser closed the channel, as it does when the page closes the connection.
    Closed,
    /// The client asked for the end.
    Disconnect,
}

/// The data channel, once it is there.
pub struct Conversation {
    channel: Option<Arc<dyn DataChannel>>,
    open: bool,
    controls: mpsc::Sender<Control>,
    counters: Arc<Counters>,
}

impl Conversation {
    /// A conversation whose channel has yet to come. What the caller does by hand goes to `controls`.
    pub fn new(controls: mpsc::Sender<Control>, counters: Arc<Counters>) -> Self {
        Self { channel: None, open: false, controls, counters }
    }

    /// Talks until the channel or the client ends it. Until the channel opens, events wait in their queue.
    pub async fn run(
        &mut self,
        channels: &mut mpsc::Receiver<Arc<dyn DataChannel>>,
        events: &mut mpsc::Receiver<Event>,
    ) -> Ended {
        loop {
            tokio::select! {
                // The first channel is the conversation; others are not looked at.
                Some(channel) = channels.recv(), if self.channel.is_none() => self.channel = Some(channel),
                event = next_event(self.channel.as_deref()) => match event {
                    Some(DataChannelEvent::OnOpen) => self.open = true,
                    Some(DataChannelEvent::OnMessage(message)) => {
                        // Open in any case: a message can overtake the notice.
                        self.open = true;
                        if let Some(ended) = self.receive(&message.data).await {
                            return ended;
                        }
                    }
                    Some(DataChannelEvent::OnClose | DataChannelEvent::OnClosing) | None => return Ended::Closed,
                    Some(_) => {}
                },
                Some(event) = events.recv(), if self.open => {
                    for message in rtvi::messages(event) {
                        self.send(&message.json()).await;
                    }
                }
            }
        }
    }

    /// Tells the client that the bot leaves.
    pub async fn say_goodbye(&self) {
        if self.open {
            self.send(&rtvi::peer_left()).await;
        }
    }

    async fn receive(&self, data: &[u8]) -> Option<Ended> {
        self.counters.messages_received.add(1);
        let request = match std::str::from_utf8(data) {
            Ok(text) if text.len() <= LONGEST_MESSAGE => rtvi::request(text),
            Ok(_) => refusal("a message may hold 64 KiB"),
            Err(_) => refusal("expected text"),
        };
        match request {
            Request::Ready { id } => self.send(&rtvi::bot_ready(id).json()).await,
            Request::Unsupported { id, reason } => self.send(&rtvi::error_response(id, reason).json()).await,
            Request::Control { id, control } => self.pass_on(id, control).await,
            Request::Disconnect => return Some(Ended::Disconnect),
            Request::Nothing => {}
        }
        None
    }

    async fn pass_on(&self, id: Option<String>, control: Control) {
        match (self.controls.try_send(control), id) {
            (Ok(()), Some(id)) => self.send(&rtvi::server_response(id, control).json()).await,
            // Nobody asked to be told.
            (Ok(()), None) => {}
            (Err(error), id) => {
                let reason = match error {
                    TrySendError::Full(_) => "too many client-messages wait to be done; try again",
                    TrySendError::Closed(_) => "the call takes no client-messages any more",
                };
                self.send(&rtvi::error_response(id, reason.to_owned()).json()).await;
            }
        }
    }

    /// Sends, or drops and counts where the browser does not read: waiting would hide that it hangs up.
    async fn send(&self, text: &str) {
        let Some(channel) = &self.channel else { return };
        match channel.try_send_text(text).await {
            Ok(()) => self.counters.messages_sent.add(1),
            Err(error) => {
                self.counters.messages_dropped.add(1);
                tracing::debug!(%error, "a message was not sent");
            }
        }
    }
}

fn refusal(reason: &str) -> Request {
    Request::Unsupported { id: None, reason: reason.to_owned() }
}

async fn next_event(channel: Option<&dyn DataChannel>) -> Option<DataChannelEvent> {
    match channel {
        Some(channel) => channel.poll().await,
        None => std::future::pending().await,
    }
}
