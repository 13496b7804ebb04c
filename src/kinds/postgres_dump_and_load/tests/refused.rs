//! What cannot be done is said before anything is touched.

use serde_json::json;

use super::stage::{Stage, same};

const PLAIN: &str =
    "create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 100) i;";

#[tokio::test]
async fn what_hangs_on_the_old_table_by_its_number_is_named() {
    let cases = [
        ("create view vv as select id from t", "view public.vv"),
        ("create materialized view mm as select id from t", "materialized view public.mm"),
        ("create function f(t) returns int language sql as 'select 1'", "function public.f(public.t)"),
        (
            "create function g() returns bigint language sql begin atomic select count(*) from t; end",
            "function public.g()",
        ),
        ("create rule r as on delete to t do instead nothing", "rule r of public.t"),
        ("create table heir () inherits (t)", "inheritance between public.heir and public.t"),
        ("create table user_of (x t)", "column x of table public.user_of"),
        (
            "create table o (id int); alter table o enable row level security; create policy p on o using (exists (select from t))",
            "policy p on table public.o",
        ),
    ];
    for (sql, named) in cases {
        let stage = Stage::new(PLAIN);
        stage.lab.live(sql);
        let fault = stage.prepare().await.expect_err(sql);
        assert_eq!(fault.code, "RG2203", "{fault:?}");
        assert!(fault.message.contains(named), "{sql}: {fault:?}");
        assert_eq!(stage.lab.live("select count(*) from pg_namespace where nspname ~ '^regrow'"), "0");
    }
}

#[tokio::test]
async fn differing_tables_are_named() {
    let cases: [(&str, &str, &str, &str); 8] = [
        ("alter table t add extra int", "", "RG2202", "`extra` is only on the target"),
        ("", "alter table t add extra int", "RG2202", "`extra` is only on the source"),
        ("alter table t alter id type bigint", "", "RG2202", "bigint on the target and integer on the source"),
        ("alter table t drop constraint t_pkey", "", "RG2204", "no key"),
        ("", "drop table t", "RG2201", "no table `public.t`"),
        ("drop table t; create view t as select 1 as id", "", "RG2203", "a view"),
        (
            "drop table t; create type mood as enum ('a')",
            "drop table t; create type mood as enum ('a'); create type other as enum ('b'); create table t (id int primary key, m other)",
            "RG2207",
            "type public.other",
        ),
        (
            "drop table t; create table r (id int, v text) partition by list (id); create table t partition of r default",
            "",
            "RG2203",
            "is a partition",
        ),
    ];
    for (live, copy, code, text) in cases {
        let stage = Stage::new(PLAIN);
        stage.lab.live(live);
        stage.lab.copy(copy);
        let fault = stage.prepare().await.expect_err(text);
        assert_eq!(fault.code, code, "{fault:?}");
        assert!(fault.message.contains(text), "{fault:?}");
    }
}

#[tokio::test]
async fn the_same_server_twice_is_refused() {
    let stage = Stage::new(PLAIN);
    let url = stage.lab.live.url();
    let fault = stage.with("source", json!(url)).prepare().await.unwrap_err();
    assert_eq!(fault.code, "RG2217");
}

#[tokio::test]
async fn another_server_than_the_prepared_one_is_not_touched() {
    let stage = Stage::new(PLAIN);
    let mut prior = stage.prepare().await.unwrap().prior;
    prior.target.timeline = Some("00000007".to_owned());
    let fault = stage.phase("", &prior).await.unwrap_err();
    assert_eq!(fault.code, "RG2105", "{fault:?}");
    assert_eq!(stage.lab.live("select count(*) from pg_namespace where nspname ~ '^regrow'"), "0");
}

#[tokio::test]
async fn prepare_says_what_changes_and_is_made() {
    let stage = Stage::new(PLAIN);
    let prepared = stage.prepare().await.unwrap();
    let text = prepared.changes.join("\n");
    assert!(text.contains("takes the place of `public.t`") && text.contains("disk"), "{text}");
    assert!(text.contains("rows that are not counted yet"), "{text}");
    stage.lab.live("analyze t");
    let counted = stage.prepare().await.unwrap().changes.join("\n");
    assert!(counted.contains("about 100 rows now"), "{counted}");
    let made: Vec<&str> = prepared.creates.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(made, ["postgres schema"]);
    assert_eq!(stage.lab.live("select count(*) from pg_namespace where nspname ~ '^regrow'"), "0");
}

#[tokio::test]
async fn keys_that_would_point_at_nothing_are_found_before() {
    let stage = Stage::new("create table p (id int primary key); insert into p select generate_series(1, 10);
        create table t (id int primary key, p int references p); insert into t select i, i from generate_series(1, 10) i;");
    stage.lab.live("delete from t; delete from p where id > 5");
    let fault = stage.run().await.unwrap_err();
    assert_eq!(fault.code, "RG2215", "{fault:?}");
    assert!(fault.message.contains("5 rows of `public.t` by `t_p_fkey`"), "{fault:?}");
}

#[tokio::test]
async fn who_holds_a_lock_is_named() {
    let stage = Stage::new(PLAIN);
    stage.lab.live("delete from t where id > 5");
    let prior = stage.prepare().await.unwrap().prior;
    stage.phase("", &prior).await.unwrap();
    let (server, database) = (stage.lab.live, stage.lab.database.clone());
    let holder =
        std::thread::spawn(move || server.psql(&database, "begin; select count(*) from t; select pg_sleep(4); commit"));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let began = std::time::Instant::now();
    stage.phase("swap", &prior).await.unwrap();
    assert!(began.elapsed().as_secs() >= 3, "it waited for the reader");
    holder.join().unwrap();
    assert_eq!(stage.lab.live("select count(*) from t"), "100");
}

#[tokio::test]
async fn a_lock_that_is_never_had_changes_nothing() {
    let stage = Stage::new(PLAIN);
    stage.lab.live("delete from t where id > 5");
    let prior = stage.prepare().await.unwrap().prior;
    stage.phase("", &prior).await.unwrap();
    let shape = stage.lab.shape();
    let (server, database) = (stage.lab.live, stage.lab.database.clone());
    let holder = std::thread::spawn(move || {
        server.psql(&database, "begin; insert into t values (77, 'held'); select pg_sleep(90); rollback")
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let fault = stage.phase("swap", &prior).await.unwrap_err();
    assert_eq!(fault.code, "RG2211", "{fault:?}");
    assert!(fault.message.contains("user regrow, application `someone`"), "{fault:?}");
    same(&stage.lab.shape(), &shape);
    stage.lab.live("select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid() and datname = current_database()");
    let _ = holder.join();
    stage.phase("swap", &prior).await.unwrap();
    assert_eq!(stage.lab.live("select count(*) from t"), "100");
}
