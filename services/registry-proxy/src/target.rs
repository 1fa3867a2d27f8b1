//! What is asked for.

use std::fmt;

use deis_api::AppName;

/// Something that the door serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whether this is a registry, and whether the credentials are right: `/v2/`.
    Base,
    /// A manifest or a blob of an app's repository.
    Content {
        /// The app; its repository has its name.
        app: AppName,
        /// Which of the two.
        kind: Kind,
        /// A digest or, of a manifest, a tag.
        reference: String,
    },
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/v2/{app}/manifests/{tag or digest}`.
    Manifest,
    /// `/v2/{app}/blobs/{digest}`.
    Blob,
}

impl Target {
    /// Reads a request's path, as it came: nothing is decoded, so that there is one spelling of each target, and `None` for all
    /// others.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v2")?;
        if matches!(rest, "" | "/") {
            return Some(Self::Base);
        }
        let mut parts = rest.strip_prefix('/')?.split('/');
        let (app, kind, reference) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = match kind {
            "manifests" if is_digest(reference) || is_tag(reference) => Kind::Manifest,
            "blobs" if is_digest(reference) => Kind::Blob,
            _ => return None,
        };
        let nothing_follows = parts.next().is_none();
        let app = app.parse().ok()?;
        nothing_follows.then(|| Self::Content { app, kind, reference: reference.to_owned() })
    }
}

impl fmt::Display for Target {
    /// The target's one path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("/v2/"),
            Self::Content { app, kind: Kind::Manifest, reference } => write!(f, "/v2/{app}/manifests/{reference}"),
            Self::Content { app, kind: Kind::Blob, reference } => write!(f, "/v2/{app}/blobs/{reference}"),
        }
    }
}

/// A tag of the OCI distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first_is_fine = text.bytes().next().is_some_and(is_word);
    first_is_fine && text.len() <= 128 && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

/// A digest in one of the two registered algorithms (OCI image specification, "Registered Algorithms").
fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = text.split(':').nth(1).unwrap_or_default();
    let is_whole = text.len() == "sha256:".len() + length;
    is_whole && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest() -> String {
        format!("sha256:{}", "0123456789abcdef".repeat(4))
    }

    #[test]
    fn each_target_has_one_path() {
        let digest = digest();
        for path in [
            "/v2/",
            "/v2/earthy-instinct/manifests/latest",
            &format!("/v2/earthy-instinct/manifests/{digest}"),
            &format!("/v2/earthy-instinct/blobs/{digest}"),
            &format!("/v2/a/blobs/sha512:{}", "0".repeat(128)),
        ] {
            assert_eq!(Target::parse(path).unwrap().to_string(), path);
        }
        assert_eq!(Target::parse("/v2"), Some(Target::Base));
    }

    #[test]
    fn other_spellings_are_nothing() {
        let digest = digest();
        let upper = digest.to_uppercase();
        for path in [
            "",
            "/",
            "/v1/",
            "/v2//",
            "/v2/_catalog",
            "/v2/app",
            "/v2/app/tags/list",
            &format!("/v2/app/referrers/{digest}"),
            "/v2/app/blobs/uploads/",
            "/v2/app/manifests/",
            "/v2/app/manifests/latest/",
            "/v2/app//manifests/latest",
            "//v2/app/manifests/latest",
            "/V2/app/manifests/latest",
            "/v2/App/manifests/latest",
            "/v2/app/Manifests/latest",
            "/v2/other/app/manifests/latest",
            "/v2/app/../other/manifests/latest",
            "/v2/./app/manifests/latest",
            "/v2/../v2/app/manifests/latest",
            "/v2/app/manifests/..",
            "/v2/app/manifests/.",
            "/v2/%61pp/manifests/latest",
            "/v2/app%2f..%2fother/manifests/latest",
            "/v2/app/manifests/latest%00",
            "/v2/app/manifests/latest?x",
            "/v2/app/manifests/latest;x",
            "/v2/app\\manifests\\latest",
            "/v2/app/blobs/latest",
            "/v2/app/blobs/sha256:0",
            "/v2/app/blobs/sha256:",
            &format!("/v2/app/blobs/{upper}"),
            &format!("/v2/app/blobs/{digest}0"),
            &format!("/v2/app/blobs/{digest}:0"),
            &format!("/v2/app/blobs/md5:{}", "0".repeat(32)),
            &format!("/v2/app/manifests/{}", "x".repeat(129)),
        ] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_understood_is_repeated_word_for_word(path in "/v2/[a-zA-Z0-9%._:/-]{0,40}") {
            if let Some(target) = Target::parse(&path) {
                prop_assert_eq!(target.to_string(), path);
            }
        }
    }
}
