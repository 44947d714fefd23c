//! ONNX Runtime as a store gives it: the device it reports, and what a damaged graph or a missing GPU says.
//! Needs the library in the store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use voce_models::{Config, Device, Runtime, RuntimeConfig, Store};

fn store() -> Option<Store> {
    let store = Store::open(&Config::default()).unwrap();
    match store.file("onnxruntime-cpu", "libonnxruntime.so") {
        Ok(_) => Some(store),
        Err(error) if std::env::var("VOCE_REQUIRE_MODELS").is_ok_and(|value| value == "1") => {
            panic!("{error}")
        }
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

#[test]
fn the_report_names_library_version_and_device() {
    let Some(store) = store() else { return };
    let runtime = Runtime::load(&store, &RuntimeConfig { device: Device::Cpu, library: None }).unwrap();
    let report = runtime.report();
    assert_eq!(report.device, "cpu");
    assert!(report.version.starts_with("1."), "{report}");
    assert!(report.providers.contains(&"cpu".to_owned()), "{report}");
    assert!(report.library.ends_with("libonnxruntime.so"), "{report}");
}

#[test]
fn a_damaged_graph_is_an_error_with_file_and_remedy() {
    let Some(store) = store() else { return };
    let runtime = Runtime::load(&store, &RuntimeConfig { device: Device::Cpu, library: None }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("silero_vad.onnx");
    for bytes in [&b"\x08\x09 this is no graph"[..], &[0xff; 4096], b""] {
        std::fs::write(&path, bytes).unwrap();
        let error = runtime.session(&path, 1).unwrap_err().to_string();
        assert!(error.contains("silero_vad.onnx") && error.contains("voce models pull"), "{error}");
        assert!(runtime.session_from_memory(bytes, 1).is_err());
    }
    let error = runtime.session(&dir.path().join("absent.onnx"), 1).unwrap_err().to_string();
    assert!(error.contains("absent.onnx"), "{error}");
}

#[test]
fn a_gpu_that_cannot_be_had_is_an_error_when_demanded_and_a_reason_when_not() {
    let Some(store) = store() else { return };
    if std::path::Path::new("/dev/nvidiactl").exists() {
        eprintln!("SKIPPED: this machine has a GPU");
        return;
    }
    let error = Runtime::load(&store, &RuntimeConfig { device: Device::Cuda, library: None }).unwrap_err();
    assert!(error.to_string().contains("no NVIDIA GPU is visible"), "{error}");
    let runtime = Runtime::load(&store, &RuntimeConfig { device: Device::Auto, library: None }).unwrap();
    assert_eq!(runtime.report().device, "cpu");
    assert!(
        runtime.report().why_not_cuda.as_ref().unwrap().contains("no NVIDIA GPU"),
        "{}",
        runtime.report()
    );
}

#[test]
fn a_library_that_is_not_there_names_the_key() {
    let Some(store) = store() else { return };
    let config = RuntimeConfig { device: Device::Cpu, library: Some("/nowhere/libonnxruntime.so".into()) };
    let error = Runtime::load(&store, &config).unwrap_err().to_string();
    assert!(error.contains("runtime.library") && error.contains("/nowhere/"), "{error}");
}
