//! What a `Restore` says of itself, and whether that is a success.

use serde_json::{Value, json};

use super::Prior;
use super::params::Params;
use super::results::Results;
use crate::kind::{Op, Outputs};
use crate::model::{Fault, Pulse, RetryClass};
use crate::provider::kubernetes::{field, metadata};

/// Of messages that an output or a fault repeats; the log has all.
const SHOWN: usize = 20;

#[derive(Debug, PartialEq)]
pub enum Stand {
    /// No server has looked at it.
    Waits,
    /// A phase that is no end. One that is not known is none either.
    Goes(String),
    Ended,
}

pub fn stand(live: &Value) -> Stand {
    match phase(live) {
        "" | "New" => Stand::Waits,
        "Completed" | "PartiallyFailed" | "Failed" | "FailedValidation" => Stand::Ended,
        other => Stand::Goes(other.to_owned()),
    }
}

fn phase(live: &Value) -> &str {
    field(live, "status.phase").as_str().unwrap_or_default()
}

fn number(live: &Value, path: &str) -> u64 {
    field(live, path).as_u64().unwrap_or_default()
}

/// How many objects are restored, once Velero counts them.
pub fn pulse(live: &Value) -> Option<Pulse> {
    let total = field(live, "status.progress.totalItems").as_u64()?;
    let done = number(live, "status.progress.itemsRestored");
    Some(Pulse { done, total: Some(total), unit: "items".to_owned(), doing: format!("restoring ({})", phase(live)) })
}

/// Whether there is anything to read in the result files.
pub fn has_messages(live: &Value) -> bool {
    matches!(phase(live), "Completed" | "PartiallyFailed")
        && number(live, "status.warnings") + number(live, "status.errors") > 0
}

/// Of a `Restore` that has ended; `results` are its messages, or why they cannot be read.
pub fn judge(live: &Value, results: Result<&Results, &Fault>, op: &Op<Params, Prior>) -> Result<Outputs, Fault> {
    let name = metadata(live, "name");
    match phase(live) {
        "Completed" if items(live) == 0 => Err(nothing(name)),
        "Completed" => Ok(outputs(live, results, op)),
        "PartiallyFailed" => match unallowed(live, results, &op.params.allow) {
            None => Ok(outputs(live, results, op)),
            Some(causes) => {
                let (errors, items) = (number(live, "status.errors"), items(live));
                let what = format!("the restore `{name}` has failed in part: {errors} errors, {items} items");
                let mut fault = Fault::new("RG3107", what).hint(
                    "what came back stays; mend what the causes name, then `regrow rerun STEP --because …` restores what is missing; \
                     or name under `allow` what may fail",
                );
                fault.causes = shown(causes);
                // Where the files could not be read, another attempt may read them, unless they are not there.
                let is_final = results.err().is_none_or(|unread| unread.retry == RetryClass::Anew);
                Err(if is_final { fault.retry(RetryClass::Anew) } else { fault })
            }
        },
        "FailedValidation" => {
            let mut fault = Fault::new("RG3105", format!("Velero does not accept the restore `{name}`"))
                .retry(RetryClass::Anew)
                .hint("nothing was restored; mend what the causes name, then `regrow rerun STEP --because …`");
            let errors = field(live, "status.validationErrors").as_array().into_iter().flatten();
            fault.causes = errors.filter_map(Value::as_str).map(str::to_owned).collect();
            Err(fault)
        }
        _ => Err(failed(live)),
    }
}

/// Velero is content with it, and it shows nothing.
fn nothing(name: &str) -> Fault {
    Fault::new("RG3113", format!("the restore `{name}` brought nothing back"))
        .hint("look at what the step names and at what the backup holds; in a drill, `drill: plan` on the step only looks whether it is there")
        .retry(RetryClass::Anew)
}

/// A server that restarts gives up what it was doing, so this is how far it came.
fn failed(live: &Value) -> Fault {
    let far = match pulse(live) {
        Some(pulse) => format!("after {} of {} items", pulse.done, pulse.total.unwrap_or_default()),
        None => "before its first item".to_owned(),
    };
    let mut fault = Fault::new("RG3106", format!("the restore `{}` has failed {far}", metadata(live, "name"))).hint(
        "what came back stays, and volumes whose claims are there are not filled again: look at them; then `regrow rerun STEP --because …` \
         makes another restore, which leaves what is there",
    );
    fault.causes.extend(field(live, "status.failureReason").as_str().map(str::to_owned));
    fault.retry(RetryClass::Anew)
}

/// What failed and may not; none if everything may.
fn unallowed(live: &Value, results: Result<&Results, &Fault>, allow: &[String]) -> Option<Vec<String>> {
    let results = match results {
        Ok(results) => results,
        Err(unread) => return Some(vec![format!("what failed cannot be told: {}", unread.message)]),
    };
    let mut causes: Vec<String> =
        results.errors.iter().filter(|error| !error.is_among(allow)).map(ToString::to_string).collect();
    // Judged is only what is known.
    let unknown = number(live, "status.errors").saturating_sub(results.errors.len() as u64);
    causes.extend((unknown > 0).then(|| format!("{unknown} errors that its result files do not name")));
    (!causes.is_empty()).then_some(causes)
}

fn items(live: &Value) -> u64 {
    number(live, "status.progress.itemsRestored")
}

fn shown(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    lines.extend((more > 0).then(|| format!("and {more} more, all of them in the log of the step")));
    lines
}

fn outputs(live: &Value, results: Result<&Results, &Fault>, op: &Op<Params, Prior>) -> Outputs {
    let messages = match results {
        Ok(results) => shown(results.lines().collect()),
        Err(unread) => vec![format!("warnings and errors cannot be read: {}", unread.message)],
    };
    let mut outputs = Outputs::from_iter([
        ("restore".to_owned(), json!(metadata(live, "name"))),
        ("backup".to_owned(), json!(op.prior.backup)),
        ("phase".to_owned(), json!(phase(live))),
        ("items".to_owned(), json!(items(live))),
        ("warnings".to_owned(), json!(number(live, "status.warnings"))),
        ("errors".to_owned(), json!(number(live, "status.errors"))),
        ("messages".to_owned(), json!(messages)),
    ]);
    outputs.extend(op.prior.restored_to.as_ref().map(|at| ("restored_to".to_owned(), json!(at))));
    outputs
}

#[cfg(test)]
mod tests {
    use super::super::results::Message;
    use super::*;
    use crate::kind::Op;
    use crate::provider::kubernetes::Identity;

    fn op(allow: &[&str]) -> Op<Params, Prior> {
        let params = serde_json::from_value(json!({"backup": "b", "allow": allow})).unwrap();
        let cluster = Identity { uid: "u".into(), server: "s".into() };
        let prior = Prior { cluster, backup: "b".into(), restored_to: None, location: None };
        let run = "7qk2".parse().unwrap();
        let step: crate::model::Address = "it".parse().unwrap();
        Op {
            id: crate::model::OpId::new(&run, &step, 1),
            run,
            step,
            attempt: 1,
            phase: String::new(),
            params,
            prior,
            facts: Value::Null,
            timeout_ms: None,
            boot: String::new(),
        }
    }

    fn live(phase: &str, errors: u64) -> Value {
        json!({"metadata": {"name": "r"}, "status": {"phase": phase, "errors": errors, "failureReason": "restarted",
            "validationErrors": ["no such backup"], "progress": {"totalItems": 9, "itemsRestored": 4}}})
    }

    fn errors(texts: &[&str]) -> Results {
        let message = |text: &&str| Message { place: "edx".to_owned(), text: (*text).to_owned() };
        Results { warnings: Vec::new(), errors: texts.iter().map(message).collect() }
    }

    #[test]
    fn only_four_phases_are_an_end() {
        assert_eq!((stand(&json!({})), stand(&live("New", 0))), (Stand::Waits, Stand::Waits));
        for phase in ["InProgress", "WaitingForPluginOperationsPartiallyFailed", "FinalizingPartiallyFailed", "Unheard"]
        {
            assert_eq!(stand(&live(phase, 0)), Stand::Goes(phase.to_owned()));
        }
        for phase in ["Completed", "PartiallyFailed", "Failed", "FailedValidation"] {
            assert_eq!(stand(&live(phase, 0)), Stand::Ended, "{phase}");
        }
    }

    #[test]
    fn a_part_that_failed_is_a_failure_unless_each_error_is_allowed() {
        let both = errors(&["exceeded quota: small", "webhook is away"]);
        let code = |allow: &[&str], count: u64, results: Result<&Results, &Fault>| {
            judge(&live("PartiallyFailed", count), results, &op(allow)).err().map(|fault| (fault.code, fault.causes))
        };
        let fails =
            |causes: &[&str]| Some(("RG3107".to_owned(), causes.iter().map(|text| (*text).to_owned()).collect()));
        assert_eq!(code(&[], 2, Ok(&both)), fails(&["edx: exceeded quota: small", "edx: webhook is away"]));
        assert_eq!(code(&["*quota*"], 2, Ok(&both)), fails(&["edx: webhook is away"]));
        assert_eq!(code(&["*quota*", "webhook*"], 2, Ok(&both)), None);
        assert_eq!(
            code(&["*quota*", "webhook*"], 3, Ok(&both)),
            fails(&["1 errors that its result files do not name"])
        );
        let mut unread = Fault::new("RG3110", "gone");
        assert_eq!(code(&["*quota*"], 2, Err(&unread)), fails(&["what failed cannot be told: gone"]));
        for retry in [RetryClass::Never, RetryClass::Anew] {
            unread.retry = retry;
            let fault = judge(&live("PartiallyFailed", 2), Err(&unread), &op(&[])).unwrap_err();
            assert_eq!(fault.retry, retry, "what another attempt can find");
        }
    }

    #[test]
    fn what_brings_nothing_back_is_no_success() {
        let mut empty = live("Completed", 0);
        empty["status"]["progress"] = Value::Null;
        let code = |live: &Value| judge(live, Ok(&Results::default()), &op(&[])).err().map(|fault| fault.code);
        assert_eq!(code(&empty).as_deref(), Some("RG3113"));
        assert_eq!(code(&live("Completed", 0)), None);
    }

    #[test]
    fn what_failed_says_how_far_it_came() {
        let fault = judge(&live("Failed", 0), Ok(&Results::default()), &op(&[])).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.causes), ("RG3106", vec!["restarted".to_owned()]));
        assert!(fault.message.contains("4 of 9"), "{}", fault.message);
        let fault = judge(&live("FailedValidation", 0), Ok(&Results::default()), &op(&[])).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.causes), ("RG3105", vec!["no such backup".to_owned()]));
    }
}
