//! What the row hashes of a table add up to, worked out of the rows as they stream by in COPY's binary format.
//!
//! Why: the source would have to read the table once more for it, on the cores that the load needs. The number is the one
//! that [`Table::row_hash`] has the servers work out. It only ever spares a reading: where this gives up, or where its
//! number is not the target's, the source is asked.
//!
//! Formats: <https://www.postgresql.org/docs/current/sql-copy.html>, Binary Format. Hashes: `src/common/hashfn.c` and the
//! hash support functions of each type; a server whose processor has the other byte order has other hashes of text.

use std::num::Wrapping;

use super::catalog::{Hashed, Table};

/// A row beyond this is not kept until its last byte has come.
const LONGEST_ROW: usize = 16 << 20;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

#[derive(Clone)]
pub struct RowSum {
    /// Columns of a row, as COPY sends them.
    width: usize,
    /// In the order in which they are chained.
    links: Vec<Link>,
    begun: bool,
    given_up: bool,
    sum: i128,
    /// The beginning of a message whose end has not come.
    partial: Vec<u8>,
    fields: Vec<Option<(usize, usize)>>,
}

#[derive(Clone)]
struct Link {
    at: usize,
    hashed: Hashed,
    not_null: bool,
}

impl RowSum {
    /// For rows of `source`, sent in the order of `copied` and to be held against `root`'s hash; nothing where only a
    /// server can work that out.
    pub fn of(root: &Table, source: &Table, copied: &Table) -> Option<Self> {
        let sent: Vec<&str> = copied.copied().map(|column| column.name.as_str()).collect();
        let mut links = Vec::new();
        for column in root.hash_order() {
            let theirs = source.columns.iter().find(|it| it.name == column.name)?;
            let at = sent.iter().position(|name| *name == column.name)?;
            let hashed = Hashed::of(column).filter(|_| theirs.kind == column.kind)?;
            links.push(Link { at, hashed, not_null: column.not_null });
        }
        let width = sent.len();
        let fields = vec![None; width];
        Some(Self { width, links, begun: false, given_up: false, sum: 0, partial: Vec::new(), fields })
    }

    /// What all rows add up to.
    pub fn sum(&self) -> Option<i128> {
        (!self.given_up && self.partial.is_empty()).then_some(self.sum)
    }

    /// Messages as the server sent them, each of them a row; the last may be cut anywhere behind its header.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !self.given_up && !bytes.is_empty() {
            let header = if self.partial.is_empty() { bytes } else { &self.partial };
            let [b'd', a, b, c, d, ..] = *header else { return self.give_up() };
            let length = 1 + u32::from_be_bytes([a, b, c, d]) as usize;
            let (now, rest) = bytes.split_at(bytes.len().min(length - self.partial.len()));
            let row = match self.partial.is_empty() && now.len() == length {
                true => self.row(&now[5..]),
                false if length > LONGEST_ROW => None,
                false => {
                    self.partial.extend_from_slice(now);
                    if self.partial.len() < length {
                        return;
                    }
                    let message = std::mem::take(&mut self.partial);
                    self.row(&message[5..])
                }
            };
            if row.is_none() {
                return self.give_up();
            }
            bytes = rest;
        }
    }

    fn give_up(&mut self) {
        self.given_up = true;
        self.partial = Vec::new();
    }

    /// Nothing if this is no row as it was expected.
    fn row(&mut self, mut message: &[u8]) -> Option<()> {
        if !self.begun {
            self.begun = true;
            // Signature, flags, and the length of an extension that no server sends.
            message = message.strip_prefix(SIGNATURE)?.strip_prefix(&[0; 8])?;
        }
        let count = number(message.get(..2)?);
        if count == -1 {
            return Some(());
        }
        if usize::try_from(count) != Ok(self.width) {
            return None;
        }
        let mut at = 2;
        for field in &mut self.fields {
            let length = number(message.get(at..at + 4)?);
            at += 4;
            *field = usize::try_from(length).ok().map(|length| (at, at + length));
            at = field.map_or(at, |(_, end)| end);
        }
        let mut hash = 0;
        for link in &self.links {
            let value = match self.fields[link.at] {
                Some((from, to)) => Some(message.get(from..to)?),
                None => None,
            };
            hash = match (value, link.not_null) {
                (Some(value), true) => link.hashed.hash(value, hash)?,
                (None, true) => return None,
                (Some(value), false) => bigint(link.hashed.hash(value, 0)?.cast_signed(), hash),
                (None, false) => bigint(0, hash),
            };
        }
        self.sum += i128::from(hash.cast_signed());
        Some(())
    }
}

/// A signed number of up to eight bytes.
fn number(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| (number << 8) | i64::from(*byte))
}

impl Hashed {
    /// The hash of a value as COPY sends it.
    fn hash(self, value: &[u8], seed: u64) -> Option<u64> {
        Some(match self {
            Self::Smallint | Self::Integer => integer(i32::try_from(number(value)).ok()?, seed),
            Self::Boolean => integer(i32::from(*value.first()?), seed),
            Self::Bigint | Self::Timestamp | Self::TimestampTz => bigint(number(value), seed),
            Self::Numeric => numeric(value, seed)?,
            Self::Uuid | Self::Text => bytes(value, seed),
        })
    }
}

fn bigint(value: i64, seed: u64) -> u64 {
    let [low, high] = [value as u32, (value >> 32) as u32];
    integer((low ^ if value >= 0 { high } else { !high }).cast_signed(), seed)
}

/// Digits to the base of 10,000 without the zeros around them, and the weight of the first.
fn numeric(value: &[u8], seed: u64) -> Option<u64> {
    let (head, digits) = value.split_at_checked(8)?;
    // Neither positive nor negative: not a number, or infinite.
    if !matches!(number(&head[4..6]), 0 | 0x4000) {
        return Some(seed);
    }
    let (digits, _) = digits.as_chunks::<2>();
    let zero = |digit: &&[u8; 2]| **digit == [0, 0];
    let leading = digits.iter().take_while(zero).count();
    if leading == digits.len() {
        return Some(seed.wrapping_sub(1));
    }
    let trailing = digits.iter().rev().take_while(zero).count();
    // As they lie in the server's memory.
    let held: Vec<u8> = digits[leading..digits.len() - trailing].iter().flat_map(|[high, low]| [*low, *high]).collect();
    let weight = number(&head[2..4]) - i64::try_from(leading).ok()?;
    Some(bytes(&held, seed) ^ weight.cast_unsigned())
}

/// Lookup3 of Bob Jenkins, with the start values and the seed of PostgreSQL.
struct Mix {
    a: Wrapping<u32>,
    b: Wrapping<u32>,
    c: Wrapping<u32>,
}

impl Mix {
    fn new(length: usize, seed: u64) -> Self {
        let start = Wrapping(0x9e37_79b9) + Wrapping(length as u32) + Wrapping(3_923_095);
        let mut mix = Self { a: start, b: start, c: start };
        if seed != 0 {
            mix.add((seed >> 32) as u32, seed as u32, 0);
            mix.stir();
        }
        mix
    }

    fn add(&mut self, a: u32, b: u32, c: u32) {
        self.a += a;
        self.b += b;
        self.c += c;
    }

    #[rustfmt::skip]
    fn stir(&mut self) {
        let Self { a, b, c } = self;
        *a -= *c; *a ^= turned(*c, 4);  *c += *b;
        *b -= *a; *b ^= turned(*a, 6);  *a += *c;
        *c -= *b; *c ^= turned(*b, 8);  *b += *a;
        *a -= *c; *a ^= turned(*c, 16); *c += *b;
        *b -= *a; *b ^= turned(*a, 19); *a += *c;
        *c -= *b; *c ^= turned(*b, 4);  *b += *a;
    }

    #[rustfmt::skip]
    fn end(self) -> u64 {
        let Self { mut a, mut b, mut c } = self;
        c ^= b; c -= turned(b, 14);
        a ^= c; a -= turned(c, 11);
        b ^= a; b -= turned(a, 25);
        c ^= b; c -= turned(b, 16);
        a ^= c; a -= turned(c, 4);
        b ^= a; b -= turned(a, 14);
        c ^= b; c -= turned(b, 24);
        (u64::from(b.0) << 32) | u64::from(c.0)
    }
}

fn turned(word: Wrapping<u32>, by: u32) -> Wrapping<u32> {
    Wrapping(word.0.rotate_left(by))
}

fn integer(value: i32, seed: u64) -> u64 {
    let mut mix = Mix::new(4, seed);
    mix.add(value.cast_unsigned(), 0, 0);
    mix.end()
}

fn bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut mix = Mix::new(bytes.len(), seed);
    let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let mut chunks = bytes.chunks_exact(12);
    for chunk in &mut chunks {
        mix.add(word(chunk), word(&chunk[4..]), word(&chunk[8..]));
        mix.stir();
    }
    // The lowest byte of the third word is left to the length.
    let mut last = [0; 13];
    for (at, byte) in chunks.remainder().iter().enumerate() {
        last[if at < 8 { at } else { at + 1 }] = *byte;
    }
    mix.add(word(&last), word(&last[4..]), word(&last[8..]));
    mix.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::WriteCx;
    use crate::provider::postgres::catalog::{find, read};
    use crate::provider::postgres::testing::{Lab, cx};
    use crate::provider::postgres::{Identity, Name, Progress, ReadSession, WriteSession, stream};

    const TABLE: &str = "create table t (
        f uuid, a smallint, b int not null, c bigint, d boolean, e numeric, g text not null, h varchar(9),
        i timestamp(3), j timestamp with time zone)";

    /// Ends of the ranges, nothing, all lengths around a block, zeros on either side of numbers, and what is no number.
    const ROWS: &str = "
        insert into t values (null, null, 0, null, null, null, '', null, null, null);
        insert into t select gen_random_uuid(), n, -n, -n * 5000000000, n % 2 = 0, n * 10000.0, repeat('ä', n), n, now(), now()
            from generate_series(-3, 40) n;
        insert into t (b, g, e) select 1, 'x', e from unnest(array['NaN', '0', '0.000', '-0.00001', '1e40', '123450000', '1e-40',
            '10000.0001', '-99999999.99990000', 'Infinity', '-Infinity']::numeric[]) e;
        insert into t (a, b, c, g, i, j) values
            (-32768, -2147483648, -9223372036854775808, repeat('long', 100000), '-infinity', 'infinity'),
            (32767, 2147483647, 9223372036854775807, 'x', 'infinity', '4713-01-01 BC');";

    /// What the stream adds up to is what the server says, whatever pieces it comes in.
    #[tokio::test]
    async fn the_stream_and_the_server_come_to_the_same_sum() {
        let lab = Lab::start();
        lab.live(&format!("{TABLE}; {ROWS} create table twin (like t)"));
        let open = async || ReadSession::open(&cx(), &lab.live.endpoint(&lab.database)).await.unwrap();
        let session = open().await;
        let (oid, _) = find(&session, &"public.t".parse::<Name>().unwrap()).await.unwrap().unwrap();
        let table = read(&session, &[oid]).await.unwrap().remove(0);
        let place = Identity::read(&session).await.unwrap();
        let write = WriteSession::open(&WriteCx::grant(cx()), &lab.live.endpoint(&lab.database), &place).await.unwrap();
        let (mut from, mut to) = (open().await.into_wire().await.unwrap(), write.into_wire().await.unwrap());
        let out = format!("copy public.t ({}) to stdout (format binary)", table.copied_list());
        let into = format!("copy public.twin ({}) from stdin (format binary)", table.copied_list());
        let mut sum = RowSum::of(&table, &table, &table);
        let rows = stream(&mut from, &out, &mut to, &into, &Progress::default(), sum.as_mut()).await.unwrap();
        assert_eq!(rows, 58);
        let said = lab.live(&format!("select sum({}) from t", table.row_hash("t", true)));
        assert_eq!(sum.unwrap().sum().unwrap().to_string(), said.trim());
    }

    fn message(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap();
        [&b"d"[..], &length.to_be_bytes(), payload].concat()
    }

    fn sum_of_texts() -> RowSum {
        let links = vec![Link { at: 0, hashed: Hashed::Text, not_null: true }];
        let fields = vec![None];
        RowSum { width: 1, links, begun: false, given_up: false, sum: 0, partial: Vec::new(), fields }
    }

    fn row(text: &[u8]) -> Vec<u8> {
        [&[0, 1], &u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    fn rows(texts: &[&[u8]]) -> Vec<Vec<u8>> {
        let head = [SIGNATURE, &[0; 8]].concat();
        let mut all: Vec<Vec<u8>> = texts.iter().map(|text| row(text)).collect();
        all[0] = [head, all[0].clone()].concat();
        all.push(vec![0xff, 0xff]);
        all.iter().map(|payload| message(payload)).collect()
    }

    #[test]
    fn a_row_counts_once_wherever_it_is_cut() {
        let messages = rows(&[b"one", b"", b"three"]);
        let whole = messages.concat();
        let mut at_once = sum_of_texts();
        at_once.take(&whole);
        let expected = at_once.sum().unwrap();
        assert_ne!(expected, 0);
        let mut start = 0;
        for message in &messages {
            for cut in start + 5..start + message.len() {
                let mut sum = sum_of_texts();
                sum.take(&whole[..cut]);
                assert_eq!(sum.sum(), None, "cut at {cut}");
                sum.take(&whole[cut..]);
                assert_eq!(sum.sum(), Some(expected), "cut at {cut}");
            }
            start += message.len();
        }
    }

    /// Another number of columns, an unexpected null, a value that ends beyond its message, another head.
    #[test]
    fn what_is_not_expected_ends_the_counting() {
        let good = rows(&[b"one"]).concat();
        for (at, byte) in [(5, b'Q'), (24, 9), (25, 2), (26, 0xff), (29, 4)] {
            let mut bad = good.clone();
            bad[at] = byte;
            let mut sum = sum_of_texts();
            sum.take(&bad);
            assert_eq!(sum.sum(), None, "byte {at}");
        }
    }
}
