//! A user who is no superuser: what suffices, and what is lacking is said before anything is touched.

use serde_json::json;

use super::stage::{Stage, same};

const TABLES: &str = "create schema shop; create table shop.p (id int primary key);
    create table shop.t (id serial primary key, v text, p int references shop.p);
    insert into shop.p select generate_series(1, 10);
    insert into shop.t (v, p) select 'v' || i, i % 10 + 1 from generate_series(1, 100) i;";

/// Reading there, and here what the owner of the tables has.
const ENOUGH_THERE: &str =
    "grant usage on schema shop to carrier; grant select on all tables in schema shop to carrier;
    grant usage on all sequences in schema shop to carrier;";
const ENOUGH_HERE: &str = "grant usage, create on schema shop to carrier; alter table shop.p owner to carrier;
    alter table shop.t owner to carrier;";

fn stage(there: &str, here: &str) -> Stage {
    let stage = Stage::new(TABLES).with("tables", json!(["shop.t"])).with("newer_rows", json!("drop"));
    let database = stage.lab.database.clone();
    stage.lab.copy(there);
    stage.lab.live(&format!("{here} grant create on database {database} to carrier"));
    let url = |server: &crate::provider::postgres::testing::Server| server.url().replace("regrow@", "carrier@");
    let (source, target) = (json!(url(stage.lab.copy)), json!(url(stage.lab.live)));
    stage.with("source", source).with("target", target)
}

#[tokio::test]
async fn an_owner_swaps_and_takes_it_back() {
    let stage = stage(ENOUGH_THERE, ENOUGH_HERE);
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("shop.t"));
    stage.lab.live("delete from shop.t where id > 50");
    stage.run().await.unwrap();
    same(&stage.lab.shape(), &shape);
    assert_eq!(stage.lab.rows("shop.t"), rows);
    assert_eq!(stage.lab.live("insert into shop.t (v) values ('next') returning id"), "101");
    stage.swap_back().await.unwrap();
    same(&stage.lab.shape(), &shape);
    assert_eq!(stage.lab.live("select count(*) from shop.t"), "50");
}

#[tokio::test]
async fn an_owner_merges() {
    let mut stage = stage(ENOUGH_THERE, ENOUGH_HERE).with("mode", json!("merge"));
    stage.with.as_object_mut().unwrap().remove("newer_rows");
    let rows = stage.lab.rows("shop.t");
    stage.lab.live("delete from shop.t where id > 50");
    stage.run().await.unwrap();
    assert_eq!(stage.lab.rows("shop.t"), rows);
}

#[tokio::test]
async fn what_is_lacking_is_named() {
    let but = |text: &str, without: &str| text.replace(without, "");
    let hidden = format!("{ENOUGH_THERE} alter table shop.t enable row level security;");
    for (there, here, named) in [
        (
            but(ENOUGH_THERE, "grant select on all tables in schema shop to carrier;"),
            ENOUGH_HERE.to_owned(),
            "to read shop.t on the source",
        ),
        (
            but(ENOUGH_THERE, "grant usage on all sequences in schema shop to carrier;"),
            ENOUGH_HERE.to_owned(),
            "to read sequence shop.t_id_seq",
        ),
        (hidden, ENOUGH_HERE.to_owned(), "to read all rows of shop.t on the source"),
        (ENOUGH_THERE.to_owned(), but(ENOUGH_HERE, "alter table shop.t owner to carrier;"), "to act as regrow"),
        (ENOUGH_THERE.to_owned(), but(ENOUGH_HERE, ", create"), "to make tables in schema shop"),
        (ENOUGH_THERE.to_owned(), but(ENOUGH_HERE, "alter table shop.p owner to carrier;"), "to point at shop.p"),
    ] {
        let stage = stage(&there, &here);
        let shape = stage.lab.shape();
        let fault = stage.prepare().await.expect_err(named);
        assert_eq!(fault.code, "RG2205", "{named}: {fault:?}");
        assert!(fault.message.contains(named), "{named}: {fault:?}");
        same(&stage.lab.shape(), &shape);
    }
    let stage = Stage::new("create table t (id int primary key)");
    let url = stage.lab.live.url().replace("regrow@", "carrier@");
    let fault = stage.with("target", json!(url)).prepare().await.unwrap_err();
    assert!(fault.message.contains("to make a schema in"), "{fault:?}");
}
