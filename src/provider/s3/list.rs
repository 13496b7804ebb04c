//! What a listing of versions holds, free of the client's types.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use jiff::Timestamp;

/// One version of a key, or one marker that says it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    /// `null` for what was written before the bucket kept versions.
    pub id: String,
    pub time: Timestamp,
    pub latest: bool,
    /// None: a delete marker.
    pub content: Option<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub etag: String,
    pub size: u64,
    pub class: String,
}

impl Content {
    /// Whether it was uploaded in parts, as its ETag tells.
    pub fn in_parts(&self) -> bool {
        self.etag.contains('-')
    }
}

/// Where a listing begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// After all versions of this key, or after that version of it.
    pub key: Option<String>,
    pub version: Option<String>,
}

/// A page: two lists, each sorted by key and then newest first, of which nobody says how they lie in one another.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub versions: Vec<Entry>,
    pub markers: Vec<Entry>,
    pub next: Option<Start>,
}

/// An object that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    pub content: Content,
    /// When it was written.
    pub time: Timestamp,
}

/// Objects in the order of their keys, and whether more follow.
pub struct Objects {
    pub objects: Vec<Object>,
    pub more: bool,
}

/// None if the server left out what no object can be without.
pub fn objects(output: &ListObjectsV2Output) -> Option<Objects> {
    let encoded = output.encoding_type().is_some();
    let objects = output.contents().iter().map(|object| {
        let key = object.key()?;
        Some(Object {
            key: if encoded { decode(key) } else { key.to_owned() },
            content: content(object.e_tag(), object.size(), object.storage_class().map(|class| class.as_str())),
            time: time(object.last_modified()?)?,
        })
    });
    Some(Objects { objects: objects.collect::<Option<_>>()?, more: output.is_truncated().unwrap_or(false) })
}

pub fn content(etag: Option<&str>, size: Option<i64>, class: Option<&str>) -> Content {
    Content {
        etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
        size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        class: class.filter(|class| !class.is_empty()).unwrap_or("STANDARD").to_owned(),
    }
}

/// None if the server left out what no entry can be without.
pub fn page(output: ListObjectVersionsOutput) -> Option<Page> {
    let encoded = output.encoding_type().is_some();
    let text = |name: &str| if encoded { decode(name) } else { name.to_owned() };
    let versions = output.versions().iter().map(|version| {
        Some(Entry {
            key: text(version.key()?),
            id: version.version_id().unwrap_or("null").to_owned(),
            time: time(version.last_modified()?)?,
            latest: version.is_latest().unwrap_or(false),
            content: Some(content(
                version.e_tag(),
                version.size(),
                version.storage_class().map(|class| class.as_str()),
            )),
        })
    });
    let markers = output.delete_markers().iter().map(|marker| {
        Some(Entry {
            key: text(marker.key()?),
            id: marker.version_id().unwrap_or("null").to_owned(),
            time: time(marker.last_modified()?)?,
            latest: marker.is_latest().unwrap_or(false),
            content: None,
        })
    });
    let next = output.is_truncated().unwrap_or(false).then(|| Start {
        key: output.next_key_marker().map(text),
        version: output.next_version_id_marker().map(str::to_owned),
    });
    Some(Page { versions: versions.collect::<Option<_>>()?, markers: markers.collect::<Option<_>>()?, next })
}

pub fn time(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// What `encoding-type=url` made of a name: a space is a plus there.
pub fn decode(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = |at: usize| more.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = &more[2..];
                continue;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(*byte),
        }
        rest = more;
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A name as the source of a copy is written: everything but letters, digits, `-_.~/`.
pub fn encode(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_as_servers_write_them() {
        assert_eq!(decode("a+b%2Bc%25d%0Ae%C3%A4/%F0%9F%8C%B1"), "a b+c%d\neä/🌱");
        assert_eq!(decode("100%"), "100%");
    }

    proptest! {
        #[test]
        fn every_name_survives(name in "\\PC*|[ -~\\n]*") {
            prop_assert_eq!(decode(&encode(&name)), name);
        }
    }
}
