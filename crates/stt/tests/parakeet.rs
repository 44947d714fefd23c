//! Parakeet beside onnx-asr, on models of random weights: token ids, times, text and features must be the same.
//!
//! `crates/testkit/scripts/` holds the maker of such models and the reference. Both need the Python that
//! `VOCE_TEST_PYTHON` names, with numpy, onnx, onnxruntime and onnx-asr.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use voce_audio::{NemoMel, read_wav, write_wav};
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_stt::{Config, Engine, build, load};
use voce_testkit::{clip, contract, models, speech};

#[derive(Deserialize)]
struct Reference {
    ids: Vec<u32>,
    seconds: Vec<f64>,
    text: String,
    mels: usize,
    frames: usize,
}

/// What a test needs: the runtime, Python, and a folder of its own.
struct Bench {
    python: String,
    store: Store,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        models(&["onnxruntime-cpu"])?;
        let Ok(python) = std::env::var("VOCE_TEST_PYTHON") else {
            assert!(std::env::var_os("VOCE_REQUIRE_MODELS").is_none(), "VOCE_TEST_PYTHON is not set");
            println!("SKIPPED: VOCE_TEST_PYTHON is not set; scripts/test sets it");
            return None;
        };
        let store = Store::open(&voce_models::Config::default()).unwrap();
        let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
        Some(Self { python, store, runtime, folder: tempfile::tempdir().unwrap() })
    }

    fn script(&self, name: &str, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/scripts").join(name);
        let output = Command::new(&self.python).arg(script).args(arguments).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a model; `options` are those of the script.
    fn model(&self, name: &str, options: &[&str]) -> PathBuf {
        let folder = self.folder.path().join(name);
        self.script("make_parakeet.py", &[&[folder.to_str().unwrap()], options].concat());
        folder
    }

    fn config(model: &Path) -> Config {
        Config { model: Some(model.display().to_string()), threads: 1, ..Config::default() }
    }

    /// Clips, parts of them of odd and very short lengths, silence and noise.
    fn sounds(&self) -> Vec<PathBuf> {
        let long = speech("q9");
        let noise =
            (0..20_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5);
        let mut sounds =
            vec![("silence".to_owned(), vec![0.0; 16_077]), ("noise".to_owned(), noise.collect())];
        for length in [320, 321, 479, 1_000, 1_279, 1_280, 1_281, 15_999, 31_337, 50_000] {
            sounds.push((length.to_string(), long[8_000..8_000 + length].to_vec()));
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for (name, sound) in sounds {
            files.push(self.folder.path().join(format!("{name}.wav")));
            write_wav(&files[files.len() - 1], &sound, 16_000).unwrap();
        }
        for name in ["q1", "q4", "q9"] {
            files.push(self.folder.path().join(format!("{name}.wav")));
            std::fs::copy(clip(name), &files[files.len() - 1]).unwrap();
        }
        files
    }

    fn references(&self, model: &Path, files: &[PathBuf], options: &[&str]) -> Vec<Reference> {
        let mut arguments = vec![model.to_str().unwrap()];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        arguments.extend(options);
        serde_json::from_str(&self.script("parakeet_reference.py", &arguments)).unwrap()
    }
}

fn worst_difference(features: &[f32], reference: &Path) -> f32 {
    let bytes = std::fs::read(reference).unwrap();
    assert_eq!(bytes.len(), features.len() * 4);
    let expected = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    features.iter().zip(expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max)
}

#[test]
fn ids_times_text_and_features_equal_those_of_onnx_asr() {
    let Some(bench) = Bench::new() else { return };
    let files = bench.sounds();
    let made: [(&str, &[&str], &[&str]); 4] = [
        ("usual", &["--seed", "3"], &[]),
        (
            "external",
            &["--seed", "5", "--mels", "80", "--no-config", "--external", "--width", "48", "--tokens", "300"],
            &[],
        ),
        (
            "quantised",
            &["--seed", "9", "--suffix", ".int8", "--per-frame", "3", "--blank-bias", "-1", "--states", "24"],
            &["--quantization", "int8"],
        ),
        ("wide", &["--seed", "11", "--width", "160", "--states", "96", "--tokens", "1024"], &[]),
    ];
    for (name, making, reading) in made {
        let model = bench.model(name, making);
        let references = bench.references(&model, &files, reading);
        let ours = load(&Bench::config(&model), &bench.store, &bench.runtime).unwrap();
        let mut found = 0;
        for (file, reference) in files.iter().zip(&references) {
            let what = format!("{name}, {}", file.display());
            let (samples, _) = read_wav(file).unwrap();
            let features = NemoMel::new(reference.mels).features(&samples);
            assert_eq!((features.mels, features.frames), (reference.mels, reference.frames), "{what}");
            let worst =
                worst_difference(&features.values, &PathBuf::from(format!("{}.features", file.display())));
            // Two valid frames that are nearly the same are told apart by rounding.
            let limit = if samples.len() < 480 { 1e-2 } else { 1e-3 };
            assert!(worst < limit, "{what}: features are off by {worst}");
            let heard = ours.transcribe_samples(&samples).unwrap();
            let ids: Vec<u32> = heard.tokens.iter().map(|token| token.id).collect();
            let seconds: Vec<f64> = heard.tokens.iter().filter_map(|token| token.start_seconds).collect();
            assert_eq!(ids, reference.ids, "{what}");
            let late =
                seconds.iter().zip(&reference.seconds).any(|(ours, theirs)| (ours - theirs).abs() > 1e-9);
            assert!(seconds.len() == reference.seconds.len() && !late, "{what}: {seconds:?}");
            assert_eq!(heard.text, reference.text, "{what}");
            found += ids.len();
        }
        assert!(found > 100, "{name} says too little to compare: {found} tokens");
    }
}

#[tokio::test]
async fn parakeet_keeps_the_contract_of_speech_to_text() {
    let Some(bench) = Bench::new() else { return };
    let model = bench.model("contract", &["--seed", "3"]);
    let engine = build(&Bench::config(&model), &bench.store, &bench.runtime).unwrap();
    assert_eq!(engine.model().name, "contract");
    contract::speech_to_text::speech_to_text(engine, &speech("q4")).await;
}

#[test]
fn sound_at_another_rate_says_the_same() {
    let Some(bench) = Bench::new() else { return };
    let ours =
        load(&Bench::config(&bench.model("rate", &["--seed", "3"])), &bench.store, &bench.runtime).unwrap();
    let sound = speech("q1");
    let faster = voce_audio::resample(&sound, 16_000, 48_000).unwrap();
    let (here, there) =
        (ours.transcribe_samples(&sound).unwrap(), ours.transcribe_at(&faster, 48_000).unwrap());
    let same = here.tokens.iter().filter(|token| there.tokens.contains(token)).count();
    assert!(same * 10 >= here.tokens.len() * 8, "{same} of {} tokens", here.tokens.len());
}

#[test]
fn ten_minutes_are_heard_in_pieces_whose_times_go_on() {
    let Some(bench) = Bench::new() else { return };
    let ours =
        load(&Bench::config(&bench.model("long", &["--seed", "3"])), &bench.store, &bench.runtime).unwrap();
    let long: Vec<f32> = speech("q9").iter().copied().cycle().take(600 * 16_000).collect();
    let heard = ours.transcribe_samples(&long).unwrap();
    let times: Vec<f64> = heard.tokens.iter().filter_map(|token| token.start_seconds).collect();
    assert!(times.is_sorted() && times[times.len() - 1] > 590.0);
}

#[test]
fn a_folder_with_a_fault_is_refused_with_the_name_of_the_file() {
    let Some(bench) = Bench::new() else { return };
    let fault = |name: &str, making: &[&str], spoil: &dyn Fn(&Path)| {
        let model = bench.model(name, making);
        spoil(&model);
        let config = Config { engine: Some(Engine::Parakeet), ..Bench::config(&model) };
        load(&config, &bench.store, &bench.runtime).err().expect("it is faulty").to_string()
    };
    let usual: &[&str] = &["--seed", "3"];
    let error = fault("no-words", usual, &|model| std::fs::remove_file(model.join("vocab.txt")).unwrap());
    assert!(error.contains("vocab.txt"), "{error}");
    let error = fault("no-config", &["--no-config"], &|_| {});
    assert!(error.contains("features_size"), "{error}");
    let error =
        fault("cut", usual, &|model| std::fs::write(model.join("encoder-model.onnx"), b"cut").unwrap());
    assert!(error.contains("encoder-model.onnx"), "{error}");
    let error = fault("mixed", usual, &|model| {
        let words: String = (0..400).map(|id| format!("w{id} {id}\n")).collect();
        std::fs::write(model.join("vocab.txt"), words + "<blk> 400\n").unwrap();
    });
    assert!(error.contains("vocab.txt"), "{error}");
}
