//! Killed anywhere, the work is found again and ends as if nothing had been.

use std::time::Duration;

use serde_json::json;

use super::super::settle;
use super::stage::Stage;
use crate::kind::{Found, Next};
use crate::provider::postgres::testing::cx;

const BIG: &str = "create table t (id serial primary key, v text, w text); create index on t (v);
    insert into t (v, w) select md5(i::text), repeat('x', i % 50) from generate_series(1, 40000) i;";

/// What an engine does after a crash: asks what became of it, and starts again where nothing did.
async fn to_the_end(stage: &Stage, prior: &super::super::Prior) -> crate::kind::Outputs {
    let mut phase = String::new();
    loop {
        let op = stage.op(&phase, prior.clone());
        let next = match settle(&cx(), &op).await.unwrap() {
            Found::Done(next) => next,
            Found::Absent => stage.phase(&phase, prior).await.unwrap(),
            other => panic!("{other:?}"),
        };
        match next {
            Next::Done(outputs) => return outputs,
            Next::Phase { phase: following, .. } => phase = following,
        }
    }
}

/// The work is dropped after `after`, as if its process had died; true where it was still going on.
async fn killed(stage: &Stage, phase: &str, prior: &super::super::Prior, after: Duration) -> bool {
    tokio::time::timeout(after, stage.phase(phase, prior)).await.is_err()
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_the_same() {
    let mut stage = Stage::new(BIG);
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("t"));
    stage.lab.live("delete from t where id > 100");
    let mut cut = 0;
    for after in [5, 30, 60, 90, 120, 160, 200, 260, 330, 420, 600] {
        let prior = stage.prepare().await.unwrap().prior;
        cut += usize::from(killed(&stage, "", &prior, Duration::from_millis(after)).await);
        cut += usize::from(killed(&stage, "", &prior, Duration::from_millis(after / 2)).await);
        if !killed(&stage, "", &prior, Duration::from_secs(60)).await {
            cut += usize::from(killed(&stage, "swap", &prior, Duration::from_millis(after / 3)).await);
        }
        let out = to_the_end(&stage, &prior).await;
        assert_eq!(out["rows"], json!(40000), "after {after} ms");
        assert_eq!(stage.lab.rows("t"), rows, "after {after} ms");
        assert_eq!(stage.lab.shape(), shape, "after {after} ms");
        stage.swap_back().await.unwrap();
        assert_eq!(stage.lab.live("select count(*) from t"), "100", "after {after} ms");
        assert_eq!(stage.lab.shape(), shape, "after {after} ms");
        stage.generation += 1;
    }
    assert!(cut > 5, "only {cut} were cut");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_a_fault_and_the_next_attempt_goes_on() {
    let stage = Stage::new(BIG);
    let rows = stage.lab.rows("t");
    stage.lab.live("delete from t where id > 100");
    let prior = stage.prepare().await.unwrap().prior;
    for on_live in [true, false] {
        let server = if on_live { stage.lab.live } else { stage.lab.copy };
        let database = stage.lab.database.clone();
        let cutter = std::thread::spawn(move || {
            for _ in 0..400 {
                let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query ~* '^copy' and state = 'active'";
                if server.psql(&database, sql) != "0" {
                    return true;
                }
            }
            false
        });
        let outcome = stage.phase("", &prior).await;
        if cutter.join().unwrap() {
            let fault = outcome.unwrap_err();
            assert_eq!(fault.code, "RG2104", "{fault:?}");
            assert!(fault.retry.is_transient(), "{fault:?}");
        }
    }
    to_the_end(&stage, &prior).await;
    assert_eq!(stage.lab.rows("t"), rows);
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_not_touched() {
    let stage = Stage::new(BIG);
    let prior = stage.prepare().await.unwrap().prior;
    let schema = super::super::scratch::Scratch::of(&stage.op("", ()).id).schema();
    stage.lab.live(&format!("create schema {schema}; create table {schema}.precious (id int)"));
    assert_eq!(stage.phase("", &prior).await.unwrap_err().code, "RG2213");
    assert!(matches!(settle(&cx(), &stage.op("", prior)).await.unwrap(), Found::Foreign(_)));
    assert_eq!(stage.lab.live(&format!("select count(*) from {schema}.precious")), "0");
}

#[tokio::test]
async fn what_was_made_is_taken_away_and_only_that() {
    let stage = Stage::new(BIG);
    stage.lab.live("delete from t where id > 100");
    let prepared = stage.prepare().await.unwrap();
    let Next::Phase { creates, .. } = stage.phase("", &prepared.prior).await.unwrap() else {
        panic!("no second phase")
    };
    stage.run().await.unwrap();
    let made: Vec<_> = prepared.creates.iter().chain(&creates).collect();
    for made in made.iter().chain(&made) {
        remove(&stage, made).await.unwrap();
    }
    assert_eq!(stage.lab.live("select count(*) from pg_namespace where nspname ~ '^regrow'"), "0");
    assert_eq!(stage.lab.live("select string_agg(relname, ',') from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"), "t");
    assert_eq!(stage.lab.live("select count(*) from t"), "40000");
}

/// As a clean-up of the ledger would.
pub async fn remove(stage: &Stage, made: &crate::kind::Made) -> Result<(), crate::model::Fault> {
    let entry = crate::model::ledger::LedgerEntry {
        kind: made.kind.clone(),
        id: made.id.clone(),
        made_by: "load".parse().unwrap(),
        temporary: true,
        scratch: false,
        put_aside: false,
        keep_until: None,
        keep_for_ms: None,
        remover: "postgres.dump_and_load".to_owned(),
        details: made.details.clone(),
    };
    crate::kind::Kind::remove(&super::super::PostgresDumpAndLoad, &stage.write_cx(), &entry, &stage.with).await
}
