//! Percentiles and intervals. Pure; chance comes from a fixed seed, so that a report comes out the same twice.
use serde::Serialize;

use crate::commands::dice::Dice;

/// How all of it is computed, in words.
pub const METHOD: &str = "percentiles: linear interpolation between the two nearest values (as NumPy and MLflow do), from the durations of the raw spans; intervals: 95 %, of medians and their differences by bootstrap over turns (1000 samples, fixed seed), of mean scores by Student's t";

const SAMPLES: usize = 1_000;
const SEED: u64 = 4;

/// What is said of many values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub count: usize,
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// A value and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let max = *values.last()?;
        Some(Self {
            count: values.len(),
            mean: mean(&values),
            p50: percentile(&values, 50.0),
            p95: percentile(&values, 95.0),
            p99: percentile(&values, 99.0),
            max,
        })
    }
}

/// The percentile of sorted values; 0 of none.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = last as f64 * percent / 100.0;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The median with its interval; `None` of nothing.
pub fn median(values: &[f64]) -> Option<Estimate> {
    let mut dice = Dice::new(SEED);
    let mut medians: Vec<f64> = (0..SAMPLES).map(|_| median_of_sample(values, &mut dice)).collect();
    (!values.is_empty()).then(|| interval(median_of(values.to_vec()), &mut medians))
}

/// How much larger the median of `other` is than that of `base`; `None` if either is empty.
pub fn difference(base: &[f64], other: &[f64]) -> Option<Estimate> {
    if base.is_empty() || other.is_empty() {
        return None;
    }
    let mut dice = Dice::new(SEED);
    let mut differences: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let of_other = median_of_sample(other, &mut dice);
            of_other - median_of_sample(base, &mut dice)
        })
        .collect();
    let value = median_of(other.to_vec()) - median_of(base.to_vec());
    Some(interval(value, &mut differences))
}

/// The mean with its interval by Student's t; a single value has none, so its interval is itself.
pub fn mean_score(values: &[f64]) -> Estimate {
    let value = mean(values);
    let count = values.len() as f64;
    if values.len() < 2 {
        return Estimate { value, low: value, high: value };
    }
    let variance = values.iter().map(|one| (one - value).powi(2)).sum::<f64>() / (count - 1.0);
    let half = student_t(values.len() - 1) * (variance / count).sqrt();
    Estimate { value, low: value - half, high: value + half }
}

fn interval(value: f64, sampled: &mut [f64]) -> Estimate {
    sampled.sort_by(f64::total_cmp);
    Estimate { value, low: percentile(sampled, 2.5), high: percentile(sampled, 97.5) }
}

fn median_of_sample(values: &[f64], dice: &mut Dice) -> f64 {
    median_of((0..values.len()).map(|_| values[dice.below(values.len())]).collect())
}

/// Without sorting all of it: this is what takes the time.
fn median_of(mut values: Vec<f64>) -> f64 {
    let count = values.len();
    if count == 0 {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, *upper)
}

/// The 97.5 % point of Student's t: a table where it bends, an expansion around the normal one beyond (error below 0.001).
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    ];
    if let Some(value) = freedom.checked_sub(1).and_then(|index| TABLE.get(index)) {
        return *value;
    }
    let z = 1.959_964_f64;
    let freedom = freedom as f64;
    z + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0), 5.5);
        assert!((percentile(&values, 95.0) - 9.55).abs() < 1e-12);
        assert_eq!(percentile(&values, 100.0), 10.0);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert!(Spread::of(vec![]).is_none());
    }

    #[test]
    fn medians_are_right_for_even_and_odd_counts() {
        assert_eq!(median_of(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median_of(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn a_difference_of_nothing_holds_zero_and_a_real_one_does_not() {
        let mut dice = Dice::new(9);
        let mut sample = |shift: f32| -> Vec<f64> {
            (0..150).map(|_| f64::from(dice.between(0.5, 1.5) + shift)).collect()
        };
        let (base, same, other) = (sample(0.0), sample(0.0), sample(0.4));
        let none = difference(&base, &same).unwrap();
        assert!(none.low < 0.0 && none.high > 0.0, "{none:?}");
        let real = difference(&base, &other).unwrap();
        assert!(real.low > 0.0 && (real.value - 0.4).abs() < 0.2, "{real:?}");
        let median = median(&base).unwrap();
        assert!(median.low < 1.0 && median.high > 1.0 && median.high - median.low < 0.35, "{median:?}");
    }

    #[test]
    fn students_t_is_the_tables() {
        assert_eq!(student_t(4), 2.776);
        assert!((student_t(21) - 2.0796).abs() < 0.001);
        assert!((student_t(100) - 1.9840).abs() < 0.001);
    }

    #[test]
    fn a_mean_has_the_interval_of_students_t() {
        let score = mean_score(&[3.0, 4.0, 5.0]);
        assert!((score.low - (4.0 - 4.303 / 3.0_f64.sqrt())).abs() < 1e-9, "{score:?}");
        assert_eq!(mean_score(&[4.0]), Estimate { value: 4.0, low: 4.0, high: 4.0 });
    }
}
