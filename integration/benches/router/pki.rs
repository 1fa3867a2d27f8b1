//! Keys and certificates of the API servers, of who asks them, and of the routers.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};

/// The folder with all of them.
pub(crate) struct Pki {
    folder: PathBuf,
    /// What a kubeconfig has to say besides the server.
    authority: String,
    certificate: String,
    key: String,
}

impl Pki {
    /// `servers` are the addresses of API servers, `domain` the platform's.
    pub(crate) fn make(folder: PathBuf, servers: &[String], domain: &str) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |folder: &Path, params: CertificateParams| {
            std::fs::create_dir_all(folder).unwrap();
            let key = KeyPair::generate().unwrap();
            let (certificate, key) = (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem());
            std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
            std::fs::write(folder.join("tls.crt"), &certificate).unwrap();
            std::fs::write(folder.join("tls.key"), &key).unwrap();
            (certificate, key)
        };
        drop(issue(&folder.join("apiserver"), CertificateParams::new(servers.to_vec()).unwrap()));
        drop(issue(&folder.join("platform"), CertificateParams::new([format!("*.{domain}")]).unwrap()));
        let mut router = CertificateParams::new(["deis-router".to_owned()]).unwrap();
        router.subject_alt_names.push(SanType::URI("spiffe://deis/router".try_into().unwrap()));
        drop(issue(&folder.join("router"), router));
        let mut admin = CertificateParams::default();
        admin.distinguished_name.push(DnType::CommonName, "bench");
        admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = issue(&folder.join("admin"), admin);

        let tokens = KeyPair::generate().unwrap();
        std::fs::write(folder.join("tokens.key"), tokens.serialize_pem()).unwrap();
        std::fs::write(folder.join("tokens.pub"), tokens.public_key_pem()).unwrap();
        Self { authority: authority.pem(), folder, certificate, key }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// The authority's certificate, PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// A kubeconfig for an API server; its path.
    pub(crate) fn kubeconfig(&self, server: &str) -> String {
        let [authority, certificate, key] =
            [&self.authority, &self.certificate, &self.key].map(|pem| STANDARD.encode(pem));
        let text = format!(
            "apiVersion: v1
kind: Config
clusters:
- name: bench
  cluster: {{server: 'https://{server}:6443', certificate-authority-data: {authority}}}
users:
- name: bench
  user: {{client-certificate-data: {certificate}, client-key-data: {key}}}
contexts:
- name: bench
  context: {{cluster: bench, user: bench}}
current-context: bench
"
        );
        let path = self.path(&format!("{server}.kubeconfig"));
        std::fs::write(&path, text).unwrap();
        path
    }
}
