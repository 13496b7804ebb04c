//! Bytes to a server and back: UDP for questions, TCP for what is too large or changes something.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// One packet and its answer on a bad network.
const UDP_ANSWER: Duration = Duration::from_secs(2);
const UDP_TRIES: usize = 3;
const CONNECT: Duration = Duration::from_secs(5);
/// A server that has to write a large change to a slow disk answers within it.
const TCP_ANSWER: Duration = Duration::from_secs(30);

/// An exchange over TCP that broke off.
pub struct Broken {
    /// Whether the server may have got the message.
    pub sent: bool,
    pub error: io::Error,
}

/// The answer to a packet. Others than the one asked for are not looked at.
pub async fn over_udp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..UDP_TRIES {
        // A port of its own for every try: an answer cannot be guessed in advance.
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        socket.send(message).await?;
        match timeout(UDP_ANSWER, answer(&socket, message)).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(error)) => {
                last = error;
                // Nobody listens yet: a server that starts needs a moment.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn answer(socket: &UdpSocket, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut packet).await?;
        if length >= 12 && packet[..2] == message[..2] {
            packet.truncate(length);
            return Ok(packet);
        }
    }
}

pub async fn over_tcp(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>, Broken> {
    let connected = timeout(CONNECT, TcpStream::connect(server)).await;
    let mut stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Broken { sent: false, error }),
        Err(_) => return Err(Broken { sent: false, error: io::ErrorKind::TimedOut.into() }),
    };
    let exchanged = timeout(TCP_ANSWER, exchange(&mut stream, message)).await;
    exchanged.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| Broken { sent: true, error })
}

async fn exchange(stream: &mut TcpStream, message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(|_| io::Error::other("a message holds at most 65535 bytes"))?;
    // One write: some servers close on a length without its message.
    let framed = [&length.to_be_bytes(), message].concat();
    stream.write_all(&framed).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    if bytes.get(..2) == message.get(..2) { Ok(bytes) } else { Err(io::Error::other("an answer to another question")) }
}
