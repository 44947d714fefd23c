//! Arithmetic over 8-bit activations and quantised weights: one plain version that runs anywhere, and one for
//! AVX2 that is chosen when the processor has it.
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Weights and activations are quantised in blocks of this many values, as in GGUF.
pub const BLOCK: usize = 32;

/// A vector in 8 bits: `values[i] * scales[i / 32]`.
#[derive(Default)]
pub struct Activations {
    /// -127 to 127.
    values: Vec<i8>,
    /// One a block.
    scales: Vec<f32>,
    /// Sum of each block, scaled: what a weight's offset is multiplied with.
    sums: Vec<f32>,
}

impl Activations {
    /// Quantises `x`, whose length is a multiple of 32.
    pub fn of(x: &[f32]) -> Self {
        let mut all = Self { values: Vec::with_capacity(x.len()), ..Self::default() };
        for block in x.chunks_exact(BLOCK) {
            let largest = block.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let start = all.values.len();
            all.values.extend(block.iter().map(|value| (value * inverse).round() as i8));
            let sum: i32 = all.values[start..].iter().map(|&value| i32::from(value)).sum();
            all.scales.push(scale);
            all.sums.push(scale * sum as f32);
        }
        all
    }
}

/// Rows of 4-bit weights, `nibble * scale + offset` (GGUF's Q4_1, exactly).
#[derive(Clone, Copy)]
pub struct Four<'a> {
    /// 16 bytes a block: low halves are its first 16 values, high halves the others.
    pub nibbles: &'a [u8],
    /// One a block.
    pub scales: &'a [f32],
    /// One a block.
    pub offsets: &'a [f32],
}

/// Rows of 8-bit weights (GGUF's Q8_0).
#[derive(Clone, Copy)]
pub struct Eight<'a> {
    /// -127 to 127.
    pub values: &'a [i8],
    /// One a block.
    pub scales: &'a [f32],
}

/// Whether this processor runs the fast versions.
pub fn fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// One product a row of `weights` with `x`.
pub fn rows_four(weights: Four<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    assert!(weights.scales.len() == out.len() * blocks && weights.offsets.len() == weights.scales.len());
    assert!(weights.nibbles.len() == weights.scales.len() * BLOCK / 2 && x.values.len() == blocks * BLOCK);
    #[cfg(target_arch = "x86_64")]
    if fast() {
        #[expect(unsafe_code, reason = "the processor has AVX2 and FMA; the lengths were checked above")]
        return unsafe { rows_four_avx2(weights, x, out) };
    }
    rows_four_plain(weights, x, out);
}

/// One product a row of `weights` with `x`.
pub fn rows_eight(weights: Eight<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    assert!(weights.scales.len() == out.len() * blocks && x.values.len() == blocks * BLOCK);
    assert!(weights.values.len() == weights.scales.len() * BLOCK);
    #[cfg(target_arch = "x86_64")]
    if fast() {
        #[expect(unsafe_code, reason = "the processor has AVX2 and FMA; the lengths were checked above")]
        return unsafe { rows_eight_avx2(weights, x, out) };
    }
    rows_eight_plain(weights, x, out);
}

fn rows_four_plain(weights: Four<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    for (row, out) in out.iter_mut().enumerate() {
        *out = (0..blocks)
            .map(|block| {
                let at = row * blocks + block;
                let nibbles = &weights.nibbles[at * 16..][..16];
                let (first, second) = x.values[block * BLOCK..][..BLOCK].split_at(16);
                let product: i32 = nibbles
                    .iter()
                    .zip(first.iter().zip(second))
                    .map(|(byte, (&a, &b))| {
                        i32::from(byte & 15) * i32::from(a) + i32::from(byte >> 4) * i32::from(b)
                    })
                    .sum();
                weights.scales[at] * x.scales[block] * product as f32 + weights.offsets[at] * x.sums[block]
            })
            .sum();
    }
}

fn rows_eight_plain(weights: Eight<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    for (row, out) in out.iter_mut().enumerate() {
        *out = (0..blocks)
            .map(|block| {
                let at = row * blocks + block;
                let pairs = weights.values[at * BLOCK..][..BLOCK].iter().zip(&x.values[block * BLOCK..]);
                let product: i32 = pairs.map(|(&w, &a)| i32::from(w) * i32::from(a)).sum();
                weights.scales[at] * x.scales[block] * product as f32
            })
            .sum();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "loads of 16 and 32 bytes inside slices whose lengths the caller has checked")]
unsafe fn rows_four_avx2(weights: Four<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    let (low, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    for (row, out) in out.iter_mut().enumerate() {
        let (mut sum, mut offset) = (_mm256_setzero_ps(), 0f32);
        for block in 0..blocks {
            let at = row * blocks + block;
            // SAFETY: `at` is below the number of blocks of the weights, `block` below that of `x`.
            let (bytes, a, scale) = unsafe {
                offset += weights.offsets.get_unchecked(at) * x.sums.get_unchecked(block);
                (
                    _mm_loadu_si128(weights.nibbles.as_ptr().add(at * 16).cast()),
                    _mm256_loadu_si256(x.values.as_ptr().add(block * BLOCK).cast()),
                    weights.scales.get_unchecked(at) * x.scales.get_unchecked(block),
                )
            };
            let w = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes), low);
            let product = _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), ones);
            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), _mm256_set1_ps(scale), sum);
        }
        *out = total(sum) + offset;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "loads of 32 bytes inside slices whose lengths the caller has checked")]
unsafe fn rows_eight_avx2(weights: Eight<'_>, x: &Activations, out: &mut [f32]) {
    let blocks = x.scales.len();
    let ones = _mm256_set1_epi16(1);
    for (row, out) in out.iter_mut().enumerate() {
        let mut sum = _mm256_setzero_ps();
        for block in 0..blocks {
            let at = row * blocks + block;
            // SAFETY: `at` is below the number of blocks of the weights, `block` below that of `x`.
            let (w, a, scale) = unsafe {
                (
                    _mm256_loadu_si256(weights.values.as_ptr().add(at * BLOCK).cast()),
                    _mm256_loadu_si256(x.values.as_ptr().add(block * BLOCK).cast()),
                    weights.scales.get_unchecked(at) * x.scales.get_unchecked(block),
                )
            };
            // maddubs wants one side unsigned: the weight's sign moves to the activation.
            let product = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
            let product = _mm256_madd_epi16(product, ones);
            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), _mm256_set1_ps(scale), sum);
        }
        *out = total(sum);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn total(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

/// Compiles `$plain` a second time with AVX2, and calls that where the processor has it.
macro_rules! widened {
    ($(#[$doc:meta])* $name:ident, $wide:ident, $plain:ident, ($($arg:ident: $type:ty),*) $(-> $out:ty)?) => {
        $(#[$doc])*
        pub fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn $wide($($arg: $type),*) $(-> $out)? {
                    $plain($($arg),*)
                }
                if fast() {
                    #[expect(unsafe_code, reason = "the processor has AVX2 and FMA; the body is safe code")]
                    return unsafe { $wide($($arg),*) };
                }
            }
            $plain($($arg),*)
        }
    };
}

widened!(
    /// The inner product.
    dot, dot_wide, dot_plain, (a: &[f32], b: &[f32]) -> f32
);
widened!(
    /// `out += factor * x`.
    add_scaled, add_scaled_wide, add_scaled_plain, (out: &mut [f32], x: &[f32], factor: f32)
);
widened!(
    /// Turns scores, times `scale`, into probabilities.
    softmax, softmax_wide, softmax_plain, (scores: &mut [f32], scale: f32)
);
widened!(
    /// `gate = gate * sigmoid(gate) * up`.
    silu_times, silu_times_wide, silu_times_plain, (gate: &mut [f32], up: &[f32])
);

#[inline(always)]
fn dot_plain(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (a_parts, b_parts) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn add_scaled_plain(out: &mut [f32], x: &[f32], factor: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += factor * x;
    }
}

#[inline(always)]
fn softmax_plain(scores: &mut [f32], scale: f32) {
    let largest =
        scores.iter().fold(f32::MIN, |largest, &score| if score > largest { score } else { largest });
    for score in scores.iter_mut() {
        *score = exponential((*score - largest) * scale);
    }
    let inverse = 1.0 / scores.iter().sum::<f32>();
    for score in scores.iter_mut() {
        *score *= inverse;
    }
}

#[inline(always)]
fn silu_times_plain(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exponential(-*gate)) * up;
    }
}

/// e^x to 7 digits without a branch, so that the compiler can do eight at a time; the library's cannot be.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    let power = (x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    let whole = (power + 12_582_912.0) - 12_582_912.0;
    let part = (power - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + part
            * (1.0
                + part
                    * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0 + part * (1.0 / 120.0 + part / 720.0)))));
    series * f32::from_bits((((whole as i32) + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn the_fast_products_equal_the_plain_ones_and_the_exact_ones() {
        let (rows, columns) = (7, 96);
        let x = noise(columns, 1);
        let bytes: Vec<u8> = noise(rows * columns / 2, 2).iter().map(|v| ((v + 1.0) * 127.0) as u8).collect();
        let (scales, offsets) = (noise(rows * 3, 3), noise(rows * 3, 4));
        let activations = Activations::of(&x);
        let four = Four { nibbles: &bytes, scales: &scales, offsets: &offsets };
        let values: Vec<i8> = noise(rows * columns, 5).iter().map(|v| (v * 127.0) as i8).collect();
        let eight = Eight { values: &values, scales: &scales };
        let (mut fast, mut plain) = (vec![0.0; rows], vec![0.0; rows]);
        rows_four(four, &activations, &mut fast);
        rows_four_plain(four, &activations, &mut plain);
        for row in 0..rows {
            let exact: f32 = (0..columns)
                .map(|column| {
                    let at = row * 3 + column / BLOCK;
                    let byte = bytes[at * 16 + column % 16];
                    let nibble = if column % BLOCK < 16 { byte & 15 } else { byte >> 4 };
                    (f32::from(nibble) * scales[at] + offsets[at]) * x[column]
                })
                .sum();
            assert!((fast[row] - plain[row]).abs() < 1e-3, "{fast:?} {plain:?}");
            assert!((fast[row] - exact).abs() < 1.0, "{} {exact}", fast[row]);
        }
        rows_eight(eight, &activations, &mut fast);
        rows_eight_plain(eight, &activations, &mut plain);
        for row in 0..rows {
            assert!((fast[row] - plain[row]).abs() < 1e-2, "{fast:?} {plain:?}");
        }
    }

    #[test]
    fn the_short_functions_equal_the_library() {
        for x in [-80.0f32, -3.3, -0.5, 0.0, 0.7, 5.0, 40.0] {
            assert!((exponential(x) / x.exp() - 1.0).abs() < 1e-4, "{x}");
        }
        let mut scores = vec![1.0, 2.0, 3.0];
        softmax(&mut scores, 2.0);
        let sum = (2f32).exp() + (4f32).exp() + (6f32).exp();
        assert!((scores[2] - (6f32).exp() / sum).abs() < 1e-5);
        assert!((dot(&noise(67, 6), &vec![1.0; 67]) - noise(67, 6).iter().sum::<f32>()).abs() < 1e-4);
    }
}
