//! What a bucket holds that a recovery could use. Memory does not grow with it.

use jiff::{SignedDuration, Timestamp};

use super::bucket::Bucket;
use super::history::{Histories, content};
use super::list::Page;
use super::marks::Range;
use super::pages::Pages;
use crate::kind::stock::{Held, Reach, Stock};
use crate::model::Fault;

/// Sums over a listing.
#[derive(Default)]
struct Sums {
    count: u64,
    bytes: u64,
    newest: Option<Timestamp>,
    oldest: Option<Timestamp>,
}

impl Sums {
    fn at(&mut self, time: Timestamp) {
        self.newest = self.newest.max(Some(time));
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
    }

    fn current(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a bucket holds, and what it held at an earlier moment, which its versions tell.
struct Tally {
    now: Sums,
    before: Sums,
    histories: Histories,
}

impl Tally {
    fn new(moment: Timestamp) -> Self {
        Self { now: Sums::default(), before: Sums::default(), histories: Histories::new(moment) }
    }

    fn take(&mut self, page: Page) {
        // A marker holds nothing.
        page.versions.iter().for_each(|entry| self.now.at(entry.time));
        for history in self.histories.take(page) {
            content(&history.now).into_iter().for_each(|content| self.now.current(content.size));
            content(&history.then).into_iter().for_each(|content| self.before.current(content.size));
        }
    }
}

impl Bucket {
    /// A bucket that keeps versions is its own backup.
    pub async fn stock(&self, prefix: &str) -> Result<Stock, Fault> {
        self.keeps_versions().await?;
        let day_ago = Timestamp::now() - SignedDuration::from_hours(24);
        let (mut tally, mut pages) = (Tally::new(day_ago), Pages::new(self, prefix, Range::default()));
        while let Some(page) = pages.next().await? {
            tally.take(page);
        }
        let (sums, before) = (tally.now, tally.before);
        let rules = self.expiries().await?;
        let mut doubts: Vec<_> = rules.is_none().then(|| self.rules_untold()).into_iter().collect();
        doubts.extend((sums.count == 0).then(|| self.all_deleted()));
        let kept = rules.iter().flatten().map(|rule| rule.days).min();
        let kept = kept.map(|days| SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or(i64::MAX / 24)));
        let since = kept.and_then(|kept| Timestamp::now().checked_sub(kept).ok()).max(sums.oldest);
        let stock = self.of_sums(prefix, sums, Reach::Always)?;
        // Where nothing was there then, there is nothing to be less than.
        let (bytes, items) = (Some(before.bytes), Some(before.count));
        let before = Held { name: "a day before".to_owned(), at: day_ago, bytes, items };
        Ok(Stock { since, before: Some(before).filter(|it| it.bytes > Some(0)), doubts, ..stock })
    }

    fn rules_untold(&self) -> Fault {
        let what = format!("whether rules take old versions of {} away cannot be told", self.said());
        Fault::new("RG3210", what).hint("give these keys `s3:GetLifecycleConfiguration`, or look at the rules by hand")
    }

    fn all_deleted(&self) -> Fault {
        let what = format!("everything in {} is deleted; its older versions are there", self.said());
        Fault::new("RG3211", what)
            .hint("see who deleted it; `s3.restore` brings back what was there at a moment before")
    }

    /// A bucket into which something else copies: as new as what came last.
    pub async fn stock_of_copy(&self, prefix: &str) -> Result<Stock, Fault> {
        let (mut sums, mut after) = (Sums::default(), None);
        loop {
            let page = self.objects(prefix, after.as_deref()).await?;
            for object in &page.objects {
                sums.at(object.time);
                sums.current(object.content.size);
            }
            after = page.objects.last().map(|it| it.key.clone());
            if !page.more {
                let reach = Reach::Quiet(sums.newest.unwrap_or_default());
                return self.of_sums(prefix, sums, reach);
            }
        }
    }

    fn of_sums(&self, prefix: &str, sums: Sums, reach: Reach) -> Result<Stock, Fault> {
        let place =
            if prefix.is_empty() { self.said().to_owned() } else { format!("{}, prefix {prefix}", self.said()) };
        let Some(at) = sums.newest else {
            return Err(Fault::new("RG3208", format!("{place} holds nothing"))
                .hint("look at the name and the prefix, and at what should have written there"));
        };
        let newest =
            Held { name: "what was written last".to_owned(), at, bytes: Some(sums.bytes), items: Some(sums.count) };
        Ok(Stock { place, newest, before: None, reach, since: None, latest: None, doubts: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::{Content, Entry};
    use super::*;

    #[test]
    fn what_was_there_a_day_before_counts_whatever_became_of_it() {
        let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let entry = |key: &str, hour: i64, size: Option<u64>, latest| {
            let content = size.map(|size| Content { etag: String::new(), size, class: String::new() });
            Entry { key: key.to_owned(), id: hour.to_string(), time: at(hour), latest, content }
        };
        let mut tally = Tally::new(at(10));
        // Deleted since; overwritten since by less; new since; deleted before; as it was.
        tally.take(Page {
            versions: vec![
                entry("a", 1, Some(100), false),
                entry("b", 12, Some(3), true),
                entry("b", 2, Some(200), false),
                entry("c", 13, Some(5), true),
                entry("d", 3, Some(400), false),
                entry("e", 4, Some(7), true),
            ],
            markers: vec![entry("a", 11, None, true), entry("d", 5, None, true)],
            next: None,
        });
        assert_eq!((tally.now.count, tally.now.bytes), (3, 3 + 5 + 7));
        assert_eq!((tally.before.count, tally.before.bytes), (3, 100 + 200 + 7));
        assert_eq!((tally.now.oldest, tally.now.newest), (Some(at(1)), Some(at(13))));
    }

    #[test]
    fn markers_alone_are_nothing_to_recover_from() {
        let marker =
            Entry { key: "a".to_owned(), id: "1".to_owned(), time: Timestamp::UNIX_EPOCH, latest: true, content: None };
        let mut tally = Tally::new(Timestamp::UNIX_EPOCH);
        tally.take(Page { versions: vec![], markers: vec![marker], next: None });
        assert_eq!((tally.now.count, tally.now.newest), (0, None));
    }
}
