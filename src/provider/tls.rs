//! Whose certificates are believed: those of a file, or of the authorities that the machine trusts.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::model::Fault;

/// Where distributions keep the authorities they trust.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// `code` is the caller's for what goes wrong with TLS.
pub fn roots(ca: Option<&Path>, code: &str) -> Result<RootCertStore, Fault> {
    let file = match ca {
        Some(file) => file,
        None => SYSTEM_BUNDLES.iter().map(Path::new).find(|file| file.exists()).ok_or_else(|| {
            Fault::new(code, "no certificate authorities are known on this machine").hint("name a file with `ca`")
        })?,
    };
    let unreadable = |error: &dyn std::error::Error| {
        Fault::new(code, format!("the certificates in `{}` cannot be read", file.display())).caused_by(error)
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
        store.add(certificate.map_err(|error| unreadable(&error))?).map_err(|error| unreadable(&error))?;
    }
    Ok(store)
}
