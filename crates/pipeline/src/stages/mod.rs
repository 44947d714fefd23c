//! The steps of the pipeline, one file each, in the order in which sound passes through them.
mod detect;
mod fit;
mod generate;
mod playout;
mod prepare;
mod retrieve;
mod split;
mod synthesize;
mod track;
mod transcribe;

pub use detect::{Detect, Moment};
pub use fit::Fit;
pub use generate::Generate;
pub use playout::{Played, Playout};
pub use prepare::Prepare;
pub use retrieve::Retrieve;
pub use split::Split;
pub use synthesize::{Spoken, Synthesize};
pub use transcribe::{Heard, Transcribe, Transcription};
