//! Files of a model hub, kept in the hub tools' own cache so that other programs share them:
//! `models--org--name/{blobs,refs,snapshots}`.
//!
//! Our own client: hf-hub 1.0 cannot resume a download and brings its own TLS and storage stack with it.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use reqwest::{
    Url,
    header::{ACCEPT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, LOCATION},
};

use crate::{
    ModelError, Progress, disk,
    manifest::ModelFile,
    places::Hub,
    source::HubFile,
    trouble::{Kind, Trouble},
    web::{Naming, Web, address, shown},
};

/// What the hub says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    commit: String,
    /// Names the blob in the cache; the sha256 for files in large file storage.
    etag: String,
    size: Option<u64>,
}

/// A file's folder in the cache.
struct Cached {
    folder: PathBuf,
}

/// The path in the hub cache of `file`, fetched if it is not there. `wanted` is checked by the caller; its
/// checksum only finds a blob that is there already.
pub(crate) async fn fetch(
    web: &Web,
    hub: &Hub,
    file: &HubFile,
    wanted: &ModelFile,
    naming: Naming<'_>,
    progress: &dyn Progress,
) -> Result<PathBuf, Trouble> {
    let cached = Cached::of(hub, file);
    if let Some((blob, about)) = cached.blob_of(wanted)
        && is_whole(&blob, &about).await?
    {
        return Ok(blob);
    }
    if hub.offline {
        return cached.snapshot(file).ok_or_else(|| {
            let reason =
                format!("HF_HUB_OFFLINE is set and {} has no {}", cached.folder.display(), file.path);
            Trouble::source(Kind::NotThere, reason)
        });
    }
    let url =
        address(&format!("{}/{}/resolve/{}/{}", hub.endpoint, file.repository, file.revision, file.path))?;
    let about = about(web, hub, &url).await?;
    if let Some(size) = about.size.filter(|size| wanted.size.is_some_and(|wanted| wanted != *size)) {
        let wanted = wanted.size.unwrap_or_default();
        return Err(Trouble::source(Kind::Checksum, format!("has {size} bytes, the manifest says {wanted}")));
    }
    let blob = cached.folder.join("blobs").join(&about.etag);
    if !is_whole(&blob, &about).await? {
        let unwritable = |error: ModelError| match error {
            ModelError::Denied { path, reason } | ModelError::Files { path, reason } => {
                let reason = format!("{}: {reason} (HF_HUB_CACHE names another cache)", path.display());
                Trouble::source(Kind::Broken, reason)
            }
            other => Trouble::Here(other),
        };
        disk::make_dir(&cached.folder.join("blobs")).map_err(unwritable)?;
        let fresh = cached.folder.join("blobs").join(format!("{}.voce", about.etag));
        let outcome = web.download(&url, hub.token.as_deref(), &fresh, naming, progress).await;
        outcome.map_err(|trouble| match trouble {
            Trouble::Here(error) => unwritable(error),
            other => other,
        })?;
        checked(&fresh, &about).await?;
        disk::move_in_place(&fresh, &blob).map_err(|error| unwritable(ModelError::files(&blob, &error)))?;
    }
    // Others find the file by these; we need only the blob.
    if let Err(error) = cached.link(file, &about) {
        tracing::debug!(%error, "the hub cache has no snapshot of this file");
    }
    Ok(blob)
}

impl Cached {
    fn of(hub: &Hub, file: &HubFile) -> Self {
        Self { folder: hub.cache.join(format!("models--{}", file.repository.replace('/', "--"))) }
    }

    /// The blob whose name is the checksum that the manifest states.
    fn blob_of(&self, wanted: &ModelFile) -> Option<(PathBuf, About)> {
        let etag = wanted.sha256.clone()?;
        Some((
            self.folder.join("blobs").join(&etag),
            About { commit: String::new(), etag, size: wanted.size },
        ))
    }

    /// The file as the cache has it, without asking the hub.
    fn snapshot(&self, file: &HubFile) -> Option<PathBuf> {
        let reference = fs::read_to_string(self.folder.join("refs").join(&file.revision)).ok();
        let commit = reference.unwrap_or_else(|| file.revision.clone());
        fs::canonicalize(self.folder.join("snapshots").join(commit.trim()).join(&file.path)).ok()
    }

    fn link(&self, file: &HubFile, about: &About) -> io::Result<()> {
        let place = self.folder.join("snapshots").join(&about.commit).join(&file.path);
        let up = "../".repeat(file.path.split('/').count() + 1);
        fs::create_dir_all(place.parent().unwrap_or(&place))?;
        match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(format!("{up}blobs/{}", about.etag), &place)?;
        if file.revision != about.commit {
            let reference = self.folder.join("refs").join(&file.revision);
            fs::create_dir_all(reference.parent().unwrap_or(&reference))?;
            disk::write_whole(&reference, about.commit.as_bytes())?;
        }
        Ok(())
    }
}

/// Asks the hub about a file. The answer for a large file is a redirect to a storage server, and what we want
/// to know stands in the hub's own headers, not in the storage server's.
async fn about(web: &Web, hub: &Hub, url: &Url) -> Result<About, Trouble> {
    let mut here = url.clone();
    let mut known = HeaderMap::new();
    for _ in 0..4 {
        let mut request = web.head_here(&here).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = &hub.token {
            request = request.bearer_auth(token);
        }
        let answer = web.send(request, &here).await.map_err(|trouble| explained(trouble, hub))?;
        let redirected = answer.status().is_redirection();
        for (name, value) in answer.headers() {
            // The length and tag of a redirect are its own.
            let of_redirect = redirected && (name == CONTENT_LENGTH || name == ETAG);
            if !of_redirect && !known.contains_key(name) {
                known.insert(name, value.clone());
            }
        }
        let next = answer.headers().get(LOCATION).and_then(|to| here.join(to.to_str().ok()?).ok());
        // A relative redirect only gives the repository's new name; another host is the storage server.
        match next {
            Some(next)
                if redirected && next.origin() == here.origin() && !known.contains_key("x-linked-etag") =>
            {
                here = next;
            }
            _ => return described(&known, url),
        }
    }
    Err(Trouble::source(Kind::Broken, format!("{} redirects without end", shown(url))))
}

fn described(headers: &HeaderMap, url: &Url) -> Result<About, Trouble> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text("x-linked-etag").or_else(|| text("etag"));
    let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
    let size = text("x-linked-size").or_else(|| text("content-length")).and_then(|size| size.parse().ok());
    let commit = text("x-repo-commit").map(ToOwned::to_owned);
    match (etag, commit) {
        (Some(etag), Some(commit)) if plain(&etag) && plain(&commit) => Ok(About { commit, etag, size }),
        _ => {
            let reason =
                format!("{} does not answer like a model hub (no ETag or X-Repo-Commit)", shown(url));
            Err(Trouble::source(Kind::Broken, reason))
        }
    }
}

/// Whether a blob of the cache is there and right; a damaged one is removed, so that it is fetched again.
async fn is_whole(blob: &Path, about: &About) -> Result<bool, Trouble> {
    if !blob.is_file() {
        return Ok(false);
    }
    match checked(blob, about).await {
        Ok(()) => Ok(true),
        Err(Trouble::Source { .. }) => Ok(false),
        Err(here) => Err(here),
    }
}

async fn checked(blob: &Path, about: &About) -> Result<(), Trouble> {
    let (blob, about) = (blob.to_path_buf(), about.clone());
    let checked = tokio::task::spawn_blocking(move || check_blob(&blob, &about)).await;
    checked.map_err(|error| Trouble::source(Kind::Broken, error.to_string()))?
}

/// Size and, where the ETag is a sha256, checksum of a downloaded blob; a wrong one is removed.
fn check_blob(blob: &Path, about: &About) -> Result<(), Trouble> {
    let there = fs::metadata(blob).map_err(|error| ModelError::files(blob, &error))?.len();
    let sum = disk::sha256(blob)?;
    let is_sum = about.etag.len() == 64;
    let reason = match about.size {
        Some(size) if size != there => format!("sent {there} bytes, the hub's X-Linked-Size is {size}"),
        _ if is_sum && sum != about.etag => format!("sha256 is {sum}, the hub's ETag says {}", about.etag),
        _ => return Ok(()),
    };
    drop(fs::remove_file(blob));
    Err(Trouble::source(Kind::Checksum, reason))
}

fn explained(trouble: Trouble, hub: &Hub) -> Trouble {
    match trouble {
        Trouble::Source { kind: Kind::Forbidden, reason } => {
            let token = if hub.token.is_some() { "HF_TOKEN has no access" } else { "HF_TOKEN is not set" };
            Trouble::Source { kind: Kind::Forbidden, reason: format!("{reason} ({token})") }
        }
        other => other,
    }
}

// These become file names in the cache.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
