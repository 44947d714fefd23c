//! Fetching: for every file that is not in the store, its sources in order until one gives the right bytes.
//! Files of one archive come out of it together; nothing enters the store before its checksum is right.
use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::PathBuf,
    time::Duration,
};

use crate::{
    ModelError, Progress, Store,
    archive::{self, Wanted},
    check,
    disk::{self, Lock},
    hub,
    manifest::{Model, ModelFile, Selection},
    places::Places,
    rebuild,
    record::{Entry, Record},
    registry,
    source::{Archive, Member, Source},
    trouble::{Kind, Trouble},
    web::{Naming, Web},
};

/// So many files of one archive are named one by one.
const FEW: usize = 4;

/// What a pull did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Files put into the store.
    pub fetched: usize,
    /// Files that were there and right.
    pub kept: usize,
    /// Bytes of the files put into the store.
    pub bytes: u64,
}

/// A file that is wanted, and which source's turn it is.
struct Job {
    file: ModelFile,
    source: usize,
    attempts: Vec<String>,
    kind: Kind,
}

/// One pull of one model.
struct Pull<'a> {
    store: &'a Store,
    web: &'a Web,
    places: &'a Places,
    progress: &'a dyn Progress,
    model: &'a Model,
    done: Pulled,
}

impl Store {
    /// Fetches what is missing, damaged or outdated of the selected models, from the places that this
    /// machine's configuration names.
    ///
    /// Waits while another pull works on the same store. Dropping the future or ending the process loses
    /// nothing: the next pull goes on where this one stopped.
    ///
    /// # Errors
    /// The first file that no source gave; files fetched before it stay.
    pub async fn pull(&self, selection: &Selection, progress: &dyn Progress) -> Result<Pulled, ModelError> {
        self.pull_from(selection, &Places::from_environment(), progress).await
    }

    /// [`Store::pull`] from given places.
    pub async fn pull_from(
        &self,
        selection: &Selection,
        places: &Places,
        progress: &dyn Progress,
    ) -> Result<Pulled, ModelError> {
        let models = self.manifest().select(selection)?;
        disk::make_dir(self.dir())?;
        let _lock = self.lock(progress).await?;
        disk::sweep(&self.downloads());
        let web = Web::new()?;
        let mut sum = Pulled::default();
        for model in models {
            // A selection of everything has models for other systems; a model asked for by name must have files.
            if model.files().is_empty() && *selection == Selection::All {
                continue;
            }
            let pull = Pull { store: self, web: &web, places, progress, model, done: Pulled::default() };
            let done = pull.run().await?;
            sum.fetched += done.fetched;
            sum.kept += done.kept;
            sum.bytes += done.bytes;
        }
        // Emptied by every model that went well; only an interrupted one leaves something to go on from.
        drop(fs::remove_dir(self.downloads()));
        Ok(sum)
    }

    async fn lock(&self, progress: &dyn Progress) -> Result<Lock, ModelError> {
        let mut told = false;
        loop {
            if let Some(lock) = Lock::try_take(self.dir())? {
                return Ok(lock);
            }
            if !told {
                progress.say(&format!("another pull works on {}; waiting for it", self.dir().display()));
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.dir().join(".downloads")
    }
}

impl Pull<'_> {
    async fn run(mut self) -> Result<Pulled, ModelError> {
        let mut jobs = self.open_jobs().await?;
        if jobs.is_empty() && self.done.kept == 0 {
            return Err(ModelError::Manifest {
                manifest: format!("the model {}", self.model.name),
                reason: format!("has no file for this system ({})", crate::manifest::target()),
            });
        }
        let downloads = self.store.downloads();
        disk::make_dir(&downloads)?;
        while let Some(first) = jobs.first() {
            let wanted = archives(&first.file.sources[first.source]);
            // Jobs that read the same archives are done together; a hub file is done alone.
            let together =
                |job: &Job| !wanted.is_empty() && archives(&job.file.sources[job.source]) == wanted;
            let alone = wanted.is_empty();
            let mut batch: Vec<Job> = Vec::new();
            let mut later: Vec<Job> = Vec::new();
            for (index, job) in jobs.into_iter().enumerate() {
                if (alone && index == 0) || together(&job) { batch.push(job) } else { later.push(job) }
            }
            jobs = later;
            if alone {
                self.fetch_from_hub(batch, &mut jobs).await?;
            } else {
                self.fetch_from_archives(&wanted, batch, &mut jobs).await?;
            }
        }
        Ok(self.done)
    }

    /// The files that are not there, not whole, or made by an older way.
    async fn open_jobs(&mut self) -> Result<Vec<Job>, ModelError> {
        let (dir, files) = (self.store.model_dir(&self.model.name), self.model.files());
        let count = files.len();
        let open = blocking(move || {
            let mut record = Record::read(&dir);
            let known = record.clone();
            let open: Vec<ModelFile> =
                files.into_iter().filter(|file| !check::is_right(&dir, file, &mut record)).collect();
            if record != known {
                record.write(&dir)?;
            }
            Ok(open)
        })
        .await?;
        self.done.kept = count - open.len();
        let job = |file| Job { file, source: 0, attempts: Vec::new(), kind: Kind::Broken };
        Ok(open.into_iter().map(job).collect())
    }

    async fn fetch_from_hub(&mut self, batch: Vec<Job>, jobs: &mut Vec<Job>) -> Result<(), ModelError> {
        for job in batch {
            let Source::Hub(hub_file) = &job.file.sources[job.source] else { continue };
            let (name, origin) = (self.name(&job.file), format!("{} {}", hub_file, hub_file.path));
            let naming = Naming { file: &name, origin: &origin };
            let got =
                hub::fetch(self.web, &self.places.hub, hub_file, &job.file, naming, self.progress).await;
            let outcome = match got {
                Ok(blob) => self.place(&job, blob, true).await,
                Err(trouble) => Err(trouble),
            };
            if outcome.is_ok() {
                self.progress.say(&format!("{name}: in place"));
            }
            self.settle(job, outcome, jobs)?;
        }
        Ok(())
    }

    async fn fetch_from_archives(
        &mut self,
        wanted: &[Archive],
        batch: Vec<Job>,
        jobs: &mut Vec<Job>,
    ) -> Result<(), ModelError> {
        let mut members: HashMap<(usize, String), PathBuf> = HashMap::new();
        for (index, archive) in wanted.iter().enumerate() {
            let name = self.name(&batch[0].file);
            let mut outcome = self.members(archive, index, &name, &batch, &mut members).await;
            if matches!(&outcome, Err(Trouble::Source { kind: Kind::Broken, .. })) {
                // Once more from the start: what lay there from an earlier pull may have been the damage.
                outcome = self.members(archive, index, &name, &batch, &mut members).await;
            }
            if let Err(trouble) = outcome {
                for job in batch {
                    self.settle(job, Err(trouble.clone()), jobs)?;
                }
                return Ok(());
            }
        }
        let (count, mut placed) = (batch.len(), 0);
        for job in batch {
            let name = self.name(&job.file);
            let outcome = match self.joined(&job, wanted, &members).await {
                Ok(path) => self.place(&job, path, false).await,
                Err(trouble) => Err(trouble),
            };
            placed += usize::from(outcome.is_ok());
            if outcome.is_ok() && count <= FEW {
                self.progress.say(&format!("{name}: in place"));
            }
            self.settle(job, outcome, jobs)?;
        }
        if placed > FEW {
            self.progress.say(&format!("{}: {placed} files in place", self.model.name));
        }
        Ok(())
    }

    /// Downloads one archive, takes every member out of it that the batch wants, and deletes it.
    async fn members(
        &self,
        archive: &Archive,
        index: usize,
        name: &str,
        batch: &[Job],
        members: &mut HashMap<(usize, String), PathBuf>,
    ) -> Result<(), Trouble> {
        let path = self.store.downloads().join(archive.file_name());
        let origin = archive.to_string();
        if !path.exists() {
            let url = registry::locate(self.web, self.places, archive).await?;
            let naming = Naming { file: name, origin: &origin };
            self.web.download(&url, None, &path, naming, self.progress).await?;
        }
        let paths: BTreeSet<String> = batch
            .iter()
            .flat_map(|job| job.file.sources[job.source].members())
            .filter(|member| member.archive() == *archive)
            .map(|member| member.path().to_owned())
            .collect();
        let place = |number: usize| self.store.downloads().join(format!("member-{index}-{number}"));
        let wanted: Vec<Wanted> = paths
            .into_iter()
            .enumerate()
            .map(|(number, member)| Wanted { member, to: place(number) })
            .collect();
        members.extend(wanted.iter().map(|want| ((index, want.member.clone()), want.to.clone())));
        let (archive, name) = (archive.clone(), name.to_owned());
        blocking(move || {
            let outcome = archive::extract(&archive, &path, &wanted, &name);
            drop(fs::remove_file(&path));
            outcome
        })
        .await
    }

    /// The parts of a job's file joined, or its only part.
    async fn joined(
        &self,
        job: &Job,
        archives: &[Archive],
        members: &HashMap<(usize, String), PathBuf>,
    ) -> Result<PathBuf, Trouble> {
        let source = &job.file.sources[job.source];
        let path = |member: &Member| {
            let index = archives.iter().position(|archive| *archive == member.archive())?;
            members.get(&(index, member.path().to_owned())).cloned()
        };
        let parts: Vec<PathBuf> = source.members().iter().filter_map(path).collect();
        if let [only] = &parts[..] {
            return Ok(only.clone());
        }
        let (to, name, origin) =
            (self.store.downloads().join("joined"), self.name(&job.file), source.to_string());
        let needed = job.file.size.unwrap_or(0);
        disk::check_space(&self.store.downloads(), needed, &name, &origin)?;
        blocking(move || {
            let failed =
                |error: io::Error| Trouble::Here(disk::write_failed(&to, &error, needed, &name, &origin));
            let mut whole = fs::File::create(&to).map_err(failed)?;
            for part in &parts {
                io::copy(&mut fs::File::open(part).map_err(failed)?, &mut whole).map_err(failed)?;
                drop(fs::remove_file(part));
            }
            whole.sync_all().map_err(failed)?;
            Ok(to)
        })
        .await
    }

    /// Checks what a source gave, rebuilds it if that is due, and moves it into the store. `shared`: it is a
    /// blob of the hub cache, which is linked and stays.
    async fn place(&self, job: &Job, given: PathBuf, shared: bool) -> Result<(), Trouble> {
        let dir = self.store.model_dir(&self.model.name);
        let (file, name) = (job.file.clone(), self.name(&job.file));
        let source = job.file.sources[job.source].to_string();
        if file.rebuild.is_some() {
            self.progress.say(&format!("{name}: rebuilding it with its weights unpacked"));
        }
        let made = self.store.downloads().join("made");
        blocking(move || {
            let sum = check::checked(&given, &file, shared)?;
            let target = dir.join(&file.path);
            let parent = target.parent().unwrap_or(&dir);
            disk::make_dir(parent)?;
            let failed = |error: io::Error| disk::write_failed(&target, &error, 0, &name, &source);
            let (entry_sum, made_from) = match file.rebuild {
                Some(way) => {
                    rebuild::run(way, &given, &made, &name)?;
                    if !shared {
                        drop(fs::remove_file(&given));
                    }
                    disk::move_in_place(&made, &target).map_err(failed)?;
                    (disk::sha256(&target)?, Some(rebuild::stamp(way, &sum)))
                }
                None if shared => {
                    check::link(&given, &target).map_err(failed)?;
                    (sum, None)
                }
                None => {
                    disk::move_in_place(&given, &target).map_err(failed)?;
                    (sum, None)
                }
            };
            let entry = Entry::of(&target, entry_sum, source.clone()).map_err(failed)?;
            let mut record = Record::read(&dir);
            record.files.insert(file.path.clone(), Entry { made_from, ..entry });
            record.write(&dir)?;
            Ok(())
        })
        .await
    }

    /// After an attempt: done, or the next source's turn, or no source left.
    fn settle(
        &mut self,
        mut job: Job,
        outcome: Result<(), Trouble>,
        jobs: &mut Vec<Job>,
    ) -> Result<(), ModelError> {
        let name = self.name(&job.file);
        let (kind, reason) = match outcome {
            Ok(()) => {
                let path = self.store.model_dir(&self.model.name).join(&job.file.path);
                self.done.fetched += 1;
                self.done.bytes += fs::metadata(path).map_or(0, |about| about.len());
                return Ok(());
            }
            Err(Trouble::Here(error)) => return Err(error),
            Err(Trouble::Source { kind, reason }) => (kind, reason),
        };
        job.attempts.push(format!("{}: {reason}", job.file.sources[job.source]));
        // The remedy is for the worst that happened: wrong bytes, before a source that is away.
        if job.source == 0 || kind == Kind::Checksum {
            job.kind = kind;
        }
        job.source += 1;
        let Some(next) = job.file.sources.get(job.source) else {
            let remedy = job.kind.remedy(&self.model.name);
            return Err(ModelError::Fetch { file: name, attempts: job.attempts, remedy });
        };
        self.progress.say(&format!("{name}: {}; trying {next}", job.attempts[job.source - 1]));
        jobs.push(job);
        Ok(())
    }

    fn name(&self, file: &ModelFile) -> String {
        format!("{}/{}", self.model.name, file.path)
    }
}

fn archives(source: &Source) -> Vec<Archive> {
    let mut archives: Vec<Archive> = source.members().iter().map(Member::archive).collect();
    archives.dedup();
    archives
}

async fn blocking<T: Send + 'static, E: From<ModelError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => {
            Err(E::from(ModelError::Runtime { what: "a pull's file work".into(), reason: error.to_string() }))
        }
    }
}
