//! `kubernetes.job`: made once, waited for, failed with its reason, taken away; killed at every sync.
//!
//! The job controller of the rig is real and makes pods; nothing runs them. So these tests say of a pod's status what a kubelet
//! would, and the controller says the Job's. No log can be read where there is no kubelet.

use std::fs;

use serde_json::{Value, json};

use super::faults::silent;
use super::lab::{Lab, Shared, gone_on, killed_before_sync};

const SPEC: &str = "spec: { template: { spec: { containers: [{ name: main, image: none.test/none, command: [./reindex, --all] }] } } }";

/// The jobs of the namespace, by name.
fn jobs(lab: &Lab) -> Vec<Value> {
    let all: Value = serde_json::from_str(&lab.kubectl("get jobs -o json")).unwrap();
    all["items"].as_array().unwrap().clone()
}

fn name(job: &Value) -> String {
    job["metadata"]["name"].as_str().unwrap().to_owned()
}

fn until_pod(lab: &Lab, job: &str) -> String {
    let pods = || lab.kubectl(&format!("get pods -l job-name={job} -o name"));
    lab.place.until("the job has its pod", |_| !pods().is_empty());
    pods().trim().to_owned()
}

/// As a kubelet would say it of the only container.
fn end_pod(lab: &Lab, pod: &str, exit_code: i32) {
    let (phase, reason) = if exit_code == 0 { ("Succeeded", "Completed") } else { ("Failed", "OOMKilled") };
    let at = "2026-01-01T00:00:00Z";
    let terminated = json!({"exitCode": exit_code, "reason": reason, "startedAt": at, "finishedAt": at});
    let status = json!({"status": {"phase": phase, "containerStatuses": [
        {"name": "main", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"terminated": terminated}}
    ]}});
    lab.kubectl(&format!("patch {pod} --subresource=status --type=merge -p {status}"));
}

/// Ends the pod of whichever job comes, from a thread of its own.
fn end_when_it_comes(lab: &Lab, exit_code: i32) {
    lab.place.until("there is a job", |_| !jobs(lab).is_empty());
    let pod = until_pod(lab, &name(&jobs(lab)[0]));
    end_pod(lab, &pod, exit_code);
}

#[test]
fn a_job_is_made_waited_for_and_taken_away_by_the_clean_up() {
    let lab = Lab::new();
    lab.book("job", SPEC, "temporary: {}");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains("main runs none.test/none: ./reindex --all"), "{plan}");
    assert!(jobs(&lab).is_empty(), "a plan makes nothing");

    let run = lab.place.start_run("");
    lab.until_said("0 of 1 completed, 1 under way");
    let job = jobs(&lab).remove(0);
    assert!(name(&job).starts_with("regrow-run1-it-"), "{}", name(&job));
    assert!(job["metadata"]["annotations"]["regrow.dev/operation"].as_str().unwrap().contains("run1"));
    assert_eq!(
        (&job["spec"]["backoffLimit"], &job["spec"]["template"]["spec"]["restartPolicy"]),
        (&json!(0), &json!("Never"))
    );
    end_when_it_comes(&lab, 0);
    run.end().ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!((&outputs["job"], &outputs["status"]["succeeded"]), (&json!(name(&job)), &json!(1)));

    lab.kubectl("create job theirs --image=none.test/none");
    lab.place.regrow("cleanup run1").ends(0);
    lab.place.until("it is gone", |_| jobs(&lab).len() == 1);
    lab.place.until("its pod is gone", |_| lab.kubectl("get pods -o name").lines().count() == 1);
    assert_eq!(name(&jobs(&lab)[0]), "theirs");
}

#[test]
fn a_cluster_that_is_gone_while_it_is_cleaned_up_is_cleaned_up_later() {
    let lab = Lab::new();
    lab.book("job", SPEC, "temporary: {}");
    let run = lab.place.start_run("");
    end_when_it_comes(&lab, 0);
    run.end().ends(0);
    let job = name(&jobs(&lab)[0]);
    let good = lab.place.read("kube");
    lab.kubeconfig(&silent(&good));
    let said = lab.place.regrow("cleanup run1").ends(1);
    assert!(said.stderr.contains("RG3001") && said.stderr.contains(&job), "{said:#?}");
    let ledger = lab.place.status()["ledger"].clone();
    assert!(ledger.to_string().contains(&job), "{ledger:#}");
    lab.kubeconfig(&good);
    lab.place.regrow("cleanup run1").ends(0);
    lab.place.until("it is gone", |_| jobs(&lab).is_empty());
    assert_eq!(lab.place.status()["ledger"], json!([]));
}

#[test]
fn a_job_that_failed_says_why_and_a_rerun_makes_another_one() {
    let lab = Lab::new();
    lab.book("job", SPEC, "");
    let run = lab.place.start_run("--no-wait");
    end_when_it_comes(&lab, 137);
    run.end().ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3019", "{fault:#}");
    assert!(fault["message"].as_str().unwrap().ends_with("has failed: BackoffLimitExceeded"), "{fault:#}");
    let causes = fault["causes"].to_string();
    assert!(causes.contains("main ended with 137 (OOMKilled)"), "{causes}");
    // The same one again: it is as failed as before.
    lab.place.regrow("retry it --run run1").ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(jobs(&lab).len(), 1);

    lab.place.argv(&["rerun", "it", "--run", "run1", "--because", "more memory"]).ends(0);
    let run = lab.place.start("resume run1 --no-wait");
    let first = lab.fault()["message"].clone();
    lab.place.until("there is another job", |_| jobs(&lab).len() == 2);
    let mut all = jobs(&lab);
    all.retain(|job| {
        !first.as_str().is_some_and(|text| text.contains(&name(job))) && job["status"]["failed"].is_null()
    });
    let pod = until_pod(&lab, &name(&all[0]));
    end_pod(&lab, &pod, 0);
    run.end().ends(0);
}

/// Killed anywhere: one Job, and it is taken up.
#[test]
fn killed_at_every_sync_one_job_is_made() {
    let lab = Lab::new();
    for k in 1.. {
        assert!(k < 100, "it syncs without an end");
        let _ = fs::remove_dir_all(lab.place.path("state"));
        lab.kubectl("delete jobs --all --cascade=foreground --wait");
        lab.book("job", SPEC, "");
        let killed = std::thread::scope(|scope| {
            let killed = scope.spawn(|| {
                let killed = killed_before_sync(&lab, k);
                if killed {
                    gone_on(&lab).ends(0);
                }
                killed
            });
            end_when_it_comes(&lab, 0);
            killed.join().unwrap()
        });
        assert_eq!(lab.place.state(), "succeeded", "killed before sync {k}");
        lab.place.regrow("verify-log run1").ends(0);
        let all = jobs(&lab);
        assert_eq!(all.len(), 1, "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["job"], name(&all[0]));
        if !killed {
            return;
        }
    }
}

#[test]
fn cut_off_while_it_runs_it_is_taken_up_and_what_somebody_deleted_is_not_made_again() {
    let lab = Lab::new();
    lab.book("job", SPEC, "");
    let run = lab.place.start_run("--no-wait");
    lab.until_said("1 under way");
    run.cut_power();
    let first = name(&jobs(&lab)[0]);
    let run = lab.place.start("resume run1 --no-wait");
    lab.until_said("1 under way");
    run.cut_power();
    assert_eq!(jobs(&lab).len(), 1);
    lab.kubectl(&format!("delete job {first} --wait"));
    let said = lab.place.regrow("resume run1 --no-wait").ends(4).stderr;
    assert!(said.contains("was asked for and is not there"), "{said}");
    assert!(jobs(&lab).is_empty());
    // A person says that it did not happen.
    lab.place.argv(&["retry", "it", "--run", "run1", "--because", "nothing ran"]).ends(0);
    let run = lab.place.start("resume run1 --no-wait");
    end_when_it_comes(&lab, 0);
    run.end().ends(0);
    assert_eq!(name(&jobs(&lab)[0]), first);
}

#[test]
fn deleted_by_somebody_while_it_is_waited_for_it_is_not_made_again() {
    let lab = Lab::new();
    lab.book("job", SPEC, "");
    let run = lab.place.start_run("--no-wait");
    lab.until_said("1 under way");
    lab.kubectl(&format!("delete job {} --wait", name(&jobs(&lab)[0])));
    run.end().ends(1);
    assert_eq!(lab.fault()["code"], "RG3010");
    assert!(jobs(&lab).is_empty());
}

#[test]
fn what_others_have_under_the_name_is_left_alone() {
    let lab = Lab::new();
    lab.book("job", SPEC, "approval: {}\ntemporary: {}");
    lab.place.run("--no-wait").ends(3);
    let shown = lab.place.step("it")["asks"].to_string();
    let start = shown.find("job/regrow-run1-it-").unwrap() + "job/".len();
    let taken = &shown[start..start + "regrow-run1-it-12345678".len()];
    lab.kubectl(&format!("create job {taken} --image=none.test/none"));
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3018", "{:#}", lab.fault());
    lab.place.regrow("cleanup run1");
    assert_eq!(jobs(&lab).len(), 1);
    assert!(jobs(&lab)[0]["metadata"]["deletionTimestamp"].is_null());
}

/// It is the same name in another cluster.
#[test]
fn in_another_cluster_nothing_is_made_or_taken_away() {
    let other = Shared::start();
    let lab = Lab::new();
    other.cluster.said(&["create", "namespace", &lab.space]).unwrap();
    lab.book("job", SPEC, "temporary: {}");
    let run = lab.place.start_run("--no-wait");
    lab.until_said("1 under way");
    run.cut_power();
    let own = lab.place.read("kube");
    lab.kubeconfig(&fs::read_to_string(other.cluster.kubeconfig()).unwrap());
    let said = lab.place.regrow("resume run1 --no-wait").ends(4).stderr;
    assert!(said.contains("RG3007"), "{said}");
    lab.place.argv(&["retry", "it", "--run", "run1", "--because", "test"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3007");
    assert_eq!(other.cluster.said(&["-n", &lab.space, "get", "jobs", "-o", "name"]).unwrap(), "");
    lab.kubeconfig(&own);
    lab.place.argv(&["retry", "it", "--run", "run1"]).ends(0);
    let run = lab.place.start("resume run1 --no-wait");
    end_when_it_comes(&lab, 0);
    run.end().ends(0);
    assert_eq!(jobs(&lab).len(), 1);
}

#[test]
fn a_spec_that_the_cluster_does_not_take_stops_it_before_anything_is_made() {
    let lab = Lab::new();
    lab.book("job", &SPEC.replace("image:", "imagee:"), "");
    let said = lab.place.run("--no-wait").stderr;
    assert!(said.contains("RG3012") && said.contains("imagee"), "{said}");
    assert!(jobs(&lab).is_empty());
}

/// A run of the same name, with its state in another folder: what the first one made is neither done for the second nor its own
/// to take away.
#[test]
fn what_another_run_of_the_same_name_made_is_not_taken_up() {
    let lab = Lab::new();
    lab.book("job", SPEC, "temporary: {}");
    let run = lab.place.start_run("");
    lab.place.until("the job is there", |_| jobs(&lab).len() == 1);
    run.cut_power();
    let said = lab.place.regrow("--state other run book.yaml --yes --run-id run1 --no-wait").ends(2);
    assert!(said.stderr.contains("RG3018"), "{said:#?}");
    assert!(jobs(&lab)[0]["metadata"]["deletionTimestamp"].is_null());
    // The first one goes on with it.
    end_when_it_comes(&lab, 0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(jobs(&lab).len(), 1);
}
