//! Many calls at once, each for keys of its own: what is refused for one key alone stops no other.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::flow::Flow;
use crate::model::Fault;

/// As many keys are named.
const NAMED: usize = 5;

/// Keys that could not be dealt with, and why.
pub type Refused = Vec<(String, Fault)>;
/// How many keys it dealt with.
pub type Job<'a> = BoxFuture<'a, Result<(u64, Refused), Fault>>;

/// As many at once as the server takes. Fails with the first that does.
pub async fn together(flow: &Flow, jobs: Vec<BoxFuture<'_, Result<(), Fault>>>) -> Result<(), Fault> {
    let (mut jobs, mut running) = (jobs.into_iter(), FuturesUnordered::new());
    loop {
        while running.len() < flow.width()
            && let Some(job) = jobs.next()
        {
            running.push(job);
        }
        let Some(ended) = running.next().await else { return Ok(()) };
        ended?;
    }
}

/// A server that is gone, or lets nobody in, is no matter of one key.
pub fn settle(keys: u64, refused: Refused) -> Result<(u64, Refused), Fault> {
    match refused.iter().find(|(_, fault)| fault.retry.is_transient() || fault.code == "RG2906") {
        Some((key, fault)) => {
            let mut fault = fault.clone();
            fault.causes.push(format!("it was at {key}"));
            Err(fault)
        }
        None => Ok((keys, refused)),
    }
}

/// Keys that were refused, of all pages.
#[derive(Default)]
pub struct Failed {
    pub count: u64,
    first: Vec<String>,
}

impl Failed {
    pub fn add(&mut self, refused: Refused) {
        for (key, fault) in refused {
            self.count += 1;
            if self.first.len() < NAMED {
                let why = fault.causes.first().unwrap_or(&fault.message);
                self.first.push(format!("{key}: {why}"));
            }
        }
    }

    /// `done`: what could not be done with them.
    pub fn fault(self, done: &str) -> Fault {
        let objects = if self.count == 1 { "object" } else { "objects" };
        let what = format!("{} {objects} could not be {done}; all others are", self.count);
        let mut fault = Fault::new("RG2910", what)
            .hint("the causes name the first ones; mend it, then `regrow retry STEP`: what is done is left alone");
        fault.causes = self.first;
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RetryClass;

    #[test]
    fn what_ends_all_work_says_at_which_key_it_was() {
        let refused = |retry| vec![("film".to_owned(), Fault::new("RG2904", "busy").retry(retry))];
        assert_eq!(settle(1, refused(RetryClass::Never)).unwrap().1.len(), 1);
        assert_eq!(settle(1, refused(RetryClass::Later)).unwrap_err().causes, ["it was at film"]);
    }
}
