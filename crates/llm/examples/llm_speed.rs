//! How fast the model in the store reads and writes: `llm_speed [threads] [repeat] [new tokens] [prompt file]`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use voce_llm::{Candle, Config};
use voce_models::Store;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |index: usize, default: usize| arguments.get(index).map_or(Ok(default), |text| text.parse::<usize>());
    let prompt = match arguments.get(3) {
        Some(path) => std::fs::read_to_string(path)?,
        None => "The water pump has a warranty of two years from the date of purchase. Keep the receipt. "
            .repeat(9),
    };
    let config = Config { threads: number(0, 1)?, ..Config::default() };
    let store = Store::open(&voce_models::Config::default())?;
    let start = tokio::time::Instant::now();
    let model = Candle::load(&config, &store)?;
    println!("{{\"load_seconds\": {:.2}}}", start.elapsed().as_secs_f64());
    for _ in 0..number(1, 3)? {
        println!("{}", serde_json::to_string(&model.speed(&prompt, number(2, 40)?)?)?);
    }
    Ok(())
}
