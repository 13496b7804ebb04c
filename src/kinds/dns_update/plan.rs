//! From what is there and what is asked for to what will be.

use serde::{Deserialize, Serialize};

use super::params::Record;
use crate::model::Fault;
use crate::provider::dns::{self, Change, RrSet, Type};

/// TTL of what was not there before.
const NEW_TTL: u32 = 300;

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub zone: String,
    /// The primary that the zone named.
    pub primary: String,
    pub sets: Vec<Planned>,
}

/// One name and type, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
    pub old: Option<RrSet>,
    pub new: Option<RrSet>,
}

/// Where a set stands between before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// As it is to be.
    After,
    Before,
    /// Neither: somebody else moved it.
    Elsewhere,
}

impl Planned {
    /// What becomes of `old` by what the runbook says.
    pub fn of(record: &Record, name: &str, old: Option<RrSet>) -> Result<Planned, Fault> {
        let given = |value: &String| dns::canonical(record.kind, value).map_err(|why| Fault::new("RG2503", why));
        let given = record.values.iter().flatten().map(given).collect::<Result<Vec<String>, Fault>>()?;
        let ttl = record.ttl.or(old.as_ref().map(|old| old.ttl)).unwrap_or(NEW_TTL);
        let mut values = match (record.delete, &record.values, &old) {
            (true, Some(_), Some(old)) => old.values.iter().filter(|value| !given.contains(value)).cloned().collect(),
            (true, _, _) => Vec::new(),
            (false, _, _) if given.is_empty() => {
                return Err(Fault::new("RG2503", format!("`{name}` {} has no values", record.kind.word()))
                    .hint("`delete: true` takes records away"));
            }
            (false, _, _) => given,
        };
        values.sort();
        values.dedup();
        let new = RrSet { name: name.to_owned(), kind: record.kind, ttl, values };
        let new = (!new.values.is_empty()).then_some(new);
        Ok(Planned { name: name.to_owned(), kind: record.kind, old, new })
    }

    pub fn changes(&self) -> bool {
        self.old != self.new
    }

    /// The same the other way round.
    pub fn back(&self) -> Planned {
        Planned { old: self.new.clone(), new: self.old.clone(), ..self.clone() }
    }

    pub fn stand(&self, live: Option<&RrSet>) -> Stand {
        if live == self.new.as_ref() {
            Stand::After
        } else if RrSet::same_values(live, self.old.as_ref()) {
            Stand::Before
        } else {
            Stand::Elsewhere
        }
    }

    /// As one item of a message.
    pub fn change(&self) -> Change<'_> {
        Change { name: &self.name, kind: self.kind, old: self.old.as_ref(), new: self.new.as_ref() }
    }

    pub fn what(&self) -> String {
        format!("`{}` {}", self.name, self.kind.word())
    }

    /// What happens to it, for a person.
    pub fn words(&self) -> String {
        let what = self.what();
        match (&self.old, &self.new) {
            (None, None) => format!("{what} is not there already: nothing to do"),
            (Some(old), Some(new)) if old == new => format!("{what} is {} already: nothing to do", told(Some(new))),
            (None, Some(new)) => format!("{what} is made: {}", told(Some(new))),
            (Some(old), None) => format!("{what} is taken away; it was {}", told(Some(old))),
            (Some(old), Some(new)) if old.values == new.values => {
                format!("{what}: TTL {} becomes {}; {} stays", old.ttl, new.ttl, new.values.join(", "))
            }
            (Some(old), Some(new)) => format!("{what}: {} becomes {}", told(Some(old)), told(Some(new))),
        }
    }
}

/// A set in words.
pub fn told(set: Option<&RrSet>) -> String {
    set.map_or_else(|| "nothing".to_owned(), |set| format!("{} (TTL {})", set.values.join(", "), set.ttl))
}

/// Somebody else moved a record: before, wanted and found, of each.
pub fn moved(sets: &[(Planned, Option<RrSet>)]) -> Fault {
    let names: Vec<String> = sets.iter().map(|(set, _)| set.what()).collect();
    let mut fault = Fault::new("RG2508", format!("somebody else has changed {}", names.join(", "))).hint(
        "nothing was written; look who did it, then `regrow rerun STEP --because …` starts from what is there now",
    );
    for (set, live) in sets {
        fault.causes.push(format!("{}: expected {}", set.what(), told(set.old.as_ref())));
        fault.causes.push(format!("{}: to be {}", set.what(), told(set.new.as_ref())));
        fault.causes.push(format!("{}: found {}", set.what(), told(live.as_ref())));
    }
    fault
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(ttl: u32, values: &[&str]) -> RrSet {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        RrSet { name: "www.example.test.".into(), kind: Type::A, ttl, values }
    }

    fn planned(record: serde_json::Value, old: Option<RrSet>) -> Planned {
        let mut whole = json!({"name": "www", "type": "A"});
        whole.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        Planned::of(&serde_json::from_value(whole).unwrap(), "www.example.test.", old).unwrap()
    }

    #[test]
    fn what_will_be_follows_from_what_is() {
        let old = || Some(set(60, &["192.0.2.1", "192.0.2.2"]));
        let cases = [
            (json!({"values": ["192.0.2.9", "192.0.2.9"]}), old(), Some(set(60, &["192.0.2.9"]))),
            (json!({"values": ["192.0.2.9"], "ttl": 5}), old(), Some(set(5, &["192.0.2.9"]))),
            (json!({"values": ["192.0.2.9"]}), None, Some(set(300, &["192.0.2.9"]))),
            (json!({"delete": true}), old(), None),
            (json!({"delete": true, "values": ["192.0.2.1"]}), old(), Some(set(60, &["192.0.2.2"]))),
            (json!({"delete": true, "values": ["192.0.2.1"]}), None, None),
        ];
        for (record, old, new) in cases {
            assert_eq!(planned(record.clone(), old).new, new, "{record}");
        }
    }

    #[test]
    fn a_record_stands_before_after_or_elsewhere() {
        let change = planned(json!({"values": ["192.0.2.9"], "ttl": 5}), Some(set(60, &["192.0.2.1"])));
        assert_eq!(change.stand(Some(&set(5, &["192.0.2.9"]))), Stand::After);
        assert_eq!(change.stand(Some(&set(99, &["192.0.2.1"]))), Stand::Before);
        assert_eq!(change.stand(Some(&set(60, &["192.0.2.9"]))), Stand::Elsewhere);
        assert_eq!(change.stand(None), Stand::Elsewhere);
        assert_eq!(change.back().stand(Some(&set(5, &["192.0.2.9"]))), Stand::Before);
    }
}
