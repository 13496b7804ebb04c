//! A session's byte stream, taken back from the driver once it is logged in.
//!
//! Why: rows pass through regrow unread. `CopyData` has the same bytes in both directions, so a buffer that came from one
//! server goes to the other as it is; through the driver each row is parsed, allocated and framed again, and on a machine
//! that also runs both servers that time is theirs. Login, TLS and settings stay the driver's work: it is given a stream
//! that is only lent ([`Lent`]), and gives it up between two statements, when nothing is under way.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

pub type Duplex = Box<dyn TlsStream + Send + Unpin>;
type Slot = Arc<Mutex<Option<Duplex>>>;

/// A stream that its owner can take back.
pub struct Lent(Slot);

impl Lent {
    fn new(stream: Duplex) -> (Self, Slot) {
        let slot = Arc::new(Mutex::new(Some(stream)));
        (Self(slot.clone()), slot)
    }

    fn with<T>(&self, act: impl FnOnce(Pin<&mut Duplex>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

impl TlsStream for Lent {
    fn channel_binding(&self) -> ChannelBinding {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map_or_else(ChannelBinding::none, |stream| stream.channel_binding())
    }
}

/// A socket of either family.
enum Plain {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncRead for Plain {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Plain::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Plain::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Plain {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Plain::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Plain::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Plain::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Plain::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Plain::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Plain::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl TlsStream for Plain {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// Does TLS, and lends the driver what lies inside.
struct Tap {
    tls: <MakeRustlsConnect as MakeTlsConnect<Lent>>::TlsConnect,
    inside: Arc<Mutex<Option<Slot>>>,
}

impl TlsConnect<Lent> for Tap {
    type Stream = Lent;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Lent>> + Send>>;

    fn connect(self, stream: Lent) -> Self::Future {
        Box::pin(async move {
            let (lent, slot) = Lent::new(Box::new(self.tls.connect(stream).await?));
            *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
            Ok(lent)
        })
    }
}

/// A logged in client, the driver that moves its bytes, and the place where the stream can be taken from once the driver
/// is gone.
pub struct Tapped {
    pub client: Client,
    pub driver: tokio::task::JoinHandle<()>,
    pub stream: Tapping,
}

pub struct Tapping(Slot);

impl Tapping {
    pub fn take(&self) -> Option<Duplex> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub async fn connect(config: &Config, mut tls: MakeRustlsConnect) -> Result<Tapped, Problem> {
    let mut last = None;
    for (at, host) in config.get_hosts().iter().enumerate() {
        let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
        match dial(host, port).await {
            Ok(stream) => return log_in(config, &mut tls, host, stream).await.map_err(Problem::Driver),
            Err(error) => last = Some(error),
        }
    }
    Err(Problem::Socket(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
}

/// Why a connection was not had.
pub enum Problem {
    Socket(io::Error),
    Driver(tokio_postgres::Error),
}

async fn log_in(
    config: &Config,
    tls: &mut MakeRustlsConnect,
    host: &Host,
    stream: Plain,
) -> Result<Tapped, tokio_postgres::Error> {
    let (name, named) = match host {
        Host::Tcp(name) => (name.as_str(), true),
        Host::Unix(_) => ("localhost", false),
    };
    let Ok(tls) = MakeTlsConnect::<Lent>::make_tls_connect(tls, name);
    let inside = Arc::new(Mutex::new(None));
    let (lent, outside) = Lent::new(Box::new(stream));
    let tap = Tap { tls, inside: inside.clone() };
    let (client, connection) = connect_raw(config, lent, tap, named).await?;
    let driver = tokio::spawn(async move {
        // Its errors reach the caller through the client's next call.
        let _ = connection.await;
    });
    let inside = inside.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Tapped { client, driver, stream: Tapping(inside.unwrap_or(outside)) })
}

async fn connect_raw(
    config: &Config,
    stream: Lent,
    tap: Tap,
    named: bool,
) -> Result<(Client, tokio_postgres::Connection<Lent, Lent>), tokio_postgres::Error> {
    if named {
        return config.connect_raw(stream, tap).await;
    }
    // A socket has no name that a certificate could hold; libpq does no TLS on it either.
    let mut config = config.clone();
    config.ssl_mode(tokio_postgres::config::SslMode::Disable).connect_raw(stream, tap).await
}

async fn dial(host: &Host, port: u16) -> io::Result<Plain> {
    let name = match host {
        Host::Unix(folder) => {
            return Ok(Plain::Unix(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?));
        }
        Host::Tcp(name) => name,
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host((name.as_str(), port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_keepalive(true)?;
        socket.set_nodelay(true)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(Plain::Tcp(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
