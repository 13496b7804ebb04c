//! Against a real server: what is done, what is refused, and what a cut at the COMMIT leaves.

mod cut;
mod relay;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::kind::{Outputs, WriteCx};
use crate::model::{Address, OpId};
use crate::provider::postgres::testing::{Lab, cx};

/// One step on a database of its own.
pub struct Stage {
    pub lab: Lab,
    pub with: Value,
    work: tempfile::TempDir,
    attempt: AtomicU32,
}

impl Stage {
    pub fn new(sql: &str, values: Value) -> Self {
        let lab = Lab::start();
        lab.live("create table t (id int primary key deferrable initially deferred, v text)");
        let with = json!({"connection": lab.live.url(), "database": lab.database, "sql": sql, "values": values});
        Self { lab, with, work: tempfile::tempdir().unwrap(), attempt: AtomicU32::new(0) }
    }

    pub fn cx(&self) -> ReadCx {
        ReadCx { work: self.work.path().to_path_buf(), ..cx() }
    }

    pub fn op<P>(&self, prior: P) -> Op<Params, P> {
        let run = "7qk2".parse().unwrap();
        let step = Address::top(&self.lab.database);
        Op {
            id: OpId::new(&run, &step, 1),
            run,
            step,
            attempt: self.attempt.fetch_add(1, Ordering::SeqCst) + 1,
            phase: String::new(),
            params: serde_json::from_value(self.with.clone()).unwrap(),
            prior,
            facts: Value::Null,
            timeout_ms: None,
            boot: String::new(),
        }
    }

    pub async fn prior(&self) -> Result<Prior, Fault> {
        Ok(PostgresExecute.prepare(&self.cx(), &self.op(())).await?.prior)
    }

    pub async fn work(&self, op: &Op<Params, Prior>) -> Result<Outputs, Fault> {
        let cx = WorkCx::new(WriteCx::grant(self.cx()), |_| {});
        match PostgresExecute.work(&cx, op).await? {
            Next::Done(outputs) => Ok(outputs),
            Next::Phase { .. } => panic!("a second phase"),
        }
    }

    pub async fn run(&self) -> Result<Outputs, Fault> {
        let prior = self.prior().await?;
        self.work(&self.op(prior)).await
    }
}

#[tokio::test]
async fn all_statements_happen_in_one_transaction_with_their_values() {
    let sql = "insert into t select i, $2 from generate_series(1, $1::int) i; -- five; not six
               select * from t; set local lock_timeout = '5s';
               with gone as (delete from t where id = $3 returning id) update t set v = $2 || '!' where id > 2 and id <> $3";
    let stage = Stage::new(sql, json!([5, "it's", 4]));
    assert_eq!(stage.run().await.unwrap()["rows_affected"], json!(5 + 2));
    assert_eq!(stage.lab.rows("t"), "(1,it's)\n(2,it's)\n(3,it's!)\n(5,it's!)");
    assert_eq!(stage.lab.live("select count(distinct xmin::text) from t"), "1");
}

#[tokio::test]
async fn what_fails_changes_nothing_and_says_which_statement() {
    let stage = Stage::new("insert into t values (1, 'a'); insert into nowhere values (1)", json!([]));
    let fault = stage.run().await.unwrap_err();
    assert_eq!(fault.code, "RG2302");
    assert!(fault.message.contains("statement 2") && fault.causes[0].contains("nowhere"), "{fault:?}");
    assert_eq!(stage.lab.rows("t"), "");

    // Refused by the COMMIT itself.
    let stage = Stage::new("insert into t values (1, 'a'), (1, 'b')", json!([]));
    let fault = stage.run().await.unwrap_err();
    assert!(fault.causes[0].contains("t_pkey"), "{fault:?}");
    assert_eq!(stage.lab.rows("t"), "");

    let stage = Stage::new("vacuum t", json!([]));
    let fault = stage.run().await.unwrap_err();
    assert!(fault.hint.unwrap().contains("psql"));
}

#[tokio::test]
async fn a_transaction_cannot_be_ended_from_inside() {
    for sql in
        ["insert into t values (1); commit; select 1/0", "copy t from stdin", "call ends()", "do $$begin commit; end$$"]
    {
        let stage = Stage::new(sql, json!([]));
        stage.lab.live("create procedure ends() language plpgsql as $$begin insert into t values (2); commit; end$$");
        let fault = stage.run().await.unwrap_err();
        assert!(["RG2304", "RG2302"].contains(&fault.code.as_str()), "{sql}: {fault:?}");
        assert_eq!(stage.lab.rows("t"), "", "{sql}");
    }
}

#[test]
fn a_calm_day_finds_what_cannot_be() {
    let complain = |value: Value| {
        let found = PostgresExecute.check(&Late { value: &value });
        found.into_iter().map(|it| format!("{} {}: {}", it.code, it.path.join("."), it.message)).collect::<Vec<_>>()
    };
    assert_eq!(complain(json!({"sql": "delete from t where a = $1", "values": [1]})), Vec::<String>::new());
    assert_eq!(
        complain(json!({"sql": "delete from t where a = $1", "values": "{{ params.all }}"})),
        Vec::<String>::new()
    );
    assert_eq!(
        complain(json!({"sql": "delete from t; COMMIT"})),
        ["RG2304 sql: `COMMIT` would end the transaction that the step is"]
    );
    assert_eq!(
        complain(json!({"sql": "select 1", "probe": {"sql": "select $1"}})),
        ["RG2301 probe.sql: the statement uses `$1`, and `values` holds 0"]
    );
}
