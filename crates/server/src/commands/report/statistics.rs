//! Percentiles, means and intervals of values that do not depend on each other. Pure. For turns of calls see `callers.rs`.
use serde::Serialize;

/// How all of it is computed, in words.
pub const METHOD: &str = "percentiles: linear interpolation between the two nearest values (as NumPy and MLflow do), from the durations of the raw spans; intervals: 95 %, of mean scores by Student's t, of medians and of differences by bootstrap over callers (1000 samples); differences are told from chance by permuting callers (4000 times), with Holm's correction for the number of comparisons. Turns of one caller (of one call, where nobody says who calls) are not independent and stay together; all chance is from a fixed seed";

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

/// The value with what 95 % of the samples lie between.
pub fn interval(value: f64, sampled: &mut [f64]) -> Estimate {
    sampled.sort_by(f64::total_cmp);
    Estimate { value, low: percentile(sampled, 2.5), high: percentile(sampled, 97.5) }
}

/// The point of the normal distribution above which `share` of it lies, for shares below one half (error below 0.0005).
pub fn normal_above(share: f64) -> f64 {
    let t = (-2.0 * share.max(1e-12).ln()).sqrt();
    let top = 2.515_517 + 0.802_853 * t + 0.010_328 * t * t;
    let bottom = 1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t.powi(3);
    t - top / bottom
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
    fn points_of_the_normal_distribution_are_the_tables() {
        for (share, point) in [(0.025, 1.960), (0.2, 0.8416), (0.001, 3.0902), (0.0005, 3.2905)] {
            assert!((normal_above(share) - point).abs() < 0.001, "{share}: {}", normal_above(share));
        }
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
