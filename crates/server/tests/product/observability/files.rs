//! Rules and configurations, read by the programs that they are for.
use std::{collections::HashSet, fs, path::PathBuf, process::Command};

use serde_json::Value;

use super::prometheus::program;
use crate::harness::{repository, said};

fn folder() -> PathBuf {
    repository().join("deploy/observability")
}

fn promtool(arguments: &[&str]) {
    let Some(program) = program("promtool") else { return };
    let output = Command::new(program).args(arguments).current_dir(folder()).output().expect("promtool runs");
    assert!(output.status.success(), "promtool {arguments:?}: {}", said(&output));
}

#[test]
fn promtool_accepts_the_rules_and_the_configuration() {
    promtool(&["check", "rules", "alerts.yaml", "recording.yaml"]);
    promtool(&["check", "config", "prometheus.yaml"]);
}

#[test]
fn each_alert_fires_on_what_it_is_for() {
    promtool(&["test", "rules", "alerts.test.yaml"]);
}

#[test]
fn each_alert_is_tested_and_explained() {
    let read = |file: &str| fs::read_to_string(folder().join(file)).unwrap();
    let (alerts, tests, explained) = (read("alerts.yaml"), read("alerts.test.yaml"), read("README.md"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 10);
    for name in names {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
        assert!(explained.contains(&format!("### {name}\n")), "{name} is not explained in README.md");
        assert!(
            alerts.contains(&format!("README.md#{}", name.to_lowercase())),
            "{name} has no link to README.md"
        );
    }
    for key in ["for:", "severity:", "summary:", "description:", "runbook:"] {
        let count = alerts.matches(&format!(" {key}")).count();
        assert_eq!(count, alerts.matches("- alert:").count(), "{key}");
    }
}

/// No package of Debian, PyPI or npm has a Collector that could validate it, so this holds what a typing mistake breaks: every
/// component of a pipeline is there and of the right kind, and none is there for nothing.
#[test]
fn the_collectors_pipelines_are_made_of_what_is_defined() {
    let Some(python) = std::env::var_os("VOCE_TEST_PYTHON") else {
        return println!("SKIPPED: VOCE_TEST_PYTHON is not set; scripts/test sets it");
    };
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let file = folder().join("otel-collector.yaml");
    let output = Command::new(python).args(["-c", script]).arg(file).output().expect("python runs");
    assert!(output.status.success(), "{}", said(&output));
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = |value: &Value| -> HashSet<String> {
        value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
    };
    let listed = |value: &Value| -> HashSet<String> {
        value.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let pipelines = config["service"]["pipelines"].as_object().unwrap();
    assert!(pipelines.contains_key("traces") && pipelines.contains_key("metrics"));
    for kind in ["receivers", "processors", "exporters"] {
        let used: HashSet<String> = pipelines.values().flat_map(|pipeline| listed(&pipeline[kind])).collect();
        assert_eq!(used, names(&config[kind]), "{kind}");
    }
    assert_eq!(listed(&config["service"]["extensions"]), names(&config["extensions"]));
    for pipeline in pipelines.values() {
        assert_eq!(pipeline["processors"][0], "memory_limiter", "it has to come first");
        assert_eq!(
            pipeline["processors"].as_array().unwrap().last().unwrap(),
            "batch",
            "it has to come last"
        );
    }
    let mlflow = &config["exporters"]["otlphttp/mlflow"];
    assert_eq!(mlflow["compression"], "gzip");
    assert!(mlflow["headers"]["x-mlflow-experiment-id"].is_string());
    let storage = mlflow["sending_queue"]["storage"].as_str().unwrap();
    assert!(names(&config["extensions"]).contains(storage), "{storage}");
}
