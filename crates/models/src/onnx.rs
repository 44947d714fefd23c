//! The part of the ONNX file format that we read and write: messages declared by hand after `onnx.proto`
//! (the numbers are its field numbers), so that no protobuf compiler is needed to build.
use std::collections::HashSet;

use prost::{Message, bytes::Bytes};

use crate::ModelError;

/// ONNX element type `FLOAT`.
pub const FLOAT: i32 = 1;
/// ONNX element type `INT32`.
pub const INT32: i32 = 6;
/// ONNX element type `INT64`.
pub const INT64: i32 = 7;

/// A whole model file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
}

/// Which version of an operator set the graph is written against.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// Nodes and constants, of the model or of one branch.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<Value>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub domain: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

/// A setting of a node; `kind` is `AttributeProto.AttributeType`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(int32, optional, tag = "20")]
    pub kind: Option<i32>,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    pub g: Option<Graph>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
}

/// A constant. Everything but strings lies in `raw_data`, little-endian.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw_data: Option<Bytes>,
}

/// A named input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<ValueType>,
}

/// What a value is; only tensors occur in our models.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueType {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// Element type and shape. No shape: of any rank.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, optional, tag = "1")]
    pub element: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// The extents, outermost first.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// One extent: a number, a name, or unknown when neither is set.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub parameter: Option<String>,
}

/// Only the names of a model file: decoding it skips the weights, so that it is cheap on large files.
#[derive(Clone, PartialEq, Message)]
struct Outline {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphOutline>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphOutline {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeOutline>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeOutline {
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
}

/// The model in `bytes` with the inner tensor `tensor` as one more output, after those it has.
///
/// `element` is the tensor's ONNX element type, [`FLOAT`] or [`INT64`] for instance; its shape is left open.
/// A tensor that is an output already leaves the bytes as they are. Fails when no node of the top graph makes
/// the tensor, or when `bytes` is no ONNX model.
///
/// Works by protobuf's own merge rule: a message field that occurs twice is read as one message with the
/// lists joined. So a graph with nothing but the new output is appended, and no weight is parsed or copied
/// twice.
pub fn expose_output(bytes: &[u8], tensor: &str, element: i32) -> Result<Vec<u8>, ModelError> {
    let outline = Outline::decode(bytes)
        .map_err(|error| ModelError::graph(format!("not an ONNX model: {error}")))?
        .graph
        .ok_or_else(|| ModelError::graph("the ONNX model has no graph"))?;
    if outline.output.iter().any(|output| output.name() == tensor) {
        return Ok(bytes.to_vec());
    }
    let made: HashSet<&str> = outline.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    if !made.contains(tensor) {
        return Err(ModelError::graph(format!(
            "the ONNX model has no inner tensor {tensor}; it is another export than the one expected"
        )));
    }
    let kind = ValueType { tensor: Some(TensorType { element: Some(element), shape: None }) };
    let output = Value { name: Some(tensor.into()), kind: Some(kind) };
    let more = Model { graph: Some(Graph { output: vec![output], ..Graph::default() }), ..Model::default() };
    let mut joined = Vec::with_capacity(bytes.len() + more.encoded_len());
    joined.extend_from_slice(bytes);
    more.encode(&mut joined).expect("a Vec grows as needed");
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Vec<u8> {
        let node = |output: &str| Node { output: vec![output.into()], ..Node::default() };
        let output = Value { name: Some("y".into()), kind: None };
        let graph = Graph { node: vec![node("h"), node("y")], output: vec![output], ..Graph::default() };
        Model { ir_version: Some(9), graph: Some(graph), ..Model::default() }.encode_to_vec()
    }

    #[test]
    fn an_inner_tensor_becomes_the_last_output_and_nothing_else_changes() {
        let joined = Model::decode(&expose_output(&model(), "h", INT64).unwrap()[..]).unwrap();
        assert_eq!(joined.ir_version, Some(9));
        let graph = joined.graph.unwrap();
        assert_eq!(graph.node.len(), 2);
        let names: Vec<&str> = graph.output.iter().map(Value::name).collect();
        assert_eq!(names, ["y", "h"]);
        let kind = graph.output[1].kind.as_ref().unwrap().tensor.as_ref().unwrap();
        assert_eq!(kind.element, Some(INT64));
    }

    #[test]
    fn exposing_an_output_again_changes_nothing() {
        assert_eq!(expose_output(&model(), "y", FLOAT).unwrap(), model());
    }

    #[test]
    fn an_unknown_tensor_is_an_error_that_names_it() {
        let error = expose_output(&model(), "duration", FLOAT).unwrap_err();
        assert!(error.to_string().contains("duration"), "{error}");
        assert!(expose_output(b"\xff\xffnot a model", "h", FLOAT).is_err());
    }
}
