//! Stands before the server and holds or loses the COMMIT of the sessions that pass, or the answer to it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// It is not passed on, and its sender waits.
    Hold,
    /// It is not passed on, and both sides are cut off.
    Lose,
    /// It is passed on later, whatever became of its sender.
    Delay,
    /// The answer is not passed on, and its sender waits.
    HoldAnswer,
    /// The answer is not passed on; both sides are cut off, and later connections pass.
    LoseAnswer,
}

pub struct Relay {
    pub port: u16,
    mode: Arc<Mutex<Mode>>,
    commits: Arc<AtomicUsize>,
}

const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";

impl Relay {
    /// Lives as long as the process: tests are short.
    pub fn start(to: u16, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, commits) = (Arc::new(Mutex::new(mode)), Arc::new(AtomicUsize::new(0)));
        let shared = (mode.clone(), commits.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                let held = Arc::new(Mutex::new(Mode::Pass));
                let (back, from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let answers = held.clone();
                thread::spawn(move || pass_answers(back, from, &answers));
                let (mode, commits) = shared.clone();
                thread::spawn(move || pass(client, server, &mode, &held, &commits));
            }
        });
        Self { port, mode, commits }
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    pub async fn until_commit(&self) {
        while self.commits() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, mode: &Mutex<Mode>, held: &Mutex<Mode>, commits: &AtomicUsize) {
    let mut buffer = [0; 16384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        if &buffer[..length] == COMMIT {
            let now = *mode.lock().unwrap();
            *held.lock().unwrap() = now;
            commits.fetch_add(1, Ordering::SeqCst);
            match now {
                Mode::Hold => {
                    let _ = client.read(&mut [0]);
                    return shut(&client, &server);
                }
                Mode::Lose => {
                    *mode.lock().unwrap() = Mode::Pass;
                    return shut(&client, &server);
                }
                Mode::Delay => {
                    while *mode.lock().unwrap() == Mode::Delay {
                        thread::sleep(Duration::from_millis(5));
                    }
                }
                Mode::LoseAnswer => *mode.lock().unwrap() = Mode::Pass,
                Mode::Pass | Mode::HoldAnswer => {}
            }
        }
        if server.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

fn pass_answers(mut server: TcpStream, mut client: TcpStream, held: &Mutex<Mode>) {
    let mut buffer = [0; 16384];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        match *held.lock().unwrap() {
            Mode::HoldAnswer => {}
            Mode::LoseAnswer => return shut(&client, &server),
            _ if client.write_all(&buffer[..length]).is_err() => return,
            _ => {}
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

fn shut(client: &TcpStream, server: &TcpStream) {
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
