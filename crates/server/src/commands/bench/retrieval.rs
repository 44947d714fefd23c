//! How well and how fast passages are found: on a file of passages and questions that `scripts/bench retrieval` makes. The
//! store is a new one in a folder of its own.
use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use voce_core::Passage;
use voce_models::Store;
use voce_rag::{Embedder, Payload, Query, Record, Sparse, VectorStore, of_document, of_question};

use crate::{cli::BenchArgs, config::Config};

/// A right passage further down counts as not found.
const LIMIT: usize = 10;
/// With `--out`: places of each ranking that are written down.
const WRITTEN: usize = 40;

/// A line of the file.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Passage { passage: String, source: String, chunk: u32 },
    Question { question: String, sources: Vec<String>, group: String, half: String },
}

struct Question {
    text: String,
    right: Vec<String>,
    group: String,
    half: String,
}

/// What is printed; the baseline prints the same names.
#[derive(Serialize)]
struct Report {
    name: String,
    passages: usize,
    questions: usize,
    ingest_passages_per_second: f64,
    /// By what is searched by, and by the group of questions; `all` are those of the half that is printed.
    quality: BTreeMap<&'static str, BTreeMap<String, Quality>>,
    /// From the question's text to its passages.
    query_ms: BTreeMap<&'static str, Spread>,
}

#[derive(Default, Serialize)]
struct Quality {
    questions: usize,
    recall_at_3: f64,
    mrr: f64,
}

#[derive(Serialize)]
struct Spread {
    p50: f64,
    p95: f64,
}

/// Both rankings of one question, for choosing how to fuse them.
#[derive(Serialize)]
struct Rankings {
    question: String,
    right: Vec<String>,
    group: String,
    half: String,
    dense: Vec<String>,
    sparse: Vec<String>,
}

pub async fn run(config: Config, args: BenchArgs) -> Result<()> {
    let file =
        args.input.clone().context("`bench retrieval` needs a file; scripts/bench retrieval makes one")?;
    let (sources, questions) = read(Path::new(&file))?;
    let models = Store::open(&config.models)?;
    let folder = std::env::temp_dir().join(format!("voce-bench-retrieval-{}", std::process::id()));
    let measured = measure(&config, &models, &args, &folder, sources, questions).await;
    // What fails to go is in the folder for temporary files.
    let _ = std::fs::remove_dir_all(&folder);
    println!("{}", serde_json::to_string(&measured?)?);
    Ok(())
}

/// The passages of each source, in order.
type Material = BTreeMap<String, Vec<String>>;

fn read(file: &Path) -> Result<(Material, Vec<Question>)> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (mut sources, mut questions) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(line).with_context(|| {
            format!("{} line {}: neither a passage nor a question", file.display(), number + 1)
        })?;
        match line {
            Line::Passage { passage, source, chunk } => {
                let passages = sources.entry(source).or_default();
                if passages.len() != chunk as usize {
                    bail!("{} line {}: passages are numbered from 0", file.display(), number + 1);
                }
                passages.push(passage);
            }
            Line::Question { question, sources, group, half } => {
                questions.push(Question { text: question, right: sources, group, half });
            }
        }
    }
    Ok((sources, questions))
}

async fn measure(
    config: &Config,
    models: &Store,
    args: &BenchArgs,
    folder: &Path,
    sources: Material,
    questions: Vec<Question>,
) -> Result<Report> {
    let load = |threads| Embedder::load(models, &config.knowledge.model, threads);
    let embedder = load(1)?;
    let reader = load(args.threads)?;
    let store = voce_rag::open_embedded(folder, Some(embedder.dimension()))?;
    let store = store.context("a new store was not made")?;
    let passages: usize = sources.values().map(Vec::len).sum();
    let begun = Instant::now();
    // All passages together, as `voce ingest` embeds them: no core waits for the longest source.
    let texts: Vec<String> = sources.values().flatten().cloned().collect();
    let mut vectors = reader.embed_all(&texts)?.into_iter();
    for (source, passages) in sources {
        let records = records(&source, passages, reader.name(), &mut vectors);
        store.replace(source, records).await?;
    }
    store.settle().await?;
    let ingest_passages_per_second = passages as f64 / begun.elapsed().as_secs_f64();

    let (mut quality, mut query_ms) = (BTreeMap::new(), BTreeMap::new());
    for by in ["dense", "sparse", "fused"] {
        let (found, spread) = ask(&embedder, &store, &questions, by, LIMIT).await?;
        quality.insert(by, rated(&questions, &found));
        query_ms.insert(by, spread);
    }
    if let Some(out) = &args.out {
        let (dense, _) = ask(&embedder, &store, &questions, "dense", WRITTEN).await?;
        let (sparse, _) = ask(&embedder, &store, &questions, "sparse", WRITTEN).await?;
        write(out, &questions, &dense, &sparse)?;
    }
    let name = format!("voce {} + {}", config.knowledge.model, store.provider());
    let questions = questions.iter().filter(|question| question.half == "print").count();
    Ok(Report { name, passages, questions, ingest_passages_per_second, quality, query_ms })
}

fn records(
    source: &str,
    passages: Vec<String>,
    model: &str,
    vectors: &mut impl Iterator<Item = Vec<f32>>,
) -> Vec<Record> {
    let records = passages.into_iter().zip(vectors).zip(0..).map(|((text, vector), chunk)| {
        let identity = format!("{source}\n{chunk}");
        Record {
            id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, identity.as_bytes()),
            vector,
            sparse: of_document(&text),
            payload: Payload {
                text,
                source: source.to_owned(),
                chunk,
                content_hash: "bench".into(),
                model: model.to_owned(),
                ..Payload::default()
            },
        }
    });
    records.collect()
}

/// The passages of each question, and how long each took.
async fn ask(
    embedder: &Embedder,
    store: &Arc<dyn VectorStore>,
    questions: &[Question],
    by: &str,
    limit: usize,
) -> Result<(Vec<Vec<Passage>>, Spread)> {
    let (mut all, mut times) = (Vec::new(), Vec::new());
    for question in questions {
        let begun = Instant::now();
        let query = Query {
            dense: if by == "sparse" { Vec::new() } else { embedder.embed(&question.text)? },
            sparse: if by == "dense" { Sparse::default() } else { of_question(&question.text) },
            limit,
            min_score: -1.0,
            ..Query::default()
        };
        all.push(store.query(query).await?);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().context("there is no question");
    let spread = Spread { p50: at(50)?, p95: at(95)? };
    Ok((all, spread))
}

fn rated(questions: &[Question], found: &[Vec<Passage>]) -> BTreeMap<String, Quality> {
    let mut rated = BTreeMap::<String, Quality>::new();
    for (question, found) in questions.iter().zip(found) {
        let place = found.iter().position(|passage| question.right.contains(&passage.source));
        let groups = match question.half.as_str() {
            "print" => vec!["all", question.group.as_str()],
            _ => vec!["held out"],
        };
        for group in groups {
            let quality = rated.entry(group.to_owned()).or_default();
            quality.questions += 1;
            quality.recall_at_3 += if place.is_some_and(|place| place < 3) { 1.0 } else { 0.0 };
            quality.mrr += place.map_or(0.0, |place| 1.0 / (place + 1) as f64);
        }
    }
    for quality in rated.values_mut() {
        quality.recall_at_3 /= quality.questions as f64;
        quality.mrr /= quality.questions as f64;
    }
    rated
}

fn write(out: &Path, questions: &[Question], dense: &[Vec<Passage>], sparse: &[Vec<Passage>]) -> Result<()> {
    let names =
        |found: &[Passage]| found.iter().map(|found| format!("{} {}", found.source, found.chunk)).collect();
    let rankings = questions.iter().zip(dense).zip(sparse).map(|((question, dense), sparse)| Rankings {
        question: question.text.clone(),
        right: question.right.clone(),
        group: question.group.clone(),
        half: question.half.clone(),
        dense: names(dense),
        sparse: names(sparse),
    });
    let rankings: Vec<Rankings> = rankings.collect();
    std::fs::write(out, serde_json::to_string(&rankings)?)
        .with_context(|| format!("cannot write {}", out.display()))
}
