//! The page on kinds of one's own (`docs/own-kind.md`): what it shows is what is built and run here, with the executor killed
//! on the way. This is a program of its own, because an own kind is one: started by a test, it is regrow with one kind more.

mod maintenance;
mod page;
mod program;
mod python;
mod rust;
#[allow(dead_code, reason = "shared with the crash tests, which use all of it")]
#[path = "../crash/support.rs"]
mod support;
#[allow(dead_code, reason = "shared with the network tests, which use all of it")]
#[path = "../network/web.rs"]
mod web;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// Set for the program, not for the tests.
pub const PROGRAM: &str = "REGROW_OWN_KIND";

const TESTS: [(&str, fn()); 8] = [
    ("page::what_it_shows_is_what_is_tested", page::what_it_shows_is_what_is_tested),
    ("page::every_method_of_the_contract_is_in_it", page::every_method_of_the_contract_is_in_it),
    ("rust::it_is_a_kind_like_the_others", rust::it_is_a_kind_like_the_others),
    ("rust::it_is_done_and_taken_back", rust::it_is_done_and_taken_back),
    ("rust::what_is_not_ours_is_left_alone", rust::what_is_not_ours_is_left_alone),
    ("rust::killed_anywhere_it_is_done_once", rust::killed_anywhere_it_is_done_once),
    ("python::it_is_used_like_a_kind", python::it_is_used_like_a_kind),
    (
        "python::killed_in_the_middle_it_is_adopted_by_its_probe",
        python::killed_in_the_middle_it_is_adopted_by_its_probe,
    ),
];

fn main() -> ExitCode {
    let first = std::env::args().nth(1).unwrap_or_default();
    // Supervisors begin with an empty environment, and are told by their word.
    if std::env::var_os(PROGRAM).is_some() || first.starts_with("__") {
        return program::main();
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen = TESTS.iter().filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word)));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in chosen {
        let is_well = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if is_well { "ok" } else { "FAILED" });
        *(if is_well { &mut passed } else { &mut failed }) += 1;
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
