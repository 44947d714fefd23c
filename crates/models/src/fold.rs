//! Smaller work for the same graph: what is computed from constants alone is computed once, here; what nobody
//! reads is dropped; what two branches hold alike is held once.
use std::collections::{HashMap, HashSet};

use prost::bytes::Bytes;

use crate::{
    constant::Constant,
    onnx::{Graph, Node, Tensor},
};

/// Constants below this size are not worth sharing.
const SHARED_BYTES: usize = 4096;

/// Replaces every node whose inputs are constants by its result, inside branches too.
pub(crate) fn fold(graph: &mut Graph) {
    fold_with(graph, &HashMap::new());
}

fn fold_with(graph: &mut Graph, outside: &HashMap<String, Constant>) {
    let mut constants = outside.clone();
    constants.extend(
        graph.initializer.iter().filter_map(|tensor| Some((tensor.name().to_owned(), Constant::of(tensor)?))),
    );
    let mut unread = uses(graph);
    let mut made: HashMap<String, Constant> = HashMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut kept = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        for branch in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
            fold_with(branch, &constants);
        }
        if let Some(value) = stated(&node) {
            constants.insert(node.output[0].clone(), value);
            kept.push(node);
            continue;
        }
        let Some(result) = computed(&node, &constants) else {
            kept.push(node);
            continue;
        };
        // An intermediate result that nobody else reads need not be held: unpacking the weights takes several
        // steps, each as large as all of them.
        for name in &node.input {
            let left = unread.get_mut(name);
            if left.is_some_and(|left| {
                *left -= 1;
                *left == 0
            }) && made.remove(name).is_some()
            {
                constants.remove(name);
            }
        }
        constants.insert(node.output[0].clone(), result.clone());
        order.push(node.output[0].clone());
        made.insert(node.output[0].clone(), result);
    }
    graph.node = kept;
    let needed = needed(graph);
    graph.initializer.retain(|tensor| needed.contains(tensor.name()));
    let results = order.iter().filter(|name| needed.contains(*name));
    graph.initializer.extend(results.filter_map(|name| Some(made.get(name)?.tensor(name))));
}

/// The value of a node that only states one.
fn stated(node: &Node) -> Option<Constant> {
    if node.op_type() != "Constant" {
        return None;
    }
    let value = node.attribute.iter().find(|attribute| attribute.name() == "value")?;
    Constant::of(value.t.as_ref()?)
}

fn computed(node: &Node, constants: &HashMap<String, Constant>) -> Option<Constant> {
    if !node.domain().is_empty() || node.output.len() != 1 {
        return None;
    }
    let inputs = node.input.iter().map(|name| constants.get(name)).collect::<Option<Vec<_>>>()?;
    Constant::compute(node, &inputs)
}

/// How often each name is read, in branches too, and by the outside.
fn uses(graph: &Graph) -> HashMap<String, usize> {
    let mut uses = HashMap::new();
    for name in graph.node.iter().flat_map(Node::reads) {
        *uses.entry(name).or_default() += 1;
    }
    for output in &graph.output {
        *uses.entry(output.name().to_owned()).or_default() += 1;
    }
    uses
}

fn needed(graph: &Graph) -> HashSet<String> {
    let outputs = graph.output.iter().map(|output| output.name().to_owned());
    graph.node.iter().flat_map(Node::reads).chain(outputs).collect()
}

/// Drops nodes and constants that nothing reads.
pub(crate) fn prune(graph: &mut Graph) {
    loop {
        let needed = needed(graph);
        let before = graph.node.len();
        graph.node.retain(|node| node.output.iter().any(|name| needed.contains(name)));
        if graph.node.len() == before {
            graph.initializer.retain(|tensor| needed.contains(tensor.name()));
            return;
        }
    }
}

/// Moves large constants that several branches hold alike to the graph around them.
pub(crate) fn share(graph: &mut Graph) {
    let mut holders: HashMap<(i32, Vec<i64>, Bytes), usize> = HashMap::new();
    for branch in branches(graph) {
        for tensor in &branch.initializer {
            *holders.entry(identity(tensor)).or_default() += 1;
        }
    }
    let is_shared = |tensor: &Tensor| {
        tensor.raw_data().len() > SHARED_BYTES
            && holders.get(&identity(tensor)).is_some_and(|count| *count > 1)
    };
    let mut names: HashMap<(i32, Vec<i64>, Bytes), String> = HashMap::new();
    let mut moved: Vec<Tensor> = Vec::new();
    for branch in branches(graph) {
        for mut tensor in std::mem::take(&mut branch.initializer) {
            if !is_shared(&tensor) || branch.output.iter().any(|output| output.name() == tensor.name()) {
                branch.initializer.push(tensor);
                continue;
            }
            let old = tensor.name().to_owned();
            let name = names.entry(identity(&tensor)).or_insert_with(|| {
                let name = format!("voce_shared_{}", moved.len());
                tensor.name = Some(name.clone());
                moved.push(tensor);
                name
            });
            rename(branch, &old, name);
        }
    }
    graph.initializer.extend(moved);
}

fn branches(graph: &mut Graph) -> impl Iterator<Item = &mut Graph> {
    let attributes = graph.node.iter_mut().flat_map(|node| node.attribute.iter_mut());
    attributes.filter_map(|attribute| attribute.g.as_mut())
}

fn identity(tensor: &Tensor) -> (i32, Vec<i64>, Bytes) {
    (tensor.data_type(), tensor.dims.clone(), tensor.raw_data.clone().unwrap_or_default())
}

fn rename(graph: &mut Graph, old: &str, new: &str) {
    for node in &mut graph.node {
        for input in node.input.iter_mut().filter(|input| *input == old) {
            new.clone_into(input);
        }
        for branch in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
            rename(branch, old, new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Attribute, FLOAT, INT64, Value};

    fn tensor(name: &str, kind: i32, dims: &[i64], raw: Vec<u8>) -> Tensor {
        Tensor {
            name: Some(name.into()),
            data_type: Some(kind),
            dims: dims.to_vec(),
            raw_data: Some(raw.into()),
            string_data: Vec::new(),
        }
    }

    fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
        tensor(name, FLOAT, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn node(kind: &str, input: &[&str], output: &str) -> Node {
        Node {
            op_type: Some(kind.into()),
            input: input.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            ..Node::default()
        }
    }

    fn with(mut node: Node, name: &str, number: i64) -> Node {
        node.attribute.push(Attribute { name: Some(name.into()), i: Some(number), ..Attribute::default() });
        node
    }

    fn output(name: &str) -> Value {
        Value { name: Some(name.into()), kind: None }
    }

    fn read(tensor: &Tensor) -> Vec<f32> {
        tensor.raw_data().as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect()
    }

    #[test]
    fn weights_are_unpacked_once_and_only_the_last_step_is_kept() {
        const INT8: i32 = 3;
        let mut graph = Graph {
            initializer: vec![
                tensor("q", INT8, &[2, 2], vec![1, 2, 0xff, 0x80]),
                floats("scale", &[2], &[0.5, 2.0]),
                floats("shift", &[], &[1.0]),
            ],
            node: vec![
                with(node("Cast", &["q"], "a"), "to", 1),
                node("Mul", &["a", "scale"], "b"),
                node("Add", &["b", "shift"], "w"),
                node("MatMul", &["x", "w"], "y"),
            ],
            output: vec![output("y")],
            ..Graph::default()
        };
        fold(&mut graph);
        prune(&mut graph);
        assert_eq!(graph.node.len(), 1);
        assert_eq!(graph.initializer.len(), 1);
        assert_eq!(graph.initializer[0].dims, [2, 2]);
        assert_eq!(read(&graph.initializer[0]), [1.5, 5.0, 0.5, -255.0]);
    }

    #[test]
    fn shapes_are_moved_as_onnx_defines_it() {
        let integers = |name: &str, values: &[i64]| {
            tensor(
                name,
                INT64,
                &[values.len() as i64],
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            )
        };
        let mut graph = Graph {
            initializer: vec![
                floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                integers("shape", &[0, -1, 1]),
                integers("axes", &[-1]),
                integers("front", &[0]),
            ],
            node: vec![
                node("Transpose", &["w"], "t"),
                node("Reshape", &["t", "shape"], "r"),
                node("Squeeze", &["r", "axes"], "s"),
                node("Unsqueeze", &["s", "front"], "u"),
                node("Use", &["u"], "y"),
            ],
            output: vec![output("y")],
            ..Graph::default()
        };
        fold(&mut graph);
        assert_eq!(graph.initializer[0].dims, [1, 3, 2]);
        assert_eq!(read(&graph.initializer[0]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn quantised_weights_with_a_scale_for_each_column_are_unpacked() {
        const UINT8: i32 = 2;
        let mut graph = Graph {
            initializer: vec![
                tensor("q", UINT8, &[2, 2], vec![10, 20, 30, 40]),
                floats("scale", &[2], &[0.5, 0.25]),
                tensor("zero", UINT8, &[2], vec![10, 20]),
            ],
            node: vec![
                with(node("DequantizeLinear", &["q", "scale", "zero"], "w"), "axis", 1),
                node("Use", &["w"], "y"),
            ],
            output: vec![output("y")],
            ..Graph::default()
        };
        fold(&mut graph);
        assert_eq!(read(&graph.initializer[0]), [0.0, 0.0, 10.0, 5.0]);
    }

    #[test]
    fn what_two_branches_hold_alike_moves_out_and_is_still_found() {
        let large = vec![0.5_f32; 2000];
        let branch = |name: &str, weight: &str| Attribute {
            name: Some(name.into()),
            g: Some(Graph {
                initializer: vec![floats(weight, &[2000], &large)],
                node: vec![node("Use", &[weight], name)],
                output: vec![output(name)],
                ..Graph::default()
            }),
            ..Attribute::default()
        };
        let mut choice = node("If", &["condition"], "y");
        choice.attribute = vec![branch("then_branch", "w1"), branch("else_branch", "w2")];
        let mut graph = Graph { node: vec![choice], output: vec![output("y")], ..Graph::default() };
        share(&mut graph);
        assert_eq!(graph.initializer.len(), 1);
        for branch in branches(&mut graph) {
            assert!(branch.initializer.is_empty());
            assert_eq!(branch.node[0].input, ["voce_shared_0"]);
        }
    }
}
