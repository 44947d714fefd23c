//! As many calls as are allowed, all on one UDP port.
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde_json::Value;
use tokio::time::sleep;
use voce_testkit::caller::{Caller, CallerError};
use voce_transport::Config;

use crate::server::{ALONE, Server, share_of, tone};

const CALLS: usize = 30;
const LOUD: f32 = 0.1;
/// How often a caller speaks who hears too little of it.
const TRIES: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_callers_on_one_port_hear_themselves_and_the_next_is_refused() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config { max_calls: CALLS, ..Config::default() }).await;
    let callers = try_join_all((0..CALLS).map(|_| Caller::connect(&server.url))).await.unwrap();
    assert_eq!(server.transport.calls().len(), CALLS);
    assert_eq!(server.transport.routes().0, CALLS, "each has its share of the one socket");

    let Err(CallerError::Refused { status, body, retry_after }) = Caller::connect(&server.url).await else {
        panic!("a call more than {CALLS} was taken")
    };
    assert_eq!((status, retry_after), (503, Some(10)));
    let body: Value = serde_json::from_str(&body).unwrap();
    let words = body["error"].as_str().unwrap();
    assert!(words.contains("full") && words.contains("30 calls"), "{words}");

    // Each its own pitch, all at once: no two calls are mixed up.
    let pitch = |number: usize| 300.0 + 50.0 * number as f32;
    let speak = async |(number, caller): (usize, &Caller)| {
        let loud = || -> Vec<f32> {
            let recording = caller.recording();
            let loud = recording.0.iter().filter(|heard| heard.level() > LOUD);
            loud.flat_map(|heard| heard.samples.clone()).collect()
        };
        // Sixty ends of calls on one machine: what comes too late is dropped, so it may take more than one try.
        for _ in 0..TRIES {
            caller.say(&tone(1.0, pitch(number))).await.unwrap();
            sleep(Duration::from_millis(500)).await;
            if loud().len() > 12_000 {
                break;
            }
        }
        let heard = loud();
        assert!(heard.len() > 12_000, "caller {number} heard {} samples", heard.len());
        share_of(&heard[6_000..12_000], pitch(number))
    };
    let shares = join_all(callers.iter().enumerate().map(speak)).await;
    let right = shares.iter().filter(|share| **share > 0.8).count();
    // On a busy machine a packet of somebody's may come too late.
    assert!(right >= CALLS - 3, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0.3), "somebody heard somebody else: {shares:?}");

    join_all(callers.into_iter().map(Caller::hang_up)).await;
}
