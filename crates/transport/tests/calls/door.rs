//! A full server: what is said at the door, and that those inside do not notice.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};
use voce_testkit::caller::{Caller, CallerError};
use voce_transport::{Config, Doorkeeper, Pass, Refusal, Refused, Visitor};

use crate::{
    server::{ALONE, PATIENCE, Server, tone},
    signalling::post,
};

const LOUD: f32 = 0.05;

/// Lets callers in until it is told not to; knows how many are inside.
#[derive(Default)]
struct Keeper {
    is_full: AtomicBool,
    passes: Arc<()>,
}

impl Keeper {
    fn inside(&self) -> usize {
        Arc::strong_count(&self.passes) - 1
    }
}

impl Doorkeeper for Keeper {
    fn admit(&self, _: &Visitor) -> Result<Pass, Refused> {
        if self.is_full.load(Relaxed) {
            let reason = "the server is busy: tasks run late".to_owned();
            return Err(Refused { is_callers_limit: false, reason, retry_after_seconds: 7 });
        }
        Ok(Box::new(self.passes.clone()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_refuses_at_the_door_and_those_inside_hear_no_difference() {
    let _alone = ALONE.lock().await;
    let keeper = Arc::new(Keeper::default());
    let server = Server::start_behind(Config::default(), vec![keeper.clone()]).await;
    let inside = Caller::connect(&server.url).await.unwrap();
    assert_eq!(keeper.inside(), 1);
    keeper.is_full.store(true, Relaxed);

    let playing = inside.play(&tone(2.0, 440.0)).await.unwrap();
    for refused in join_all((0..5).map(|_| Caller::connect(&server.url))).await {
        match refused.err().unwrap() {
            CallerError::Refused { status, body, retry_after } => {
                assert_eq!((status, retry_after), (503, Some(7)), "{body}");
                assert!(body.contains("tasks run late"), "{body}");
            }
            other => panic!("{other}"),
        }
    }
    let (status, body) = post(&server, "POST", "/start", "{}").await;
    assert_eq!((status, &body["retry_after_seconds"]), (503, &json!(7)));
    assert!(body["error"].as_str().unwrap().contains("tasks run late"), "{body}");
    assert_eq!(server.transport.refused(Refusal::Busy), 6);
    assert_eq!(server.transport.refused(Refusal::Places), 0);

    playing.ended().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let seconds = inside.recording().seconds_of_sound(LOUD);
    assert!((1.9..2.15).contains(&seconds), "{seconds} s of sound");
    inside.hang_up().await;
    let until = Instant::now() + PATIENCE;
    while keeper.inside() > 0 {
        assert!(Instant::now() < until, "the pass of a call that is over is still held");
        sleep(Duration::from_millis(10)).await;
    }
    keeper.is_full.store(false, Relaxed);
    Caller::connect(&server.url).await.unwrap().hang_up().await;
}
