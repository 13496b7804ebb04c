//! From one major version of PostgreSQL to another.

use serde_json::json;

use super::stage::Stage;
use crate::provider::postgres::testing::{Lab, Own, Server};

fn newer() -> &'static Server {
    let folder = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let bin = rig::servers::postgres::newer::unpack(folder.as_ref().unwrap().path()).unwrap();
    let server = Own::made_by(&bin, "newer").start();
    // It needs its programs and their libraries until the process ends.
    Box::leak(Box::new(folder));
    server
}

const TABLE: &str = "create table t (id bigint generated always as identity primary key, v text not null, n numeric(9, 2),
    at timestamptz, doc jsonb, tags text[], big text); alter table t alter big set storage external; create index on t (lower(v)); create index on t (at);";

#[tokio::test]
async fn a_newer_version_is_loaded_into_and_an_older_one_is_refused() {
    let newer = newer();
    let stage = Stage::on(Lab::between(newer, Lab::start().copy));
    stage.lab.both(TABLE);
    stage.lab.copy("insert into t (v, n, at, doc, tags, big) select 'v' || i, i / 7.0, '2026-01-01'::timestamptz + i * interval '1 h',
        jsonb_build_object('k', i), array['a', null, 'b' || i], repeat(md5(i::text), 100) from generate_series(1, 3000) i");
    stage.lab.live("insert into t (v) values ('live')");
    let stage = stage.with("newer_rows", json!("drop"));
    let (out, _) = stage.run().await.unwrap();
    assert!(out["tables"][0]["checksum"].is_string(), "{out:?}");
    assert_eq!(stage.lab.rows("t"), stage.lab.copy("select t::text from t order by 1"));
    stage.swap_back().await.unwrap();
    assert_eq!(stage.lab.live("select v from t"), "live");

    let (source, target) = (json!(stage.lab.live.url()), json!(stage.lab.copy.url()));
    let stage = stage.with("source", source).with("target", target);
    let fault = stage.prepare().await.unwrap_err();
    assert_eq!(fault.code, "RG2206", "{fault:?}");
    assert!(fault.message.contains("older than the source's 17"), "{fault:?}");
}
