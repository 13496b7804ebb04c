//! Looks at the bucket: whether it keeps versions, which of them may be gone, and what would be done.

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::decide::decide;
use super::keys::{Lists, Now, Stream};
use super::params::{Params, moment};
use super::progress::{Progress, Sums};
use crate::kind::{Op, Prepared, ReadCx};
use crate::model::Fault;
use crate::model::amount::{self, size};
use crate::provider::s3::{Bucket, Flow, Listing, Of, OwnEtags, Range, own, progress};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub as_of: Timestamp,
    /// When the bucket was made whose versions tell, where that can be known: another one of its name is not this one.
    pub made: Option<Timestamp>,
    /// How many keys there are, where all were counted.
    pub keys: Option<u64>,
    /// A rule may have taken what was there then: of an object that is there now nobody can tell whether it was not there.
    #[serde(default)]
    pub expires: bool,
}

impl Op<Params, Prior> {
    /// Whether what was not there then is deleted.
    pub fn deletes_newer(&self) -> bool {
        self.params.delete_newer && !self.prior.expires
    }
}

/// Counts so many pages at most.
pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>, most: usize) -> Result<Prepared<Prior>, Fault> {
    let with = &op.params;
    with.refuse_contradictions()?;
    let as_of = moment(&with.as_of)?;
    if as_of > Timestamp::now() {
        return Err(
            Fault::new("RG2908", format!("`as_of` {as_of} lies in the future")).hint("name the last good moment")
        );
    }
    let from = Bucket::open(&with.origin(), Flow::of_a_look()).await?;
    from.keeps_versions().await?;
    let beside = match with.source {
        Some(_) => Some(Bucket::open(&with.place, Flow::of_a_look()).await?),
        None => None,
    };
    let now = match &beside {
        Some(to) => Now::Beside(to.is_made(cx, &op.id).await?.then_some(to)),
        None => Now::Same,
    };
    // An earlier attempt may have written there.
    let etags = progress::read::<Progress, _, _>(cx, op)?.etags;
    let gone = gone(&from, as_of).await?;
    let deletes_newer = with.delete_newer && gone.is_empty();
    let counted = count(deletes_newer, Lists { from: &from, now, prefix: &with.prefix, as_of }, &etags, most).await?;
    let made = from.made().await?;
    let mut changes = vec![match &beside {
        Some(to) => format!("{} is made, and gets what {} held at {as_of}", to.said(), with.said()),
        None => format!("{} goes back to {as_of}", with.said()),
    }];
    changes.extend(words(&counted.sums, with, deletes_newer, counted.whole));
    let expires = !gone.is_empty();
    changes.extend(gone);
    // An approval is for this bucket, and for no other one of its name.
    changes.extend(made.map(|made| format!("{} was made at {made}", from.said())));
    let keys = counted.whole.then(|| counted.sums.keys());
    let creates = beside.iter().map(|_| own::made(&op.id, &with.place)).collect();
    Ok(Prepared::new(Prior { as_of, made, keys, expires }, changes).creating(creates))
}

struct Counted {
    sums: Sums,
    whole: bool,
}

/// Several ranges at once, where there is more to count than a page; each as far as its share goes, so that one bucket is always
/// told in the same words.
async fn count(deletes_newer: bool, lists: Lists<'_>, etags: &OwnEtags, most: usize) -> Result<Counted, Fault> {
    let ranges = match most {
        1 => vec![Range::default()],
        _ => lists.from.cut(lists.prefix, Of::Versions, 0).await?.ranges,
    };
    let most = most.div_ceil(ranges.len());
    let counts = ranges.into_iter().map(|range| -> BoxFuture<'_, Result<Counted, Fault>> {
        Box::pin(count_range(deletes_newer, lists, range, etags, most))
    });
    let counts = stream::iter(counts.collect::<Vec<_>>()).buffered(lists.from.flow().width());
    let nothing = Counted { sums: Sums::default(), whole: true };
    counts
        .try_fold(nothing, |mut all, one| async move {
            all.sums += one.sums;
            all.whole &= one.whole;
            Ok(all)
        })
        .await
}

async fn count_range(
    deletes_newer: bool,
    lists: Lists<'_>,
    range: Range,
    etags: &OwnEtags,
    most: usize,
) -> Result<Counted, Fault> {
    let (mut sums, mut seen, mut pages) = (Sums::default(), 0, Stream::new(lists, range));
    while let Some(page) = pages.next().await? {
        for history in &page.histories {
            sums.add(&history.key, &decide(history, deletes_newer, etags));
        }
        seen += 1;
        if page.last || seen == most {
            return Ok(Counted { sums, whole: page.last });
        }
    }
    Ok(Counted { sums, whole: false })
}

/// What is going to happen, one fact a line.
fn words(sums: &Sums, with: &Params, deletes_newer: bool, whole: bool) -> Vec<String> {
    let at_least = if whole { "" } else { "at least " };
    let of = |number: u64, noun: &str| format!("{at_least}{}", amount::count(number as usize, noun));
    let size = format!("{at_least}{}", size(sums.bytes));
    let mut lines = match with.source {
        Some(_) => vec![
            format!("{} to copy, {size}", of(sums.copied, "object")),
            format!("{} that held nothing then, or that it has already", of(sums.skipped, "key")),
        ],
        None => vec![
            format!("{} to bring back by taking away the marker on top", of(sums.undeleted, "deleted object")),
            format!(
                "{}, {size}, to bring back as a new version, a copy of the old one",
                of(sums.copied, "overwritten object")
            ),
            format!("{} to leave alone", of(sums.skipped, "key")),
        ],
    };
    let newer = sums.deleted + sums.kept;
    if newer > 0 {
        let newer = of(newer, "object");
        lines.push(match (deletes_newer, with.delete_newer) {
            (true, _) => format!("{newer} to delete, by a marker on top: not there then"),
            (false, true) => {
                format!("{newer} not there then, or gone by a rule since: they stay in spite of `delete_newer`")
            }
            (false, false) => format!("{newer} not there then, which stay (`delete_newer: true` deletes them)"),
        });
    }
    if sums.lost > 0 {
        lines.push(format!(
            "{} whose versions were taken away, so that nobody can tell what was there then: {}",
            of(sums.lost, "deleted key"),
            sums.lost_keys.join(", ")
        ));
    }
    if sums.ambiguous > 0 {
        lines.push(format!(
            "{} changed more than once in that very second, left alone: {}",
            of(sums.ambiguous, "object"),
            sums.ambiguous_keys.join(", ")
        ));
    }
    lines
}

/// Rules that have taken versions which were current then.
async fn gone(bucket: &Bucket, as_of: Timestamp) -> Result<Vec<String>, Fault> {
    let age = Timestamp::now().duration_since(as_of);
    let Some(rules) = bucket.expiries().await? else {
        return Ok(vec![
            "whether rules have taken versions of that moment away cannot be told: these keys may not read them"
                .to_owned(),
        ]);
    };
    let rules = rules.into_iter();
    let rules =
        rules.filter(|rule| age > SignedDuration::from_hours(24 * i64::try_from(rule.days).unwrap_or(i64::MAX / 24)));
    Ok(rules
        .map(|rule| {
            format!(
                "rule `{}` takes versions away {} days after they were replaced: some of that moment may be gone, and their objects \
                 count as not there then",
                rule.rule, rule.days
            )
        })
        .collect())
}
