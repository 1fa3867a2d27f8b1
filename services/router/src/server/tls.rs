use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fs, io};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::{self, CertificateError};
use crate::table::{Host, Live};

/// The platform's wildcard certificate, read again when its file has changed: asking the file at each handshake costs a microsecond
/// and needs no watcher. While there is none, handshakes fail.
#[derive(Debug)]
pub(crate) struct PlatformCertificate {
    folder: PathBuf,
    /// When the file that was read last had been changed; a bad one is not read again until it is another.
    read: Mutex<Option<SystemTime>>,
    current: ArcSwapOption<CertifiedKey>,
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl PlatformCertificate {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let certificate = Self { folder, read: Mutex::default(), current: ArcSwapOption::empty() };
        if certificate.fresh().is_none() {
            tracing::warn!(folder = %certificate.folder.display(), "there is no platform certificate yet: HTTPS is served for domains with a certificate of their own alone");
        }
        certificate
    }

    fn fresh(&self) -> Option<Arc<CertifiedKey>> {
        let changed = fs::metadata(self.folder.join("tls.crt")).and_then(|file| file.modified()).ok();
        let mut read_at = self.read.lock();
        if changed.is_some() && changed != *read_at {
            *read_at = changed;
            match read(&self.folder) {
                Ok(certificate) => {
                    tracing::info!("took up a platform certificate");
                    self.current.store(Some(Arc::new(certificate)));
                }
                Err(error) => tracing::warn!(%error, "the platform certificate cannot be used"),
            }
        }
        self.current.load_full()
    }
}

/// Which certificate a handshake is answered with: that of the domain that the client names, else the platform's, also for names that nobody
/// has. One that is replaced is so for the next handshake; connections that there are stay.
#[derive(Debug)]
pub(crate) struct Certificates {
    live: Arc<Live>,
    platform: PlatformCertificate,
}

impl Certificates {
    pub(crate) fn new(live: Arc<Live>, platform: PlatformCertificate) -> Self {
        Self { live, platform }
    }

    /// How HTTPS is served: TLS 1.2 and 1.3, HTTP/2 where the client can, sessions resumed by tickets.
    pub(crate) fn server_config(self) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().and_then(Host::parse);
        let of_domain = host.and_then(|host| self.live.table().certificate(&host).cloned());
        of_domain.or_else(|| self.platform.fresh())
    }
}

fn read(folder: &Path) -> Result<CertifiedKey, Unusable> {
    let (chain, key) = (fs::read(folder.join("tls.crt"))?, fs::read(folder.join("tls.key"))?);
    Ok(certificate::read(&chain, &key)?)
}
