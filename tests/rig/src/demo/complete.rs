//! The whole place is gone: machines, the database server, the cluster, and where the names point to. What is left are the
//! backups, the module in version control, and the name servers, which stand elsewhere.

use std::fs;

use anyhow::{Context, Result};

use super::Stage;
use super::apps::{Apps, PLATFORM, SEARCH};
use super::assets::Assets;
use super::estate::{Estate, NODES};
use super::health::Health;
use super::names::{Names, OLD};
use super::platform::{self, Platform, Table, connect};
use super::rescue::{self, Call};
use super::tell::{Ending, number, step};
use super::truth::Truth;
use super::writer::{Memory, Writer};
use crate::servers::{Postgres, StopMode};

/// A second database, so that more than one has to come back.
const FORUM: &str = "
    set role lms;
    create table posts (id bigint generated always as identity primary key, thread bigint not null, body text not null);
    create index posts_thread on posts (thread);
    insert into posts (thread, body) select n % 100, 'post ' || md5(n::text) from generate_series(1, 20000) n";
const POSTS: &str = "select count(*) || ' ' || sum(hashtextextended(p::text, 0)::numeric) from posts p";

pub async fn play(stage: &Stage<'_>) -> Result<Vec<String>> {
    step(
        "A platform: four machines by Terraform, PostgreSQL with two databases, a Kubernetes cluster with Velero, objects with a copy elsewhere, a zone on two name servers, users at work",
    );
    let estate = Estate::draw(stage.scratch)?;
    estate.build()?;
    let names = Names::open(stage.scratch)?;
    let mut platform = Platform::open(stage.scratch, stage.rows).await?;
    platform.live.sql("postgres", "create database forum owner lms")?;
    platform.live.sql("forum", FORUM)?;
    let assets = Assets::open(stage.scratch)?;
    let apps = Apps::place(stage.scratch, assets.elsewhere())?;
    let [edx, search] = apps.deploy()?;
    let writer = Writer::start(&platform).await?;
    writer.wait_for(100).await?;
    let (old, zone) = (estate.read()?, names.read()?);

    step("The place burns down. What was written after the last WAL that left it is lost");
    let (truth, posts) = burn(&mut platform, writer).await?;
    estate.burn()?;
    apps.burn();
    println!("machines       none of {} is left", NODES.len());
    println!("databases      lms with {} enrolments, forum: gone", number(truth.count(Table::Enrolments)));
    println!("cluster        {} objects in two namespaces: gone", edx.objects.len() + search.objects.len());
    println!("objects        {} are left in the copy alone", number(assets.count()));
    println!("names          {} leads to {OLD}, where nobody is", names.full());
    println!("The last good moment: {}", truth.as_of);

    step("The recovery, as a person sees it");
    let mut apps = Apps::place(stage.scratch, assets.elsewhere())?;
    apps.find_backup()?;
    let new = Postgres::start_plain(stage.scratch)?;
    estate.place_databases(&["forum"], &new)?;
    let health = Health::open(platform::owner(&new)?, i64::from(stage.rows)).await?;
    let bucket = Assets::new_place(stage.scratch)?;
    let mut secrets = vec![
        ("NEW_PGPASSWORD", new.lms_password().to_string()),
        ("DNS_TSIG_SECRET", names.dns.tsig_secret().to_string()),
    ];
    secrets.extend(Assets::secrets());
    let program = stage.program(secrets);
    let mut params = platform.params(&truth.as_of, &stage.room_for_a_copy(&platform.live)?).to_vec();
    params.extend([
        ("databases", r#"{"lms": "2m", "forum": "1m"}"#.to_string()),
        ("modules", estate.module.display().to_string()),
        ("server_url", new.url()),
    ]);
    params.extend(names.params(&health));
    params.extend(assets.params(&bucket));
    params.extend(apps.params(&[PLATFORM, SEARCH]));
    params.push(("instances", format!(r#"{{"lms": "{PLATFORM}", "lms-worker": "{PLATFORM}", "search": "{SEARCH}"}}"#)));
    let call = Call { verb: "run", runbook: "runbooks/complete.yaml", params };
    let rows = truth.count(Table::Enrolments);
    let middle = stage.middle(&new, rows).await?;
    let rescue = rescue::perform(&program, &call, middle, stage.scratch).await?;

    step("What came of it");
    let verdict = truth.verify(&connect(platform::owner(&new)?).await?, &Memory::default()).await?;
    let mut ending = Ending::default();
    ending.killed(&rescue);
    for table in Table::ALL {
        let (rows, checksum) = verdict.rows.get(&table).context("every table was compared")?;
        ending.say("database lms", format!("{:<12} {} rows, checksum {checksum}", table.name(), number(rows)));
    }
    ending.wrong(&verdict.problems);
    let now = new.sql("forum", POSTS)?;
    ending.say("database forum", format!("posts        {} rows", now.split(' ').next().unwrap_or_default()));
    ending.must(now == posts, "the posts of the forum are not what they were");
    assets.tell(&bucket, &mut ending)?;
    apps.tell_back(PLATFORM, &edx, &mut ending)?;
    apps.tell_back(SEARCH, &search, &mut ending)?;
    let back = estate.read()?;
    ending.say("machines", format!("{} made again", back.keys().cloned().collect::<Vec<_>>().join(", ")));
    let is_new = |name: &str| back.get(name).is_some_and(|node| old.get(name).is_some_and(|old| old.id != node.id));
    ending.must(NODES.into_iter().all(is_new), "not every machine was made again");
    ending.must(estate.is_whole()?, "a plan by hand still finds something to do");
    names.tell(&mut ending, &zone)?;
    ending
        .must(rescue.approvals.iter().any(|given| given.step.starts_with("names")), "nobody agreed to move the names");
    let told = fs::read_to_string(&rescue.report)?.contains("the queues of Celery in Redis");
    ending.must(told, "the report does not say that background work is lost");
    ending.say("as of", format!("{}, as the runbook was told; what was written later is lost", truth.as_of));
    Ok(ending.close(&rescue))
}

/// Ends the live server, and returns what it held at the last moment that can be had back.
async fn burn(platform: &mut Platform, writer: Writer) -> Result<(Truth, String)> {
    let gate = writer.gate().await;
    let truth = Truth::take(&platform.as_owner().await?).await?;
    let posts = platform.live.sql("forum", POSTS)?;
    drop(gate);
    // The last WAL to leave holds later writes, too, which the recovery must not take.
    writer.wait_for(50).await?;
    platform.live.switch_wal()?;
    writer.stop().await?;
    platform.live.stop(StopMode::Immediate)?;
    Ok((truth, posts))
}
