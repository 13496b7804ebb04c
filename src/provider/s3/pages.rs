//! The pages of a listing of versions.

use super::{Bucket, Page, Range, Start};
use crate::model::Fault;

pub struct Pages<'a> {
    bucket: &'a Bucket,
    prefix: &'a str,
    range: Range,
    /// Where the next one begins; none behind the last.
    start: Option<Start>,
}

impl<'a> Pages<'a> {
    pub fn new(bucket: &'a Bucket, prefix: &'a str, range: Range) -> Self {
        let start = Start { key: range.after.clone(), version: None };
        Self { bucket, prefix, range, start: Some(start) }
    }

    /// The next one, without keys outside of the range.
    pub async fn next(&mut self) -> Result<Option<Page>, Fault> {
        let Some(start) = self.start.take() else { return Ok(None) };
        let mut page = self.bucket.versions(self.prefix, &start).await?;
        // The one behind it begins in or behind that key.
        let is_over = |next: &Start| next.key.as_ref().is_some_and(|key| self.range.ends_before(key));
        page.next = page.next.filter(|next| !is_over(next));
        for entries in [&mut page.versions, &mut page.markers] {
            entries.retain(|entry| self.range.holds(&entry.key));
        }
        if page.next.as_ref() == Some(&start) {
            return Err(Fault::new("RG2907", format!("the listing of {} does not come to an end", self.bucket.said()))
                .hint("this server gives one page again and again; its listing cannot be relied on"));
        }
        self.start.clone_from(&page.next);
        Ok(Some(page))
    }
}
