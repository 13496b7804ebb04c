//! What we make on the target, and how it is called: everything carries the operation's short name, so it collides with
//! nobody's, and a second worker of the same operation finds it.

use sha2::{Digest, Sha256};

use crate::model::OpId;
use crate::provider::postgres::Name;

/// PostgreSQL cuts names at this many bytes (NAMEDATALEN - 1).
const LONGEST: usize = 63;

/// The names of one operation on the target.
#[derive(Clone, Debug)]
pub struct Scratch {
    pub op: String,
    short: String,
}

impl Scratch {
    pub fn of(op: &OpId) -> Self {
        Self { op: op.as_str().to_owned(), short: op.short() }
    }

    /// `regrow_1a2b3c4d`
    pub fn schema(&self) -> String {
        format!("regrow_{}", self.short)
    }

    pub fn marker(&self) -> Name {
        Name::new(self.schema(), "marker")
    }

    /// A table, before it takes its real name. The prefix keeps it unique also in the schema that it moves to.
    pub fn table(&self, number: usize) -> String {
        format!("regrow_{}_t{number}", self.short)
    }

    pub fn table_place(&self, number: usize) -> Name {
        Name::new(self.schema(), self.table(number))
    }

    pub fn index(&self, table: usize, number: usize) -> String {
        format!("regrow_{}_t{table}_i{number}", self.short)
    }

    pub fn sequence(&self, table: usize, number: usize) -> String {
        format!("regrow_{}_t{table}_s{number}", self.short)
    }

    /// What a live thing is called once it is the old one: `orders__old_1a2b3c4d`.
    pub fn old(&self, name: &str) -> String {
        let suffix = format!("__old_{}", self.short);
        if name.len() + suffix.len() <= LONGEST {
            return format!("{name}{suffix}");
        }
        // Two long names may begin alike, so what is cut off leaves its digest.
        let digest: String = Sha256::digest(name.as_bytes())[..3].iter().map(|byte| format!("{byte:02x}")).collect();
        let room = LONGEST - suffix.len() - digest.len() - 1;
        let end = (0..=room).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        format!("{}_{digest}{suffix}", &name[..end])
    }

    /// The key of the lock that the session of a worker holds.
    pub fn lock(&self) -> i64 {
        let digest = Sha256::digest(format!("regrow {}", self.op).as_bytes());
        digest[..8].iter().fold(0, |sum, byte| (sum << 8) | i64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    #[test]
    fn old_names_fit_and_stay_apart() {
        let scratch = Scratch::of(&OpId::new(&"7qk2".parse().unwrap(), &Address::top("load"), 1));
        let long = "ä".repeat(31);
        let (a, b) = (scratch.old(&format!("{long}a")), scratch.old(&format!("{long}b")));
        assert!(a.len() <= 63 && b.len() <= 63 && a != b, "{a} {b}");
        assert!(scratch.old("orders").starts_with("orders__old_"));
    }
}
