//! `s3.copy` against servers that refuse, fail within an answer of 200, or lose answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::copies::{Copied, all};
use super::objects::client;
use super::objects_proxy::Fate;

/// Whether it writes an object.
fn is_write(head: &str) -> bool {
    head.starts_with("PUT ") || (head.starts_with("POST ") && head.contains("uploadId="))
}

#[test]
fn servers_that_ask_for_less_are_given_less_and_lose_nothing() {
    for copied in [Copied::here(150, ""), Copied::away(150, "")] {
        let proxies = copied.through(|_, number| if number % 5 == 3 { Fate::Refused } else { Fate::Passes });
        copied.place.run("--no-wait").ends(0);
        assert!(proxies.iter().all(|proxy| proxy.requests.load(Ordering::SeqCst) > 100));
        copied.is_whole();
        copied.has_one_version_each();
    }
}

/// An answer of 200 that holds an error is no success; an answer that was lost is no reason for a second copy.
#[test]
fn neither_an_error_within_200_nor_a_lost_answer_makes_a_second_copy() {
    for (copied, fate) in [
        (Copied::here(60, ""), Fate::FailsWithin),
        (Copied::here(60, ""), Fate::AnswerLost),
        (Copied::away(60, ""), Fate::AnswerLost),
    ] {
        let writes = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&writes);
        let _proxies = copied.through(move |head, _| {
            let is_told = is_write(head) && seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
            if is_told { fate } else { Fate::Passes }
        });
        copied.place.run("--no-wait").ends(0);
        assert!(writes.load(Ordering::SeqCst) > 60);
        copied.is_whole();
        copied.has_one_version_each();
    }
}

/// Killed when the answer to the first copy is lost, to the second, and so on: what was made is known as made.
#[test]
fn cut_off_behind_any_copy_it_is_known_as_made() {
    for copied in [Copied::here(4, "max_parallel: 2"), Copied::away(4, "max_parallel: 2")] {
        let writes = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&writes);
        let _proxies = copied.through(move |head, _| {
            if is_write(head) {
                seen.fetch_add(1, Ordering::SeqCst);
                return Fate::AnswerLost;
            }
            Fate::Passes
        });
        let mut run = copied.place.start_run("--no-wait");
        loop {
            let before = writes.load(Ordering::SeqCst);
            copied.place.until("one more is written, or it is over", |_| {
                writes.load(Ordering::SeqCst) > before || copied.is_all_there()
            });
            run.cut_power();
            if copied.is_all_there() {
                break;
            }
            run = copied.place.start("resume run1 --no-wait");
        }
        copied.place.regrow("resume run1 --no-wait").ends(0);
        copied.is_whole();
        copied.has_one_version_each();
    }
}

/// Where ETags tell nothing of the content, copies are known by what stood there before and by when they were written.
#[test]
fn a_target_with_etags_of_its_own_gets_no_second_copy_either() {
    let copied = Copied::away(1100, "max_parallel: 2");
    let (is_open, target) = (Arc::new(AtomicBool::new(false)), copied.target.clone());
    let open = Arc::clone(&is_open);
    let _proxies = copied.through(move |head, _| {
        let line = head.lines().next().unwrap_or_default();
        match line.contains(&target) {
            true if line.contains("many/0/00007") && !open.load(Ordering::SeqCst) => Fate::Denied,
            true => Fate::OwnEtags,
            false => Fate::Passes,
        }
    });
    let run = copied.place.start_run("--no-wait");
    copied.place.until("some are written", |_| copied.there("etags", &[]).lines().count() > 20);
    run.cut_power();
    copied.place.regrow("resume run1 --no-wait").ends(1);
    let fault = copied.place.step("objects")["fault"].clone();
    assert_eq!(fault["code"], "RG2910", "{fault:#}");
    assert!(fault["causes"][0].as_str().unwrap().contains("many/0/00007"), "{fault:#}");
    is_open.store(true, Ordering::SeqCst);
    copied.place.regrow("retry objects").ends(0);
    copied.place.regrow("resume --no-wait").ends(0);
    copied.is_whole();
    copied.has_one_version_each();
    assert_eq!(copied.outputs(), [1, 0, all(1100) - 1]);
    // Of what another run wrote nothing is known.
    let said = copied.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(2);
    assert!(said.stderr.contains("RG2913"), "{said:#?}");
}

/// What was not there when the target was listed, and is written before the copy: no version of it would be left.
#[test]
fn what_somebody_writes_meanwhile_stays() {
    let theirs = "of somebody else";
    let [here, away] = Copied::unkept(3, "max_parallel: 1");
    for (copied, moment) in [(here, "/many/"), (away, "/zz/end")] {
        let (write, is_written) = (copied.somebody_writes("zz/end", theirs), AtomicBool::new(false));
        let (writes, is_written) = (Arc::new(AtomicU32::new(0)), Arc::new(is_written));
        let (count, seen) = (Arc::clone(&writes), Arc::clone(&is_written));
        let _proxies = copied.through(move |head, _| {
            if is_write(head) {
                count.fetch_add(1, Ordering::SeqCst);
                let is_now = head.lines().next().unwrap_or_default().contains(moment);
                if is_now && !seen.swap(true, Ordering::SeqCst) {
                    write();
                }
            }
            Fate::Passes
        });
        copied.place.run("--no-wait").ends(1);
        assert!(is_written.load(Ordering::SeqCst));
        let fault = copied.place.step("objects")["fault"].clone();
        assert_eq!(fault["code"], "RG2910", "{fault:#}");
        assert!(fault["causes"][0].as_str().unwrap().contains("zz/end: something else was written"), "{fault:#}");
        let etags = copied.there("etags", &[]);
        let there = etags.lines().find(|line| line.contains("zz/end")).unwrap();
        assert!(there.ends_with(&format!(" {}]", theirs.len())), "{there}");
        assert_eq!(etags.lines().count() as u64, all(3));
    }
}

#[test]
fn a_server_that_cannot_write_only_where_nothing_is_is_written_to_all_the_same_and_that_is_said() {
    let copied = Copied::away(10, "max_parallel: 4");
    client("parts", &copied.source, &["film"]);
    let _proxies = copied.through(|head, _| match head.to_ascii_lowercase().contains("\r\nif-none-match:") {
        true => Fate::Says("501 Not Implemented", "NotImplemented"),
        false => Fate::Passes,
    });
    copied.place.run("--no-wait").ends(0);
    copied.is_whole();
    copied.has_one_version_each();
    let said = copied.place.regrow("logs objects").ends(0).stdout;
    assert_eq!(said.matches("write only where nothing is").count(), 1, "{said}");
}
