//! Killed or cut off around the COMMIT: nothing happens twice, and what happened is known.

use std::time::Duration;

use super::relay::{Mode, Relay};
use super::*;

/// Adds one to a counter: a second time would show.
fn stage(mode: Mode) -> (Stage, Relay) {
    let mut stage =
        Stage::new("update t set v = v::int + 1; insert into t select max(id) + 1, $1 from t", json!(["0"]));
    stage.lab.live("insert into t values (1, '0')");
    let relay = Relay::start(stage.lab.live.port, mode);
    stage.with["connection"] = json!(format!("postgres://regrow@127.0.0.1:{}", relay.port));
    (stage, relay)
}

const ONCE: &str = "(1,1)\n(2,0)";

/// The work is dropped once its COMMIT has come to the relay, as if its process had died.
async fn killed_at_the_commit(stage: &Stage, relay: &Relay, prior: &Prior) -> Op<Params, Prior> {
    let op = stage.op(prior.clone());
    tokio::select! {
        outcome = stage.work(&op) => panic!("it came to an end: {outcome:?}"),
        () = relay.until_commit() => op,
    }
}

#[tokio::test]
async fn killed_before_the_commit_reaches_the_server_it_is_done_again() {
    let (stage, relay) = stage(Mode::Hold);
    let prior = stage.prior().await.unwrap();
    let op = killed_at_the_commit(&stage, &relay, &prior).await;
    relay.set(Mode::Pass);
    while matches!(PostgresExecute.find(&stage.cx(), &op).await.unwrap(), Found::Running) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(PostgresExecute.find(&stage.cx(), &op).await.unwrap(), Found::Absent));
    assert_eq!(stage.work(&op).await.unwrap()["rows_affected"], json!(2));
    assert_eq!(stage.lab.rows("t"), ONCE);
}

#[tokio::test]
async fn a_commit_that_is_still_on_its_way_is_waited_for() {
    let (stage, relay) = stage(Mode::Delay);
    let prior = stage.prior().await.unwrap();
    let op = killed_at_the_commit(&stage, &relay, &prior).await;
    assert!(matches!(PostgresExecute.find(&stage.cx(), &op).await.unwrap(), Found::Running));
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        relay.set(Mode::Pass);
    };
    let (outputs, ()) = tokio::join!(stage.work(&op), late);
    assert_eq!(outputs.unwrap()["rows_affected"], json!(2));
    assert_eq!(stage.lab.rows("t"), ONCE);
    assert_eq!(relay.commits(), 1);
}

#[tokio::test]
async fn killed_after_the_server_committed_it_is_found_and_not_done_again() {
    let (stage, relay) = stage(Mode::HoldAnswer);
    let prior = stage.prior().await.unwrap();
    let op = killed_at_the_commit(&stage, &relay, &prior).await;
    while stage.lab.rows("t") != ONCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.set(Mode::Pass);
    let Found::Done(Next::Done(outputs)) = PostgresExecute.find(&stage.cx(), &op).await.unwrap() else {
        panic!("not found")
    };
    assert_eq!(outputs["rows_affected"], json!(2));
    // Also where nobody looked before a new attempt.
    assert_eq!(stage.work(&stage.op(prior)).await.unwrap()["rows_affected"], json!(2));
    assert_eq!(stage.lab.rows("t"), ONCE);
    assert_eq!(relay.commits(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for() {
    let (stage, relay) = stage(Mode::LoseAnswer);
    assert_eq!(stage.run().await.unwrap()["rows_affected"], json!(2));
    assert_eq!((stage.lab.rows("t").as_str(), relay.commits()), (ONCE, 1));
}

#[tokio::test]
async fn a_commit_that_is_lost_is_a_failure_that_may_be_tried_again() {
    let (stage, _relay) = stage(Mode::Lose);
    let prior = stage.prior().await.unwrap();
    let fault = stage.work(&stage.op(prior.clone())).await.unwrap_err();
    assert!(fault.code == "RG2104" && fault.retry.is_transient(), "{fault:?}");
    assert_eq!(stage.lab.rows("t"), "(1,0)");
    stage.work(&stage.op(prior)).await.unwrap();
    assert_eq!(stage.lab.rows("t"), ONCE);
}

#[tokio::test]
async fn what_the_server_has_forgotten_is_probed_or_left_to_a_person() {
    let (mut stage, relay) = stage(Mode::HoldAnswer);
    let prior = stage.prior().await.unwrap();
    let op = killed_at_the_commit(&stage, &relay, &prior).await;
    relay.set(Mode::Pass);
    // A number that was never given out stands for one that is gone.
    let mark = mark::read(&stage.cx(), &op).unwrap().unwrap();
    mark::write(&stage.cx(), &op, &mark::Mark { transaction: "4000000000".to_owned(), ..mark }).unwrap();
    let fault = stage.work(&op).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retry), ("RG2305", crate::model::RetryClass::Unknown), "{fault:?}");
    assert!(matches!(PostgresExecute.find(&stage.cx(), &op).await.unwrap(), Found::CannotTell(_)));
    assert_eq!(stage.lab.rows("t"), ONCE);

    stage.with["probe"] = json!({"sql": "select exists (select from t where id = $1)", "values": [2]});
    let op = stage.op(prior.clone());
    assert!(matches!(PostgresExecute.find(&stage.cx(), &op).await.unwrap(), Found::Done(_)));
    stage.with["probe"] = json!({"sql": "select 'perhaps'"});
    assert!(matches!(PostgresExecute.find(&stage.cx(), &stage.op(prior.clone())).await.unwrap(), Found::CannotTell(_)));

    // The next attempt is the word of a person that it did not happen.
    stage.with["probe"] = Value::Null;
    stage.work(&stage.op(prior)).await.unwrap();
    assert_eq!(stage.lab.rows("t"), "(1,2)\n(2,1)\n(3,0)");
}
