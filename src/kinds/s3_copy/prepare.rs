//! Looks at both buckets: which ones they are, and what would be copied.

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decide::{Action, decide};
use super::pairs::{Pairs, Side, cut};
use super::params::{Params, apart, nothing_overwritten, said, same};
use super::perform::DIFFERS;
use super::progress::Progress;
use crate::kind::{Op, Prepared, ReadCx};
use crate::model::Fault;
use crate::model::amount::{self, size};
use crate::provider::s3::{
    Bucket, By, DENIED, Flow, Listing, Object, Origin, OwnEtags, Range, Versioning, own, progress,
};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    /// When the buckets were made, where that can be known: others of their names are not these.
    pub source_made: Option<Timestamp>,
    pub target_made: Option<Timestamp>,
    /// How many keys there are in the source, where all were counted.
    pub keys: Option<u64>,
}

/// Counts so many pages at most.
pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>, most: usize) -> Result<Prepared<Prior>, Fault> {
    let with = &op.params;
    let (source, target) = (&with.source.place, &with.target.place);
    apart(source, target, &with.prefix, with.target_prefix())?;
    let source = Bucket::open(source, Flow::of_a_look()).await?;
    let target = Bucket::open(target, Flow::of_a_look()).await?;
    let is_made = with.target.create;
    if is_made && with.overwrite {
        return Err(nothing_overwritten());
    }
    overwritable(&target, with).await?;
    // What is not there yet holds nothing.
    let there = if is_made { target.is_made(cx, &op.id).await?.then_some(&target) } else { Some(&target) };
    // An earlier attempt may have written there.
    let etags = progress::read::<Progress, _, _>(cx, op)?.etags;
    let from = Side { bucket: Some(&source), prefix: &with.prefix };
    let to = Side { bucket: there, prefix: with.target_prefix() };
    let ranges = match most {
        1 => vec![Range::default()],
        _ => cut(&source, &with.prefix, 0).await?.ranges,
    };
    let most = most.div_ceil(ranges.len());
    let counts = ranges.iter().map(|names| -> BoxFuture<'_, Result<Counted, Fault>> {
        Box::pin(count(with, &etags, most, Pairs::new(from, to, names)))
    });
    let counts = stream::iter(counts.collect::<Vec<_>>()).buffered(source.flow().width());
    let nothing = Counted { whole: true, ..Counted::default() };
    let counted = counts.try_fold(nothing, |all, one| async { Ok(all.and(one)) }).await?;
    let by = with.by();
    let (source_made, target_made) = (source.made().await?, if is_made { None } else { target.made().await? });
    let may_be_one =
        (&with.source.place.bucket, source_made) == (&with.target.place.bucket, target_made) && source_made.is_some();
    if (may_be_one || by == By::Us)
        && let Some(first) = source.objects(&with.prefix, None).await?.objects.into_iter().next()
    {
        if may_be_one {
            not_by_another_name(&target, with, &first).await?;
        }
        if by == By::Us {
            readable_tags(&source, &first).await?;
        }
    }
    let (from, to) = (said(source.said(), &with.prefix), said(target.said(), with.target_prefix()));
    if counted.keys == 0 {
        return Err(Fault::new("RG2914", format!("there is nothing to copy: {from} holds no object")).hint(
            "look whether this is the copy, and at `prefix`: after a disaster the wrong one of two buckets is empty",
        ));
    }
    if !counted.differ.is_empty() {
        return Err(counted.differ.fault(&to));
    }
    let prior = Prior { source_made, target_made, keys: counted.whole.then_some(counted.keys) };
    let mut changes = counted.words(&from, &to, by);
    // An approval is for this bucket, and for no other one of its name.
    changes.extend(prior.target_made.map(|made| format!("{} was made at {made}", target.said())));
    if is_made {
        changes.insert(0, format!("{} is made", target.said()));
    }
    let creates = is_made.then(|| own::made(&op.id, &with.target.place)).into_iter().collect();
    Ok(Prepared::new(prior, changes).creating(creates))
}

/// One server may have two addresses: then the same object is in both buckets, written at the same moment.
async fn not_by_another_name(target: &Bucket, with: &Params, first: &Object) -> Result<(), Fault> {
    let there = target.objects(&with.prefix, None).await?.objects.into_iter().next();
    match there {
        Some(there) if there == *first => same(&with.prefix, with.target_prefix()),
        _ => Ok(()),
    }
}

/// A server that may not tell tags says of an object that has some the same as of one that has none.
async fn readable_tags(source: &Bucket, first: &Object) -> Result<(), Fault> {
    let origin = Origin { bucket: source, key: &first.key, id: None, content: &first.content };
    match source.flow().again(|| origin.tags()).await {
        Err(fault) if fault.code == DENIED => {
            Err(fault.hint("the keys of the source need `s3:GetObjectTagging`: without it copies would have no tags"))
        }
        Err(fault) if fault.retry.is_transient() => Err(fault),
        // An object that went meanwhile says nothing.
        _ => Ok(()),
    }
}

/// What is overwritten has to stay somewhere.
pub async fn overwritable(target: &Bucket, with: &Params) -> Result<(), Fault> {
    if !with.overwrite || target.versioning().await? == Versioning::Enabled {
        return Ok(());
    }
    Err(Fault::new("RG2909", format!("{} keeps no versions: what is overwritten there would be lost", target.said()))
        .hint("enable versioning there, or take `overwrite` away and move aside what differs"))
}

/// Objects of the target that are others than those of the source.
#[derive(Default)]
pub struct Differ {
    count: u64,
    first: Vec<String>,
}

impl Differ {
    pub fn add(&mut self, key: &str) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(key.to_owned());
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(NAMED);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn fault(self, target: &str) -> Fault {
        let differ = if self.count == 1 { "object differs" } else { "objects differ" };
        let (first, more) = (self.first.join(", "), if self.count > self.first.len() as u64 { ", …" } else { "" });
        let what = format!("in {target} {} {differ} from the source: {first}{more}; none was changed", self.count);
        Fault::new(DIFFERS, what).hint(
            "`overwrite: true` puts those of the source over them, where the target keeps versions; or copy under another \
             `target_prefix`",
        )
    }
}

#[derive(Default)]
struct Counted {
    keys: u64,
    copies: u64,
    overwrites: u64,
    bytes: u64,
    differ: Differ,
    whole: bool,
}

async fn count(with: &Params, etags: &OwnEtags, most: usize, mut pages: Pairs<'_>) -> Result<Counted, Fault> {
    let mut counted = Counted::default();
    for _ in 0..most {
        let Some(page) = pages.next().await? else { break };
        for pair in page.pairs {
            counted.keys += 1;
            match decide(&pair, with.overwrite, etags) {
                Action::Leave => continue,
                Action::Copy => counted.copies += 1,
                Action::Overwrite => counted.overwrites += 1,
                Action::Differs => counted.differ.add(pair.target.as_ref().map_or(&pair.name, |there| &there.key)),
            }
            counted.bytes += pair.source.content.size;
        }
        counted.whole = page.last;
        if page.last {
            break;
        }
    }
    Ok(counted)
}

impl Counted {
    fn and(self, other: Self) -> Self {
        Self {
            keys: self.keys + other.keys,
            copies: self.copies + other.copies,
            overwrites: self.overwrites + other.overwrites,
            bytes: self.bytes + other.bytes,
            differ: self.differ.and(other.differ),
            whole: self.whole && other.whole,
        }
    }

    /// What is going to happen, one fact a line.
    fn words(&self, from: &str, to: &str, by: By) -> Vec<String> {
        let at_least = if self.whole { "" } else { "at least " };
        let of = |number: u64, noun: &str| format!("{at_least}{}", amount::count(number as usize, noun));
        let through = match by {
            By::Server => "the server copies by itself",
            By::Us => "through this machine",
        };
        let mut lines = vec![
            format!("{from} is copied to {to}; {through}"),
            format!("{} to copy, {at_least}{}", of(self.copies + self.overwrites, "object"), size(self.bytes)),
        ];
        if self.overwrites > 0 {
            lines.push(format!(
                "{at_least}{} of them take the place of another object, which stays as an older version",
                self.overwrites
            ));
        }
        lines.push(format!("{} there already", of(self.keys - self.copies - self.overwrites, "object")));
        lines
    }
}
