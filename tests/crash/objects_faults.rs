//! `s3.restore` against a server that refuses, fails within an answer of 200, loses answers, or is gone for a while.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::objects::{Lost, client, is_back, lost, lost_at, server};
use super::objects_proxy::{Fate, Proxy};

/// Everything goes through a proxy from now on.
pub fn through(lost: &Lost, fate: impl Fn(&str, u32) -> Fate + Send + Sync + 'static) -> Proxy {
    let proxy = Proxy::start(&server().endpoint(), fate);
    let book = lost.place.read("book.yaml").replace(&server().endpoint(), &proxy.endpoint());
    lost.place.write("book.yaml", &book);
    proxy
}

fn is_copy(head: &str) -> bool {
    head.to_ascii_lowercase().contains("\r\nx-amz-copy-source:")
}

#[test]
fn a_server_that_asks_for_less_is_given_less_and_loses_nothing() {
    let lost = lost(300, "");
    let wanted = client("wanted", &lost.bucket, &[&lost.as_of]);
    let proxy = through(&lost, |_, number| if number % 5 == 3 { Fate::Refused } else { Fate::Passes });
    lost.place.run("--no-wait").ends(0);
    assert!(proxy.requests.load(Ordering::SeqCst) > 50);
    is_back(&lost);
    assert_eq!(client("versions", &lost.bucket, &[]), wanted);
}

/// An answer of 200 that holds an error is no success; an answer that was lost is no reason for a second copy.
#[test]
fn neither_an_error_within_200_nor_a_lost_answer_makes_a_second_copy() {
    for fate in [Fate::FailsWithin, Fate::AnswerLost] {
        let lost = lost(100, "");
        let wanted = client("wanted", &lost.bucket, &[&lost.as_of]);
        let copies = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&copies);
        let _proxy = through(&lost, move |head, _| {
            let is_told = is_copy(head) && seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
            if is_told { fate } else { Fate::Passes }
        });
        lost.place.run("--no-wait").ends(0);
        assert!(copies.load(Ordering::SeqCst) > 20);
        is_back(&lost);
        assert_eq!(client("versions", &lost.bucket, &[]), wanted);
    }
}

#[test]
fn a_server_that_is_gone_for_a_while_is_waited_for() {
    let lost = lost(200, "");
    let wanted = client("wanted", &lost.bucket, &[&lost.as_of]);
    let (copies, went) = (AtomicU32::new(0), Arc::new(OnceLock::new()));
    let since = Arc::clone(&went);
    let _proxy = through(&lost, move |head, _| {
        if is_copy(head) && copies.fetch_add(1, Ordering::SeqCst) == 20 {
            let _ = since.set(Instant::now());
        }
        match since.get() {
            Some(went) if went.elapsed() < Duration::from_secs(8) => Fate::Gone,
            _ => Fate::Passes,
        }
    });
    lost.place.run("--no-wait").ends(0);
    assert!(went.get().unwrap().elapsed() > Duration::from_secs(8));
    is_back(&lost);
    assert_eq!(client("versions", &lost.bucket, &[]), wanted);
}

/// What is refused for one key alone stops no other one, is named, and is mended by a retry.
#[test]
fn one_key_that_is_refused_stops_no_other_and_fails_the_step() {
    let lost = lost(60, "");
    let wanted = client("wanted", &lost.bucket, &[&lost.as_of]);
    let (is_open, barred) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::new()));
    let (open, path) = (Arc::clone(&is_open), Arc::clone(&barred));
    let _proxy = through(&lost, move |head, _| {
        let line = head.lines().next().unwrap_or_default().to_owned();
        let is_it = is_copy(head) && *path.get_or_init(|| line.clone()) == line;
        if is_it && !open.load(Ordering::SeqCst) { Fate::Denied } else { Fate::Passes }
    });
    lost.place.run("--no-wait").ends(1);
    let fault = lost.place.step("objects")["fault"].clone();
    assert_eq!(fault["code"], "RG2910", "{fault:#}");
    assert!(fault["message"].as_str().unwrap().starts_with("1 object"), "{fault:#}");
    assert!(fault["causes"][0].as_str().unwrap().contains("AccessDenied"), "{fault:#}");
    is_open.store(true, Ordering::SeqCst);
    lost.place.regrow("retry objects").ends(0);
    lost.place.regrow("resume --no-wait").ends(0);
    is_back(&lost);
    assert_eq!(client("versions", &lost.bucket, &[]), wanted);
}

/// There are servers that answer so and do nothing: the second listing tells.
#[test]
fn what_a_server_only_pretends_to_do_is_no_success() {
    let lost = lost(20, "");
    let pretends = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&pretends);
    let _proxy = through(&lost, move |head, _| {
        let deletes = head.starts_with("POST ") && head.contains("?delete");
        if deletes && still.load(Ordering::SeqCst) { Fate::Pretended } else { Fate::Passes }
    });
    lost.place.run("--no-wait").ends(1);
    let fault = lost.place.step("objects")["fault"].clone();
    assert_eq!(fault["code"], "RG2912", "{fault:#}");
    pretends.store(false, Ordering::SeqCst);
    lost.place.regrow("retry objects").ends(0);
    lost.place.regrow("resume --no-wait").ends(0);
    is_back(&lost);
}

/// So many keys that the second listing goes through several ranges at once, and none of the first one is wrong.
#[test]
fn what_is_not_done_is_found_in_whatever_range_of_the_listing_it_lies() {
    let lost = lost(2400, "");
    let deletions = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&deletions);
    let _proxy = through(&lost, move |head, _| {
        let deletes = head.starts_with("POST ") && head.contains("?delete");
        if deletes && seen.fetch_add(1, Ordering::SeqCst) > 3 { Fate::Pretended } else { Fate::Passes }
    });
    lost.place.run("--no-wait").ends(1);
    assert!(deletions.load(Ordering::SeqCst) > 4);
    let fault = lost.place.step("objects")["fault"].clone();
    assert_eq!(fault["code"], "RG2912", "{fault:#}");
    assert_eq!(fault["causes"].as_array().map(Vec::len), Some(5), "{fault:#}");
}

/// A copy that never reached the server, and somebody else writes as many bytes meanwhile: that is not the copy, whatever was
/// begun. Nor where what came back was uploaded in parts, so that its ETag is none of its content.
#[test]
fn what_somebody_else_wrote_meanwhile_is_not_taken_for_the_copy() {
    let only_in_parts = |bucket: &str| drop(client("parts", bucket, &["film"]));
    let lost = lost_at(&server().endpoint(), 4, "", only_in_parts);
    client("parts", &lost.bucket, &["film", "bad"]);
    static GONE: AtomicBool = AtomicBool::new(true);
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let _proxy = through(&lost, move |head, _| {
        let writes = is_copy(head) || head.contains("uploads");
        if writes && GONE.load(Ordering::SeqCst) {
            count.fetch_add(1, Ordering::SeqCst);
            return Fate::Gone;
        }
        Fate::Passes
    });
    let run = lost.place.start_run("--no-wait");
    lost.place.until("a copy was sent", |_| asked.load(Ordering::SeqCst) > 2);
    run.cut_power();
    client("parts", &lost.bucket, &["film", "BAD"]);
    GONE.store(false, Ordering::SeqCst);
    // It is not covered either, before a person has looked.
    lost.place.regrow("resume run1 --no-wait").ends(1);
    let fault = lost.place.step("objects")["fault"].clone();
    assert!(fault["code"] == "RG2910" && fault["causes"].to_string().contains("film"), "{fault:#}");
    assert!(fault["causes"].to_string().contains("somebody else wrote it"), "{fault:#}");
    lost.place.regrow("retry objects --run run1").ends(0);
    lost.place.regrow("resume run1 --no-wait").ends(0);
    is_back(&lost);
    // Once more: its ETag tells that it is as it was.
    let versions = client("versions", &lost.bucket, &[]);
    lost.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(0);
    assert_eq!(client("versions", &lost.bucket, &[]), versions);
}

/// Some servers want a digest of the list, some take none that holds such keys, and some take none at all.
#[test]
fn deleted_objects_come_back_whatever_a_server_wants_of_the_list() {
    let more =
        |bucket: &str| ["ctl\u{1}a", "ctl\u{1}b"].iter().for_each(|key| drop(client("put", bucket, &[key, "x"])));
    for takes_lists in [true, false] {
        let lost = lost_at(&server().endpoint(), 20, "", more);
        let lists = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&lists);
        let _proxy = through(&lost, move |head, _| {
            if !(head.starts_with("POST ") && head.contains("?delete")) {
                return Fate::Passes;
            }
            count.fetch_add(1, Ordering::SeqCst);
            match head.to_ascii_lowercase().contains("\r\ncontent-md5:") {
                false => Fate::Says("400 Bad Request", "MissingContentMD5"),
                true if takes_lists => Fate::Passes,
                true => Fate::Says("400 Bad Request", "MalformedXML"),
            }
        });
        lost.place.run("--no-wait").ends(0);
        assert!(lists.load(Ordering::SeqCst) > 0);
        is_back(&lost);
    }
}

/// It has no rules, does not tell when buckets were made, and knows no parts.
#[test]
fn what_a_server_does_not_know_is_done_without() {
    let only_in_parts = |bucket: &str| drop(client("parts", bucket, &["film"]));
    let lost = lost_at(&server().endpoint(), 4, "", only_in_parts);
    client("parts", &lost.bucket, &["film", "bad"]);
    let _proxy = through(&lost, |head, _| {
        let line = head.lines().next().unwrap_or_default();
        match ["?lifecycle", "GET /?", "partNumber="].iter().any(|call| line.contains(call)) && !line.starts_with("PUT")
        {
            true => Fate::Says("501 Not Implemented", "NotImplemented"),
            false => Fate::Passes,
        }
    });
    let began = Instant::now();
    lost.place.run("--no-wait").ends(0);
    assert!(began.elapsed() < Duration::from_secs(30), "it is asked again and again");
    // Copied in one piece, as here where parts are not told, MinIO leaves out `Expires`.
    let now = lost.says("manifest", &[]);
    let film = |manifest: &str| manifest.lines().find(|line| line.starts_with("[\"film\"")).unwrap().to_owned();
    assert_eq!(film(&now).replace("\"None\"", "\"2030-01-02 00:00:00+00:00\""), film(&lost.manifest));
}

#[test]
fn rules_that_may_not_be_read_are_no_rules_that_are_not_there() {
    let lost = lost(4, "");
    let _proxy = through(&lost, |head, _| {
        if head.lines().next().unwrap_or_default().contains("?lifecycle") { Fate::Denied } else { Fate::Passes }
    });
    let plan = lost.place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains("cannot be told"), "{plan}");
}
