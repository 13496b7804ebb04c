//! One table: someone deletes most of the enrolments; writes follow, some to that very table.

use anyhow::Result;

use super::names::{HOST, Names, OLD};
use super::platform::{Platform, Table};
use super::rescue::{self, Call};
use super::tell::{Ending, number, step};
use super::writer::Writer;
use super::{Stage, damage};

pub async fn play(stage: &Stage<'_>) -> Result<Vec<String>> {
    step("A platform: live PostgreSQL, WAL archive, base backup, name servers, users at work");
    let names = Names::open(stage.scratch)?;
    let platform = Platform::open(stage.scratch, stage.rows).await?;
    let writer = Writer::start(&platform).await?;
    writer.wait_for(100).await?;
    let zone = names.read()?;

    step("Someone deletes most of the enrolments; the users go on");
    let loss = damage::strike(&platform, &writer).await?;
    let before = loss.truth.count(Table::Enrolments);
    let (lost, before, as_of) = (number(loss.deleted), number(before), &loss.truth.as_of);
    println!("{lost} of {before} enrolments are gone. The moment before: {as_of}");

    step("The recovery, as a person sees it");
    let program = stage.program(vec![("LIVE_PGPASSWORD", platform.live.lms_password().to_string())]);
    let mut params = platform.params(&loss.truth.as_of, &stage.room_for_a_copy(&platform.live)?).to_vec();
    params.extend([
        ("table", "public.enrolments".to_string()),
        ("live_url", platform.live.url()),
        ("host", names.full()),
        ("address", OLD.to_string()),
        ("dns_server", names.dns.server()),
    ]);
    let call = Call { verb: "run", runbook: "runbooks/restore-only.yaml", params };
    let middle = stage.middle(&platform.live, loss.truth.count(Table::Enrolments)).await?;
    let rescue = rescue::perform(&program, &call, middle, stage.scratch).await?;

    step("What came of it");
    // The table must be good for writing, too, not only for reading.
    writer.wait_for(50).await?;
    let memory = writer.stop().await?;
    let verdict = loss.truth.verify(&platform.as_owner().await?, &memory).await?;
    let mut ending = Ending::default();
    ending.killed(&rescue);
    ending.table(&loss, &rescue, &memory, &verdict);
    ending.say("names", format!("{HOST} leads to {OLD}, {} records untouched", zone.len()));
    ending.must(names.lead_to(OLD)? && names.read()? == zone, "a record is not what it was");
    Ok(ending.close(&rescue))
}
