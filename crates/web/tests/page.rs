//! How the page is served. Holds with and without a built page.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use tower::ServiceExt;

async fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    voce_web::router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_root_is_the_page_or_says_how_to_build_it() {
    let response = get("/", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    let body = text(response).await;
    let expected = if voce_web::is_built() { "data-testid=\"talk\"" } else { "./scripts/page" };
    assert!(body.contains(expected), "{body}");
}

#[tokio::test]
async fn every_file_that_the_page_names_is_served_with_its_type_and_forever() {
    if !voce_web::is_built() {
        eprintln!("SKIPPED: the page is not built (./scripts/page)");
        return;
    }
    let page = text(get("/", &[]).await).await;
    let names: Vec<&str> =
        page.split('"').filter(|part| part.starts_with("assets/") || *part == "icon.svg").collect();
    assert_eq!(names.len(), 3, "a script, a style sheet and an icon: {names:?}");
    for name in names {
        let response = get(&format!("/{name}"), &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
        let expected = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/svg+xml",
        };
        assert!(kind.starts_with(expected), "{name}: {kind}");
        let forever = response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable");
        assert_eq!(forever, name.starts_with("assets/"), "{name}");
    }
}

#[tokio::test]
async fn a_browser_that_has_the_page_is_not_sent_it_again() {
    if !voce_web::is_built() {
        eprintln!("SKIPPED: the page is not built (./scripts/page)");
        return;
    }
    let first = get("/", &[]).await;
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    let second = get("/", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert!(text(second).await.is_empty());
    assert_eq!(get("/", &[(header::IF_NONE_MATCH, "W/\"other\"")]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn files_travel_compressed() {
    let response = get("/", &[(header::ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
}

#[tokio::test]
async fn an_unknown_file_is_not_found() {
    assert_eq!(get("/assets/none.js", &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get("/assets/..%2f..%2fCargo.toml", &[]).await.status(), StatusCode::NOT_FOUND);
}
