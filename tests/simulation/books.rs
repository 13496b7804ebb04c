//! The runbooks that are simulated, written out; those made by chance are in [`crate::random`].

use jiff::Timestamp;
use regrow::graph::Edge;
use regrow::plan::{Binding, Plan};
use regrow::runbook;
use regrow::runbook::ast::Ended;
use serde_json::Map;

use crate::kinds;
use crate::machine::Machine;

/// Every shape the exhaustive crashes go through.
pub const SMALL: &[(&str, &str)] = &[
    (
        "chain",
        "
  - { id: a, uses: sim.proc, needs: [], with: { text: x } }
  - { id: b, uses: sim.keyed, needs: [a], with: { text: '{{ steps.a.outputs.made }}' } }
  - { id: c, uses: sim.set, needs: [b], with: { text: '{{ steps.b.outputs.made }}' } }
",
    ),
    (
        "diamond",
        "
  - { id: a, uses: sim.keyed, needs: [], with: {} }
  - { id: b, uses: sim.proc, needs: [a], with: {} }
  - { id: c, uses: sim.opaque, needs: [a], with: {} }
  - { id: d, uses: sim.read, needs: [b, c], with: { text: '{{ steps.c.outputs.made }}' } }
",
    ),
    (
        "fan",
        "
  - { id: a, uses: sim.read, needs: [], with: {} }
  - { id: b, uses: sim.proc, needs: [a], with: {} }
  - { id: c, uses: sim.keyed, needs: [a], with: {} }
  - { id: d, uses: sim.set, needs: [a], with: {} }
",
    ),
    (
        "retry",
        "
  - { id: a, uses: sim.set, needs: [], with: { fails: 1, how: lost }, retry: { attempts: 3, delay: 2s } }
  - { id: b, uses: sim.keyed, needs: [a], with: { fails: 1, how: lost }, retry: { attempts: 2, delay: 1s } }
",
    ),
    (
        "phases",
        "
  - { id: a, uses: sim.phased, needs: [], with: {}, approval: { minimum: 1 } }
  - { id: b, uses: sim.opaque, needs: [a], with: {} }
",
    ),
    (
        "people",
        "
  - { id: a, uses: manual.task, needs: [], with: { instructions: call, form: { ticket: { type: string } } } }
  - { id: b, uses: sim.set, needs: [a], with: { text: '{{ steps.a.outputs.ticket }}' }, approval: { minimum: 1, escalate_after: 15m } }
  - { id: c, uses: manual.notice, needs: [b], with: { audience: all, message: done } }
",
    ),
    (
        "finally",
        "
  - { id: a, uses: sim.keyed, needs: [], with: {}, temporary: true }
  - { id: b, uses: sim.proc, needs: [a], with: {} }
finally:
  - { id: clean, uses: ledger.cleanup, with: {} }
  - { id: tell, uses: sim.set, with: {} }
",
    ),
    (
        "failures",
        "
  - { id: a, uses: sim.read, needs: [], with: { fails: 9, how: never }, allow_failure: true }
  - { id: b, uses: sim.proc, needs: [a], with: {} }
  - { id: c, uses: sim.set, needs: [{ step: a, when: [failed] }], with: {} }
  - { id: d, uses: sim.set, needs: [{ step: b, when: [failed] }], with: {} }
",
    ),
    (
        "mended",
        "
  - { id: a, uses: sim.keyed, needs: [], with: { fails: 1, how: never } }
  - { id: b, uses: sim.proc, needs: [a], with: { fails: 1, how: unknown } }
  - { id: c, uses: sim.keyed, needs: [b], with: { foreign: true }, allow_failure: true }
",
    ),
    (
        "each",
        "
  - { id: a, uses: sim.keyed, needs: [], foreach: [p, q], with: { fails: 1, how: never } }
  - { id: b, uses: sim.proc, needs: [a], foreach: [r, s], order: serial, approval: { minimum: 1 }, with: {} }
  - { id: c, uses: sim.opaque, needs: [b], with: {} }
",
    ),
    (
        "include",
        "
  - { id: a, uses: sim.keyed, needs: [], with: { text: x } }
  - id: b
    include: tests/simulation/lib/pair.yaml
    needs: [a]
    approval: { minimum: 1 }
    with: { text: '{{ steps.a.outputs.made }}', fails: 1 }
  - { id: c, uses: sim.set, needs: [b], with: { text: '{{ steps.b.outputs.made }}' } }
",
    ),
    (
        "block",
        "
  - id: a
    foreach: [p, q]
    order: serial
    needs: []
    approval: { minimum: 1 }
    outputs: { made: '{{ steps.y.outputs.made }}' }
    steps:
      - { id: x, uses: sim.proc, needs: [], with: { text: '{{ item }}' } }
      - { id: y, uses: sim.keyed, needs: [x], with: { text: '{{ steps.x.outputs.made }}', fails: 1 } }
  - { id: b, uses: sim.set, needs: [a], with: { text: '{{ count steps.a.items }}' } }
",
    ),
    (
        "runtime",
        "
  - { id: a, uses: sim.proc, needs: [], with: { text: x } }
  - id: b
    foreach: \"{{ split steps.a.outputs.made ' ' }}\"
    needs: [a]
    max_parallel: 1
    steps:
      - { id: x, uses: sim.opaque, needs: [], with: { text: '{{ item }}' } }
      - { id: y, uses: sim.keyed, needs: [x], foreach: [r], with: { text: '{{ steps.x.outputs.made }}' } }
  - { id: c, uses: sim.set, needs: [b], with: { text: '{{ count steps.b.items }}' } }
",
    ),
    (
        "ways",
        "
  - id: a
    needs: []
    try:
      - { id: x, uses: sim.keyed, with: { fails: 1, how: never }, undo: back }
      - { id: y, uses: sim.set, with: { fails: 1, how: never } }
      - { id: z, uses: sim.proc, with: { text: so } }
      - { id: last, uses: sim.opaque, with: {} }
  - { id: b, uses: sim.set, needs: [a], with: { text: '{{ steps.a.winner }} {{ steps.a.outputs.made }}' } }
",
    ),
    (
        "a way of several steps",
        "
  - id: a
    needs: []
    try:
      - id: x
        steps:
          - { id: p, uses: sim.keyed, with: {}, undo: back }
          - { id: q, uses: sim.keyed, needs: [p], with: { fails: 1, how: never }, undo: back }
          - { id: r, uses: sim.set, needs: [q], with: {} }
      - { id: y, steps: [{ id: s, uses: sim.proc, with: { text: so } }] }
  - { id: b, uses: sim.set, needs: [a], with: { text: '{{ steps.a.winner }}' } }
",
    ),
    (
        "repaired",
        "
  - { id: a, uses: sim.set, needs: [], with: { fails: 1, how: never }, repair: { when: the script, do: { uses: sim.keyed, with: {} } } }
  - { id: d, uses: sim.keyed, needs: [a], with: { fails: 9, how: never }, allow_failure: true, repair: { when: the script, do: { uses: sim.set, with: { fails: 1, how: never } } } }
",
    ),
    (
        "repaired when asked",
        "
  - id: b
    uses: sim.keyed
    needs: []
    with: { fails: 2, how: now }
    retry: { attempts: 2, delay: 1s }
    repair:
      - { when: something else, do: { uses: sim.set, with: {} } }
      - { when: the script, attempts: 2, do: { uses: sim.proc, with: {}, approval: { minimum: 1 } } }
",
    ),
    (
        "a way that is repaired",
        "
  - id: c
    needs: []
    try:
      - { id: x, uses: sim.keyed, with: { fails: 9, how: unprepared }, repair: { when: the script, do: { uses: sim.opaque, with: {} } } }
      - { id: y, uses: sim.keyed, with: {} }
",
    ),
    (
        "held",
        "
  - { id: a, uses: sim.proc, needs: [], under: [h0], with: { text: x } }
  - { id: b, uses: sim.keyed, needs: [a], under: [h0, h1], with: { text: '{{ steps.a.outputs.made }}' } }
  - { id: c, uses: sim.set, needs: [b, h0/release], with: {} }
holds:
  h0:
    read: { uses: sim.read, with: {} }
    take: { uses: sim.opaque, with: { text: '{{ hold.previous.made }}' } }
    release: { uses: sim.proc, with: { text: '{{ hold.previous.made }}' } }
  h1:
    read: { uses: sim.read, with: {} }
    take: { uses: sim.set, with: {} }
    release: { uses: sim.keyed, with: { fails: 1, how: never } }
",
    ),
    (
        "nested",
        "
  - { id: a, include: tests/simulation/lib/nested.yaml, needs: [], with: { text: x } }
  - { id: b, uses: sim.read, needs: [a], with: { text: '{{ steps.a.outputs.made }}' } }
",
    ),
];

/// A bound plan of the steps in `text`.
pub fn bind(name: &str, text: &str) -> Plan {
    let text = format!("version: 1\nname: {name}\nseverity: partial\nsteps:{text}");
    let loaded = runbook::parse_text(name, &text).unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{text}"));
    let binding = Binding::new("sim1".parse().expect("an id"), Timestamp::UNIX_EPOCH, Map::new());
    Plan::bind(loaded.runbook, "digest", binding, kinds::find).unwrap_or_else(|fault| panic!("{name}: {fault:?}"))
}

/// A machine on which nothing has happened yet.
pub fn machine(plan: &Plan, seed: u64) -> Machine {
    let mut machine = Machine::new(seed);
    machine.oracle.holds = plan.runbook.holds.keys().cloned().collect();
    // A group does nothing of its own.
    machine.outside.learn(plan);
    let locked = (0..plan.len()).filter(|node| !plan.is_group(*node));
    let locks = locked.filter_map(|node| Some((plan.address(node).to_string(), plan.step(node).lock.clone()?)));
    machine.oracle.locks = locks.collect();
    // That a step is blocked stands in no record, nor that a group has failed.
    let is_recorded = |(need, when): &&Edge| match when {
        Some(when) => !when.contains(&Ended::Blocked) && !plan.is_group(*need),
        None => !(plan.is_group(*need) && plan.step(*need).allow_failure),
    };
    for node in &plan.graph.nodes {
        let own = plan.find(&node.address).expect("it is there");
        let mends = plan.outline.steps[own].mends;
        if let Some(of) = mends {
            machine.oracle.mends.insert(node.address.to_string(), plan.address(of).to_string());
        }
        // A repair begins while its step waits for it.
        let in_a_record = node.needs.iter().filter(is_recorded).filter(|(need, _)| Some(*need) != mends);
        // What a group needs, its members need.
        let groups = plan.graph.groups(own);
        let of_group = groups.flat_map(|group| &plan.graph.nodes[group].needs);
        let in_a_record = in_a_record.chain(of_group.filter(is_recorded));
        let needs = in_a_record.map(|(need, _)| plan.address(*need).to_string()).collect();
        machine.oracle.needs.insert(node.address.to_string(), needs);
        let top = plan.graph.groups(own).last().unwrap_or(own);
        let under = plan.step(top).under.iter().map(|hold| hold.text.clone()).collect();
        machine.oracle.under.insert(node.address.to_string(), under);
    }
    machine
}
