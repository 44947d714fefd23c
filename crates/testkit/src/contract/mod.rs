//! What every engine behind a trait must keep, whatever it is. One function a trait.
pub mod end_of_turn;
pub mod knowledge;
pub mod language_model;
pub mod speech_to_text;
pub mod text_to_speech;
pub mod voice_activity;
