//! Offers good and bad, the data channel, and the ends of calls.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use voce_core::{CONTROLS, Call, Event};
use voce_testkit::caller::{Caller, CallerError, Received};
use voce_transport::Config;

use crate::server::{ALONE, PATIENCE, Server, tone};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_requests_travel_on_the_data_channel() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    // The echo sent them before the channel could open.
    caller.wait_for("user-started-speaking", PATIENCE).await.unwrap();
    assert_eq!(caller.wait_for("bot-llm-text", PATIENCE).await.unwrap().data()["text"], "echo");

    caller.tell("client-ready", json!({ "version": "2.1.0", "about": {} })).await.unwrap();
    let ready = caller.wait_for("bot-ready", PATIENCE).await.unwrap();
    assert_eq!((&ready.message["id"], &ready.data()["version"]), (&json!("client-ready-1"), &json!("1.4.0")));

    caller.tell_raw("ping: 123").await.unwrap();
    caller.tell("send-text", json!({ "content": "hi" })).await.unwrap();
    let refused = caller.wait_for("error-response", PATIENCE).await.unwrap();
    assert_eq!(refused.data()["error"], "send-text is not supported yet");
    caller.tell_raw("{ garbage").await.unwrap();
    caller
        .wait_for_match("an answer to garbage", PATIENCE, |message| {
            message.data()["error"].as_str().is_some_and(|error| error.starts_with("expected a JSON object"))
        })
        .await
        .unwrap();

    caller.tell("disconnect-bot", json!({})).await.unwrap();
    server.end_of(caller.id()).await;
    caller
        .wait_for_match("peerLeft", PATIENCE, |m| m.message["message"]["type"] == "peerLeft")
        .await
        .unwrap();
    caller.wait_for_end(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_does_by_hand_reaches_the_call_in_order() {
    /// Says what it is told to do.
    async fn tells(mut call: Call) {
        loop {
            tokio::select! {
                Some(control) = call.controls.recv() => {
                    drop(call.events.try_send(Event::UserPartial { text: format!("{control:?}") }));
                }
                frame = call.microphone.recv() => if frame.is_none() { return },
            }
        }
    }
    let _alone = ALONE.lock().await;
    let server = Server::start_with(Config::default(), tells).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    caller.press().await.unwrap();
    caller.release().await.unwrap();
    caller.interrupt().await.unwrap();
    let is_last = |message: &Received| message.data()["text"] == "Interrupt";
    caller.wait_for_match("the interruption", PATIENCE, is_last).await.unwrap();
    let of_kind = |kind: &str, field: &str| -> Vec<Value> {
        caller.messages().iter().filter(|m| m.kind() == kind).map(|m| m.data()[field].clone()).collect()
    };
    assert_eq!(of_kind("user-transcription", "text"), ["Press", "Release", "Interrupt"]);
    assert_eq!(of_kind("server-response", "t"), ["push-to-talk", "push-to-talk", "interrupt"]);

    caller.tell("client-message", json!({ "t": "dance" })).await.unwrap();
    let refused = caller.wait_for("error-response", PATIENCE).await.unwrap();
    assert_eq!(refused.message["id"], "client-message-1");
    assert!(refused.data()["error"].as_str().unwrap().contains("expected \"push-to-talk\""), "{refused:?}");
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_takes_no_more_controls_says_so() {
    let _alone = ALONE.lock().await;
    // The echo never looks at them.
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    for _ in 0..=CONTROLS {
        caller.interrupt().await.unwrap();
    }
    let refused = caller.wait_for("error-response", PATIENCE).await.unwrap();
    assert_eq!(refused.data()["error"], "too many client-messages wait to be done; try again");
    assert_eq!(caller.messages().iter().filter(|m| m.kind() == "server-response").count(), CONTROLS);
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_is_seen_within_200_ms() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    let id = caller.id().to_owned();
    let hung_up = caller.hang_up().await;
    let seen = server.end_of(&id).await - hung_up;
    println!("hang-up seen after {seen:?}");
    assert!(seen < Duration::from_millis(200), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_vanishes_is_let_go_after_the_timeouts() {
    let _alone = ALONE.lock().await;
    let config = Config { disconnected_seconds: 1.0, failed_seconds: 1.0, ..Config::default() };
    let server = Server::start(config).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    let (id, gone) = (caller.id().to_owned(), Instant::now());
    caller.vanish().await;
    let seen = server.end_of(&id).await - gone;
    println!("vanished caller let go after {seen:?}");
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&seen), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_survives_an_ice_restart_and_a_new_connection() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let mut caller = Caller::connect(&server.url).await.unwrap();
    let id = caller.id().to_owned();
    let hears = async |caller: &Caller, what: &str| {
        let said = caller.say(&tone(0.5, 440.0)).await.unwrap();
        sleep(Duration::from_millis(400)).await;
        let heard = caller.recording().first_sound(said.began, 0.05);
        assert!(heard.is_some(), "nothing heard {what}");
    };
    hears(&caller, "at first").await;
    caller.restart_ice().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    hears(&caller, "after the ICE restart").await;
    caller.reconnect().await.unwrap();
    hears(&caller, "after reconnecting").await;
    assert_eq!(caller.id(), id);
    assert!(server.ended.lock().is_empty(), "it is one call to the pipeline");
    assert_eq!(server.transport.routes().0, 1, "the old connection's share of the port is gone");
    caller.hang_up().await;
    server.end_of(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_says_when_to_try_again() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config { max_calls: 1, retry_after_seconds: 7, ..Config::default() }).await;
    let first = Caller::connect(&server.url).await.unwrap();
    let Err(CallerError::Refused { status, body, retry_after }) = Caller::connect(&server.url).await else {
        panic!("a second call was taken")
    };
    assert_eq!((status, retry_after), (503, Some(7)));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["retry_after_seconds"], 7);
    assert!(body["error"].as_str().unwrap().contains("full"), "{body}");
    let (status, _) = post(&server, "POST", "/start", "{}").await;
    assert_eq!(status, 503);

    let id = first.id().to_owned();
    first.hang_up().await;
    server.end_of(&id).await;
    sleep(Duration::from_millis(200)).await;
    Caller::connect(&server.url).await.unwrap().hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_with_words_and_leave_nothing() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let offers = [
        "".to_owned(),
        "{".to_owned(),
        "[1]".to_owned(),
        json!({ "sdp": 5, "type": "offer" }).to_string(),
        json!({ "sdp": "", "type": "offer" }).to_string(),
        json!({ "sdp": "v=0", "type": "answer" }).to_string(),
        json!({ "sdp": "v=0\r\n", "type": "offer" }).to_string(),
        json!({ "sdp": "\u{0}\u{ffff}garbage\r\nm=audio\r\na=\r\n", "type": "offer" }).to_string(),
        json!({ "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n", "type": "offer" }).to_string(),
        json!({ "sdp": "m=".repeat(3000), "type": "offer" }).to_string(),
    ];
    for offer in &offers {
        let (status, body) = post(&server, "POST", "/api/offer", offer).await;
        assert_eq!(status, 400, "{offer}: {body}");
        assert!(body["error"].as_str().is_some_and(|error| !error.is_empty()), "{offer}: {body}");
    }
    let (status, _) = post(&server, "POST", "/api/offer", &"x".repeat(1 << 20)).await;
    assert_eq!(status, 413);
    let unknown = json!({ "pc_id": "nobody", "candidates": [] }).to_string();
    assert_eq!(post(&server, "PATCH", "/api/offer", &unknown).await.0, 404);
    assert_eq!(post(&server, "PATCH", "/api/offer", "{}").await.0, 400);

    let caller = Caller::connect(&server.url).await.unwrap();
    let patch = |candidate: &str| {
        let candidate = json!({ "candidate": candidate, "sdp_mid": "0", "sdp_mline_index": 0 });
        json!({ "pc_id": caller.id(), "candidates": [candidate] }).to_string()
    };
    for (candidate, expected) in [
        ("candidate:1 1 udp 2113937151 127.0.0.1 9 typ host", 200),
        ("candidate:1 1 udp 2113937151 0b4d1c2e-aaaa-bbbb-cccc-1234567890ab.local 54400 typ host", 200),
        ("", 200),
        ("candidate:what", 400),
    ] {
        let (status, body) = post(&server, "PATCH", "/api/offer", &patch(candidate)).await;
        assert_eq!(status, expected, "{candidate}: {body}");
    }
    let (status, body) = post(&server, "POST", "/start", r#"{"transport":"webrtc"}"#).await;
    assert_eq!(status, 200);
    assert!(body["sessionId"].is_string() && body["iceConfig"]["iceServers"].is_array(), "{body}");
    caller.hang_up().await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!((server.transport.calls().len(), server.transport.routes()), (0, (0, 0, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_says_goodbye_to_every_caller() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    assert!(server.transport.shutdown(Duration::from_secs(3)).await);
    caller
        .wait_for_match("peerLeft", PATIENCE, |m| m.message["message"]["type"] == "peerLeft")
        .await
        .unwrap();
    server.end_of(caller.id()).await;
    assert_eq!(post(&server, "POST", "/start", "{}").await.0, 503);
}

/// One request over a plain socket: status and JSON body.
pub async fn post(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses a long body may close before it has read it all.
    drop(stream.write_all(body.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
