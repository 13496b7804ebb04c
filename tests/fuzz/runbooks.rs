//! What holds of any file that is given to `check`.

use std::fs;
use std::path::Path;

use fastrand::Rng;
use jiff::Timestamp;
use regrow::cli::problems::{text, to_json};
use regrow::kinds::{self, Kinds};
use regrow::plan::{Binding, Plan};
use regrow::runbook::{self, Loaded, Problem};

use crate::mutate;

pub fn attempt(seed: u64, scratch: &Path, shown: bool) -> usize {
    let bytes = mutate::runbook(&mut Rng::with_seed(seed));
    if shown {
        println!("{}", String::from_utf8_lossy(&bytes));
    }
    let file = scratch.join("runbook.yaml");
    fs::write(&file, &bytes).expect("a write");
    let (loaded, problems) = judge(&file);
    lie_in_the_file(problems.iter().filter(|it| Path::new(&it.file) == file), &bytes);
    let said = text(&problems, false, 100);
    assert_eq!(said.is_empty(), problems.is_empty());
    let (_, again) = judge(&file);
    assert_eq!(to_json(&problems), to_json(&again), "the same file is judged otherwise");
    if let Some(loaded) = loaded.filter(|_| !problems.iter().any(Problem::is_error)) {
        assert_eq!(loaded.texts.main, bytes);
        is_accepted_as_a_copy(&loaded, &problems, scratch, &bytes);
        can_be_bound(loaded);
    }
    bytes.len()
}

fn judge(file: &Path) -> (Option<Loaded>, Vec<Problem>) {
    match runbook::load(file) {
        Ok(loaded) => {
            let problems = runbook::check(&loaded, &Kinds);
            (Some(loaded), problems)
        }
        Err(problems) => (None, problems),
    }
}

fn lie_in_the_file<'a>(problems: impl Iterator<Item = &'a Problem>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let widths: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let holds = |line: usize, column: usize| {
        let width = line.checked_sub(1).and_then(|line| widths.get(line));
        width.is_some_and(|width| (1..=width + 1).contains(&column))
    };
    for problem in problems {
        let (start, end) = ((problem.line, problem.column), (problem.end_line, problem.end_column));
        assert!(holds(start.0, start.1) && holds(end.0, end.1) && end >= start, "no such place: {problem:?}");
        assert!(!problem.message.is_empty() && !problem.message.ends_with('.'), "{problem:?}");
    }
}

/// What a run would execute is its copy: byte for byte, and read anew on each resume.
fn is_accepted_as_a_copy(loaded: &Loaded, problems: &[Problem], scratch: &Path, bytes: &[u8]) {
    let copy = scratch.join("copy.yaml");
    regrow::journal::store::replace_private(&copy, bytes).expect("a write");
    let (again, found) = judge(&copy);
    let again = again.expect("the copy can be read");
    assert_eq!(again.runbook, loaded.runbook);
    let said =
        |problems: &[Problem]| problems.iter().map(|it| (it.code, it.span, it.message.clone())).collect::<Vec<_>>();
    assert_eq!(said(&found), said(problems));
    let same = runbook::difference::between(loaded, &again).expect("both can be read");
    assert!(same.steps.is_empty() && same.around.is_empty(), "a copy differs: {same:?}");
}

/// What `check` accepts is bound, or refused by a fault that says why.
fn can_be_bound(loaded: Loaded) {
    let defaults = loaded.runbook.params.iter().filter_map(|(name, spec)| Some((name.clone(), spec.default.clone()?)));
    let binding = Binding::new("fuzz".parse().expect("an id"), Timestamp::UNIX_EPOCH, defaults.collect());
    if let Err(fault) = Plan::bind(loaded.runbook, &loaded.texts.digest(), binding, kinds::find) {
        assert!(!fault.code.is_empty() && !fault.message.is_empty(), "{fault:?}");
    }
}
