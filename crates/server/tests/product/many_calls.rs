//! What a call takes is given back at its end.
use std::{fs, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};
use voce_testkit::caller::Caller;

use crate::{
    harness::{EMBEDDED, Place, microphone},
    serving::Server,
};

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Holdings {
    files: usize,
    tasks: u64,
    resident_mib: u64,
}

async fn holdings(server: &Server, http: &reqwest::Client) -> Holdings {
    let process = format!("/proc/{}", server.pid());
    let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident_mib = resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024;
    let health: Value =
        http.get(format!("{}/health", server.url)).send().await.unwrap().json().await.unwrap();
    Holdings { files, tasks: health["tasks"].as_u64().unwrap(), resident_mib }
}

async fn call(server: &Server, http: &reqwest::Client, speech: &[f32]) {
    let caller = Caller::connect_by(http.clone(), &server.url).await.unwrap();
    caller.say(speech).await.unwrap();
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_leave_nothing_behind() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::new();
    let server = Server::start(&place, &["--set", "knowledge.store=none"]);
    // No pooled connection may count as one of the server's files.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let speech = microphone("warranty_af_heart.wav");
    // Long enough that the detector and a turn are at work when the caller hangs up.
    let speech = &speech[..16_000];
    for _ in 0..10 {
        call(&server, &http, speech).await;
    }
    sleep(Duration::from_secs(2)).await;
    let before = holdings(&server, &http).await;
    for _ in 0..100 {
        call(&server, &http, speech).await;
    }
    let patience = Instant::now() + Duration::from_secs(15);
    let after = loop {
        let now = holdings(&server, &http).await;
        if (now.files <= before.files && now.tasks <= before.tasks) || Instant::now() > patience {
            break now;
        }
        sleep(Duration::from_millis(250)).await;
    };
    println!("before {before:?}, after {after:?}");
    assert!(after.files <= before.files, "files: before {before:?}, after {after:?}");
    assert!(after.tasks <= before.tasks, "tasks: before {before:?}, after {after:?}");
    assert!(after.resident_mib <= before.resident_mib + 40, "memory: before {before:?}, after {after:?}");
}
