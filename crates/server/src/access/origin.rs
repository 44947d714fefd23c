//! From which pages requests may come: a browser says so in `Origin`, and in `Host` what it took this server for.
use anyhow::{Result, bail};
use axum::http::{HeaderMap, HeaderValue, Uri, header};

use super::refusal::Refusal;

/// The sites whose pages may ask.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// Whether the server can be reached from this machine alone. Then a foreign page could still reach it, by a name of its
    /// own that leads here.
    is_loopback: bool,
    takes_all: bool,
    /// As browsers write them: `https://www.example.org`, without default port.
    origins: Vec<String>,
}

/// Which page asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Ours, or no page at all.
    Own,
    /// One of another site that may; it is told so under its own name.
    Allowed(HeaderValue),
}

impl Sites {
    /// Reads `access.origins`.
    ///
    /// # Errors
    /// Names the entry that is no origin.
    pub fn new(origins: &[String], is_loopback: bool) -> Result<Self> {
        let mut sites = Self { is_loopback, ..Self::default() };
        for origin in origins {
            if origin == "*" {
                sites.takes_all = true;
                continue;
            }
            let plain = origin.trim_end_matches('/').to_ascii_lowercase();
            let Some(host) = host_of(&plain).filter(|host| !host.is_empty() && !host.contains('/')) else {
                bail!(
                    "access.origins: {origin:?} is no origin; expected e.g. \"https://www.example.org\", with a port \
                     where it has one and without a path, or \"*\""
                );
            };
            let is_default = (plain.starts_with("https:") && host.ends_with(":443"))
                || (plain.starts_with("http:") && host.ends_with(":80"));
            let cut = plain.rfind(':').filter(|_| is_default).unwrap_or(plain.len());
            sites.origins.push(plain[..cut].to_owned());
        }
        Ok(sites)
    }

    /// Which page asks, or why it may not.
    pub fn page(&self, headers: &HeaderMap, uri: &Uri) -> Result<Page, Refusal> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // HTTP/2 has it beside the path.
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let host = host.map(str::to_ascii_lowercase);
        if let Some(host) = host.as_deref().filter(|host| self.is_loopback && !self.is_ours(host)) {
            return Err(Refusal::forbidden(
                "foreign_host",
                format!(
                    "this server listens on this machine alone and answers to localhost, not to {:?}; behind a proxy \
                     put the proxy's address into access.origins",
                    short(host)
                ),
            ));
        }
        let Some(said) = headers.get(header::ORIGIN) else { return Ok(Page::Own) };
        let origin = said.to_str().unwrap_or_default().to_ascii_lowercase();
        if host.is_some() && host_of(&origin) == host.as_deref() {
            return Ok(Page::Own);
        }
        if self.takes_all || self.origins.contains(&origin) {
            return Ok(Page::Allowed(said.clone()));
        }
        Err(Refusal::forbidden(
            "foreign_origin",
            format!(
                "pages of {:?} may not use this server; whoever runs it can allow them with access.origins",
                short(&origin)
            ),
        ))
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        let is_local = name == "localhost"
            || name.ends_with(".localhost")
            || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let is_listed = || {
            let mut hosts = self.origins.iter().filter_map(|origin| host_of(origin));
            hosts.any(|known| known == host || without_port(known) == name)
        };
        is_local || self.takes_all || is_listed()
    }
}

/// Host and port of an origin.
fn host_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What a stranger wrote, not longer than a line.
fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sites: &Sites, host: &str, origin: Option<&str>) -> Result<Page, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        sites.page(&headers, &Uri::from_static("/api/offer")).map_err(|refusal| refusal.code)
    }

    fn sites(origins: &[&str], is_loopback: bool) -> Sites {
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        Sites::new(&origins, is_loopback).unwrap()
    }

    #[test]
    fn the_own_page_and_programs_may_and_foreign_pages_may_not() {
        let own = sites(&[], false);
        assert_eq!(asked(&own, "voce.example.org", None), Ok(Page::Own));
        assert_eq!(asked(&own, "voce.example.org", Some("https://voce.example.org")), Ok(Page::Own));
        assert_eq!(
            asked(&own, "Voce.example.org:8443", Some("https://voce.example.org:8443")),
            Ok(Page::Own)
        );
        for foreign in ["https://evil.example", "https://voce.example.org:8443", "null", "", "file://"] {
            assert_eq!(asked(&own, "voce.example.org", Some(foreign)), Err("foreign_origin"), "{foreign}");
        }
    }

    #[test]
    fn listed_sites_may_with_their_exact_origin() {
        let listed = sites(&["https://Shop.example:443/", "http://localhost:3000"], false);
        let allowed = |origin: &'static str| Ok(Page::Allowed(HeaderValue::from_static(origin)));
        assert_eq!(asked(&listed, "voce", Some("https://shop.example")), allowed("https://shop.example"));
        assert_eq!(asked(&listed, "voce", Some("http://localhost:3000")), allowed("http://localhost:3000"));
        for foreign in ["http://shop.example", "https://shop.example.evil", "http://localhost:3001"] {
            assert_eq!(asked(&listed, "voce", Some(foreign)), Err("foreign_origin"), "{foreign}");
        }
        assert_eq!(asked(&sites(&["*"], true), "voce", Some("null")), allowed("null"));
    }

    #[test]
    fn a_server_of_one_machine_answers_to_its_own_names_alone() {
        let local = sites(&[], true);
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "voce.localhost"] {
            assert_eq!(asked(&local, host, None), Ok(Page::Own), "{host}");
        }
        // A name that was made to lead here: host and origin are the same.
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1:8080"] {
            let origin = format!("http://{host}");
            assert_eq!(asked(&local, host, Some(&origin)), Err("foreign_host"), "{host}");
        }
        let behind = sites(&["https://voce.example.org"], true);
        assert_eq!(
            asked(&behind, "voce.example.org", Some("https://voce.example.org")),
            Ok(Page::Own),
            "behind a proxy"
        );
        assert_eq!(asked(&sites(&[], false), "evil.example", None), Ok(Page::Own));
    }

    #[test]
    fn what_is_no_origin_is_named() {
        for wrong in ["www.example.org", "https://", "https://example.org/page", "ftp://example.org"] {
            let error = Sites::new(&[wrong.to_owned()], false).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("https://www.example.org"), "{error}");
        }
    }
}
