//! ONNX Runtime's own file format read into ONNX messages. The slots are those of onnxruntime's `ort.fbs`.
use std::collections::{HashMap, HashSet};

use prost::bytes::Bytes;

use crate::{
    ModelError,
    flatbuffer::Table,
    onnx::{
        Attribute, Dimension, FLOAT, Graph, Model, Node, OperatorSet, Shape, Tensor, TensorType, Value,
        ValueType,
    },
};

/// The file format version of ONNX (of 2023) that has everything these graphs use.
const IR_VERSION: i64 = 9;

/// `AttributeProto.AttributeType`, the same numbers in both formats.
pub(crate) mod kind {
    pub const FLOAT: i32 = 1;
    pub const INT: i32 = 2;
    pub const STRING: i32 = 3;
    pub const TENSOR: i32 = 4;
    pub const GRAPH: i32 = 5;
    pub const FLOATS: i32 = 6;
    pub const INTS: i32 = 7;
    pub const STRINGS: i32 = 8;
}

/// The model in an ORT-format file.
pub(crate) fn read(bytes: &[u8]) -> Result<Model, ModelError> {
    let session = Table::root(Bytes::copy_from_slice(bytes), b"ORTM")?;
    let absent = |what: &str| ModelError::graph(format!("the ORT file has no {what}"));
    let model = session.table(6)?.ok_or_else(|| absent("model"))?;
    let graph = graph(&model.table(18)?.ok_or_else(|| absent("graph"))?, "main")?;
    let used = domains(&graph);
    let mut opset_import = Vec::new();
    for set in model.tables(6)? {
        let domain = set.text(4)?;
        if used.contains(&domain) {
            opset_import.push(OperatorSet { domain: Some(domain), version: Some(set.i64(6)?) });
        }
    }
    Ok(Model {
        ir_version: Some(IR_VERSION),
        opset_import,
        producer_name: Some("voce".into()),
        graph: Some(graph),
    })
}

fn graph(table: &Table, name: &str) -> Result<Graph, ModelError> {
    let initializer = table.tables(4)?.iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    let mut types = HashMap::new();
    for argument in table.tables(6)? {
        if let Some(known) = argument.table(8)?.map(|known| tensor_type(&known)).transpose()?.flatten() {
            types.insert(argument.text(4)?, known);
        }
    }
    let mut node = Vec::new();
    for described in table.tables(8)? {
        // Nodes that an optimiser removed leave an empty place.
        if !described.text(14)?.is_empty() {
            node.push(self::node(&described)?);
        }
    }
    let constants: HashSet<&str> = initializer.iter().map(Tensor::name).collect();
    let value = |name: String| {
        let known = types.get(&name).cloned();
        let tensor = known.unwrap_or(TensorType { element: Some(FLOAT), shape: None });
        Value { name: Some(name), kind: Some(ValueType { tensor: Some(tensor) }) }
    };
    let input = table.texts(14)?.into_iter().filter(|name| !constants.contains(name.as_str()));
    Ok(Graph {
        name: Some(name.into()),
        input: input.map(value).collect(),
        output: table.texts(16)?.into_iter().map(value).collect(),
        node: in_order(node),
        initializer,
    })
}

fn node(table: &Table) -> Result<Node, ModelError> {
    Ok(Node {
        name: Some(table.text(4)?),
        domain: Some(table.text(8)?),
        op_type: Some(table.text(14)?),
        input: table.texts(20)?,
        output: table.texts(22)?,
        attribute: table.tables(24)?.iter().map(attribute).collect::<Result<_, _>>()?,
    })
}

fn attribute(table: &Table) -> Result<Attribute, ModelError> {
    let (name, kind) = (table.text(4)?, table.i32(8)?);
    let absent = || ModelError::graph(format!("the ORT file lacks the value of the attribute {name}"));
    let mut read = Attribute { name: Some(name.clone()), kind: Some(kind), ..Attribute::default() };
    match kind {
        kind::FLOAT => read.f = Some(table.f32(10)?),
        kind::INT => read.i = Some(table.i64(12)?),
        kind::STRING => read.s = Some(table.text(14)?.into()),
        kind::TENSOR => read.t = Some(tensor(&table.table(16)?.ok_or_else(absent)?)?),
        kind::GRAPH => read.g = Some(graph(&table.table(18)?.ok_or_else(absent)?, &name)?),
        kind::FLOATS => read.floats = table.f32s(20)?,
        kind::INTS => read.ints = table.i64s(22)?,
        kind::STRINGS => read.strings = table.texts(24)?.into_iter().map(Bytes::from).collect(),
        other => {
            return Err(ModelError::graph(format!("the attribute {name} is of the unknown kind {other}")));
        }
    }
    Ok(read)
}

fn tensor(table: &Table) -> Result<Tensor, ModelError> {
    let strings = table.texts(14)?;
    let raw = table.bytes(12)?;
    Ok(Tensor {
        name: Some(table.text(4)?),
        dims: table.i64s(8)?,
        data_type: Some(table.i32(10)?),
        raw_data: strings.is_empty().then_some(raw),
        string_data: strings.into_iter().map(Bytes::from).collect(),
    })
}

/// None: not a tensor.
fn tensor_type(table: &Table) -> Result<Option<TensorType>, ModelError> {
    const TENSOR: u8 = 1;
    if table.u8(6)? != TENSOR {
        return Ok(None);
    }
    let Some(value) = table.table(8)? else { return Ok(None) };
    let shape = match value.table(6)? {
        None => None,
        Some(shape) => Some(Shape { dim: shape.tables(4)?.iter().map(dimension).collect::<Result<_, _>>()? }),
    };
    Ok(Some(TensorType { element: Some(value.i32(4)?), shape }))
}

fn dimension(table: &Table) -> Result<Dimension, ModelError> {
    const NUMBER: u8 = 1;
    let Some(value) = table.table(4)? else { return Ok(Dimension::default()) };
    if value.u8(4)? == NUMBER {
        return Ok(Dimension { value: Some(value.i64(6)?), parameter: None });
    }
    let name = value.text(8)?;
    Ok(Dimension { value: None, parameter: (!name.is_empty()).then_some(name) })
}

/// The nodes so that each comes after those that it reads: ONNX asks for it, the ORT format does not.
fn in_order(nodes: Vec<Node>) -> Vec<Node> {
    let mut maker = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        maker.extend(node.output.iter().filter(|name| !name.is_empty()).map(|name| (name.clone(), index)));
    }
    let before: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| node.reads().iter().filter_map(|name| maker.get(name).copied()).collect())
        .collect();
    let mut placed = vec![false; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    for first in 0..nodes.len() {
        let mut open = vec![(first, false)];
        while let Some((index, is_ready)) = open.pop() {
            if placed[index] {
                continue;
            }
            if is_ready {
                placed[index] = true;
                order.push(index);
                continue;
            }
            open.push((index, true));
            open.extend(before[index].iter().filter(|other| !placed[**other]).map(|other| (*other, false)));
        }
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| nodes[index].take()).collect()
}

fn domains(graph: &Graph) -> HashSet<String> {
    let mut found = HashSet::new();
    for node in &graph.node {
        found.insert(node.domain().to_owned());
        for branch in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            found.extend(domains(branch));
        }
    }
    found
}

impl Node {
    /// The names that the node reads, those included that its branches read from outside.
    pub(crate) fn reads(&self) -> Vec<String> {
        let mut names: Vec<String> = self.input.iter().filter(|name| !name.is_empty()).cloned().collect();
        for branch in self.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            names.extend(branch.reads());
        }
        names
    }
}

impl Graph {
    /// The names that this branch reads from outside.
    pub(crate) fn reads(&self) -> Vec<String> {
        let made: HashSet<&str> = (self.node.iter().flat_map(|node| &node.output).map(String::as_str))
            .chain(self.initializer.iter().map(Tensor::name))
            .chain(self.input.iter().map(Value::name))
            .collect();
        let inner = self.node.iter().flat_map(Node::reads);
        let outputs = self.output.iter().map(|output| output.name().to_owned());
        inner.chain(outputs).filter(|name| !made.contains(name.as_str())).collect()
    }
}
