//! The runbooks that come with the program, run to their end on real servers: all of a partial and of a complete loss, and
//! every piece of the partial one alone, without what only the other pieces need.

use std::path::PathBuf;

use rig::Scratch;
use rig::demo::estate::Estate;
use rig::demo::health::Health;
use rig::demo::names::{NEW, Names};
use rig::demo::platform::{Platform, Table, connect, owner};
use rig::demo::rehearsal;
use rig::demo::rescue::{self, Call, Rescue};
use rig::demo::truth::Truth;
use rig::demo::writer::Memory;
use rig::demo::{Disaster, Stage};
use rig::servers::Postgres;

const ROWS: u32 = 3000;

fn stage<'a>(scratch: &'a Scratch, kept: &str) -> Stage<'a> {
    let kept = scratch.folder(kept).unwrap();
    Stage { scratch, regrow: PathBuf::from(env!("CARGO_BIN_EXE_regrow")), kept, rows: ROWS, kills: false }
}

async fn play(disaster: Disaster) {
    let scratch = Scratch::new().unwrap();
    let problems = stage(&scratch, "kept").play(disaster).await.unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table_comes_back() {
    play(Disaster::RestoreOnly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_it_comes_back_and_the_other_half_is_left_alone() {
    play(Disaster::Partial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_comes_back() {
    play(Disaster::Complete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_is_rehearsed_beside_the_platform() {
    let scratch = Scratch::new().unwrap();
    let problems = rehearsal::play(&stage(&scratch, "kept")).await.unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Runs `partial.yaml` for one piece.
async fn piece(
    scratch: &Scratch,
    lost: &'static str,
    secrets: Vec<(&'static str, String)>,
    params: Vec<(&'static str, String)>,
) -> Rescue {
    let stage = stage(scratch, lost);
    let lost = std::iter::once(("lost", lost.to_string()));
    let call = Call { verb: "run", runbook: "runbooks/partial.yaml", params: lost.chain(params).collect() };
    rescue::perform(&stage.program(secrets), &call, None, scratch).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_server_alone() {
    let scratch = Scratch::new().unwrap();
    let platform = Platform::open(&scratch, ROWS).await.unwrap();
    let truth = Truth::take(&platform.as_owner().await.unwrap()).await.unwrap();
    // Something later, so that there is a commit behind the moment, and a WAL that holds it.
    platform.live.sql("lms", "delete from certificates").unwrap();
    platform.live.switch_wal().unwrap();
    let new = Postgres::start_plain(&scratch).unwrap();
    let copy = stage(&scratch, "room").room_for_a_copy(&platform.live).unwrap();
    let mut params = platform.params(&truth.as_of, &copy).to_vec();
    params.push(("server_url", new.url()));
    let password = vec![("LIVE_PGPASSWORD", new.lms_password().to_string())];
    let rescue = piece(&scratch, "database", password, params).await;
    let verdict = truth.verify(&connect(owner(&new).unwrap()).await.unwrap(), &Memory::default()).await.unwrap();
    assert_eq!(verdict.problems, Vec::<String>::new());
    assert_eq!(verdict.rows[&Table::Enrolments].0, ROWS as usize);
    for left_out in ["infrastructure", "table", "names"] {
        assert!(rescue.skipped.iter().any(|step| step == left_out), "{left_out}: {:?}", rescue.skipped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table_comes_back_in_a_drill_beside_production() {
    let scratch = Scratch::new().unwrap();
    let platform = Platform::open(&scratch, ROWS).await.unwrap();
    let truth = Truth::take(&platform.as_owner().await.unwrap()).await.unwrap();
    // What a run would bring back, and a drill may not.
    platform.live.sql("lms", "delete from enrolments where id <= 1000").unwrap();
    platform.live.switch_wal().unwrap();
    let lost = Truth::take(&platform.as_owner().await.unwrap()).await.unwrap();
    let file = "select pg_relation_filepath('enrolments')";
    let before = platform.live.sql("lms", file).unwrap();
    let stage = stage(&scratch, "drill");
    let copy = stage.room_for_a_copy(&platform.live).unwrap();
    let mut params = platform.params(&truth.as_of, &copy).to_vec();
    params.extend([("table", "public.enrolments".to_string()), ("live_url", platform.live.url())]);
    let program = stage.program(vec![("LIVE_PGPASSWORD", platform.live.lms_password().to_string())]);
    let call = Call { verb: "drill", runbook: "runbooks/restore-only.yaml", params };
    let rescue = rescue::perform(&program, &call, None, &scratch).await.unwrap();
    assert_eq!(rescue.approvals.len(), 1, "people are part of a drill");
    let verdict = lost.verify(&platform.as_owner().await.unwrap(), &Memory::default()).await.unwrap();
    assert_eq!(verdict.problems, Vec::<String>::new());
    assert_eq!(platform.live.sql("lms", file).unwrap(), before, "another table stands there");
    let left: Vec<_> = std::fs::read_dir(copy.parent().unwrap()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let report = std::fs::read_to_string(&rescue.report).unwrap();
    assert!(report.contains("tells support: DRILL: "), "a notice is taken for the real thing");
    assert!(report.contains("DRILL") && !rescue.skipped.iter().any(|step| step == "load"), "{:?}", rescue.skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_alone() {
    let scratch = Scratch::new().unwrap();
    let names = Names::open(&scratch).unwrap();
    let platform = Platform::open(&scratch, ROWS).await.unwrap();
    let health = Health::open(owner(&platform.live).unwrap(), i64::from(ROWS)).await.unwrap();
    names.lose().unwrap();
    let secret = vec![("DNS_TSIG_SECRET", names.dns.tsig_secret().to_string())];
    piece(&scratch, "names", secret, names.params(&health).to_vec()).await;
    assert!(names.lead_to(NEW).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_infrastructure_alone() {
    let scratch = Scratch::new().unwrap();
    let estate = Estate::draw(&scratch).unwrap();
    estate.build().unwrap();
    let before = estate.read().unwrap();
    let gone = estate.lose_zone_b().unwrap();
    assert_eq!(estate.read().unwrap().len(), before.len() - gone.len());
    let modules = vec![("modules", estate.module.display().to_string())];
    piece(&scratch, "infrastructure", Vec::new(), modules).await;
    let after = estate.read().unwrap();
    assert!(estate.is_whole().unwrap() && after.len() == before.len());
    assert!(before.iter().all(|(name, node)| gone.contains(&name.as_str()) || after.get(name) == Some(node)));
}
