//! Every key with its history, page by page, and with what is there now: in the bucket itself, or in one beside it.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::model::Fault;
use crate::provider::s3::history::{Histories, History};
use crate::provider::s3::{Bucket, Listing, Pages, Range, Walk};

/// Of one page, in the order of their keys.
pub struct Keys {
    pub histories: Vec<History>,
    pub last: bool,
}

/// What is gone through.
#[derive(Clone, Copy)]
pub struct Lists<'a> {
    /// Whose versions tell what was there.
    pub from: &'a Bucket,
    pub now: Now<'a>,
    pub prefix: &'a str,
    pub as_of: Timestamp,
}

/// Where it is that keys are to be as they were.
#[derive(Clone, Copy)]
pub enum Now<'a> {
    Same,
    /// None: it is not there yet.
    Beside(Option<&'a Bucket>),
}

pub struct Stream<'a> {
    pages: Pages<'a>,
    histories: Histories,
    beside: Option<Walk<'a>>,
}

impl<'a> Stream<'a> {
    pub fn new(lists: Lists<'a>, range: Range) -> Self {
        let Lists { from, now, prefix, as_of } = lists;
        let beside = match now {
            Now::Same => None,
            Now::Beside(bucket) => Some(Walk::new(bucket, prefix, range.clone())),
        };
        Self { pages: Pages::new(from, prefix, range), histories: Histories::new(as_of), beside }
    }
}

impl Listing for Stream<'_> {
    type Page = Keys;

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Keys>, Fault>> {
        Box::pin(async {
            let Some(page) = self.pages.next().await? else { return Ok(None) };
            let last = page.next.is_none();
            let mut histories = self.histories.take(page);
            if let Some(beside) = &mut self.beside {
                for history in &mut histories {
                    history.now_is(beside.at(&history.key).await?);
                }
            }
            Ok(Some(Keys { histories, last }))
        })
    }
}
