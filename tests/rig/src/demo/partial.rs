//! Half of everything: zone b with its machines, a table, objects of a bucket, a namespace of the cluster, and the record set that
//! people come by. The rest goes on, and must be found as it was.

use std::collections::BTreeMap;

use anyhow::Result;

use super::apps::{Apps, PLATFORM, SEARCH};
use super::estate::{Estate, NODES, Node};
use super::health::Health;
use super::media::Media;
use super::names::Names;
use super::platform::{Platform, Table, owner};
use super::rescue::{self, Call};
use super::tell::{Ending, number, step};
use super::writer::Writer;
use super::{Stage, damage};

pub async fn play(stage: &Stage<'_>) -> Result<Vec<String>> {
    step(
        "A platform: four machines by Terraform, live PostgreSQL with its archive, a Kubernetes cluster with Velero, a bucket with versions, a zone on two name servers, users at work",
    );
    let estate = Estate::draw(stage.scratch)?;
    estate.build()?;
    let names = Names::open(stage.scratch)?;
    let platform = Platform::open(stage.scratch, stage.rows).await?;
    let media = Media::open(stage.scratch)?;
    let apps = Apps::place(stage.scratch, media.server())?;
    let [edx, search] = apps.deploy()?;
    let health = Health::open(owner(&platform.live)?, i64::from(stage.rows)).await?;
    let writer = Writer::start(&platform).await?;
    writer.wait_for(100).await?;
    let (nodes, zone) = (estate.read()?, names.read()?);

    step(
        "Zone b burns down, and in the confusion a table, objects, a namespace and a record set are lost; the rest goes on",
    );
    let gone = estate.lose_zone_b()?;
    names.lose()?;
    let loss = damage::strike(&platform, &writer).await?;
    let before = loss.truth.count(Table::Enrolments);
    let objects = media.strike(&loss.truth.as_of)?;
    apps.lose(PLATFORM)?;
    println!("machines       {} of {} are gone", gone.join(", "), NODES.len());
    println!("names          {} leads nowhere", names.full());
    println!("enrolments     {} of {} are gone", number(loss.deleted), number(before));
    println!("objects        {} of {} are gone or overwritten", number(objects.hurt), number(objects.before));
    println!("cluster        the namespace {PLATFORM} is gone");
    println!("The moment before: {}", loss.truth.as_of);

    step("The recovery, as a person sees it");
    let mut secrets = vec![
        ("LIVE_PGPASSWORD", platform.live.lms_password().to_string()),
        ("DNS_TSIG_SECRET", names.dns.tsig_secret().to_string()),
    ];
    secrets.extend(Media::secrets());
    let program = stage.program(secrets);
    let lost = ["infrastructure", "table", "objects", "cluster", "names"].map(|piece| ("lost", piece.to_string()));
    let mut params = lost.to_vec();
    params.extend(platform.params(&loss.truth.as_of, &stage.room_for_a_copy(&platform.live)?));
    params.extend([
        ("modules", estate.module.display().to_string()),
        ("server_url", platform.live.url()),
        ("table", "public.enrolments".to_string()),
    ]);
    params.extend(names.params(&health));
    params.extend(media.params());
    params.extend(apps.params(&[PLATFORM]));
    let call = Call { verb: "run", runbook: "runbooks/partial.yaml", params };
    let middle = stage.middle(&platform.live, before).await?;
    let rescue = rescue::perform(&program, &call, middle, stage.scratch).await?;

    step("What came of it");
    writer.wait_for(50).await?;
    let memory = writer.stop().await?;
    let verdict = loss.truth.verify(&platform.as_owner().await?, &memory).await?;
    let mut ending = Ending::default();
    ending.killed(&rescue);
    ending.table(&loss, &rescue, &memory, &verdict);
    for table in [Table::Users, Table::Certificates] {
        let rows = verdict.rows.get(&table).map_or(0, |(rows, _)| *rows);
        ending.say("untouched", format!("{:<12} {} rows, compared one by one", table.name(), number(rows)));
    }
    media.tell(&objects, &mut ending)?;
    apps.tell_back(PLATFORM, &edx, &mut ending)?;
    apps.tell_untouched(SEARCH, &search, &mut ending)?;
    machines(&mut ending, &estate, &nodes, &gone)?;
    names.tell(&mut ending, &zone)?;
    ending.say("left out", "the database as a whole: it was not lost");
    ending.must(rescue.skipped.iter().any(|step| step.starts_with("database")), "the server was touched as a whole");
    Ok(ending.close(&rescue))
}

/// Those of zone b are new, those of zone a the very same.
fn machines(ending: &mut Ending, estate: &Estate, before: &BTreeMap<String, Node>, gone: &[&str]) -> Result<()> {
    let now = estate.read()?;
    let (back, kept): (Vec<&str>, Vec<&str>) = NODES.into_iter().partition(|name| gone.contains(name));
    ending.say("machines", format!("{} came back; {} untouched", back.join(", "), kept.join(", ")));
    for name in kept {
        ending.must(now.get(name) == before.get(name), &format!("the machine {name} was not left alone"));
    }
    for name in back {
        let is_new = now.get(name).is_some_and(|node| before.get(name).is_some_and(|old| old.id != node.id));
        ending.must(is_new, &format!("the machine {name} is not back"));
    }
    ending.must(estate.is_whole()?, "a plan by hand still finds something to do");
    Ok(())
}
