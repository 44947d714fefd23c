//! The language model calls tools, and the caller hears what came of it: the real binary, MCP servers of the shelf.
use std::time::Duration;

use serde_json::{Value, json};
use voce_testkit::caller::{Caller, Received};

use crate::{
    harness::{EMBEDDED, Place, microphone, question, repository, said},
    scripted_model::{Asked, Reply, ScriptedModel},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(40);
/// How long the shop takes for an answer, seconds.
const SLOW: u32 = 5;

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// The first question is answered by the tool, the second one makes it fail.
fn clock(asked: &Asked) -> Reply {
    let results = asked.results().join(" ");
    let is_first = asked.question().contains("warranty");
    match (results.is_empty(), is_first) {
        (true, true) => Reply::Call(
            "clock_convert_time",
            json!({"source_timezone": "Asia/Tokyo", "time": "12:00", "target_timezone": "Asia/Kolkata"}),
        ),
        (true, false) => Reply::Call("clock_get_current_time", json!({"timezone": "Mars/Olympus"})),
        (false, true) if results.contains("08:30") => Reply::Text("It is half past eight there.".into()),
        (false, false) if results.contains("Mars") => {
            Reply::Text("Sorry, I could not find that place.".into())
        }
        (false, _) => Reply::Text(format!("Something else came: {results}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_server_from_pypi_answers_and_its_failure_is_told() {
    let (Some(_), Ok(python)) = (voce_testkit::models(EMBEDDED), std::env::var("VOCE_TEST_PYTHON")) else {
        eprintln!("SKIPPED: it needs the models and the Python of scripts/test (VOCE_TEST_PYTHON)");
        return;
    };
    let model = ScriptedModel::start(clock).await;
    let server = format!(
        "tools.mcp=[{{name=\"clock\", command=\"{python}\", args=[\"-m\", \"mcp_server_time\", \"--local-timezone\", \"UTC\"]}}]"
    );
    let place = Place::new();
    let mut arguments = vec!["talk".to_owned(), "--json".into(), "--out".into(), "answer.wav".into()];
    arguments.extend(
        ["warranty_af_heart.wav", "filter_bf_emma.wav"].map(|name| question(name).display().to_string()),
    );
    arguments.extend(["--set".into(), server, "--set".into(), "tools.start_wait_ms=30000".into()]);
    arguments.extend(model.settings());
    let run = move || place.voce(&strings(&arguments));
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let heard = |turn: usize| report["turns"][turn]["heard"].as_str().unwrap_or_default().to_lowercase();
    assert!(heard(0).contains("half past eight"), "{report:#}");
    assert!(heard(1).contains("could not find that place"), "{report:#}");
    let mut asked = model.asked();
    asked.retain(|request| !request.tools().is_empty());
    assert!(asked[0].tools().contains(&"clock_convert_time"), "{:?}", asked[0].tools());
    let last = asked.last().unwrap();
    assert!(
        last.earlier_results().concat().contains("08:30"),
        "the first result is known later: {:#}",
        last.0
    );
}

/// The shop is asked at the first question only.
fn shop(asked: &Asked) -> Reply {
    let question = asked.question();
    match (question.contains("warranty"), asked.results().is_empty()) {
        (true, true) => Reply::Call("shop_order_status", json!({"order": "1001"})),
        (true, false) => Reply::Text("Your pump is on its way to you.".into()),
        (false, _) => Reply::Text("The filter is cleaned every week, and that is all there is to it.".into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_tool_is_covered_can_be_interrupted_and_its_result_belongs_to_its_turn() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let model = ScriptedModel::start(shop).await;
    let script = repository().join("config/examples/mcp-shop/shop.py").display().to_string();
    let server = format!(
        "tools.mcp=[{{name=\"shop\", command=\"python3\", args=[\"{script}\", \"--delay\", \"{SLOW}\"], policy={{timeout_ms=15000, \
         filler=\"I am looking at your order.\", filler_after_ms=800, on_interruption=\"finish\", effects=true}}}}]"
    );
    let place = Place::new();
    let mut arguments = vec!["--set".to_owned(), server];
    arguments.extend(model.settings());
    let voce = Server::start(&place, &strings(&arguments));
    let caller = Caller::connect(&voce.url).await.unwrap();
    // Not interrupted: the filler, then the answer, in one turn.
    let asked = caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    let report = report_after(&caller, asked.began).await;
    let heard = report["heard"].as_str().unwrap_or_default().to_lowercase();
    assert_eq!(report["end_reason"], "completed", "{report:#}");
    let (filler, answer) = (heard.find("looking at your order"), heard.find("on its way"));
    assert!(filler.is_some() && filler < answer, "{report:#}");
    // Interrupted while the filler sounds: the next question is answered at once, and not by the old result.
    let asked = caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    caller.wait_for_after("bot-started-speaking", asked.began, PATIENCE).await.unwrap();
    let cut = caller.say(&microphone("filter_bf_emma.wav")).await.unwrap();
    let interrupted = report_after(&caller, asked.began).await;
    assert_ne!(interrupted["end_reason"], "completed", "{interrupted:#}");
    let next = report_matching(&caller, cut.began, "filter").await;
    let heard = next["heard"].as_str().unwrap_or_default().to_lowercase();
    assert!(heard.contains("every week") && !heard.contains("on its way"), "{next:#}");
    // What came of the call stands in the history of the turns after it.
    tokio::time::sleep(Duration::from_secs(u64::from(SLOW))).await;
    let asked = caller.say(&microphone("hours_am_michael.wav")).await.unwrap();
    report_after(&caller, asked.began).await;
    caller.hang_up().await;
    let mut requests = model.asked();
    // Others are for notes of older turns.
    requests.retain(|request| !request.tools().is_empty());
    let last = requests.last().unwrap();
    assert_eq!(last.earlier_results().len(), 2, "both calls are known: {:#}", last.0);
    assert!(last.earlier_results().iter().all(|result| result.contains("on its way")), "{:#}", last.0);
    assert!(last.results().is_empty(), "{:#}", last.0);
}

async fn report_after(caller: &Caller, since: tokio::time::Instant) -> Value {
    report_matching(caller, since, "").await
}

/// The first report after `since` of a turn whose question has this word.
async fn report_matching(caller: &Caller, since: tokio::time::Instant, word: &str) -> Value {
    let question =
        |message: &Received| message.data()["report"]["question"].as_str().unwrap_or_default().to_lowercase();
    let is_report = |message: &Received| {
        message.at > since
            && message.kind() == "server-message"
            && message.data()["type"] == "turn"
            && question(message).contains(word)
    };
    let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    message.data()["report"].clone()
}

#[test]
fn tools_are_listed_and_called_by_hand() {
    let place = Place::new();
    let shop = repository().join("config/examples/mcp-shop");
    let (config, script) = (shop.join("shop.toml"), shop.join("shop.py"));
    // The example is written for the folder of the repository.
    let written = std::fs::read_to_string(config).unwrap();
    let written = written.replace("config/examples/mcp-shop/shop.py", &script.display().to_string());
    std::fs::write(place.dir.path().join("voce.toml"), written).unwrap();
    let listed = place.voce(&["tools", "list"]);
    let text = said(&listed);
    assert!(listed.status.success(), "{text}");
    for part in
        ["shop_order_status", "only reads", "MCP server shop (python3", "Shall I cancel order {order}?"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let called = place.voce(&["tools", "call", "shop_order_status", "{\"order\": \"1003\"}"]);
    assert!(called.status.success() && said(&called).contains("delivered"), "{}", said(&called));
    let refused = place.voce(&["tools", "call", "shop_order_status", "{}"]);
    assert!(!refused.status.success() && said(&refused).contains("order is missing"), "{}", said(&refused));
}
