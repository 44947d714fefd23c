//! The form of the dashboard: what Grafana needs to show each panel.
use std::{collections::HashSet, fs};

use serde_json::Value;

use crate::harness::repository;

/// Grafana's columns.
const WIDTH: u64 = 24;

/// One expression of a panel.
pub struct Query {
    pub panel: String,
    pub expression: String,
}

fn dashboard() -> Value {
    let text = fs::read_to_string(repository().join("deploy/observability/grafana/voce.json")).unwrap();
    serde_json::from_str(&text).expect("the dashboard is JSON")
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

/// Every expression, its variables filled in.
pub fn queries() -> Vec<Query> {
    let dashboard = dashboard();
    let mut queries = vec![];
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            let expression =
                [("$__rate_interval", "1m"), ("$__range", "5m"), ("$model", ".*"), ("$variant", ".*")]
                    .iter()
                    .fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value));
            assert!(!expression.contains('$'), "an unknown variable in {expression}");
            queries.push(Query { panel: panel["title"].as_str().unwrap().to_owned(), expression });
        }
    }
    queries
}

#[test]
fn every_panel_has_what_grafana_needs_and_a_place_of_its_own() {
    let dashboard = dashboard();
    assert_eq!((&dashboard["title"], &dashboard["uid"]), (&"voce".into(), &"voce".into()));
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    let mut ids = HashSet::new();
    let mut taken = HashSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "the id of {title} is there twice");
        let place =
            |side: &str| panel["gridPos"][side].as_u64().unwrap_or_else(|| panic!("{side} of {title}"));
        let (left, top, width, height) = (place("x"), place("y"), place("w"), place("h"));
        assert!(width > 0 && height > 0 && left + width <= WIDTH, "{title} is beside the page");
        for cell in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} covers another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(
            !panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default().is_empty(),
            "unit of {title}"
        );
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} asks nothing");
        let mut references = HashSet::new();
        for target in targets {
            let text = |key: &str| target[key].as_str().unwrap_or_default();
            assert!(!text("expr").is_empty() && !text("legendFormat").is_empty(), "{title}: {target}");
            assert!(references.insert(text("refId").to_owned()), "{title} has a reference twice");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn its_variables_are_declared_and_its_rows_are_there() {
    let dashboard = dashboard();
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(variables, ["datasource", "model", "variant"]);
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let rows: Vec<&str> = panels(&dashboard)
        .iter()
        .filter(|panel| panel["type"] == "row")
        .filter_map(|row| row["title"].as_str())
        .collect();
    for row in
        ["Stages", "Tokens and cost", "Quality", "Errors", "Who speaks when", "Capacity", "Telemetry itself"]
    {
        assert!(rows.contains(&row), "{row} is missing in {rows:?}");
    }
}
