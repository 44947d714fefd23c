//! What goes wrong says what is wrong and what to do, and ends with a code that is not zero.
use std::{fs, net::TcpListener, os::unix::fs::symlink, path::Path};

use crate::harness::{EMBEDDED, Place, question, said};

/// Runs `voce`, which must fail and say all of `words`.
fn refused(place: &Place, arguments: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let output = place.command(arguments).envs(variables.iter().copied()).output().expect("voce runs");
    let text = said(&output);
    assert!(!output.status.success(), "{arguments:?} should fail: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?} should say {word:?}: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_wrong_key_is_named_with_the_right_ones() {
    let place = Place::new();
    refused(&place, &["config", "--set", "stt.engin=moonshine"], &[], &["engin", "engine", "voce config"]);
    refused(&place, &["config"], &[("VOCE_STT__ENGIN", "moonshine")], &["engin", "engine"]);
    fs::write(place.dir.path().join("voce.toml"), "[listening]\nsoft_end_ms = \"soon\"\n").unwrap();
    refused(&place, &["config"], &[], &["listening.soft_end_ms", "voce.toml"]);
}

#[test]
fn a_configuration_file_that_is_not_there_is_said() {
    refused(&Place::new(), &["--config", "nowhere.toml", "config"], &[], &["nowhere.toml", "not there"]);
}

#[test]
fn a_busy_port_is_said_before_the_models_load() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&Place::new(), &["serve", "--listen", &address], &[], &[&address, "--listen"]);
}

#[test]
fn without_models_the_command_that_fetches_them_is_named() {
    let place = Place::new();
    let empty = place.dir.path().join("no-models");
    let variables = [("VOCE_MODELS", empty.to_str().unwrap())];
    refused(&place, &["serve", "--listen", "127.0.0.1:0"], &variables, &["missing", "voce models pull"]);
}

/// A store with every embedded model of the real one, `broken` being a copy that lost its end.
fn store_with_broken(store: &Path, broken: &str) -> Option<()> {
    let real = voce_testkit::models(EMBEDDED)?;
    let (broken_model, broken_file) = broken.split_once('/')?;
    for model in EMBEDDED.iter().filter(|model| **model != broken_model) {
        symlink(real.join(model), store.join(model)).unwrap();
    }
    fs::create_dir(store.join(broken_model)).unwrap();
    for entry in fs::read_dir(real.join(broken_model)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name != broken_file {
            symlink(entry.path(), store.join(broken_model).join(name)).unwrap();
        }
    }
    let bytes = fs::read(real.join(broken)).unwrap();
    fs::write(store.join(broken), &bytes[..bytes.len() / 2]).unwrap();
    Some(())
}

#[test]
fn a_broken_model_file_is_named_with_the_remedy() {
    for broken in ["silero-vad/silero_vad.onnx", "smollm2-135m-instruct/model.gguf"] {
        let place = Place::new();
        let store = place.dir.path().join("models");
        fs::create_dir(&store).unwrap();
        if store_with_broken(&store, broken).is_none() {
            return;
        }
        let (model, file) = broken.split_once('/').unwrap();
        let remedy = format!("voce models pull {model}");
        let variables = [("VOCE_MODELS", store.to_str().unwrap())];
        refused(&place, &["serve", "--listen", "127.0.0.1:0"], &variables, &[file, &remedy]);
    }
}

#[test]
fn what_is_no_sound_is_refused() {
    let place = Place::new();
    fs::write(place.dir.path().join("noise.wav"), "this is no sound").unwrap();
    refused(&place, &["talk", "noise.wav", "--out", "answer.wav"], &[], &["noise.wav"]);
    let missing = question("not-there.wav").display().to_string();
    refused(&place, &["talk", &missing, "--out", "answer.wav"], &[], &["not-there.wav"]);
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let place = Place::new();
    refused(&place, &["replay", "tr-12"], &[], &["tr-12", "32 hexadecimal digits", "file"]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    refused(
        &place,
        &["replay", trace, "--set", "telemetry.sinks=[]"],
        &[],
        &["no MLflow", "telemetry.sinks"],
    );
    let away = "telemetry.sinks=[{url=\"http://127.0.0.1:9\"}]";
    refused(&place, &["replay", trace, "--set", away], &[], &["127.0.0.1:9", "does not answer"]);
    let wav = question("warranty_af_heart.wav").display().to_string();
    refused(&place, &["replay", &wav, "--url", "http://127.0.0.1:9"], &[], &["127.0.0.1:9", "voce serve"]);
}
