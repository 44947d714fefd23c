//! MCP servers: the shipped example, one from PyPI by both ways, and one that misbehaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    runtime::Handle,
    time::{sleep, timeout},
};
use voce_core::{ToolCall, Tools};
use voce_tools::{Config, McpServer, PolicyConfig, Toolbox};

const PATIENCE: Duration = Duration::from_secs(30);

/// The Python that has the packages of `scripts/requirements-test.txt`; none is said.
fn python_with_packages() -> Option<String> {
    let python = std::env::var("VOCE_TEST_PYTHON").ok();
    if python.is_none() {
        eprintln!(
            "SKIPPED: VOCE_TEST_PYTHON is not set, so there is no MCP server from PyPI; scripts/test sets it"
        );
    }
    python
}

fn file(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn program(name: &str, command: &str, args: &[&str]) -> McpServer {
    let args = args.iter().map(ToString::to_string).collect();
    McpServer { name: name.into(), command: command.into(), args, ..McpServer::default() }
}

async fn toolbox(servers: Vec<McpServer>) -> Arc<Toolbox> {
    let config = Config { mcp: servers, start_wait_ms: 30_000, ..Config::default() };
    let tools = Toolbox::start(&config, &Handle::current()).unwrap();
    tools.ready().await;
    tools
}

async fn call(tools: &Toolbox, name: &str, arguments: Value) -> Result<String, String> {
    let call = ToolCall { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
    timeout(PATIENCE, tools.call(call)).await.expect("an answer").map_err(|error| error.to_string())
}

fn names(tools: &Toolbox) -> Vec<String> {
    tools.definitions().iter().map(|definition| definition.name.clone()).collect()
}

/// Waits until `is_so`.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn the_shipped_shop_answers_cancels_and_refuses() {
    let example: toml::Table =
        toml::from_str(include_str!("../../../config/examples/mcp-shop/shop.toml")).unwrap();
    let mut config: Config = example["tools"].clone().try_into().unwrap();
    config.mcp[0].args = vec![file("../../config/examples/mcp-shop/shop.py")];
    let tools = toolbox(config.mcp).await;
    assert_eq!(tools.troubles(), []);
    assert_eq!(names(&tools), ["shop_order_status", "shop_cancel_order"]);
    let definitions = tools.definitions();
    let (status, cancel) = (&definitions[0].policy, &definitions[1].policy);
    assert!(!status.has_effects && status.confirm.is_none(), "the server says that it only reads");
    assert!(cancel.has_effects);
    assert_eq!(cancel.confirm.as_deref(), Some("Shall I cancel order {order}?"));
    let order = |number: &str| json!({"order": number});
    let said = call(&tools, "shop_order_status", order("1001")).await.unwrap();
    assert!(said.contains("on its way"), "{said}");
    let cancelled = call(&tools, "shop_cancel_order", order("1002")).await.unwrap();
    assert_eq!(cancelled, "Order 1002 is cancelled.");
    let again = call(&tools, "shop_cancel_order", order("1002")).await.unwrap_err();
    assert!(again.contains("cancelled already"), "{again}");
    let wrong = call(&tools, "shop_cancel_order", json!({"order": 1002})).await.unwrap_err();
    assert!(wrong.contains("order: 1002 is not of type string"), "{wrong}");
}

#[tokio::test]
async fn a_server_from_pypi_by_standard_input_and_output() {
    let Some(python) = python_with_packages() else { return };
    let server = program("clock", &python, &["-m", "mcp_server_time", "--local-timezone", "UTC"]);
    let tools = toolbox(vec![server]).await;
    assert_eq!(tools.troubles(), []);
    assert!(names(&tools).contains(&"clock_convert_time".to_owned()), "{:?}", names(&tools));
    let arguments =
        json!({"source_timezone": "Asia/Tokyo", "time": "12:00", "target_timezone": "Asia/Kolkata"});
    let said = call(&tools, "clock_convert_time", arguments).await.unwrap();
    assert!(said.contains("08:30") && said.contains("-3.5h"), "{said}");
    let wrong =
        call(&tools, "clock_get_current_time", json!({"timezone": "Mars/Olympus"})).await.unwrap_err();
    assert!(wrong.contains("Mars"), "{wrong}");
    let missing = call(&tools, "clock_get_current_time", json!({})).await.unwrap_err();
    assert!(missing.contains("timezone is missing"), "{missing}");
}

#[tokio::test]
async fn a_server_of_the_python_sdk_by_http() {
    let Some(python) = python_with_packages() else { return };
    let mut server = tokio::process::Command::new(python)
        .arg(file("tests/servers/over_http.py"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("the address");
    let tools = toolbox(vec![McpServer { name: "prices".into(), url, ..McpServer::default() }]).await;
    // It prints its address before it listens, so the first try may have been too early.
    until("a connection", || tools.troubles().is_empty()).await;
    assert_eq!(names(&tools), ["prices_price"]);
    assert!(!tools.definitions()[0].policy.has_effects);
    let said = call(&tools, "prices_price", json!({"item": "pump", "count": 2})).await.unwrap();
    assert!(said.contains("160 dollars"), "{said}");
    let wrong = call(&tools, "prices_price", json!({"item": "moon"})).await.unwrap_err();
    assert!(wrong.contains("moon"), "{wrong}");
    server.kill().await.unwrap();
    let gone = call(&tools, "prices_price", json!({"item": "pump"})).await.unwrap_err();
    assert!(gone.contains("prices did not answer"), "{gone}");
    until("the end of the connection", || !tools.troubles().is_empty()).await;
    let away = call(&tools, "prices_price", json!({"item": "pump"})).await.unwrap_err();
    assert!(away.contains("prices is away at the moment"), "{away}");
}

/// The misbehaving server and what it wrote down.
struct Odd {
    tools: Arc<Toolbox>,
    log: PathBuf,
    _folder: Folder,
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Odd {
    async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("voce-odd-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join("log");
        let script = file("tests/servers/odd.py");
        let server = McpServer {
            prefix: Some(String::new()),
            policy: PolicyConfig { effects: Some(false), ..PolicyConfig::default() },
            env: vec!["CARGO_MANIFEST_DIR".into()],
            ..program("odd", "python3", &[&script, &log.display().to_string()])
        };
        let tools = toolbox(vec![server]).await;
        assert_eq!(tools.troubles(), []);
        Self { tools, log, _folder: Folder(folder) }
    }

    /// What it wrote down that begins so.
    fn seen(&self, begin: &str) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter_map(|line| line.strip_prefix(begin)).map(|rest| rest.trim().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_and_its_tools_stay_known() {
    let odd = Odd::start("dies").await;
    assert_eq!(names(&odd.tools), ["die", "hang", "more", "long", "deny"], "both pages");
    let died = call(&odd.tools, "die", json!({})).await.unwrap_err();
    assert!(died.contains("odd did not answer"), "{died}");
    assert_eq!(names(&odd.tools).len(), 5);
    let first_child = odd.seen("child")[0].clone();
    until("a second start", || odd.seen("started").len() == 2 && odd.tools.troubles().is_empty()).await;
    assert!(!is_running(&first_child), "what the dead server started is gone, too");
    let denied = call(&odd.tools, "deny", json!({})).await.unwrap_err();
    assert!(denied.contains("odd refused: not today"), "{denied}");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled_and_other_tools_are_noticed() {
    let odd = Odd::start("cancels").await;
    let hanging = call(&odd.tools, "hang", json!({}));
    assert!(timeout(Duration::from_millis(300), hanging).await.is_err());
    until("the cancellation", || {
        odd.seen("cancelled") == odd.seen("call hang") && !odd.seen("cancelled").is_empty()
    })
    .await;
    assert_eq!(call(&odd.tools, "more", json!({})).await.as_deref(), Ok("done"));
    until("another tool", || names(&odd.tools).contains(&"another".to_owned())).await;
    let long = call(&odd.tools, "long", json!({})).await.unwrap();
    assert!(long.ends_with("[cut here: 8000 of 100000 bytes]"));
}

#[tokio::test]
async fn a_program_sees_only_what_it_is_given_and_ends_with_us() {
    let odd = Odd::start("ends").await;
    let environment = odd.seen("environment").concat();
    let has = |name: &str| environment.split(',').any(|other| other == name);
    // A launcher of Python may add its own.
    assert!(has("CARGO_MANIFEST_DIR") && has("PATH") && !has("CARGO_PKG_NAME"), "{environment}");
    assert!(std::env::var("CARGO_PKG_NAME").is_ok(), "the test itself has it");
    let programs = [odd.seen("started"), odd.seen("child")].concat();
    assert!(programs.iter().all(|id| is_running(id)));
    let Odd { tools, _folder, .. } = odd;
    tokio::task::spawn_blocking(move || drop(tools)).await.unwrap();
    until("the end of all", || !programs.iter().any(|id| is_running(id))).await;
}

/// Whether a process is there and no zombie.
fn is_running(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_told_of_and_waited_for_no_longer() {
    let tools = toolbox(vec![program("nobody", "/not/there", &[])]).await;
    let troubles = tools.troubles();
    assert!(troubles[0].1.contains("/not/there cannot be started"), "{troubles:?}");
    assert!(names(&tools).is_empty());
}
