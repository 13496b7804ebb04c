//! A bucket that a step makes for itself, on real MinIO: `s3.restore` with `source`, `s3.copy` with `create`, and both in a drill.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::copies::{Copied, all};
use super::objects::{Lost, client, has_begun, lost, name, number, outputs, place, server};
use super::objects_proxy::{Fate, Proxy};
use super::support::Place;

/// What a bucket held before its disaster comes into another one.
struct Beside {
    lost: Lost,
    bucket: String,
    place: Place,
}

impl Beside {
    /// `more`: of the step.
    fn of(count: u32, with: &str, more: &str) -> Self {
        let lost = lost(count, "");
        let bucket = format!("{}-beside", lost.bucket);
        let place = place(&bucket, &format!("source: {}, as_of: '{}', {with}", lost.bucket, lost.as_of));
        place.write("book.yaml", &format!("{}{more}", place.read("book.yaml")));
        Self { lost, bucket, place }
    }

    fn says(&self, word: &str) -> String {
        client(word, &self.bucket, &[])
    }

    /// All of it, and nothing else.
    #[track_caller]
    fn is_whole(&self) {
        let now = self.says("manifest");
        for (now, before) in now.lines().zip(self.lost.manifest.lines()) {
            assert_eq!(now, before);
        }
        assert_eq!(now.lines().count(), self.lost.manifest.lines().count());
        let copied = number(&outputs(&self.place), "copied");
        assert_eq!(copied, self.lost.manifest.lines().count() as u64, "{}", outputs(&self.place));
    }
}

fn is_there(bucket: &str) -> bool {
    client("buckets", bucket, &[]).lines().any(|it| it == bucket)
}

const TEMPORARY: &str = "    temporary: true\n";

#[test]
fn what_was_there_comes_into_a_bucket_of_its_own_and_the_source_stays_as_it_is() {
    let beside = Beside::of(1200, "max_parallel: 8", TEMPORARY);
    let before = beside.lost.says("versions", &[]);
    beside.place.run("--no-wait").ends(0);
    beside.is_whole();
    assert_eq!(beside.lost.says("versions", &[]), before, "the source was written to");
    let ledger = beside.place.status()["ledger"].clone();
    let id = format!("{} at {}", beside.bucket, server().endpoint());
    assert_eq!((ledger[0]["kind"].as_str(), ledger[0]["id"].as_str()), (Some("s3 bucket"), Some(&*id)), "{ledger}");
    // Of another run it is somebody else's.
    let said = beside.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(2);
    assert!(said.stderr.contains("RG2917") && said.stderr.contains("nothing was started"), "{said:#?}");
    let said = beside.place.regrow("cleanup run1").ends(0);
    assert_eq!(said.stdout, format!("removed s3 bucket {id}\n"), "{said:#?}");
    assert!(!is_there(&beside.bucket) && is_there(&beside.lost.bucket));
}

/// Some of its objects are gone by then: what is left is ours as before.
#[test]
fn a_clean_up_that_is_killed_while_it_empties_a_bucket_goes_on() {
    let beside = Beside::of(600, "max_parallel: 8", TEMPORARY);
    let deletions = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&deletions);
    let proxy = Proxy::start(&server().endpoint(), move |head, _| {
        let deletes = head.starts_with("POST ") && head.contains("?delete");
        // The first one is done, the others find nobody until it is killed and begun anew.
        match deletes && (1..20).contains(&seen.fetch_add(1, Ordering::SeqCst)) {
            true => Fate::Gone,
            false => Fate::Passes,
        }
    });
    let book = beside.place.read("book.yaml").replace(&server().endpoint(), &proxy.endpoint());
    beside.place.write("book.yaml", &book);
    beside.place.run("--no-wait").ends(0);
    let all = beside.says("etags").lines().count();
    let run = beside.place.start("cleanup run1");
    beside.place.until("it is being emptied", |_| deletions.load(Ordering::SeqCst) > 4);
    run.cut_power();
    let left = beside.says("etags").lines().count();
    assert!(left > 0 && left < all, "{left} of {all}");
    assert_eq!(beside.place.status()["ledger"].as_array().unwrap().len(), 1);
    deletions.store(20, Ordering::SeqCst);
    beside.place.regrow("cleanup run1").ends(0);
    assert!(!is_there(&beside.bucket) && is_there(&beside.lost.bucket));
}

/// What is not temporary is what the recovery was for.
#[test]
fn a_clean_up_leaves_what_is_not_temporary() {
    let beside = Beside::of(3, "prefix: many/", "");
    beside.place.run("--no-wait").ends(0);
    beside.place.regrow("cleanup run1").ends(0);
    assert_eq!(beside.says("etags").lines().count(), 3);
}

#[test]
fn cut_off_at_any_moment_no_key_is_lost_and_the_numbers_are_those_of_an_undisturbed_run() {
    let beside = Beside::of(1100, "max_parallel: 1", "");
    let before = beside.lost.says("versions", &[]);
    let run = beside.place.start_run("--no-wait");
    beside.place.until("a page was begun", has_begun);
    run.cut_power();
    let mut seen = BTreeSet::new();
    for moment in 0..12 {
        let run = beside.place.start("resume run1 --no-wait");
        thread::sleep(Duration::from_millis(150 + moment * 50));
        run.cut_power();
        let now = beside.says("etags").lines().count();
        if now == beside.lost.manifest.lines().count() {
            break;
        }
        seen.insert(now);
        if seen.len() == 5 {
            break;
        }
    }
    assert!(seen.len() > 2, "the cuts came too early or too late to show anything: {}", seen.len());
    beside.place.regrow("resume run1 --no-wait").ends(0);
    beside.is_whole();
    assert_eq!(beside.lost.says("versions", &[]), before, "the source was written to");
}

/// What becomes of a bucket's tag, until the proxy is opened. Told when one was to be given.
fn untagged(place: &Place, fate: Fate) -> (Proxy, Arc<AtomicBool>, Arc<AtomicBool>) {
    let (is_open, was_asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (open, asked) = (Arc::clone(&is_open), Arc::clone(&was_asked));
    let proxy = Proxy::start(&server().endpoint(), move |head, _| {
        let is_tag = head.starts_with("PUT ") && head.lines().next().is_some_and(|line| line.contains("?tagging"));
        if !is_tag || open.load(Ordering::SeqCst) {
            return Fate::Passes;
        }
        asked.store(true, Ordering::SeqCst);
        fate
    });
    place.write("book.yaml", &place.read("book.yaml").replace(&server().endpoint(), &proxy.endpoint()));
    (proxy, is_open, was_asked)
}

#[test]
fn cut_off_between_a_bucket_and_its_tag_it_is_known_as_ours() {
    let beside = Beside::of(5, "", "");
    let (_proxy, is_open, was_asked) = untagged(&beside.place, Fate::Gone);
    let run = beside.place.start_run("--no-wait");
    beside.place.until("the bucket is made", |_| was_asked.load(Ordering::SeqCst));
    run.cut_power();
    assert!(is_there(&beside.bucket));
    is_open.store(true, Ordering::SeqCst);
    beside.place.regrow("resume run1 --no-wait").ends(0);
    beside.is_whole();
}

/// A server may let us make a bucket and not tag it: it is empty then, and is not left behind.
#[test]
fn a_bucket_that_could_not_be_tagged_is_taken_away() {
    let beside = Beside::of(5, "", TEMPORARY);
    let (_proxy, ..) = untagged(&beside.place, Fate::Denied);
    beside.place.run("--no-wait").ends(1);
    let fault = beside.place.step("objects")["fault"].clone();
    assert!(fault["code"] == "RG2903" && fault["hint"].as_str().unwrap().contains("leave to make, tag"), "{fault:#}");
    assert_eq!(beside.says("etags"), "");
    beside.place.regrow("abort --run run1 --because over").ends(0);
    let said = beside.place.regrow("cleanup run1").ends(0);
    assert!(said.stdout.starts_with("removed s3 bucket"), "{said:#?}");
    assert!(!is_there(&beside.bucket));
}

#[test]
fn a_bucket_of_somebody_else_is_neither_written_to_nor_taken_away() {
    let beside = Beside::of(200, "max_parallel: 1", TEMPORARY);
    client("kept", &beside.bucket, &[]);
    let said = beside.place.run("--no-wait").ends(2);
    assert!(said.stderr.contains("RG2917") && said.stderr.contains("nothing was started"), "{said:#?}");
    assert_eq!(beside.says("etags"), "");

    // It came in the place of ours, while nobody was at work.
    let beside = Beside::of(400, "max_parallel: 1", TEMPORARY);
    let run = beside.place.start_run("--no-wait");
    beside.place.until("a page was begun", has_begun);
    run.cut_power();
    client("anew", &beside.bucket, &[]);
    client("put", &beside.bucket, &["theirs", "stays"]);
    let theirs = beside.says("etags");
    beside.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(beside.place.step("objects")["fault"]["code"], "RG2917");
    beside.place.regrow("abort --run run1 --because over").ends(0);
    let said = beside.place.regrow("cleanup run1").ends(1);
    assert!(said.stdout.contains("NOT REMOVED s3 bucket") && said.stdout.contains("RG2918"), "{said:#?}");
    assert_eq!(beside.says("etags"), theirs);
}

/// Gone while nobody was at work, it is made anew and filled from the start.
#[test]
fn a_bucket_that_somebody_took_away_is_made_again_with_all_keys() {
    let beside = Beside::of(1100, "max_parallel: 1", "");
    let run = beside.place.start_run("--no-wait");
    beside.place.until("a page is done", |place| {
        let files = fs::read_dir(place.run_dir().join("work")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_to_string(file.path()).ok()).any(|text| text.contains("\"after\":\""))
    });
    run.cut_power();
    client("gone", &beside.bucket, &[]);
    beside.place.regrow("resume run1 --no-wait").ends(0);
    beside.is_whole();
}

/// The target has another name now, and is made by the step.
fn into_new(mut copied: Copied, more: &str) -> Copied {
    let new = name();
    let (old, made) = (format!("bucket: {},", copied.target), format!("bucket: {new}, create: true,"));
    copied.place.write("book.yaml", &format!("{}{more}", copied.place.read("book.yaml").replace(&old, &made)));
    copied.target = new;
    copied
}

#[test]
fn a_copy_makes_its_target_where_it_is_told_to() {
    for copied in [Copied::here(300, "max_parallel: 2"), Copied::away(300, "max_parallel: 2")] {
        let copied = into_new(copied, TEMPORARY);
        let run = copied.place.start_run("--no-wait");
        copied.place.until("a page was begun", has_begun);
        run.cut_power();
        copied.place.regrow("resume run1 --no-wait").ends(0);
        copied.is_whole();
        assert_eq!(copied.outputs(), [all(300), 0, 0]);
        let said = copied.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(2);
        assert!(said.stderr.contains("RG2917"), "{said:#?}");
        copied.place.regrow("cleanup run1").ends(0);
        assert!(!copied.there("buckets", &[]).lines().any(|it| it == copied.target));
    }
}

/// Both kinds in one drill, each with a proof that names production's bucket.
#[test]
fn a_drill_brings_objects_back_beside_production_and_takes_them_away() {
    let (lost, copied) = (lost(20, "delete_newer: true"), Copied::here(30, "overwrite: true"));
    copied.there("put", &["many/0/00003", "of production"]);
    let before = [lost.says("versions", &[]), copied.there("versions", &[]), client("versions", &copied.source, &[])];
    let (restore, copy) = (lost.place.read("book.yaml"), copied.place.read("book.yaml"));
    let restore = restore.replace("at_least: 1", &format!("equals: {}", all(20)));
    let (_, step) = copy.split_once("steps:\n").unwrap();
    let keys = "access_key_id: '{{ secrets.key }}', secret_access_key: '{{ secrets.secret }}'";
    let proof = format!("bucket: {}, endpoint: '{}', {keys}", copied.target, server().endpoint());
    let step = step.replace("id: objects", "id: copy").replace("secrets.read", "secrets.secret");
    let step = step.replace("secrets.write", "secrets.secret");
    let verify =
        format!("    verify: [{{ probe: s3.objects, with: {{ {proof} }}, expect: {{ equals: {} }} }}]\n", all(30));
    lost.place.write("book.yaml", &format!("{restore}{step}{verify}"));
    let drill =
        |place: &Place, more: &str| place.regrow(&format!("drill book.yaml --yes --no-wait --run-id run1 {more}"));

    let plan = lost.place.regrow("plan book.yaml --drill --json").ends(0).stdout;
    let alone = serde_json::from_str::<Value>(&plan).unwrap()["leaves_alone"].clone();
    let read = [&lost.bucket, &copied.source, &copied.target]
        .map(|bucket| format!("bucket {bucket} at {}", server().endpoint()));
    assert_eq!(alone, serde_json::json!(read));

    drill(&lost.place, "").ends(0);
    let word = |step: &str| lost.place.step(step)["drill"].clone();
    assert_eq!([word("objects"), word("copy")], [Value::from("beside"), Value::from("beside")]);
    assert_eq!(number(&lost.place.step("objects")["outputs"], "copied"), all(20));
    assert_eq!(number(&lost.place.step("copy")["outputs"], "copied"), all(30));
    assert_eq!(lost.place.status()["ledger"], serde_json::json!([]));
    let of_drills = || {
        let beside = [&lost.bucket, &copied.target].map(|bucket| client("buckets", &format!("{bucket}-drill-"), &[]));
        beside.concat().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_drills(), Vec::<String>::new());

    // Kept, they are there until they are taken away by hand.
    fs::remove_dir_all(lost.place.run_dir()).unwrap();
    drill(&lost.place, "--keep").ends(0);
    let kept = of_drills();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(client("manifest", &kept[0], &[]), lost.manifest);
    assert_eq!(client("manifest", &kept[1], &[]), client("manifest", &copied.source, &[]));
    let said = lost.place.regrow("cleanup run1").ends(0);
    assert_eq!(said.stdout.lines().filter(|line| line.starts_with("removed s3 bucket ")).count(), 2, "{said:#?}");
    assert_eq!(of_drills(), Vec::<String>::new());

    // Somebody else has one of that name.
    fs::remove_dir_all(lost.place.run_dir()).unwrap();
    client("kept", &kept[0], &[]);
    let said = drill(&lost.place, "").ends(2);
    assert!(said.stderr.contains("RG2917") && said.stderr.contains("nothing was started"), "{said:#?}");
    assert_eq!(client("etags", &kept[0], &[]), "");
    let after = [lost.says("versions", &[]), copied.there("versions", &[]), client("versions", &copied.source, &[])];
    assert_eq!(after, before, "a drill wrote to production");
}

#[test]
fn check_points_at_what_cannot_be() {
    let said = |kind: &str, with: &str| {
        let step = format!("steps:\n  - id: objects\n    needs: []\n    uses: {kind}\n    with: {with}\n");
        let said = Place::new(&step).regrow("check book.yaml --json").ends(2).stdout;
        let problems = serde_json::from_str::<Value>(&said).unwrap()["problems"].clone();
        let each = problems.as_array().unwrap().iter();
        each.map(|it| format!("{} {}", it["code"].as_str().unwrap(), it["column"])).collect::<Vec<_>>()
    };
    let as_of = "as_of: '2026-01-01T00:00:00Z'";
    let restore = |with: &str| said("s3.restore", &format!("{{ {with}, {as_of} }}"));
    assert_eq!(restore("bucket: Upper, source: a"), ["RG2901 21"]);
    assert_eq!(restore("bucket: a/b, source: a/c"), ["RG2901 21", "RG2901 34"]);
    assert_eq!(restore("bucket: media, source: media"), ["RG2915 36"]);
    assert_eq!(restore("bucket: media, source: a, delete_newer: true"), ["RG2919 53"]);
    let copy = |target: &str| {
        said("s3.copy", &format!("{{ source: {{ bucket: a }}, target: {{ {target} }}, overwrite: true }}"))
    };
    assert_eq!(copy("bucket: un_der, create: true"), ["RG2901 54", "RG2919 89"]);
    assert_eq!(copy("bucket: under, create: maybe"), ["RG0502 69"]);
}
