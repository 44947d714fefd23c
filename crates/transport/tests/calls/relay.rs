//! Calls over a TURN server. With the real one, coturn, where VOCE_COTURN names the program.
use std::{
    env,
    net::{TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};
use voce_testkit::caller::{Caller, CallerError};
use voce_transport::{Config, Relay, TurnConfig, TurnSecret};

use crate::server::{ALONE, PATIENCE, Server, tone};

const SECRET: &str = "a secret of this test alone";

/// coturn on the loopback interface, until it is dropped.
struct Coturn {
    port: u16,
    process: Child,
}

impl Coturn {
    /// None where there is no coturn.
    async fn start() -> Option<Self> {
        let Ok(program) = env::var("VOCE_COTURN") else {
            assert!(env::var("VOCE_REQUIRE_COTURN").is_err(), "VOCE_COTURN does not name a turnserver");
            eprintln!("NOT TESTED: a real TURN server: VOCE_COTURN does not name a turnserver");
            return None;
        };
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(&program)
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--realm=voce"])
            .args([
                "--listening-ip=127.0.0.1",
                "--relay-ip=127.0.0.1",
                "--log-file=stdout",
                "--use-auth-secret",
            ])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--static-auth-secret={SECRET}"))
            .arg(format!("--pidfile={}", env::temp_dir().join(format!("voce-coturn-{port}.pid")).display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let coturn = Self { port, process };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "coturn did not open port {port}");
            sleep(Duration::from_millis(20)).await;
        }
        Some(coturn)
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_file(env::temp_dir().join(format!("voce-coturn-{}.pid", self.port))));
    }
}

fn config(relay: Relay, port: u16, transport: &str, secret: &str) -> Config {
    let urls = vec![format!("turn:127.0.0.1:{port}?transport={transport}")];
    let turn = TurnConfig { urls, secret: TurnSecret::new(secret), ..TurnConfig::default() };
    Config { relay, turn, ..Config::default() }
}

async fn refusal(server: &Server) -> String {
    let Err(CallerError::Refused { status, body, .. }) = Caller::connect(&server.url).await else {
        panic!("a call was taken")
    };
    assert_eq!(status, 502);
    serde_json::from_str::<Value>(&body).unwrap()["error"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_comes_over_a_turn_server_alone_asked_by_udp_or_tcp() {
    let _alone = ALONE.lock().await;
    let Some(coturn) = Coturn::start().await else { return };
    for transport in ["udp", "tcp"] {
        let server = Server::start(config(Relay::Only, coturn.port, transport, SECRET)).await;
        let caller = Caller::connect(&server.url).await.unwrap();
        let said = caller.say(&tone(0.5, 440.0)).await.unwrap();
        sleep(Duration::from_millis(400)).await;
        assert!(caller.recording().first_sound(said.began, 0.05).is_some(), "nothing heard over {transport}");
        let (shares, _, addresses) = server.transport.routes();
        assert_eq!((shares, addresses), (1, 0), "nothing went over the shared port");
        let id = caller.id().to_owned();
        caller.hang_up().await;
        server.end_of(&id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_named_where_there_is_no_other_way() {
    let _alone = ALONE.lock().await;
    let Some(coturn) = Coturn::start().await else { return };
    let server = Server::start(config(Relay::Only, coturn.port, "udp", "another secret")).await;
    let words = refusal(&server).await;
    assert!(words.contains("wrong secret") && words.contains(&coturn.port.to_string()), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_server_that_gives_no_answer_is_waited_for_briefly() {
    let _alone = ALONE.lock().await;
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = Server::start(config(Relay::Only, port, "udp", SECRET)).await;
    let words = refusal(&server).await;
    assert!(words.contains("gave no answer"), "{words}");
    // Beside the direct way it costs a moment, not the call.
    let server = Server::start(config(Relay::Beside, port, "udp", SECRET)).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    let said = caller.say(&tone(0.5, 440.0)).await.unwrap();
    sleep(Duration::from_millis(400)).await;
    assert!(caller.recording().first_sound(said.began, 0.05).is_some(), "nothing heard");
    caller.hang_up().await;
}
