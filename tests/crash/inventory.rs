//! `backups.inventory` through the real binary, on stores of real servers.

use std::fs;
use std::thread;
use std::time::Duration;

use rig::servers::moto;
use serde_json::{Value, json};

use super::objects::{client, name, server};
use super::ready::{Kept, ready};
use super::support::Place;

/// A runbook with stores of `backups.inventory`.
fn inventory(stores: &str, more: &str) -> Place {
    let place = Place::new(&format!(
        "{more}\nsecrets: {{ key: {{ from: file, path: key }}, secret: {{ from: file, path: secret }} }}\n\
         steps:\n  - id: backups\n    uses: backups.inventory\n    with:\n      stores:\n{stores}"
    ));
    place.write("key", moto::KEY);
    place.write("secret", moto::SECRET);
    place
}

fn bucket(store: &str, bucket: &str, more: &str) -> String {
    let keys = "access_key_id: '{{ secrets.key }}', secret_access_key: '{{ secrets.secret }}'";
    format!("        {store}: {{ kind: s3, bucket: {bucket}, endpoint: '{}', {keys}{more} }}\n", server().endpoint())
}

#[test]
fn an_inventory_tells_each_store_and_fails_no_run() {
    let kept = Kept::new();
    kept.backup("one");
    kept.write();
    let (media, empty, marked, deleted) = (name(), name(), name(), name());
    client("make", &media, &["40"]);
    for bucket in [&empty, &marked, &deleted] {
        client("kept", bucket, &[]);
    }
    client("markers", &marked, &["3"]);
    client("put", &deleted, &["one", "x"]);
    client("delete", &deleted, &["one"]);
    thread::sleep(Duration::from_millis(1100));
    let postgres = format!("kind: postgres, base: '{}', wal: '{}'", kept.base.display(), kept.archive());
    let stores = [
        format!("        database: {{ {postgres} }}\n        young: {{ {postgres}, max_age: 1s }}\n"),
        bucket("media", &media, ""),
        bucket("copy", &media, ", copy: true"),
        bucket("still", &media, ", copy: true, max_age: 1s"),
        bucket("empty", &empty, ""),
        bucket("marked", &marked, ""),
        bucket("deleted", &deleted, ""),
        bucket("gone", "no-such-bucket", ""),
    ]
    .concat();
    let place = inventory(&stores, "objectives: { rpo: { database: 1d, copy: 1s, media: 1s } }");
    place.run("--no-wait").ends(0);
    let outputs = place.step("backups")["outputs"].clone();
    assert_eq!(outputs["fitness"], "unfit");
    assert_eq!(outputs["unfit"], json!(["empty", "gone", "marked", "still", "young"]), "{outputs:#}");
    let codes = |store: &str| {
        let all = outputs["stores"][store]["findings"].as_array().unwrap();
        all.iter().map(|it| it["fault"]["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let wanted = [
        ("database", vec![]),
        ("young", vec!["RG3201"]),
        // Every write keeps what it replaces.
        ("media", vec![]),
        ("copy", vec!["RG3204"]),
        ("still", vec!["RG3201"]),
        ("empty", vec!["RG3208"]),
        ("marked", vec!["RG3208"]),
        ("deleted", vec!["RG3211"]),
        ("gone", vec!["RG2906"]),
    ];
    wanted.iter().for_each(|(store, wanted)| assert_eq!(codes(store), *wanted, "{store}: {outputs:#}"));
    let objects = outputs["stores"]["media"]["items"].as_u64().unwrap();
    assert_eq!(objects, client("manifest", &media, &[]).lines().count() as u64, "{outputs:#}");
    assert_eq!(outputs["stores"]["copy"]["bytes"], outputs["stores"]["media"]["bytes"], "{outputs:#}");
    // By night the same.
    let found = ready(&place, "", 9);
    assert_eq!(found["runbooks"][0]["stores"]["young"]["fitness"], "unfit", "{found:#}");
    let all = format!("{}{}", place.regrow("events run1 --json").stdout, place.regrow("ready book.yaml").stdout);
    assert!(!all.contains(moto::SECRET), "the secret is shown");
}

/// Each line of a file's head says code, place and help.
#[test]
fn a_store_that_is_written_wrong_is_said_where_it_stands() {
    for name in ["inventory.yaml", "inventory-form.yaml"] {
        let file = format!("{}/tests/crash/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&file).unwrap();
        let said = Place::new("steps: []\n").argv(&["check", "--json", &file]).ends(2).stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        let problems = said["problems"].as_array().unwrap().iter().map(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap_or_default();
            format!("# {} {}:{} {}", text("code"), problem["line"], problem["column"], text("help"))
        });
        let wanted: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert_eq!(problems.collect::<Vec<_>>(), wanted, "{said:#}");
    }
}
