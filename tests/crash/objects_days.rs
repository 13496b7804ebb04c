//! `s3.restore` on the days on which a bucket is not as one thinks: pages without an object, keys longer than a page, times that
//! say nothing, versions that a rule took, a server that is gone for half a minute.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::Duration;

use rig::Scratch;
use rig::servers::MinIo;

use super::objects::{client, is_back, lost, lost_at, name, number, outputs, place, server};
use super::objects_proxy::{Fate, Proxy};

/// Longer than a page of a listing, which holds 1,000 entries.
const LONG: &str = "1050";

#[test]
fn pages_of_markers_alone_and_keys_longer_than_a_page() {
    let lost = lost_at(&server().endpoint(), 20, "", |bucket| {
        client("long", bucket, &["long/before", LONG]);
        client("long", bucket, &["long/after", "2"]);
        // So many that at least one page holds nothing else.
        client("markers", bucket, &["2100"]);
    });
    client("long", &lost.bucket, &["long/after", LONG]);
    client("put", &lost.bucket, &["long/before", "bad"]);
    let versions = lost.says("wanted", &[&lost.as_of]);
    lost.place.run("--no-wait").ends(0);
    is_back(&lost);
    assert_eq!(lost.says("versions", &[]), versions);
    assert!(number(&outputs(&lost.place), "skipped") >= 2100, "{}", outputs(&lost.place));
}

/// Of a version and a marker of one second that lie under a later one nobody can say which came first: such a key is left
/// alone. All others come back.
#[test]
fn a_server_that_counts_whole_seconds_is_enough_unless_two_things_fell_into_one() {
    // Of its last versions all but certainly two are of one second: their order in the listing tells.
    let lost = lost_at(&server().endpoint(), 200, "", |bucket| {
        client("long", bucket, &["quick", "25"]);
    });
    client("put", &lost.bucket, &["quick", "bad"]);
    let proxy = Proxy::start(&server().endpoint(), |_, _| Fate::WholeSeconds);
    lost.place.write("book.yaml", &lost.place.read("book.yaml").replace(&server().endpoint(), &proxy.endpoint()));
    let versions = lost.says("wanted", &[&lost.as_of]);
    lost.place.run("--no-wait").ends(0);
    is_back(&lost);
    // What the disaster wrote over a marker stays in either case: it was not there then.
    assert_eq!(lost.says("versions", &[]), versions);
    let outputs = outputs(&lost.place);
    let (ambiguous, kept) = (number(&outputs, "ambiguous"), number(&outputs, "kept"));
    assert_eq!(ambiguous + kept, 8, "{outputs}");
    assert!(ambiguous == 0 || outputs["ambiguous_keys"] == serde_json::json!(["gone/0"]), "{outputs}");
}

/// What was current at that moment is gone for good: it is said before the step begins, and the object is not taken for one that
/// is as it was.
#[test]
fn a_rule_that_took_versions_is_named_before_anything_is_done() {
    let bucket = name();
    client("make", &bucket, &["5"]);
    client("expire", &bucket, &["2"]);
    let days_ago = |days: i64| {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        then.round(jiff::Unit::Second).unwrap()
    };
    for (days, is_named) in [(3, true), (1, false)] {
        let place = place(&bucket, &format!("as_of: '{}'", days_ago(days)));
        let said = place.regrow("plan book.yaml").ends(0).stdout;
        assert_eq!(said.contains("takes versions away 2 days"), is_named, "{said}");
        assert!(said.contains("objects not there then, which stay"), "{said}");
    }
    // With a rule nobody can tell what was not there and what the rule took: nothing is deleted.
    let careful = place(&bucket, &format!("as_of: '{}', delete_newer: true", days_ago(3)));
    let said = careful.regrow("plan book.yaml").ends(0).stdout;
    assert!(said.contains("they stay in spite of `delete_newer`"), "{said}");
    let versions = client("versions", &bucket, &[]);
    careful.run("--no-wait").ends(0);
    let done = outputs(&careful);
    assert!(number(&done, "deleted") == 0 && number(&done, "kept") > 0, "{done}");
    // Of these, what was deleted since the moment and has no version any more is told.
    assert_eq!(number(&done, "lost"), 0, "{done}");
    assert_eq!(client("versions", &bucket, &[]), versions);
    // Where only the newest is left of a key that was overwritten since, there is nothing to bring back: it stays and is counted.
    let lost = lost(5, "");
    let key = "many/0/00003";
    client("put", &lost.bucket, &[key, "bad"]);
    client("take", &lost.bucket, &[key]);
    client("markers", &lost.bucket, &["3"]);
    lost.place.run("--no-wait").ends(0);
    let done = outputs(&lost.place);
    assert_eq!((number(&done, "kept"), number(&done, "lost")), (8 + 1, 3), "{done}");
    assert_eq!(done["lost_keys"].as_array().map(Vec::len), Some(3), "{done}");
    let now = lost.says("versions", &[]);
    assert!(now.contains("\"many/0/00003\" 1\n"), "{now}");
}

/// Killed in the middle of the work, and there again half a minute later. Writes are kept waiting until it is gone: how fast it is
/// does not matter.
#[test]
fn a_server_that_is_killed_and_comes_back_after_half_a_minute_is_waited_for() {
    let scratch = Scratch::new().unwrap();
    let mut server = MinIo::start(&scratch).unwrap();
    let lost = lost_at(&server.endpoint(), 1500, "max_parallel: 2", |_| ());
    let (address, writes) = (server.endpoint().replace("http://", ""), Arc::new(AtomicU32::new(0)));
    let (count, was_gone) = (Arc::clone(&writes), AtomicBool::new(false));
    let proxy = Proxy::start(&server.endpoint(), move |head, _| {
        let is_held = !head.starts_with("GET") && !head.starts_with("HEAD") && count.fetch_add(1, SeqCst) >= 100;
        while is_held && !was_gone.load(SeqCst) {
            was_gone.store(TcpStream::connect(&address).is_err(), SeqCst);
            thread::sleep(Duration::from_millis(20));
        }
        Fate::Passes
    });
    lost.place.write("book.yaml", &lost.place.read("book.yaml").replace(&server.endpoint(), &proxy.endpoint()));
    let versions = lost.says("wanted", &[&lost.as_of]);
    let mut run = lost.place.start_run("--no-wait");
    lost.place.until("much was written", |_| writes.load(SeqCst) > 100);
    server.gone_for(Duration::from_secs(30)).unwrap();
    assert!(!run.is_over(), "it did not wait");
    run.end().ends(0);
    is_back(&lost);
    assert_eq!(lost.says("versions", &[]), versions);
}
