//! Session tokens: what a browser or an app gets in place of a key, for a few minutes. JWT, signed with HS256.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};

use super::keys;

/// A shorter secret could be guessed, bytes.
const SHORTEST_SECRET: usize = 32;
/// The longest token that is looked at, bytes.
const LONGEST: usize = 4_096;
/// The longest name of a caller, characters; as the transport takes it.
const LONGEST_USER: usize = 128;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who calls, as the key's holder says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The name of the key it was made with. None: of a server that asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The same in all renewals of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When it was made, seconds since 1970.
    #[serde(default)]
    pub iat: u64,
    /// When it ends, seconds since 1970.
    pub exp: u64,
    /// Its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none.
    #[error("this is neither an API key nor a session token of this server: {0}")]
    Malformed(String),
    /// Somebody else signed it, or it was changed.
    #[error(
        "the session token's signature is wrong: another server signed it, or this one was started again without \
         VOCE_TOKEN_SECRET; sign in again"
    )]
    Signature,
    /// It is too old.
    #[error("the session token expired at {0}; sign in again")]
    Expired(String),
}

impl TokenError {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "unknown_credential",
            Self::Signature => "wrong_signature",
            Self::Expired(_) => "expired_token",
        }
    }
}

/// Makes and reads tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// Whether other servers, and this one after a start, know them too.
    pub is_shared: bool,
}

impl Tokens {
    /// Signed with this secret, else with one that ends with the process.
    ///
    /// # Errors
    /// If the secret is too short to be one.
    pub fn new(secret: Option<&str>) -> Result<Self> {
        let own = keys::random_hex(SHORTEST_SECRET)?;
        let secret_bytes = secret.unwrap_or(&own).as_bytes();
        if secret_bytes.len() < SHORTEST_SECRET {
            bail!(
                "VOCE_TOKEN_SECRET has {} bytes; expected at least {SHORTEST_SECRET}, e.g. of `openssl rand -hex 32`",
                secret_bytes.len()
            );
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // Looked at here, so that the words say when.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(Self {
            encoding: EncodingKey::from_secret(secret_bytes),
            decoding: DecodingKey::from_secret(secret_bytes),
            validation,
            is_shared: secret.is_some(),
        })
    }

    /// A token that holds for this long, with its claims.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn make(
        &self,
        key: Option<&str>,
        user: Option<&str>,
        sid: Option<&str>,
        lasts: Duration,
        now: SystemTime,
    ) -> Result<(String, Claims)> {
        let iat = unix(now);
        let claims = Claims {
            sub: user.map(str::to_owned),
            key: key.map(str::to_owned),
            sid: Some(sid.map_or_else(|| keys::random_hex(16), |sid| Ok(sid.to_owned()))?),
            iat,
            exp: iat.saturating_add(lasts.as_secs()),
            jti: Some(keys::random_hex(16)?),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?;
        Ok((token, claims))
    }

    /// What the token says, if it is one of ours and still good.
    pub fn read(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed(format!("it is longer than {LONGEST} bytes")));
        }
        if token.split('.').count() != 3 {
            return Err(TokenError::Malformed("no key is known by it, and a token has three parts".into()));
        }
        let read = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let claims = read.map(|read| read.claims).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
                TokenError::Malformed("its header does not say HS256".into())
            }
            // The reason may quote the token.
            ErrorKind::Json(_) => TokenError::Malformed("its claims are not those of a session token".into()),
            _ => TokenError::Malformed("its three parts cannot be read".into()),
        })?;
        if claims.exp <= unix(now) {
            let expired = UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp));
            return Err(TokenError::Expired(expired.map_or_else(String::new, voce_transport::utc)));
        }
        user(claims.sub.as_deref()).map_err(TokenError::Malformed)?;
        if let Some(name) = &claims.key {
            keys::check_name(name).map_err(|error| TokenError::Malformed(error.to_string()))?;
        }
        Ok(claims)
    }
}

/// A caller's name without blanks around it; none if nothing is left.
pub fn user(said: Option<&str>) -> Result<Option<String>, String> {
    let Some(user) = said.map(str::trim).filter(|user| !user.is_empty()) else { return Ok(None) };
    if user.chars().count() > LONGEST_USER || user.chars().any(char::is_control) {
        return Err(format!("user: expected at most {LONGEST_USER} characters and no control characters"));
    }
    Ok(Some(user.to_owned()))
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const LASTS: Duration = Duration::from_secs(600);

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(Some(secret)).unwrap()
    }

    #[test]
    fn a_token_says_who_made_it_for_whom_and_until_when() {
        let (token, made) = tokens(SECRET).make(Some("shop"), Some("ann"), None, LASTS, now()).unwrap();
        let read = tokens(SECRET).read(&token, now() + Duration::from_secs(599)).unwrap();
        assert_eq!(read, made);
        assert_eq!((read.sub.as_deref(), read.key.as_deref()), (Some("ann"), Some("shop")));
        assert_eq!(read.exp - read.iat, 600);
        let (_, renewed) =
            tokens(SECRET).make(Some("shop"), None, made.sid.as_deref(), LASTS, now()).unwrap();
        assert_eq!(renewed.sid, made.sid);
        assert_ne!(renewed.jti, made.jti);
    }

    #[test]
    fn each_bad_token_has_its_own_words() {
        let tokens = tokens(SECRET);
        let (token, _) = tokens.make(Some("shop"), None, None, LASTS, now()).unwrap();
        let words = |token: &str, at| tokens.read(token, at).unwrap_err();
        let expired = words(&token, now() + LASTS);
        assert_eq!(expired.code(), "expired_token");
        assert!(expired.to_string().contains("expired at 2027-01-15T08:10:00"), "{expired}");
        let other = Tokens::new(None).unwrap();
        let (foreign, _) = other.make(Some("shop"), None, None, LASTS, now()).unwrap();
        assert_eq!(words(&foreign, now()), TokenError::Signature);
        let (head, rest) = token.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        assert_eq!(words(&format!("{head}.{claims}x.{signature}"), now()), TokenError::Signature);
        for malformed in ["", "voce_1", "a.b.c", "..", &"x".repeat(5_000), &format!("{head}.{claims}")] {
            assert_eq!(words(malformed, now()).code(), "unknown_credential", "{malformed}");
        }
    }

    #[test]
    fn a_token_without_signature_or_of_another_algorithm_does_not_count() {
        let tokens = tokens(SECRET);
        // {"alg":"none","typ":"JWT"} and {"exp":9999999999}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJleHAiOjk5OTk5OTk5OTl9.";
        assert_eq!(tokens.read(none, now()).unwrap_err().code(), "unknown_credential");
        let claims = Claims { sub: None, key: None, sid: None, iat: 0, exp: u64::MAX, jti: None };
        let header = Header::new(Algorithm::HS512);
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        assert!(tokens.read(&token, now()).unwrap_err().to_string().contains("HS256"));
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert_eq!(tokens.read(&token, now()).unwrap(), claims);
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let error = Tokens::new(Some("hunter2")).err().unwrap().to_string();
        assert!(error.contains("VOCE_TOKEN_SECRET has 7 bytes") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_callers_name_is_bounded_and_printable() {
        assert_eq!(user(Some(" ann ")), Ok(Some("ann".to_owned())));
        assert_eq!((user(Some(" ")), user(None)), (Ok(None), Ok(None)));
        assert!(user(Some(&"u".repeat(129))).is_err() && user(Some("a\u{0}")).is_err());
    }
}
