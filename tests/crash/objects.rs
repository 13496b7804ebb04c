//! `s3.restore` and `s3.objects` on real MinIO, through the real binary: what comes back is compared with a manifest that
//! another client made before the disaster, and what was written is counted.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rig::Scratch;
use rig::servers::{MinIo, moto};
use rustix::process::Signal;
use serde_json::Value;

use super::objects_faults::through;
use super::objects_proxy::far;
use super::support::{Place, REGROW, finish};

/// One server for all tests of this process, each with a bucket of its own.
pub fn server() -> &'static MinIo {
    static SERVER: OnceLock<(MinIo, Scratch)> = OnceLock::new();
    let (server, _) = SERVER.get_or_init(|| {
        let scratch = Scratch::new().unwrap();
        (MinIo::start(&scratch).unwrap(), scratch)
    });
    server
}

/// What the other client says.
pub fn client(word: &str, bucket: &str, more: &[&str]) -> String {
    client_of(&server().endpoint(), word, bucket, more)
}

pub fn client_of(endpoint: &str, word: &str, bucket: &str, more: &[&str]) -> String {
    rig::servers::objects::client(endpoint, word, bucket, more).unwrap()
}

/// A bucket that had its disaster.
pub struct Lost {
    endpoint: String,
    pub bucket: String,
    pub as_of: String,
    /// Before the disaster.
    pub manifest: String,
    pub place: Place,
}

pub fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("b{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn book(endpoint: &str, bucket: &str, with: &str) -> String {
    let keys = "access_key_id: '{{ secrets.key }}', secret_access_key: '{{ secrets.secret }}'";
    let place = format!("bucket: {bucket}, endpoint: '{endpoint}', {keys}");
    format!(
        "secrets: {{ key: {{ from: file, path: key }}, secret: {{ from: file, path: secret }} }}\n\
         steps:\n  - id: objects\n    needs: []\n    uses: s3.restore\n    with: {{ {place}, {with} }}\n    \
         verify: [{{ probe: s3.objects, with: {{ {place} }}, expect: {{ at_least: 1 }} }}]\n"
    )
}

pub fn place(bucket: &str, with: &str) -> Place {
    place_at(&server().endpoint(), bucket, with)
}

fn place_at(endpoint: &str, bucket: &str, with: &str) -> Place {
    let place = Place::new(&book(endpoint, bucket, with));
    place.write("key", moto::KEY);
    place.write("secret", moto::SECRET);
    place
}

pub fn lost(count: u32, with: &str) -> Lost {
    lost_at(&server().endpoint(), count, with, |_| ())
}

/// On the server there; `more` is told the bucket and makes more of it before the moment wanted.
pub fn lost_at(endpoint: &str, count: u32, with: &str, more: impl Fn(&str)) -> Lost {
    let (endpoint, bucket) = (endpoint.to_owned(), name());
    client_of(&endpoint, "make", &bucket, &[&count.to_string()]);
    more(&bucket);
    let manifest = client_of(&endpoint, "manifest", &bucket, &[]);
    // In seconds of which nothing else is in one.
    thread::sleep(Duration::from_millis(1100));
    let as_of = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap().to_string();
    thread::sleep(Duration::from_millis(1600));
    client_of(&endpoint, "disaster", &bucket, &[]);
    let place = place_at(&endpoint, &bucket, &format!("as_of: '{as_of}', {with}"));
    Lost { endpoint, bucket, as_of, manifest, place }
}

impl Lost {
    /// What the other client says of it.
    pub fn says(&self, word: &str, more: &[&str]) -> String {
        client_of(&self.endpoint, word, &self.bucket, more)
    }
}

/// Without what the disaster added.
fn old(manifest: &str) -> Vec<&str> {
    manifest.lines().filter(|line| !line.starts_with("[\"new/") && !line.starts_with("[\"gone/")).collect()
}

#[track_caller]
pub fn is_back(lost: &Lost) {
    let now = lost.says("manifest", &[]);
    for (now, before) in old(&now).iter().zip(old(&lost.manifest)) {
        assert_eq!(*now, before);
    }
    assert_eq!(old(&now).len(), lost.manifest.lines().count());
}

pub fn number(outputs: &Value, name: &str) -> u64 {
    outputs[name].as_u64().unwrap_or_else(|| panic!("no {name} in {outputs}"))
}

pub fn outputs(place: &Place) -> Value {
    place.step("objects")["outputs"].clone()
}

#[test]
fn a_bucket_goes_back_with_metadata_and_tags_whatever_its_keys_are_called() {
    let lost = lost(1200, "max_parallel: 8");
    let plan = lost.place.regrow("plan book.yaml").ends(0).stdout;
    lost.place.run("--no-wait").ends(0);
    is_back(&lost);
    let outputs = outputs(&lost.place);
    // Counted folder by folder, several at once.
    let said = |words: &str| -> u64 {
        let before = plan.split_once(words).unwrap_or_else(|| panic!("no `{words}`: {plan}")).0;
        before.split_whitespace().next_back().unwrap().replace(',', "").parse().unwrap()
    };
    let number = |name: &str| number(&outputs, name);
    assert_eq!(said("deleted objects to bring back"), number("undeleted"), "{plan}");
    // Only a look at each tells that something else belongs to the same bytes.
    let restyled = number("copied") - said("overwritten objects,");
    assert!(restyled > 50, "{plan} {outputs}");
    assert_eq!(said("keys to leave alone") - restyled, number("skipped"), "{plan} {outputs}");
    assert_eq!((number("kept"), number("lost")), (8, 0), "{outputs}");
    assert!(number("copied") > 300 && number("undeleted") > 400, "{outputs}");
    assert_eq!((number("ambiguous"), number("deleted")), (0, 0), "{outputs}");
    assert_eq!(outputs["restored_to"], Value::from(lost.as_of.clone()));
    // Once more, by another run: nothing is left to do, and no version is added.
    let versions = client("versions", &lost.bucket, &[]);
    lost.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(0);
    assert_eq!(client("versions", &lost.bucket, &[]), versions);
}

/// The runbooks that come with the program.
#[test]
fn both_runbooks_for_lost_objects_bring_them_back() {
    let lost = lost(40, "");
    let (of, as_of) = (format!("--param bucket={}", lost.bucket), format!("--param as_of={}", lost.as_of));
    let endpoint = server().endpoint();
    let regrow = |line: &str| {
        let mut command = lost.place.command(REGROW, &line.split_whitespace().collect::<Vec<_>>());
        command.env("AWS_ACCESS_KEY_ID", moto::KEY).env("AWS_SECRET_ACCESS_KEY", moto::SECRET);
        finish(command)
    };
    for (book, more) in [
        ("partial", format!("--param lost=objects --param s3_endpoint={endpoint}")),
        ("restore-objects", format!("--param endpoint={endpoint} --param at_least=54")),
    ] {
        let path = format!("{}/runbooks/{book}.yaml", env!("CARGO_MANIFEST_DIR"));
        regrow(&format!("run {path} --yes --no-wait --run-id {book} {of} {as_of} {more}")).ends(3);
        let shown = regrow(&format!("status {book} --json")).ends(0).stdout;
        let status: Value = serde_json::from_str(&shown).unwrap();
        let step = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "objects").unwrap();
        let code = step["asks"]["code"].as_str().unwrap();
        regrow(&format!("approve objects --run {book} --code {code}")).ends(0);
        regrow(&format!("resume {book} --no-wait")).ends(0);
        is_back(&lost);
        client("disaster", &lost.bucket, &[]);
    }
}

#[test]
fn what_came_later_is_deleted_where_that_is_wanted() {
    let lost = lost(10, "delete_newer: true");
    lost.place.run("--no-wait").ends(0);
    assert_eq!(client("manifest", &lost.bucket, &[]), lost.manifest);
    assert_eq!(number(&outputs(&lost.place), "deleted"), 8);
}

#[test]
fn only_what_lies_under_the_prefix_is_touched() {
    let lost = lost(40, "prefix: many/");
    let before = client("manifest", &lost.bucket, &[]);
    lost.place.run("--no-wait").ends(0);
    let (now, many) = (client("manifest", &lost.bucket, &[]), |line: &&str| line.starts_with("[\"many/"));
    assert_eq!(now.lines().filter(many).collect::<Vec<_>>(), lost.manifest.lines().filter(many).collect::<Vec<_>>());
    assert_eq!(
        now.lines().filter(|line| !many(line)).collect::<Vec<_>>(),
        before.lines().filter(|line| !many(line)).collect::<Vec<_>>()
    );
}

#[track_caller]
fn refused(place: &Place, code: &str) {
    let said = place.run("--no-wait").ends(2);
    assert!(said.stderr.contains("nothing was started") && said.stderr.contains(code), "{said:#?}");
    assert!(!said.stderr.contains("of-somebody-else") && !said.stderr.contains(moto::SECRET), "{said:#?}");
}

#[test]
fn a_wrong_place_is_found_before_anything_is_written() {
    let as_of = "as_of: '2026-01-01T00:00:00Z'";
    let plain = name();
    client("plain", &plain, &[]);
    let there = place(&plain, as_of);
    refused(&there, "RG2909");
    let nowhere = place("no-such-bucket", as_of);
    refused(&nowhere, "RG2906");
    let stranger = place(&plain, as_of);
    stranger.write("secret", "of-somebody-else");
    refused(&stranger, "RG2903");
    let future = place(&plain, "as_of: '2999-01-01T00:00:00Z'");
    refused(&future, "RG2908");
    let silent = place(&plain, as_of);
    silent.write("book.yaml", &silent.read("book.yaml").replace(&server().endpoint(), "http://127.0.0.1:9"));
    // It may come up, so the run begins; it is not waited for where nothing has been done yet.
    let began = Instant::now();
    silent.run("--no-wait").ends(1);
    assert_eq!(silent.step("objects")["fault"]["code"], "RG2902");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn check_points_at_what_cannot_be() {
    let place = place("a/b", "as_of: now, max_parallel: 0, endpoint: 'ftp://x'");
    place.write(
        "book.yaml",
        &place.read("book.yaml").replacen(&format!("endpoint: '{}', ", server().endpoint()), "", 1),
    );
    let said = place.regrow("check book.yaml").ends(2);
    let text = format!("{}{}", said.stdout, said.stderr);
    for part in ["no name of a bucket", "`as_of: now` is refused", "from 1 to 256", "neither http:// nor https://"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// How far the work is, by what is on disk.
fn kept(place: &Place) -> Option<Value> {
    let files = std::fs::read_dir(place.run_dir().join("work")).into_iter().flatten().flatten();
    let mut kept = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|it| it == "objects"));
    serde_json::from_slice(&std::fs::read(kept.next()?).ok()?).ok()
}

/// What is going to be done with the first page is on disk.
pub fn has_begun(place: &Place) -> bool {
    kept(place).is_some()
}

/// In how many listings at once the bucket is gone through.
pub fn lanes(place: &Place) -> usize {
    kept(place).and_then(|kept| kept["lanes"]["lanes"].as_array().map(Vec::len)).unwrap_or(0)
}

/// Cut off again and again, and at last the executor alone: it goes on, nothing is copied twice, and the numbers are those of an
/// undisturbed run.
#[test]
fn cut_off_at_any_moment_no_key_gets_a_second_copy() {
    let lost = lost(1100, "max_parallel: 1");
    static NEAR: AtomicBool = AtomicBool::new(false);
    let _proxy = through(&lost, far(&NEAR));
    let wanted = client("wanted", &lost.bucket, &[&lost.as_of]);
    let before = client("versions", &lost.bucket, &[]);
    let run = lost.place.start_run("--no-wait");
    lost.place.until("a page was begun", has_begun);
    assert!(lanes(&lost.place) > 1, "one listing goes through all of it");
    run.cut_power();
    NEAR.store(true, Ordering::SeqCst);
    let mut seen = BTreeSet::new();
    // How much is done between two cuts is the machine's affair; none may come behind the last copy.
    for moment in 0..12 {
        let run = lost.place.start("resume run1 --no-wait");
        thread::sleep(Duration::from_millis(150 + moment * 50));
        run.cut_power();
        let now = client("versions", &lost.bucket, &[]);
        if now == wanted {
            break;
        }
        seen.insert(now);
        if seen.len() == 5 {
            break;
        }
    }
    assert!(seen.len() > 2, "the cuts came too early or too late to show anything: {}", seen.len());
    let run = lost.place.start("resume run1 --no-wait");
    thread::sleep(Duration::from_millis(150));
    run.signal(Signal::KILL);
    run.end();
    // By its name: all may be done by now.
    lost.place.regrow("resume run1 --no-wait").ends(0);
    is_back(&lost);
    assert_eq!(client("versions", &lost.bucket, &[]), wanted);
    let outputs = outputs(&lost.place);
    let sum =
        |counts: &str| counts.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>();
    assert_eq!(number(&outputs, "copied"), sum(&wanted) - sum(&before), "{outputs}");
    // With those that were deleted before and stay so.
    assert_eq!(
        number(&outputs, "copied") + number(&outputs, "undeleted") + number(&outputs, "skipped"),
        1118,
        "{outputs}"
    );
}
