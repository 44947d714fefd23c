//! Why a source gave nothing, and what a person can do about it.
use crate::ModelError;

/// Why a source did not give a file.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// This source is no use; another may be.
    Source { kind: Kind, reason: String },
    /// No source can help: the disk, the rights.
    Here(ModelError),
}

/// What sort of trouble a source made, which decides the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unreachable,
    Forbidden,
    NotThere,
    Checksum,
    Broken,
}

impl Trouble {
    pub(crate) fn source(kind: Kind, reason: impl Into<String>) -> Self {
        Self::Source { kind, reason: reason.into() }
    }
}

impl From<ModelError> for Trouble {
    fn from(error: ModelError) -> Self {
        Self::Here(error)
    }
}

impl Kind {
    /// What to do about it, for the model `model`.
    pub(crate) fn remedy(self, model: &str) -> String {
        let again = format!("then run `voce models pull {model}` again");
        match self {
            Kind::Unreachable => format!(
                "check the network, the proxy, and the addresses in PIP_INDEX_URL, npm_config_registry and \
             HF_ENDPOINT, {again}"
            ),
            Kind::Forbidden => {
                format!("give access (HF_TOKEN for a hub, credentials in the address of a registry), {again}")
            }
            Kind::NotThere => {
                format!("use a registry or hub that has it, or another manifest (`models.manifest`), {again}")
            }
            Kind::Checksum => format!(
                "the bytes are not those that were tested and were thrown away; if a mirror is in between, repair or \
             leave it, {again}"
            ),
            Kind::Broken => format!("if a proxy or mirror is in between, repair or leave it, {again}"),
        }
    }
}
