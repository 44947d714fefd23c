//! `voce bench turn-material` and `turn-models`: spoken material for measuring turn-taking, and what the models say to
//! it.
mod clips;
pub mod material;
mod models;
mod noise;
mod overlaps;
mod texts;
mod track;

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
        "turn-models" => models::report(config, &store, &runtime, &material),
        other => bail!("{other} is neither turn-material nor turn-models"),
    }
}
