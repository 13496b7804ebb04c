//! An S3 server whose bucket is made up: each key has two versions, and every hundredth got a third one too late.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::{Context, Result};
use jiff::Timestamp;

const PAGE: usize = 1000;
const BAD_EVERY: usize = 100;

pub struct MadeUp {
    port: u16,
    keys: Arc<Vec<AtomicBool>>,
}

impl MadeUp {
    /// Holds about so many versions.
    pub fn start(versions: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let keys: Arc<Vec<AtomicBool>> = Arc::new((0..versions / 2).map(|_| AtomicBool::new(false)).collect());
        let of_server = Arc::clone(&keys);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keys = Arc::clone(&of_server);
                thread::spawn(move || serve(&stream, &keys));
            }
        });
        Ok(Self { port, keys })
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn as_of() -> Timestamp {
        static THEN: OnceLock<Timestamp> = OnceLock::new();
        *THEN.get_or_init(|| "2026-01-01T12:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Every key that was overwritten was copied, and no other one.
    pub fn is_back(&self) -> bool {
        self.keys.iter().enumerate().all(|(at, is_back)| is_back.load(Ordering::SeqCst) == is_bad(at))
    }
}

fn is_bad(key: usize) -> bool {
    key.is_multiple_of(BAD_EVERY)
}

fn serve(stream: &TcpStream, keys: &[AtomicBool]) -> Result<()> {
    let mut from = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            from.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(text) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse()?;
            }
        }
        from.read_exact(&mut vec![0; length])?;
        let (status, body) = answer(&line, keys).with_context(|| line.clone())?;
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut to = stream;
        to.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
}

fn answer(line: &str, keys: &[AtomicBool]) -> Result<(&'static str, String)> {
    let target = line.split(' ').nth(1).context("no target")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if line.starts_with("PUT ") {
        let key = path.rsplit('/').next().context("no key")?.parse::<usize>()?;
        keys[key].store(true, Ordering::SeqCst);
        let result = "<CopyObjectResult><LastModified>2026-01-03T00:00:00.000Z</LastModified><ETag>&quot;good&quot;</ETag>\
                      </CopyObjectResult>";
        return Ok(("200 OK", result.to_owned()));
    }
    let asked: Vec<(&str, &str)> = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let has = |name: &str| asked.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
    if has("versioning").is_some() {
        return Ok((
            "200 OK",
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>".to_owned(),
        ));
    }
    if has("versions").is_some() {
        // `many%2F00000017`
        let after = has("key-marker").filter(|marker| !marker.is_empty());
        let after = after.and_then(|marker| marker.rsplit("%2F").next()).map(str::parse::<usize>).transpose()?;
        return Ok(("200 OK", page(after.map_or(0, |key| key + 1), keys)));
    }
    Ok(("404 Not Found", "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>".to_owned()))
}

/// Whole keys, as many as there is room for.
fn page(first: usize, keys: &[AtomicBool]) -> String {
    let (mut text, mut count, mut key) =
        (String::from("<ListVersionsResult><EncodingType>url</EncodingType>"), 0, first);
    while key < keys.len() && count + 4 <= PAGE {
        let copied = keys[key].load(Ordering::SeqCst).then_some(("copied", "good", "2026-01-03"));
        let bad = is_bad(key).then_some(("bad", "bad", "2026-01-02"));
        let old = [Some(("good", "good", "2026-01-01")), Some(("first", "first", "2025-12-31"))];
        for (at, (id, etag, day)) in [copied, bad].into_iter().chain(old).flatten().enumerate() {
            let _ = write!(
                text,
                "<Version><Key>many%2F{key:08}</Key><VersionId>{id}-of-{key:08}</VersionId><IsLatest>{}</IsLatest>\
                 <LastModified>{day}T00:00:00.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag><Size>1000</Size>\
                 <StorageClass>STANDARD</StorageClass></Version>",
                at == 0
            );
            count += 1;
        }
        key += 1;
    }
    let is_truncated = key < keys.len();
    let _ = write!(text, "<IsTruncated>{is_truncated}</IsTruncated>");
    if is_truncated {
        let last = key - 1;
        let _ = write!(
            text,
            "<NextKeyMarker>many%2F{last:08}</NextKeyMarker><NextVersionIdMarker>first-of-{last:08}</NextVersionIdMarker>"
        );
    }
    text + "</ListVersionsResult>"
}
