//! Who holds a state, read from the words of an error.

use std::fs;

use jiff::Timestamp;

use crate::model::{Fault, RetryClass};

/// The lock that stood in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockInfo {
    /// Of who holds it.
    pub id: String,
    pub operation: String,
    pub who: String,
    pub created: Option<Timestamp>,
    /// Operation, who and since are of the holder too. The `http` backend tells only its id, and shows us our own.
    pub of_holder: bool,
}

impl LockInfo {
    pub fn read(detail: &str) -> Self {
        // `RequestID: …` stands in the text before the block, and is no id of a lock.
        let (text, block) = detail.split_once("Lock Info:").unwrap_or((detail, ""));
        let field = |name: &str| {
            let lines = block.lines().map(str::trim);
            lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|v| v.trim().to_owned()).next()
        };
        let created = field("Created").and_then(|text| {
            let mut words = text.split_whitespace();
            format!("{}T{}Z", words.next()?, words.next()?).parse().ok()
        });
        if let Some((_, rest)) = text.split_once("already locked: ID=") {
            let id = rest.split_whitespace().next().unwrap_or_default().to_owned();
            return Self { id, ..Self::default() };
        }
        let text = |name: &str| field(name).unwrap_or_default();
        Self { id: text("ID"), operation: text("Operation"), who: text("Who"), created, of_holder: true }
    }

    pub fn words(&self) -> String {
        let mut words = format!("lock {}", self.id);
        if self.of_holder {
            words = format!("{words} of {} ({})", self.who, self.operation);
            if let Some(created) = self.created {
                words = format!("{words} since {created}");
            }
        }
        words
    }

    /// The step stops: nothing was changed, and the lock stays.
    pub fn held(&self) -> Fault {
        let hint = "wait until it is released, or ask who holds it; release it by hand only if its process is gone";
        let fault = Fault::new("RG2708", format!("somebody else holds the state: {}", self.words())).hint(hint);
        fault.retry(RetryClass::Later)
    }
}

/// How Terraform names us in a lock: `user@host`.
pub fn who() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry =
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(2) == Some(&&*uid));
    let user = entry.map(|fields| fields[0].to_owned()).or_else(|| std::env::var("USER").ok()).unwrap_or_default();
    let system = rustix::system::uname();
    format!("{user}@{}", system.nodename().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "Lock Info:\n  ID:        b24a3232-dc4e\n  Path:      \n  Operation: OperationTypeApply\n  \
        Who:       ana@desk\n  Version:   1.11.4\n  Created:   2026-11-24 20:55:47.992801478 +0000 UTC\n  Info:      \n";

    #[test]
    fn the_block_tells_who_holds_it_and_a_request_id_does_not() {
        let text = format!("Error message: operation error S3: PutObject, StatusCode: 412, RequestID: abc, \n{BLOCK}");
        let info = LockInfo::read(&text);
        assert_eq!((info.id.as_str(), info.who.as_str()), ("b24a3232-dc4e", "ana@desk"));
        assert_eq!(info.created, Some("2026-11-24T20:55:47.992801478Z".parse().unwrap()));
        assert!(info.of_holder);
    }

    #[test]
    fn the_http_backend_shows_our_own_block_and_only_the_id_of_the_holder() {
        let text = format!("Error message: HTTP remote state already locked: ID=9db8e03c-86dd\n{BLOCK}");
        let info = LockInfo::read(&text);
        assert_eq!((info.id.as_str(), info.of_holder, info.who.as_str()), ("9db8e03c-86dd", false, ""));
    }
}
