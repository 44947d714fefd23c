//! Why a model cannot be had or used: each message names the file, where it should come from, and the remedy.
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a model cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not in the store.
    #[error("model file {path} is missing; fetch it with `voce models pull {model}`")]
    Missing {
        /// The model's name in the manifest.
        model: String,
        /// Where the file should be.
        path: PathBuf,
    },
    /// A file in the store is not what was fetched.
    #[error("model file {path} is damaged: {reason}; fetch it again with `voce models pull {model}`")]
    Damaged {
        /// The model's name in the manifest.
        model: String,
        /// The file.
        path: PathBuf,
        /// What was expected and what is there.
        reason: String,
    },
    /// ONNX Runtime refused.
    #[error("{what}: {reason}")]
    Runtime {
        /// What was tried.
        what: String,
        /// What came of it.
        reason: String,
    },
    /// A graph file does not hold what is needed.
    #[error("{reason}")]
    Graph {
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest cannot be read.
    #[error("{manifest}: {reason}")]
    Manifest {
        /// Its path, or that it is the built-in one.
        manifest: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that the manifest does not have.
    #[error("{what} is unknown; known are: {known}")]
    Unknown {
        /// What was asked for.
        what: String,
        /// What could be.
        known: String,
    },
    /// No source gave the file.
    #[error("cannot fetch {file}: {}; {remedy}", attempts.join("; "))]
    Fetch {
        /// `model/path`.
        file: String,
        /// For each source what it is and why it failed.
        attempts: Vec<String>,
        /// What to do.
        remedy: String,
    },
    /// The disk is full, or would be.
    #[error(
        "cannot fetch {file} from {origin}: the disk that holds {dir} has too little space ({needed} needed, \
         {free} free); free some, or keep the models elsewhere with VOCE_MODELS or `models.dir`"
    )]
    DiskFull {
        /// `model/path`.
        file: String,
        /// The source that was to be read.
        origin: String,
        /// A folder on that disk.
        dir: PathBuf,
        /// Bytes needed, in words.
        needed: String,
        /// Bytes free, in words.
        free: String,
    },
    /// A file or folder may not be written or read.
    #[error(
        "no permission for {path} ({reason}); give this user the right, or keep the models elsewhere with \
         VOCE_MODELS or `models.dir`"
    )]
    Denied {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{path}: {reason}")]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl ModelError {
    /// A graph file does not hold what is needed.
    pub(crate) fn graph(reason: impl Into<String>) -> Self {
        Self::Graph { reason: reason.into() }
    }

    /// A file operation on `path` failed.
    pub(crate) fn files(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_path_buf(), error.to_string());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { path, reason }
            }
            _ => Self::Files { path, reason },
        }
    }
}

/// `92.4 MB`, for people.
pub(crate) fn bytes_in_words(bytes: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match STEPS.iter().find(|(step, _)| bytes >= *step) {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        Some((step, unit)) => format!("{:.1} {unit}", bytes as f64 / *step as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_with_the_remedy() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let error = ModelError::files(Path::new("/models/m/x.bin"), &io::Error::from(kind)).to_string();
            assert!(error.contains("/models/m/x.bin") && error.contains("VOCE_MODELS"), "{error}");
        }
    }

    #[test]
    fn sizes_are_in_words() {
        assert_eq!(bytes_in_words(12), "12 bytes");
        assert_eq!(bytes_in_words(92_361_271), "92.4 MB");
    }
}
