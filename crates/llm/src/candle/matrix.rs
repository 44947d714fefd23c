//! A weight matrix in two forms: quantised for one token at a time, where memory is what limits, and dense for a
//! prompt, where arithmetic is.
use candle_core::{
    Device, Result,
    quantized::{GgmlDType, QTensor},
};
use gemm::Parallelism;
use half::f16;
use rayon::prelude::*;

use super::kernels::{Activations, BLOCK, Eight, Four, rows_eight, rows_four};

/// Below this many rows of input the quantised form is the faster one.
const FEW: usize = 4;

/// `rows` outputs of `columns` inputs.
pub struct Matrix {
    rows: usize,
    columns: usize,
    weights: Weights,
    dense: Option<Vec<f32>>,
}

enum Weights {
    Four { nibbles: Vec<u8>, scales: Vec<f32>, offsets: Vec<f32> },
    Eight { values: Vec<i8>, scales: Vec<f32> },
}

impl Matrix {
    /// Takes Q4_1 and Q8_0 as they are and anything else to Q8_0. `dense` keeps the f32 form as well.
    pub fn of(tensor: &QTensor, dense: bool) -> Result<Self> {
        let (rows, columns) = tensor.shape().dims2()?;
        if columns % BLOCK != 0 {
            candle_core::bail!("a matrix of {columns} columns, expected a multiple of {BLOCK}");
        }
        let weights = match tensor.dtype() {
            GgmlDType::Q4_1 => four(&tensor.data()?),
            GgmlDType::Q8_0 => eight(&tensor.data()?),
            _ => eight(&QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q8_0)?.data()?),
        };
        let dense = match dense {
            true => Some(tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?),
            false => None,
        };
        Ok(Self { rows, columns, weights, dense })
    }

    /// How many outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row of weights, dequantised.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let blocks = self.columns / BLOCK;
        for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let at = row * blocks + block;
            match &self.weights {
                Weights::Four { nibbles, scales, offsets } => {
                    for (index, byte) in nibbles[at * 16..][..16].iter().enumerate() {
                        out[index] = f32::from(byte & 15) * scales[at] + offsets[at];
                        out[index + 16] = f32::from(byte >> 4) * scales[at] + offsets[at];
                    }
                }
                Weights::Eight { values, scales } => {
                    for (out, &value) in out.iter_mut().zip(&values[at * BLOCK..]) {
                        *out = f32::from(value) * scales[at];
                    }
                }
            }
        }
    }

    /// `out[i] = self * x[i]`, both row after row. Uses as many threads as the pool it runs in.
    pub fn times(&self, x: &[f32], out: &mut [f32]) {
        let count = x.len() / self.columns;
        assert!(x.len() == count * self.columns && out.len() == count * self.rows, "shapes fit");
        if count <= FEW {
            for (x, out) in x.chunks_exact(self.columns).zip(out.chunks_exact_mut(self.rows)) {
                self.times_one(&Activations::of(x), out);
            }
            return;
        }
        match &self.dense {
            Some(dense) => product(x, dense, out, (count, self.rows, self.columns)),
            None => {
                let mut dense = vec![0.0; self.rows * self.columns];
                let rows = dense.par_chunks_exact_mut(self.columns).enumerate();
                rows.for_each(|(row, out)| self.row(row, out));
                product(x, &dense, out, (count, self.rows, self.columns));
            }
        }
    }

    fn times_one(&self, x: &Activations, out: &mut [f32]) {
        // Several parts a thread, so that one that is held up does not hold up the others.
        let parts = match rayon::current_num_threads() {
            1 => 1,
            threads => threads * 2,
        };
        let part = self.rows.div_ceil(parts).max(64);
        if self.rows <= part {
            return self.times_part(x, 0, out);
        }
        out.par_chunks_mut(part).enumerate().for_each(|(index, out)| self.times_part(x, index * part, out));
    }

    fn times_part(&self, x: &Activations, first: usize, out: &mut [f32]) {
        let blocks = self.columns / BLOCK;
        let (start, end) = (first * blocks, (first + out.len()) * blocks);
        match &self.weights {
            Weights::Four { nibbles, scales, offsets } => rows_four(
                Four {
                    nibbles: &nibbles[start * 16..end * 16],
                    scales: &scales[start..end],
                    offsets: &offsets[start..end],
                },
                x,
                out,
            ),
            Weights::Eight { values, scales } => rows_eight(
                Eight { values: &values[start * BLOCK..end * BLOCK], scales: &scales[start..end] },
                x,
                out,
            ),
        }
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// Q4_1: scale, offset, 16 bytes of halves.
fn four(bytes: &[u8]) -> Weights {
    let blocks = || bytes.chunks_exact(20);
    Weights::Four {
        nibbles: blocks().flat_map(|block| block[4..].iter().copied()).collect(),
        scales: blocks().map(half).collect(),
        offsets: blocks().map(|block| half(&block[2..])).collect(),
    }
}

/// Q8_0: scale, 32 values.
fn eight(bytes: &[u8]) -> Weights {
    let blocks = || bytes.chunks_exact(34);
    Weights::Eight {
        // No value is -128 in files of today's writers; one that were would overflow a product.
        values: blocks().flat_map(|block| block[2..].iter().map(|&byte| (byte as i8).max(-127))).collect(),
        scales: blocks().map(half).collect(),
    }
}

/// `out[m][n] = x[m][k] * weights[n][k]`.
fn product(x: &[f32], weights: &[f32], out: &mut [f32], (m, n, k): (usize, usize, usize)) {
    let threads = match rayon::current_num_threads() {
        1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    };
    strided(
        Side { values: x, row: k, column: 1 },
        Side { values: weights, row: 1, column: k },
        out,
        (m, n, k),
        threads,
    );
}

/// One side of a product: where its rows and columns lie.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The numbers.
    pub values: &'a [f32],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

impl Side<'_> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.values.len()
    }
}

/// `out[m][n] = left[m][k] * right[k][n]`.
pub fn strided(
    left: Side<'_>,
    right: Side<'_>,
    out: &mut [f32],
    (m, n, k): (usize, usize, usize),
    threads: Parallelism,
) {
    assert!(left.holds(m, k) && right.holds(k, n) && out.len() >= m * n, "matrices have the stated shapes");
    #[expect(unsafe_code, reason = "gemm takes pointers; every index was checked to lie inside its slice")]
    // SAFETY: see the assertion; `out` is borrowed mutably, so nothing else sees it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            left.values.as_ptr(),
            left.column as isize,
            left.row as isize,
            right.values.as_ptr(),
            right.column as isize,
            right.row as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}
