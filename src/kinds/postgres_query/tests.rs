use serde_json::{Value, json};

use super::*;
use crate::model::{Address, OpId};
use crate::provider::postgres::testing::{Lab, cx};

fn op(params: Value) -> Op<Params, ()> {
    let run = "7qk2".parse().unwrap();
    let step = Address::top("ask");
    Op {
        id: OpId::new(&run, &step, 1),
        run,
        step,
        attempt: 1,
        phase: String::new(),
        params: serde_json::from_value(params).unwrap(),
        prior: (),
        facts: Value::Null,
        timeout_ms: None,
        boot: String::new(),
    }
}

async fn ask_lab(lab: &Lab, sql: &str, values: Value) -> Result<Outputs, Fault> {
    let with = json!({"connection": lab.live.url(), "database": lab.database, "sql": sql, "values": values});
    ask(&cx(), &op(with)).await
}

#[tokio::test]
async fn answers_are_json_of_the_servers_making() {
    let lab = Lab::start();
    lab.live("create table t(id int, n numeric, at timestamptz, tags text[], doc jsonb, raw bytea);
              insert into t values (1, 12.50, '2026-03-01 10:00+02', '{a,\"b c\"}', '{\"x\": [1]}', '\\x00ff'), (2, null, null, null, null, null)");
    let out = ask_lab(&lab, "select * from t where id = $1; ", json!([1])).await.unwrap();
    assert_eq!(
        out["rows"],
        json!([{"id": 1, "n": 12.50, "at": "2026-03-01T08:00:00+00:00", "tags": ["a", "b c"], "doc": {"x": [1]}, "raw": "\\x00ff"}])
    );
    assert_eq!(PostgresQuery::main_value(&out), json!(1));
}

#[tokio::test]
async fn the_main_value_is_the_first_column_of_the_first_row() {
    let lab = Lab::start();
    let cases = [
        ("select 7, 8 -- both without a name", json!([]), json!(7)),
        ("select $1::text as a, $2::boolean", json!(["it's", true]), json!("it's")),
        ("select $1::date + 1", json!(["2026-02-28"]), json!("2026-03-01")),
        ("select count(*) from pg_class where relname = any($1)", json!(["{pg_class,pg_type}"]), json!(2)),
        ("select 1 where false", json!([]), Value::Null),
        ("with a as (select 3 as x) select x from a", json!([]), json!(3)),
        ("show server_encoding", json!([]), json!("UTF8")),
        ("select $1::jsonb -> 'a'", json!([{"a": 5}]), json!(5)),
        ("select $1::int is null", json!([null]), json!(true)),
    ];
    for (sql, values, expected) in cases {
        let out = ask_lab(&lab, sql, values).await.unwrap_or_else(|fault| panic!("{sql}: {fault:?}"));
        assert_eq!(PostgresQuery::main_value(&out), expected, "{sql}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed_by_a_question() {
    let lab = Lab::start();
    lab.live(
        "create table t(id int); create function sneak() returns int language plpgsql as
              $$begin set transaction_read_only = off; delete from t; return 1; end$$; insert into t values (1)",
    );
    for sql in [
        "delete from t",
        "select 1; delete from t",
        "select sneak()",
        "with x as (delete from t returning 1) select 1",
        "set session characteristics as transaction read write",
    ] {
        let outcome = ask_lab(&lab, sql, json!([])).await;
        if sql.starts_with("set session") {
            continue;
        }
        assert!(outcome.is_err(), "{sql}");
    }
    assert_eq!(lab.live("select count(*) from t"), "1");
}

#[tokio::test]
async fn faults_say_what_is_wrong() {
    let lab = Lab::start();
    let fault = ask_lab(&lab, "select * from nowhere", json!([])).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.causes.len()), ("RG2302", 1), "{fault:?}");
    let fault = ask_lab(&lab, "select $1::int", json!([])).await.unwrap_err();
    assert_eq!(fault.code, "RG2301");
    let with = json!({"connection": "postgres://regrow@127.0.0.1:1", "sql": "select 1"});
    let fault = ask(&cx(), &op(with)).await.unwrap_err();
    assert_eq!(fault.code, "RG2101", "{fault:?}");
    assert!(fault.retry.is_transient());
    let with = json!({"connection": lab.live.url(), "database": "nope", "sql": "select 1"});
    assert_eq!(ask(&cx(), &op(with)).await.unwrap_err().code, "RG2107");
    let with = json!({"connection": {"url": lab.live.url(), "sslmode": "require"}, "database": lab.database, "sql": "select 1"});
    assert_eq!(ask(&cx(), &op(with)).await.unwrap_err().code, "RG2103");
}

#[test]
fn a_bad_question_is_found_on_a_calm_day() {
    let complain =
        |value: Value| PostgresQuery.check(&Late { value: &value }).into_iter().map(|c| c.message).collect::<Vec<_>>();
    assert_eq!(complain(json!({"sql": "select 1"})), Vec::<String>::new());
    assert_eq!(complain(json!({"sql": "select $2", "values": [1]})), ["the statement uses `$2`, and `values` holds 1"]);
    assert_eq!(complain(json!({"sql": " ; "})), ["the statement is empty"]);
}
