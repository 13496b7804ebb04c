//! A calm day: all that a complete loss would take is rehearsed beside the platform, which is not touched by it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;
use serde_json::Value;

use super::Stage;
use super::apps::{Apps, PLATFORM, SEARCH};
use super::assets::Assets;
use super::estate::Estate;
use super::health::Health;
use super::names::{Names, OLD};
use super::platform::{self, Platform};
use super::rescue::{self, Call};
use super::tell::{Ending, step};
use super::truth::Truth;
use super::writer::Memory;
use crate::servers::Postgres;

/// What becomes of each step in a drill, as `status` says it.
const WORDS: [(&str, &str); 7] = [
    ("infrastructure", "planned"),
    ("copy", "beside"),
    ("answers", "as_is"),
    ("load:lms", "beside"),
    ("assets", "beside"),
    ("volumes", "beside"),
    ("names/point", "planned"),
];

pub async fn play(stage: &Stage<'_>) -> Result<Vec<String>> {
    step(
        "A platform on a calm day: machines, PostgreSQL, a cluster with Velero, objects with a copy elsewhere, a zone",
    );
    let estate = Estate::draw(stage.scratch)?;
    estate.build()?;
    let names = Names::open(stage.scratch)?;
    let platform = Platform::open(stage.scratch, stage.rows).await?;
    let assets = Assets::open(stage.scratch)?;
    let bucket = Assets::in_use(stage.scratch)?;
    let apps = Apps::place(stage.scratch, assets.elsewhere())?;
    apps.deploy()?;
    let truth = Truth::take(&platform.as_owner().await?).await?;
    // Something later, so that there is a commit behind the moment, and a WAL that holds it.
    platform.live.sql("lms", "delete from certificates")?;
    platform.live.switch_wal()?;
    let health = Health::open(platform::owner(&platform.live)?, i64::from(stage.rows)).await?;
    let copy = stage.room_for_a_copy(&platform.live)?;
    let now = Truth::take(&platform.as_owner().await?).await?;
    let wires = || -> Result<_> {
        let spaces = (apps.read(PLATFORM)?, apps.read(SEARCH)?, apps.spaces()?);
        let zone = (names.read()?, names.dns.serial()?);
        let objects = Assets::everything(&bucket)?;
        Ok((estate.read()?, databases(&platform.live)?, spaces, zone, objects))
    };
    let before = wires()?;

    step("The drill, as a person sees it");
    let mut secrets = vec![
        ("NEW_PGPASSWORD", platform.live.lms_password().to_string()),
        ("DNS_TSIG_SECRET", names.dns.tsig_secret().to_string()),
    ];
    secrets.extend(Assets::secrets());
    let program = stage.program(secrets);
    let mut params = platform.params(&truth.as_of, &copy).to_vec();
    params.extend([
        ("databases", r#"{"lms": "2m"}"#.to_string()),
        ("modules", estate.module.display().to_string()),
        ("server_url", platform.live.url()),
    ]);
    params.extend(names.params(&health));
    params.extend(assets.params(&bucket));
    params.extend(apps.params(&[PLATFORM, SEARCH]));
    params.push(("instances", format!(r#"{{"lms": "{PLATFORM}", "search": "{SEARCH}"}}"#)));
    let call = Call { verb: "drill", runbook: "runbooks/complete.yaml", params };
    let rescue = rescue::perform(&program, &call, None, stage.scratch).await?;

    step("What came of it");
    let mut ending = Ending::default();
    let verdict = now.verify(&platform.as_owner().await?, &Memory::default()).await?;
    ending.wrong(&verdict.problems);
    let after = wires()?;
    ending.must(after.0 == before.0, "a machine was touched");
    ending.must(after.1 == before.1, "a database was touched");
    ending.must(after.2 == before.2, "the cluster was touched");
    ending.must(after.3 == before.3 && names.lead_to(OLD)?, "the zone was touched");
    ending.must(after.4 == before.4, "the bucket was touched");
    let left = fs::read_dir(copy.parent().unwrap_or(&copy))?.count();
    ending.must(left == 0, "something of the copy is left");
    let status = program.json(&["status", "--json"]).await?;
    ending.must(status["ledger"] == Value::Array(Vec::new()), "something stands in the ledger");
    let steps: Vec<&Value> = status["steps"].as_array().into_iter().flatten().collect();
    for (id, word) in WORDS {
        let is =
            steps.iter().find(|step| step["id"] == id).and_then(|step| step["drill"].as_str()).unwrap_or("nothing");
        ending.say("drill", format!("{id:<16} {is}"));
        ending.must(is == word, &format!("{id} is not {word} but {is}"));
    }
    Ok(ending.close(&rescue))
}

/// Names of databases, and the files of their tables: another file is another table.
fn databases(server: &Postgres) -> Result<(String, BTreeSet<String>)> {
    let files = "select pg_relation_filepath(oid) from pg_class where relkind in ('r', 'i') and oid >= 16384";
    let names = server.sql("postgres", "select string_agg(datname, ' ' order by datname) from pg_database")?;
    Ok((names, server.sql("lms", files)?.lines().map(str::to_owned).collect()))
}
