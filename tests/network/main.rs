//! DNS through the real binary, on real name servers, also killed and cut off.

mod dns;
mod dns_crash;
mod relay;
#[allow(dead_code, reason = "shared with the crash tests, which use all of it")]
#[path = "../crash/support.rs"]
mod support;
mod zone;
