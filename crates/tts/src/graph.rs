//! What we change in the graph of Kokoro before it runs: how long each symbol sounds becomes an output, and
//! the silence around the speech is cut off before the vocoder, which then has a fifth to a third less to do
//! for a short line. The weights stay as they are.
use std::ops::Range;

use voce_models::onnx::{FLOAT, INT64, expose_output};

/// The tensor with the frames of each symbol, and the name of the output.
pub const DURATIONS: &str = "/encoder/Cast_output_0";
/// Frames kept of the silence in front: what the vocoder needs to start cleanly.
pub const LEAD_FRAMES: i64 = 5;
/// Half frames kept after the last place where the model expects sound.
const TAIL_HALF_FRAMES: i64 = 6;
/// The model's own measure of loudness, which its vocoder obeys: below this, the sound of every English voice
/// lay under -50 dBFS.
const QUIET: f32 = -3.0;

/// What goes from the encoder to the vocoder: producer, tensor, axis of time, steps a frame.
const SLICED: [(&str, &str, i64, i64); 3] = [
    ("/encoder/MatMul_1", "/encoder/MatMul_1_output_0", 2, 1),
    ("/encoder/Reshape", "/encoder/Reshape_output_0", 1, 2),
    ("/encoder/Reshape_1", "/encoder/Reshape_1_output_0", 1, 2),
];

/// The changed model file, or why it could not be changed: it is another export then, and runs unchanged.
pub fn prepare(model: &[u8]) -> Result<Vec<u8>, String> {
    let exposed = expose_output(model, DURATIONS, INT64).map_err(|error| error.to_string())?;
    let mut renamed = rename_outputs(&exposed).ok_or("the graph is not laid out as expected")?;
    renamed.extend(field(7, &added()));
    Ok(renamed)
}

/// The silence in front that [`prepare`] makes the graph cut off, in frames.
pub fn cut_frames(durations: &[i64]) -> i64 {
    (durations.first().copied().unwrap_or(0) - LEAD_FRAMES).max(0)
}

/// The nodes and constants that cut, as a graph to be merged into the model's (protobuf joins the lists of a
/// message that occurs twice).
fn added() -> Vec<u8> {
    let mut graph = Vec::new();
    let constants: [(&str, i64); 7] = [
        ("voce_zero", 0),
        ("voce_one", 1),
        ("voce_two", 2),
        ("voce_all", -1),
        ("voce_lead", LEAD_FRAMES),
        ("voce_tail", TAIL_HALF_FRAMES),
        ("voce_time_axis", 2),
    ];
    for (name, value) in constants {
        graph.extend(field(5, &constant(name, INT64, &value.to_le_bytes())));
    }
    graph.extend(field(5, &constant("voce_quiet", FLOAT, &QUIET.to_le_bytes())));
    let loudness = whole(SLICED[2].1);
    let nodes: [(&str, &[&str], &str); 16] = [
        ("Reshape", &[DURATIONS, "voce_all"], "voce_durations"),
        ("Gather", &["voce_durations", "voce_zero"], "voce_silence"),
        ("Sub", &["voce_silence", "voce_lead"], "voce_spare"),
        ("Max", &["voce_spare", "voce_zero"], "voce_start_1"),
        ("Mul", &["voce_start_1", "voce_two"], "voce_start_2"),
        // The last half frame with sound, and some more. With no sound at all: the start and some more.
        ("Greater", &[&loudness, "voce_quiet"], "voce_loud"),
        ("NonZero", &["voce_loud"], "voce_loud_places"),
        ("Reshape", &["voce_loud_places", "voce_all"], "voce_loud_places_flat"),
        ("Concat", &["voce_loud_places_flat", "voce_start_2"], "voce_places"),
        ("ReduceMax", &["voce_places"], "voce_last_place"),
        ("Add", &["voce_last_place", "voce_tail"], "voce_end_half"),
        ("Div", &["voce_end_half", "voce_two"], "voce_end_frame"),
        ("Add", &["voce_end_frame", "voce_one"], "voce_end_wanted"),
        ("ReduceSum", &["voce_durations"], "voce_frames"),
        ("Min", &["voce_end_wanted", "voce_frames"], "voce_end_1"),
        ("Mul", &["voce_end_1", "voce_two"], "voce_end_2"),
    ];
    for (operator, inputs, output) in nodes {
        graph.extend(field(1, &node(operator, inputs, output)));
    }
    for (_, tensor, axis, steps) in SLICED {
        let axis = if axis == 2 { "voce_time_axis" } else { "voce_one" };
        let (start, end) = (format!("voce_start_{steps}"), format!("voce_end_{steps}"));
        graph.extend(field(1, &node("Slice", &[&whole(tensor), &start, &end, axis], tensor)));
    }
    graph
}

fn whole(tensor: &str) -> String {
    format!("{tensor}_whole")
}

/// A `TensorProto` of one number.
fn constant(name: &str, element: i32, value: &[u8]) -> Vec<u8> {
    let dims = [0x08, 1];
    let kind = [0x10, element as u8];
    [dims.to_vec(), kind.to_vec(), field(8, name.as_bytes()), field(9, value)].concat()
}

/// A `NodeProto`. The only attribute that any of ours needs is the axis of `Concat`, which is 0.
fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    node.extend(field(2, output.as_bytes()));
    node.extend(field(3, format!("voce/{output}").as_bytes()));
    node.extend(field(4, operator.as_bytes()));
    if operator == "Concat" {
        // `AttributeProto`: name, i = 0, type = INT.
        let axis = [field(1, b"axis"), vec![0x18, 0], vec![0xa0, 0x01, 2]].concat();
        node.extend(field(5, &axis));
    }
    node
}

/// A length-delimited field in protobuf's wire format.
fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    varint(tag << 3 | 2, &mut out);
    varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A field of a message: tag, the whole field, and its content where it is length-delimited.
type Field = (u64, Range<usize>, Option<Range<usize>>);

/// The fields of a message.
fn fields(message: &[u8]) -> Option<Vec<Field>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let start = at;
        let key = read_varint(message, &mut at)?;
        let content = match key & 7 {
            0 => {
                read_varint(message, &mut at)?;
                None
            }
            1 => {
                at = at.checked_add(8)?;
                None
            }
            2 => {
                let length = usize::try_from(read_varint(message, &mut at)?).ok()?;
                let content = at..at.checked_add(length)?;
                at = content.end;
                Some(content)
            }
            5 => {
                at = at.checked_add(4)?;
                None
            }
            _ => return None,
        };
        if at > message.len() {
            return None;
        }
        found.push((key >> 3, start..at, content));
    }
    Some(found)
}

/// The model with the outputs of the [`SLICED`] producers renamed, so that the slices can take their names.
fn rename_outputs(model: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(model.len() + 4096);
    let mut renamed = 0;
    for (tag, all, content) in fields(model)? {
        match content {
            Some(content) if tag == 7 => {
                let graph = &model[content];
                let mut changed = Vec::with_capacity(graph.len() + 256);
                for (tag, all, content) in fields(graph)? {
                    match content.filter(|_| tag == 1).and_then(|content| rename_output(&graph[content])) {
                        Some(node) => {
                            changed.extend(field(1, &node));
                            renamed += 1;
                        }
                        None => changed.extend_from_slice(&graph[all]),
                    }
                }
                out.extend(field(7, &changed));
            }
            _ => out.extend_from_slice(&model[all]),
        }
    }
    (renamed == SLICED.len()).then_some(out)
}

fn rename_output(node: &[u8]) -> Option<Vec<u8>> {
    let parts = fields(node)?;
    let output = parts.iter().find(|(tag, ..)| *tag == 2)?.2.clone()?;
    let (_, tensor, ..) = SLICED.iter().find(|(_, tensor, ..)| tensor.as_bytes() == &node[output.clone()])?;
    let mut changed = Vec::with_capacity(node.len() + 8);
    for (tag, all, _) in parts {
        match tag {
            2 => changed.extend(field(2, whole(tensor).as_bytes())),
            _ => changed.extend_from_slice(&node[all]),
        }
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_leaves_a_lead() {
        assert_eq!(cut_frames(&[15, 2, 3, 6, 1]), 10);
        assert_eq!(cut_frames(&[3, 2, 1, 1]), 0);
        assert_eq!(cut_frames(&[]), 0);
    }

    #[test]
    fn another_file_is_refused_and_not_broken() {
        assert!(prepare(b"no model").is_err());
        assert!(prepare(&field(7, &field(1, &node("Add", &["a", "b"], "c")))).is_err());
        assert!(rename_outputs(&[0xff; 40]).is_none());
    }
}
