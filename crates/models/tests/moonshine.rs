//! The rebuilt Moonshine graphs give what the originals give. Needs the originals: `.ort` files in the store's
//! moonshine folder, taken from the moonshine-cpp wheel; `pull` keeps only the rebuilt ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::path::PathBuf;

use ort::{
    session::{Session, SessionInputValue},
    value::Tensor,
};
use voce_models::{Config, Runtime, RuntimeConfig, Store, ort_to_onnx};

fn original(store: &Store, name: &str) -> Option<PathBuf> {
    let path = store.model_dir("moonshine-base-en").join(name);
    let there = path.is_file() && store.file("onnxruntime-cpu", "libonnxruntime.so").is_ok();
    if !there {
        eprintln!("SKIPPED: {} or ONNX Runtime is not there", path.display());
    }
    there.then_some(path)
}

fn both(name: &str) -> Option<(Session, Session)> {
    let store = Store::open(&Config::default()).unwrap();
    let path = original(&store, name)?;
    let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
    let rebuilt = ort_to_onnx(&std::fs::read(&path).unwrap()).unwrap();
    let (original, _) = runtime.session(&path, 1).unwrap();
    let (rebuilt, _) = runtime.session_from_memory(&rebuilt, 1).unwrap();
    Some((original, rebuilt))
}

/// A sound that is not silence: two tones that swell.
fn sound() -> Vec<f32> {
    let wave = |step: usize| {
        let time = step as f32 / 16_000.0;
        0.3 * (time * 1_400.0).sin() * (time * 3.0).sin() + 0.2 * (time * 2_900.0).sin()
    };
    (0..16_000).map(wave).collect()
}

fn run(session: &mut Session, inputs: &[(String, SessionInputValue<'_>)]) -> Vec<(String, Vec<f32>)> {
    let names: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
    let inputs: Vec<(String, SessionInputValue<'_>)> =
        inputs.iter().map(|(name, value)| (name.clone(), value.view().into())).collect();
    let outputs = session.run(inputs).unwrap();
    names
        .into_iter()
        .map(|name| {
            let values = outputs[name.as_str()].try_extract_tensor::<f32>().unwrap().1.to_vec();
            (name, values)
        })
        .collect()
}

fn assert_alike(left: &[(String, Vec<f32>)], right: &[(String, Vec<f32>)]) {
    assert_eq!(left.len(), right.len());
    for ((name, left), (other, right)) in left.iter().zip(right) {
        assert_eq!((name, left.len()), (other, right.len()));
        let apart = left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{name} differs by {apart}");
    }
}

fn tensor<T: ort::value::PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
    dims: Vec<usize>,
    values: Vec<T>,
) -> SessionInputValue<'static> {
    Tensor::from_array((dims, values)).unwrap().into()
}

#[test]
fn the_rebuilt_encoder_gives_what_the_original_gives() {
    let Some((mut original, mut rebuilt)) = both("encoder_model.ort") else { return };
    let inputs = [("input_values".to_owned(), tensor(vec![1, 16_000], sound()))];
    let (left, right) = (run(&mut original, &inputs), run(&mut rebuilt, &inputs));
    assert!(left[0].1.iter().any(|value| value.abs() > 0.1));
    assert_alike(&left, &right);
}

#[test]
fn the_rebuilt_decoder_gives_what_the_original_gives_in_both_of_its_branches() {
    let Some((mut original, mut rebuilt)) = both("decoder_model_merged.ort") else { return };
    let hidden: Vec<f32> = (0..40 * 416).map(|step| ((step * 37 % 101) as f32 / 101.0 - 0.5) * 2.0).collect();
    for cached in [false, true] {
        let mut inputs = Vec::new();
        for outlet in original.inputs() {
            let name = outlet.name().to_owned();
            let value = match name.as_str() {
                "input_ids" => tensor(vec![1, 1], vec![if cached { 311_i64 } else { 1 }]),
                "encoder_hidden_states" => tensor(vec![1, 40, 416], hidden.clone()),
                "use_cache_branch" => tensor(vec![1], vec![cached]),
                _ => {
                    let length = if name.contains("encoder") { 40 } else { 1 };
                    let values =
                        (0..8 * length * 52).map(|step| (step * 31 % 89) as f32 / 89.0 - 0.5).collect();
                    tensor(vec![1, 8, length, 52], values)
                }
            };
            inputs.push((name, value));
        }
        let (left, right) = (run(&mut original, &inputs), run(&mut rebuilt, &inputs));
        assert!(left[0].1.iter().any(|value| value.abs() > 0.1));
        assert_alike(&left, &right);
    }
}
