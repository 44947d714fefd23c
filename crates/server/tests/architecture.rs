//! Who may import whom. The table of `crates/README.md`, held here: a new edge is a change to both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{collections::BTreeMap, process::Command};

/// Crate, and what of ours it may depend on (not counting tests).
const TABLE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("audio", &[]),
    ("models", &[]),
    ("turn", &["audio", "core", "models"]),
    ("stt", &["audio", "core", "models"]),
    ("rag", &["core", "models"]),
    ("llm", &["core", "models"]),
    ("tts", &["audio", "core", "models"]),
    ("pipeline", &["core"]),
    ("transport", &["audio", "core"]),
    ("telemetry", &[]),
    ("mlflow", &[]),
    ("judge", &["mlflow"]),
    ("tools", &["core"]),
    ("simulate", &["audio", "core"]),
    ("caller", &["audio", "core"]),
    ("web", &[]),
    ("testkit", &["audio", "caller", "core"]),
    (
        "server",
        &[
            "audio",
            "caller",
            "core",
            "judge",
            "llm",
            "mlflow",
            "models",
            "pipeline",
            "rag",
            "simulate",
            "stt",
            "telemetry",
            "tools",
            "transport",
            "tts",
            "turn",
            "web",
        ],
    ),
];

/// Libraries that only some crates may touch, so that changing turn-taking compiles none of them.
const HEAVY: &[(&str, &[&str])] = &[
    ("ort", &["models", "turn", "stt", "tts"]),
    ("candle-core", &["rag", "llm"]),
    ("webrtc", &["transport", "caller"]),
    ("qdrant-edge", &["rag"]),
    ("opentelemetry", &["telemetry"]),
];

/// Every crate of ours with its direct, non-test dependencies.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies");
            let direct =
                all.iter().filter(|one| one["kind"].is_null()).map(|one| text(&one["name"])).collect();
            (text(&package["name"]).trim_start_matches("voce-").to_owned(), direct)
        })
        .collect()
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let dependencies = dependencies();
    let listed: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        dependencies.len(),
        listed.len(),
        "every crate stands in the table: {:?}",
        dependencies.keys()
    );
    for (name, allowed) in TABLE {
        for dependency in &dependencies[*name] {
            let Some(ours) = dependency.strip_prefix("voce-") else { continue };
            assert!(allowed.contains(&ours), "{name} must not import {ours}; see crates/README.md");
        }
    }
}

#[test]
fn heavy_libraries_stay_behind_their_crates() {
    let dependencies = dependencies();
    for (library, allowed) in HEAVY {
        for (name, all) in &dependencies {
            let imports = all.iter().any(|dependency| dependency == library);
            assert!(!imports || allowed.contains(&name.as_str()), "{name} must not import {library}");
        }
    }
}

#[test]
fn the_code_map_names_every_crate() {
    let map =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("the code map");
    for (name, _) in TABLE {
        assert!(map.contains(&format!("`{name}`")), "crates/README.md does not name {name}");
    }
}
