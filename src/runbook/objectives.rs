//! What was promised: how long a recovery may take, and how much may be lost.

use std::time::Duration;

use indexmap::IndexMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Longest time to recover.
    pub rto: Option<Duration>,
    /// Longest stretch of data that may be lost.
    pub rpo: Rpo,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rpo {
    #[default]
    Unsaid,
    All(Duration),
    ByStore(IndexMap<String, Duration>),
}

impl Rpo {
    /// Of a store, or of the step that reads it: `database/copy` is meant by that, or by `database`.
    pub fn of(&self, store: &str) -> Option<Duration> {
        match self {
            Self::Unsaid => None,
            Self::All(rpo) => Some(*rpo),
            Self::ByStore(stores) => {
                let first = store.split('/').next().unwrap_or_default();
                stores.get(store).or_else(|| stores.get(first)).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_for_a_store_holds_for_the_step_inside_that_restores_it() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let by_store = IndexMap::from_iter([("database".to_owned(), hours(1)), ("media/old".to_owned(), hours(2))]);
        let rpo = Rpo::ByStore(by_store);
        let wanted = [("database", Some(1)), ("database/copy", Some(1)), ("media/old", Some(2)), ("media", None)];
        wanted.iter().for_each(|(store, wanted)| assert_eq!(rpo.of(store), wanted.map(hours), "{store}"));
        assert_eq!((Rpo::All(hours(3)).of("any"), Rpo::Unsaid.of("any")), (Some(hours(3)), None));
    }
}
