//! Terraform's state in a bucket: the rig's S3, and a way to it that can refuse to write the state.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use rig::Scratch;
use rig::servers::Moto;

use super::terraform_states::Remote;

/// One for all tests that run at the same time; it ends with the last of them.
struct Shared {
    // Dropped before the scratch it lives in.
    s3: Moto,
    _scratch: Scratch,
}

fn shared() -> Arc<Shared> {
    static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let scratch = Scratch::new().unwrap();
        let made = Arc::new(Shared { s3: Moto::start(&scratch).unwrap(), _scratch: scratch });
        *shared = Arc::downgrade(&made);
        made
    })
}

/// A bucket of one test's own.
pub struct StateBucket {
    shared: Arc<Shared>,
    pub name: String,
    pub endpoint: String,
    refuses_writes: Arc<AtomicBool>,
}

/// The object with the state; its lock lies beside it.
pub const KEY: &str = "platform.tfstate";

impl StateBucket {
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shared = shared();
        let name = format!("states-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        assert_eq!(shared.s3.ask("PUT", &format!("/{name}"), "").unwrap().0, 200);
        let (listener, refuses_writes) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicBool::new(false)));
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (refuses, port) = (refuses_writes.clone(), shared.s3.port());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let refuses = refuses.clone();
                thread::spawn(move || pass_on(stream, port, &refuses));
            }
        });
        Self { shared, name, endpoint, refuses_writes }
    }

    fn ask(&self, method: &str, key: &str, body: &str) -> (u16, String) {
        self.shared.s3.ask(method, &format!("/{}/{key}", self.name), body).unwrap()
    }

    fn lock_key() -> String {
        format!("{KEY}.tflock")
    }
}

impl Remote for StateBucket {
    fn is_locked(&self) -> bool {
        self.ask("GET", &Self::lock_key(), "").0 == 200
    }

    fn lock_as(&self, id: &str) {
        let info = serde_json::json!({
            "ID": id, "Operation": "OperationTypeApply", "Info": "", "Who": "ana@desk", "Version": "1.11.4",
            "Created": "2026-11-24T20:55:47.992801478Z", "Path": format!("{}/{KEY}", self.name),
        });
        assert_eq!(self.ask("PUT", &Self::lock_key(), &info.to_string()).0, 200);
    }

    fn unlock(&self) {
        self.ask("DELETE", &Self::lock_key(), "");
    }

    fn refuse_writes(&self, refuses: bool) {
        self.refuses_writes.store(refuses, Ordering::Relaxed);
    }

    fn state(&self) -> String {
        match self.ask("GET", KEY, "") {
            (200, state) => state,
            _ => String::new(),
        }
    }
}

/// One request a connection, as it is, unless it would write the state and must not.
fn pass_on(mut client: TcpStream, port: u16, refuses: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let of = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    if of("expect:").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = vec![0; of("content-length:").and_then(|text| text.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let writes_state = head.starts_with("PUT ") && head.lines().next()?.split(' ').nth(1)?.contains(&format!("{KEY}?"));
    if writes_state && refuses.load(Ordering::Relaxed) {
        let why = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let answer = format!("HTTP/1.1 403 X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}", why.len());
        return client.write_all(answer.as_bytes()).ok();
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let kept = head.lines().filter(|line| {
        let line = line.to_lowercase();
        !line.is_empty() && !line.starts_with("expect:") && !line.starts_with("connection:")
    });
    let head = kept.collect::<Vec<_>>().join("\r\n");
    server.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    io::copy(&mut server, &mut client).ok()?;
    client.shutdown(Shutdown::Both).ok()
}
