//! What a bucket holds that a recovery could use. Memory does not grow with it.

use jiff::{SignedDuration, Timestamp};

use super::bucket::Bucket;
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

impl Bucket {
    /// A bucket that keeps versions is its own backup.
    pub async fn stock(&self, prefix: &str) -> Result<Stock, Fault> {
        self.keeps_versions().await?;
        let (mut sums, all) = (Sums::default(), Range::default());
        let mut pages = Pages::new(self, prefix, &all);
        while let Some(page) = pages.next().await? {
            page.versions.iter().chain(&page.markers).for_each(|entry| sums.at(entry.time));
            let current = page.versions.iter().filter(|entry| entry.latest).filter_map(|it| it.content.as_ref());
            current.for_each(|content| sums.current(content.size));
        }
        let kept = self.expiries().await?.iter().map(|rule| rule.days).min();
        let kept = kept.map(|days| SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or(i64::MAX / 24)));
        let since = kept.and_then(|kept| Timestamp::now().checked_sub(kept).ok()).max(sums.oldest);
        let stock = self.of_sums(prefix, sums, Reach::Always)?;
        Ok(Stock { since, ..stock })
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
            if !page.more || after.is_none() {
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
