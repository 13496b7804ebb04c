//! The parts of the page that are drawn: where the time went, when what ran, and the graph.

use std::io;

use maud::{Markup, html};

use super::super::diary::Spell;
use super::super::hours::{Hands, Whose};
use super::super::picture::{self, picture};
use super::super::postmortem::Postmortem;
use super::{Out, put, raw, table, ticked};
use crate::graph::draw;
use crate::view::words::{grouped, span, stamp};

/// Units of a bar from end to end.
const WIDTH: u64 = 1000;

/// More stretches than this are drawn as one for each kind.
const MOST_BANDS: usize = 500;

/// A stretch of a bar, in milliseconds from its left end.
struct Stretch {
    class: &'static str,
    from_ms: u64,
    to_ms: u64,
}

pub fn time(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let times = &report.times;
    let objectives = html! {
        ul {
            @for objective in &report.objectives {
                @let class = match objective.met { Some(true) => "well", Some(false) => "badly", None => "plain" };
                li { b class=(class) { (objective.text()) } }
            }
        }
        (bar("svg.bar tall", &stretches(report), times.before_ms.unwrap_or(0) + times.elapsed_ms, "Where the time went, in its order"))
    };
    put(out, objectives)?;
    let all = times.total_ms.unwrap_or(times.elapsed_ms).max(1);
    let part = |class: &str, title: &str, millis: u64| {
        let share = format!("{:.0} %", millis as f64 * 100.0 / all as f64);
        vec![html! { span class={ "key " (class) } {} (title) }, html! { (span(millis)) }, html! { (share) }]
    };
    let mut rows = Vec::new();
    rows.extend(times.before_ms.map(|millis| part("before", "Before the run was started", millis)));
    rows.extend(Whose::ALL.iter().map(|whose| part(whose.word(), whose.title(), times.hours.of(*whose))));
    if times.left_waiting_ms > 0 {
        let title = "of it, after the executor had left to wait for people";
        rows.push(vec![html! { span.sub { (title) } }, html! { span.sub { (span(times.left_waiting_ms)) } }, html! {}]);
    }
    let total = if times.before_ms.is_some() { "From outage to end" } else { "From start to end" };
    rows.push(vec![html! { b { (total) } }, html! { b { (span(all)) } }, html! {}]);
    table(out, &[("Whose time", false), ("Time", true), ("Share", true)], rows.into_iter())
}

fn stretches(report: &Postmortem) -> Vec<Stretch> {
    let before = report.times.before_ms.unwrap_or(0);
    let mut all = vec![Stretch { class: "before", from_ms: 0, to_ms: before }];
    let bands = &report.steps.diary().bands;
    if bands.len() <= MOST_BANDS {
        all.extend(bands.iter().map(|band| Stretch {
            class: band.whose.word(),
            from_ms: before + band.from_ms,
            to_ms: before + band.to_ms,
        }));
        return all;
    }
    for whose in Whose::ALL {
        let from_ms = all.last().map_or(before, |it| it.to_ms);
        all.push(Stretch { class: whose.word(), from_ms, to_ms: from_ms + report.times.hours.of(whose) });
    }
    all
}

/// One bar. It is as wide as the page lets it be.
fn bar(class: &str, stretches: &[Stretch], whole_ms: u64, described: &str) -> Markup {
    let class = class.trim_start_matches("svg.");
    let shown = stretches.iter().filter(|it| it.to_ms > it.from_ms);
    html! {
        svg class=(class) viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label=(described) {
            title { (described) }
            @for it in shown { (rect(it.class, (it.from_ms, it.to_ms), whole_ms, (0, 16))) }
        }
    }
}

/// Never so thin that it cannot be seen.
fn rect(class: &str, (from_ms, to_ms): (u64, u64), whole_ms: u64, (y, height): (u64, u64)) -> Markup {
    let place = |millis: u64| millis.min(whole_ms) as f64 * WIDTH as f64 / whole_ms.max(1) as f64;
    let (x, end) = (place(from_ms), place(to_ms));
    let width = (end - x).max(1.5);
    html! { rect class=(class) x=(format!("{x:.1}")) y=(y) width=(format!("{width:.1}")) height=(height) {} }
}

/// A bar for each step, below one of the run.
pub fn gantt(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    if report.steps.len() > picture::MOST {
        let steps = grouped(report.steps.len() as u64);
        let none =
            html! { p { "No bars are drawn of more than " (picture::MOST) " steps; this run has " (steps) "." } };
        return put(out, none);
    }
    let ran = report.times.elapsed_ms;
    // A plan that foresaw much more must not press what happened into a corner.
    let whole = ran.max((report.plan.estimate_seconds.unwrap_or(0) * 1000).min(ran * 2)).max(1);
    let began = report.started_at.map(stamp).unwrap_or_default();
    let top = html! {
        p.sub {
            span.key.machine {} "worked " span.key.human {} "a person was asked " span.key.stuck {} "stood until somebody dealt with it "
            span.key.planned {} "planned"
        }
    };
    put(out, top)?;
    raw(out, "<table class=\"gantt\"><thead>")?;
    let head = html! {
        tr { th scope="col" { "Step" } th scope="col" { span.ends { span { (began) } span { "+" (span(whole)) } } } }
    };
    put(out, head)?;
    raw(out, "</thead><tbody>")?;
    let bands = stretches_of_run(report);
    put(out, html! { tr { th scope="row" { "The run" } td { (bar("bar", &bands, whole, "The run")) } } })?;
    for (node, step) in report.steps.iter().enumerate().filter(|(_, step)| !step.is_group) {
        let spells = report.steps.spells(step.id);
        let planned = report.steps.planned(node);
        put(out, html! { tr { th scope="row" { code { (step.id) } } td { (step_bar(spells, planned, whole)) } } })?;
    }
    raw(out, "</tbody></table>\n")
}

fn stretches_of_run(report: &Postmortem) -> Vec<Stretch> {
    let bands = report.steps.diary().bands.iter().take(MOST_BANDS);
    bands.map(|it| Stretch { class: it.whose.word(), from_ms: it.from_ms, to_ms: it.to_ms }).collect()
}

fn step_bar(spells: &[Spell], planned: Option<(u64, u64)>, whole_ms: u64) -> Markup {
    let described = match (spells.first(), spells.last()) {
        (Some(first), Some(last)) => format!("+{} to +{}", span(first.from_ms), span(last.to_ms)),
        _ => "never ran".into(),
    };
    html! {
        svg.bar viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label=(described) {
            title { (described) }
            @for spell in spells { (rect(class_of(spell.hands), (spell.from_ms, spell.to_ms), whole_ms, (0, 12))) }
            @if let Some((from, to)) = planned.filter(|(from, _)| from * 1000 < whole_ms) { (rect("planned", (from * 1000, to * 1000), whole_ms, (13, 3))) }
        }
    }
}

fn class_of(hands: Hands) -> &'static str {
    match hands {
        Hands::Machine => "machine",
        Hands::Asked => "human",
        Hands::Stuck => "stuck",
        Hands::Nobody => "idle",
    }
}

pub fn graph(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    match picture(report) {
        Ok(picture) => {
            let said = format!("{}: {}", picture.title, report.steps.view().counts());
            raw(out, "<p class=\"sub\">Thick lines: the way that took longest, as it went.</p>")?;
            raw(out, "<div class=\"wide\" role=\"region\" aria-label=\"Graph\" tabindex=\"0\">")?;
            put(out, draw::inline(&picture, &said))?;
            raw(out, "</div>")
        }
        Err(why) => put(out, html! { p { (ticked(&why)) } }),
    }
}
