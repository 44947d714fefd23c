//! `voce knowledge`: what the knowledge base holds, what it finds, and where it stands.
mod near;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use voce_models::Store;
use voce_rag::{Collection, StoreKind};

use crate::{
    cli::{KnowledgeCommand, PushArgs},
    config::Config,
};

/// Fails if nothing was found, or a source that shall go is not there.
pub async fn run(config: Config, command: KnowledgeCommand) -> Result<ExitCode> {
    match command {
        KnowledgeCommand::List { json } => list(&config, json).await,
        KnowledgeCommand::Search { question, count, json } => search(config, question, count, json).await,
        KnowledgeCommand::Remove { sources } => remove(&config, sources).await,
        KnowledgeCommand::Push(args) => push(&config, args).await,
    }
}

async fn list(config: &Config, as_json: bool) -> Result<ExitCode> {
    let sources = match voce_rag::open_collection(&config.knowledge).await? {
        Some(Collection { store, .. }) => store.sources().await?,
        None => vec![],
    };
    if as_json {
        let sources: Vec<_> = sources
            .iter()
            .map(|source| json!({ "source": source.name, "chunks": source.chunks, "tags": source.tags }))
            .collect();
        println!("{}", serde_json::to_string_pretty(&sources)?);
        return Ok(ExitCode::SUCCESS);
    }
    for source in &sources {
        let tags: String = source.tags.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        println!(
            "{:>6}  {}{}",
            source.chunks,
            source.name,
            if tags.is_empty() { tags } else { format!(" {tags}") }
        );
    }
    let chunks: usize = sources.iter().map(|source| source.chunks).sum();
    println!("{} sources, {chunks} chunks in {}", sources.len(), config.knowledge.place());
    if sources.is_empty() {
        println!("fill it with `voce ingest FILES`");
    }
    Ok(ExitCode::SUCCESS)
}

async fn search(config: Config, question: String, count: usize, as_json: bool) -> Result<ExitCode> {
    ensure!(
        config.knowledge.store != StoreKind::None,
        "knowledge.store is \"none\"; there is nothing to search"
    );
    let min_score = config.knowledge.min_score;
    let place = config.knowledge.place();
    let build = move || {
        let store = Store::open(&config.models)?;
        anyhow::Ok(voce_rag::build(&config.knowledge, &store)?)
    };
    let knowledge = tokio::task::spawn_blocking(build).await??.context("a store that is on is one")?;
    let found = knowledge.search(question, count).await?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    for passage in &found {
        let heading =
            if passage.heading.is_empty() { String::new() } else { format!(", {}", passage.heading) };
        println!("{:.3}  {} [{}]{heading}", passage.score, passage.source, passage.chunk);
        for line in passage.text.lines() {
            println!("       {line}");
        }
    }
    if found.is_empty() {
        println!("nothing relevant in {place} (knowledge.min_score is {min_score})");
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(config: &Config, wanted: Vec<String>) -> Result<ExitCode> {
    let place = config.knowledge.place();
    let Some(Collection { store, .. }) = voce_rag::open_collection(&config.knowledge).await? else {
        bail!("there is nothing in {place}");
    };
    let there: Vec<String> = store.sources().await?.into_iter().map(|source| source.name).collect();
    let mut all_known = true;
    for source in wanted {
        if there.contains(&source) {
            let chunks = store.remove(source.clone()).await?;
            println!("{source}: {chunks} chunks removed");
            continue;
        }
        all_known = false;
        let near = near::names(&source, &there);
        let hint = match near.as_slice() {
            [] => "`voce knowledge list` shows what is there".to_owned(),
            near => format!("is it {}?", near.join(" or ")),
        };
        eprintln!("voce: {source}: not in {place}; {hint}");
    }
    store.settle().await?;
    Ok(if all_known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn push(config: &Config, args: PushArgs) -> Result<ExitCode> {
    let knowledge = &config.knowledge;
    let url = args.url.as_ref().unwrap_or(&knowledge.url);
    let collection = args.collection.as_ref().unwrap_or(&knowledge.collection);
    let shown = |done: usize, of: usize| println!("[{done}/{of}] sources");
    let pushed = voce_rag::push(knowledge, url, collection, shown).await?;
    println!(
        "{} sources copied, {} there already; {} chunks of this knowledge base are now in {}",
        pushed.copied, pushed.unchanged, pushed.chunks, pushed.place
    );
    println!(
        "to use it: knowledge.store = \"qdrant\", knowledge.url = {url:?}, knowledge.collection = {collection:?}"
    );
    Ok(ExitCode::SUCCESS)
}
