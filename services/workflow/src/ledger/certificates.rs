use std::collections::BTreeSet;

use deis_api::{AppName, CertName, CertificateDigest, Hostname, Username};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Answer, Listed, Window};

/// A user's certificate, without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its number.
    pub id: i64,
    /// The user's name for it, unique over all users.
    pub name: CertName,
    /// Whose it is.
    pub owner: Username,
    /// The domains that are served with it.
    pub domains: BTreeSet<Hostname>,
    /// What it says of itself.
    pub about: About,
    /// When it was added.
    pub created: Timestamp,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The name that it was made for, unless its owner calls it otherwise.
    pub common_name: Option<String>,
    /// The DNS names that it holds for.
    pub san: Vec<String>,
    /// SHA-256: upper-case hex pairs with colons.
    pub fingerprint: String,
    /// From when on it holds.
    pub starts: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// `/C=US/O=Example/CN=example.com`.
    pub issuer: String,
    /// As the issuer.
    pub subject: String,
}

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct CertificateTexts {
    /// Which texts these are.
    pub digest: CertificateDigest,
    /// The chain, leaf first.
    pub chain: String,
    /// The key of the leaf.
    pub key: SecretString,
}

/// A certificate to be added.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// The user's name for it.
    pub name: CertName,
    /// Whose it is.
    pub owner: Username,
    /// What it says of itself.
    pub about: About,
    /// The texts.
    pub texts: CertificateTexts,
}

/// Certificates, and the domains that are served with them.
pub trait Certificates: Send + Sync + 'static {
    /// Certificates by name, of one user or of all.
    fn certificates<'a>(&'a self, owner: &'a Username, window: Window) -> Answer<'a, Listed<Certificate>>;
    /// One certificate.
    fn certificate<'a>(&'a self, name: &'a CertName) -> Answer<'a, Option<Certificate>>;
    /// Adds a certificate. Refuses a name that is taken.
    fn add_certificate<'a>(&'a self, new: &'a NewCertificate) -> Answer<'a, Certificate>;
    /// Takes a certificate from its domains and deletes it; answers the apps of these domains, `None` when it is not there.
    fn delete_certificate<'a>(&'a self, name: &'a CertName) -> Answer<'a, Option<BTreeSet<AppName>>>;
    /// The app that has a domain.
    fn app_of_domain<'a>(&'a self, domain: &'a Hostname) -> Answer<'a, Option<AppName>>;
    /// Has a domain of an app served with a certificate. Refuses a domain that has one.
    fn attach<'a>(&'a self, name: &'a CertName, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, ()>;
    /// Has a domain served with a certificate no longer; answers whether it was.
    fn detach<'a>(&'a self, name: &'a CertName, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, bool>;
    /// The texts of the certificates that an app's domains are served with, each once.
    fn texts_of_app<'a>(&'a self, app: &'a AppName) -> Answer<'a, Vec<CertificateTexts>>;
}
