//! Looks at the module before anything is planned: which version of it, and whether the program is there.

use serde::{Deserialize, Serialize};

use super::guard;
use super::params::Params;
use crate::kind::{Op, Prepared, ReadCx};
use crate::model::Fault;
use crate::provider::terraform::{Binary, Commit};

/// Where the module stood when the operation was prepared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Prior {
    pub module: Commit,
}

pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    installed(op.params.reach.binary)?;
    let module = op.params.module(cx, op)?;
    let commit = Commit::of(&module.dir).await;
    let mut changes = vec![commit.words(&op.params.reach.dir)];
    if op.is_foreseen() {
        module.init(true).await?;
        let out = cx.work.join("foreseen.tfplan");
        let plan = module.plan(&op.params.scope(cx), &out).await;
        let _ = std::fs::remove_file(&out);
        match plan? {
            Some(plan) => {
                guard::refuse(&plan.changes, &op.params.allow_destroy)?;
                changes.extend(plan.words());
                changes.push(plan.sums());
            }
            None => changes.push("nothing to change".into()),
        }
    }
    Ok(Prepared::new(Prior { module: commit }, changes))
}

fn installed(binary: Binary) -> Result<(), Fault> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&folders).any(|folder| folder.join(binary.word()).is_file()) {
        return Ok(());
    }
    let word = binary.word();
    Err(Fault::new("RG2701", format!("`{word}` is not installed")).hint(format!("put `{word}` where PATH finds it")))
}
