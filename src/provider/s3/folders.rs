//! Where a bucket can be cut that nobody has gone through yet, so that several listings of it go at once: at its folders.
//!
//! Each range lists a part of a page that lies in the next one, and servers prepare for a listing to go on. So a bucket is cut
//! only as far as a single listing would take long: by how many pages there seem to be, and how long the first one took.

use std::time::{Duration, Instant};

use aws_sdk_s3::types::{CommonPrefix, EncodingType};

use super::bucket::Bucket;
use super::fault::of as fault_of;
use super::list::{Start, decode};
use super::marks::Range;
use crate::model::Fault;

/// So deep a folder is looked for that has others beside it.
const DEEPEST: usize = 4;
/// As many ranges at most, however large the bucket is.
const MOST: usize = 16;
/// So long one listing may take before another one goes beside it.
const LONG: Duration = Duration::from_secs(2);
/// A folder of which nobody knows anything is as large as that, in pages.
const UNKNOWN: usize = 2;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Everything that was ever there.
    Versions,
    /// What is there now.
    Objects,
}

/// Ranges that hold every key under a prefix once.
#[derive(Debug)]
pub struct Cut {
    pub ranges: Vec<Range>,
    /// So many pages are worth a range of their own.
    pub worth: usize,
}

impl Bucket {
    /// Only one range where there is little, or nothing to cut at. So many pages there are at least, as far as is known.
    pub async fn cut(&self, prefix: &str, of: Of, pages: usize) -> Result<Cut, Fault> {
        let began = Instant::now();
        let Some(reached) = self.end_of_first_page(prefix, of).await? else {
            return Ok(Cut { ranges: vec![Range::default()], worth: usize::MAX });
        };
        let worth = worth(began.elapsed());
        let (mut inside, mut ahead) = (prefix.to_owned(), Ahead { folders: Vec::new(), pages: 0 });
        for _ in 0..DEEPEST {
            let Some(within) = ahead.take(self.folders(&inside, of).await?, &reached) else { break };
            inside = within;
        }
        ahead.pages = ahead.pages.max(pages);
        Ok(Cut { ranges: Range::between(&ahead.cuts(worth)), worth })
    }

    /// None: it holds everything.
    async fn end_of_first_page(&self, prefix: &str, of: Of) -> Result<Option<String>, Fault> {
        match of {
            Of::Versions => {
                let page = self.versions(prefix, &Start::default()).await?;
                Ok(page.next.map(|next| next.key.unwrap_or_default()))
            }
            Of::Objects => {
                let page = self.objects(prefix, None).await?;
                Ok(page.objects.into_iter().next_back().filter(|_| page.more).map(|last| last.key))
            }
        }
    }

    /// The first ones. By what was ever in them, where versions are listed: what was deleted has its folders still.
    async fn folders(&self, prefix: &str, of: Of) -> Result<Vec<String>, Fault> {
        let names = self.flow().again(|| async {
            match of {
                Of::Versions => {
                    let call = self.client.list_object_versions().bucket(&self.name).prefix(prefix).delimiter("/");
                    let answer = call.encoding_type(EncodingType::Url).send().await;
                    let answer = answer.map_err(|error| fault_of(self.said(), error))?;
                    Ok(names(answer.common_prefixes(), answer.encoding_type().is_some()))
                }
                Of::Objects => {
                    let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).delimiter("/");
                    let answer = call.encoding_type(EncodingType::Url).send().await;
                    let answer = answer.map_err(|error| fault_of(self.said(), error))?;
                    Ok(names(answer.common_prefixes(), answer.encoding_type().is_some()))
                }
            }
        });
        names.await
    }
}

fn names(prefixes: &[CommonPrefix], encoded: bool) -> Vec<String> {
    let names = prefixes.iter().filter_map(|it| it.prefix());
    let mut names: Vec<String> = names.map(|it| if encoded { decode(it) } else { it.to_owned() }).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Pages that one after the other take long, when one takes so much.
fn worth(page: Duration) -> usize {
    usize::try_from(LONG.as_millis() / page.as_millis().max(1)).unwrap_or(usize::MAX).max(1)
}

/// What the first page of a listing did not come to.
struct Ahead {
    folders: Vec<String>,
    /// As many as it seems to be, if its folders are like those before.
    pages: usize,
}

impl Ahead {
    /// Folders that lie side by side. Says in which of them the first page ended: that one is large.
    fn take(&mut self, folders: Vec<String>, reached: &str) -> Option<String> {
        let (begun, ahead): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| folder.as_bytes() <= reached.as_bytes());
        // Of how much there is in the first folder nobody knows anything but that it is more than a page.
        self.pages += if begun.len() <= 1 { ahead.len() * UNKNOWN } else { ahead.len() / begun.len() };
        self.folders.extend(ahead);
        begun.into_iter().next_back().filter(|last| reached.starts_with(last))
    }

    /// So that about as many folders lie between any two.
    fn cuts(mut self, worth: usize) -> Vec<String> {
        self.folders.sort_unstable();
        let ranges = (self.pages / worth + 1).min(MOST);
        let every = (self.folders.len() + 1).div_ceil(ranges);
        self.folders.into_iter().skip(every - 1).step_by(every).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inside: &str, count: usize) -> Vec<String> {
        (0..count).map(|at| format!("{inside}{at:04}/")).collect()
    }

    fn cuts(count: usize, reached: &str, worth: usize) -> Vec<String> {
        let mut ahead = Ahead { folders: Vec::new(), pages: 0 };
        ahead.take(names("", count), reached);
        ahead.cuts(worth)
    }

    #[test]
    fn the_longer_a_page_takes_the_fewer_of_them_are_worth_a_range() {
        let after = |millis| worth(Duration::from_millis(millis));
        assert_eq!((after(0), after(20), after(700), after(60_000)), (2000, 100, 2, 1));
    }

    #[test]
    fn folders_are_shared_out_evenly_and_the_more_the_more_there_is() {
        // The first page ended in the first folder.
        assert_eq!(cuts(2, "0000/x", 1), ["0001/"]);
        for count in [MOST, MOST + 1, 50, 1000] {
            let cuts = cuts(count, "0000/x", 1);
            assert!(cuts.len() < MOST && cuts.len() >= MOST / 2 - 1, "{count}: {cuts:?}");
            assert_eq!(cuts[0], format!("{:04}/", count.div_ceil(MOST)));
        }
        // Fifty folders on about seventeen pages; and all of them on the first page, but for what comes behind them.
        for (worth, ranges) in [(2, 8), (5, 4), (15, 2), (16, 1)] {
            assert_eq!(cuts(50, "0002/x", worth).len(), ranges - 1, "{worth}");
        }
        assert_eq!(cuts(50, "zzzz", 1), [""; 0]);
    }

    #[test]
    fn a_large_folder_among_small_ones_is_cut_in_itself() {
        let (mut ahead, reached) = (Ahead { folders: Vec::new(), pages: 0 }, "0003/0000/x");
        let large = ahead.take(names("", 6), reached).unwrap();
        assert_eq!(large, "0003/");
        assert_eq!(ahead.take(names(&large, 20), reached).as_deref(), Some("0003/0000/"));
        assert_eq!(ahead.take(Vec::new(), reached), None);
        let cuts = ahead.cuts(1);
        let within = cuts.iter().filter(|cut| cut.starts_with("0003/00")).count();
        assert!(cuts.len() >= MOST / 2 && within + 2 >= cuts.len() && cuts.is_sorted(), "{cuts:?}");
    }
}
