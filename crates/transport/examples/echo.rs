//! Says back what it hears: the transport by itself, to try a browser or a network with, or to weigh a call.
//!
//! `cargo run --release -p voce-transport --example echo -- 127.0.0.1:8377`
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use anyhow::Result;
use tokio::task::JoinSet;
use voce_core::Call;
use voce_transport::{Config, Transport, router};

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8377".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let config = Config { max_calls: 1000, ..Config::default() };
    let (transport, mut calls) = Transport::bind(config, listener.local_addr()?.ip(), vec![]).await?;
    println!("http://{}, udp {}", listener.local_addr()?, transport.local_address());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(axum::serve(listener, router(transport)).await) });
    while let Some(call) = calls.recv().await {
        tasks.spawn(echo(call));
    }
    Ok(())
}

/// Frames that are still said back after the last loud one.
const TAIL: u32 = 15;

async fn echo(mut call: Call) {
    let speaker = call.speaker.hold().await;
    let mut left = 0;
    while let Some(frame) = call.microphone.recv().await {
        let loud = frame.samples.iter().any(|x| x.abs() > 0.02);
        left = if loud { TAIL } else { left.saturating_sub(1) };
        // In pauses nothing is said, as by an assistant. 16 kHz is a rate that the speaker takes.
        if left > 0 && speaker.send(frame).await.is_err() {
            return;
        }
    }
}
