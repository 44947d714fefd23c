//! `voce bench turn`, `turn-material` and `turn-models`: how well turns are taken, on what material, and what the models
//! say to it.
mod clips;
mod marks;
pub mod material;
mod measure;
mod models;
mod noise;
mod overlaps;
mod simulate;
mod texts;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{cli::BenchArgs, config::Config, engines};

/// Runs the command. Blocking.
pub fn run(config: &Config, args: &BenchArgs) -> Result<()> {
    let (store, runtime) = engines::foundation(config)?;
    let recipe = material::Recipe { seed: args.seed, clips: args.clips, ..Default::default() };
    let material = material::make(recipe, &material::cache(&store), &store, &runtime)?;
    match args.what.as_str() {
        "turn-material" => {
            let out = args.out.as_deref().context("say with --out where the material goes")?;
            material::keep(&material, recipe, out)?;
            println!(
                "{}",
                json!({"clips": material.clips.len(), "overlaps": material.overlaps.len(), "out": out})
            );
            Ok(())
        }
        "turn" => measure::run(config, &store, &runtime, material, args.input.as_deref()),
        "turn-models" => models::report(config, &store, &runtime, &material),
        other => bail!("{other} is none of turn, turn-material, turn-models"),
    }
}
