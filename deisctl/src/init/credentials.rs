use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use rcgen::KeyPair;

use super::catalogue::Credentials;

/// Length of what is made here: 62^32 > 2^190.
const LETTERS: usize = 32;
/// The registry computes the hash at each request; what it protects is random and needs no slow hash.
const BCRYPT_COST: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("cannot make a host key")]
    Key(#[from] rcgen::Error),
    #[error("cannot hash the registry's password")]
    Hash(#[from] bcrypt::BcryptError),
}

/// A Secret's content: its keys and their texts.
pub(crate) type Entries = BTreeMap<&'static str, String>;

impl Credentials {
    /// What the services read.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["username", "password"],
            Self::Database => &["user", "password", "name"],
            Self::PullKey => &["key"],
            Self::Redis => &["password"],
            Self::Registry => &["username", "password", "htpasswd", "http-secret"],
        }
    }

    pub(crate) fn make(self) -> Result<Entries, CredentialsError> {
        Ok(match self {
            Self::Admin => Entries::from([("username", "admin".to_owned()), ("password", random())]),
            Self::Database => {
                let name = "deis".to_owned();
                Entries::from([("user", name.clone()), ("password", random()), ("name", name)])
            }
            Self::PullKey => Entries::from([("key", random())]),
            Self::Redis => Entries::from([("password", random())]),
            Self::Registry => {
                let (username, password) = ("deis", random());
                let htpasswd = format!("{username}:{}\n", bcrypt::hash(&password, BCRYPT_COST)?);
                Entries::from([
                    ("username", username.to_owned()),
                    ("password", password),
                    ("htpasswd", htpasswd),
                    ("http-secret", random()),
                ])
            }
        })
    }
}

/// The keys of the Secret with the SSH host keys.
pub(crate) const HOST_KEYS: &[&str] = &["ssh-host-ed25519-key", "ssh-host-ecdsa-key"];

pub(crate) fn host_keys() -> Result<Entries, CredentialsError> {
    let pem = |algorithm| Ok::<_, rcgen::Error>(KeyPair::generate_for(algorithm)?.serialize_pem());
    Ok(Entries::from([
        ("ssh-host-ed25519-key", pem(&rcgen::PKCS_ED25519)?),
        ("ssh-host-ecdsa-key", pem(&rcgen::PKCS_ECDSA_P256_SHA256)?),
    ]))
}

fn random() -> String {
    rand::rng().sample_iter(Alphanumeric).take(LETTERS).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_made_and_none_is_empty() {
        use Credentials::{Admin, Database, PullKey, Redis, Registry};
        for credentials in [Admin, Database, PullKey, Redis, Registry] {
            let entries = credentials.make().unwrap();
            let mut keys = credentials.keys().to_vec();
            keys.sort_unstable();
            assert_eq!(entries.keys().copied().collect::<Vec<_>>(), keys);
            assert!(entries.values().all(|value| !value.is_empty()));
        }
    }

    #[test]
    fn the_registrys_password_opens_its_own_door() {
        let entries = Credentials::Registry.make().unwrap();
        let (user, hash) = entries["htpasswd"].trim_end().split_once(':').unwrap();
        assert_eq!(user, entries["username"]);
        assert!(bcrypt::verify(&entries["password"], hash).unwrap());
        assert!(!bcrypt::verify("another", hash).unwrap());
    }

    #[test]
    fn no_two_passwords_are_alike() {
        let password = || Credentials::Database.make().unwrap()["password"].clone();
        assert_ne!(password(), password());
        assert_eq!(password().len(), LETTERS);
    }

    #[test]
    fn host_keys_are_of_the_algorithm_that_they_are_named_after() {
        let keys = host_keys().unwrap();
        assert_eq!(keys.keys().copied().collect::<Vec<_>>(), ["ssh-host-ecdsa-key", "ssh-host-ed25519-key"]);
        let algorithm = |name| {
            KeyPair::from_pem(&keys[name]).unwrap().algorithm()
                == match name {
                    "ssh-host-ed25519-key" => &rcgen::PKCS_ED25519,
                    _ => &rcgen::PKCS_ECDSA_P256_SHA256,
                }
        };
        assert!(HOST_KEYS.iter().all(|name| algorithm(*name)));
    }
}
