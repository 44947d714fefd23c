//! The door of a real server: who comes in, from which page, how often, and what the others are told.
use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use voce_testkit::caller::{Caller, Received, client_with};

use crate::{
    harness::{EMBEDDED, Place, microphone, said},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const DESK: &str = "voce_00000000000000000000000000000002";
const APP: &str = "voce_00000000000000000000000000000004";
const SLOW: &str = "voce_00000000000000000000000000000003";
/// A browser's offer without a way to it: the call takes its place and waits to be connected.
const OFFER: &[&str] = &[
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:q9dV",
    "a=ice-pwd:a3RiXYNwOk6SQEkeO6YxZ9GP",
    "a=fingerprint:sha-256 3B:2D:8B:7E:67:3D:B5:49:94:C9:34:D8:15:68:D9:2E:DE:F5:05:76:2E:1F:0A:10:1C:57:FA:5F:DE:F9:B2:CA",
    "a=setup:actpass",
    "a=mid:0",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=ssrc:1847724215 cname:caller",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:q9dV",
    "a=ice-pwd:a3RiXYNwOk6SQEkeO6YxZ9GP",
    "a=fingerprint:sha-256 3B:2D:8B:7E:67:3D:B5:49:94:C9:34:D8:15:68:D9:2E:DE:F5:05:76:2E:1F:0A:10:1C:57:FA:5F:DE:F9:B2:CA",
    "a=setup:actpass",
    "a=mid:1",
    "a=sctp-port:5000",
    "",
];

/// An answer: status, `code`, `error`, and all of it.
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
        Self { status, retry_after, body: response.json().await.unwrap_or_default() }
    }

    /// Refused like this, in these words.
    #[track_caller]
    fn is(&self, status: u16, code: &str, words: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        let error = self.body["error"].as_str().unwrap();
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(self.body["info"], self.body["error"]);
    }
}

struct Door {
    http: Client,
    url: String,
}

impl Door {
    fn post(&self, path: &str, credential: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(credential).json(body)
    }

    fn get(&self, path: &str, credential: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(credential)
    }

    fn offer(&self, credential: &str) -> RequestBuilder {
        self.post("/api/offer", credential, &json!({ "sdp": OFFER.join("\r\n"), "type": "offer" }))
    }

    async fn token(&self, credential: &str, user: &str) -> String {
        let made = Answer::to(self.post("/api/session", credential, &json!({ "user": user }))).await;
        assert_eq!(made.status, 200, "{}", made.body);
        made.body["token"].as_str().unwrap().to_owned()
    }
}

fn signed(secret: &str, expires: SystemTime) -> String {
    let seconds = expires.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "sub": "ann", "key": "desk", "exp": seconds });
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[test]
fn a_server_that_others_can_reach_wants_a_key_and_says_how_to_make_one() {
    let place = Place::new();
    let refused = place.voce(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(!refused.status.success());
    for words in ["nobody has a key", "voce key NAME", "access.keys_file", "access.required = \"never\""] {
        assert!(said(&refused).contains(words), "{words}: {}", said(&refused));
    }
    let wrong = place.voce(&["key", "the shop"]);
    assert!(!wrong.status.success() && said(&wrong).contains("letters, digits"), "{}", said(&wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_who_is_not_let_in_gets_an_answer_of_their_own() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::new();
    let line = place.voce(&["key", "shop"]).stdout;
    let line = String::from_utf8(line).unwrap();
    let shop = line.trim().strip_prefix("shop ").expect("NAME KEY").to_owned();
    let file = place.dir.path().join("keys");
    fs::write(&file, &line).unwrap();
    let file = format!("access.keys_file={}", file.display());
    let settings = [
        "access.required=always",
        &file,
        "access.origins=[\"https://shop.example\"]",
        "access.calls_per_minute=0",
        "access.keys.shop.max_calls=30",
        "access.keys.desk.max_calls=2",
        "access.keys.slow.requests_per_minute=4",
        "transport.max_calls=40",
        "admission.enabled=false",
        "knowledge.store=none",
        "telemetry.enabled=true",
        "telemetry.sinks=[]",
    ];
    let keys = format!("desk={DESK},slow={SLOW},app={APP}");
    let variables = [("VOCE_API_KEYS", keys.as_str()), ("VOCE_TOKEN_SECRET", SECRET)];
    let server = Server::start_in(&place, &variables, &settings.map(|setting| ["--set", setting]).concat());
    let http = client_with(None).unwrap();
    let door = Door { http: http.clone(), url: server.url.trim_end_matches('/').to_owned() };

    // Strangers see the page, and of the server only that it wants a key.
    assert_eq!(http.get(&server.url).send().await.unwrap().status().as_u16(), 200);
    let status = Answer::to(http.get(format!("{}/api/status", door.url))).await.body;
    assert_eq!(status["sign_in"], json!({ "required": true, "done": false }));
    assert_eq!((&status["models"], &status["name"]), (&json!([]), &json!("voce")));
    let status = Answer::to(door.get("/api/status", DESK)).await.body;
    assert_eq!(status["sign_in"]["done"], true);
    assert!(!status["models"].as_array().unwrap().is_empty());
    for path in ["/metrics", "/api/calls", "/api/turns/0af7651916cd43dd8448eb211c80319c"] {
        Answer::to(http.get(format!("{}{path}", door.url))).await.is(401, "sign_in", "send `Authorization");
    }

    // Who is not known, each in their own words.
    let later = SystemTime::now() + Duration::from_secs(600);
    let earlier = SystemTime::now() - Duration::from_secs(60);
    Answer::to(door.offer("wrong")).await.is(
        401,
        "unknown_credential",
        "neither an API key nor a session token",
    );
    Answer::to(door.offer("a.b.c")).await.is(401, "unknown_credential", "cannot be read");
    Answer::to(door.offer(&signed(&SECRET.replace('0', "1"), later))).await.is(
        401,
        "wrong_signature",
        "another server signed it",
    );
    Answer::to(door.offer(&signed(SECRET, earlier))).await.is(401, "expired_token", "expired at 20");
    let good = Answer::to(door.get("/api/turns/x", &signed(SECRET, later))).await;
    assert_eq!(good.status, 404, "a token that somebody with the secret made is good: {}", good.body);

    // Pages of others.
    let foreign = door.offer(DESK).header("origin", "https://evil.example");
    Answer::to(foreign).await.is(403, "foreign_origin", "https://evil.example");
    let rebound = door.offer(DESK).header("host", "evil.example").header("origin", "http://evil.example");
    Answer::to(rebound).await.is(403, "foreign_host", "answers to localhost");
    let listed = door.get("/api/status", DESK).header("origin", "https://shop.example").send().await.unwrap();
    assert_eq!(listed.headers()["access-control-allow-origin"], "https://shop.example");

    // A token is its user's, and so is the call.
    let (ann, bob) = (door.token(DESK, "ann").await, door.token(DESK, "bob").await);
    Answer::to(door.post("/api/session", &ann, &json!({ "user": "bob" }))).await.is(
        403,
        "other_user",
        "API key",
    );
    Answer::to(door.get("/api/calls", &ann)).await.is(403, "key_needed", "a session token is not enough");
    let call = Answer::to(door.offer(&ann)).await;
    assert_eq!(call.status, 200, "{}", call.body);
    let candidates = json!({ "pc_id": call.body["pc_id"], "candidates": [] });
    let add = |credential: &str| {
        let url = format!("{}/api/offer", door.url);
        Answer::to(door.http.patch(url).bearer_auth(credential).json(&candidates))
    };
    add(&bob).await.is(404, "unknown_call", "no call named");
    assert_eq!(add(&ann).await.status, 200);

    own_turns(&door).await;

    // So many calls of a key, and not one more.
    assert_eq!(Answer::to(door.offer(&bob)).await.status, 200);
    let full = Answer::to(door.offer(DESK)).await;
    full.is(429, "limit", "key \"desk\" has its 2 calls going on");
    assert!(full.retry_after.is_some_and(|seconds| seconds > 0));
    for number in 1..=30 {
        let call = Answer::to(door.offer(&shop)).await;
        assert_eq!(call.status, 200, "call {number}: {}", call.body);
    }
    Answer::to(door.offer(&shop)).await.is(429, "limit", "key \"shop\" has its 30 calls going on");

    // So many requests in a minute; others go on.
    let mut last = Answer::to(door.get("/api/calls", SLOW)).await;
    for _ in 0..6 {
        last = Answer::to(door.get("/api/calls", SLOW)).await;
    }
    last.is(429, "too_many_requests", "try again in");
    assert!(last.retry_after.is_some_and(|seconds| (1..=20).contains(&seconds)));
    assert_eq!(Answer::to(door.get("/api/calls", DESK)).await.status, 200);

    // Who was refused is counted.
    let metrics = door.get("/metrics", DESK).send().await.unwrap().text().await.unwrap();
    for (code, count) in [("expired_token", 1), ("foreign_origin", 1), ("foreign_host", 1), ("limit", 2)] {
        let begins = format!("voce_access_refused_total{{code=\"{code}\"");
        let line = metrics.lines().find(|line| line.starts_with(&begins));
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {count}"))), "{code}: {line:?}");
    }
}

/// A turn of ann's is seen by ann, with a renewed token too, and by who has a key; not by bob.
async fn own_turns(door: &Door) {
    let (ann, bob) = (door.token(APP, "ann").await, door.token(APP, "bob").await);
    let caller = Caller::connect_by(client_with(Some(&ann)).unwrap(), &door.url).await.unwrap();
    caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    let is_report =
        |message: &Received| message.kind() == "server-message" && message.data()["type"] == "turn";
    let report = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    caller.hang_up().await;
    let turn = format!("/api/turns/{}", report.data()["report"]["trace_id"].as_str().unwrap());
    let renewed = Answer::to(door.post("/api/session", &ann, &json!({}))).await;
    let renewed = renewed.body["token"].as_str().unwrap();
    let began = Instant::now();
    loop {
        let seen = Answer::to(door.get(&turn, renewed)).await;
        if seen.status == 200 {
            break;
        }
        assert!(seen.status == 404 && began.elapsed() < PATIENCE, "{}: {}", seen.status, seen.body);
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(Answer::to(door.get(&turn, APP)).await.status, 200);
    for path in ["", "/scores", "/bot.wav", "/feedback"] {
        let refused = Answer::to(door.get(&format!("{turn}{path}"), &bob)).await;
        assert_eq!(refused.status, 404, "{path}: {}", refused.body);
    }
}
