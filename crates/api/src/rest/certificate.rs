use serde::{Deserialize, Serialize};

use super::{Secret, Time};

/// A certificate of a user. Its texts and its key were given once and are shown to nobody.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Certificate {
    pub id: i64,
    pub owner: String,
    /// The DNS names of its subject alternative names.
    pub san: Vec<String>,
    /// The domains that it is attached to.
    pub domains: Vec<String>,
    pub created: Time,
    pub updated: Time,
    pub name: String,
    pub common_name: Option<String>,
    /// SHA-256 of the certificate: upper-case hex pairs with colons.
    pub fingerprint: String,
    pub expires: Option<Time>,
    pub starts: Option<Time>,
    /// `/C=US/O=Example/CN=example.com`.
    pub issuer: Option<String>,
    /// As the issuer.
    pub subject: Option<String>,
}

/// `POST /v2/certs/`: both texts are PEM, the certificate may be a chain with the leaf first.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NewCertificate {
    pub name: String,
    pub certificate: String,
    pub key: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
}

/// `POST /v2/certs/{name}/domain/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Attachment {
    pub domain: String,
}
