//! Where a bucket can be cut that nobody has gone through yet, so that several listings of it go at once: at its folders.

use aws_sdk_s3::types::{CommonPrefix, EncodingType};

use super::bucket::Bucket;
use super::fault::of as fault_of;
use super::list::{Start, decode};
use super::marks::{MOST, PAGES, Range};
use crate::model::Fault;

/// So deep a folder is looked for that has others beside it.
const DEEPEST: usize = 4;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Everything that was ever there.
    Versions,
    /// What is there now.
    Objects,
}

impl Bucket {
    /// Ranges that hold every key under the prefix once, more of them the more there seems to be; only one where there is
    /// little, or nothing to cut at.
    pub async fn ranges(&self, prefix: &str, of: Of) -> Result<Vec<Range>, Fault> {
        let Some(reached) = self.end_of_first_page(prefix, of).await? else { return Ok(vec![Range::default()]) };
        let (mut inside, mut ahead) = (prefix.to_owned(), Ahead::default());
        for _ in 0..DEEPEST {
            let Some(within) = ahead.take(self.folders(&inside, of).await?, &reached) else { break };
            inside = within;
        }
        Ok(Range::between(&ahead.cuts()))
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

/// What the first page of a listing did not come to.
#[derive(Default)]
struct Ahead {
    folders: Vec<String>,
    /// So many pages at least, if its folders are like those before.
    pages: usize,
}

impl Ahead {
    /// Folders that lie side by side. Says in which of them the first page ended: that one is large.
    fn take(&mut self, folders: Vec<String>, reached: &str) -> Option<String> {
        let (begun, ahead): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| folder.as_bytes() <= reached.as_bytes());
        // Of how much there is in the first folder nobody knows anything but that it is more than a page.
        self.pages += if begun.len() <= 1 { ahead.len() * PAGES } else { ahead.len() / begun.len() };
        self.folders.extend(ahead);
        begun.into_iter().next_back().filter(|last| reached.starts_with(last))
    }

    /// So that about as many folders lie between any two, and some pages.
    fn cuts(mut self) -> Vec<String> {
        self.folders.sort_unstable();
        let ranges = (self.pages / PAGES + 1).min(MOST);
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

    fn cuts(count: usize, reached: &str) -> Vec<String> {
        let mut ahead = Ahead::default();
        ahead.take(names("", count), reached);
        ahead.cuts()
    }

    #[test]
    fn folders_are_shared_out_evenly_and_the_more_the_more_there_is() {
        // The first page ended in the first folder.
        assert_eq!(cuts(2, "0000/x"), ["0001/"]);
        for count in [MOST, MOST + 1, 50, 1000] {
            let cuts = cuts(count, "0000/x");
            assert!(cuts.len() < MOST && cuts.len() >= MOST / 2 - 1, "{count}: {cuts:?}");
            assert_eq!(cuts[0], format!("{:04}/", count.div_ceil(MOST)));
        }
        // Fifty folders on about seventeen pages; and all of them on the first page, but for what comes behind them.
        assert_eq!(cuts(50, "0002/x").len(), 15 / PAGES);
        assert_eq!(cuts(50, "zzzz"), [""; 0]);
    }

    #[test]
    fn a_large_folder_among_small_ones_is_cut_in_itself() {
        let (mut ahead, reached) = (Ahead::default(), "0003/0000/x");
        let large = ahead.take(names("", 6), reached).unwrap();
        assert_eq!(large, "0003/");
        assert_eq!(ahead.take(names(&large, 20), reached).as_deref(), Some("0003/0000/"));
        assert_eq!(ahead.take(Vec::new(), reached), None);
        let cuts = ahead.cuts();
        assert!(cuts.len() >= MOST / 2 && cuts.iter().filter(|cut| cut.starts_with("0003/00")).count() + 2 >= cuts.len());
        assert!(cuts.is_sorted(), "{cuts:?}");
    }
}
