//! `s3.copy` on real MinIO, through the real binary: what arrives is compared with what another client finds in the source.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rig::Scratch;
use rig::servers::{MinIo, moto};
use rustix::process::Signal;
use serde_json::Value;

use super::objects::{client, client_of, has_begun, lanes, name, number, server};
use super::objects_proxy::{Fate, Proxy, far};
use super::support::Place;

/// Another server, for buckets that lie elsewhere.
fn elsewhere() -> &'static str {
    static SERVER: OnceLock<(MinIo, Scratch, String)> = OnceLock::new();
    let (_, _, endpoint) = SERVER.get_or_init(|| {
        let scratch = Scratch::new().unwrap();
        let server = MinIo::start(&scratch).unwrap();
        let endpoint = server.endpoint();
        (server, scratch, endpoint)
    });
    endpoint
}

/// A bucket, and what is to hold its objects.
pub struct Copied {
    pub source: String,
    pub target: String,
    /// The server of the target.
    to: String,
    pub place: Place,
}

fn book(source: &str, target: &str, to: &str, with: &str) -> String {
    let end = |bucket: &str, endpoint: &str, secret: &str| {
        let keys = format!("access_key_id: '{{{{ secrets.key }}}}', secret_access_key: '{{{{ secrets.{secret} }}}}'");
        format!("{{ bucket: {bucket}, endpoint: '{endpoint}', {keys} }}")
    };
    let (source, target) = (end(source, &server().endpoint(), "read"), end(target, to, "write"));
    let secrets = ["key", "read", "write"].map(|name| format!("{name}: {{ from: file, path: {name} }}")).join(", ");
    format!(
        "secrets: {{ {secrets} }}\nsteps:\n  - id: objects\n    needs: []\n    uses: s3.copy\n    \
         with: {{ source: {source}, target: {target}, {with} }}\n"
    )
}

fn place(source: &str, target: &str, to: &str, with: &str) -> Place {
    let place = Place::new(&book(source, target, to, with));
    place.write("key", moto::KEY);
    place.write("read", moto::SECRET);
    place.write("write", moto::SECRET);
    place
}

impl Copied {
    /// The target is empty; how it is made is a word of the other client.
    fn new(count: u32, to: &str, with: &str, made: &str) -> Self {
        let (source, target) = (name(), name());
        client("make", &source, &[&count.to_string()]);
        client_of(to, made, &target, &[]);
        let place = place(&source, &target, to, with);
        Self { source, target, to: to.to_owned(), place }
    }

    /// Within one server.
    pub fn here(count: u32, with: &str) -> Self {
        Self::new(count, &server().endpoint(), with, "kept")
    }

    /// From one server to another.
    pub fn away(count: u32, with: &str) -> Self {
        Self::new(count, elsewhere(), with, "kept")
    }

    /// Within one server, and from one to another, into targets that keep no versions.
    pub fn unkept(count: u32, with: &str) -> [Self; 2] {
        [server().endpoint(), elsewhere().to_owned()].map(|to| Self::new(count, &to, with, "plain"))
    }

    /// Somebody else writes to the target.
    pub fn somebody_writes(&self, key: &str, text: &str) -> impl Fn() + Send + Sync + Clone + 'static {
        let (to, target, key, text) = (self.to.clone(), self.target.clone(), key.to_owned(), text.to_owned());
        move || drop(client_of(&to, "put", &target, &[&key, &text]))
    }

    pub fn there(&self, word: &str, more: &[&str]) -> String {
        client_of(&self.to, word, &self.target, more)
    }

    #[track_caller]
    pub fn is_whole(&self) {
        same_lines(&self.there("manifest", &[]), &client("manifest", &self.source, &[]));
    }

    /// In another second: not every server counts finer.
    fn made_anew(&self) {
        thread::sleep(Duration::from_millis(1100));
        self.there("anew", &[]);
    }

    pub fn is_all_there(&self) -> bool {
        let of = |etags: &str| etags.lines().count();
        of(&self.there("etags", &[])) == of(&client("etags", &self.source, &[]))
    }

    /// Everything goes through proxies from now on.
    pub fn through(&self, fate: impl Fn(&str, u32) -> Fate + Clone + Send + Sync + 'static) -> Vec<Proxy> {
        let mut servers = vec![server().endpoint(), self.to.clone()];
        servers.dedup();
        let proxies = servers.iter().map(|endpoint| {
            let proxy = Proxy::start(endpoint, fate.clone());
            self.place.write("book.yaml", &self.place.read("book.yaml").replace(endpoint, &proxy.endpoint()));
            proxy
        });
        proxies.collect()
    }

    /// No key was written twice.
    #[track_caller]
    pub fn has_one_version_each(&self) {
        let versions = self.there("versions", &[]);
        let twice: Vec<_> = versions.lines().filter(|line| !line.ends_with(" 1")).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    pub fn outputs(&self) -> [u64; 3] {
        let outputs = self.place.step("objects")["outputs"].clone();
        ["copied", "overwritten", "skipped"].map(|name| number(&outputs, name))
    }
}

/// Names the first line that is not the same.
#[track_caller]
fn same_lines(now: &str, wanted: &str) {
    for (now, wanted) in now.lines().zip(wanted.lines()) {
        assert_eq!(now, wanted);
    }
    assert_eq!(now.lines().count(), wanted.lines().count());
}

/// Those of 14 odd names, and so many more.
pub fn all(count: u64) -> u64 {
    14 + count
}

#[test]
fn everything_arrives_whatever_its_key_is_called_and_nothing_is_copied_again() {
    for copied in [Copied::here(1100, "max_parallel: 8"), Copied::away(1100, "max_parallel: 8")] {
        client("parts", &copied.source, &["large +%/ü"]);
        // Behind all others, so that there is more in the target than in the source to the very end.
        for own in ["!own", "own", "zzz/own"] {
            copied.there("put", &[own, "stays"]);
        }
        copied.place.run("--no-wait").ends(0);
        assert_eq!(copied.outputs(), [all(1100) + 1, 0, 0]);
        copied.has_one_version_each();
        let etags = client("etags", &copied.source, &[]);
        let there = copied.there("etags", &[]);
        assert!(etags.contains("-3\\\"") && etags.lines().all(|line| there.contains(line)), "{etags}\n{there}");
        // Once more, by another run.
        copied.place.regrow("run book.yaml --yes --run-id run2 --no-wait").ends(0);
        assert_eq!(copied.outputs(), [0, 0, all(1100) + 1]);
        copied.has_one_version_each();
        let manifest = copied.there("manifest", &[]);
        let is_own = |line: &&str| ["[\"!own\"", "[\"own\"", "[\"zzz/own\""].iter().any(|own| line.starts_with(own));
        assert_eq!(manifest.lines().filter(is_own).count(), 3);
        let others: Vec<_> = manifest.lines().filter(|line| !is_own(line)).collect();
        same_lines(&others.join("\n"), &client("manifest", &copied.source, &[]));
    }
}

#[test]
fn a_prefix_comes_under_another_one() {
    let copied = Copied::away(1100, "prefix: many/, target_prefix: back +%/");
    static NEAR: AtomicBool = AtomicBool::new(false);
    let _proxies = copied.through(far(&NEAR));
    copied.place.run("--no-wait").ends(0);
    assert_eq!(copied.outputs(), [1100, 0, 0]);
    let under = |text: &str, prefix: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("[\"{prefix}")).map(str::to_owned));
        lines.collect()
    };
    let there = copied.there("manifest", &[]);
    assert_eq!(there.lines().count(), 1100);
    assert_eq!(under(&there, "back +%/"), under(&client("manifest", &copied.source, &[]), "many/"));
}

#[test]
fn what_differs_is_named_and_overwritten_only_where_that_is_wanted() {
    let copied = Copied::here(20, "max_parallel: 4");
    for key in ["many/0/00003", "many/0/00005", "per%cent%20"] {
        copied.there("put", &[key, "of somebody"]);
    }
    let before = copied.there("etags", &[]);
    let said = copied.place.run("--no-wait").ends(2);
    assert!(said.stderr.contains("RG2913") && said.stderr.contains("3 objects differ"), "{said:#?}");
    assert!(said.stderr.contains("many/0/00003") && said.stderr.contains("per%cent%20"), "{said:#?}");
    assert_eq!(copied.there("etags", &[]), before);
    copied.place.write("book.yaml", &copied.place.read("book.yaml").replace("max_parallel: 4", "overwrite: true"));
    copied.place.run("--no-wait").ends(0);
    assert_eq!(copied.outputs(), [all(20), 3, 0]);
    copied.is_whole();
    // What was there is there as an older version.
    let kept = copied.there("versions", &[]);
    assert_eq!(kept.lines().filter(|line| line.ends_with(" 2")).count(), 3, "{kept}");
}

#[track_caller]
fn refused(place: &Place, code: &str) {
    let said = place.run("--no-wait").ends(2);
    assert!(said.stderr.contains("nothing was started") && said.stderr.contains(code), "{said:#?}");
    assert!(!said.stderr.contains("of-somebody-else") && !said.stderr.contains(moto::SECRET), "{said:#?}");
}

#[test]
fn a_wrong_bucket_is_found_before_anything_is_written() {
    let copied = Copied::away(3, "max_parallel: 1");
    let plain = name();
    client_of(elsewhere(), "plain", &plain, &[]);
    let of = |source: &str, target: &str, to: &str, with: &str| place(source, target, to, with);
    refused(&of(&copied.source, "no-such-bucket", elsewhere(), "prefix: ''"), "RG2906");
    refused(&of("no-such-bucket", &copied.target, elsewhere(), "prefix: ''"), "RG2906");
    refused(&of(&copied.source, &copied.target, elsewhere(), "prefix: nothing/"), "RG2914");
    refused(&of(&copied.source, &plain, elsewhere(), "overwrite: true"), "RG2909");
    // Each server is given its own keys.
    for file in ["read", "write"] {
        let stranger = of(&copied.source, &copied.target, elsewhere(), "prefix: ''");
        stranger.write(file, "of-somebody-else");
        refused(&stranger, "RG2903");
    }
    let same = of(&copied.source, &copied.source, &server().endpoint(), "prefix: '{{ params.prefix }}'");
    same.write(
        "book.yaml",
        &format!("params: {{ prefix: {{ type: string, default: a }} }}\n{}", same.read("book.yaml")),
    );
    same.regrow("check book.yaml").ends(0);
    refused(&same, "RG2915");
    // The same server by another name.
    let alias = server().endpoint().replace("127.0.0.1", "localhost");
    refused(&of(&copied.source, &copied.source, &alias, "target_prefix: many/"), "RG2915");
    // Tags that may not be read would be lost without a word.
    let untold = Copied::away(3, "max_parallel: 1");
    let _proxies = untold.through(|head, _| {
        let is_tags = head.starts_with("GET ") && head.lines().next().unwrap_or_default().contains("tagging");
        if is_tags { Fate::Denied } else { Fate::Passes }
    });
    refused(&untold.place, "s3:GetObjectTagging");
    assert_eq!(copied.there("etags", &[]), "");
    assert_eq!(client_of(elsewhere(), "etags", &plain, &[]), "");
}

#[test]
fn check_points_at_what_cannot_be() {
    let book = |with: &str| {
        let place =
            Place::new(&format!("steps:\n  - id: objects\n    needs: []\n    uses: s3.copy\n    with: {with}\n"));
        let said = place.regrow("check book.yaml").ends(2);
        format!("{}{}", said.stdout, said.stderr)
    };
    for (with, part) in [
        ("{ source: { bucket: a }, target: { bucket: a } }", "are the same objects"),
        ("{ source: { bucket: a }, target: { bucket: b/c } }", "no name of a bucket"),
        ("{ source: { bucket: a, endpoint: 'ftp://x' }, target: { bucket: b } }", "neither http:// nor https://"),
        ("{ source: { bucket: a, access_key_id: x }, target: { bucket: b } }", "without `secret_access_key`"),
        ("{ source: { bucket: a, buckt: x }, target: { bucket: b } }", "did you mean `bucket`?"),
        ("{ source: { bucket: a }, target: { bucket: b }, max_parallel: 0 }", "from 1 to 256"),
    ] {
        let said = book(with);
        assert!(said.contains(part), "{part}\n{said}");
    }
}

/// What people agreed to was another bucket of that name: they are asked again.
#[test]
fn an_approval_is_for_the_bucket_that_was_there() {
    let copied = Copied::away(3, "max_parallel: 1");
    let book = format!("{}    approval: {{ minimum: 1 }}\n", copied.place.read("book.yaml"));
    copied.place.write("book.yaml", &book);
    copied.place.run("--no-wait").ends(3);
    let code = || copied.place.step("objects")["asks"]["code"].as_str().unwrap().to_owned();
    let first = code();
    copied.made_anew();
    copied.place.regrow(&format!("approve objects --code {first}")).ends(0);
    copied.place.regrow("resume --no-wait").ends(3);
    assert_ne!(code(), first);
    assert_eq!(copied.there("etags", &[]), "");
}

/// After a crash the other one stands at its place.
#[test]
fn a_bucket_that_was_made_anew_is_another_one() {
    let copied = Copied::away(400, "max_parallel: 1");
    let run = copied.place.start_run("--no-wait");
    copied.place.until("a page was begun", has_begun);
    run.cut_power();
    copied.made_anew();
    copied.place.regrow("resume run1 --no-wait").ends(1);
    let fault = copied.place.step("objects")["fault"].clone();
    assert_eq!(fault["code"], "RG2916", "{fault:#}");
    assert_eq!(copied.there("etags", &[]), "");
    // A person looked, and it is the right one.
    copied.place.regrow("rerun objects --because it-is-ours").ends(0);
    copied.place.regrow("resume run1 --no-wait").ends(0);
    copied.is_whole();
}

/// Cut off again and again, and at last the executor alone: it goes on, nothing is copied twice, and the numbers are those of an
/// undisturbed run.
#[test]
fn cut_off_at_any_moment_nothing_is_copied_twice() {
    static NEAR: AtomicBool = AtomicBool::new(false);
    for copied in [Copied::here(1100, "max_parallel: 1"), Copied::away(1100, "max_parallel: 1")] {
        NEAR.store(false, Ordering::SeqCst);
        let _proxies = copied.through(far(&NEAR));
        let run = copied.place.start_run("--no-wait");
        copied.place.until("a page was begun", has_begun);
        assert!(lanes(&copied.place) > 1, "one listing goes through all of it");
        run.cut_power();
        NEAR.store(true, Ordering::SeqCst);
        let mut seen = BTreeSet::new();
        for moment in 0..12 {
            let run = copied.place.start("resume run1 --no-wait");
            thread::sleep(Duration::from_millis(150 + moment * 50));
            run.cut_power();
            let now = copied.there("etags", &[]).lines().count() as u64;
            if now == all(1100) {
                break;
            }
            seen.insert(now);
            if seen.len() == 5 {
                break;
            }
        }
        assert!(seen.len() > 2, "the cuts came too early or too late to show anything: {seen:?}");
        let run = copied.place.start("resume run1 --no-wait");
        thread::sleep(Duration::from_millis(150));
        run.signal(Signal::KILL);
        run.end();
        // By its name: all may be done by now.
        copied.place.regrow("resume run1 --no-wait").ends(0);
        copied.is_whole();
        copied.has_one_version_each();
        assert_eq!(copied.outputs(), [all(1100), 0, 0]);
        assert_eq!(copied.place.step("objects")["fault"], Value::Null);
    }
}
