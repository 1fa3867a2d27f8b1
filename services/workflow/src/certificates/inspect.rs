//! What people send as a certificate and its key. It is kept if routers can serve it: they use the same library.
//!
//! No text of the parsers reaches anybody: they quote what they cannot read, and that may be a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::CertificateDigest;
use jiff::Timestamp;
use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::error::Error;
use crate::ledger::CertificateTexts;
use crate::ledger::certificates::About;

/// The longest chain, in bytes of PEM.
const MAX_CHAIN: usize = 64 * 1024;
/// The longest key, in bytes of PEM.
const MAX_KEY: usize = 16 * 1024;
/// The longest name that an owner gives, in characters.
const MAX_COMMON_NAME: usize = 255;

/// Reads a certificate, its chain behind it, and its key. One that has expired is taken all the same: its dates say so.
///
/// # Errors
/// [`Error::Field`] for texts that are not that, or do not belong together.
pub fn inspect(
    chain: &str,
    key: SecretString,
    common_name: Option<String>,
) -> Result<(About, CertificateTexts), Error> {
    let unloadable = |why: &str| Error::field("certificate", format!("Could not load certificate: {why}."));
    if chain.trim().is_empty() {
        return Err(Error::field("certificate", "This field may not be blank."));
    }
    if chain.len() > MAX_CHAIN {
        return Err(unloadable("it is longer than 64 KiB"));
    }
    let ders = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let ders = ders.map_err(|_unreadable| unloadable("its PEM cannot be read"))?;
    let leaf = ders
        .first()
        .ok_or_else(|| unloadable("there is none in PEM form, which begins with -----BEGIN CERTIFICATE-----"))?;
    let mut parsed = Vec::with_capacity(ders.len());
    for der in &ders {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => parsed.push(certificate),
            _ => return Err(unloadable("what is in its PEM is no X.509 certificate")),
        }
    }
    let mut about = match parsed.first() {
        Some(certificate) => describe(certificate, leaf).ok_or_else(|| unloadable("its dates cannot be read"))?,
        None => return Err(unloadable("there is none")),
    };
    drop(parsed);
    if let Some(name) = common_name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()) {
        if name.chars().count() > MAX_COMMON_NAME {
            return Err(Error::field("common_name", "Ensure this field has no more than 255 characters."));
        }
        about.common_name = Some(printable(&name));
    }
    let signing = load_key(&key)?;
    // Comments, and keys that do not belong there, are not kept.
    let chain = ders.iter().map(pem).collect::<String>();
    match CertifiedKey::new(ders, signing).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(Error::field("non_field_errors", "Certificate and private key do not match!"));
        }
        Err(_unusable) => return Err(unloadable("it is of a kind that cannot be served, such as X.509 version 1")),
    }
    let texts = CertificateTexts { digest: digest(&chain, key.expose_secret()), chain, key };
    Ok((about, texts))
}

/// Which certificate with which key.
#[must_use]
pub fn digest(chain: &str, key: &str) -> CertificateDigest {
    let hash = Sha256::new_with_prefix(chain).chain_update([0]).chain_update(key).finalize();
    CertificateDigest::of(hash.into())
}

fn load_key(key: &SecretString) -> Result<std::sync::Arc<dyn rustls::sign::SigningKey>, Error> {
    let unloadable = |why: &str| Error::field("key", format!("Could not load private key: {why}."));
    let text = key.expose_secret();
    if text.trim().is_empty() {
        return Err(Error::field("key", "This field may not be blank."));
    }
    if text.len() > MAX_KEY {
        return Err(unloadable("it is longer than 16 KiB"));
    }
    if text.contains("ENCRYPTED") {
        return Err(unloadable("it is encrypted, so nobody could serve with it. Send it without its passphrase"));
    }
    let der = PrivateKeyDer::from_pem_slice(text.as_bytes());
    let der = der.map_err(|_unreadable| unloadable("there is none in PEM form that can be read"))?;
    let loaded = aws_lc_rs::default_provider().key_provider.load_private_key(der);
    loaded.map_err(|_unusable| unloadable("it is no RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key"))
}

fn describe(certificate: &X509Certificate<'_>, der: &CertificateDer<'_>) -> Option<About> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    // In the ledger they stand with spaces between them; a DNS name has none.
    let san = names.filter_map(|name| match name {
        GeneralName::DNSName(name) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some((*name).to_owned())
        }
        _ => None,
    });
    let common_name = certificate.subject().iter_common_name().next().map(value);
    let validity = certificate.validity();
    let hash = Sha256::digest(der);
    Some(About {
        common_name,
        san: san.collect(),
        fingerprint: hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"),
        starts: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
        expires: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
        issuer: distinguished_name(certificate.issuer()),
        subject: distinguished_name(certificate.subject()),
    })
}

/// `/C=US/O=Example/CN=example.com`.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let parts = name.iter_attributes().map(|attribute| {
        let kind = attribute.attr_type();
        let known = oid2abbrev(kind, oid_registry()).map(str::to_owned);
        format!("/{}={}", known.unwrap_or_else(|_unknown| kind.to_id_string()), value(attribute))
    });
    parts.collect()
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    attribute.as_str().map_or_else(|_no_text| "?".to_owned(), printable)
}

/// Whoever made the certificate wrote it; terminals are to show it.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// RFC 7468.
fn pem(der: &CertificateDer<'static>) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        PKCS_RSA_SHA256,
    };

    use super::*;

    fn made(key: &KeyPair) -> String {
        let mut params = CertificateParams::new(["www.example.com".to_owned(), "*.example.org".to_owned()]).unwrap();
        let subject = [
            (DnType::CountryName, "US"),
            (DnType::OrganizationName, "Ex\u{1b}[31mample"),
            (DnType::CommonName, "example.com"),
        ];
        params.distinguished_name = rcgen::DistinguishedName::new();
        subject.into_iter().for_each(|(kind, value)| params.distinguished_name.push(kind, value));
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        params.self_signed(key).unwrap().pem()
    }

    fn told(chain: &str, key: &str) -> String {
        match inspect(chain, key.into(), None) {
            Ok(_) => "taken".to_owned(),
            Err(Error::Field { field, message, .. }) => format!("{field}: {message}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_certificate_is_described_though_it_has_expired() {
        let key = KeyPair::generate().unwrap();
        let chain = made(&key);
        let (about, texts) = inspect(&chain, key.serialize_pem().into(), None).unwrap();
        assert_eq!(about.fingerprint.len(), 32 * 3 - 1);
        assert!(about.fingerprint.chars().all(|character| character == ':' || character.is_ascii_hexdigit()));
        assert_eq!(about.san, ["www.example.com", "*.example.org"]);
        assert_eq!(about.common_name.as_deref(), Some("example.com"));
        assert_eq!((about.subject.as_str(), &about.issuer), ("/C=US/O=Ex?[31mample/CN=example.com", &about.subject));
        assert_eq!(
            (about.starts.to_string(), about.expires.to_string()),
            ("2020-01-01T00:00:00Z".to_owned(), "2021-01-01T00:00:00Z".to_owned())
        );
        let named = inspect(&chain, key.serialize_pem().into(), Some(" mine ".to_owned())).unwrap();
        assert_eq!(named.0.common_name.as_deref(), Some("mine"));
        assert_eq!(named.1.digest, texts.digest);
    }

    #[test]
    fn every_kind_of_key_is_taken_and_another_ones_is_not() {
        let kinds = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519, &PKCS_RSA_SHA256];
        for kind in kinds {
            let [key, other] = [(); 2].map(|()| KeyPair::generate_for(kind).unwrap());
            assert_eq!(told(&made(&key), &key.serialize_pem()), "taken", "{kind:?}");
            let mismatch = "non_field_errors: Certificate and private key do not match!";
            assert_eq!(told(&made(&key), &other.serialize_pem()), mismatch, "{kind:?}");
        }
    }

    /// The leaf is first, and nothing is kept but certificates.
    #[test]
    fn a_chain_is_kept_without_what_does_not_belong_in_it() {
        let [key, other] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let (leaf, next) = (made(&key), made(&other));
        let given = format!("the leaf\n{leaf}{}the other\n{next}", key.serialize_pem());
        let (about, texts) = inspect(&given, key.serialize_pem().into(), None).unwrap();
        assert_eq!(texts.chain, format!("{leaf}{next}").replace("\r\n", "\n"));
        assert_eq!(about, inspect(&leaf, key.serialize_pem().into(), None).unwrap().0);
        assert_ne!(texts.digest, inspect(&leaf, key.serialize_pem().into(), None).unwrap().1.digest);
        let mismatch = "non_field_errors: Certificate and private key do not match!";
        assert_eq!(told(&format!("{next}{leaf}"), &key.serialize_pem()), mismatch);
    }

    #[test]
    fn what_cannot_be_served_is_refused_and_no_key_is_quoted() {
        let key = KeyPair::generate().unwrap();
        let (chain, secret) = (made(&key), key.serialize_pem());
        let torn = secret.replace("-----END", "-----EN");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let noise = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let refusals = [
            told("", &secret),
            told("x", &secret),
            told(&secret, &secret),
            told(&chain.replace("-----END", "-----EN"), &secret),
            told(noise, &secret),
            told(&format!("{chain}{noise}"), &secret),
            told(&"x".repeat(MAX_CHAIN + 1), &secret),
            told(&chain, ""),
            told(&chain, "x"),
            told(&chain, &torn),
            told(&chain, &chain),
            told(&chain, encrypted),
            told(&chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            told(&chain, &"x".repeat(MAX_KEY + 1)),
        ];
        let body = secret.lines().nth(1).unwrap();
        assert!(refusals.iter().all(|told| !told.contains(body)), "{refusals:?}");
        insta::assert_yaml_snapshot!(refusals);
    }

    #[test]
    fn a_key_is_in_no_debug_text() {
        let key = KeyPair::generate().unwrap();
        let taken = inspect(&made(&key), key.serialize_pem().into(), None).unwrap();
        let shown = format!("{taken:?}");
        assert!(shown.contains("REDACTED") && !shown.contains(key.serialize_pem().lines().nth(1).unwrap()));
    }
}
