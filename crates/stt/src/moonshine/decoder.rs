//! Moonshine's decoder: one token after the other, greedily, each on the keys and values of those before.
use std::sync::Mutex;

use ort::{
    session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue},
    value::{DynValue, Tensor},
};
use voce_core::{EngineError, lock};

use super::failed;
use crate::{recognizer::Stop, repetition::loop_start};

const START: u32 = 1;
const END: u32 = 2;
const HIDDEN: &str = "encoder_hidden_states";

/// The merged decoder: one graph for the first token and for those after it.
pub(super) struct Decoder {
    graph: Mutex<Graph>,
    /// What goes in as past and comes out as present, for each layer its keys and its values.
    own: Vec<Cache>,
    /// The same over the encoder's frames. They stay as the first run gives them.
    encoder: Vec<Cache>,
}

struct Graph {
    session: Session,
    /// After the first run only what changes is asked for.
    later: RunOptions<HasSelectedOutputs>,
}

struct Cache {
    past: String,
    present: String,
    /// `[1, heads, 0, width]`.
    empty: [usize; 4],
}

impl Decoder {
    pub(super) fn new(session: Session) -> Result<Self, String> {
        let (mut own, mut encoder) = (Vec::new(), Vec::new());
        for input in session.inputs() {
            let Some(name) = input.name().strip_prefix("past_key_values") else { continue };
            let shape = input.dtype().tensor_shape().map(|shape| &shape[..]);
            let Some([_, heads, _, width]) =
                shape.filter(|shape| shape.len() == 4 && shape[1].min(shape[3]) > 0)
            else {
                let reason = format!("`{}` has the shape {shape:?}", input.name());
                return Err(format!("{reason}, expected [batch, heads, positions, width]"));
            };
            let empty = [1, *heads as usize, 0, *width as usize];
            let cache = Cache { past: input.name().into(), present: format!("present{name}"), empty };
            if name.contains(".encoder.") { encoder.push(cache) } else { own.push(cache) }
        }
        if own.is_empty() || own.len() != encoder.len() {
            let counts = format!("{} caches of its own and {} of the encoder", own.len(), encoder.len());
            return Err(format!("it has {counts}, so it is no merged decoder of Moonshine"));
        }
        let wanted = OutputSelector::no_default().with("logits");
        let wanted = own.iter().fold(wanted, |wanted, cache| wanted.with(&cache.present));
        let later = RunOptions::new().map_err(|error| error.to_string())?.with_outputs(wanted);
        Ok(Self { graph: Mutex::new(Graph { session, later }), own, encoder })
    }

    /// At most `most` tokens for the encoder's output; fewer when the text ends or runs in circles.
    pub(super) fn decode(
        &self,
        hidden: &DynValue,
        most: usize,
        stop: &Stop,
    ) -> Result<Vec<u32>, EngineError> {
        let mut tokens = Vec::with_capacity(most);
        let mut own = empty(&self.own)?;
        let mut encoder = empty(&self.encoder)?;
        let mut id = Tensor::from_array(([1, 1], vec![i64::from(START)])).map_err(failed)?;
        let mut cached = Tensor::from_array(([1], vec![false])).map_err(failed)?;
        while tokens.len() < most {
            stop.check(super::NAME)?;
            let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
                ("input_ids", (&id).into()),
                (HIDDEN, hidden.into()),
                ("use_cache_branch", (&cached).into()),
            ];
            let caches = self.own.iter().zip(&own).chain(self.encoder.iter().zip(&encoder));
            inputs.extend(caches.map(|(cache, value)| (cache.past.as_str(), value.into())));
            let Graph { session, later } = &mut *lock(&self.graph);
            let first = tokens.is_empty();
            let outputs = if first { session.run(inputs) } else { session.run_with_options(inputs, later) };
            let mut outputs = outputs.map_err(failed)?;
            let logits = outputs.get("logits").ok_or_else(|| failed("the decoder gives no `logits`"))?;
            let token = highest(logits.try_extract_tensor::<f32>().map_err(failed)?.1);
            if token == END {
                break;
            }
            tokens.push(token);
            if let Some(kept) = loop_start(&tokens) {
                tokens.truncate(kept);
                break;
            }
            let mut take = |cache: &Cache| {
                let missing = || failed(format!("the decoder gives no `{}`", cache.present));
                outputs.remove(&cache.present).ok_or_else(missing)
            };
            if first {
                encoder = self.encoder.iter().map(&mut take).collect::<Result<_, _>>()?;
                cached.extract_tensor_mut().1[0] = true;
            }
            own = self.own.iter().map(&mut take).collect::<Result<_, _>>()?;
            id.extract_tensor_mut().1[0] = i64::from(token);
        }
        Ok(tokens)
    }
}

fn empty(caches: &[Cache]) -> Result<Vec<DynValue>, EngineError> {
    let empty = |cache: &Cache| Tensor::from_array((cache.empty, Vec::<f32>::new())).map(Tensor::into_dyn);
    caches.iter().map(|cache| empty(cache).map_err(failed)).collect()
}

/// The index of the highest value, the first of equals.
fn highest(values: &[f32]) -> u32 {
    let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter().position(|value| *value == best).unwrap_or(0) as u32
}
