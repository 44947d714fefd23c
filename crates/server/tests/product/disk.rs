//! What stands on disk, taken away and brought back.
use std::path::Path;

use crate::harness::{Place, said};

const MODELS: &[&str] = &["onnxruntime-cpu", "all-minilm-l6-v2"];

fn search(place: &Place) -> String {
    let output =
        place.voce(&["knowledge", "search", "How long is the warranty of the water pump?", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The files of traces that wait, by name.
fn waiting(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("a spool")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "redb"))
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

#[test]
fn knowledge_waiting_traces_and_memory_come_back_from_a_backup() {
    if voce_testkit::models(MODELS).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let folder = place.dir.path();
    let memory = format!("memory.folder={}", folder.join("memory").display());
    let nowhere = "telemetry.sinks=[{url=\"http://127.0.0.1:9\"}]";
    let voce = |arguments: &[&str]| {
        let all = [arguments, &["--set", &memory, "--set", nowhere]].concat();
        let output = place.voce(&all);
        (output.status.success(), said(&output))
    };
    let traces = ["--count", "3", "--set", "telemetry.enabled=true", "--set", "telemetry.flush_ms=300"];
    let (succeeded, text) = voce(&[&["bench", "turns"][..], &traces].concat());
    assert!(succeeded, "{text}");
    std::fs::create_dir(folder.join("memory")).expect("a new folder");
    let remembered = r#"{"user": "ann", "written": 4000000000, "text": "Owns a pump."}"#;
    std::fs::write(folder.join("memory/ann.json"), remembered).expect("a file");
    let found = search(&place);

    // While somebody has the knowledge base open, as `voce serve` does.
    let held = voce_rag::open_embedded(&folder.join("knowledge/knowledge"), None).expect("it opens");
    let (succeeded, text) = voce(&["backup", "all.tar.gz"]);
    assert!(!succeeded && text.contains("in use by another process") && text.contains("--live"), "{text}");
    let (succeeded, text) = voce(&["backup", "live.tar.gz", "--live"]);
    assert!(succeeded && text.contains("knowledge: ") && text.contains("memory: 1 files"), "{text}");
    let (succeeded, text) = voce(&["backup", "memory.tar.gz", "--only", "memory"]);
    assert!(succeeded && text.contains("memory: 1 files"), "{text}");
    drop(held);

    let (succeeded, text) = voce(&["backup", "all.tar.gz"]);
    assert!(succeeded && text.contains("knowledge: ") && text.contains("spool: 1 files"), "{text}");
    let traces = waiting(&folder.join("spool"));
    let (succeeded, text) = voce(&["restore", "all.tar.gz"]);
    assert!(!succeeded && text.contains("--replace") && text.contains("nothing was changed"), "{text}");
    let (succeeded, text) = voce(&["restore", "all.tar.gz", "--check"]);
    assert!(succeeded && text.contains("is whole"), "{text}");

    for gone in ["knowledge", "spool", "memory"] {
        std::fs::remove_dir_all(folder.join(gone)).expect("it was there");
    }
    let (succeeded, text) = voce(&["restore", "all.tar.gz"]);
    assert!(succeeded, "{text}");
    assert!(traces == waiting(&folder.join("spool")), "the same bytes wait");
    assert_eq!(search(&place), found);
    let (_, text) = voce(&["memory", "list"]);
    assert!(text.contains("Owns a pump."), "{text}");
    // And over what is there, from what was in use.
    let (succeeded, text) = voce(&["restore", "live.tar.gz", "--replace"]);
    assert!(succeeded, "{text}");
    assert_eq!(search(&place), found);
}
