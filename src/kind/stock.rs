//! What a store of backups holds, and whether that is enough.
//!
//! Kinds that restore say what they would find ([`Shelf`]); `backups.inventory` and `regrow ready` judge all of it in one way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::amount::size;
use crate::model::{Fault, time};
use crate::runbook::duration;

/// A newest backup below this part of the one before is worth a look, unless a store says another.
pub const SMALLEST: f64 = 0.5;

/// One store, as whoever named it wants it to be.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// None: it is called as the step.
    pub name: Option<String>,
    /// How old the newest backup may be.
    pub max_age: Option<Duration>,
    /// Which part of the one before it has to have.
    pub smallest: f64,
    pub stock: Result<Stock, Fault>,
}

impl Shelf {
    /// The only store of a step, without wishes of its own.
    pub fn of_step(stock: Result<Stock, Fault>) -> Self {
        Self { name: None, max_age: None, smallest: SMALLEST, stock }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stock {
    /// In words: `base backups in /srv/backup/base`.
    pub place: String,
    /// The newest that can be used.
    pub newest: Held,
    /// The usable one before it.
    pub before: Option<Held>,
    pub reach: Reach,
    /// No moment before it can be had.
    pub since: Option<Timestamp>,
    /// A later `as_of` is refused; none: any up to now is taken.
    pub latest: Option<Timestamp>,
    /// What somebody should look at although there is a usable backup.
    pub doubts: Vec<Fault>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub name: String,
    /// When it was complete.
    pub at: Timestamp,
    pub bytes: Option<u64>,
    pub items: Option<u64>,
}

/// Up to when nothing would be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What was written later is lost.
    Until(Timestamp),
    /// Perhaps further, which only a restore tells.
    AtLeast(Timestamp),
    /// Nothing newer is there; perhaps nothing was written.
    Quiet(Timestamp),
    /// Every write keeps what it replaces.
    Always,
}

impl Reach {
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Until(at) | Self::AtLeast(at) | Self::Quiet(at) => at,
            Self::Always => now,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// A recovery would not come to what was promised.
    pub unfit: bool,
    pub fault: Fault,
}

impl Finding {
    pub fn unfit(fault: Fault) -> Self {
        Self { unfit: true, fault }
    }

    pub fn warning(fault: Fault) -> Self {
        Self { unfit: false, fault }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    Fit,
    Warnings,
    Unfit,
}

impl Fitness {
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let one = |finding: &Finding| if finding.unfit { Self::Unfit } else { Self::Warnings };
        findings.into_iter().map(one).max().unwrap_or(Self::Fit)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Warnings => "warnings",
            Self::Unfit => "unfit",
        }
    }
}

/// Whether what is there is enough; `rpo` is the longest stretch that may be lost.
pub fn judge(shelf: &Shelf, rpo: Option<Duration>, now: Timestamp) -> Vec<Finding> {
    let stock = match &shelf.stock {
        Ok(stock) => stock,
        Err(fault) => return vec![Finding::unfit(fault.clone())],
    };
    let mut found: Vec<Finding> = stock.doubts.iter().cloned().map(Finding::warning).collect();
    found.extend(too_old(stock, shelf.max_age, now).map(Finding::unfit));
    found.extend(rpo.and_then(|rpo| lost(stock.reach, rpo, now)));
    found.extend(shrunk(stock, shelf.smallest).map(Finding::warning));
    found
}

fn too_old(stock: &Stock, max_age: Option<Duration>, now: Timestamp) -> Option<Fault> {
    let (age, most) = (since(stock.newest.at, now), max_age?);
    (age > most).then(|| {
        let what = format!("the newest backup is {} old, more than {}", span(age), duration::format(most));
        Fault::new("RG3201", what).hint("see why no newer one was made: the job that makes it, its log, its disk")
    })
}

fn lost(reach: Reach, rpo: Duration, now: Timestamp) -> Option<Finding> {
    let (gone, most) = (since(reach.at(now), now), duration::format(rpo));
    if gone <= rpo {
        return None;
    }
    let gone = span(gone);
    Some(match reach {
        Reach::Until(_) => {
            let what = format!("what was written in the last {gone} would be lost, more than the RPO of {most}");
            let hint = "see whether backups and the archiving of WAL still run, and whether their disk is full";
            Finding::unfit(Fault::new("RG3202", what).hint(hint))
        }
        Reach::AtLeast(_) => {
            let what = format!("whether the RPO of {most} is kept cannot be told: what is surely kept ends {gone} ago");
            let hint = "how far its WAL reaches shows only in a restore: rehearse one";
            Finding::warning(Fault::new("RG3203", what).hint(hint))
        }
        Reach::Quiet(_) | Reach::Always => {
            let what = format!("nothing new came for {gone}, longer than the RPO of {most}");
            let hint = "either nothing was written, or what makes the copy stands still: look at its last run";
            Finding::warning(Fault::new("RG3204", what).hint(hint))
        }
    })
}

fn shrunk(stock: &Stock, smallest: f64) -> Option<Fault> {
    let before = stock.before.as_ref()?;
    let (now, then, unit) = match (stock.newest.bytes, before.bytes, stock.newest.items, before.items) {
        (Some(now), Some(then), ..) => (now, then, "bytes"),
        (_, _, Some(now), Some(then)) => (now, then, "items"),
        _ => return None,
    };
    ((now as f64) < (then as f64) * smallest).then(|| {
        let said = |amount: u64| if unit == "bytes" { size(amount) } else { format!("{amount} items") };
        let what =
            format!("the newest backup holds {}, the one before it {} (`{}`)", said(now), said(then), before.name);
        Fault::new("RG3205", what).hint("see what is missing in it before the one before it is deleted")
    })
}

/// The entry of a store, as the outputs of a step and `--json` have it.
pub fn entry(shelf: &Shelf, findings: &[Finding], now: Timestamp) -> Value {
    let finding = |it: &Finding| json!({"unfit": it.unfit, "fault": it.fault});
    let mut entry = json!({
        "fitness": Fitness::of(findings).word(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if let (Ok(stock), Value::Object(map)) = (&shelf.stock, &mut entry) {
        let age = since(stock.newest.at, now).as_secs();
        for (name, value) in [
            ("place", json!(stock.place)),
            ("newest", json!(stock.newest.name)),
            ("at", json!(stock.newest.at)),
            ("age_seconds", json!(age)),
            ("bytes", json!(stock.newest.bytes)),
            ("items", json!(stock.newest.items)),
            ("before", json!(stock.before)),
            ("reaches", json!(stock.reach.at(now))),
            ("since", json!(stock.since)),
        ] {
            map.insert(name.to_owned(), value);
        }
    }
    entry
}

/// How long ago; nothing where the clocks differ.
pub fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at).max(SignedDuration::ZERO)).unwrap_or_default()
}

fn span(time: Duration) -> String {
    time::span(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T08:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn held(at: Timestamp, bytes: u64) -> Held {
        Held { name: "b".into(), at, bytes: Some(bytes), items: None }
    }

    fn shelf(reach: Reach) -> Shelf {
        let day = at("2026-11-24T02:00:00Z");
        let stock = Stock {
            place: "here".into(),
            newest: held(day, 100),
            before: Some(held(day, 100)),
            reach,
            since: None,
            latest: None,
            doubts: vec![],
        };
        Shelf::of_step(Ok(stock))
    }

    fn codes(shelf: &Shelf, rpo: Option<&str>) -> Vec<(String, bool)> {
        let rpo = rpo.map(|text| duration::parse(text).unwrap());
        judge(shelf, rpo, at(NOW)).into_iter().map(|it| (it.fault.code, it.unfit)).collect()
    }

    #[test]
    fn what_would_be_lost_is_held_against_the_rpo() {
        let old = at("2026-11-23T07:00:00Z");
        for (reach, wanted) in [
            (Reach::Until(old), Some(("RG3202", true))),
            (Reach::AtLeast(old), Some(("RG3203", false))),
            (Reach::Quiet(old), Some(("RG3204", false))),
            (Reach::Always, None),
        ] {
            let wanted: Vec<(String, bool)> = wanted.into_iter().map(|(code, unfit)| (code.into(), unfit)).collect();
            assert_eq!(codes(&shelf(reach), Some("24h")), wanted, "{reach:?}");
            assert_eq!(codes(&shelf(reach), Some("25h")), [], "{reach:?}: not a second less is promised");
            assert_eq!(codes(&shelf(reach), None), [], "{reach:?}: nothing was promised");
        }
    }

    #[test]
    fn age_and_size_have_limits_of_their_own() {
        let mut shelf = shelf(Reach::Always);
        shelf.max_age = Some(Duration::from_secs(6 * 3600));
        assert_eq!(codes(&shelf, None), []);
        shelf.max_age = Some(Duration::from_secs(6 * 3600 - 1));
        assert_eq!(codes(&shelf, None), [("RG3201".into(), true)]);
        shelf.max_age = None;
        let newest = |shelf: &mut Shelf, bytes| shelf.stock.as_mut().unwrap().newest.bytes = Some(bytes);
        newest(&mut shelf, 50);
        assert_eq!(codes(&shelf, None), [], "half is enough");
        newest(&mut shelf, 49);
        assert_eq!(codes(&shelf, None), [("RG3205".into(), false)]);
        shelf.smallest = 0.1;
        assert_eq!(codes(&shelf, None), []);
    }

    #[test]
    fn nothing_usable_is_unfit_and_the_worst_counts() {
        let none = Shelf::of_step(Err(Fault::new("RG2403", "none")));
        assert_eq!(codes(&none, None), [("RG2403".into(), true)]);
        let (warning, unfit) =
            (Finding::warning(Fault::new("RG3205", "small")), Finding::unfit(Fault::new("RG3201", "old")));
        assert_eq!(Fitness::of([]), Fitness::Fit);
        assert_eq!(Fitness::of([&warning]), Fitness::Warnings);
        assert_eq!(Fitness::of([&warning, &unfit, &warning]), Fitness::Unfit);
    }
}
