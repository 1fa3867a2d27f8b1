use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::facts::Certificate;
use super::map::Map;
use crate::certificate;

/// The certificates that handshakes are answered with, by the names of their Secrets.
///
/// A good one stays until there is another good one. One whose Secret is gone stays as long as a Service names it: workflow puts the Secret
/// back, or takes the name from the Service.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    texts: Map<Arc<str>, Arc<Certificate>>,
    keys: Map<Arc<str>, Arc<CertifiedKey>>,
    /// The Secrets that there are.
    there: HashSet<Arc<str>>,
    /// Those of them that cannot be served as they are.
    broken: HashSet<Arc<str>>,
    /// How many domains each is named for.
    named: HashMap<Arc<str>, usize>,
}

impl Certificates {
    /// What handshakes need. Copying it costs a few pointers.
    pub(super) fn keys(&self) -> &Map<Arc<str>, Arc<CertifiedKey>> {
        &self.keys
    }

    /// What it is made from.
    pub(super) fn texts(&self) -> &Map<Arc<str>, Arc<Certificate>> {
        &self.texts
    }

    /// How many Secrets cannot be served as they are.
    pub(super) fn broken(&self) -> usize {
        self.broken.len()
    }

    /// Takes up a Secret; whether that changed anything.
    pub(super) fn put(&mut self, new: Certificate) -> bool {
        let name = Arc::<str>::from(new.secret.as_str());
        self.there.insert(Arc::clone(&name));
        if self.texts.get(&name).is_some_and(|known| **known == new) {
            return self.broken.remove(&name);
        }
        match certificate::read(new.chain.as_bytes(), new.key()) {
            Ok(key) => {
                self.broken.remove(&name);
                self.texts.insert(Arc::clone(&name), Arc::new(new));
                self.keys.insert(name, Arc::new(key));
                true
            }
            Err(error) => {
                let keeps = if self.keys.get(&name).is_some() { ", the last good one is served" } else { "" };
                tracing::error!(secret = %name, %error, "a certificate cannot be served{keeps}");
                self.broken.insert(name)
            }
        }
    }

    /// A Secret is gone; whether that changed anything.
    pub(super) fn remove(&mut self, secret: &str) -> bool {
        self.there.remove(secret);
        let was_broken = self.broken.remove(secret);
        if self.named.contains_key(secret) {
            tracing::warn!(secret, "a certificate is gone that a Service names, the last good one is served");
            return was_broken;
        }
        self.forget(secret) || was_broken
    }

    /// A Service names others than before.
    pub(super) fn rename<'a>(
        &mut self,
        before: impl Iterator<Item = &'a Arc<str>>,
        after: impl Iterator<Item = &'a Arc<str>>,
    ) {
        for name in after {
            *self.named.entry(Arc::clone(name)).or_default() += 1;
        }
        for name in before {
            let Some(count) = self.named.get_mut(name) else { continue };
            *count -= 1;
            if *count == 0 {
                self.named.remove(name);
                if !self.there.contains(name) {
                    self.forget(name);
                }
            }
        }
    }

    fn forget(&mut self, secret: &str) -> bool {
        self.texts.remove(secret);
        self.keys.remove(secret).is_some()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn secret(name: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let chain = CertificateParams::new(["example.com".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        Certificate::new(name.to_owned(), chain, key.serialize_pem().into())
    }

    fn leaf(certificates: &Certificates, name: &str) -> Option<Vec<u8>> {
        Some(certificates.keys().get(name)?.cert[0].to_vec())
    }

    #[test]
    fn a_broken_secret_leaves_the_last_good_one() {
        let mut certificates = Certificates::default();
        let good = secret("a");
        assert!(certificates.put(good.clone()));
        let served = leaf(&certificates, "a");
        assert!(served.is_some() && !certificates.put(good.clone()), "the same again changes nothing");
        let broken = Certificate::new("a".to_owned(), "x".to_owned(), "y".into());
        assert!(certificates.put(broken.clone()) && !certificates.put(broken));
        let mismatch = Certificate::new("b".to_owned(), secret("b").chain, secret("b").key);
        assert!(certificates.put(mismatch));
        assert_eq!((certificates.broken(), leaf(&certificates, "a"), leaf(&certificates, "b")), (2, served, None));
        assert!(certificates.put(good), "it is mended");
        assert_eq!(certificates.broken(), 1);
        assert!(certificates.remove("b"));
        assert_eq!(certificates.broken(), 0);
    }

    #[test]
    fn nothing_stays_that_is_neither_there_nor_named() {
        let mut certificates = Certificates::default();
        let name = Arc::<str>::from("a");
        let none = || std::iter::empty::<&Arc<str>>();
        certificates.put(secret("a"));
        certificates.rename(none(), [&name, &name].into_iter());
        assert!(!certificates.remove("a"), "it is named, and stays");
        certificates.rename([&name].into_iter(), none());
        assert!(leaf(&certificates, "a").is_some(), "by another domain");
        certificates.rename([&name].into_iter(), none());
        assert!(leaf(&certificates, "a").is_none() && certificates.texts().len() == 0);
        certificates.put(secret("a"));
        assert!(certificates.remove("a") && leaf(&certificates, "a").is_none());
    }
}
