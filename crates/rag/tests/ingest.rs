//! Files in, passages out, with the real embedding model.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::path::{Path, PathBuf};

use voce_models::Store;
use voce_rag::{Config, Outcome, Progress, StoreKind, Summary, build, ingest};

fn models() -> Option<Store> {
    let dir = voce_testkit::models(&["all-minilm-l6-v2"])?;
    Some(Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap())
}

fn config(folder: &Path) -> Config {
    Config { path: Some(folder.join("knowledge")), ..Config::default() }
}

async fn run(config: &Config, models: &Store, paths: &[PathBuf]) -> (Summary, Vec<Progress>) {
    let mut heard = Vec::new();
    let summary = ingest(config, models, paths, |progress| heard.push(progress)).await.unwrap();
    (summary, heard)
}

#[tokio::test]
async fn a_second_run_does_nothing_and_a_changed_file_is_replaced() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (config, documents) = (config(folder.path()), folder.path().join("documents"));
    std::fs::create_dir_all(documents.join("deep")).unwrap();
    std::fs::write(documents.join("a.md"), "# Hose\n## Length\nThe hose is ten metres long.\n").unwrap();
    std::fs::write(documents.join("deep/b.txt"), "The shop opens at eight.").unwrap();
    std::fs::write(documents.join("c.png"), [0, 1, 2]).unwrap();
    let paths = [documents.clone()];

    let (first, heard) = run(&config, &models, &paths).await;
    assert_eq!((first.added, first.chunks_written, first.chunks_in_all), (2, 2, 2));
    assert_eq!((heard[1].done, heard[1].total, &heard[1].outcome), (2, 2, &Outcome::Added(1)));
    let (second, _) = run(&config, &models, &paths).await;
    assert_eq!((second.unchanged, second.added, second.chunks_written), (2, 0, 0));

    std::fs::write(documents.join("a.md"), "# Hose\n## Length\nThe hose is twenty metres long.\n").unwrap();
    let (third, _) = run(&config, &models, &paths).await;
    assert_eq!((third.replaced, third.unchanged, third.chunks_in_all), (1, 1, 2));

    let knowledge = build(&config, &models).unwrap().unwrap();
    let found = knowledge.search("How long is the hose?".into(), 3).await.unwrap();
    assert_eq!(found[0].text, "The hose is twenty metres long.");
    assert_eq!((found[0].heading.as_str(), found[0].chunk), ("Hose > Length", 0));
    assert!(found[0].source.ends_with("documents/a.md"), "{}", found[0].source);
    voce_testkit::contract::knowledge::finds(knowledge, "How long is the hose?").await;
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named_and_the_rest_goes_in() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let paths = [
        file("latin.md", b"Caf\xe9"),
        file("binary.txt", b"a\0b"),
        file("blank.md", b"# Only a title\n"),
        file("good.md", b"The pump is blue."),
        folder.path().join("missing.md"),
        empty,
    ];
    let (summary, _) = run(&config(folder.path()), &models, &paths).await;
    assert_eq!((summary.added, summary.failed.len()), (1, 5));
    let reasons: Vec<_> = summary.failed.iter().map(|failure| failure.reason.as_str()).collect();
    for part in ["no .md or .txt", "not UTF-8", "not a text file", "no text", "No such file"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
}

#[tokio::test]
async fn an_empty_knowledge_base_finds_nothing_and_none_is_none() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let knowledge = build(&config, &models).unwrap().unwrap();
    assert!(knowledge.search("Anything?".into(), 3).await.unwrap().is_empty());
    assert!(build(&Config { store: StoreKind::None, ..config.clone() }, &models).unwrap().is_none());
    let off = Config { store: StoreKind::None, ..config };
    let error = ingest(&off, &models, &[], |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("knowledge.store"), "{error}");
}

#[tokio::test]
async fn ingesting_while_the_knowledge_base_is_served_says_who_holds_it() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let path = folder.path().join("a.md");
    std::fs::write(&path, "The pump is blue.").unwrap();
    run(&config, &models, std::slice::from_ref(&path)).await;
    let knowledge = build(&config, &models).unwrap().unwrap();
    let error = ingest(&config, &models, std::slice::from_ref(&path), |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("in use by another process") && error.contains("voce serve"), "{error}");
    drop(knowledge);
    assert_eq!(run(&config, &models, &[path]).await.0.unchanged, 1);
}

#[tokio::test]
async fn another_embedding_model_is_refused_until_documents_are_ingested_again() {
    let Some(dir) = voce_testkit::models(&["all-minilm-l6-v2"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["first-model", "second-model"] {
        std::fs::create_dir_all(folder.path().join("models").join(name)).unwrap();
        for file in ["model.safetensors", "config.json", "tokenizer.json"] {
            let copy = folder.path().join("models").join(name).join(file);
            std::os::unix::fs::symlink(dir.join("all-minilm-l6-v2").join(file), copy).unwrap();
        }
    }
    let dir = Some(folder.path().join("models"));
    let models = Store::open(&voce_models::Config { dir, ..Default::default() }).unwrap();
    let with = |model: &str| Config { model: model.into(), ..config(folder.path()) };
    let path = folder.path().join("a.md");
    std::fs::write(&path, "The pump is blue.").unwrap();
    run(&with("first-model"), &models, std::slice::from_ref(&path)).await;

    let error = build(&with("second-model"), &models).err().unwrap().to_string();
    assert!(error.contains("first-model") && error.contains("voce ingest"), "{error}");
    let (summary, _) = run(&with("second-model"), &models, &[path]).await;
    assert_eq!((summary.emptied_of.as_deref(), summary.added), (Some("first-model"), 1));
    assert!(build(&with("second-model"), &models).unwrap().is_some());
}

#[tokio::test]
async fn a_missing_model_says_how_to_fetch_it_and_a_gpu_is_not_promised() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Some(folder.path().to_owned());
    let models = Store::open(&voce_models::Config { dir, ..Default::default() }).unwrap();
    let error = build(&config(folder.path()), &models).err().unwrap().to_string();
    assert!(error.contains("voce models pull"), "{error}");
    let gpu = Config { device: voce_models::Device::Cuda, ..config(folder.path()) };
    assert!(build(&gpu, &models).err().unwrap().to_string().contains("knowledge.device"));
}
