//! Names that last: of a run, of a step, of one operation, of one record.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A run, short enough to be spoken on a call: `7qk2`.
    RunId
}

text_id! {
    /// Where a step stands: its id, under the ids of what holds it, an item's key behind a colon: `db/load:orders`.
    ///
    /// The text is the canonical form of a list of (id, key): ids never hold `/` or `:`, keys never hold `/ : [ ]`.
    Address
}

text_id! {
    /// One operation: run, step and generation. The same on every attempt and after every crash, so that the outside
    /// world can be asked what became of it.
    OpId
}

impl RunId {
    /// Letters and digits that cannot be mistaken for one another when read aloud.
    const ALPHABET: &'static [u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

    pub fn random() -> Self {
        let pick = || char::from(Self::ALPHABET[fastrand::usize(..Self::ALPHABET.len())]);
        Self((0..4).map(|_| pick()).collect::<String>().into())
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 40 || !text.chars().all(fits) || text.starts_with('-') {
            return Err(format!("`{text}` is no run id: up to 40 of a-z, 0-9 and `-`, not beginning with `-`"));
        }
        Ok(Self(text.into()))
    }
}

/// One link of an [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub id: &'a str,
    pub key: Option<&'a str>,
}

impl Address {
    /// The address of a step that stands at the top of the runbook.
    pub fn top(id: &str) -> Self {
        Self(id.into())
    }

    /// The address of one item of a step with `foreach`.
    pub fn item(&self, key: &str) -> Self {
        Self(format!("{self}:{key}").into())
    }

    /// The address of a step that stands at `inner` in what this one holds.
    pub fn under(&self, inner: &Address) -> Self {
        Self(format!("{self}/{inner}").into())
    }

    /// Whether it stands inside of `outer`, as a step or an item of it.
    pub fn is_inside_of(&self, outer: &Address) -> bool {
        self.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with(['/', ':']))
    }

    /// The step as it is written, whichever item it stands in.
    pub fn without_keys(&self) -> Address {
        let ids: Vec<&str> = self.parts().map(|part| part.id).collect();
        Self(ids.join("/").into())
    }

    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.0.split('/').map(|part| match part.split_once(':') {
            Some((id, key)) => Part { id, key: Some(key) },
            None => Part { id: part, key: None },
        })
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.split('/').any(str::is_empty) {
            return Err(format!("`{text}` is no address of a step: `id`, `block/step` or `id:key`"));
        }
        Ok(Self(text.into()))
    }
}

impl OpId {
    pub fn new(run: &RunId, step: &Address, generation: u32) -> Self {
        Self(format!("{run}.{step}.{generation}").into())
    }

    /// As the name of a file: an address may hold `/`.
    pub fn file_name(&self) -> String {
        self.0.replace('/', "+")
    }

    /// Eight hex digits that stand for this operation where a system takes only short names: schemas, suffixes.
    pub fn short(&self) -> String {
        use sha2::{Digest, Sha256};
        Sha256::digest(self.0.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Place of a record in its journal, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_list_of_id_and_key() {
        let address: Address = "mysql/load:orders/verify".parse().unwrap();
        let parts: Vec<_> = address.parts().map(|p| (p.id, p.key)).collect();
        assert_eq!(parts, [("mysql", None), ("load", Some("orders")), ("verify", None)]);
        assert!("a//b".parse::<Address>().is_err());
    }

    #[test]
    fn an_operation_keeps_its_name_over_attempts() {
        let run: RunId = "7qk2".parse().unwrap();
        let op = OpId::new(&run, &Address::top("load"), 1);
        assert_eq!(op.as_str(), "7qk2.load.1");
        assert_eq!(op.short().len(), 8);
        assert_ne!(op.short(), OpId::new(&run, &Address::top("load"), 2).short());
    }
}
