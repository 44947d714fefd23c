//! Which variant a caller gets: the same one each time, in proportion to the weights, and another one as seldom as
//! possible when variants or weights change. Pure.
//!
//! Rendezvous hashing: caller and variant give each pair a number, the pair with the highest wins. With weights, the number
//! is an exponential waiting time of that rate, and the shortest wins.
use uuid::Uuid;

/// The place of the variant for `caller` among these names and weights; `None` if no weight is above 0.
pub fn choose(variants: &[(&str, f64)], caller: &str) -> Option<usize> {
    let waits = variants.iter().enumerate().filter(|(_, (_, weight))| *weight > 0.0);
    let waits = waits.map(|(place, (name, weight))| (place, -fraction(name, caller).ln() / weight));
    waits.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(place, _)| place)
}

/// A number above 0 and below 1 that any version of voce computes alike. By SHA-1: what std offers may change.
fn fraction(variant: &str, caller: &str) -> f64 {
    let pair = format!("voce variant\u{1f}{variant}\u{1f}{caller}");
    let (high, _) = Uuid::new_v5(&Uuid::NAMESPACE_OID, pair.as_bytes()).as_u64_pair();
    // The lowest 16 of these bits hold the version.
    let bits = high >> 16;
    (bits as f64 + 0.5) / (1_u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USERS: usize = 4_000;

    fn users() -> impl Iterator<Item = String> {
        (0..USERS).map(|number| format!("user-{number}"))
    }

    fn named(weights: &[f64]) -> Vec<(String, f64)> {
        weights.iter().enumerate().map(|(number, weight)| (format!("v{number}"), *weight)).collect()
    }

    fn chosen(variants: &[(String, f64)], caller: &str) -> Option<String> {
        let borrowed: Vec<(&str, f64)> =
            variants.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
        choose(&borrowed, caller).map(|place| variants[place].0.clone())
    }

    /// Four standard deviations of a share of this size.
    fn chance(share: f64) -> f64 {
        4.0 * (share * (1.0 - share) / USERS as f64).sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn each_has_its_share(weights in prop::collection::vec(0.1_f64..5.0, 1..6)) {
            let variants = named(&weights);
            let sum: f64 = weights.iter().sum();
            for (name, weight) in &variants {
                let own = users().filter(|user| chosen(&variants, user).as_ref() == Some(name)).count();
                let (share, expected) = (own as f64 / USERS as f64, weight / sum);
                prop_assert!((share - expected).abs() <= chance(expected), "{name}: {share}, expected {expected}");
            }
        }

        #[test]
        fn the_order_of_the_variants_means_nothing(
            weights in prop::collection::vec(0.1_f64..5.0, 1..6), turn in 0_usize..6, user in ".{0,40}",
        ) {
            let variants = named(&weights);
            let mut turned = variants.clone();
            turned.rotate_left(turn % weights.len());
            prop_assert_eq!(chosen(&variants, &user), chosen(&turned, &user));
        }

        #[test]
        fn another_variant_takes_users_and_moves_none_between_the_others(
            weights in prop::collection::vec(0.1_f64..5.0, 1..5), new in 0.1_f64..5.0,
        ) {
            let before = named(&weights);
            let after: Vec<_> = before.iter().cloned().chain([("new".to_owned(), new)]).collect();
            let expected = new / (weights.iter().sum::<f64>() + new);
            let mut moved = 0;
            for user in users() {
                let (was, is) = (chosen(&before, &user), chosen(&after, &user));
                prop_assert!(is == was || is.as_deref() == Some("new"));
                moved += usize::from(is != was);
            }
            let share = moved as f64 / USERS as f64;
            prop_assert!((share - expected).abs() <= chance(expected), "{share} moved, expected {expected}");
        }

        #[test]
        fn a_larger_weight_only_wins_users(
            weights in prop::collection::vec(0.1_f64..5.0, 2..5), factor in 1.1_f64..4.0,
        ) {
            let before = named(&weights);
            let mut after = before.clone();
            after[0].1 *= factor;
            for user in users().take(1_000) {
                let (was, is) = (chosen(&before, &user), chosen(&after, &user));
                prop_assert!(is == was || is.as_deref() == Some("v0"));
            }
        }
    }

    #[test]
    fn who_has_which_is_the_same_in_every_version() {
        let variants = [("calm", 1.0), ("plain", 1.0), ("off", 0.0)];
        let all: String = ["ann", "ben", "cleo", "dan", "eve", "fay", "gus", "hal"]
            .iter()
            .map(|user| choose(&variants, user).map_or('-', |place| if place == 0 { 'c' } else { 'p' }))
            .collect();
        assert_eq!(all, "cpcppppc");
        assert_eq!(choose(&[("off", 0.0)], "ann"), None);
    }
}
