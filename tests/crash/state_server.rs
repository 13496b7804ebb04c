//! A server for Terraform's state as its `http` backend speaks to one: GET, POST, LOCK, UNLOCK.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::terraform_states::Remote;

#[derive(Default)]
struct Kept {
    state: Option<String>,
    /// What the holder sent.
    lock: Option<String>,
    refuses_writes: bool,
}

/// Ends with the test's process: it holds nothing but memory.
pub struct StateServer {
    kept: Arc<Mutex<Kept>>,
    port: u16,
}

impl StateServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (kept, port) = (Arc::new(Mutex::new(Kept::default())), listener.local_addr().unwrap().port());
        let shared = kept.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { kept, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/state", self.port)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

impl Remote for StateServer {
    fn is_locked(&self) -> bool {
        self.kept().lock.is_some()
    }

    fn lock_as(&self, id: &str) {
        self.kept().lock = Some(format!(r#"{{"ID":"{id}"}}"#));
    }

    fn unlock(&self) {
        self.kept().lock = None;
    }

    fn refuse_writes(&self, refuses: bool) {
        self.kept().refuses_writes = refuses;
    }

    fn state(&self) -> String {
        self.kept().state.clone().unwrap_or_default()
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, kept: &Mutex<Kept>) {
    let Some((method, body)) = request(&stream) else { return };
    let (code, answer) = answer(&method, body, &mut kept.lock().unwrap());
    let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all(format!("{head}{answer}").as_bytes());
}

fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let method = line.split(' ').next()?.to_string();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, String::from_utf8(body).ok()?))
}

fn answer(method: &str, body: String, kept: &mut Kept) -> (u16, String) {
    let id = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok().map(|value| value["ID"].clone());
    match method {
        "GET" => kept.state.clone().map_or((404, String::new()), |state| (200, state)),
        "POST" if kept.refuses_writes => (403, String::new()),
        "POST" => {
            kept.state = Some(body);
            (200, String::new())
        }
        "LOCK" => match &kept.lock {
            Some(held) => (423, held.clone()),
            None => {
                kept.lock = Some(body);
                (200, String::new())
            }
        },
        // Only the lock that is named; `force-unlock` names it by nothing but its id.
        "UNLOCK" => match &kept.lock {
            Some(held) if !body.is_empty() && id(held) != id(&body) => (409, held.clone()),
            _ => {
                kept.lock = None;
                (200, String::new())
            }
        },
        _ => (405, String::new()),
    }
}
