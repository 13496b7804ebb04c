//! How long a load takes, on servers that already run: does nothing unless asked, by
//! `REGROW_MEASURE='{"source": URL, "target": URL, …}' cargo test --release --lib measure -- --nocapture`.

use std::time::Instant;

use super::super::*;
use crate::kind::WriteCx;
use crate::model::{Address, OpId};
use crate::provider::postgres::testing::cx;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure() {
    let Ok(with) = std::env::var("REGROW_MEASURE") else { return };
    let run = "meas".parse().unwrap();
    let step = Address::top("load");
    let op = |phase: &str| Op {
        id: OpId::new(&run, &step, std::process::id()),
        run: run.clone(),
        step: step.clone(),
        attempt: 1,
        phase: phase.to_owned(),
        params: serde_json::from_str::<Params>(&with).unwrap(),
        prior: (),
        facts: serde_json::Value::Null,
        timeout_ms: None,
        boot: String::new(),
    };
    let began = Instant::now();
    let said = |what: &str| println!("{what} {:.2} s", began.elapsed().as_secs_f64());
    let prior = PostgresDumpAndLoad.prepare(&cx(), &op("")).await.unwrap().prior;
    said("prepared");
    let work = WorkCx::new(WriteCx::grant(cx()), |_| {});
    let mut phase = String::new();
    loop {
        let op = {
            let op = op(&phase);
            op.with(op.params.clone(), prior.clone())
        };
        match PostgresDumpAndLoad.work(&work, &op).await.unwrap() {
            Next::Phase { phase: next, .. } => phase = next,
            Next::Done(outputs) => break println!("{}", serde_json::to_string(&outputs).unwrap()),
        }
        said("loaded and compared");
    }
    said("done");
}
