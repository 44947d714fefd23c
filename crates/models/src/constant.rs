//! Constants of a graph, and the operations that weights are unpacked with, computed as ONNX defines them.
use std::ops::{Add, Mul, Sub};

use ndarray::{ArrayD, Axis, IxDyn, Zip};
use prost::bytes::Bytes;

use crate::onnx::{FLOAT, INT32, INT64, Node, Tensor};

const UINT8: i32 = 2;
const INT8: i32 = 3;

/// A constant's element type, extents and little-endian bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    kind: i32,
    dims: Vec<usize>,
    raw: Bytes,
}

impl Constant {
    /// None: of a kind that is not computed with.
    pub(crate) fn of(tensor: &Tensor) -> Option<Self> {
        let dims: Vec<usize> =
            tensor.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<_>>()?;
        let raw = tensor.raw_data.clone()?;
        let kind = tensor.data_type();
        let count = dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim))?;
        (raw.len() == count.checked_mul(width(kind)?)?).then_some(Self { kind, dims, raw })
    }

    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        Tensor {
            name: Some(name.into()),
            dims: self.dims.iter().map(|dim| *dim as i64).collect(),
            data_type: Some(self.kind),
            raw_data: Some(self.raw.clone()),
            string_data: Vec::new(),
        }
    }

    /// What `node` makes of constants. None: it is not computed here.
    pub(crate) fn compute(node: &Node, inputs: &[&Self]) -> Option<Self> {
        let made = match (node.op_type(), inputs) {
            ("Cast", [value]) => value.cast(i32::try_from(node.number("to")?).ok()?)?,
            ("Add", [left, right]) => left.combined(right, Add::add, i64::wrapping_add)?,
            ("Sub", [left, right]) => left.combined(right, Sub::sub, i64::wrapping_sub)?,
            ("Mul", [left, right]) => left.combined(right, Mul::mul, i64::wrapping_mul)?,
            ("Transpose", [value]) => value.transposed(node.numbers("perm"))?,
            ("Reshape", [value, shape]) if node.number("allowzero").unwrap_or(0) == 0 => {
                value.reshaped(&shape.i64s()?)?
            }
            ("Unsqueeze", [value]) => value.unsqueezed(node.numbers("axes")?)?,
            ("Unsqueeze", [value, axes]) => value.unsqueezed(&axes.i64s()?)?,
            ("Squeeze", [value]) => value.squeezed(node.numbers("axes"))?,
            ("Squeeze", [value, axes]) => value.squeezed(Some(&axes.i64s()?))?,
            ("DequantizeLinear", [value, scale]) => value.dequantized(scale, None, node)?,
            ("DequantizeLinear", [value, scale, zero]) => value.dequantized(scale, Some(zero), node)?,
            _ => return None,
        };
        (!made.raw.is_empty()).then_some(made)
    }

    fn cast(&self, to: i32) -> Option<Self> {
        match to {
            FLOAT => Some(Self::from_f32(&self.numbers()?)),
            INT64 if self.kind != FLOAT => Some(Self {
                kind: INT64,
                dims: self.dims.clone(),
                raw: packed(self.i64s()?.iter(), |value| value.to_le_bytes()),
            }),
            _ if to == self.kind => Some(self.clone()),
            _ => None,
        }
    }

    fn combined(
        &self,
        other: &Self,
        floats: fn(f32, f32) -> f32,
        integers: fn(i64, i64) -> i64,
    ) -> Option<Self> {
        match (self.kind, other.kind) {
            (FLOAT, FLOAT) => Some(Self::from_f32(&broadcast(&self.numbers()?, &other.numbers()?, floats)?)),
            (INT64, INT64) => {
                let (left, right) = (self.integers()?, other.integers()?);
                let made = broadcast(&left, &right, integers)?;
                Some(Self {
                    kind: INT64,
                    dims: made.shape().to_vec(),
                    raw: packed(made.iter(), |value| value.to_le_bytes()),
                })
            }
            _ => None,
        }
    }

    fn transposed(&self, order: Option<&[i64]>) -> Option<Self> {
        let rank = self.dims.len();
        let order: Vec<usize> = match order {
            Some(order) => order.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>()?,
            None => (0..rank).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return None;
        }
        let dims = order.iter().map(|axis| self.dims[*axis]).collect();
        let raw = match width(self.kind)? {
            1 => self.moved::<1>(order)?,
            4 => self.moved::<4>(order)?,
            _ => self.moved::<8>(order)?,
        };
        Some(Self { kind: self.kind, dims, raw })
    }

    fn moved<const N: usize>(&self, order: Vec<usize>) -> Option<Bytes> {
        let elements: Vec<[u8; N]> = self.raw.as_chunks::<N>().0.to_vec();
        let array = ArrayD::from_shape_vec(IxDyn(&self.dims), elements).ok()?;
        Some(packed(array.permuted_axes(order).iter(), |element| *element))
    }

    fn reshaped(&self, shape: &[i64]) -> Option<Self> {
        let count: usize = self.dims.iter().product();
        let mut dims = Vec::with_capacity(shape.len());
        let mut open = None;
        for (axis, extent) in shape.iter().enumerate() {
            match extent {
                0 => dims.push(*self.dims.get(axis)?),
                -1 if open.is_none() => {
                    open = Some(axis);
                    dims.push(1);
                }
                extent => dims.push(usize::try_from(*extent).ok()?),
            }
        }
        if let Some(axis) = open {
            dims[axis] = count.checked_div(dims.iter().product())?;
        }
        (dims.iter().product::<usize>() == count).then(|| Self { dims, ..self.clone() })
    }

    fn unsqueezed(&self, axes: &[i64]) -> Option<Self> {
        let rank = self.dims.len() + axes.len();
        let mut axes: Vec<usize> = axes.iter().map(|axis| place(*axis, rank)).collect::<Option<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        let mut dims = self.dims.clone();
        for axis in axes {
            if axis > dims.len() {
                return None;
            }
            dims.insert(axis, 1);
        }
        Some(Self { dims, ..self.clone() })
    }

    fn squeezed(&self, axes: Option<&[i64]>) -> Option<Self> {
        let rank = self.dims.len();
        let axes: Vec<usize> = match axes {
            Some(axes) => axes.iter().map(|axis| place(*axis, rank)).collect::<Option<_>>()?,
            None => (0..rank).filter(|axis| self.dims[*axis] == 1).collect(),
        };
        if axes.iter().any(|axis| self.dims[*axis] != 1) {
            return None;
        }
        let kept = self.dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        Some(Self { dims: kept.map(|(_, dim)| *dim).collect(), ..self.clone() })
    }

    /// `(value - zero) * scale`, with one scale for all or one for each place along an axis.
    fn dequantized(&self, scale: &Self, zero: Option<&Self>, node: &Node) -> Option<Self> {
        if scale.kind != FLOAT || node.number("block_size").unwrap_or(0) != 0 {
            return None;
        }
        let along = |constant: &Self| {
            let values = constant.numbers()?;
            match constant.dims.len() {
                1 if values.len() > 1 => {
                    let axis = place(node.number("axis").unwrap_or(1), self.dims.len())?;
                    let mut dims = vec![1; self.dims.len()];
                    dims[axis] = values.len();
                    values.into_shape_with_order(IxDyn(&dims)).ok()
                }
                0 | 1 => values.into_shape_with_order(IxDyn(&[])).ok(),
                _ => None,
            }
        };
        let mut values = self.numbers()?;
        if let Some(zero) = zero {
            values = broadcast(&values, &along(zero)?, Sub::sub)?;
        }
        Some(Self::from_f32(&broadcast(&values, &along(scale)?, Mul::mul)?))
    }

    fn from_f32(array: &ArrayD<f32>) -> Self {
        Self {
            kind: FLOAT,
            dims: array.shape().to_vec(),
            raw: packed(array.iter(), |value| value.to_le_bytes()),
        }
    }

    /// The elements as f32, whatever they are.
    #[expect(clippy::cast_precision_loss, reason = "ONNX's Cast to float rounds, too")]
    fn numbers(&self) -> Option<ArrayD<f32>> {
        let values = match self.kind {
            FLOAT => self.raw.as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect(),
            _ => self.i64s()?.into_iter().map(|value| value as f32).collect(),
        };
        ArrayD::from_shape_vec(IxDyn(&self.dims), values).ok()
    }

    fn integers(&self) -> Option<ArrayD<i64>> {
        ArrayD::from_shape_vec(IxDyn(&self.dims), self.i64s()?).ok()
    }

    /// The elements of an integer constant.
    fn i64s(&self) -> Option<Vec<i64>> {
        Some(match self.kind {
            UINT8 => self.raw.iter().map(|raw| i64::from(*raw)).collect(),
            INT8 => self.raw.iter().map(|raw| i64::from(raw.cast_signed())).collect(),
            INT32 => self.raw.as_chunks().0.iter().map(|raw| i64::from(i32::from_le_bytes(*raw))).collect(),
            INT64 => self.raw.as_chunks().0.iter().map(|raw| i64::from_le_bytes(*raw)).collect(),
            _ => return None,
        })
    }
}

fn width(kind: i32) -> Option<usize> {
    match kind {
        UINT8 | INT8 => Some(1),
        FLOAT | INT32 => Some(4),
        INT64 => Some(8),
        _ => None,
    }
}

fn place(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis + rank } else { axis };
    (axis < rank).then_some(usize::try_from(axis).ok()?)
}

/// ONNX's (NumPy's) broadcasting of two arrays.
fn broadcast<T: Copy>(left: &ArrayD<T>, right: &ArrayD<T>, with: fn(T, T) -> T) -> Option<ArrayD<T>> {
    let rank = left.ndim().max(right.ndim());
    let widened = |array: &ArrayD<T>| {
        let mut array = array.clone();
        while array.ndim() < rank {
            array.insert_axis_inplace(Axis(0));
        }
        array
    };
    let (left, right) = (widened(left), widened(right));
    let pairs = left.shape().iter().zip(right.shape());
    let dims: Vec<usize> = pairs.map(|(one, other)| if *one == 1 { *other } else { *one }).collect();
    let (left, right) = (left.broadcast(dims.clone())?, right.broadcast(dims)?);
    Some(Zip::from(left).and(right).map_collect(|one, other| with(*one, *other)))
}

fn packed<'a, T: 'a, const N: usize>(values: impl Iterator<Item = &'a T>, bytes: fn(&T) -> [u8; N]) -> Bytes {
    values.flat_map(bytes).collect::<Vec<u8>>().into()
}

impl Node {
    fn number(&self, name: &str) -> Option<i64> {
        self.attribute.iter().find(|attribute| attribute.name() == name)?.i
    }

    fn numbers(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute.iter().find(|attribute| attribute.name() == name)?.ints)
    }
}
