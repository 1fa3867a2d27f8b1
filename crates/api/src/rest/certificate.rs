use serde::{Deserialize, Serialize};

use super::{Secret, Time};

/// A certificate of a user. Its texts and its key were given once and are shown to nobody.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(required))]
    pub common_name: Option<String>,
    /// SHA-256 of the certificate: upper-case hex pairs with colons.
    pub fingerprint: String,
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires: Option<Time>,
    #[cfg_attr(feature = "openapi", schema(required))]
    pub starts: Option<Time>,
    /// `/C=US/O=Example/CN=example.com`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub issuer: Option<String>,
    /// As the issuer.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub subject: Option<String>,
}

/// `POST /v2/certs/`: both texts are PEM, the certificate may be a chain with the leaf first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewCertificate {
    pub name: String,
    pub certificate: String,
    pub key: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
}

/// `POST /v2/certs/{name}/domain/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    pub domain: String,
}
