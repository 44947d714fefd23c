//! Turns into metrics: what Prometheus and an OTLP receiver read.
#![expect(clippy::disallowed_types, reason = "the measure is the wall clock")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant as WallClock},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data, number_data_point::Value},
};
use prost::Message;
use support::{Collector, Mood, SPANS, early_turn, exporting, named, text, to, turn};
use tracing::{Span, dispatcher::with_default, info_span};
use voce_telemetry::{Config, CustomConfig, CustomKind, Guard, PriceConfig, SinkConfig, SinkKind};

const WITHIN: Duration = Duration::from_secs(10);
const HEARD: &str = "The warranty period is 24 months.";

/// No sink at all: metrics need none.
fn alone() -> Config {
    Config { sinks: vec![], ..to("") }
}

/// Samples of Prometheus's text by name and labels, the labels in the order of their names.
fn samples(guard: &Guard) -> BTreeMap<String, f64> {
    assert!(guard.flush(WITHIN));
    let text = guard.telemetry().prometheus();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

/// What `work` gives under this configuration.
fn measured(config: &Config, work: impl FnOnce()) -> BTreeMap<String, f64> {
    let (dispatch, guard) = exporting(config);
    with_default(&dispatch, work);
    samples(&guard)
}

#[track_caller]
fn is(samples: &BTreeMap<String, f64>, sample: &str, expected: f64) {
    let found = samples.get(sample);
    let near = found.is_some_and(|found| (found - expected).abs() <= 1e-9 * expected.abs().max(1.0));
    let name = sample.split('{').next().unwrap();
    let alike: Vec<_> = samples.iter().filter(|(key, _)| key.starts_with(name)).collect();
    assert!(near, "{sample}: expected {expected}, found {found:?} among {alike:?}");
}

fn root(variant: &str, voice_to_voice: Option<f64>) -> Span {
    let turn = info_span!(
        target: "voce_pipeline", parent: None, "turn", session = "call", variant, interruptions = 1_u64,
        end_reason = "interrupted", voice_to_voice_seconds = tracing::field::Empty, early_used = 1_u64,
        early_dropped = 2_u64, wasted_seconds = 0.75, started_ms_ago = 6_000.0
    );
    if let Some(seconds) = voice_to_voice {
        turn.record("voice_to_voice_seconds", seconds);
    }
    turn
}

fn answer(turn: &Span, model: &str) {
    drop(info_span!(
        target: "voce_pipeline", parent: turn, "llm", provider = "openai", model, prompt_tokens = 100_u64,
        completion_tokens = 20_u64, cached_tokens = 40_u64, first_token_seconds = 0.25, inter_token_mean_ms = 12.5,
        tokens_per_second = 80.0, queue_wait_ms = 30.0, started_ms_ago = 600.0
    ));
}

#[test]
fn a_turns_figures_stand_under_its_model_and_variant() {
    let samples = measured(&alone(), || {
        for (variant, model, seconds) in [("a", "small", 0.7), ("a", "small", 1.3), ("b", "large", 2.6)] {
            let turn = root(variant, Some(seconds));
            answer(&turn, model);
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "end_of_turn", model = "smart", outcome = "committed",
                reopened = variant == "b"
            ));
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "overlap", outcome = "interruption", stop_ms = 85.0
            ));
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "overlap", outcome = "echo", stop_ms = 85.0
            ));
            drop(info_span!(target: "voce_pipeline", parent: &turn, "playout", late_frames = 2_u64));
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "tool", tool = "weather", call = "c1", outcome = "timed_out",
                seconds = 2.5
            ));
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "rag", model = "mini", count = 3_u64, best_score = 0.75
            ));
            drop(info_span!(
                target: "voce_pipeline", parent: &turn, "tts", model = "voice", real_time_factor = 0.4,
                first_audio_seconds = 0.125, error = "out of memory"
            ));
            drop(
                info_span!(target: "voce_pipeline", parent: &turn, "stt", model = "ear", real_time_factor = 0.1),
            );
        }
    });
    let a = r#"{model="small",variant="a"}"#;
    is(&samples, &format!("voce_turn_voice_to_voice_seconds_count{a}"), 2.0);
    is(&samples, &format!("voce_turn_voice_to_voice_seconds_sum{a}"), 2.0);
    let bucket = |bound: &str| {
        format!(r#"voce_turn_voice_to_voice_seconds_bucket{{model="small",variant="a",le="{bound}"}}"#)
    };
    is(&samples, &bucket("0.6"), 0.0);
    is(&samples, &bucket("0.8"), 1.0);
    is(&samples, &bucket("1.25"), 1.0);
    is(&samples, &bucket("1.5"), 2.0);
    is(&samples, &bucket("+Inf"), 2.0);
    is(&samples, r#"voce_turn_voice_to_voice_seconds_sum{model="large",variant="b"}"#, 2.6);
    is(&samples, r#"voce_turn_duration_seconds_count{variant="a"}"#, 2.0);
    let lasted = samples[r#"voce_turn_duration_seconds_sum{variant="b"}"#];
    assert!((6.0..6.5).contains(&lasted), "{lasted}");
    is(&samples, r#"voce_turns_total{end_reason="interrupted",variant="a"}"#, 2.0);
    is(&samples, r#"voce_stage_duration_seconds_count{model="small",stage="llm",variant="a"}"#, 2.0);
    let thought = samples[r#"voce_stage_duration_seconds_sum{model="small",stage="llm",variant="a"}"#];
    assert!((1.2..1.5).contains(&thought), "{thought}");
    is(
        &samples,
        r#"voce_stage_duration_seconds_sum{model="small",stage="llm.first_token",variant="a"}"#,
        0.5,
    );
    is(
        &samples,
        r#"voce_stage_duration_seconds_sum{model="voice",stage="tts.first_audio",variant="b"}"#,
        0.125,
    );
    is(&samples, r#"voce_stage_errors_total{model="voice",stage="tts",variant="a"}"#, 2.0);
    assert!(!samples.keys().any(|key| key.starts_with("voce_stage_errors_total") && key.contains("llm")));
    is(&samples, r#"voce_queue_wait_seconds_sum{model="small",stage="llm",variant="a"}"#, 0.06);
    let chat = r#"{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="small",variant="a"}"#;
    is(&samples, &format!("gen_ai_client_operation_duration_seconds_count{chat}"), 2.0);
    is(&samples, &format!("gen_ai_client_operation_time_to_first_chunk_seconds_sum{chat}"), 0.5);
    let tokens = |kind: &str| {
        format!(
            r#"gen_ai_client_token_usage_sum{{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="small",gen_ai_token_type="{kind}",variant="a"}}"#
        )
    };
    is(&samples, &tokens("input"), 200.0);
    is(&samples, &tokens("output"), 40.0);
    is(&samples, &format!("voce_llm_inter_token_seconds_sum{a}"), 0.025);
    is(&samples, &format!("voce_llm_tokens_per_second_sum{a}"), 160.0);
    is(&samples, r#"voce_stt_real_time_factor_sum{model="ear",variant="b"}"#, 0.1);
    is(&samples, r#"voce_tts_real_time_factor_sum{model="voice",variant="b"}"#, 0.4);
    is(&samples, r#"voce_tool_duration_seconds_sum{outcome="timed_out",tool="weather",variant="a"}"#, 5.0);
    is(&samples, r#"voce_rag_documents_sum{model="mini",variant="a"}"#, 6.0);
    is(&samples, r#"voce_rag_best_score_sum{model="mini",variant="a"}"#, 1.5);
    is(&samples, r#"voce_interruptions_total{variant="a"}"#, 2.0);
    is(&samples, r#"voce_interruption_stop_seconds_count{variant="a"}"#, 2.0);
    is(&samples, r#"voce_overlaps_total{outcome="echo",variant="b"}"#, 1.0);
    is(&samples, r#"voce_end_of_turn_total{outcome="committed",reopened="false",variant="a"}"#, 2.0);
    is(&samples, r#"voce_end_of_turn_total{outcome="committed",reopened="true",variant="b"}"#, 1.0);
    is(&samples, r#"voce_speculation_total{outcome="used",variant="a"}"#, 2.0);
    is(&samples, r#"voce_speculation_total{outcome="dropped",variant="a"}"#, 4.0);
    is(&samples, r#"voce_speculation_wasted_seconds_total{variant="a"}"#, 1.5);
    is(&samples, r#"voce_playout_late_frames_total{variant="b"}"#, 2.0);
}

#[test]
fn a_turn_without_an_answer_has_no_voice_to_voice_and_its_model_is_none() {
    let samples = measured(&alone(), || {
        drop(root("a", None));
        drop(root("b", Some(0.5)));
    });
    assert!(!samples.contains_key(r#"voce_turn_voice_to_voice_seconds_count{model="none",variant="a"}"#));
    is(&samples, r#"voce_turn_voice_to_voice_seconds_count{model="none",variant="b"}"#, 1.0);
}

#[test]
fn a_reply_that_was_dropped_is_no_answer() {
    let plain = measured(&alone(), || drop(turn("call", 1, HEARD)));
    let early = measured(&alone(), || drop(early_turn("call", 1, HEARD)));
    let counts = |samples: &BTreeMap<String, f64>, name: &str| -> Vec<(String, f64)> {
        samples
            .iter()
            .filter(|(key, _)| key.starts_with(name) && key.contains("_count"))
            .map(|(key, value)| (key.clone(), *value))
            .collect()
    };
    for name in ["voce_stage", "gen_ai_client", "voce_llm", "voce_tts", "voce_turn"] {
        assert!(!counts(&plain, name).is_empty());
        assert_eq!(counts(&plain, name), counts(&early, name));
    }
    is(&early, r#"voce_speculation_total{outcome="dropped"}"#, 1.0);
    is(&early, r#"voce_speculation_wasted_seconds_total"#, 0.3);
}

#[test]
fn what_others_know_is_read_when_asked() {
    let (_dispatch, guard) = exporting(&alone());
    let telemetry = guard.telemetry();
    telemetry.gauge("voce.queue.depth", "", "", &[("queue", "test")], || 7.0);
    telemetry.counter("voce.calls", "", "Calls.", &[], || 3.0);
    telemetry.score("faithfulness", 4.0, "judge", "a");
    telemetry.score("faithfulness", f64::NAN, "judge", "a");
    let samples = samples(&guard);
    is(&samples, r#"voce_queue_depth{queue="test"}"#, 7.0);
    is(&samples, r#"voce_queue_depth{queue="telemetry"}"#, 0.0);
    is(&samples, "voce_calls_total", 3.0);
    is(&samples, r#"voce_judge_score_sum{metric="faithfulness",source="judge",variant="a"}"#, 4.0);
    is(&samples, r#"voce_judge_score_count{metric="faithfulness",source="judge",variant="a"}"#, 1.0);
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_threads"] {
        assert!(samples[name] >= 1.0, "{name}");
    }
    assert!(samples.contains_key("process_cpu_seconds_total"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - samples["process_start_time_seconds"];
    assert!((-2.0..600.0).contains(&age), "{age}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exports_own_figures_are_metrics_and_an_absent_sink_changes_nothing_else() {
    let collector = Collector::start(Mood::Take).await;
    let url = format!("{}/", collector.url);
    let taken = measured(&to(&collector.url), || drop(turn("call", 1, HEARD)));
    is(&taken, &format!(r#"voce_telemetry_spans_total{{outcome="exported",sink="{url}"}}"#), SPANS as f64);
    is(&taken, &format!(r#"voce_telemetry_sink_up{{sink="{url}"}}"#), 1.0);
    let (dispatch, guard) = exporting(&to("http://127.0.0.1:9"));
    with_default(&dispatch, || drop(turn("call", 1, HEARD)));
    guard.flush(Duration::from_secs(2));
    let text = guard.telemetry().prometheus();
    assert!(text.contains("voce_turns_total{end_reason=\"completed\"} 1\n"), "{text}");
    assert!(text.contains("voce_telemetry_sink_up{sink=\"http://127.0.0.1:9/\"} 0\n"), "{text}");
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let (dispatch, guard) = exporting(&alone());
    with_default(&dispatch, || drop(turn("call", 1, HEARD)));
    assert!(guard.flush(WITHIN));
    let text = guard.telemetry().prometheus();
    assert!(text.contains("# TYPE voce_turns_total counter\n"), "{text}");
    assert!(text.contains("# TYPE voce_turn_voice_to_voice_seconds histogram\n"));
    assert!(text.contains("# TYPE process_threads gauge\n"));
    assert!(text.contains("service_name=\"voce\""));
    assert!(!text.contains("otel_scope"));
}

#[test]
fn switched_off_it_says_so_in_a_comment() {
    let (_, guard) =
        voce_telemetry::layer::<tracing_subscriber::Registry>(&Config { enabled: false, ..alone() }).unwrap();
    let text = guard.telemetry().prometheus();
    assert!(text.starts_with("# telemetry is switched off") && text.lines().count() == 1, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_becomes_a_cost_on_the_span_and_in_the_counter() {
    let collector = Collector::start(Mood::Take).await;
    let price =
        |model: &str, input, output, cached| PriceConfig { model: model.into(), input, output, cached };
    let prices = vec![
        price("small*", 100.0, 100.0, None),
        price("small-2*", 1.0, 2.0, Some(0.5)),
        price("small-2", 10.0, 20.0, Some(5.0)),
    ];
    let config = Config { prices, ..to(&collector.url) };
    let samples = measured(&config, || {
        for model in ["small-2", "small-2-large", "free"] {
            answer(&root("a", None), model);
        }
    });
    // 60 fresh and 40 kept tokens of the prompt, 20 of the answer.
    is(&samples, r#"voce_llm_cost_total{model="small-2",variant="a"}"#, (600.0 + 200.0 + 400.0) / 1e6);
    is(&samples, r#"voce_llm_cost_total{model="small-2-large",variant="a"}"#, (60.0 + 20.0 + 40.0) / 1e6);
    assert!(!samples.contains_key(r#"voce_llm_cost_total{model="free",variant="a"}"#));
    let spans = collector.spans();
    let of = |model: &str| {
        let spans: Vec<_> = spans
            .iter()
            .filter(|span| span.name == "llm" && text(span, "gen_ai.request.model") == model)
            .cloned()
            .collect();
        named(&spans, "llm").clone()
    };
    let cost: serde_json::Value = serde_json::from_str(text(&of("small-2"), "mlflow.llm.cost")).unwrap();
    let near = |name: &str, expected: f64| (cost[name].as_f64().unwrap() - expected).abs() < 1e-12;
    assert!(
        near("input_cost", 800e-6) && near("output_cost", 400e-6) && near("total_cost", 1_200e-6),
        "{cost}"
    );
    assert!(of("free").attributes.iter().all(|attribute| attribute.key != "mlflow.llm.cost"));
}

fn refused(config: Config) -> String {
    let answer = voce_telemetry::layer::<tracing_subscriber::Registry>(&config);
    match answer {
        Ok(_) => panic!("this configuration was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_price_that_is_none_is_refused() {
    let price = |model: &str, input| PriceConfig { model: model.into(), input, ..PriceConfig::default() };
    for (prices, expected) in [
        (vec![price("a", -1.0)], "entry 1"),
        (vec![price("a", 1.0), price("a", 2.0)], "entry 2"),
        (vec![price("", 1.0)], "gpt-4o"),
    ] {
        let error = refused(Config { prices, ..alone() });
        assert!(error.contains("telemetry.prices") && error.contains(expected), "{error}");
    }
}

fn custom(name: &str, value: &str) -> CustomConfig {
    CustomConfig {
        name: name.into(),
        span: "tts".into(),
        value: value.into(),
        buckets: vec![1.0, 10.0, 100.0],
        ..CustomConfig::default()
    }
}

fn with_custom(custom: Vec<CustomConfig>) -> Config {
    let mut config = alone();
    config.metrics.custom = custom;
    config
}

#[test]
fn metrics_of_ones_own_come_from_expressions() {
    let speed = CustomConfig {
        unit: "{character}/s".into(),
        labels: vec!["gen_ai.request.model".into()],
        ..custom("shop.speed", r#"attributes["voce.tts.characters"] / attributes["voce.audio_seconds"]"#)
    };
    let long = CustomConfig {
        kind: CustomKind::Counter,
        buckets: vec![],
        when: r#"attributes["voce.tts.characters"] > 20.0 && !failed && name == "tts""#.into(),
        ..custom("shop.long_lines", "1")
    };
    let missing = custom("shop.missing", r#"attributes["no.such"]"#);
    let wrong = custom("shop.wrong", r#"attributes["gen_ai.request.model"] + 1.0"#);
    let text = custom("shop.text", "name");
    let lasted = custom("shop.lasted", "duration_seconds * 1000.0");
    let any = custom("shop.any", r#"attributes.exists(key, key == "voce.tts.characters") ? 1 : 0"#);
    let has = custom("shop.has", r#"has(attributes.absent) ? 1 : 0"#);
    let all = vec![speed, long, missing, wrong, text, lasted, any, has];
    let samples = measured(&with_custom(all), || {
        drop(turn("call", 1, HEARD));
    });
    let characters = ["The warranty period is 24 months.", "Keep the receipt."].map(str::len);
    let sum: f64 = characters.iter().map(|length| *length as f64 / 1.4).sum();
    is(&samples, r#"shop_speed_per_second_sum{gen_ai_request_model="kokoro-82m-int8"}"#, sum);
    is(&samples, "shop_long_lines_total", 1.0);
    assert!(!samples.keys().any(|key| key.starts_with("shop_missing")));
    assert!(samples["shop_lasted_sum"] >= 700.0);
    is(&samples, "shop_any_sum", 2.0);
    is(&samples, "shop_has_sum", 0.0);
    is(&samples, r#"voce_telemetry_custom_errors_total{metric="shop.wrong"}"#, 2.0);
    is(&samples, r#"voce_telemetry_custom_errors_total{metric="shop.text"}"#, 2.0);
    assert!(!samples.contains_key(r#"voce_telemetry_custom_errors_total{metric="shop.missing"}"#));
}

#[test]
fn a_bad_metric_of_ones_own_is_refused_with_its_place() {
    let good = || custom("shop.good", "duration_seconds");
    let cases: Vec<(CustomConfig, &str)> = vec![
        (custom("shop.bad", "duration_seconds +"), "column"),
        (custom("shop.bad", ""), "is empty"),
        (custom("shop.bad", &"1 + ".repeat(200)), "at most 500"),
        (custom("shop.bad", "duration + 1.0"), "\"duration\" is unknown"),
        (custom("shop.bad", "frobnicate(duration_seconds)"), "frobnicate"),
        (custom("shop.bad", "attributes.all(a, attributes.all(b, a != b)) ? 1 : 0"), "loops"),
        (CustomConfig { when: "failed &&".into(), ..custom("shop.bad", "1") }, "when: line 1"),
        (CustomConfig { span: "sst".into(), ..custom("shop.bad", "1") }, "stt"),
        (CustomConfig { buckets: vec![1.0, 1.0], ..custom("shop.bad", "1") }, "growing"),
        (CustomConfig { buckets: vec![], ..custom("shop.bad", "1") }, "buckets"),
        (CustomConfig { buckets: vec![f64::NAN], ..custom("shop.bad", "1") }, "no bound"),
        (CustomConfig { kind: CustomKind::Counter, ..custom("shop.bad", "1") }, "a counter has none"),
        (custom("voce.turns", "1"), "voce.turns"),
        (custom("voce_Turns", "1"), "voce.turns"),
        (custom("process.cpu", "1"), "process.cpu"),
        (custom("shop_good", "1"), "entry 1"),
        (custom("1shop", "1"), "expected a letter"),
        (CustomConfig { unit: "µs".into(), ..custom("shop.bad", "1") }, "unit"),
        (CustomConfig { labels: vec!["session.id".into()], ..custom("shop.bad", "1") }, "from call to call"),
        (CustomConfig { labels: vec!["mlflow.spanInputs".into()], ..custom("shop.bad", "1") }, "people said"),
        (CustomConfig { labels: vec!["a.b".into(), "a_b".into()], ..custom("shop.bad", "1") }, "twice"),
    ];
    for (bad, expected) in cases {
        let name = bad.name.clone();
        let error = refused(with_custom(vec![good(), bad]));
        assert!(error.contains("telemetry.metrics.custom, entry 2") && error.contains(&name), "{error}");
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let many = (0..51).map(|number| custom(&format!("shop.m{number}"), "1")).collect();
    assert!(refused(with_custom(many)).contains("at most 50"));
}

#[test]
fn a_label_with_endless_values_is_bounded() {
    let endless = CustomConfig { labels: vec!["voce.tts.voice".into()], ..custom("shop.voices", "1") };
    let config = Config { queue_spans: 10_000, ..with_custom(vec![endless]) };
    let samples = measured(&config, || {
        let turn = root("a", None);
        for number in 0..3_000 {
            drop(
                info_span!(target: "voce_pipeline", parent: &turn, "tts", voice = format!("voice {number}")),
            );
        }
    });
    let series = samples.keys().filter(|key| key.starts_with("shop_voices_count")).count();
    assert!(series <= 401, "{series}");
    let rest = samples[r#"shop_voices_count{otel_metric_overflow="true"}"#];
    assert_eq!(rest as usize + series - 1, 3_000);
}

/// A receiver of OTLP metrics.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<ExportMetricsServiceRequest>>>);

impl Receiver {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let take = |State(receiver): State<Self>, body: Bytes| async move {
            receiver.0.lock().unwrap().push(ExportMetricsServiceRequest::decode(body).unwrap());
        };
        let routes = Router::new()
            .route("/v1/metrics", post(take))
            .route("/v1/traces", post(|| async {}))
            .with_state(self.clone());
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await });
        server.detach_all();
        url
    }

    /// The metric in the latest request, once there is one.
    async fn latest(&self, name: &str) -> Metric {
        for _ in 0..500 {
            let found = self.0.lock().unwrap().last().and_then(|request| {
                let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
                scopes.flat_map(|scope| &scope.metrics).find(|metric| metric.name == name).cloned()
            });
            if let Some(metric) = found {
                return metric;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {name} came");
    }
}

fn pushing(url: &str, interval_ms: u64) -> Config {
    let sink = SinkConfig { kind: SinkKind::Otlp, url: url.into(), metrics: true, ..SinkConfig::default() };
    let mut config = Config { sinks: vec![sink], ..to(url) };
    config.metrics.interval_ms = interval_ms;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_figures_go_to_otlp_receivers() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let (dispatch, guard) = exporting(&pushing(&url, 100));
    with_default(&dispatch, || drop(turn("call", 1, HEARD)));
    let metric = receiver.latest("voce.turn.voice_to_voice").await;
    assert_eq!(metric.unit, "s");
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
    assert_eq!((histogram.data_points[0].count, histogram.data_points[0].sum), (1, Some(1.25)));
    assert_eq!(histogram.aggregation_temporality, 2, "cumulative");
    assert!(receiver.latest("process.resident_memory").await.data.is_some());
    drop(guard);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_sends_the_last_figures() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let (dispatch, guard) = exporting(&Config { flush_ms: 5_000, ..pushing(&url, 3_600_000) });
    with_default(&dispatch, || drop(turn("call", 1, HEARD)));
    assert!(receiver.0.lock().unwrap().is_empty());
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    let Some(Data::Sum(sum)) = receiver.latest("voce.turns").await.data else { panic!("no sum") };
    assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(1.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_late_gets_all_of_it() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (dispatch, guard) = exporting(&pushing(&format!("http://{address}"), 100));
    with_default(&dispatch, || drop(turn("call", 1, HEARD)));
    tokio::time::sleep(Duration::from_millis(400)).await;
    let receiver = Receiver::default();
    let take = receiver.clone();
    let routes = Router::new().route(
        "/v1/metrics",
        post(|body: Bytes| async move {
            take.0.lock().unwrap().push(ExportMetricsServiceRequest::decode(body).unwrap());
        }),
    );
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, routes).await });
    let Some(Data::Sum(sum)) = receiver.latest("voce.turns").await.data else { panic!("no sum") };
    assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(1.0)));
    drop(guard);
}

#[test]
fn mlflow_is_no_receiver_of_metrics() {
    let sinks = vec![SinkConfig { metrics: true, ..SinkConfig::default() }];
    let error = refused(Config { sinks, ..alone() });
    assert!(error.contains("only a sink of kind otlp") && error.contains("/metrics"), "{error}");
}

/// No limit is held: the machine is shared. `tests/cost.rs` holds the cost of a turn with all of this in it.
#[test]
fn what_metrics_cost_a_span() {
    const TURNS: usize = 500;
    let time = |config: Config| {
        let (dispatch, guard) = exporting(&Config { queue_spans: 20_000, ..config });
        with_default(&dispatch, || (0..TURNS as u64).for_each(|number| drop(turn("call", number, HEARD))));
        let began = WallClock::now();
        assert!(guard.flush(Duration::from_secs(60)));
        let text = WallClock::now();
        let length = guard.telemetry().prometheus().len();
        (began.elapsed(), text.elapsed(), length)
    };
    let (plain, text, length) = time(alone());
    let speed = r#"attributes["voce.tts.characters"] / duration_seconds"#;
    let (one, ..) = time(with_custom(vec![custom("shop.speed", speed)]));
    println!(
        "at the end of {TURNS} turns the export thread was behind by {plain:?}, with a custom metric on 2 of {SPANS} \
         spans {one:?}; /metrics took {text:?} for {length} bytes"
    );
}
