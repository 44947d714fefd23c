//! `GET /api/turns/{trace_id}` and what belongs to it.
use std::collections::HashMap;

use axum::{
    Extension, Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::Inspector;
use crate::access::Guest;

/// The routes of the inspector.
pub fn router(inspector: Inspector) -> Router {
    Router::new()
        .route("/api/turns/{trace_id}", get(turn))
        .route("/api/turns/{trace_id}/scores", get(scores))
        .route("/api/turns/{trace_id}/{sound}", get(sound))
        .route_layer(middleware::from_fn_with_state(inspector.clone(), own_turns))
        .with_state(inspector)
}

/// Another caller's turn is none that is kept.
async fn own_turns(
    State(inspector): State<Inspector>,
    guest: Option<Extension<Guest>>,
    Path(named): Path<HashMap<String, String>>,
    request: Request,
    next: Next,
) -> Response {
    let trace_id = named.get("trace_id").map(String::as_str).unwrap_or_default();
    match inspector.is_shown_to(trace_id, guest.as_deref()) {
        true => next.run(request).await,
        false => missing("turn", trace_id),
    }
}

async fn turn(State(inspector): State<Inspector>, Path(trace_id): Path<String>) -> Response {
    inspector.turn(&trace_id).map_or_else(|| missing("turn", &trace_id), |view| Json(view).into_response())
}

async fn scores(State(inspector): State<Inspector>, Path(trace_id): Path<String>) -> Response {
    let found = inspector.turn(&trace_id);
    found.map_or_else(
        || missing("turn", &trace_id),
        |view| Json(json!({"scores": view.scores})).into_response(),
    )
}

async fn sound(
    State(inspector): State<Inspector>,
    Path((trace_id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let side = name.strip_suffix(".wav").unwrap_or_default();
    match inspector.sound(&trace_id, side) {
        Some(wav) => with_range(wav, headers.get(header::RANGE)),
        None => missing("sound", &format!("{trace_id}/{name}")),
    }
}

/// The whole, or the one part that a player asks for.
fn with_range(wav: Vec<u8>, range: Option<&HeaderValue>) -> Response {
    let common = [(header::CONTENT_TYPE, "audio/wav"), (header::ACCEPT_RANGES, "bytes")];
    let Some((first, last)) = range.and_then(|range| asked(range.to_str().ok()?, wav.len())) else {
        return (common, wav).into_response();
    };
    let part = wav[first..=last].to_vec();
    let place = format!("bytes {first}-{last}/{}", wav.len());
    (StatusCode::PARTIAL_CONTENT, common, [(header::CONTENT_RANGE, place)], part).into_response()
}

/// First and last byte of a `Range` header with one range; `None` where the whole is the answer.
fn asked(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}

fn missing(what: &str, which: &str) -> Response {
    let error = format!("no {what} {which}: it is not over yet, or is no longer kept ([inspector] turns)");
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn one_range_is_met_and_nonsense_gets_the_whole() {
        assert_eq!(asked("bytes=0-9", 100), Some((0, 9)));
        assert_eq!(asked("bytes=90-", 100), Some((90, 99)));
        assert_eq!(asked("bytes=-10", 100), Some((90, 99)));
        assert_eq!(asked("bytes=50-500", 100), Some((50, 99)));
        for nonsense in ["", "bytes=", "bytes=9-0", "bytes=100-", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1"] {
            assert_eq!(asked(nonsense, 100), None, "{nonsense}");
        }
        assert_eq!(asked("bytes=0-", 0), None);
    }
}
