//! From the texts of a certificate and its key to what a handshake needs.

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The longest chain and the longest key, in bytes of PEM: what a certificate may take of the router's memory.
const MAX_CHAIN: usize = 64 * 1024;
const MAX_KEY: usize = 16 * 1024;

/// A certificate cannot be served. Nothing of the texts is quoted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("it has no certificate in PEM form")]
    Chain,
    #[error("it has no key in PEM form")]
    Key,
    #[error("it is longer than any certificate")]
    TooLong,
    #[error("key and certificate cannot be used together")]
    Pair(#[from] rustls::Error),
}

/// Reads a chain, leaf first, and the key of its leaf.
pub(crate) fn read(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, CertificateError> {
    if chain.len() > MAX_CHAIN || key.len() > MAX_KEY {
        return Err(CertificateError::TooLong);
    }
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_quotes_it| CertificateError::Key)?;
    Ok(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?)
}
