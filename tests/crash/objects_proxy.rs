//! Between regrow and an S3 server: refuses, breaks off and loses answers as it is told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    Passes,
    /// `SlowDown`.
    Refused,
    /// `AccessDenied`.
    Denied,
    /// 200, and in the body that it failed.
    FailsWithin,
    /// The server says that it deleted, and did not.
    Pretended,
    /// It is done, and nobody hears of it.
    AnswerLost,
    /// It is done, and every ETag is another one than that of the content, as where a server encrypts with keys of its own.
    OwnEtags,
    /// Times are told in whole seconds, as AWS and most others do.
    WholeSeconds,
    /// Refused with this status and code.
    Says(&'static str, &'static str),
    /// Nobody is there.
    Gone,
}

/// A page of a listing takes long, as from far away, until the server is said to be near: a bucket that is far away is gone
/// through in several listings at once.
pub fn far(near: &'static AtomicBool) -> impl Fn(&str, u32) -> Fate + Clone + Send + Sync + 'static {
    move |head, _| {
        let line = head.lines().next().unwrap_or_default();
        if !near.load(Ordering::SeqCst)
            && (line.contains("versions&") || line.contains("list-type=2"))
            && !line.contains("delimiter")
        {
            thread::sleep(Duration::from_millis(700));
        }
        Fate::Passes
    }
}

pub struct Proxy {
    port: u16,
    /// How many requests there were.
    pub requests: Arc<AtomicU32>,
}

impl Proxy {
    /// `fate` is told the head of a request and its number.
    pub fn start(server: &str, fate: impl Fn(&str, u32) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, requests) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
        let server = server.trim_start_matches("http://").to_owned();
        let (count, fate) = (Arc::clone(&requests), Arc::new(fate));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, count, fate) = (server.clone(), Arc::clone(&count), Arc::clone(&fate));
                thread::spawn(move || serve(stream, &server, &*fate, &count));
            }
        });
        Self { port, requests }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// One request a connection: the server is told to close behind its answer.
fn serve(mut from: TcpStream, server: &str, fate: &dyn Fn(&str, u32) -> Fate, count: &AtomicU32) -> Option<()> {
    let (head, body) = request(&mut from)?;
    let fate = fate(&head, count.fetch_add(1, Ordering::SeqCst));
    let says = |status: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    let fails = |status: &str, code: &str| {
        says(status, &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as told</Message></Error>"))
    };
    let answer = match fate {
        Fate::Gone => return None,
        Fate::Refused => fails("503 Slow Down", "SlowDown"),
        Fate::Denied => fails("403 Forbidden", "AccessDenied"),
        Fate::Says(status, code) => fails(status, code),
        Fate::FailsWithin => fails("200 OK", "InternalError"),
        Fate::Pretended => says("200 OK", "<?xml version=\"1.0\"?><DeleteResult></DeleteResult>"),
        Fate::Passes | Fate::AnswerLost | Fate::OwnEtags | Fate::WholeSeconds => {
            let mut to = TcpStream::connect(server).ok()?;
            to.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).ok()?;
            to.write_all(&body).ok()?;
            let mut answer = Vec::new();
            to.read_to_end(&mut answer).ok()?;
            match fate {
                Fate::OwnEtags => with_own_etags(answer),
                Fate::WholeSeconds => in_whole_seconds(answer),
                _ => answer,
            }
        }
    };
    if fate != Fate::AnswerLost {
        from.write_all(&answer).ok()?;
    }
    None
}

/// Every word of 32 digits read from its end.
fn with_own_etags(mut answer: Vec<u8>) -> Vec<u8> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    for word in answer.chunk_by_mut(|one, other| is_digit(one) == is_digit(other)) {
        if word.len() == 32 && is_digit(&word[0]) {
            word.reverse();
        }
    }
    answer
}

/// `.123Z` becomes `.000Z`.
fn in_whole_seconds(mut answer: Vec<u8>) -> Vec<u8> {
    let end = b"Z</LastModified>";
    for at in 4..answer.len() {
        if answer[at..].starts_with(end) && answer[at - 4] == b'.' {
            answer[at - 3..at].fill(b'0');
        }
    }
    answer
}

fn request(from: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match from.read(&mut chunk).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = bytes[end..].to_vec();
    while body.len() < length.unwrap_or(0) {
        match from.read(&mut chunk).ok()? {
            0 => return None,
            read => body.extend_from_slice(&chunk[..read]),
        }
    }
    Some((head, body))
}
