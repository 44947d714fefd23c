//! Pages of the web. An address may come from anywhere, so it must not lead into the operator's own network: the name is
//! resolved here, every address it has is checked, and the connection goes to what was checked.
mod addresses;

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header, redirect::Policy};

use crate::{
    documents::{Format, Raw},
    files::too_large,
};

/// Times that a page may send us on.
const REDIRECTS: usize = 5;
/// The longest that connecting, and all of a page, may take.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// What may be fetched.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a page.
    pub most: u64,
    /// Whether pages of this machine and its networks may be read.
    pub allow_private: bool,
}

/// Reads the page at `url`. The error says why it cannot be used.
pub async fn fetch(url: &Url, limits: Limits) -> Result<Raw, String> {
    match tokio::time::timeout(WHOLE, follow(url, limits)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("its server did not send all of it in {} s", WHOLE.as_secs())),
    }
}

async fn follow(url: &Url, limits: Limits) -> Result<Raw, String> {
    let mut url = url.clone();
    for _ in 0..=REDIRECTS {
        let response = get(&url, limits).await?;
        match target(&url, &response)? {
            Some(next) => url = next,
            None => return body(&url, response, limits.most).await,
        }
    }
    Err(format!("its server sends us on more than {REDIRECTS} times"))
}

async fn get(url: &Url, limits: Limits) -> Result<Response, String> {
    let host = url.host_str().ok_or("it names no server")?;
    let addresses = resolve(url, host, limits).await?;
    // A proxy would resolve the name again, and differently.
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .resolve_to_addrs(host, &addresses)
        .user_agent(concat!("voce/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("it cannot be fetched: {error}"))?;
    client.get(url.clone()).send().await.map_err(|error| unreachable_because(&error))
}

/// Where the name leads, all of it allowed.
async fn resolve(url: &Url, host: &str, limits: Limits) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().ok_or("it names no port")?;
    // Addresses of version 6 stand in brackets in a URL.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("its server {name} is not known: {error}"))?.collect();
    if found.is_empty() {
        return Err(format!("its server {name} has no address"));
    }
    let private = found.iter().find(|address| !addresses::is_public(address.ip()));
    match private {
        Some(address) if !limits.allow_private => Err(format!(
            "it leads to {}, an address of this machine or of a private network; with --allow-private it is read",
            address.ip()
        )),
        _ => Ok(found),
    }
}

/// Where a response sends us on to.
fn target(url: &Url, response: &Response) -> Result<Option<Url>, String> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION).filter(|_| is_redirect);
    let Some(location) = location else { return Ok(None) };
    let next = location.to_str().ok().and_then(|location| url.join(location).ok());
    let next = next.ok_or("its server sends us on to what is no address")?;
    match next.scheme() {
        // What was asked for in secret is not asked for in the open.
        "http" if url.scheme() == "https" => Err("its server sends us on from https to http".into()),
        "http" | "https" => Ok(Some(next)),
        other => Err(format!("its server sends us on to an address of {other}")),
    }
}

async fn body(url: &Url, mut response: Response, most: u64) -> Result<Raw, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("its server answers {}", response.status()));
    }
    let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let said = said.unwrap_or_default().to_owned();
    let path = std::path::Path::new(url.path());
    // A server that says "text/plain" or "application/octet-stream" often just does not know.
    let by_type = Format::of_type(&said).filter(|format| *format != Format::Text);
    let format = by_type.or_else(|| Format::of_name(path)).or_else(|| Format::of_type(&said));
    if format.is_none() && !said.is_empty() {
        return Err(format!("it is {said}, not HTML, Markdown, text, PDF, DOCX or CSV"));
    }
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable_because(&error))? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace(['_', '-'], " ");
    Ok(Raw { bytes, format, charset: charset(&said), stem })
}

fn charset(media_type: &str) -> Option<String> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, charset) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(charset.trim().trim_matches('"').to_owned())
}

/// The innermost reason: the outer ones only say that there is one.
fn unreachable_because(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    format!("its server cannot be reached: {reason}")
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::JoinSet,
    };

    use super::*;

    const OPEN: Limits = Limits { most: 1_000, allow_private: true };

    /// A server that answers each request with what `answer` says of its path.
    async fn serve(tasks: &mut JoinSet<()>, answer: fn(&str) -> String) -> Url {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                stream.write_all(answer(path).as_bytes()).await.unwrap();
            }
        });
        Url::parse(&url).unwrap()
    }

    fn answer(path: &str) -> String {
        let page = |head: &str, body: &str| {
            format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n\r\n{body}",
                body.len()
            )
        };
        let moved = |to: &str| {
            format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        };
        match path {
            "/page" => page("content-type: text/html; charset=\"UTF-8\"", "<p>Hello"),
            "/notes.md" => page("content-type: text/plain", "# Notes"),
            "/image" => page("content-type: image/png", "x"),
            "/large" => page("content-type: text/plain", &"x".repeat(1_001)),
            "/endless" => format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n{}",
                "x".repeat(5_000)
            ),
            "/moved" => moved("/page"),
            "/circle" => moved("/circle"),
            "/file" => moved("file:///etc/passwd"),
            _ => "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(),
        }
    }

    #[tokio::test]
    async fn pages_are_read_and_known_by_type_and_name() {
        let mut tasks = JoinSet::new();
        let server = serve(&mut tasks, answer).await;
        for path in ["/page", "/moved"] {
            let raw = fetch(&server.join(path).unwrap(), OPEN).await.unwrap();
            assert_eq!((raw.bytes.as_slice(), raw.format), (&b"<p>Hello"[..], Some(Format::Html)));
            assert_eq!(raw.charset.as_deref(), Some("UTF-8"));
        }
        let raw = fetch(&server.join("/notes.md").unwrap(), OPEN).await.unwrap();
        assert_eq!(raw.format, Some(Format::Markdown));
    }

    #[tokio::test]
    async fn what_cannot_be_used_says_why() {
        let mut tasks = JoinSet::new();
        let server = serve(&mut tasks, answer).await;
        for (path, part) in [
            ("/missing", "answers 404"),
            ("/image", "image/png, not HTML"),
            ("/large", "larger than 1000 bytes"),
            ("/endless", "larger than 1000 bytes"),
            ("/circle", "more than 5 times"),
            ("/file", "address of file"),
        ] {
            let error = fetch(&server.join(path).unwrap(), OPEN).await.unwrap_err();
            assert!(error.contains(part), "{path}: {error}");
        }
    }

    #[tokio::test]
    async fn nothing_is_read_from_private_networks_unless_it_is_allowed() {
        let mut tasks = JoinSet::new();
        let server = serve(&mut tasks, answer).await;
        let port = server.port().unwrap();
        let closed = Limits { allow_private: false, ..OPEN };
        for host in
            ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"]
        {
            let url = Url::parse(&format!("http://{host}:{port}/page")).unwrap();
            let error = fetch(&url, closed).await.unwrap_err();
            assert!(error.contains("--allow-private"), "{host}: {error}");
        }
        let url = Url::parse("http://169.254.169.254/latest/meta-data/").unwrap();
        assert!(fetch(&url, closed).await.unwrap_err().contains("private"));
    }
}
