//! DNS and HTTP through the real binary, on real name servers and a web server of the tests, also killed and cut off.

mod calls;
#[cfg(feature = "kubernetes")]
mod clusters;
mod cuts;
mod dns;
mod dns_crash;
mod gets;
mod hooks;
mod relay;
#[allow(dead_code, reason = "shared with the crash tests, which use all of it")]
#[path = "../crash/support.rs"]
mod support;
mod tells;
mod web;
mod zone;

#[test]
fn a_runbook_of_all_these_kinds_is_accepted() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/network/sound/site.yaml");
    let place = support::Place::new("steps: []");
    let said = place.argv(&["check", file]).ends(0);
    assert_eq!(said.stderr, "", "not even a warning");
}
