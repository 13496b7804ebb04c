//! Stands before a DNS server and holds or loses messages that change something.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// A change is not passed on; its sender waits.
    Hold,
    /// A change is passed on when the mode is another one, whatever became of its sender.
    Delay,
    /// A change is passed on; its sender waits for the answer.
    HoldAnswer,
    /// A change is passed on, once its answer is lost.
    LoseAnswer,
}

pub struct Relay {
    pub at: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    /// Changes that came, passed on or not.
    changes: Arc<AtomicUsize>,
    /// Answers of the server to changes.
    answers: Arc<AtomicUsize>,
}

impl Relay {
    /// Lives as long as the process: tests are short.
    pub fn start(to: SocketAddr) -> Relay {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let at = udp.local_addr().unwrap();
        thread::spawn(move || questions(&udp, to));
        let mode = Arc::new(Mutex::new(Mode::Pass));
        let (changes, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (Arc::clone(&mode), Arc::clone(&changes), Arc::clone(&answers));
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                let (mode, changes, answers) = shared.clone();
                thread::spawn(move || message(stream, to, &mode, &changes, &answers));
            }
        });
        Relay { at, mode, changes, answers }
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Until the server has answered that many changes.
    #[track_caller]
    pub fn until_answers(&self, wanted: usize) {
        until(&self.answers, wanted);
    }

    #[track_caller]
    pub fn until_changes(&self, wanted: usize) {
        until(&self.changes, wanted);
    }
}

#[track_caller]
fn until(count: &AtomicUsize, wanted: usize) {
    let begun = Instant::now();
    while count.load(Ordering::SeqCst) < wanted {
        assert!(begun.elapsed() < Duration::from_secs(20), "no change came");
        thread::sleep(Duration::from_millis(10));
    }
}

fn questions(udp: &UdpSocket, to: SocketAddr) {
    let mut packet = [0; 4096];
    while let Ok((length, from)) = udp.recv_from(&mut packet) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let _ = server.send_to(&packet[..length], to);
        if let Ok(length) = server.recv(&mut packet) {
            let _ = udp.send_to(&packet[..length], from);
        }
    }
}

fn message(
    mut client: TcpStream,
    to: SocketAddr,
    mode: &Mutex<Mode>,
    changes: &AtomicUsize,
    answers: &AtomicUsize,
) -> io::Result<()> {
    let bytes = read(&mut client)?;
    // An update with something in its update section; one without only asks.
    let is_change = (bytes[2] >> 3) & 0xf == 5 && bytes[8..10] != [0, 0];
    let now = if is_change { *mode.lock().unwrap() } else { Mode::Pass };
    if is_change {
        changes.fetch_add(1, Ordering::SeqCst);
    }
    if now == Mode::Hold {
        return wait(&mut client);
    }
    while now == Mode::Delay && *mode.lock().unwrap() == Mode::Delay {
        thread::sleep(Duration::from_millis(10));
    }
    let mut server = TcpStream::connect(to)?;
    server.write_all(&[&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat())?;
    let answer = read(&mut server)?;
    answers.fetch_add(usize::from(is_change), Ordering::SeqCst);
    match now {
        Mode::HoldAnswer => wait(&mut client),
        Mode::LoseAnswer => {
            *mode.lock().unwrap() = Mode::Pass;
            Ok(())
        }
        Mode::Pass | Mode::Hold | Mode::Delay => {
            client.write_all(&[&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat())
        }
    }
}

/// Until the other side is gone.
fn wait(client: &mut TcpStream) -> io::Result<()> {
    client.read(&mut [0]).map(drop)
}

fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
