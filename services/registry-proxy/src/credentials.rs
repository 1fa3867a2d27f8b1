//! Pull credentials: each app's own, made of one key, so that nothing is stored and nobody is asked.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::AppName;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

use crate::error::StartError;

/// The key that pull credentials are made of. Workflow makes them, with the same key.
#[derive(Debug)]
pub struct PullKey(SecretSlice<u8>);

impl PullKey {
    /// Reads the key's file: its bytes are the key.
    ///
    /// # Errors
    /// It cannot be read, or is empty.
    pub async fn read(path: &Path) -> Result<Self, StartError> {
        let key = tokio::fs::read(path).await.map_err(|error| StartError::Read(path.to_owned(), error))?;
        if key.is_empty() { Err(StartError::Empty(path.to_owned())) } else { Ok(Self(key.into())) }
    }

    /// Whether the password is the app's: lower-case hex of HMAC-SHA256 of "pull/v1/" and the app's name. The time it takes says
    /// nothing about the password.
    #[must_use]
    pub fn verify(&self, credentials: &Credentials) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else { return false };
        let Ok(password) = hex::decode(credentials.password.expose_secret()) else { return false };
        mac.update(b"pull/v1/");
        mac.update(credentials.app.as_str().as_bytes());
        mac.verify_slice(&password).is_ok()
    }
}

/// What a request says about who makes it.
#[derive(Debug)]
pub struct Credentials {
    /// The app that it claims to pull for.
    pub app: AppName,
    /// What is to prove it.
    pub password: SecretString,
}

impl Credentials {
    /// Reads a header `Authorization` of the scheme Basic (RFC 7617); `None` when it is of another one, or the user no app.
    #[must_use]
    pub fn from_header(header: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let decoded = SecretString::from(String::from_utf8(decoded).ok()?);
        let (user, password) = decoded.expose_secret().split_once(':')?;
        Some(Self { app: user.parse().ok()?, password: password.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HMAC-SHA256 with the key "key" of "pull/v1/earthy-instinct", computed with OpenSSL.
    const PASSWORD: &str = "276c2fd5990e38f4d9e62d65425dd1b1a41e5ddb61dc6557a04d0799dc313a87";

    fn key(key: &str) -> PullKey {
        PullKey(key.as_bytes().to_vec().into())
    }

    fn credentials(app: &str, password: &str) -> Credentials {
        Credentials { app: app.parse().unwrap(), password: password.into() }
    }

    #[test]
    fn a_password_is_one_app_s_with_one_key() {
        assert!(key("key").verify(&credentials("earthy-instinct", PASSWORD)));
        assert!(!key("other").verify(&credentials("earthy-instinct", PASSWORD)));
        assert!(!key("key").verify(&credentials("earthy-instinc", PASSWORD)));
        for password in ["", "0a", "no hex", &PASSWORD[2..], &format!("{PASSWORD}00")] {
            assert!(!key("key").verify(&credentials("earthy-instinct", password)), "{password}");
        }
    }

    #[test]
    fn the_scheme_is_basic_and_the_user_an_app() {
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        let found = Credentials::from_header(&header("bAsIc YXBwOmE6Yg==")).unwrap();
        assert_eq!((found.app.as_str(), found.password.expose_secret()), ("app", "a:b"));
        // "Bearer x", no base64, "app" without a password, "App:x", "a/b:x", not UTF-8.
        for text in [
            "",
            "Basic",
            "Bearer YXBwOng=",
            "Basic ???",
            "Basic YXBw",
            "Basic QXBwOng=",
            "Basic YS9iOng=",
            "Basic /zp4",
        ] {
            assert!(Credentials::from_header(&header(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", credentials("app", "sesame")).contains("sesame"));
        assert!(!format!("{:?}", key("sesame")).contains("sesame"));
    }
}
