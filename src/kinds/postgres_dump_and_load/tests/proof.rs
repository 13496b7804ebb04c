//! How often the source is read to prove that the copy has its rows.

use serde_json::json;

use super::stage::Stage;

const ROWS: &str = "id int primary key, name text, at timestamptz, amount numeric(9, 2)";
const FILL: &str =
    "insert into t (id, name, at, amount) select n, 'n' || n, now(), n * 1.5 from generate_series(1, 1000) n;";

/// Loads the table into a live one that has lost it; the scans of the source, and the sum that was proven.
async fn scans(setup: &str) -> (u64, String) {
    let stage = Stage::new(setup).with("mode", json!("create"));
    stage.lab.live("drop table t");
    let sql = "select sum(seq_scan) from pg_stat_user_tables where relname in ('t', 'low', 'high')";
    let counted = || stage.lab.copy(sql).trim().parse::<u64>().unwrap();
    let before = counted();
    let (outputs, _) = stage.run().await.unwrap();
    assert_eq!(outputs["rows"], json!(1000));
    (counted() - before, outputs["tables"][0]["checksum"].to_string())
}

#[tokio::test]
async fn rows_that_are_added_up_on_their_way_are_read_once() {
    let (scans, checksum) = scans(&format!("create table t ({ROWS}); {FILL}")).await;
    assert_eq!(scans, 1);
    assert_ne!(checksum, "null");
}

#[tokio::test]
async fn partitions_are_added_up_together() {
    let parts = "create table low partition of t for values from (0) to (300);
        create table high partition of t for values from (300) to (2000);";
    assert_eq!(scans(&format!("create table t ({ROWS}) partition by range (id); {parts} {FILL}")).await.0, 2);
}

/// A type without a hash of its own, and a column that is not sent.
#[tokio::test]
async fn what_cannot_be_added_up_is_read_once_more() {
    for more in ["doc json default '{}'", "twice int generated always as (id * 2) stored"] {
        assert_eq!(scans(&format!("create table t ({ROWS}, {more}); {FILL}")).await.0, 2, "{more}");
    }
}
