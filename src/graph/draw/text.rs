//! For a terminal: one line a step, layer by layer, with what it comes after.

use super::{Picture, cut, ends, is_only_order, layers};
use crate::runbook::ast::Ended;
use crate::runbook::duration;

const WIDTH: usize = 120;

pub fn text(picture: &Picture) -> String {
    let mut text = format!("{}\n", cut(&picture.title, WIDTH));
    if let Some(estimate) = picture.estimate {
        text.push_str(&format!("longest way, marked *: {}\n", duration::format(estimate)));
    }
    let widest =
        |of: &dyn Fn(usize) -> String| (0..picture.steps.len()).map(|node| of(node).chars().count()).max().unwrap_or(0);
    let columns =
        (widest(&|node| indented(picture, node)).min(40), widest(&|node| picture.steps[node].kind.clone()).min(28));
    let (mut in_finally, mut above) = (false, 0);
    for row in layers::rows(picture) {
        // A chain needs no air.
        let ends_begin = !in_finally && row.iter().any(|node| picture.steps[*node].finally);
        if !ends_begin && (above != 1 || row.len() != 1) {
            text.push('\n');
        }
        above = row.len();
        if ends_begin {
            in_finally = true;
            text.push_str("\nfinally\n\n");
        }
        for (at, node) in row.iter().enumerate() {
            line(picture, *node, at == 0, columns, &mut text);
            if !picture.steps[*node].times.is_empty() {
                let times = format!("         {}", picture.steps[*node].times);
                text.push_str(&format!("{}\n", cut(&times, WIDTH)));
            }
        }
    }
    text
}

fn line(picture: &Picture, node: usize, first: bool, (id, kind): (usize, usize), text: &mut String) {
    let step = &picture.steps[node];
    let layer = if first { (step.layer + 1).to_string() } else { String::new() };
    let mark = if step.critical { '*' } else { ' ' };
    let estimate = step.estimate.map(duration::format).unwrap_or_default();
    let name = indented(picture, node);
    let head = format!("{layer:>4} {mark} {name:id$}  {:kind$}  {estimate:>7}", step.kind);
    let needs: Vec<String> = step.needs.iter().map(|(need, when)| need_text(picture, *need, when.as_deref())).collect();
    if needs.is_empty() {
        text.push_str(head.trim_end());
        text.push('\n');
        return;
    }
    let whole = format!("{head}  after {}\n", needs.join(", "));
    if whole.chars().count() <= WIDTH {
        text.push_str(&whole);
        return;
    }
    text.push_str(head.trim_end());
    let (mut word, mut room) = ("after", 0);
    for (at, need) in needs.iter().enumerate() {
        let comma = if at + 1 < needs.len() { ", " } else { "" };
        let wide = need.chars().count() + 2;
        if room < wide {
            text.truncate(text.trim_end().len());
            text.push_str(&format!("\n{:7}{word:5} ", ""));
            (word, room) = ("", WIDTH - 13);
        }
        room -= wide.min(room);
        text.push_str(&format!("{need}{comma}"));
    }
    text.push('\n');
}

/// What lies in a block stands further in.
fn indented(picture: &Picture, node: usize) -> String {
    format!("{}{}", "  ".repeat(picture.frames(node).count()), picture.steps[node].id)
}

fn need_text(picture: &Picture, need: usize, when: Option<&[Ended]>) -> String {
    let id = &picture.steps[need].id;
    match when {
        Some(when) if !is_only_order(when) => format!("{id} ({})", ends(when)),
        _ => id.clone(),
    }
}
