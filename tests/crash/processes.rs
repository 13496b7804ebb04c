//! Supervised commands: cut off from power, out of time, with children in the background, with a gigabyte of output.

use std::fs;
use std::time::{Duration, Instant};

use regrow::model::{Address, Fault, Status};

use crate::bench::{Bench, carrying, kill, parent, until};

const SLOW: &str = "
  - { id: slow, uses: run, needs: [], with: { script: 'echo slow >> EFFECTS; test -e HERE/quick || sleep 300' } }
  - { id: next, uses: run, needs: [slow], with: { script: 'echo next >> EFFECTS' } }
";

/// Executor, supervisor and command end together, as they do when the power goes.
fn power_loss(bench: &Bench) {
    let mut executor = bench.start(&[]);
    until("the command runs", || !bench.effects().is_empty());
    let children = carrying("REGROW_OP_ID=k1.slow.1");
    let ours: Vec<u32> = children
        .into_iter()
        .filter(|pid| {
            fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd == bench.path("").canonicalize().unwrap_or_default())
        })
        .collect();
    let supervisors: Vec<u32> =
        ours.iter().map(|pid| parent(*pid)).filter(|pid| *pid > 1 && !ours.contains(pid)).collect();
    executor.kill();
    supervisors.iter().chain(&ours).for_each(|pid| kill(*pid));
    let all: Vec<u32> = supervisors.into_iter().chain(ours).collect();
    until("they are gone", || all.iter().all(|pid| !is_alive(*pid)));
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn after_a_power_cut_an_opaque_command_waits_for_a_person() {
    let bench = Bench::new(SLOW);
    power_loss(&bench);
    for _ in 0..2 {
        bench.expect(4, &["resume", "k1", "--no-wait"]);
        assert_eq!(bench.status("slow"), Status::Unknown);
        assert_eq!(bench.effects(), ["slow"]);
    }
    bench.expect(2, &["retry", "slow"]);
    bench.expect(2, &["skip", "slow", "--because", "no"]);
    fs::write(bench.path("quick"), "").expect("a file");
    bench.expect(0, &["retry", "slow", "--because", "it did not get far"]);
    bench.expect(0, &["resume", "k1", "--no-wait"]);
    assert_eq!(bench.effects(), ["next", "slow", "slow"]);
}

#[test]
fn a_person_may_say_that_it_happened() {
    let bench = Bench::new(SLOW);
    power_loss(&bench);
    bench.expect(4, &["resume", "k1", "--no-wait"]);
    bench.expect(0, &["done", "slow", "--because", "its work is there"]);
    bench.expect(0, &["resume", "k1", "--no-wait"]);
    assert_eq!(bench.effects(), ["next", "slow"]);
    let state = bench.state().expect("a journal");
    assert!(state.step(&Address::top("slow")).by_hand);
}

#[test]
fn a_command_that_outlives_its_supervisor_is_not_started_beside_itself() {
    let bench =
        Bench::new("\n  - { id: slow, uses: run, needs: [], with: { script: 'echo slow >> EFFECTS; sleep 2' } }\n");
    let mut executor = bench.start(&[]);
    until("the command runs", || !bench.effects().is_empty());
    let here = bench.path("").canonicalize().unwrap_or_default();
    let ours = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == here);
    let shell: Vec<u32> = carrying("REGROW_OP_ID=k1.slow.1").into_iter().filter(ours).collect();
    let supervisor = shell.iter().map(|pid| parent(*pid)).find(|pid| !shell.contains(pid)).expect("a supervisor");
    executor.kill();
    kill(supervisor);
    bench.expect(4, &["resume", "k1", "--no-wait"]);
    assert!(shell.iter().all(|pid| !is_alive(*pid)), "it was waited for");
    assert_eq!(bench.effects(), ["slow"]);
}

#[test]
fn time_is_up_by_int_then_term_then_kill() {
    let bench = Bench::new(
        "
  - { id: polite, uses: run, needs: [], timeout: 1s, with: { script: 'trap \"echo int >> EFFECTS; exit 0\" INT; while :; do sleep 0.1; done' } }
  - { id: firm, uses: run, needs: [], timeout: 1s, with: { script: 'trap \"\" INT; trap \"echo term >> EFFECTS; exit 0\" TERM; while :; do sleep 0.1; done' } }
  - { id: deaf, uses: run, needs: [], timeout: 1s, with: { script: 'trap \"\" INT TERM; echo deaf >> EFFECTS; while :; do sleep 0.1; done' } }
",
    );
    let began = Instant::now();
    let mut executor = bench.start(&["--no-wait"]);
    assert_eq!(executor.code(), 1);
    assert!(began.elapsed() > Duration::from_secs(10), "deaf got its grace twice");
    assert_eq!(bench.effects(), ["deaf", "int", "term"]);
    for step in ["polite", "firm", "deaf"] {
        assert_eq!(fault(&bench, step).code, "RG2005", "{step}");
    }
}

fn fault(bench: &Bench, step: &str) -> Fault {
    let state = bench.state().expect("a journal");
    state.step(&Address::top(step)).fault.clone().expect("it failed")
}

#[test]
fn outputs_are_typed_and_only_declared_ones_are_taken() {
    let bench = Bench::new(
        r#"
  - id: out
    uses: run
    needs: []
    with:
      script: |
        printf 'n=12\nok=true\nlist=[1,2]\nother=x\ntext<<EOT\ntwo\nlines\nEOT\n' > "$REGROW_OUTPUT"
        echo 'when=2026-11-24T10:00:00+01:00' >> "$REGROW_OUTPUT"
      outputs: { n: { type: integer }, ok: { type: boolean }, list: { type: list }, text: { type: string }, when: { type: timestamp } }
  - { id: wrong, uses: run, needs: [out], with: { script: 'echo n=many >> "$REGROW_OUTPUT"', outputs: { n: { type: integer } } } }
  - { id: takes, uses: run, needs: [out], with: { script: 'echo "$N $T" >> EFFECTS', env: { N: '{{ steps.out.outputs.n }}', T: '{{ steps.out.outputs.when }}' } } }
"#,
    );
    let mut executor = bench.start(&["--no-wait"]);
    assert_eq!(executor.code(), 1);
    let state = bench.state().expect("a journal");
    let outputs = state.step(&Address::top("out")).outputs.clone().expect("outputs");
    let text = serde_json::to_string(&outputs).expect("JSON");
    assert_eq!(
        text,
        r#"{"n":12,"ok":true,"list":[1,2],"text":"two\nlines","when":"2026-11-24T09:00:00Z","exit_code":0}"#
    );
    assert_eq!(fault(&bench, "wrong").code, "RG2103");
    assert_eq!(bench.effects(), ["12 2026-11-24T09:00:00Z"]);
}

#[test]
fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let bench =
        Bench::new("\n  - { id: leaves, uses: run, needs: [], with: { script: 'sleep 300 & echo $! > HERE/pid' } }\n");
    let began = Instant::now();
    let mut executor = bench.start(&["--no-wait"]);
    assert_eq!(executor.code(), 0);
    assert!(began.elapsed() < Duration::from_secs(30));
    let pid = fs::read_to_string(bench.path("pid")).expect("a pid").trim().parse().expect("a number");
    kill(pid);
}

#[test]
fn a_gigabyte_of_output_costs_little_memory_and_a_capped_log() {
    let bench = Bench::new(
        "\n  - { id: loud, uses: run, needs: [], with: { script: 'head -c 1073741824 /dev/zero | tr \"\\000\" x' } }\n",
    );
    let mut executor = bench.start(&["--no-wait"]);
    let mut most = [0, 0];
    while executor.is_running() {
        most[0] = most[0].max(peak_kib(executor.pid()));
        for pid in carrying("REGROW_OP_ID=k1.loud.1").into_iter().map(parent) {
            let is_supervisor = fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.windows(11).any(|w| w == b"__supervise"));
            most[1] = most[1].max(if is_supervisor { peak_kib(pid) } else { 0 });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(executor.code(), 0);
    let log = fs::metadata(bench.run_folder().join("work/k1.loud.1.1.log")).expect("a log").len();
    eprintln!("executor {} KiB, supervisor {} KiB, log {log} bytes", most[0], most[1]);
    assert!(most[0] > 0 && most[0] < 64 * 1024, "executor: {} KiB", most[0]);
    assert!(most[1] > 0 && most[1] < 64 * 1024, "supervisor: {} KiB", most[1]);
    assert!((16 << 20..17 << 20).contains(&log), "{log}");
}

/// The most memory a process ever had.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
