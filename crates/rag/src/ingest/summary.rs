//! What is asked of an ingestion, and what it tells.
use std::{collections::BTreeMap, path::PathBuf};

/// What to bring in, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Files, folders and addresses. As written they are the sources' names, so the same should be named the same way each
    /// time.
    pub names: Vec<PathBuf>,
    /// Tags of everything that is brought in; they win over those that documents bring.
    pub tags: BTreeMap<String, String>,
    /// Whether files that are there no more, below the folders of `names`, leave the store.
    pub prune: bool,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
    /// Whether addresses may lead into this machine's own networks.
    pub allow_private: bool,
    /// The program that reads PDF files, see [`crate::read_pdf`]. None: this process, whose memory a PDF may take.
    pub reader: Option<PathBuf>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not in the store; now so many chunks of it are.
    Added(usize),
    /// Its chunks were replaced by so many.
    Replaced(usize),
    /// It is in the store as it stands.
    Unchanged,
    /// It was left out, for this reason.
    Failed(String),
}

/// One file is done, and is still done if the machine stops now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files done, this one included.
    pub done: usize,
    /// Files in all.
    pub total: usize,
    /// This file, or address.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
}

/// What an ingestion tells on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It begins with so many files.
    Begun(usize),
    /// It embedded so many chunks since it last told.
    Embedded(usize),
    /// A file is done.
    Done(Progress),
}

/// A file or folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What an ingestion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that are new in the store.
    pub added: usize,
    /// Files whose chunks were replaced.
    pub replaced: usize,
    /// Files that were there already.
    pub unchanged: usize,
    /// Files and folders that were left out.
    pub failed: Vec<Failure>,
    /// Sources that were removed, as their files are there no more.
    pub removed: Vec<String>,
    /// Chunks that were written.
    pub chunks_written: usize,
    /// Chunks in the store now.
    pub chunks_in_all: usize,
    /// Where the knowledge base is.
    pub place: String,
    /// The model that an older knowledge base was made with, which was emptied because of it.
    pub emptied_of: Option<String>,
}

impl Summary {
    /// Counts a file.
    pub(super) fn count(&mut self, path: &std::path::Path, outcome: &Outcome) {
        match outcome {
            Outcome::Added(chunks) => {
                self.added += 1;
                self.chunks_written += chunks;
            }
            Outcome::Replaced(chunks) => {
                self.replaced += 1;
                self.chunks_written += chunks;
            }
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Failed(reason) => {
                self.failed.push(Failure { path: path.to_owned(), reason: reason.clone() });
            }
        }
    }
}
