//! DNS and HTTP through the real binary, on real name servers and a web server of the tests, also killed and cut off.

mod calls;
mod dns;
mod dns_crash;
mod gets;
mod relay;
#[allow(dead_code, reason = "shared with the crash tests, which use all of it")]
#[path = "../crash/support.rs"]
mod support;
mod web;
mod zone;
