//! Asks the model in the store: every line `question<TAB>passage<TAB>passage` of a file, answers with their times.
//! `prepare=N` lets it read ahead when N words of the question are said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use futures_util::StreamExt;
use voce_core::{LanguageModel, Passage, Piece, Prompt};
use voce_llm::{Candle, Config};
use voce_models::Store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a file of questions is wanted")?;
    let (mut config, mut prepare) = (Config::default(), None);
    for pair in std::env::args().skip(2) {
        match pair.split_once('=') {
            Some(("quote", value)) => config.quote = value.parse()?,
            Some(("penalty", value)) => config.repetition_penalty = value.parse()?,
            Some(("sentences", value)) => config.max_sentences = value.parse()?,
            Some(("chunk", value)) => config.chunk_tokens = value.parse()?,
            Some(("prepare", value)) => prepare = Some(value.parse()?),
            Some(("threads", value)) => config.threads = value.parse()?,
            _ => return Err(format!("{pair}: unknown").into()),
        }
    }
    let model = Candle::load(&config, &Store::open(&voce_models::Config::default())?)?;
    let system = std::env::var("LLM_SYSTEM").unwrap_or_default();
    if !system.is_empty() {
        model.warm(&system)?;
    }
    for line in std::fs::read_to_string(path)?.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        let question = fields.next().unwrap_or_default();
        let passages = fields.map(|text| Passage { text, ..Passage::default() }).collect();
        let prompt = Prompt {
            system: system.clone(),
            question: question.clone(),
            passages,
            searched: true,
            ..Prompt::default()
        };
        if let Some(words) = prepare {
            let said: Vec<&str> = question.split_whitespace().take(words).collect();
            let start = tokio::time::Instant::now();
            model.prepare(Prompt { question: said.join(" "), ..prompt.clone() }).await?;
            println!("prepared with {said:?} in {:?}", start.elapsed());
        }
        let (start, mut first, mut answer, mut bill) =
            (tokio::time::Instant::now(), None, String::new(), None);
        let mut pieces = model.generate(prompt);
        while let Some(piece) = pieces.next().await {
            match piece? {
                Piece::Text(text) => {
                    first.get_or_insert_with(|| start.elapsed());
                    answer += &text;
                }
                Piece::Call(call) => answer += &format!("[{}({})]", call.name, call.arguments),
                Piece::Usage(usage) => bill = Some(usage),
            }
        }
        println!("{question}\n  {answer}\n  first {first:?} all {:?} {bill:?}", start.elapsed());
    }
    Ok(())
}
