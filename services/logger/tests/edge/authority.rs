//! A certificate authority for one test.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes tls.crt, tls.key and ca.crt of a service's name.
    pub(crate) fn certify_service(&self, service: &str, folder: &Path) {
        let uri = format!("spiffe://deis/{service}").try_into().unwrap();
        self.certify(vec![format!("deis-{service}")], SanType::URI(uri), folder);
    }

    fn certify(&self, names: Vec<String>, name: SanType, folder: &Path) {
        let mut params = CertificateParams::new(names).unwrap();
        params.subject_alt_names.push(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), &self.pem).unwrap();
        std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    }
}
