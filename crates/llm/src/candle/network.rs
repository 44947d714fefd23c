//! The network of Llama and Qwen2 files: token ids in, logits out, over a cache that can be cut back to any length,
//! which is why candle's own is not used.
use std::{collections::HashMap, fs::File, io::BufReader, path::Path};

use candle_core::{
    Device, Error, Result,
    quantized::gguf_file::{Content, Value},
};
use gemm::Parallelism;
use rayon::prelude::*;

use super::{
    kernels::{add_scaled, dot, silu_times, softmax},
    matrix::{Matrix, Side, strided},
};

/// Matrices are kept dense as well below this many parameters: 1 GiB of f32.
const DENSE_PARAMETERS: usize = 256 * 1024 * 1024;

/// A loaded model.
pub struct Network {
    embedding: Matrix,
    output: Option<Matrix>,
    norm: Vec<f32>,
    layers: Vec<Layer>,
    shape: Shape,
}

/// Sizes of a network.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Most tokens that the model was trained for.
    pub context: usize,
    width: usize,
    heads: usize,
    key_heads: usize,
    head: usize,
    rope_base: f32,
    /// Llama files rotate neighbours, Qwen2 files the two halves of a head.
    neighbours: bool,
    epsilon: f32,
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    feed_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Linear {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
}

/// Tokens that the network has seen, and what it keeps of them.
#[derive(Clone, Default)]
pub struct Cache {
    tokens: Vec<u32>,
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Cache {
    /// What has been seen.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// A copy of the first `count` tokens.
    pub fn prefix(&self, count: usize) -> Self {
        let width = self.layers.first().map_or(0, |(keys, _)| keys.len() / self.tokens.len().max(1));
        let part = |all: &Vec<f32>| all[..count * width].to_vec();
        let layers = self.layers.iter().map(|(keys, values)| (part(keys), part(values))).collect();
        Self { tokens: self.tokens[..count].to_vec(), layers }
    }
}

impl Network {
    /// Reads the weights of a GGUF file. Also returns its metadata.
    pub fn load(path: &Path) -> Result<(Self, HashMap<String, Value>)> {
        let mut file = BufReader::new(File::open(path)?);
        let content = Content::read(&mut file)?;
        let shape = Shape::of(&content.metadata)?;
        let parameters: usize = content.tensor_infos.values().map(|tensor| tensor.shape.elem_count()).sum();
        let mut reader = Reader { file, content, dense: parameters < DENSE_PARAMETERS };
        let count = number(&reader.content.metadata, "block_count")? as usize;
        let layers = (0..count).map(|index| reader.layer(index)).collect::<Result<_>>()?;
        let output = match reader.content.tensor_infos.contains_key("output.weight") {
            true => Some(reader.matrix("output.weight", false)?),
            false => None,
        };
        let embedding = reader.matrix("token_embd.weight", false)?;
        let norm = reader.vector("output_norm.weight")?;
        Ok((Self { embedding, output, norm, layers, shape }, reader.content.metadata))
    }

    /// Sizes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Reads `tokens` after those in `cache`, and returns the logits of what follows the last of them.
    pub fn read(&self, tokens: &[u32], cache: &mut Cache) -> Vec<f32> {
        let Shape { width, epsilon, .. } = self.shape;
        let start = cache.tokens.len();
        cache.layers.resize_with(self.layers.len(), Default::default);
        cache.tokens.extend_from_slice(tokens);
        let mut x = vec![0.0; tokens.len() * width];
        for (token, x) in tokens.iter().zip(x.chunks_exact_mut(width)) {
            self.embedding.row(*token as usize, x);
        }
        for (layer, (keys, values)) in self.layers.iter().zip(&mut cache.layers) {
            self.attend(layer, &mut x, (keys, values), start);
            self.feed(layer, &mut x);
        }
        let last = normalise(&x[x.len() - width..], &self.norm, epsilon);
        let head = self.output.as_ref().unwrap_or(&self.embedding);
        let mut logits = vec![0.0; head.rows()];
        head.times(&last, &mut logits);
        logits
    }

    fn attend(
        &self,
        layer: &Layer,
        x: &mut [f32],
        (keys, values): (&mut Vec<f32>, &mut Vec<f32>),
        start: usize,
    ) {
        let shape = self.shape;
        let normal = normalise(x, &layer.attention_norm, shape.epsilon);
        let mut query = layer.query.times(&normal);
        let mut key = layer.key.times(&normal);
        self.rotate(&mut query, shape.heads, start);
        self.rotate(&mut key, shape.key_heads, start);
        keys.extend_from_slice(&key);
        values.extend_from_slice(&layer.value.times(&normal));
        let mixed = self.mix(&query, keys, values, start);
        add_scaled(x, &layer.out.times(&mixed), 1.0);
    }

    fn feed(&self, layer: &Layer, x: &mut [f32]) {
        let normal = normalise(x, &layer.feed_norm, self.shape.epsilon);
        let (mut gate, up) = (layer.gate.times(&normal), layer.up.times(&normal));
        let part = gate.len().div_ceil(rayon::current_num_threads()).max(16 * 1024);
        match gate.len() <= part {
            true => silu_times(&mut gate, &up),
            false => {
                gate.par_chunks_mut(part).zip(up.par_chunks(part)).for_each(|(gate, up)| silu_times(gate, up))
            }
        }
        add_scaled(x, &layer.down.times(&gate), 1.0);
    }

    /// Rotary positions.
    fn rotate(&self, x: &mut [f32], heads: usize, start: usize) {
        let Shape { head, rope_base, neighbours, .. } = self.shape;
        let half = head / 2;
        let speeds: Vec<f32> = (0..half).map(|i| rope_base.powf(-(2.0 * i as f32) / head as f32)).collect();
        for (index, row) in x.chunks_exact_mut(heads * head).enumerate() {
            let turns: Vec<(f32, f32)> =
                speeds.iter().map(|speed| ((start + index) as f32 * speed).sin_cos()).collect();
            for head in row.chunks_exact_mut(head) {
                for (i, (sin, cos)) in turns.iter().enumerate() {
                    let (a, b) = if neighbours { (2 * i, 2 * i + 1) } else { (i, i + half) };
                    (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
                }
            }
        }
    }

    /// Attention of every head, each token to itself and those before it.
    fn mix(&self, query: &[f32], keys: &[f32], values: &[f32], start: usize) -> Vec<f32> {
        let Shape { heads, key_heads, head, .. } = self.shape;
        let (row, key_row) = (heads * head, key_heads * head);
        let count = query.len() / row;
        let seen = start + count;
        let scale = 1.0 / (head as f32).sqrt();
        let one_head = |index: usize| {
            let offset = index / (heads / key_heads) * head;
            let query = &query[index * head..];
            let (keys, values) = (&keys[offset..], &values[offset..]);
            let mut scores = vec![0.0; count * seen];
            let mut mixed = vec![0.0; count * head];
            if count == 1 {
                for (position, score) in scores.iter_mut().enumerate() {
                    *score = dot(&query[..head], &keys[position * key_row..][..head]);
                }
                softmax(&mut scores, scale);
                for (position, score) in scores.iter().enumerate() {
                    add_scaled(&mut mixed, &values[position * key_row..][..head], *score);
                }
                return mixed;
            }
            let (queries, transposed) =
                (Side { values: query, row, column: 1 }, Side { values: keys, row: 1, column: key_row });
            strided(queries, transposed, &mut scores, (count, seen, head), Parallelism::None);
            for (index, scores) in scores.chunks_exact_mut(seen).enumerate() {
                let (past, future) = scores.split_at_mut(start + index + 1);
                softmax(past, scale);
                future.fill(0.0);
            }
            let (scores, values) =
                (Side { values: &scores, row: seen, column: 1 }, Side { values, row: key_row, column: 1 });
            strided(scores, values, &mut mixed, (count, head, seen), Parallelism::None);
            mixed
        };
        // One token over a short past is too little work to share.
        let all: Vec<Vec<f32>> = match count * seen < 4_096 {
            true => (0..heads).map(one_head).collect(),
            false => (0..heads).into_par_iter().map(one_head).collect(),
        };
        let mut out = vec![0.0; count * row];
        for (index, mixed) in all.iter().enumerate() {
            for (mixed, out) in mixed.chunks_exact(head).zip(out.chunks_exact_mut(row)) {
                out[index * head..][..head].copy_from_slice(mixed);
            }
        }
        out
    }
}

impl Linear {
    fn times(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.matrix.columns() * self.matrix.rows()];
        self.matrix.times(x, &mut out);
        if let Some(bias) = &self.bias {
            out.chunks_exact_mut(bias.len()).for_each(|out| add_scaled(out, bias, 1.0));
        }
        out
    }
}

fn normalise(x: &[f32], weights: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks_exact(weights.len()) {
        let inverse = 1.0 / (dot(row, row) / row.len() as f32 + epsilon).sqrt();
        out.extend(row.iter().zip(weights).map(|(x, weight)| x * inverse * weight));
    }
    out
}

impl Shape {
    fn of(metadata: &HashMap<String, Value>) -> Result<Self> {
        let architecture = metadata.get("general.architecture").and_then(|name| name.to_string().ok());
        let neighbours = match architecture.map(String::as_str) {
            Some("llama") => true,
            Some("qwen2") => false,
            other => candle_core::bail!("architecture {other:?}, expected llama or qwen2"),
        };
        let (width, heads) = (
            number(metadata, "embedding_length")? as usize,
            number(metadata, "attention.head_count")? as usize,
        );
        let head =
            number(metadata, "attention.key_length").map_or(width / heads.max(1), |head| head as usize);
        Ok(Self {
            context: number(metadata, "context_length")? as usize,
            width,
            heads,
            key_heads: number(metadata, "attention.head_count_kv").map_or(heads, |count| count as usize),
            head,
            rope_base: number(metadata, "rope.freq_base").unwrap_or(10_000.0),
            neighbours,
            epsilon: number(metadata, "attention.layer_norm_rms_epsilon")?,
        })
    }
}

fn number(metadata: &HashMap<String, Value>, name: &str) -> Result<f32> {
    let (_, value) = metadata
        .iter()
        .find(|(key, _)| key.split_once('.').is_some_and(|(_, rest)| rest == name))
        .ok_or_else(|| Error::Msg(format!("no {name} in the metadata")))?;
    match value {
        Value::F32(value) => Ok(*value),
        other => Ok(other.to_u32()? as f32),
    }
}

struct Reader {
    file: BufReader<File>,
    content: Content,
    dense: bool,
}

impl Reader {
    fn layer(&mut self, index: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{index}.{part}");
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"))?,
            query: self.linear(&name("attn_q"))?,
            key: self.linear(&name("attn_k"))?,
            value: self.linear(&name("attn_v"))?,
            out: self.linear(&name("attn_output"))?,
            feed_norm: self.vector(&name("ffn_norm.weight"))?,
            gate: self.linear(&name("ffn_gate"))?,
            up: self.linear(&name("ffn_up"))?,
            down: self.linear(&name("ffn_down"))?,
        })
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        let bias = format!("{name}.bias");
        let bias = match self.content.tensor_infos.contains_key(&bias) {
            true => Some(self.vector(&bias)?),
            false => None,
        };
        Ok(Linear { matrix: self.matrix(&format!("{name}.weight"), self.dense)?, bias })
    }

    fn matrix(&mut self, name: &str, dense: bool) -> Result<Matrix> {
        Matrix::of(&self.content.tensor(&mut self.file, name, &Device::Cpu)?, dense)
    }

    fn vector(&mut self, name: &str) -> Result<Vec<f32>> {
        self.content.tensor(&mut self.file, name, &Device::Cpu)?.dequantize(&Device::Cpu)?.to_vec1()
    }
}
