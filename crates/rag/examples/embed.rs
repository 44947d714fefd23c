//! Times the embedding of texts, for comparison with `scripts/baselines/minilm.py`; prints the same JSON.
//!
//! usage: embed [--threads N] [--repeat K] [--print-vectors] [TEXT...]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use serde_json::json;
use tokio::time::Instant;
use voce_models::Store;
use voce_rag::Embedder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut threads, mut repeat, mut print_vectors, mut texts) = (1, 50, false, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => threads = arguments.next().ok_or("--threads needs a number")?.parse()?,
            "--repeat" => repeat = arguments.next().ok_or("--repeat needs a number")?.parse()?,
            "--print-vectors" => print_vectors = true,
            _ => texts.push(argument),
        }
    }
    if texts.is_empty() {
        texts.push("What is the warranty period for the water pump?".to_owned());
    }
    let store = Store::open(&voce_models::Config::default())?;
    let embedder = Embedder::load(&store, "all-minilm-l6-v2", threads)?;
    let vectors = texts.iter().map(|text| embedder.embed(text)).collect::<Result<Vec<_>, _>>()?;
    let mut runs = Vec::new();
    for index in 0..repeat {
        let begun = Instant::now();
        embedder.embed(&texts[index % texts.len()])?;
        runs.push(begun.elapsed().as_secs_f64());
    }
    let mut sorted = runs.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2);
    let mut result = json!({"name": "voce", "median_seconds": median, "runs": runs});
    if print_vectors {
        result["vectors"] = json!(vectors);
    }
    println!("{result}");
    Ok(())
}
