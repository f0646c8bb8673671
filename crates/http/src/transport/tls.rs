//! A TLS configuration from the files an operator has.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// Why the files do not make a TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file.
    #[error(
        "the certificate file {path} cannot be used: {cause}; it must hold the chain as PEM, the server's own first"
    )]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: pem::Error,
    },
    /// The key file.
    #[error(
        "the key file {path} cannot be used: {cause}; it must hold one unencrypted private key as PEM"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: pem::Error,
    },
    /// The two do not go together, or are of a kind not supported.
    #[error("certificate {certificate} and key {key} do not go together: {cause}")]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What is wrong.
        cause: rustls::Error,
    },
}

/// The TLS configuration of a certificate chain and its key, both PEM files.
///
/// # Errors
/// Which file is wrong, and how.
pub fn tls_from_pem(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |cause| TlsError::Certificate {
        path: certificate.to_owned(),
        cause,
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(unusable)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    if chain.is_empty() {
        return Err(unusable(pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::Key {
        path: key.to_owned(),
        cause,
    })?;
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map(Arc::new)
        .map_err(|cause| TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            cause,
        })
}
