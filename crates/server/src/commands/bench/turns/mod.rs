//! `voce bench turns`: whole turns with believable figures, from a seed, sent through the real telemetry. For trying
//! reports, dashboards and alerts without anyone talking.
mod emit;
mod plan;
mod scores;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{cli::BenchArgs, config::Config};

/// Turns between two flushes: the queue of the export holds the spans of many more.
const FLUSH_EVERY: usize = 50;
const FLUSH_WITHIN: Duration = Duration::from_secs(60);

pub async fn run(config: Config, args: BenchArgs) -> Result<()> {
    ensure!(args.slower > 0.0, "--slower {}: expected a number above 0, 1 for the usual pace", args.slower);
    ensure!(args.minutes >= 0.0, "--minutes {}: expected 0 or more", args.minutes);
    ensure!(args.turns_of_call > 0, "--turns-of-call 0: expected at least 1");
    let means = scores::means(&args.score)?;
    let config = config.telemetry;
    let plans = plan::turns(args.seed, args.count, args.turns_of_call, args.slower);
    let guard = voce_telemetry::install(&config)?;
    let telemetry = guard.telemetry();
    let made = tokio::task::spawn_blocking(move || {
        let mut made = vec![];
        for (index, plan) in plans.iter().enumerate() {
            let share = (plans.len() - index) as f64 / plans.len() as f64;
            // A turn ends before now, or its last spans would lie in the future.
            let ago_ms = share * args.minutes * 60_000.0 + plan.whole_ms();
            let session = format!("simulated-{}-{}-{}", args.variant, args.seed, plan.call);
            let trace_id = emit::turn(plan, &session, &args.variant, ago_ms);
            let given: BTreeMap<&str, f64> = means
                .iter()
                .map(|(name, mean)| (name.as_str(), plan::score(args.seed, name, plan, *mean)))
                .collect();
            made.push(json!({
                "trace_id": trace_id,
                "scores": given,
                "session": session,
                "variant": args.variant,
                "end_reason": plan.end.as_str(),
                "voice_to_voice_seconds": plan.voice_to_voice_ms().map(|ms| ms / 1e3),
                "prompt_tokens": plan.prompt_tokens,
                "completion_tokens": plan.completion_tokens,
            }));
            if index % FLUSH_EVERY == FLUSH_EVERY - 1 {
                guard.flush(FLUSH_WITHIN);
            }
        }
        guard.flush(FLUSH_WITHIN);
        made
    })
    .await?;
    scores::write(&config, &made).await?;
    let figures = telemetry.figures();
    println!(
        "{}",
        json!({"turns": made, "spans_exported": figures.exported, "spans_dropped": figures.dropped})
    );
    Ok(())
}
