//! A connection to where a URL leads, with TLS where it says so.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::model::{Fault, RetryClass};
use crate::provider::tls::roots;

/// Plain or encrypted.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Told apart because "nobody listens" can be what is wanted.
pub enum Unreached {
    Refused(Fault),
    Other(Fault),
}

pub async fn connect(url: &Url, ca: Option<&Path>) -> Result<Stream, Unreached> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| {
        let fault =
            Fault::new("RG2601", format!("nobody answers at {host}:{port}")).retry(RetryClass::Later).caused_by(&error);
        if error.kind() == io::ErrorKind::ConnectionRefused {
            Unreached::Refused(fault)
        } else {
            Unreached::Other(fault)
        }
    })?;
    if url.scheme() == "http" {
        return Ok(Stream::Plain(stream));
    }
    encrypted(stream, host, ca).await.map_err(Unreached::Other)
}

async fn encrypted(stream: TcpStream, host: String, ca: Option<&Path>) -> Result<Stream, Fault> {
    let failed = |error: &dyn std::error::Error| {
        Fault::new("RG2602", format!("TLS with {host} fails"))
            .hint("the certificate has to hold this name and be signed by an authority that is trusted; `ca` names a file with yours")
            .caused_by(error)
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots(ca, "RG2602")?)
        .with_no_client_auth();
    let name = ServerName::try_from(host.clone()).map_err(|error| failed(&error))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| failed(&error))?;
    Ok(Stream::Tls(Box::new(stream)))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
