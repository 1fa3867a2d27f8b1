//! Names as types: parsed once, at the edge, and trusted from there on.

mod app;
mod cert_name;
mod certificate_digest;
mod commit_id;
mod config_key;
mod git_sha;
mod hostname;
mod key_id;
mod proc_type;
mod release_version;
mod username;

pub use app::AppName;
pub use cert_name::CertName;
pub use certificate_digest::CertificateDigest;
pub use commit_id::CommitId;
pub use config_key::ConfigKey;
pub use git_sha::GitSha;
pub use hostname::Hostname;
pub use key_id::KeyId;
pub use proc_type::ProcType;
pub use release_version::ReleaseVersion;
pub use username::Username;

/// A text is not the name that it should be. `Display` is the sentence that the REST contract promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub(crate) &'static str);

/// A newtype over text whose only way in is its parser.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::names::NameError;

            fn try_from(text: String) -> Result<Self, $crate::names::NameError> {
                let check: fn(&str) -> Result<(), $crate::names::NameError> = $check;
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::names::NameError;

            fn from_str(text: &str) -> Result<Self, $crate::names::NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_through_the_parser() {
        assert_eq!(serde_json::from_str::<AppName>("\"peachy-waxworks\"").unwrap().as_str(), "peachy-waxworks");
        let error = serde_json::from_str::<AppName>("\"-x\"").unwrap_err().to_string();
        assert!(error.starts_with("App name must start"), "{error}");
        assert_eq!(serde_json::to_string(&ReleaseVersion::FIRST).unwrap(), "1");
    }
}
