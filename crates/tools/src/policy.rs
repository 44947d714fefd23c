//! How a tool is called: what the configuration says, what the tool says of itself, and the defaults.
use std::time::Duration;

use voce_core::{OnInterruption, ToolPolicy};

use crate::config::PolicyConfig;

const TIMEOUT_MS: u64 = 10_000;
const FILLER: &str = "One moment, I am looking that up.";
const FILLER_WITH_EFFECTS: &str = "One moment, I am doing that.";
const FILLER_AFTER_MS: u64 = 1_500;

/// The policy that `settings` describe, the first that says something counts. `has_effects` is what is known else.
pub fn of(settings: &[&PolicyConfig], has_effects: bool) -> ToolPolicy {
    fn first<'a, T>(
        settings: &[&'a PolicyConfig],
        field: impl Fn(&'a PolicyConfig) -> Option<T>,
    ) -> Option<T> {
        settings.iter().find_map(|setting| field(setting))
    }
    let has_effects = first(settings, |setting| setting.effects).unwrap_or(has_effects);
    let filler = if has_effects { FILLER_WITH_EFFECTS } else { FILLER };
    let on_interruption = if has_effects { OnInterruption::Finish } else { OnInterruption::Cancel };
    let confirm = first(settings, |setting| setting.confirm.as_deref());
    let milliseconds = |field: fn(&PolicyConfig) -> Option<u64>, default| {
        Duration::from_millis(first(settings, field).unwrap_or(default))
    };
    ToolPolicy {
        timeout: milliseconds(|setting| setting.timeout_ms, TIMEOUT_MS),
        filler: first(settings, |setting| setting.filler.as_deref()).unwrap_or(filler).to_owned(),
        filler_after: milliseconds(|setting| setting.filler_after_ms, FILLER_AFTER_MS),
        on_interruption: first(settings, |setting| setting.on_interruption).unwrap_or(on_interruption),
        has_effects,
        confirm: confirm.filter(|question| !question.trim().is_empty()).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting_counts_and_an_empty_question_asks_nothing() {
        let server = PolicyConfig {
            timeout_ms: Some(3_000),
            confirm: Some("Shall I?".into()),
            effects: Some(true),
            ..PolicyConfig::default()
        };
        let tool =
            PolicyConfig { confirm: Some(String::new()), effects: Some(false), ..PolicyConfig::default() };
        let policy = of(&[&tool, &server], true);
        assert_eq!((policy.timeout, policy.has_effects), (Duration::from_secs(3), false));
        assert_eq!((policy.confirm, policy.on_interruption), (None, OnInterruption::Cancel));
        let policy = of(&[&server], false);
        assert_eq!(policy.confirm.as_deref(), Some("Shall I?"));
        assert_eq!((policy.has_effects, policy.on_interruption), (true, OnInterruption::Finish));
    }

    #[test]
    fn without_settings_it_is_what_the_tool_says_of_itself() {
        assert!(of(&[], true).has_effects);
        assert!(!of(&[], false).has_effects);
        assert_eq!(of(&[], false).filler, FILLER);
    }
}
