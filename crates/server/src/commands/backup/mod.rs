//! `voce backup` and `voce restore`: what stands on disk and cannot be fetched again, in one file.
mod manifest;
mod places;
mod read;
mod swap;
mod write;

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use voce_rag::StoreKind;

use crate::{
    cli::{BackupArgs, Kind, RestoreArgs},
    config::Config,
};
use manifest::Manifest;
use places::{Held, Place};
use write::{Changed, Source};

/// What is in use is quiet between two turns.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
const HINT: &str = "nothing was written (--live also takes what is in use)";

pub async fn backup(config: Config, args: BackupArgs) -> Result<()> {
    tokio::task::spawn_blocking(move || back_up(&config, &args)).await?
}

pub async fn restore(config: Config, args: RestoreArgs) -> Result<()> {
    tokio::task::spawn_blocking(move || put_back(&config, &args)).await?
}

fn back_up(config: &Config, args: &BackupArgs) -> Result<()> {
    let is_wanted = |kind: Kind| args.only.is_empty() || args.only.contains(&kind);
    if is_wanted(Kind::Knowledge) && config.knowledge.store == StoreKind::Qdrant {
        println!(
            "knowledge: stands in {}; its snapshots are that server's: POST /collections/{}/snapshots on its HTTP port",
            config.knowledge.place(),
            config.knowledge.collection
        );
    }
    let mut places = places::of(config)?;
    places.retain(|place| is_wanted(place.kind));
    let hold = |place: &Place| if args.live { place.hold_or_watch(config) } else { place.hold(config) };
    let held = places.iter().map(hold).collect::<Result<Vec<Held>>>();
    let held = held.context(if args.live { "nothing was written" } else { HINT })?;
    let listed = || {
        let mut sources = vec![];
        for (place, held) in places.iter().zip(&held) {
            let files = place.files(held)?;
            if !files.is_empty() {
                sources.push(Source { name: &place.name, folder: &place.folder, files });
            }
        }
        Ok(sources)
    };
    let manifest = tried(|| {
        let sources = listed()?;
        ensure!(!sources.is_empty(), "there is nothing to back up; {} was not written", args.file.display());
        write::write(&args.file, &sources, listed)
    })?;
    let is_in = |place: &Place| manifest.parts.iter().any(|part| part.name == place.name);
    for place in places.iter().filter(|place| !is_in(place)) {
        println!("{}: nothing in {}", place.name, place.folder.display());
    }
    tell(&manifest);
    let bytes = fs::metadata(&args.file).map_or(0, |file| file.len());
    println!("{} written, {}", args.file.display(), size(bytes));
    Ok(())
}

/// Again for a while, as long as something changes meanwhile.
fn tried<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match work() {
            Err(error) if error.is::<Changed>() => std::thread::sleep(BETWEEN_TRIES),
            outcome => return outcome,
        }
    }
    work()
}

fn put_back(config: &Config, args: &RestoreArgs) -> Result<()> {
    let shown = args.file.display();
    let archive = File::open(&args.file).with_context(|| format!("{shown} cannot be opened"))?;
    if args.check {
        let manifest =
            read::read(archive, |_| Ok(None)).with_context(|| format!("{shown} cannot be used"))?;
        tell(&manifest);
        println!(
            "{shown} is whole: {} files, by voce {}, {}",
            manifest.files(),
            manifest.voce,
            age(&manifest)
        );
        return Ok(());
    }
    let places = places::of(config)?;
    // Held until all is in place.
    let (mut held, mut new) = (vec![], vec![]);
    let prepare = |manifest: &Manifest| {
        let mut folders = vec![];
        for part in &manifest.parts {
            let place = place_of(&part.name, &places, config)?;
            let holds = place.hold(config)?;
            ensure!(
                args.replace || !place.has_data(&holds)?,
                "{}: there is something in {}; --replace puts the archive's in its place",
                place.name,
                place.folder.display()
            );
            let stage = swap::beside(&place.folder)?;
            folders.push(stage.path().to_owned());
            new.push((stage, place.folder.clone()));
            held.push(holds);
        }
        Ok(Some(folders))
    };
    let manifest = read::read(archive, prepare)
        .with_context(|| format!("{shown} was not restored, nothing was changed"))?;
    swap::swap(new).with_context(|| format!("restoring {shown}"))?;
    drop(held);
    tell(&manifest);
    println!(
        "{shown} is restored: {} files, by voce {}, {}",
        manifest.files(),
        manifest.voce,
        age(&manifest)
    );
    Ok(())
}

fn place_of<'a>(name: &str, places: &'a [Place], config: &Config) -> Result<&'a Place> {
    places.iter().find(|place| place.name == name).with_context(|| {
        if name.starts_with("knowledge") && config.knowledge.store != StoreKind::Embedded {
            return format!(
                "it holds an embedded knowledge base, {name:?}, and knowledge.store is another; restore it with --set \
                 knowledge.store=embedded, then `voce knowledge push` copies it to a Qdrant server"
            );
        }
        let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
        format!("it holds {name:?}, for which this configuration has no place; it has {}", names.join(", "))
    })
}

fn tell(manifest: &Manifest) {
    for part in &manifest.parts {
        println!("{}: {} files, {}", part.name, part.files.len(), size(part.bytes()));
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

fn age(manifest: &Manifest) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let hours = now.saturating_sub(manifest.made) / 3_600;
    match hours {
        0 => "less than an hour old".to_owned(),
        1..48 => format!("{hours} hours old"),
        _ => format!("{} days old", hours / 24),
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether nothing is in a folder, or it is not there.
fn is_empty(folder: &Path, but: impl Fn(&str) -> bool) -> Result<bool> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    for entry in entries {
        let name = entry.with_context(|| format!("reading {}", folder.display()))?.file_name();
        if !name.to_str().is_some_and(&but) {
            return Ok(false);
        }
    }
    Ok(true)
}
