//! `voce health`: asks a running server whether it is ready. What containers check themselves with.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result};

use super::serve::Report;
use crate::{cli::HealthArgs, config::Config};

/// A server that says nothing for so long is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends with 0 if it is.
pub async fn run(config: &Config, args: HealthArgs) -> Result<ExitCode> {
    let url = match args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => address(config)?,
    };
    let path = if args.alive { "health" } else { "ready" };
    let url = format!("{url}/{path}");
    let answer = client(&url)?.get(&url).send().await.with_context(|| {
        format!("no voce answers at {url}; start it with `voce serve`, or name it with --url")
    })?;
    let status = answer.status();
    if args.alive {
        println!("{url}: {status}");
        return Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let report: Report =
        answer.json().await.with_context(|| format!("{url} answers {status}, but not as voce does"))?;
    for check in &report.checks {
        println!("{:<8} {:<16} {}", if check.ok { "ok" } else { "PROBLEM" }, check.name, check.detail);
    }
    Ok(if report.ready && status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where this machine's own server would be: its operations, else its page.
fn address(config: &Config) -> Result<String> {
    let server = &config.server;
    let (key, listen, has_tls) = match &server.operations_listen {
        Some(listen) => ("server.operations_listen", listen, false),
        None => ("server.listen", &server.listen, server.tls.certificate.is_some()),
    };
    let address: SocketAddr = listen
        .parse()
        .with_context(|| format!("{key} = {listen:?} is not an address; expected e.g. 127.0.0.1:8080"))?;
    let scheme = if has_tls { "https" } else { "http" };
    Ok(format!("{scheme}://{}", reachable(address)))
}

/// A server that listens on all addresses listens on loopback too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// On this machine a certificate is not looked at: its name is that of the outside.
fn client(url: &str) -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
    Ok(client.tls_danger_accept_invalid_certs(is_here(url)).build()?)
}

fn is_here(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_address_is_found() {
        let mut config = Config::default();
        config.server.listen = "0.0.0.0:8443".into();
        assert_eq!(address(&config).expect("an address"), "http://127.0.0.1:8443");
        config.server.tls.certificate = Some("tls.crt".into());
        assert_eq!(address(&config).expect("an address"), "https://127.0.0.1:8443");
        config.server.operations_listen = Some("[::]:9090".into());
        assert_eq!(address(&config).expect("an address"), "http://[::1]:9090");
        config.server.operations_listen = Some("here".into());
        assert!(address(&config).is_err());
    }

    #[test]
    fn only_on_this_machine_any_certificate_will_do() {
        for here in ["https://127.0.0.1:8443/ready", "https://[::1]/ready", "https://localhost/ready"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["https://127.example.org/ready", "https://localhost.example.org/ready", "nonsense"]
        {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
