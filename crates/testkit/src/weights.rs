//! Whether the real models are there for tests that need them.
use std::path::PathBuf;

/// The model store's folder, if it holds every one of `needed` (model names). Otherwise says so and returns
/// `None`, so that the test can return early; where `VOCE_REQUIRE_MODELS` is set, as in `scripts/test`, a
/// missing model is a failure instead.
pub fn models(needed: &[&str]) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let dir =
        std::env::var_os("VOCE_MODELS").map(PathBuf::from).or_else(|| Some(cache?.join("voce/models")))?;
    let missing: Vec<&&str> = needed.iter().filter(|model| !dir.join(model).is_dir()).collect();
    if missing.is_empty() {
        return Some(dir);
    }
    let remedy =
        format!("{missing:?} not in {}; fetch with `voce models pull --profile embedded`", dir.display());
    assert!(std::env::var_os("VOCE_REQUIRE_MODELS").is_none(), "models required: {remedy}");
    println!("SKIPPED: {remedy}");
    None
}
