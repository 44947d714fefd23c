//! How well two who score agree, beyond chance. Pure; chance for the intervals is given from outside.
use serde::Serialize;

/// Resamplings of an interval.
const SAMPLES: usize = 1_000;
/// Fewer pairs say nothing about agreement.
const FEWEST: usize = 2;

/// What two say of the same turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The person's score.
    pub human: i64,
    /// The judge's.
    pub judge: i64,
}

/// How well they agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Pairs.
    pub count: usize,
    /// Share of equal scores.
    pub exact: f64,
    /// Share of scores that are one apart at most.
    pub within_one: f64,
    /// Cohen's kappa: agreement beyond chance, 1 at most, 0 by chance.
    pub kappa: Kappa,
    /// The same with quadratic weights: two apart counts four times as much as one.
    pub weighted_kappa: Kappa,
    /// 95 % interval of the weighted kappa, by bootstrap over the pairs. `None` where kappa is undefined, or in more
    /// than half of the resamplings.
    pub interval: Option<(f64, f64)>,
    /// The scores that rows and columns stand for.
    pub scores: Vec<i64>,
    /// Row: the person's score, column: the judge's.
    pub confusion: Vec<Vec<usize>>,
}

/// Kappa, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kappa {
    /// Its value.
    Is(f64),
    /// Fewer than two pairs.
    TooFew,
    /// Both give one and the same score to all turns, so chance agrees as well.
    OneScore,
}

impl Kappa {
    /// Its value, if there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Is(value) => Some(value),
            Self::TooFew | Self::OneScore => None,
        }
    }

    /// Why there is none; empty if there is.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Is(_) => "",
            Self::TooFew => "kappa is undefined: fewer than two turns were scored by both",
            Self::OneScore => "kappa is undefined: all scores of both are the same; add turns that differ",
        }
    }
}

impl Agreement {
    /// Of pairs on a scale. `pick` gives a number from 0 to below its argument, each as likely.
    pub fn of(pairs: &[Pair], scale: (i64, i64), mut pick: impl FnMut(usize) -> usize) -> Self {
        let scores: Vec<i64> = (scale.0..=scale.1).collect();
        let confusion = confusion(pairs, scale);
        let share = |most: i64| {
            let close = pairs.iter().filter(|pair| (pair.human - pair.judge).abs() <= most).count();
            close as f64 / pairs.len().max(1) as f64
        };
        let weighted_kappa = kappa(&confusion, quadratic);
        Self {
            count: pairs.len(),
            exact: share(0),
            within_one: share(1),
            kappa: kappa(&confusion, plain),
            weighted_kappa,
            interval: weighted_kappa.value().and_then(|_| interval(pairs, scale, &mut pick)),
            scores,
            confusion,
        }
    }

    /// What is wrong with the material, if anything: one side with one score cannot agree beyond chance.
    pub fn remark(&self) -> Option<&'static str> {
        if self.weighted_kappa.value().is_none() {
            return Some(self.weighted_kappa.reason());
        }
        let used = |counts: Vec<usize>| counts.iter().filter(|count| **count > 0).count();
        let people = self.confusion.iter().map(|row| row.iter().sum()).collect();
        let judge = (0..self.scores.len()).map(|at| self.confusion.iter().map(|row| row[at]).sum()).collect();
        match (used(people), used(judge)) {
            (1, _) => Some("people gave one score only, so kappa cannot be above 0; add turns that differ"),
            (_, 1) => Some("the judge gave one score only, so kappa cannot be above 0"),
            _ => None,
        }
    }
}

fn confusion(pairs: &[Pair], (from, to): (i64, i64)) -> Vec<Vec<usize>> {
    let size = (to - from + 1) as usize;
    let mut counts = vec![vec![0; size]; size];
    for pair in pairs {
        counts[(pair.human - from) as usize][(pair.judge - from) as usize] += 1;
    }
    counts
}

/// How much a difference of so many scores counts.
fn plain(apart: usize) -> f64 {
    f64::from(u8::from(apart > 0))
}

fn quadratic(apart: usize) -> f64 {
    (apart * apart) as f64
}

/// 1 less the disagreement that there is by the disagreement that chance would give.
fn kappa(confusion: &[Vec<usize>], weight: fn(usize) -> f64) -> Kappa {
    let sum = |counts: &[usize]| counts.iter().sum::<usize>() as f64;
    let rows: Vec<f64> = confusion.iter().map(|row| sum(row)).collect();
    let columns: Vec<f64> =
        (0..rows.len()).map(|at| confusion.iter().map(|row| row[at]).sum::<usize>() as f64).collect();
    let all: f64 = rows.iter().sum();
    if all < FEWEST as f64 {
        return Kappa::TooFew;
    }
    let (mut found, mut by_chance) = (0.0, 0.0);
    for (row, counts) in confusion.iter().enumerate() {
        for (column, count) in counts.iter().enumerate() {
            let weight = weight(row.abs_diff(column));
            found += weight * *count as f64;
            by_chance += weight * rows[row] * columns[column];
        }
    }
    // Whole numbers up to here, so that agreement by chance is 0 to the last digit.
    if by_chance == 0.0 { Kappa::OneScore } else { Kappa::Is(1.0 - found * all / by_chance) }
}

fn interval(pairs: &[Pair], scale: (i64, i64), pick: &mut impl FnMut(usize) -> usize) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = (0..SAMPLES)
        .filter_map(|_| {
            let sample: Vec<Pair> = pairs.iter().map(|_| pairs[pick(pairs.len())]).collect();
            kappa(&confusion(&sample, scale), quadratic).value()
        })
        .collect();
    if values.len() * 2 < SAMPLES {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(human: &[i64], judge: &[i64]) -> Vec<Pair> {
        human.iter().zip(judge).map(|(human, judge)| Pair { human: *human, judge: *judge }).collect()
    }

    fn of(human: &[i64], judge: &[i64]) -> Agreement {
        let mut state = 1_usize;
        Agreement::of(&pairs(human, judge), (1, 5), |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        })
    }

    fn near(value: Option<f64>, expected: f64) {
        assert!(value.is_some_and(|value| (value - expected).abs() < 1e-9), "{value:?}, expected {expected}");
    }

    #[test]
    fn a_textbook_table_has_the_known_kappa() {
        // 50 proposals, two readers: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no. Agreement 0.7, by chance 0.5.
        let row = |human: i64, judge: i64, count: usize| vec![Pair { human, judge }; count];
        let table = [row(2, 2, 20), row(2, 1, 5), row(1, 2, 10), row(1, 1, 15)].concat();
        let agreement = Agreement::of(&table, (1, 2), |_| 0);
        near(agreement.kappa.value(), 0.4);
        near(Some(agreement.exact), 0.7);
        assert_eq!(agreement.confusion, [[15, 10], [5, 20]]);
        // With two scores only, weights change nothing.
        near(agreement.weighted_kappa.value(), 0.4);
    }

    #[test]
    fn weights_make_far_misses_worse_than_near_ones() {
        let human = [1, 2, 3, 4, 5, 1, 2, 3, 4, 5];
        let near_misses = of(&human, &[2, 2, 3, 4, 4, 1, 3, 3, 5, 5]);
        let far_misses = of(&human, &[5, 2, 3, 4, 1, 1, 5, 3, 1, 5]);
        assert_eq!((near_misses.exact, far_misses.exact), (0.6, 0.6));
        // By hand: the person's five scores twice each; the judge's 1, 2, 3, 2, 2 times and 3, 1, 2, 1, 3 times.
        // Chance's weighted disagreement: 0.2 times the sum over the judge's scores of sum (i-j)^2: 30, 15, 10, 15, 30.
        near(near_misses.weighted_kappa.value(), 1.0 - 4.0 / (0.2 * (30.0 + 30.0 + 30.0 + 30.0 + 60.0)));
        near(far_misses.weighted_kappa.value(), 1.0 - 50.0 / (0.2 * (90.0 + 15.0 + 20.0 + 15.0 + 90.0)));
        near(near_misses.kappa.value(), (0.6 - 0.2) / 0.8);
        assert_eq!(near_misses.within_one, 1.0);
        let (low, high) = near_misses.interval.unwrap();
        let value = near_misses.weighted_kappa.value().unwrap();
        assert!(low < value && value < high && high <= 1.0 && low > 0.3, "{low} {value} {high}");
        assert_eq!(near_misses, of(&human, &[2, 2, 3, 4, 4, 1, 3, 3, 5, 5]));
    }

    #[test]
    fn agreement_is_1_opposition_below_0() {
        near(of(&[1, 3, 5], &[1, 3, 5]).weighted_kappa.value(), 1.0);
        near(of(&[1, 5], &[5, 1]).weighted_kappa.value(), -1.0);
    }

    #[test]
    fn what_has_no_kappa_says_why() {
        assert_eq!(of(&[4, 4, 4], &[4, 4, 4]).weighted_kappa, Kappa::OneScore);
        assert_eq!(of(&[4, 4, 4], &[4, 4, 4]).interval, None);
        assert_eq!(of(&[4], &[4]).kappa, Kappa::TooFew);
        assert_eq!(of(&[], &[]).kappa, Kappa::TooFew);
        near(of(&[4, 4, 4], &[3, 4, 5]).weighted_kappa.value(), 0.0);
        assert!(of(&[4, 4, 4], &[3, 4, 5]).remark().unwrap().contains("people gave one score"));
        assert!(of(&[3, 4, 5], &[4, 4, 4]).remark().unwrap().contains("the judge gave one score"));
        assert_eq!(of(&[3, 4, 5], &[4, 4, 5]).remark(), None);
    }
}
