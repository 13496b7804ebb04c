use serde_json::{Value, json};

use super::stage::{Stage, same};
use crate::kind::Next;

const PLAIN: &str =
    "create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 1000) i";

#[tokio::test]
async fn a_lost_table_comes_back_as_it_was() {
    let stage = Stage::new(PLAIN);
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("t"));
    stage.lab.live("delete from t where id > 10; update t set v = 'spoilt' where id = 3");
    let (out, shown) = stage.run().await.unwrap();
    assert_eq!(stage.lab.rows("t"), rows);
    same(&stage.lab.shape(), &shape);
    let table = &out["tables"][0];
    assert_eq!(
        (&table["rows"], &table["only_in_live"], &table["only_in_copy"], &table["differ"]),
        (&json!(1000), &json!(0), &json!(990), &json!(1))
    );
    assert!(shown[0].contains("only in live 0, only in the copy 990, differing 1"), "{shown:?}");
    let kept = out["kept_as"].as_str().unwrap();
    assert_eq!(stage.lab.live(&format!("select count(*) from {kept}")), "10");
    assert!(out["bytes"].as_u64().unwrap() > 8000, "{out:?}");
}

#[tokio::test]
async fn a_table_that_was_dropped_comes_back_with_all_of_it() {
    let stage = Stage::new(&format!("{}; drop table if exists nothing", super::carried::EVERYTHING))
        .with("tables", json!(["shop.T t", "shop.child"]));
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("shop.\"T t\""));
    stage.lab.live("drop table shop.child, shop.\"T t\" cascade");
    stage.run().await.unwrap();
    // What is bound to the table from outside went with it and is not ours to make.
    let without = |text: &str| text.lines().filter(|line| !line.contains("outsider_fk")).collect::<Vec<_>>().join("\n");
    assert_eq!(stage.lab.rows("shop.\"T t\""), rows);
    let now = stage.lab.shape();
    let lost: Vec<&str> = shape.lines().filter(|line| !now.contains(line) && !without(line).is_empty()).collect();
    assert!(lost.iter().all(|line| line.contains("outsider")), "{lost:#?}");
}

#[tokio::test]
async fn rows_only_in_live_are_refused_kept_or_left_behind() {
    let stage = Stage::new(PLAIN);
    stage.lab.live("delete from t where id between 1 and 500; insert into t values (2001, 'newer'), (2002, 'newer')");
    let fault = stage.run().await.unwrap_err();
    assert_eq!(fault.code, "RG2210", "{fault:?}");
    assert!(fault.message.contains("2 rows") && fault.hint.as_ref().unwrap().contains("newer_rows: keep"), "{fault:?}");
    assert_eq!(stage.lab.live("select count(*) from t"), "502");

    // The copy is used again: the words of the runbook changed, its rows did not.
    let stage = stage.with("newer_rows", json!("keep"));
    let (out, shown) = stage.run().await.unwrap();
    assert_eq!(stage.lab.live("select count(*), count(*) filter (where v = 'newer') from t"), "1002|2");
    assert_eq!(out["tables"][0]["only_in_live"], json!(2));
    assert!(shown.iter().any(|line| line.contains("are kept")), "{shown:?}");

    let stage = Stage::new(PLAIN).with("newer_rows", json!("drop"));
    stage.lab.live("delete from t where id < 500; insert into t values (2001, 'newer')");
    let (out, _) = stage.run().await.unwrap();
    assert_eq!(stage.lab.live("select count(*), max(id) from t"), "1000|1000");
    let kept = out["kept_as"].as_str().unwrap();
    assert_eq!(stage.lab.live(&format!("select v from {kept} where id = 2001")), "newer");
}

#[tokio::test]
async fn rows_that_come_after_the_count_are_kept_or_refused() {
    for (choice, expected) in [("keep", "1002"), ("refuse", "RG2210")] {
        let stage = Stage::new(PLAIN).with("newer_rows", json!(choice));
        stage.lab.live("delete from t where id < 500");
        if choice == "keep" {
            stage.lab.live("insert into t values (2001, 'newer')");
        }
        let prior = stage.prepare().await.unwrap().prior;
        stage.phase("", &prior).await.unwrap();
        stage.lab.live("insert into t values (2002, 'later')");
        match stage.phase("swap", &prior).await {
            Ok(_) => assert_eq!(stage.lab.live("select count(*) from t"), expected),
            Err(fault) => assert_eq!(fault.code, expected),
        }
    }
}

#[tokio::test]
async fn swap_and_swap_back_and_twice() {
    let stage =
        Stage::new(&format!("{}; {}", super::carried::EVERYTHING, "select 1")).with("tables", json!(["shop.T t"]));
    stage.lab.live("delete from shop.child; delete from shop.\"T t\" where id > 2");
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("shop.\"T t\""));
    assert_eq!(stage.swap_back().await.unwrap().facts, ["nothing was swapped"]);
    stage.run().await.unwrap();
    assert_ne!(stage.lab.rows("shop.\"T t\""), rows);
    stage.lab.live("insert into shop.\"T t\" (name) values ('since')");
    let undone = stage.swap_back().await.unwrap();
    same(&stage.lab.shape(), &shape);
    assert_eq!(stage.lab.rows("shop.\"T t\""), rows);
    assert!(undone.facts[0].contains("since the swap"), "{undone:?}");
    // What the ledger calls the kept table is not there under that name any more.
    assert!(matches!(&undone.gone[..], [kept] if kept.starts_with("shop.T t__old_")), "{undone:?}");
    // No clean-up drops what was written since.
    let creates = stage.prepare().await.unwrap().creates;
    let refused = super::crashes::remove(&stage, &creates[0]).await.unwrap_err();
    assert_eq!(refused.code, "RG2222", "{refused:?}");
    assert!(creates[0].details["remove"].to_string().contains("drop schema"), "{creates:?}");
    let again = stage.swap_back().await.unwrap();
    assert_eq!((again.facts, again.gone), (vec!["it was taken back before".to_owned()], undone.gone));
    // Numbers that the copy gave out are not given out again.
    let id: i64 = stage.lab.live("insert into shop.\"T t\" (name) values ('next') returning id").parse().unwrap();
    assert!(id > 6, "{id}");

    let again = Stage { generation: 2, ..stage.with("newer_rows", json!("drop")) };
    again.run().await.unwrap();
    assert_eq!(again.lab.live("select count(*) from shop.\"T t\" where name = 'since'"), "0");
}

#[tokio::test]
async fn what_is_written_during_the_load_is_not_lost() {
    let stage = Stage::new("create table t (id int primary key, v text); insert into t select i, repeat('x', 200) from generate_series(1, 60000) i")
        .with("newer_rows", json!("keep"));
    stage.lab.live("delete from t where id % 2 = 0");
    let (port, database) = (stage.lab.live.port, stage.lab.database.clone());
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (stop, server) = (stop.clone(), stage.lab.live);
        assert_eq!(server.port, port);
        move || {
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                written += 1;
                server.psql(&database, &format!("insert into t values ({}, 'during')", 100_000 + written));
            }
            written
        }
    });
    let outcome = stage.run().await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let written = writer.join().unwrap();
    outcome.unwrap();
    assert!(written > 3);
    assert_eq!(stage.lab.live("select count(*) from t"), (60000 + written).to_string());
    assert!(stage.pulses.lock().unwrap().iter().all(|pulse| pulse.unit == "rows"));
}

#[tokio::test]
async fn missing_rows_are_merged_parents_first() {
    let setup = "create table parent (id int primary key, v text);
        create table t (id int generated always as identity primary key, parent int references parent, v text, twice text generated always as (v || v) stored);
        insert into parent select i, 'p' || i from generate_series(1, 50) i;
        insert into t (parent, v) select i % 50 + 1, 'v' || i from generate_series(1, 200) i;";
    for (choice, v) in [("keep_live", "mine"), ("take_backup", "v7")] {
        let stage = Stage::new(setup)
            .with("tables", json!(["t", "parent"]))
            .with("mode", json!("merge"))
            .with("on_conflict", json!(choice));
        stage.lab.live("create view seen as select * from t; delete from t where id > 100; delete from parent where id > 40 and not exists (select from t where parent = parent.id);
            update t set v = 'mine' where id = 7; insert into t (parent, v) values (1, 'new')");
        stage.lab.live("delete from t where parent > 40; delete from parent where id > 40");
        let (out, shown) = stage.run().await.unwrap();
        assert_eq!(
            stage.lab.live("select count(*), count(distinct parent), max(id) from t"),
            "201|50|201",
            "{shown:?}"
        );
        assert_eq!(stage.lab.live("select v, twice from t where id = 7"), format!("{v}|{v}{v}"));
        assert_eq!(stage.lab.live("insert into t (v) values ('x') returning id"), "202");
        let merged = out["tables"].as_array().unwrap().iter().find(|it| it["name"] == "public.t").unwrap();
        let counts = (&merged["inserted"], &merged["updated"]);
        assert_eq!(counts, (&json!(120), &json!(if choice == "keep_live" { 0 } else { 1 })), "{merged}");
        assert_eq!(out["kept_as"], Value::Null);
    }
}

#[tokio::test]
async fn create_makes_what_is_not_there_and_only_that() {
    let stage = Stage::new(PLAIN).with("mode", json!("create"));
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("t"));
    assert_eq!(stage.run().await.unwrap_err().code, "RG2216");
    stage.lab.live("drop table t");
    let (out, _) = stage.run().await.unwrap();
    assert_eq!((stage.lab.shape(), stage.lab.rows("t")), (shape, rows));
    assert_eq!(out["kept_as"], Value::Null);
    stage.swap_back().await.unwrap();
    assert_eq!(stage.lab.live("select to_regclass('public.t') is null"), "t");
}

#[tokio::test]
async fn all_tables_of_a_schema_or_database_are_one_swap() {
    for (name, value) in [("schemas", json!(["shop"])), ("everything", json!(true))] {
        let mut stage = Stage::new(super::carried::EVERYTHING).with(name, value);
        stage.with.as_object_mut().unwrap().remove("tables");
        let shape = stage.lab.shape();
        let rows = |stage: &Stage| ["shop.\"T t\"", "shop.child", "shop.events"].map(|table| stage.lab.rows(table));
        let before = rows(&stage);
        stage.lab.live("truncate shop.child, shop.events; delete from shop.\"T t\" where id not in (select t from public.outsider)");
        stage.run().await.unwrap();
        assert_eq!(rows(&stage), before);
        same(&stage.lab.shape(), &shape);
        stage.swap_back().await.unwrap();
        same(&stage.lab.shape(), &shape);
    }
}

#[tokio::test]
async fn compare_can_be_less() {
    for (choice, copy, differ) in [("rows", json!(500), Value::Null), ("none", Value::Null, Value::Null)] {
        let stage = Stage::new(PLAIN).with("compare", json!(choice));
        stage.lab.live("delete from t where id > 500");
        let (out, _) = stage.run().await.unwrap();
        let table = &out["tables"][0];
        assert_eq!((&table["only_in_live"], &table["only_in_copy"], &table["differ"]), (&json!(0), &copy, &differ));
        assert_eq!((&table["rows"], &table["checksum"]), (&json!(1000), &Value::Null));
    }
}

#[tokio::test]
async fn rows_that_came_after_the_counts_are_not_dropped_unseen() {
    let stage = Stage::new(PLAIN).with("newer_rows", json!("drop"));
    stage.lab.live("insert into t (id) values (1001)");
    let prior = stage.prepare().await.unwrap().prior;
    let Next::Phase { facts, .. } = stage.phase("", &prior).await.unwrap() else { panic!("no second phase") };
    assert_eq!(facts["tables"][0]["only_in_live"], 1);
    stage.lab.live("insert into t (id) values (1002), (1003)");
    let Next::Phase { phase, facts, .. } = stage.phase("swap", &prior).await.unwrap() else {
        panic!("not asked again")
    };
    assert_eq!((phase.as_str(), &facts["tables"][0]["only_in_live"]), ("swap", &json!(3)));
    assert_eq!(stage.lab.live("select count(*) from t where id > 1000"), "3");
    assert!(matches!(stage.phase("swap", &prior).await.unwrap(), Next::Done(_)));
    assert_eq!(stage.lab.live("select count(*) from t where id > 1000"), "0");
}
