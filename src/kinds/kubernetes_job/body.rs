//! The Job as it is made, and how far one is.

use serde_json::{Value, json};

use super::Prior;
use crate::model::{Fault, OpId, RunId};
use crate::provider::kubernetes::{Named, OPERATION};

/// Names become labels of pods, which take no more.
const LONGEST: usize = 63;

/// What is wrong with a spec, whatever cluster it is for.
pub fn sound(spec: &Value) -> Result<(), Fault> {
    let wrong = |what: &str, hint: &str| Err(Fault::new("RG3014", what).hint(hint));
    let containers = spec.pointer("/template/spec/containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        // A template may give what cannot be seen yet.
        let late =
            spec.pointer("/template/spec/containers").or(spec.pointer("/template/spec")).or(spec.get("template"));
        if late.is_some_and(Value::is_string) {
            return Ok(());
        }
        return wrong(
            "it has no containers",
            "as in a manifest of a Job: `{template: {spec: {containers: [{name, image}]}}}`",
        );
    }
    if spec.get("ttlSecondsAfterFinished").is_some_and(|ttl| !ttl.is_null()) {
        return wrong(
            "a Job that takes itself away could not be told from one that was never made",
            "leave `ttlSecondsAfterFinished` out, and say `temporary: {keep_for: 24h}` of the step",
        );
    }
    Ok(())
}

/// `regrow-run1-reindex-1f0c9a77`: made of the operation, so that each has its own and finds it again.
pub fn name(op: &OpId, run: &RunId, step: &str) -> String {
    let (start, end) = ("regrow-", format!("-{}", op.short()));
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let middle: String = format!("{run}-{step}").chars().map(fits).take(LONGEST - start.len() - end.len()).collect();
    format!("{start}{}{end}", middle.trim_end_matches('-'))
}

pub fn named(prior: &Prior) -> Named {
    let mut named = Named::job(&prior.name);
    named.namespace = Some(prior.namespace.clone());
    named
}

/// One try unless the spec says more, since only its author knows whether it may run twice.
pub fn manifest(name: &str, spec: &Value, op: &OpId, run: &RunId) -> Value {
    let mut spec = spec.clone();
    if spec["backoffLimit"].is_null() {
        spec["backoffLimit"] = json!(0);
    }
    if spec["template"]["spec"]["restartPolicy"].is_null() {
        spec["template"]["spec"]["restartPolicy"] = json!("Never");
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "regrow", "regrow.dev/run": run},
            "annotations": {OPERATION: op},
        },
        "spec": spec,
    })
}

/// What its containers run, one a line. Their environment is not shown.
pub fn runs(spec: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text).collect() };
    let containers = spec["template"]["spec"]["containers"].as_array().into_iter().flatten();
    let line = |one: &Value| {
        let argv = [words(&one["command"]), words(&one["args"])].concat().join(" ");
        let argv = if argv.is_empty() { String::new() } else { format!(": {argv}") };
        format!("{} runs {}{argv}", text(&one["name"]), text(&one["image"]))
    };
    containers.map(line).collect()
}

/// How far a Job is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    Complete,
    /// Why, as the cluster has it: the reason, and more of it.
    Failed {
        reason: String,
        message: String,
    },
    /// What is missing, in words.
    Lacks(String),
}

pub fn stage(job: &Value) -> Stage {
    let conditions = || job["status"]["conditions"].as_array().into_iter().flatten();
    // `SuccessCriteriaMet` and `FailureTarget` come before the end, while pods are still going.
    let is = |name: &str| conditions().find(|one| one["type"] == name && one["status"] == "True");
    if is("Complete").is_some() {
        return Stage::Complete;
    }
    if let Some(failed) = is("Failed") {
        let text = |key: &str| failed[key].as_str().unwrap_or_default().to_owned();
        return Stage::Failed { reason: text("reason"), message: text("message") };
    }
    if job["spec"]["suspend"] == true {
        return Stage::Lacks("it is suspended".to_owned());
    }
    let number = |path: &str| job.pointer(path).and_then(Value::as_i64);
    let count = |key: &str| number(&format!("/status/{key}")).unwrap_or(0);
    let wanted = number("/spec/completions").unwrap_or(1);
    let failed = match count("failed") {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    Stage::Lacks(format!("{} of {wanted} completed, {} under way{failed}", count("succeeded"), count("active")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    #[test]
    fn a_name_fits_and_is_the_operations_own() {
        let run: RunId = "run1".parse().unwrap();
        let of = |step: &str, generation: u32| {
            let op = OpId::new(&run, &step.parse::<Address>().unwrap(), generation);
            name(&op, &run, step)
        };
        assert!(of("search/reindex:en_US", 1).starts_with("regrow-run1-search-reindex-en-us-"));
        assert_ne!(of("it", 1), of("it", 2));
        let long = of(&"long-".repeat(30), 1);
        assert!(long.len() <= LONGEST && !long.contains("--"), "{long}");
    }

    #[test]
    fn how_far_a_job_is() {
        let job = |status: Value| json!({"spec": {"completions": 2}, "status": status});
        let condition = |name: &str, status: &str| json!([{"type": name, "status": status, "reason": "BackoffLimitExceeded", "message": "m"}]);
        let lacks = |what: &str| Stage::Lacks(what.to_owned());
        let failed = Stage::Failed { reason: "BackoffLimitExceeded".into(), message: "m".into() };
        let cases = [
            (job(json!({})), lacks("0 of 2 completed, 0 under way")),
            (job(json!({"active": 1, "succeeded": 1, "failed": 1})), lacks("1 of 2 completed, 1 under way, 1 failed")),
            (job(json!({"conditions": condition("FailureTarget", "True")})), lacks("0 of 2 completed, 0 under way")),
            (job(json!({"conditions": condition("Failed", "False")})), lacks("0 of 2 completed, 0 under way")),
            (job(json!({"conditions": condition("Failed", "True")})), failed),
            (job(json!({"conditions": condition("Complete", "True")})), Stage::Complete),
            (json!({"spec": {"suspend": true}}), lacks("it is suspended")),
        ];
        for (job, wanted) in cases {
            assert_eq!(stage(&job), wanted, "{job}");
        }
    }
}
