//! The browser page, embedded. Its source is TypeScript in `page/`; `scripts/page` builds it into `dist/`.
mod unbuilt;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::RustEmbed;
use tower_http::compression::CompressionLayer;

// The page may load, run and ask nothing but this server; `data:` is for the icons inside the style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "dist"]
struct Dist;

/// Whether the page was built before this binary was.
pub fn is_built() -> bool {
    Dist::get("index.html").is_some()
}

/// The page at `/` and its files. Without a built page, `/` says how to build it.
pub fn router() -> Router {
    Router::new()
        .route("/", get(index))
        .route("/icon.svg", get(|headers| async move { file("icon.svg", &headers) }))
        .route("/third-party.txt", get(|headers| async move { file("third-party.txt", &headers) }))
        .route("/assets/{*name}", get(asset))
        .layer(CompressionLayer::new())
}

async fn index(headers: HeaderMap) -> Response {
    if is_built() {
        return file("index.html", &headers);
    }
    let mut response = axum::response::Html(unbuilt::PAGE).into_response();
    secure(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{name}"), &headers)
}

fn file(path: &str, request: &HeaderMap) -> Response {
    let Some(file) = Dist::get(path) else {
        return (StatusCode::NOT_FOUND, "no such file on this page\n").into_response();
    };
    let tag = entity_tag(&file.metadata.sha256_hash());
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = match known {
        Some(known) if known.split(',').any(|each| each.trim() == tag) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        _ => {
            let kind = HeaderValue::from_static(content_type(path));
            ([(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
        }
    };
    let headers = response.headers_mut();
    secure(headers);
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("a hexadecimal tag is a header value"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime(path)));
    response
}

// Weak, since compression changes the bytes on the way.
fn entity_tag(hash: &[u8]) -> String {
    let digits: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digits}\"")
}

// Names under assets/ hold a hash of their content; the page that names them is always asked for again.
fn lifetime(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
