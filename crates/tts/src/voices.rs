//! Voices of Kokoro: tables of style vectors, one a length of text.
use voce_core::EngineError;
use voce_models::Store;

use crate::text::Accent;

/// Numbers in a style vector.
pub const STYLE: usize = 256;

/// One voice.
pub struct Voice {
    /// `af_heart`: the first letter is the accent, the second the sex.
    pub name: String,
    /// Whose English it speaks.
    pub accent: Accent,
    styles: Vec<f32>,
}

impl Voice {
    /// Reads the voice `name` of `model`. The error lists the voices that are there.
    pub fn load(store: &Store, model: &str, name: &str) -> Result<Self, EngineError> {
        let accent = accent(name);
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let there = voices(store, model);
        let (Some(accent), true) =
            (accent, plain && (there.is_empty() || there.iter().any(|voice| voice == name)))
        else {
            let reason =
                format!("there is no English voice {name:?}; set tts.voice to one of: {}", there.join(", "));
            return Err(EngineError::load("kokoro", reason));
        };
        let path = store
            .file(model, &format!("voices/{name}.bin"))
            .map_err(|error| EngineError::load("kokoro", error))?;
        let bytes = std::fs::read(&path)
            .map_err(|error| EngineError::load("kokoro", format!("reading {}: {error}", path.display())))?;
        let styles: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if styles.is_empty() || !bytes.len().is_multiple_of(4 * STYLE) {
            let reason = format!(
                "{} holds {} bytes, which are no style vectors of {STYLE} floats; fetch it again with `voce models pull {model}`",
                path.display(),
                bytes.len()
            );
            return Err(EngineError::load("kokoro", reason));
        }
        Ok(Self { name: name.to_owned(), accent, styles })
    }

    /// The style for a text of `symbols` symbols.
    pub fn style(&self, symbols: usize) -> &[f32] {
        let rows = self.styles.len() / STYLE;
        let row = symbols.min(rows - 1);
        &self.styles[row * STYLE..(row + 1) * STYLE]
    }
}

/// The accent that the name of an English voice tells.
fn accent(name: &str) -> Option<Accent> {
    match name.get(..3)? {
        "af_" | "am_" => Some(Accent::American),
        "bf_" | "bm_" => Some(Accent::British),
        _ => None,
    }
}

/// The English voices in the store, sorted.
pub fn voices(store: &Store, model: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(store.model_dir(model).join("voices")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".bin").map(str::to_owned))
        .filter(|name| accent(name).is_some())
        .collect();
    names.sort();
    names
}
