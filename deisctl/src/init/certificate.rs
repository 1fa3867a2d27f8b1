//! Authorities and certificates: made with rcgen, read back with x509-parser.
//!
//! Validity counts in whole days, and begins a day early so that clocks may differ.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;

use super::catalogue::Leaf;

const AUTHORITY_YEARS: i32 = 10;
const LEAF_YEARS: i32 = 1;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    #[error("not a certificate in PEM")]
    Read,
    #[error("the clock shows a date that no certificate can have")]
    Date(#[from] jiff::Error),
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// What signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    about: About,
}

impl Authority {
    /// Makes a new one.
    pub(crate) fn make(common_name: &str, now: Timestamp) -> Result<Pair, CertificateError> {
        let mut params = params(common_name, AUTHORITY_YEARS, now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }

    /// Reads an existing one.
    pub(crate) fn read(pair: &Pair) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(&pair.key)?;
        let about = About::read(&pair.certificate)?;
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate, key)?;
        Ok(Self { issuer, certificate: pair.certificate.clone(), about })
    }

    /// Its certificate, which everyone who trusts it holds.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn sign(&self, leaf: &Leaf, now: Timestamp) -> Result<Pair, CertificateError> {
        let mut params = params(&leaf.common_name, LEAF_YEARS, now)?;
        params.subject_alt_names = alternative_names(leaf)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }

    /// Whether an existing certificate is to be replaced. One that was issued by somebody else never is.
    pub(crate) fn must_renew(&self, certificate: &str, leaf: &Leaf, now: Timestamp) -> Result<bool, CertificateError> {
        let found = About::read(certificate)?;
        if found.issuer != self.about.subject {
            return Ok(false);
        }
        Ok(found.authority_key != self.about.own_key || found.names != names(leaf) || found.in_last_third(now))
    }
}

/// What matters of a certificate.
struct About {
    subject: Vec<u8>,
    issuer: Vec<u8>,
    own_key: Option<Vec<u8>>,
    authority_key: Option<Vec<u8>>,
    names: BTreeSet<String>,
    /// Seconds since the epoch.
    begins: i64,
    ends: i64,
}

impl About {
    /// Of the first certificate in a PEM file.
    fn read(pem: &str) -> Result<Self, CertificateError> {
        let pem = Pem::iter_from_buffer(pem.as_bytes()).next().ok_or(CertificateError::Read)?;
        let pem = pem.map_err(|_| CertificateError::Read)?;
        let certificate = pem.parse_x509().map_err(|_| CertificateError::Read)?;
        Ok(Self::of(&certificate))
    }

    fn of(certificate: &X509Certificate<'_>) -> Self {
        let (mut own_key, mut authority_key, mut names) = (None, None, BTreeSet::new());
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(key) => own_key = Some(key.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(key) => {
                    authority_key = key.key_identifier.as_ref().map(|key| key.0.to_vec());
                }
                ParsedExtension::SubjectAlternativeName(found) => {
                    names.extend(found.general_names.iter().filter_map(|name| match name {
                        GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        Self {
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            own_key,
            authority_key,
            names,
            begins: certificate.validity().not_before.timestamp(),
            ends: certificate.validity().not_after.timestamp(),
        }
    }

    fn in_last_third(&self, now: Timestamp) -> bool {
        self.ends - now.as_second() < (self.ends - self.begins) / 3
    }
}

fn params(common_name: &str, years: i32, now: Timestamp) -> Result<CertificateParams, CertificateError> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let midnight =
        |date: Date| rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    params.not_before = midnight(today.checked_sub(1.day())?);
    params.not_after = midnight(today.checked_add(years.years())?);
    Ok(params)
}

fn alternative_names(leaf: &Leaf) -> Result<Vec<SanType>, rcgen::Error> {
    let uris = leaf.uri.iter().map(|uri| Ok(SanType::URI(uri.as_str().try_into()?)));
    let names = leaf.dns.iter().map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
    uris.chain(names).collect()
}

fn names(leaf: &Leaf) -> BTreeSet<String> {
    leaf.uri.iter().chain(&leaf.dns).cloned().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::server::WebPkiClientVerifier;
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    /// Somebody else's certificate.
    pub(in crate::init) fn self_signed(name: &str) -> Vec<u8> {
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem().into_bytes()
    }

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn authority() -> Authority {
        Authority::read(&Authority::make("Deis platform authority", now()).unwrap()).unwrap()
    }

    fn leaf() -> Leaf {
        Leaf {
            authority: "deis-ca",
            common_name: "deis-state".to_owned(),
            uri: Some("spiffe://deis/state".to_owned()),
            dns: vec!["deis-state".to_owned(), "deis-state.deis.svc".to_owned()],
        }
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn roots(authority: &Authority) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(der(authority.certificate())).unwrap();
        Arc::new(roots)
    }

    fn time(text: &str) -> UnixTime {
        let at: Timestamp = text.parse().unwrap();
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().unsigned_abs()))
    }

    fn is_server(authority: &Authority, certificate: &str, name: &str, at: &str) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority), provider).build().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&der(certificate), &[], &name, &[], time(at)).is_ok()
    }

    #[test]
    fn a_certificate_is_good_for_its_names_and_its_year_and_under_its_authority() {
        let authority = authority();
        let certificate = authority.sign(&leaf(), now()).unwrap().certificate;
        let good = |name, at| is_server(&authority, &certificate, name, at);
        assert!(good("deis-state", "2026-11-23T00:00:00Z"));
        assert!(good("deis-state.deis.svc", "2027-11-22T00:00:00Z"));
        assert!(!good("deis-router", "2026-11-23T00:00:00Z"));
        assert!(!good("deis-state", "2027-11-24T00:00:00Z"));
        assert!(!good("deis-state", "2026-11-21T00:00:00Z"));
        assert!(!is_server(&super::tests::authority(), &certificate, "deis-state", "2026-11-23T00:00:00Z"));
    }

    #[test]
    fn a_certificate_is_good_for_a_client_and_names_its_service() {
        let authority = authority();
        let certificate = authority.sign(&leaf(), now()).unwrap().certificate;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(&authority), provider).build().unwrap();
        verifier.verify_client_cert(&der(&certificate), &[], time("2026-11-23T00:00:00Z")).unwrap();
        assert!(About::read(&certificate).unwrap().names.contains("spiffe://deis/state"));
    }

    #[test]
    fn the_authority_signs_no_other_authority() {
        let authority = authority();
        let certificate = der(authority.certificate());
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        let constraints = certificate.basic_constraints().unwrap().unwrap().value;
        assert!(constraints.ca);
        assert_eq!(constraints.path_len_constraint, Some(0));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        assert!(matches!(About::read("nonsense"), Err(CertificateError::Read)));
        assert!(matches!(
            About::read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err(CertificateError::Read)
        ));
    }
}
