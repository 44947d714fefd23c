//! The transducer's loop: which token each frame of the encoder gives, and how many frames it takes.
use std::sync::Mutex;

use ort::{
    session::Session,
    value::{DynValue, Tensor},
};
use voce_core::{EngineError, lock};

use super::failed;
use crate::{recognizer::Stop, vocabulary::Vocabulary};

/// The decoder and joint network.
pub(super) struct Decoder {
    session: Mutex<Session>,
    /// Layers and width of each of the two states.
    states: [[usize; 3]; 2],
    blank: u32,
    vocabulary: usize,
    most_tokens_per_frame: usize,
}

impl Decoder {
    pub(super) fn new(session: Session, vocabulary: &Vocabulary, most_tokens: usize) -> Result<Self, String> {
        let states = [state_shape(&session, "input_states_1")?, state_shape(&session, "input_states_2")?];
        let logits = session.outputs().iter().find(|output| output.name() == "outputs");
        let shape = logits.and_then(|output| output.dtype().tensor_shape());
        // A negative number stands for "any".
        if let Some(logits) = shape.and_then(|shape| usize::try_from(*shape.last()?).ok()) {
            check_logits(logits, vocabulary.len())?;
        }
        Ok(Self {
            session: Mutex::new(session),
            states,
            blank: vocabulary.blank(),
            vocabulary: vocabulary.len(),
            most_tokens_per_frame: most_tokens,
        })
    }

    /// The tokens in `columns` (frames of `width` values each), each with its frame.
    ///
    /// A token's durations follow its logits, and their index is the number of frames. Only a token that is no blank
    /// moves the states on.
    pub(super) fn decode(
        &self,
        columns: &[f32],
        width: usize,
        stop: &Stop,
    ) -> Result<Vec<(u32, usize)>, EngineError> {
        let mut found = Vec::new();
        let mut column = Tensor::from_array(([1, width, 1], vec![0.0_f32; width])).map_err(failed)?;
        let mut target = Tensor::from_array(([1, 1], vec![self.blank as i32])).map_err(failed)?;
        let target_length = Tensor::from_array(([1], vec![1_i32])).map_err(failed)?;
        let mut states = [zeros(self.states[0])?, zeros(self.states[1])?];
        let (mut frame, mut emitted) = (0, 0);
        while (frame + 1) * width <= columns.len() {
            stop.check(super::NAME)?;
            column.extract_tensor_mut().1.copy_from_slice(&columns[frame * width..(frame + 1) * width]);
            let mut session = lock(&self.session);
            let inputs = ort::inputs![
                "encoder_outputs" => &column,
                "targets" => &target,
                "target_length" => &target_length,
                "input_states_1" => &states[0],
                "input_states_2" => &states[1],
            ];
            let mut outputs = session.run(inputs).map_err(failed)?;
            let logits = outputs.get("outputs").ok_or_else(|| missing("outputs"))?;
            let (token, frames) = self.best(logits)?;
            if token != self.blank {
                for (state, name) in states.iter_mut().zip(["output_states_1", "output_states_2"]) {
                    *state = outputs.remove(name).ok_or_else(|| missing(name))?;
                }
                target.extract_tensor_mut().1[0] = token as i32;
                found.push((token, frame));
                emitted += 1;
            }
            if frames > 0 {
                frame += frames;
                emitted = 0;
            } else if token == self.blank || emitted == self.most_tokens_per_frame {
                frame += 1;
                emitted = 0;
            }
        }
        Ok(found)
    }

    /// The likeliest token and the likeliest number of frames.
    fn best(&self, logits: &DynValue) -> Result<(u32, usize), EngineError> {
        let (_, logits) = logits.try_extract_tensor::<f32>().map_err(failed)?;
        check_logits(logits.len(), self.vocabulary).map_err(failed)?;
        let (tokens, durations) = logits.split_at(self.vocabulary);
        Ok((highest(tokens) as u32, highest(durations)))
    }
}

fn check_logits(logits: usize, vocabulary: usize) -> Result<(), String> {
    if logits > vocabulary {
        return Ok(());
    }
    Err(format!(
        "it gives {logits} logits, expected {vocabulary} for the vocabulary and some for durations; vocab.txt \
         belongs to another model, or this is no TDT model"
    ))
}

/// The index of the highest value, the first of equals.
fn highest(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

fn state_shape(session: &Session, name: &str) -> Result<[usize; 3], String> {
    let input = session.inputs().iter().find(|input| input.name() == name);
    let shape = input.and_then(|input| input.dtype().tensor_shape());
    match shape.map(|shape| &shape[..]) {
        Some([layers, _, width]) if *layers > 0 && *width > 0 => Ok([*layers as usize, 1, *width as usize]),
        Some(other) => Err(format!("`{name}` has the shape {other:?}, expected [layers, batch, width]")),
        None => Err(format!("it has no input `{name}`, so it is no decoder_joint of NeMo's")),
    }
}

fn zeros(shape: [usize; 3]) -> Result<DynValue, EngineError> {
    let zeros = vec![0.0_f32; shape.iter().product()];
    Ok(Tensor::from_array((shape, zeros)).map_err(failed)?.into_dyn())
}

fn missing(name: &str) -> EngineError {
    failed(format!("the decoder gives no `{name}`"))
}
