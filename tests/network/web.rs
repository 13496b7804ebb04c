//! A web server of the tests: counts, holds and loses what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<String>,
    pub body: String,
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    pub fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    /// Requests whose first line begins so.
    pub fn count(&self, start: &str) -> usize {
        self.all().iter().filter(|seen| seen.line.starts_with(start)).count()
    }

    #[track_caller]
    pub fn until(&self, start: &str) {
        let begun = Instant::now();
        while self.count(start) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "`{start}` did not come");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

pub struct Web {
    pub at: SocketAddr,
    pub log: Log,
}

/// Writes what it answers; an empty answer loses the connection.
type Answer = dyn Fn(&Seen, &[Seen]) -> String + Send + Sync;

impl Web {
    /// `answer` gets the request and all that came before it.
    pub fn start(answer: impl Fn(&Seen, &[Seen]) -> String + Send + Sync + 'static) -> Web {
        let (listener, log) = (TcpListener::bind("127.0.0.1:0").unwrap(), Log::default());
        let (at, shared, answer) = (listener.local_addr().unwrap(), log.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer) = (shared.clone(), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Web { at, log }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }
}

fn serve(stream: impl Read + Write, log: &Log, answer: &Answer) {
    let mut stream = BufReader::new(stream);
    let Some(seen) = read(&mut stream) else { return };
    let before = log.all();
    log.0.lock().unwrap().push(seen.clone());
    let text = answer(&seen, &before);
    let _ = stream.get_mut().write_all(text.as_bytes());
    let _ = stream.get_mut().flush();
}

fn read(stream: &mut impl BufRead) -> Option<Seen> {
    let mut line = || {
        let mut text = String::new();
        stream.read_line(&mut text).ok().filter(|length| *length > 0)?;
        Some(text.trim_end().to_string())
    };
    let first = line()?;
    let mut headers = Vec::new();
    while let Some(header) = line().filter(|text| !text.is_empty()) {
        headers.push(header);
    }
    let length = headers.iter().find_map(|header| header.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { line: first, headers, body: String::from_utf8(body).ok()? })
}

/// A whole answer.
pub fn says(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
}

/// A server with a certificate of its own authority for `localhost`, which is written to `ca`.
pub fn encrypted(ca: &Path) -> SocketAddr {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(ca, certificate.pem()).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream: rustls::StreamOwned<_, TcpStream> = rustls::StreamOwned::new(connection, stream);
            thread::spawn(move || serve(stream, &Log::default(), &|_, _| says(200, "", "sealed")));
        }
    });
    at
}
