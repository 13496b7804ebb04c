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
use crate::provider::s3::{Bucket, Flow, Listing, Of, OwnEtags, Range, own, progress};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub as_of: Timestamp,
    /// When the bucket was made whose versions tell, where that can be known: another one of its name is not this one.
    pub made: Option<Timestamp>,
    /// How many keys there are, where all were counted.
    pub keys: Option<u64>,
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
    let counted = count(with, Lists { from: &from, now, prefix: &with.prefix, as_of }, &etags, most).await?;
    let made = from.made().await?;
    let mut changes = vec![match &beside {
        Some(to) => format!("{} is made, and gets what {} held at {as_of}", to.said(), with.said()),
        None => format!("{} goes back to {as_of}", with.said()),
    }];
    changes.extend(words(&counted.sums, with, counted.whole));
    changes.extend(gone(&from, as_of).await?);
    // An approval is for this bucket, and for no other one of its name.
    changes.extend(made.map(|made| format!("{} was made at {made}", from.said())));
    let keys = counted.whole.then(|| counted.sums.keys());
    let creates = beside.iter().map(|_| own::made(&op.id, &with.place)).collect();
    Ok(Prepared::new(Prior { as_of, made, keys }, changes).creating(creates))
}

struct Counted {
    sums: Sums,
    whole: bool,
}

/// Several ranges at once, where there is more to count than a page; each as far as its share goes, so that one bucket is always
/// told in the same words.
async fn count(with: &Params, lists: Lists<'_>, etags: &OwnEtags, most: usize) -> Result<Counted, Fault> {
    let ranges = match most {
        1 => vec![Range::default()],
        _ => lists.from.cut(lists.prefix, Of::Versions, 0).await?.ranges,
    };
    let most = most.div_ceil(ranges.len());
    let counts = ranges.into_iter().map(|range| -> BoxFuture<'_, Result<Counted, Fault>> {
        Box::pin(count_range(with, lists, range, etags, most))
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
    with: &Params,
    lists: Lists<'_>,
    range: Range,
    etags: &OwnEtags,
    most: usize,
) -> Result<Counted, Fault> {
    let (mut sums, mut seen, mut pages) = (Sums::default(), 0, Stream::new(lists, range));
    while let Some(page) = pages.next().await? {
        for history in &page.histories {
            sums.add(&history.key, &decide(history, with.delete_newer, etags));
        }
        seen += 1;
        if page.last || seen == most {
            return Ok(Counted { sums, whole: page.last });
        }
    }
    Ok(Counted { sums, whole: false })
}

/// What is going to happen, one fact a line.
fn words(sums: &Sums, with: &Params, whole: bool) -> Vec<String> {
    let at_least = if whole { "" } else { "at least " };
    let megabytes = sums.bytes.div_ceil(1 << 20);
    let mut lines = match with.source {
        Some(_) => vec![
            format!("{at_least}{} objects are copied, {at_least}{megabytes} MiB", sums.copied),
            format!("{at_least}{} keys held nothing then, or are in it already", sums.skipped),
        ],
        None => vec![
            format!("{at_least}{} deleted objects come back by taking away the marker on top", sums.undeleted),
            format!("{at_least}{} overwritten objects come back as a new version, a copy of the old one", sums.copied),
            format!(
                "{at_least}{} objects are as they were; what comes back are {at_least}{megabytes} MiB",
                sums.skipped
            ),
        ],
    };
    let newer = sums.deleted + sums.kept;
    if newer > 0 {
        lines.push(match with.delete_newer {
            true => format!("{at_least}{newer} objects that were not there then are deleted, by a marker on top"),
            false => {
                format!("{at_least}{newer} objects that were not there then stay (`delete_newer: true` deletes them)")
            }
        });
    }
    if sums.ambiguous > 0 {
        lines.push(format!(
            "{at_least}{} objects changed more than once in that very second and are left alone: {}",
            sums.ambiguous,
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
