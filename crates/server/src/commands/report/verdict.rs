//! What a comparison comes to, in a plain sentence: a difference, no more than noise, or how many more callers it takes.
use super::{
    compare::{Comparison, Kind},
    statistics::normal_above,
};

/// Chance may pass for a difference this often, over all comparisons of a report.
const BELIEVED: f64 = 0.05;
/// How often a real difference of the size that was seen should be told, once there are enough callers.
const TOLD: f64 = 0.8;
/// Beyond so many times the present callers a difference is not worth looking for.
const MOST_TIMES: f64 = 100.0;
/// Two groups of four callers can be dealt in 70 ways, two of three in 20: those never prove anything after a correction.
const FEWEST_CALLERS: usize = 8;

/// Writes the verdict. `error` is the standard error of the difference, `count` how many comparisons the report has.
pub fn tell(comparison: &mut Comparison, error: f64, count: usize) {
    comparison.noise = comparison.p > BELIEVED;
    if comparison.noise {
        comparison.more_callers = more_callers(comparison, error, count);
    }
    comparison.verdict = words(comparison);
}

/// The standard error falls with the root of the number of callers. The first of Holm's steps asks the most, so that one
/// is reckoned with.
fn more_callers(comparison: &Comparison, error: f64, count: usize) -> Option<u64> {
    let asked = normal_above(BELIEVED / 2.0 / count.max(1) as f64) + normal_above(1.0 - TOLD);
    let times = (asked * error / comparison.difference.value.abs()).powi(2);
    // Near the edge the estimate may say that there are enough already.
    let more = ((times - 1.0) * comparison.callers as f64).ceil().max(1.0);
    (times <= MOST_TIMES && error > 0.0 && comparison.callers >= FEWEST_CALLERS).then_some(more as u64)
}

fn words(comparison: &Comparison) -> String {
    let difference = comparison.difference.value;
    if comparison.noise {
        let none = "no difference that is more than noise";
        return match comparison.more_callers {
            _ if comparison.callers < FEWEST_CALLERS => "too few callers to tell it from noise".to_owned(),
            Some(more) => {
                format!("{none}; if it is one of this size, about {} more callers would tell", rounded(more))
            }
            None => none.to_owned(),
        };
    }
    let (less, more) = match comparison.kind {
        Kind::Time if comparison.figure == "playout" => ("shorter", "longer"),
        Kind::Time => ("faster", "slower"),
        Kind::Score => ("lower", "higher"),
        Kind::Share => ("less often", "more often"),
    };
    let word = if difference < 0.0 { less } else { more };
    let size = difference.abs();
    match comparison.kind {
        Kind::Time if comparison.base_value.value > 0.0 => {
            format!("{word}: {size:.3} s, {:.0} %", 100.0 * size / comparison.base_value.value)
        }
        Kind::Time => format!("{word}: {size:.3} s"),
        Kind::Score => format!("{word}: {size:.2}"),
        Kind::Share => format!("{word}: {:.1} turns in a hundred", 100.0 * size),
    }
}

/// To two digits: it is a rough figure.
fn rounded(count: u64) -> u64 {
    let mut step = 1;
    while count / step >= 100 {
        step *= 10;
    }
    count.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::statistics::Estimate;

    fn comparison(kind: Kind, base: f64, difference: f64, p: f64, callers: usize) -> Comparison {
        let estimate = |value: f64| Estimate { value, low: value - 0.1, high: value + 0.1 };
        Comparison {
            figure: "tone (judge)".into(),
            kind,
            base: "a".into(),
            other: "b".into(),
            base_value: estimate(base),
            other_value: estimate(base + difference),
            difference: estimate(difference),
            p,
            noise: false,
            callers,
            more_callers: None,
            verdict: String::new(),
        }
    }

    fn told(mut comparison: Comparison, error: f64) -> (String, Option<u64>) {
        tell(&mut comparison, error, 10);
        assert_eq!(comparison.noise, comparison.p > 0.05);
        (comparison.verdict, comparison.more_callers)
    }

    #[test]
    fn a_difference_is_said_in_the_words_of_its_kind() {
        let real = |kind, difference| told(comparison(kind, 0.8, difference, 0.01, 100), 0.01).0;
        assert_eq!(real(Kind::Time, -0.2), "faster: 0.200 s, 25 %");
        assert_eq!(real(Kind::Time, 0.2), "slower: 0.200 s, 25 %");
        assert_eq!(real(Kind::Score, 0.31), "higher: 0.31");
        assert_eq!(real(Kind::Share, -0.05), "less often: 5.0 turns in a hundred");
    }

    #[test]
    fn noise_is_called_so_with_what_it_would_take() {
        // (2.807 + 0.842)² = 13.3 times the callers for a difference as large as its error.
        let (words, more) = told(comparison(Kind::Score, 4.0, 0.1, 0.4, 100), 0.1);
        assert!(more.is_some_and(|more| (1_200..1_260).contains(&more)), "{more:?}");
        assert!(words.ends_with("of this size, about 1300 more callers would tell"), "{words}");
        let (words, more) = told(comparison(Kind::Score, 4.0, 0.001, 0.9, 100), 0.1);
        assert_eq!((words.as_str(), more), ("no difference that is more than noise", None));
        let (words, more) = told(comparison(Kind::Time, 1.0, 5.0, 1.0, 2), 0.0);
        assert_eq!((words.as_str(), more), ("too few callers to tell it from noise", None));
        assert_eq!([7, 99, 101, 1_234].map(rounded), [7, 99, 110, 1_300]);
    }
}
