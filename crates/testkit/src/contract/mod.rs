//! What every engine behind a trait must keep, whatever it is. One function a trait.
pub mod knowledge;
pub mod text_to_speech;
