//! `voce models`: fetch, list and check the model files. The store does the work.
use std::process::ExitCode;

use anyhow::Result;
use voce_models::{Selection, State, Store, progress};

use crate::{cli::ModelsCommand, config::Config};

pub async fn run(config: Config, command: ModelsCommand) -> Result<ExitCode> {
    let store = Store::open(&config.models)?;
    match command {
        ModelsCommand::Pull { names, profile } => {
            let selection =
                if names.is_empty() { Selection::Profile(profile) } else { Selection::Models(names) };
            let pulled = store.pull(&selection, &*progress()).await?;
            println!(
                "{} files fetched ({:.1} MB), {} were there and right; store: {}",
                pulled.fetched,
                megabytes(pulled.bytes),
                pulled.kept,
                store.dir().display()
            );
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::List => {
            list(&store);
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Verify { names } => {
            let everything = names.is_empty();
            let selection = if everything { Selection::All } else { Selection::Models(names) };
            tokio::task::spawn_blocking(move || verify(&store, &selection, everything)).await?
        }
    }
}

fn list(store: &Store) {
    println!("store: {}\n", store.dir().display());
    println!("{:<26} {:>7} {:>10}  {:<14} {:<22} purpose", "model", "files", "MB", "licence", "profiles");
    for model in store.list() {
        let files = format!("{}/{}", model.present, model.files);
        let profiles = model.profiles.join(", ");
        println!(
            "{:<26} {files:>7} {:>10.1}  {:<14} {profiles:<22} {}",
            model.name,
            megabytes(model.bytes),
            model.licence,
            model.purpose
        );
    }
}

/// Fails if a file is damaged, or one that was asked for by name is missing.
fn verify(store: &Store, selection: &Selection, everything: bool) -> Result<ExitCode> {
    let (mut right, mut wrong) = (0, 0);
    for found in store.verify(selection, &*progress())? {
        let name = format!("{}/{}", found.model, found.file);
        match found.state {
            State::Right => right += 1,
            State::Missing if everything => {}
            State::Missing => {
                wrong += 1;
                println!("{name}: missing; fetch it with `voce models pull {}`", found.model);
            }
            State::Damaged(reason) => {
                wrong += 1;
                println!("{name}: damaged: {reason}; fetch it again with `voce models pull {}`", found.model);
            }
            State::Unknown => println!("{name}: there, but nothing says what it should be"),
        }
    }
    println!("{right} files right, {wrong} wrong");
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
