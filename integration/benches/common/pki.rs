//! Keys and certificates of the API servers, of who asks them, and of the services.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};

/// The folder with all of them.
pub(crate) struct Pki {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
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
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        drop(issue(&issuer, &folder.join("apiserver"), CertificateParams::new(servers.to_vec()).unwrap()));
        drop(issue(&issuer, &folder.join("platform"), CertificateParams::new([format!("*.{domain}")]).unwrap()));
        let mut admin = CertificateParams::default();
        admin.distinguished_name.push(DnType::CommonName, "bench");
        admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = issue(&issuer, &folder.join("admin"), admin);

        let tokens = KeyPair::generate().unwrap();
        std::fs::write(folder.join("tokens.key"), tokens.serialize_pem()).unwrap();
        std::fs::write(folder.join("tokens.pub"), tokens.public_key_pem()).unwrap();
        Self { authority: issuer.pem(), issuer, folder, certificate, key }
    }

    /// The folder with the identity of this service; it is made when it is missing.
    pub(crate) fn service(&self, name: &str) -> String {
        let folder = self.folder.join(name);
        if !folder.exists() {
            let mut params = CertificateParams::new([format!("deis-{name}")]).unwrap();
            params.subject_alt_names.push(SanType::URI(format!("spiffe://deis/{name}").try_into().unwrap()));
            drop(issue(&self.issuer, &folder, params));
        }
        self.path(name)
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

/// Certificate and key, PEM; they stand in the folder then.
fn issue(issuer: &CertifiedIssuer<'_, KeyPair>, folder: &Path, params: CertificateParams) -> (String, String) {
    std::fs::create_dir_all(folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let (certificate, key) = (params.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem());
    std::fs::write(folder.join("ca.crt"), issuer.pem()).unwrap();
    std::fs::write(folder.join("tls.crt"), &certificate).unwrap();
    std::fs::write(folder.join("tls.key"), &key).unwrap();
    (certificate, key)
}
