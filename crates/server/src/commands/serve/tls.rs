//! HTTPS: the certificate and its key, read from files, and again when they change.
mod certificate;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use axum_server::tls_rustls::RustlsConfig;
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};

use crate::config::TlsConfig;

/// A certificate that ends sooner is spoken of.
const SOON_DAYS: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// What both files say.
pub struct Files {
    rustls: ServerConfig,
    /// When the certificate ends, seconds since 1970; none where that cannot be read.
    pub ends: Option<i64>,
    digest: Vec<u8>,
}

/// The TLS of a running server, exchanged while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    pub rustls: RustlsConfig,
    /// The content that was looked at last, whether or not it could be used.
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Tls {
    /// As configured; none without files.
    ///
    /// # Errors
    /// Names the file, what is wrong with it and what to do.
    pub fn load(config: &TlsConfig) -> Result<Option<Self>> {
        let Some(files) = read(config)? else { return Ok(None) };
        tell_end(&files);
        let rustls = RustlsConfig::from_config(Arc::new(files.rustls));
        Ok(Some(Self { rustls, seen: Arc::new(Mutex::new(files.digest)) }))
    }

    /// Takes what the files say now, if it is something else. Connections that stand keep theirs. What cannot be used
    /// changes nothing, and is said once.
    pub fn refresh(&self, config: &TlsConfig) -> Result<()> {
        let digest = digest_of(config);
        if *self.seen.lock() == digest {
            return Ok(());
        }
        *self.seen.lock() = digest;
        let files = read(config)?.context("[server.tls] is empty; HTTPS ends with a restart only")?;
        tell_end(&files);
        self.rustls.reload_from_config(Arc::new(files.rustls));
        tracing::info!("the TLS certificate was read again; new connections get it");
        Ok(())
    }
}

/// Reads both files. None where none is configured.
pub fn read(config: &TlsConfig) -> Result<Option<Files>> {
    let (certificate, key) = match (&config.certificate, &config.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => bail!("server.tls.certificate is set and server.tls.key is not; HTTPS needs both"),
        (None, Some(_)) => bail!("server.tls.key is set and server.tls.certificate is not; HTTPS needs both"),
    };
    let certificate_pem = content("server.tls.certificate", certificate)?;
    let key_pem = content("server.tls.key", key)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate_pem)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is no PEM", certificate.display()))?;
    let Some(first) = chain.first() else {
        bail!(
            "{} holds no certificate; expected PEM with -----BEGIN CERTIFICATE-----, the server's own first",
            certificate.display()
        );
    };
    let ends = certificate::end(first);
    let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| {
        anyhow::anyhow!(
            "{} holds no private key that can be read; expected PEM with -----BEGIN PRIVATE KEY-----, without a \
             password",
            key.display()
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut rustls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => anyhow::anyhow!(
                "the key in {} is not that of the first certificate in {}; the server's own certificate has to stand \
                 before those of its issuers",
                key.display(),
                certificate.display()
            ),
            other => anyhow::anyhow!(
                "{} and {} cannot be used: {other}",
                certificate.display(),
                key.display()
            ),
        })?;
    rustls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let digest = digest(&certificate_pem, &key_pem);
    Ok(Some(Files { rustls, ends, digest }))
}

impl Files {
    /// When the certificate ends, for people, and whether that is long enough to say nothing.
    pub fn validity(&self) -> (bool, String) {
        let Some(ends) = self.ends else { return (true, "valid for an unknown time".to_owned()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let date = certificate::date(ends);
        match (ends - now).div_euclid(DAY) {
            days if days < 0 => (false, format!("EXPIRED on {date}: browsers refuse it")),
            days if days < SOON_DAYS => (false, format!("valid until {date}, {days} days from now")),
            _ => (true, format!("valid until {date}")),
        }
    }
}

fn tell_end(files: &Files) {
    let (is_good, told) = files.validity();
    match is_good {
        true => tracing::info!("the TLS certificate is {told}"),
        false => tracing::warn!(
            "the TLS certificate is {told}; put a new one in its place, it is taken without a restart"
        ),
    }
}

fn content(key: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{key}: {} cannot be read", path.display()))
}

/// Of what stands in the files; of files that are not there too.
fn digest_of(config: &TlsConfig) -> Vec<u8> {
    let content = |path: &Option<std::path::PathBuf>| path.as_ref().and_then(|path| fs::read(path).ok());
    digest(&content(&config.certificate).unwrap_or_default(), &content(&config.key).unwrap_or_default())
}

fn digest(certificate: &[u8], key: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update((certificate.len() as u64).to_le_bytes());
    digest.update(certificate);
    digest.update(key);
    digest.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A certificate for localhost and 127.0.0.1 that is its own issuer, and its key; `testkit/tls/make`.
    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/tls").join(name)
    }

    fn config(certificate: &str, key: &str) -> TlsConfig {
        TlsConfig { certificate: Some(file(certificate)), key: Some(file(key)) }
    }

    fn refused(config: &TlsConfig) -> String {
        format!("{:#}", read(config).err().expect("it should be refused"))
    }

    #[test]
    fn a_certificate_with_its_key_is_taken_and_its_end_is_known() {
        let files = read(&config("localhost.crt", "localhost.key")).expect("good files").expect("files");
        let (is_good, told) = files.validity();
        assert!(is_good && told.contains("valid until 21"), "{told}");
        assert!(read(&TlsConfig::default()).expect("nothing is wrong").is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file() {
        let half = TlsConfig { key: None, ..config("localhost.crt", "localhost.key") };
        assert!(refused(&half).contains("server.tls.key is not"));
        for (certificate, key, expected) in [
            ("nowhere.crt", "localhost.key", "nowhere.crt cannot be read"),
            ("localhost.crt", "nowhere.key", "server.tls.key"),
            ("localhost.key", "localhost.key", "holds no certificate"),
            ("localhost.crt", "localhost.crt", "holds no private key"),
            ("localhost.crt", "other.key", "is not that of the first certificate"),
        ] {
            let told = refused(&config(certificate, key));
            assert!(told.contains(expected), "{certificate}, {key}: {told}");
        }
    }

    #[test]
    fn an_expired_certificate_is_a_warning() {
        let files = read(&config("expired.crt", "other.key")).expect("it can be read").expect("files");
        let (is_good, told) = files.validity();
        assert!(!is_good && told.contains("EXPIRED on 2021-01-01"), "{told}");
    }

    #[test]
    fn files_that_change_are_taken_once_and_broken_ones_change_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = TlsConfig {
            certificate: Some(folder.path().join("tls.crt")),
            key: Some(folder.path().join("tls.key")),
        };
        let put = |certificate: &str, key: &str| {
            fs::copy(file(certificate), folder.path().join("tls.crt")).expect("a copy");
            fs::copy(file(key), folder.path().join("tls.key")).expect("a copy");
        };
        put("localhost.crt", "localhost.key");
        let tls = Tls::load(&own).expect("good files").expect("files");
        let first = Arc::as_ptr(&tls.rustls.get_inner());
        tls.refresh(&own).expect("nothing to do");
        assert_eq!(Arc::as_ptr(&tls.rustls.get_inner()), first);
        put("localhost.crt", "other.key");
        assert!(tls.refresh(&own).is_err());
        tls.refresh(&own).expect("it was said already");
        assert_eq!(Arc::as_ptr(&tls.rustls.get_inner()), first);
        put("expired.crt", "other.key");
        tls.refresh(&own).expect("a pair again");
        assert_ne!(Arc::as_ptr(&tls.rustls.get_inner()), first);
    }
}
