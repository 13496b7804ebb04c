//! Where a bucket can be cut that nobody has gone through yet, so that several listings of it go at once: at its folders.

use aws_sdk_s3::types::EncodingType;

use super::bucket::Bucket;
use super::fault::of;
use super::list::decode;
use super::marks::Range;
use crate::model::Fault;

/// As many ranges, however many folders there are.
const MOST: usize = 16;
/// So deep a folder is looked for that has others beside it.
const DEEPEST: usize = 4;

impl Bucket {
    /// Ranges that hold every key under the prefix once; only one where there is nothing to cut at.
    pub async fn ranges(&self, prefix: &str) -> Result<Vec<Range>, Fault> {
        let mut inside = prefix.to_owned();
        for _ in 0..DEEPEST {
            let mut folders = self.folders(&inside).await?;
            match folders.len() {
                0 => break,
                1 => inside = folders.remove(0),
                _ => return Ok(Range::between(&cuts(folders))),
            }
        }
        Ok(vec![Range::default()])
    }

    /// The first ones, by what was ever in them: what was deleted has its folders still.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let answer = self.flow().again(|| async {
            let call = self.client.list_object_versions().bucket(&self.name).prefix(prefix).delimiter("/");
            call.encoding_type(EncodingType::Url).send().await.map_err(|error| of(self.said(), error))
        });
        let answer = answer.await?;
        let encoded = answer.encoding_type().is_some();
        let names = answer.common_prefixes().iter().filter_map(|it| it.prefix());
        let mut names: Vec<String> = names.map(|it| if encoded { decode(it) } else { it.to_owned() }).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

/// So that about as many folders lie between any two.
fn cuts(folders: Vec<String>) -> Vec<String> {
    let every = folders.len().div_ceil(MOST);
    folders.into_iter().skip(every).step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_shared_out_evenly() {
        let names = |count: usize| (0..count).map(|at| format!("{at:04}/")).collect::<Vec<_>>();
        assert_eq!(cuts(names(2)), ["0001/"]);
        assert_eq!(cuts(names(MOST)).len(), MOST - 1);
        for count in [MOST + 1, 50, 1000] {
            let cuts = cuts(names(count));
            assert!(cuts.len() < MOST && cuts.len() >= MOST / 2, "{count}: {cuts:?}");
            assert_eq!(cuts[0], format!("{:04}/", count.div_ceil(MOST)));
        }
    }
}
