use jiff::Timestamp;
use serde_json::{Value, json};

use super::decide::{Action, decide};
use super::pairs::Pair;
use super::params::check;
use super::progress::Begun;
use crate::provider::s3::{Content, Etags, Object, OwnEtags};
use crate::runbook::catalog::Late;

fn object(etag: &str, size: u64, second: i64) -> Object {
    let content = Content { etag: etag.to_owned(), size, class: "STANDARD".to_owned() };
    Object { key: "k".to_owned(), content, time: Timestamp::from_second(second).unwrap() }
}

fn pair(target: Option<Object>) -> Pair {
    Pair { name: "k".to_owned(), source: object("a", 1, 0), target }
}

#[test]
fn what_is_the_same_stays_and_what_differs_is_overwritten_only_if_that_is_wanted() {
    let cases = [
        (None, Action::Copy, Action::Copy),
        (Some(object("a", 1, 5)), Action::Leave, Action::Leave),
        (Some(object("b", 1, 5)), Action::Differs, Action::Overwrite),
        (Some(object("a", 2, 5)), Action::Differs, Action::Overwrite),
    ];
    for (there, kept, overwritten) in cases {
        let (pair, none) = (pair(there), OwnEtags::default());
        assert_eq!((decide(&pair, false, &none), decide(&pair, true, &none)), (kept, overwritten), "{pair:?}");
    }
    // Where ETags tell nothing, what was written since is known by its size.
    let etags = Etags::default();
    etags.learn(&object("a", 1, 0).content, Timestamp::from_second(100).ok());
    assert_eq!(decide(&pair(Some(object("b", 1, 100))), false, &etags.known()), Action::Leave);
    assert_eq!(decide(&pair(Some(object("b", 1, 99))), false, &etags.known()), Action::Differs);
}

#[test]
fn a_copy_is_known_by_what_stood_there_before() {
    let fresh = Begun::of(&pair(None));
    assert!(fresh.is_made("of-its-own", 1) && !fresh.is_made("a", 2));
    let over = Begun::of(&pair(Some(object("b", 1, 5))));
    assert!(over.is_made("a", 1) && !over.is_made("b", 1));
}

fn complaints(with: &Value) -> Vec<(String, &'static str)> {
    check(&Late { value: with }).into_iter().map(|it| (it.path.join("."), it.code)).collect()
}

#[test]
fn source_and_target_are_two() {
    let with = |prefix: &str, target: Value| json!({"source": {"bucket": "a"}, "target": target, "prefix": prefix});
    let same = vec![("target".to_owned(), "RG2915")];
    assert_eq!(complaints(&with("", json!({"bucket": "a"}))), same);
    assert_eq!(complaints(&with("x/", json!({"bucket": "a"}))), same);
    assert_eq!(complaints(&with("", json!({"bucket": "b"}))), []);
    assert_eq!(complaints(&with("", json!({"bucket": "a", "endpoint": "https://elsewhere.example"}))), []);
    // However it is written.
    let at = |endpoint: &str| json!({"bucket": "a", "endpoint": endpoint});
    let two = |one: &str, other: &str| complaints(&json!({"source": at(one), "target": at(other)}));
    assert_eq!(two("https://S3.example:443", "https://s3.example/"), same);
    assert_eq!(two("https://s3.example", "https://s3.example:8443"), []);
    let beside =
        |to: &str| json!({"source": {"bucket": "a"}, "target": {"bucket": "a"}, "prefix": "x/", "target_prefix": to});
    assert_eq!(complaints(&beside("y/")), []);
    assert_eq!(complaints(&beside("x/y/")), same);
    let wrong = json!({"source": {"bucket": "a/b"}, "target": {"bucket": "c", "endpoint": "ftp://x"}});
    assert_eq!(complaints(&wrong), [("source.bucket".to_owned(), "RG2901"), ("target.endpoint".to_owned(), "RG2901")]);
}
