//! COPY out of one server and into another; the rows are passed on as they are.
//!
//! Promises: what the source sent is what the target got, byte for byte; an error of either side ends the stream with that
//! side's words; a stream that ends early never counts as done, since the target commits only after `CopyDone`.
//!
//! Messages: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::fault::server_fault;
use super::raw::Duplex;
use super::row_sum::RowSum;
use crate::model::{Fault, RetryClass};

/// One read of the source and one write to the target; larger ones were not faster.
const BUFFER: usize = 256 * 1024;
/// No message that is not a row is longer than this.
const LONGEST_WORD: usize = 1 << 20;

/// How far all streams of one load are.
#[derive(Default)]
pub struct Progress {
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
}

/// A session that speaks the protocol itself: simple queries and COPY.
pub struct Wire {
    stream: Duplex,
    place: String,
    /// Read, not yet looked at.
    unread: Vec<u8>,
}

enum Word {
    /// Tag of a command: `COPY 17`.
    Done(String),
    Ready,
    CopyBegins,
    Other,
}

impl Wire {
    pub(super) fn new(stream: Duplex, place: String) -> Self {
        Self { stream, place, unread: Vec::new() }
    }

    /// Runs statements to their end; the number in the last one's tag.
    pub async fn run(&mut self, sql: &str) -> Result<u64, Fault> {
        self.ask(sql).await?;
        self.settle().await
    }

    async fn ask(&mut self, sql: &str) -> Result<(), Fault> {
        let mut message = vec![b'Q'];
        let length = u32::try_from(sql.len() + 5).map_err(|_| Fault::new("RG2106", "a statement is too long"))?;
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(sql.as_bytes());
        message.push(0);
        self.write(&message).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await.map_err(|error| self.cut(&error))?;
        self.stream.flush().await.map_err(|error| self.cut(&error))
    }

    fn cut(&self, error: &io::Error) -> Fault {
        Fault::new("RG2104", format!("the connection to {} was cut", self.place))
            .retry(RetryClass::Now)
            .caused_by(error)
    }

    /// Reads until the server waits for the next statement. Its error comes before that and is given then.
    async fn settle(&mut self) -> Result<u64, Fault> {
        let (mut count, mut failed) = (0, None);
        loop {
            match self.word().await {
                Ok(Word::Done(tag)) => count = tag.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0),
                Ok(Word::Ready) => return failed.map_or(Ok(count), Err),
                Ok(Word::CopyBegins | Word::Other) => {}
                Err(fault) if fault.code == "RG2104" => return Err(failed.unwrap_or(fault)),
                Err(fault) => failed = Some(fault),
            }
        }
    }

    /// Asks for a COPY; the stream is open afterwards.
    async fn begin(&mut self, sql: &str) -> Result<(), Fault> {
        self.ask(sql).await?;
        loop {
            match self.word().await {
                Ok(Word::CopyBegins) => return Ok(()),
                Ok(Word::Ready) => return Err(Fault::new("RG2106", "a COPY did not begin")),
                Ok(_) => {}
                Err(fault) => {
                    if fault.code != "RG2104" {
                        self.settle().await?;
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// The next message that is not a row.
    async fn word(&mut self) -> Result<Word, Fault> {
        let (tag, body) = self.message().await?;
        Ok(match tag {
            b'E' => return Err(self.refused(&body)),
            b'C' => Word::Done(String::from_utf8_lossy(body.strip_suffix(&[0]).unwrap_or(&body)).into_owned()),
            b'Z' => Word::Ready,
            b'G' | b'H' => Word::CopyBegins,
            _ => Word::Other,
        })
    }

    async fn message(&mut self) -> Result<(u8, Vec<u8>), Fault> {
        loop {
            if let Some((tag, length)) = header(&self.unread) {
                if tag != b'd' && length > LONGEST_WORD {
                    return Err(Fault::new("RG2104", format!("{} answers in an unknown language", self.place)));
                }
                if self.unread.len() > length {
                    let rest = self.unread.split_off(length + 1);
                    let message = std::mem::replace(&mut self.unread, rest);
                    return Ok((tag, message[5..].to_vec()));
                }
            }
            let mut chunk = [0; 8192];
            match self.stream.read(&mut chunk).await {
                Ok(0) => return Err(self.cut(&io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) => return Err(self.cut(&error)),
            }
        }
    }

    /// The fields of an `ErrorResponse`: a letter and a text each.
    fn refused(&self, body: &[u8]) -> Fault {
        let fields: Vec<(u8, String)> = body
            .split(|byte| *byte == 0)
            .filter_map(|field| field.split_first())
            .map(|(key, text)| (*key, String::from_utf8_lossy(text).into_owned()))
            .collect();
        let field = |key: u8| fields.iter().find(|(k, _)| *k == key).map_or("", |(_, text)| text.as_str());
        server_fault(&self.place, field(b'S'), field(b'C'), field(b'M'), field(b'n'), field(b'W'))
    }

    /// What has come meanwhile, without waiting: an error of the target in the middle of a COPY.
    async fn peek(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 1024];
        let stream = &mut self.stream;
        let unread = &mut self.unread;
        std::future::poll_fn(move |cx| {
            let mut buf = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(cx, &mut buf) {
                Poll::Pending => Poll::Ready(Ok(false)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buf.filled().is_empty() => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(Ok(())) => {
                    unread.extend_from_slice(buf.filled());
                    Poll::Ready(Ok(unread.first() == Some(&b'E')))
                }
            }
        })
        .await
    }
}

fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let [tag, a, b, c, d, ..] = bytes else { return None };
    Some((*tag, u32::from_be_bytes([*a, *b, *c, *d]) as usize))
}

/// Moves the rows of `out` at the source through `into` at the target; how many the source said it sent, which the target
/// has confirmed. `sum` is shown all that is sent.
pub async fn stream(
    source: &mut Wire,
    out: &str,
    target: &mut Wire,
    into: &str,
    progress: &Progress,
    sum: Option<&mut RowSum>,
) -> Result<u64, Fault> {
    source.begin(out).await?;
    target.begin(into).await?;
    pass(source, target, progress, sum).await?;
    let sent = source.settle().await?;
    // CopyDone
    target.write(&[b'c', 0, 0, 0, 4]).await?;
    let got = target.settle().await?;
    if sent != got {
        return Err(Fault::new("RG2212", format!("the source sent {sent} rows and the target took {got}")));
    }
    Ok(got)
}

/// Passes row messages on until something else comes; that stays unread.
async fn pass(
    source: &mut Wire,
    target: &mut Wire,
    progress: &Progress,
    mut sum: Option<&mut RowSum>,
) -> Result<(), Fault> {
    let mut buffer = std::mem::take(&mut source.unread);
    // Bytes of the row that the last buffer ended in.
    let mut missing = 0;
    loop {
        let (rows, whole) = walk(&buffer, &mut missing);
        progress.rows.fetch_add(rows, Ordering::Relaxed);
        progress.bytes.fetch_add(whole as u64, Ordering::Relaxed);
        if whole > 0 {
            target.stream.write_all(&buffer[..whole]).await.map_err(|error| target.cut(&error))?;
            if target.peek().await.map_err(|error| target.cut(&error))? {
                return Err(target.settle().await.err().unwrap_or_else(|| Fault::new("RG2106", "the target stopped")));
            }
            if let Some(sum) = &mut sum {
                sum.take(&buffer[..whole]);
            }
        }
        buffer.drain(..whole);
        if missing == 0 && !buffer.is_empty() && buffer[0] != b'd' {
            target.stream.flush().await.map_err(|error| target.cut(&error))?;
            source.unread = buffer;
            return Ok(());
        }
        fill(source, &mut buffer).await?;
    }
}

async fn fill(source: &mut Wire, buffer: &mut Vec<u8>) -> Result<(), Fault> {
    buffer.reserve(BUFFER);
    match source.stream.read_buf(buffer).await {
        Ok(0) => Err(source.cut(&io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(()),
        Err(error) => Err(source.cut(&error)),
    }
}

/// How many rows begin in the buffer, and how far it holds nothing but rows and parts of them.
fn walk(buffer: &[u8], missing: &mut usize) -> (u64, usize) {
    let (mut rows, mut at) = (0, 0);
    loop {
        let here = (*missing).min(buffer.len() - at);
        at += here;
        *missing -= here;
        match header(&buffer[at..]) {
            Some((b'd', length)) if *missing == 0 => {
                rows += 1;
                *missing = length + 1;
            }
            _ => return (rows, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &[u8]) -> Vec<u8> {
        let mut message = vec![b'd'];
        message.extend_from_slice(&(u32::try_from(text.len()).unwrap() + 4).to_be_bytes());
        message.extend_from_slice(text);
        message
    }

    /// Cuts the same stream at every place: rows and bytes are the same, and what is no row stays.
    #[test]
    fn rows_are_told_apart_wherever_a_buffer_ends() {
        let mut all = [row(b"one"), row(b""), row(&[b'c'; 300])].concat();
        let rows_end = all.len();
        all.extend_from_slice(&[b'c', 0, 0, 0, 4]);
        for cut in 0..=all.len() {
            let (mut missing, mut rows, mut passed) = (0, 0, 0);
            let mut buffer = all[..cut].to_vec();
            for more in [&all[cut..], &[]] {
                let (count, whole) = walk(&buffer, &mut missing);
                rows += count;
                passed += whole;
                buffer.drain(..whole);
                buffer.extend_from_slice(more);
            }
            assert_eq!((rows, passed, missing), (3, rows_end, 0), "cut at {cut}");
        }
    }
}
