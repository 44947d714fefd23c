//! Files in, passages out, with the real embedding model.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::path::{Path, PathBuf};

use voce_models::Store;
use voce_rag::{
    Collection, Config, Outcome, Progress, Request, Step, StoreKind, Summary, build, copy, ingest,
    ingest_with, open_collection, open_embedded,
};

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
    for part in ["holds no .md", "not UTF-8", "not a text file", "no text", "No such file"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
}

#[tokio::test]
async fn tags_are_kept_and_what_is_gone_is_pruned_but_only_below_the_named_folders() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (config, documents) = (config(folder.path()), folder.path().join("documents"));
    std::fs::create_dir(&documents).unwrap();
    let kept = "---\ntitle: Pump\nlanguage: en\n---\nThe pump is blue.\n";
    for (path, text) in [("documents/a.md", kept), ("documents/b.md", "Bye."), ("c.md", "The shop is open.")]
    {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let outside = folder.path().join("c.md");
    let run = async |names: &[&Path], tags: &[(&str, &str)], prune: bool, dry_run: bool| {
        let request = Request {
            names: names.iter().map(|name| name.to_path_buf()).collect(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            prune,
            dry_run,
            ..Request::default()
        };
        ingest_with(&config, &models, &request, |_: Step| {}).await.unwrap()
    };
    let dry = run(&[&documents], &[], false, true).await;
    assert_eq!((dry.added, dry.chunks_written, dry.chunks_in_all), (2, 2, 0));
    assert!(open_collection(&config).await.unwrap().is_none(), "a dry run makes nothing");
    let first = run(&[&documents, &outside], &[("shop", "north")], false, false).await;
    assert_eq!((first.added, first.chunks_in_all), (3, 3));
    let sources = async || {
        let Collection { store, .. } = open_collection(&config).await.unwrap().unwrap();
        store.sources().await.unwrap()
    };
    let tags: Vec<_> = sources().await[1].tags.clone().into_iter().collect();
    assert_eq!(tags, [("language".into(), "en".into()), ("shop".into(), "north".into())]);
    let again = run(&[&documents, &outside], &[("shop", "north")], false, false).await;
    assert_eq!(again.unchanged, 3);
    let moved = run(&[&documents], &[("shop", "south")], false, false).await;
    assert_eq!((moved.replaced, moved.chunks_in_all), (2, 3), "other tags are another document");

    std::fs::remove_file(documents.join("b.md")).unwrap();
    std::fs::remove_file(&outside).unwrap();
    let gone = documents.join("b.md").display().to_string();
    let dry = run(&[&documents], &[("shop", "south")], true, true).await;
    assert_eq!((dry.removed.clone(), dry.chunks_in_all), (vec![gone.clone()], 3));
    let pruned = run(&[&documents], &[("shop", "south")], true, false).await;
    assert_eq!((pruned.removed, pruned.unchanged, pruned.chunks_in_all), (vec![gone], 1, 2));
    let left: Vec<String> = sources().await.into_iter().map(|source| source.name).collect();
    assert_eq!(left, [outside.display().to_string(), documents.join("a.md").display().to_string()]);
}

#[tokio::test]
async fn equal_chunks_of_a_document_are_kept_apart_so_that_places_have_no_gaps() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let path = folder.path().join("a.md");
    std::fs::write(&path, "# One\nSame.\n# Two\nOther.\n# One\nSame.\n").unwrap();
    let (summary, _) = run(&config, &models, std::slice::from_ref(&path)).await;
    assert_eq!((summary.chunks_written, summary.chunks_in_all), (3, 3));
    let Collection { store, .. } = open_collection(&config).await.unwrap().unwrap();
    let all = store.neighbours(path.display().to_string(), 0, 9).await.unwrap();
    assert_eq!(all.iter().map(|passage| passage.chunk).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test]
async fn a_collection_is_copied_with_its_vectors_and_a_second_time_there_is_nothing_to_do() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let long = (0..40).map(|place| format!("# Part {place}\nPump {place} is blue.\n")).collect::<String>();
    let paths = [file("a.md", &long), file("b.md", "The hose is ten metres long.")];
    run(&config, &models, &paths).await;
    let Collection { store: from, contents } = open_collection(&config).await.unwrap().unwrap();
    let other = folder.path().join("other");
    let to = open_embedded(&other, Some(contents.dimension)).unwrap().unwrap();
    let mut heard = vec![];
    let first = copy(&*from, &*to, |done, of| heard.push((done, of))).await.unwrap().unwrap();
    assert_eq!((first.copied, first.unchanged, first.chunks), (2, 0, 41));
    assert_eq!(heard, [(1, 2), (2, 2)]);
    assert_eq!(from.records(None, 100).await.unwrap(), to.records(None, 100).await.unwrap());
    // Half of a source is none of it.
    to.remove(paths[1].display().to_string()).await.unwrap();
    let again = copy(&*from, &*to, |_, _| {}).await.unwrap().unwrap();
    assert_eq!((again.copied, again.unchanged, again.chunks), (1, 1, 41));
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
