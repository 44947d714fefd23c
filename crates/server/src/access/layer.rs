//! The layer in front of all routes: from which page, by whom, how often. Default is closed: what is not listed here as
//! open needs a key or a token, where the server asks for one.
use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ipnet::IpNet;

use super::{
    Access, Rules,
    guest::{Guest, Who},
    origin::Page,
    refusal::Refusal,
};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// The page, and whether the server is alive: for everybody, from everywhere.
    Open,
    /// For everybody, who is told less where they are not known.
    Ajar,
    /// For who has a key or a token.
    Closed,
    /// For who has a key.
    Operators,
}

impl Door {
    fn of(path: &str) -> Self {
        match path {
            "/" | "/icon.svg" | "/third-party.txt" | "/health" | "/ready" => Self::Open,
            path if path.starts_with("/assets/") => Self::Open,
            "/api/status" => Self::Ajar,
            "/metrics" | "/api/calls" | "/api/telemetry" => Self::Operators,
            _ => Self::Closed,
        }
    }
}

/// Lets a request through with its [`Guest`] and [`voce_transport::Visitor`], or refuses it.
pub async fn guard(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let door = Door::of(request.uri().path());
    if door == Door::Open {
        return next.run(request).await;
    }
    let rules = access.rules();
    let page = match rules.sites.page(request.headers(), request.uri()) {
        Ok(page) => page,
        Err(refusal) => return refused(&access, refusal),
    };
    let response = match admitted(&access, &rules, door, &request) {
        Ok(_) if is_preflight(&request) => preflight(request.headers()),
        Ok(guest) => {
            request.extensions_mut().insert(guest.visitor());
            request.extensions_mut().insert(guest);
            let response = next.run(request).await;
            // The doorkeeper's.
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                access.0.refusals.add("limit");
            }
            response
        }
        Err(refusal) => refused(&access, refusal),
    };
    with_origin(response, page)
}

fn refused(access: &Access, refusal: Refusal) -> Response {
    access.0.refusals.add(refusal.code);
    tracing::debug!(code = refusal.code, reason = refusal.error, "refused at the door");
    refusal.into_response()
}

fn admitted(access: &Access, rules: &Rules, door: Door, request: &Request) -> Result<Guest, Refusal> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = peer.map(|peer| address(peer, request.headers(), &rules.config.trusted_proxies));
    let is_required = rules.is_required;
    let known = access.who(rules, request.headers());
    let who = known.clone().unwrap_or(Who::Nobody);
    let guest = Guest { who, address, is_required };
    // Who is refused counts too, by the address: otherwise keys could be tried out at any speed.
    if let Some(account) = guest.account() {
        rules.requests.take(&account).map_err(|seconds| {
            let error = format!("too many requests; try again in {seconds} seconds");
            Refusal::too_many("too_many_requests", error, seconds)
        })?;
    }
    if !is_required || door == Door::Ajar || is_preflight(request) {
        return Ok(guest);
    }
    let who = known?;
    if who == Who::Nobody {
        return Err(Refusal::unknown(
            "sign_in",
            "this server wants to know who asks: send `Authorization: Bearer` with an API key or a session token",
        ));
    }
    if door == Door::Operators && !guest.is_operator() {
        return Err(Refusal::forbidden("key_needed", "this needs an API key; a session token is not enough"));
    }
    Ok(guest)
}

/// Where a request really comes from: the last address in `X-Forwarded-For` that is no trusted proxy's. What stands
/// before that one may have been made up.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut nearest = peer.to_canonical();
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    while is_trusted(nearest) {
        let Some(before) = hops.pop().and_then(parsed) else { break };
        nearest = before;
    }
    nearest
}

/// An address with or without port.
fn parsed(hop: &str) -> Option<IpAddr> {
    let address = hop.trim_matches(['[', ']']).parse().ok();
    address.or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip())).map(|ip: IpAddr| ip.to_canonical())
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a page of another site may send. Its origin is added to every answer.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, range"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Chromium asks before a page of the internet reaches a private network.
    if asked.contains_key("access-control-request-private-network") {
        let name = HeaderName::from_static("access-control-allow-private-network");
        headers.insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn with_origin(mut response: Response, page: Page) -> Response {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Page::Allowed(origin) = page {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let shown = HeaderValue::from_static("retry-after, content-range");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_open_is_closed() {
        for (path, door) in [
            ("/", Door::Open),
            ("/assets/main-1.js", Door::Open),
            ("/ready", Door::Open),
            ("/api/status", Door::Ajar),
            ("/api/offer", Door::Closed),
            ("/api/turns/x/feedback", Door::Closed),
            ("/sessions/x/api/offer", Door::Closed),
            ("/start", Door::Closed),
            ("/metrics", Door::Operators),
            ("/metrics/", Door::Closed),
            ("/something-new", Door::Closed),
            ("/api/status/", Door::Closed),
            ("//assets/", Door::Closed),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let of = |peer: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(value));
            }
            address(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(of("203.0.113.7", &["198.51.100.1"]), "203.0.113.7", "a stranger");
        assert_eq!(of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["6.6.6.6, 198.51.100.1", "10.0.0.2"]), "198.51.100.1", "made up before");
        assert_eq!(of("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(of("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(of("::ffff:10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
    }
}
