//! A second address for a server: BIND listens only where an interface has its address, and the loopback interface has one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long a thread sleeps before it looks whether it is to end.
const TURN: Duration = Duration::from_millis(50);
/// Longer than BIND takes for anything here.
const ANSWER: Duration = Duration::from_secs(5);

/// Passes on UDP and TCP until dropped.
pub struct Relay {
    over: Arc<AtomicBool>,
}

impl Relay {
    pub fn start(at: SocketAddr, to: SocketAddr) -> io::Result<Relay> {
        let over = Arc::new(AtomicBool::new(false));
        let (udp, tcp) = (UdpSocket::bind(at)?, TcpListener::bind(at)?);
        udp.set_read_timeout(Some(TURN))?;
        tcp.set_nonblocking(true)?;
        let ended = Arc::clone(&over);
        thread::spawn(move || {
            let mut packet = [0; 4096];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = udp.recv_from(&mut packet) else { continue };
                let (question, back) = (packet[..length].to_vec(), udp.try_clone());
                thread::spawn(move || back.and_then(|back| ask(&back, &question, from, to)));
            }
        });
        let ended = Arc::clone(&over);
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match tcp.accept() {
                    Ok((stream, _)) => drop(thread::spawn(move || join(&stream, to))),
                    Err(_) => thread::sleep(TURN),
                }
            }
        });
        Ok(Relay { over })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn ask(back: &UdpSocket, question: &[u8], from: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.send_to(question, to)?;
    let mut packet = [0; 4096];
    let length = socket.recv(&mut packet)?;
    back.send_to(&packet[..length], from).map(drop)
}

/// Both ways, until either side is done.
fn join(client: &TcpStream, to: SocketAddr) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect(to)?;
    let (mut there, mut here) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || pass(&mut there, &mut here));
    pass(&mut client.try_clone()?, &mut server.try_clone()?);
    let _ = back.join();
    Ok(())
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut bytes) {
        if length == 0 || to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
