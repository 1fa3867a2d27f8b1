use std::collections::BTreeMap;

use deis_api::{AppName, CertificateDigest};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{labels, names};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// An app's copy of a certificate, for the routers: both texts are PEM. Its name says what it holds, so it never changes; each app has
/// copies of its own, so that no two deploys write the same object.
#[must_use]
pub fn certificate(namespace: &str, app: &AppName, digest: &CertificateDigest, chain: &str, key: &str) -> Secret {
    let mut all = labels::of_app(app);
    all.insert(labels::TYPE.to_owned(), "certificate".to_owned());
    let data = [(CERTIFICATE, chain), (KEY, key)];
    let data = data.map(|(name, text)| (name.to_owned(), ByteString(text.as_bytes().to_vec())));
    Secret {
        metadata: ObjectMeta {
            name: Some(names::certificate_secret(&names::certificate_copy(app, digest))),
            namespace: Some(namespace.to_owned()),
            labels: Some(all),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(BTreeMap::from(data)),
        ..Secret::default()
    }
}

/// The chain and the key in a Secret, as PEM; `None` when one of them is missing.
#[must_use]
pub fn read_certificate(secret: &Secret) -> Option<(&[u8], &[u8])> {
    let data = secret.data.as_ref()?;
    Some((&data.get(CERTIFICATE)?.0, &data.get(KEY)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let digest = CertificateDigest::of([0xab; 32]);
        let mut secret = certificate("deis-certificates", &"shop".parse().unwrap(), &digest, "chain", "key");
        insta::assert_yaml_snapshot!(secret);
        assert_eq!(read_certificate(&secret), Some((&b"chain"[..], &b"key"[..])));
        secret.data.as_mut().unwrap().remove(KEY);
        assert_eq!(read_certificate(&secret), None);
    }
}
