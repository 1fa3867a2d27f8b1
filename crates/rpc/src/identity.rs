use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Who this process is among the services: the certificate, key and authority in one folder (`tls.crt`, `tls.key`, `ca.crt`, the
/// keys of a Kubernetes TLS Secret).
///
/// Renewed files are taken up by the next connection. Files that cannot be read then are reported and the old ones stay in use.
#[derive(Clone, Debug)]
pub struct Identity {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    current: ArcSwap<Material>,
}

#[derive(Debug)]
struct Material {
    changed: Option<SystemTime>,
    service: String,
    mutual: Arc<ServerConfig>,
    anonymous: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// The files of an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file is missing or cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// A file is not PEM, or holds something else.
    #[error("{0} is not what it should be")]
    Pem(PathBuf, #[source] rustls_pki_types::pem::Error),
    /// The certificate names no service.
    #[error("the certificate in {0} has no URI of the form spiffe://deis/<service>")]
    Nameless(PathBuf),
    /// Key and certificate do not fit, or the authority cannot be used.
    #[error("the certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// The authority cannot be used to verify clients.
    #[error("the authority cannot be used")]
    Authority(#[from] rustls::server::VerifierBuilderError),
}

impl Identity {
    /// Reads the three files.
    ///
    /// # Errors
    /// One of them is missing or cannot be used.
    pub fn load(folder: impl Into<PathBuf>) -> Result<Self, IdentityError> {
        let folder = folder.into();
        let current = ArcSwap::from_pointee(read(&folder)?);
        Ok(Self { inner: Arc::new(Inner { folder, current }) })
    }

    /// The service's own name, from its certificate: "builder".
    #[must_use]
    pub fn service(&self) -> String {
        self.inner.current.load().service.clone()
    }

    /// For a listener on which every client shows a certificate of the authority.
    pub(crate) fn mutual_server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.fresh().mutual)
    }

    /// For a listener whose clients have no certificate.
    pub(crate) fn anonymous_server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.fresh().anonymous)
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.fresh().client)
    }

    /// The material, read again when the certificate's file has changed. Asking the file at each handshake costs a microsecond
    /// and needs no watcher.
    fn fresh(&self) -> Arc<Material> {
        let current = self.inner.current.load_full();
        if modified(&self.inner.folder) == current.changed {
            return current;
        }
        match read(&self.inner.folder) {
            Ok(material) => {
                tracing::info!(service = material.service, "took up renewed certificates");
                let material = Arc::new(material);
                self.inner.current.store(Arc::clone(&material));
                material
            }
            Err(error) => {
                tracing::warn!(%error, "renewed certificates cannot be used, the old ones stay");
                current
            }
        }
    }
}

fn modified(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder.join("tls.crt")).and_then(|file| file.modified()).ok()
}

fn read(folder: &Path) -> Result<Material, IdentityError> {
    // Before the files: a change while they are read shows at the next handshake.
    let changed = modified(folder);
    let (authority, certificate, key) = (folder.join("ca.crt"), folder.join("tls.crt"), folder.join("tls.key"));

    let mut roots = RootCertStore::empty();
    for root in certificates(&authority)? {
        roots.add(root)?;
    }
    let roots = Arc::new(roots);
    let chain = certificates(&certificate)?;
    let service = chain.first().and_then(service_name).ok_or(IdentityError::Nameless(certificate))?;
    let key = PrivateKeyDer::from_pem_slice(&contents(&key)?).map_err(|error| IdentityError::Pem(key, error))?;

    let verifier = WebPkiClientVerifier::builder(Arc::clone(&roots)).build()?;
    let mut mutual =
        ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain.clone(), key.clone_key())?;
    let mut anonymous =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain.clone(), key.clone_key())?;
    let mut client = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    mutual.alpn_protocols = vec![b"h2".to_vec()];
    anonymous.alpn_protocols = vec![b"h2".to_vec()];
    client.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Material {
        changed,
        service,
        mutual: Arc::new(mutual),
        anonymous: Arc::new(anonymous),
        client: Arc::new(client),
    })
}

fn contents(path: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(path).map_err(|error| IdentityError::Read(path.to_owned(), error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    CertificateDer::pem_slice_iter(&contents(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| IdentityError::Pem(path.to_owned(), error))
}

/// The service that a certificate names: its URI `spiffe://deis/{service}` (SPIFFE ID, section 2).
pub(crate) fn service_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_rest, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        x509_parser::extensions::GeneralName::URI(uri) => uri.strip_prefix("spiffe://deis/").map(ToOwned::to_owned),
        _ => None,
    })
}
