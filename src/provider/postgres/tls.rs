//! TLS as libpq has it: `prefer` and `require` encrypt without asking who it is, `verify-ca` wants a certificate signed by
//! a known authority, `verify-full` wants the host's name in it as well.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::SslMode;
use crate::model::Fault;
use crate::provider::tls::roots;

pub fn connector(mode: SslMode, ca: Option<&Path>) -> Result<MakeRustlsConnect, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new("RG2103", "TLS cannot be set up").caused_by(&error))?;
    let config = match mode {
        SslMode::VerifyFull => builder.with_root_certificates(roots(ca, "RG2103")?),
        SslMode::VerifyCa => trusting(builder, Trust { provider, signed: Some(verifier(ca)?) }),
        // libpq treats `require` with a root certificate as `verify-ca`.
        SslMode::Require if ca.is_some() => trusting(builder, Trust { provider, signed: Some(verifier(ca)?) }),
        SslMode::Require | SslMode::Prefer | SslMode::Disable => trusting(builder, Trust { provider, signed: None }),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

type WantsVerifier = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;
type WantsClientCert = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn trusting(builder: WantsVerifier, trust: Trust) -> WantsClientCert {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(trust))
}

fn verifier(ca: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca, "RG2103")?), provider)
        .build()
        .map_err(|error| Fault::new("RG2103", "the certificates of `ca` cannot be used").caused_by(&error))
}

/// Believes any certificate, or any that is signed by a known authority, whatever name it holds.
#[derive(Debug)]
struct Trust {
    provider: Arc<CryptoProvider>,
    signed: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        match signed.verify_server_cert(end, chain, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
