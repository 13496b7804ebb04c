//! The target's disk fills up in the middle of a load.

use serde_json::json;

use super::stage::Stage;
use crate::provider::postgres::testing::{Lab, Own};

#[tokio::test]
async fn a_full_disk_is_said_gives_its_room_back_and_is_survived() {
    let live = Own::new("full").start_with_disk(64);
    let stage = Stage::on(Lab::between(live, Lab::start().copy));
    // Indexes too: whichever of the two does not fit.
    stage.lab.both("create table t (id int primary key, v text); create index on t (v)");
    stage.lab.copy("insert into t select i, repeat(md5(i::text), 8) from generate_series(1, 20000) i");
    stage.lab.live("insert into t values (1, 'live')");
    live.psql("postgres", &format!("alter database {} set tablespace small", stage.lab.database));
    let (shape, rows) = (stage.lab.shape(), stage.lab.rows("t"));
    let prior = stage.prepare().await.unwrap().prior;
    let free = "select pg_tablespace_size('small') / 1048576";
    let before: u64 = stage.lab.live(free).parse().unwrap();
    // Room for nothing, then for the rows and not for their indexes.
    for room in [1, 8] {
        let filler = 64 - before - room;
        stage.lab.live(&format!(
            "create table filler (x text); alter table filler alter x set storage external;
             insert into filler select repeat('x', 1000000) from generate_series(1, {filler})"
        ));
        let fault = stage.phase("", &prior).await.unwrap_err();
        assert_eq!(fault.code, "RG2208", "{room} MiB left: {fault:?}");
        assert!(fault.message.contains("taken away") && fault.hint.is_some(), "{fault:?}");
        assert_eq!(stage.lab.live("select count(*) from pg_namespace where nspname ~ '^regrow'"), "0");
        assert_eq!(stage.lab.rows("t"), rows);
        stage.lab.live("drop table filler; checkpoint");
        assert_eq!(stage.lab.shape(), shape);
    }
    let stage = stage.with("newer_rows", json!("drop"));
    stage.run().await.unwrap();
    assert_eq!(stage.lab.live("select count(*) from t"), "20000");
}
