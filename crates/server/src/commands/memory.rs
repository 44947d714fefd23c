//! `voce memory`: who is remembered, and forgetting them.
use anyhow::{Context, Result, bail};

use crate::{cli::MemoryCommand, config::Config, memory};

pub async fn run(config: Config, command: MemoryCommand) -> Result<()> {
    tokio::task::spawn_blocking(move || work(&config, &command)).await?
}

fn work(config: &Config, command: &MemoryCommand) -> Result<()> {
    let files = memory::open(config)?;
    let folder = config.memory.folder();
    let place = || format!("reading {}", folder.display());
    match command {
        MemoryCommand::List { json: true } => {
            println!("{}", serde_json::to_string_pretty(&files.all().with_context(place)?)?);
        }
        MemoryCommand::List { json: false } => {
            let all = files.all().with_context(place)?;
            if all.is_empty() {
                let hint = if config.memory.enabled { "" } else { "; memory.enabled is false" };
                println!("nobody is remembered in {}{hint}", folder.display());
            }
            for one in all {
                println!("{} ({} days ago)", one.user, one.days());
                one.text.lines().for_each(|line| println!("  {line}"));
            }
        }
        MemoryCommand::Forget { users } => {
            for user in users {
                if !files.forget(user).with_context(place)? {
                    bail!("nothing is remembered of {user:?}; `voce memory list` says of whom there is");
                }
                println!("forgot {user}");
            }
        }
    }
    Ok(())
}
