//! What a command is given, how it is ended, and that it outlives who started it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::support::{Place, REGROW, Running, children, is_alive};

#[test]
fn a_timeout_asks_twice_and_then_kills() {
    let place = Place::new(
        r#"steps:
  - id: deaf
    timeout: 1s
    run: |
      trap 'echo INT >> signals' INT
      trap 'echo TERM >> signals' TERM
      echo $$ > pid
      while :; do sleep 0.1 || :; done
"#,
    );
    let begun = Instant::now();
    place.run("--no-wait").ends(1);
    let took = begun.elapsed();
    assert_eq!(place.read("signals"), "INT\nTERM\n");
    // Five seconds after each of the two; how much more is the machine's affair.
    assert!(took > Duration::from_secs(10), "{took:?}");
    assert!(!is_alive(place.read("pid").trim().parse().unwrap()));
    assert_eq!(place.step("deaf")["fault"]["code"], "RG2005");
}

#[test]
fn outputs_are_taken_typed() {
    let place = Place::new(
        r#"steps:
  - id: says
    run: |
      echo "rows=12" >> "$REGROW_OUTPUT"
      echo "ratio=0.5" > "$REGROW_OUTPUT.unused" 2>/dev/null || :
      {
        echo "ratio=0.5"; echo "ok=true"; echo 'list=["a",1]'; echo 'map={"a":1}'
        echo "at=2026-01-02T03:04:05+01:00"
        printf 'text<<EOT\ntwo\nlines=x\nEOT\n'
        echo "undeclared=1"
      } >> "$REGROW_OUTPUT"
    with:
      outputs:
        rows: { type: integer }
        ratio: { type: number }
        ok: { type: boolean }
        list: { type: list }
        map: { type: map }
        at: { type: timestamp }
        text: {}
  - id: wrong
    needs: [says]
    run: echo "rows=many" >> "$REGROW_OUTPUT"
    with: { outputs: { rows: { type: integer } } }
"#,
    );
    place.run("--no-wait").ends(1);
    let wanted = json!({"rows": 12, "ratio": 0.5, "ok": true, "list": ["a", 1], "map": {"a": 1},
        "at": "2026-01-02T02:04:05Z", "text": "two\nlines=x", "exit_code": 0});
    assert_eq!(place.step("says")["outputs"], wanted);
    let fault = place.step("wrong")["fault"]["message"].as_str().unwrap().to_string();
    assert!(fault.contains("`rows` should be an integer"), "{fault}");
}

#[test]
fn what_a_command_leaves_in_the_background_does_not_hold_its_step() {
    let place = Place::new("steps:\n  - id: leaves\n    run: |\n      sleep 20 &\n      echo $! > pid\n");
    let begun = Instant::now();
    place.run("--no-wait").ends(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let pid = place.read("pid").trim().parse().unwrap();
    assert!(is_alive(pid), "nobody asked for its end");
    super::support::send(pid, Signal::KILL);
}

#[test]
fn the_environment_is_what_the_contract_says_and_nothing_else() {
    let place = Place::new(
        r#"steps:
  - id: shows
    run: tr '\0' '\n' < /proc/$$/environ > environ
    with: { env: { OWN: "mine" } }
  - id: other
    needs: [shows]
    uses: run
    with: { command: [cp, /proc/self/environ, other] }
    verify:
      probe: command
      with: { command: [cp, /proc/self/environ, probe] }
      expect: { equals: 0 }
"#,
    );
    let args = ["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
    let mut command = place.command(REGROW, &args);
    command.env("LANG", "C.UTF-8").env("TZ", "UTC").env("LEAKED", "1").env("AWS_SECRET_ACCESS_KEY", "x");
    super::support::finish(command).ends(0);
    let read = |name: &str| -> BTreeMap<String, String> {
        let text = place.read(name).replace('\0', "\n");
        text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    };
    let common =
        ["HOME", "LANG", "PATH", "REGROW_ATTEMPT", "REGROW_MODE", "REGROW_OP_ID", "REGROW_RUN", "REGROW_STEP", "TZ"];
    let names = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<Vec<_>>();
    let with = |more: &[&str]| {
        let mut all: Vec<String> = common.iter().chain(more).map(|name| (*name).to_string()).collect();
        all.sort();
        all
    };
    let shows = read("environ");
    assert_eq!(names(&shows), with(&["OWN", "REGROW_OUTPUT"]));
    assert_eq!((shows["REGROW_RUN"].as_str(), shows["REGROW_STEP"].as_str()), ("run1", "shows"));
    assert_eq!((shows["REGROW_OP_ID"].as_str(), shows["REGROW_ATTEMPT"].as_str()), ("run1.shows.1", "1"));
    assert_eq!((shows["REGROW_MODE"].as_str(), shows["OWN"].as_str()), ("real", "mine"));
    assert_eq!(names(&read("other")), with(&["REGROW_OUTPUT"]));
    assert_eq!(names(&read("probe")), with(&[]));
}

/// A step that waits until `go` is there, and one after it.
fn gated() -> (Place, Running) {
    let place = Place::new(
        r#"steps:
  - id: gate
    run: |
      echo "$REGROW_STEP" >> effects
      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done
      echo "n=3" >> "$REGROW_OUTPUT"
    with: { outputs: { n: { type: integer } } }
  - id: after
    needs: [gate]
    run: echo "$REGROW_STEP $N" >> effects
    with: { env: { N: "{{ steps.gate.outputs.n }}" } }
"#,
    );
    let run = place.start_run("");
    place.until_effects(1);
    (place, run)
}

/// The step went on and is taken over.
fn is_adopted(place: &Place) {
    assert_eq!(place.effects(), ["gate"]);
    assert_eq!(place.status()["executor"]["alive"], false);
    assert_eq!(place.step_state("gate"), "running");
    let resumed = place.start("resume --no-wait");
    place.until("somebody executes it", |place| place.status()["executor"]["alive"] == true);
    place.write("go", "");
    resumed.end().ends(0);
    assert_eq!(place.effects(), ["after 3", "gate"]);
}

#[test]
fn the_first_interrupt_waits_for_the_step_and_starts_nothing_new() {
    for signal in [Signal::INT, Signal::TERM] {
        let (place, mut run) = gated();
        run.signal(signal);
        std::thread::sleep(Duration::from_millis(300));
        assert!(!run.is_over());
        place.write("go", "");
        run.end().ends(75);
        assert_eq!((place.step_state("gate").as_str(), place.effects().len()), ("succeeded", 1));
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(place.effects(), ["after 3", "gate"]);
    }
}

#[test]
fn the_second_interrupt_detaches_at_once() {
    let (place, run) = gated();
    run.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    run.signal(Signal::INT);
    run.end().ends(75);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    is_adopted(&place);
}

#[test]
fn a_hang_up_detaches_at_once() {
    let (place, run) = gated();
    run.signal(Signal::HUP);
    let said = run.end().ends(75);
    assert!(said.stderr.contains("left: `gate` goes on without an executor; regrow resume run1"), "{said:#?}");
    is_adopted(&place);
}

#[test]
fn a_killed_executor_leaves_its_step_to_the_next() {
    let (place, run) = gated();
    run.signal(Signal::KILL);
    assert_eq!(run.end().signal, Some(9));
    is_adopted(&place);
}

#[test]
fn a_killed_supervisor_leaves_its_command_to_be_waited_for() {
    let (place, run) = gated();
    let supervisors = children(run.pid());
    assert_eq!(supervisors.len(), 1);
    super::support::send(supervisors[0], Signal::KILL);
    std::thread::sleep(Duration::from_millis(300));
    // Alone, but alive: it is not yet time to ask anybody.
    assert_eq!(place.step_state("gate"), "running");
    place.write("go", "");
    place.until_step("gate", "unknown");
    assert_eq!(place.effects(), ["gate"]);
    drop(run);
}

#[test]
fn a_command_that_outlives_executor_and_supervisor_is_said_to_go_on() {
    let (place, run) = gated();
    let supervisors = children(run.pid());
    run.signal(Signal::KILL);
    run.end();
    super::support::send(supervisors[0], Signal::KILL);
    std::thread::sleep(Duration::from_millis(300));
    let said = place.regrow("status").ends(0).stdout;
    assert!(said.contains("goes on without an executor"), "somebody would do it by hand beside it: {said}");
    place.write("go", "");
    place.until("the command has ended", |place| {
        place.regrow("status").stdout.contains("no process of ours works on it")
    });
}

/// Against a step that prints nothing: how much of the program itself counts is the machine's affair.
#[test]
fn a_step_that_prints_much_costs_no_memory() {
    let peak = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap().to_string();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let peaks = |printing: &str| {
        let place = Place::new(&format!(
            "steps:\n  - id: prints\n    run: |\n      {printing}\n      touch printed\n      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done\n",
        ));
        let run = place.start_run("--no-wait");
        place.until("all is printed", |place| place.path("printed").exists());
        let supervisors = children(run.pid());
        assert_eq!(supervisors.len(), 1);
        let peaks = (peak(run.pid()), peak(supervisors[0]));
        place.write("go", "");
        run.end().ends(0);
        peaks
    };
    let (quiet, loud) = (peaks("true"), peaks("head -c 200000000 /dev/zero | tr '\\0' x | fold -w 99"));
    println!("200 MB printed: executor {} MiB, supervisor {} MiB; nothing: {}, {}", loud.0, loud.1, quiet.0, quiet.1);
    assert!(loud.0 < quiet.0 + 16 && loud.1 < quiet.1 + 16, "{loud:?} MiB, printing nothing {quiet:?} MiB");
}

/// In a namespace of its own the state lies on a small disk, which is filled while the first step runs. `MADE` is what that step
/// puts out.
const FULL: &str = r#"
mkdir -p state && chmod 700 state && mount -t tmpfs -o size=3m,mode=0700 tmpfs state || exit 77
"$REGROW" run book.yaml --yes --no-wait --run-id run1 & run=$!
while ! [ -e begun ]; do sleep 0.05; done
dd if=/dev/zero of=state/fill bs=4096 2>/dev/null
touch full
wait $run; echo "full $?" >> codes
rm state/fill
"$REGROW" resume run1 --no-wait; echo "room $?" >> codes
"$REGROW" status run1 --json > status.json
"#;

#[test]
fn on_a_full_disk_nothing_new_begins_and_what_is_under_way_keeps_its_result() {
    let place = Place::new(
        r#"steps:
  - id: long
    needs: []
    run: |
      touch begun
      while [ -e book.yaml ] && ! [ -e full ]; do sleep 0.05; done
      echo long >> effects
      printf 'text=%20000d\n' 1 >> "$REGROW_OUTPUT"
    with: { outputs: { text: {} } }
  - id: next
    needs: [long]
    run: echo next >> effects
"#,
    );
    place.write("full.sh", FULL);
    let mut command = place.command("unshare", &["-rm", "sh", "full.sh"]);
    command.env("REGROW", REGROW);
    let said = super::support::finish(command);
    if place.read("codes").is_empty() {
        // Not every machine lets a test mount anything.
        assert_ne!(said.code, Some(0), "{said:#?}");
        return;
    }
    assert_eq!(place.read("codes"), "full 75\nroom 0\n", "{said:#?}");
    assert_eq!(place.read("effects"), "long\nnext\n");
    let status: serde_json::Value = serde_json::from_str(&place.read("status.json")).unwrap();
    assert_eq!(status["state"], "succeeded");
}
