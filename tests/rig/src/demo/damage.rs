//! Someone deletes most of the enrolments, and the platform goes on.

use anyhow::{Context, Result};

use super::platform::{Platform, Table};
use super::truth::Truth;
use super::writer::Writer;

/// What was lost, and the truth from the moment before.
pub struct Loss {
    pub truth: Truth,
    pub deleted: u64,
}

/// Takes the truth and deletes right after it, so that nothing is lost that no recovery to that moment could bring back.
pub async fn strike(platform: &Platform, writer: &Writer) -> Result<Loss> {
    let client = platform.as_owner().await?;
    let mut gate = writer.gate().await;
    let truth = Truth::take(&client).await?;
    let sql =
        "delete from enrolments where course_id not in ('course-v1:RegrowX+C0+2026', 'course-v1:RegrowX+C1+2026')";
    let deleted = client.execute(sql, &[]).await.context("cannot delete")?;
    gate.begin_later();
    drop(gate);
    // Some of the later writes shall lie in the archive, where the recovery must not take them from.
    writer.wait_for(100).await?;
    platform.live.switch_wal()?;
    anyhow::ensure!(
        deleted > 0 && deleted < truth.count(Table::Enrolments) as u64,
        "most of the rows, not all and not none"
    );
    Ok(Loss { truth, deleted })
}
