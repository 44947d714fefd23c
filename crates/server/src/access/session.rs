//! `POST /api/session`: a token for a key, or for a token that is still good.
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use voce_transport::{IceServer, Visitor};

use super::{
    Access,
    guest::{Guest, Who},
    refusal::Refusal,
    token,
};

/// The longest body that is read, bytes.
const LONGEST_BODY: usize = 4 * 1024;

/// STUN and TURN servers for a visitor.
pub type IceServers = Arc<dyn Fn(&Visitor) -> Vec<IceServer> + Send + Sync>;

#[derive(Clone)]
struct Desk {
    access: Access,
    ice_servers: IceServers,
}

/// The route. It belongs behind the layer.
pub fn router(access: Access, ice_servers: IceServers) -> Router {
    Router::new()
        .route("/api/session", post(session))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(Desk { access, ice_servers })
}

#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    user: Option<String>,
}

#[derive(Serialize)]
struct Session {
    token: String,
    expires_in_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    ice_servers: Vec<IceServer>,
}

async fn session(
    State(desk): State<Desk>,
    Extension(guest): Extension<Guest>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let bad = |error: String| Refusal::new(StatusCode::BAD_REQUEST, "bad_request", error);
    let wanted: Wanted = match body.is_empty() {
        true => Wanted::default(),
        false => serde_json::from_slice(&body)
            .map_err(|error| bad(format!("expected no body or {{\"user\": ...}}: {error}")))?,
    };
    let user = user(&guest.who, token::user(wanted.user.as_deref()).map_err(bad)?)?;
    let (key, sid) = match &guest.who {
        Who::Nobody => (None, None),
        Who::Key(name) => (Some(name.as_str()), None),
        Who::Token(claims) => (claims.key.as_deref(), claims.sid.as_deref()),
    };
    let lasts = Duration::from_secs(desk.access.rules().config.token_seconds);
    let made = desk.access.tokens().make(key, user.as_deref(), sid, lasts, SystemTime::now());
    let (token, claims) = made.map_err(|error| {
        tracing::error!(%error, "a session token could not be made");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no_token", "the server could not make a token")
    })?;
    let guest = Guest { who: Who::Token(claims), ..guest };
    let ice_servers = (desk.ice_servers)(&guest.visitor());
    let session = Session { token, expires_in_seconds: lasts.as_secs(), user, ice_servers };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(session)).into_response())
}

/// For whom the token is: a key may name anybody, a token its own user alone.
fn user(who: &Who, wanted: Option<String>) -> Result<Option<String>, Refusal> {
    let Who::Token(claims) = who else { return Ok(wanted) };
    match (&claims.sub, wanted) {
        (sub, None) => Ok(sub.clone()),
        (Some(sub), Some(wanted)) if *sub == wanted => Ok(Some(wanted)),
        (_, Some(_)) => {
            let error = "a session token stays its user's; a token for another user needs an API key";
            Err(Refusal::forbidden("other_user", error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::token::Claims;

    #[test]
    fn a_key_may_name_anybody_and_a_token_its_own_user_alone() {
        let key = Who::Key("shop".into());
        let of = |sub: Option<&str>| {
            Who::Token(Claims {
                sub: sub.map(str::to_owned),
                key: None,
                sid: None,
                iat: 0,
                exp: 1,
                jti: None,
            })
        };
        let named = |who: &Who, wanted: Option<&str>| {
            user(who, wanted.map(str::to_owned)).map_err(|refusal| refusal.code)
        };
        let ann = Some("ann".to_owned());
        assert_eq!(named(&key, Some("ann")), Ok(ann.clone()));
        assert_eq!(named(&key, None), Ok(None));
        assert_eq!(named(&of(Some("ann")), None), Ok(ann.clone()));
        assert_eq!(named(&of(Some("ann")), Some("ann")), Ok(ann));
        assert_eq!(named(&of(Some("ann")), Some("bob")), Err("other_user"));
        assert_eq!(named(&of(None), Some("bob")), Err("other_user"));
    }
}
