//! As SVG: a layer below the other, in one file without scripts, fonts or anything from elsewhere.

use maud::{Markup, html};

use super::{Picture, Shown, cut, ends, is_only_order, layers};
use crate::runbook::ast::Ended;

const BOX: (usize, usize) = (230, 62);
const GAP: (usize, usize) = (26, 46);
const MARGIN: usize = 24;
const TITLE: usize = 40;
/// A wider layer goes on in another row, so that a picture of many steps is tall and not wide.
const MOST_IN_A_ROW: usize = 6;
/// The same for a picture inside a page.
const MOST_IN_A_PAGE: usize = 3;

const STYLE: &str = "text { font: 12px sans-serif; fill: #222; } .title { font-size: 17px; font-weight: bold; } \
.id { font: bold 13px monospace; } .kind { fill: #666; } .step { fill: #fff; stroke: #667; } \
.arrow { fill: none; stroke: #889; } .critical { stroke: #c0392b; stroke-width: 2.5; } .finally { fill: #f4f4f6; stroke: #99a; \
stroke-dasharray: 6 4; } .maybe { stroke-dasharray: 5 3; }";

pub fn svg(picture: &Picture) -> String {
    let (places, width, height) = places(picture, MOST_IN_A_ROW, MARGIN + TITLE);
    let page = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="img" {
            title { (picture.title) }
            style { (STYLE) }
            (tip())
            rect width="100%" height="100%" fill="#fff" {}
            text .title x=(MARGIN) y=(MARGIN + 8) { (cut(&picture.title, width / 10)) }
            (drawn(picture, &places, width))
        }
    };
    page.into_string() + "\n"
}

/// For a page that brings the style: of `.step`, `.critical`, `.arrow`, `.maybe`, `.finally`, `.id`, `.kind`, and of the tones
/// `well`, `badly`, `waits`, `works`, `off` under `.graph`. `described` is what it shows, for who cannot see it.
pub fn inline(picture: &Picture, described: &str) -> Markup {
    let (places, width, height) = places(picture, MOST_IN_A_PAGE, MARGIN);
    html! {
        svg .graph width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(described) {
            title { (described) }
            (tip())
            (drawn(picture, &places, width))
        }
    }
}

/// The head of an arrow.
fn tip() -> Markup {
    html! {
        defs {
            marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto" {
                path d="M0 0 L8 4 L0 8 z" fill="#889" {}
            }
        }
    }
}

fn drawn(picture: &Picture, places: &[Place], width: usize) -> Markup {
    html! {
        (cluster(picture, places, width))
        (frames(picture, places))
        @for (node, step) in picture.steps.iter().enumerate() {
            @for (need, when) in &step.needs {
                (arrow(picture, places, *need, node, when.as_deref()))
            }
        }
        @for (step, place) in picture.steps.iter().zip(places) {
            (box_of(step, *place))
        }
    }
}

type Place = (usize, usize);

/// The upper left corner of every step, and the size of the whole.
fn places(picture: &Picture, most: usize, top: usize) -> (Vec<Place>, usize, usize) {
    let rows = layers::rows(picture);
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0).clamp(2, most);
    let width = 2 * MARGIN + widest * (BOX.0 + GAP.0) - GAP.0;
    let mut places = vec![(0, 0); picture.steps.len()];
    let mut y = top;
    for part in rows.iter().flat_map(|row| row.chunks(most)) {
        let used = part.len() * (BOX.0 + GAP.0) - GAP.0;
        let left = (width - used) / 2;
        part.iter().enumerate().for_each(|(at, node)| places[*node] = (left + at * (BOX.0 + GAP.0), y));
        y += BOX.1 + GAP.1;
    }
    (places, width, y - GAP.1 + MARGIN)
}

/// The frame around `finally`.
fn cluster(picture: &Picture, places: &[Place], width: usize) -> Markup {
    let rows = || picture.steps.iter().zip(places).filter(|(step, _)| step.finally).map(|(_, place)| place.1);
    let Some((top, bottom)) = rows().min().zip(rows().max()) else { return html! {} };
    let (x, y) = (MARGIN / 2, top - 22);
    html! {
        rect .finally x=(x) y=(y) width=(width - MARGIN) height=(bottom + BOX.1 + 10 - y) rx="8" {}
        text .kind x=(x + 10) y=(y + 15) { "finally" }
    }
}

/// A frame around a block, where nothing else stands between its steps.
fn frames(picture: &Picture, places: &[Place]) -> Markup {
    let lies_in = |node: usize, frame: usize| node == frame || picture.frames(node).any(|at| at == frame);
    let frame = |frame: usize| {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..places.len()).partition(|node| lies_in(*node, frame));
        let least = |of: fn(&Place) -> usize| inside.iter().map(|node| of(&places[*node])).min().unwrap_or(0);
        let most = |of: fn(&Place) -> usize| inside.iter().map(|node| of(&places[*node])).max().unwrap_or(0);
        let (left, right, top, bottom) = (least(|at| at.0), most(|at| at.0), least(|at| at.1), most(|at| at.1));
        let between = |node: &usize| {
            let (x, y) = places[*node];
            x + BOX.0 > left && x < right + BOX.0 && y + BOX.1 > top && y < bottom + BOX.1
        };
        let (x, y) = (left.saturating_sub(9), top.saturating_sub(18));
        let size = (right + BOX.0 + 9 - x, bottom + BOX.1 + 9 - y);
        (!outside.iter().any(between)).then_some((x, y, size))
    };
    let framed = (0..places.len()).filter(|node| picture.steps[*node].frame);
    let all: Vec<_> = framed.filter_map(|node| Some((node, frame(node)?))).collect();
    html! {
        @for (node, (x, y, size)) in &all {
            rect .finally x=(x) y=(y) width=(size.0) height=(size.1) rx="8" {}
            text .kind x=(x + 8) y=(y + 13) { (cut(&picture.steps[*node].frame_name(), 40)) }
        }
    }
}

fn box_of(step: &Shown, (x, y): Place) -> Markup {
    let class = if step.critical { "step critical" } else { "step" };
    let class = match step.state {
        Some(state) => format!("{class} {}", super::tone(state)),
        None => class.to_string(),
    };
    html! {
        g {
            title { (step.id) " " (step.name) }
            rect class=(class) x=(x) y=(y) width=(BOX.0) height=(BOX.1) rx="6" {}
            text .id x=(x + 10) y=(y + 19) { (cut(&step.id, 26)) }
            @if !step.name.is_empty() {
                text x=(x + 10) y=(y + 36) { (cut(&step.name, 34)) }
            }
            text .kind x=(x + 10) y=(y + if step.name.is_empty() { 36 } else { 53 }) { (cut(&step.last_line(), 34)) }
        }
    }
}

fn arrow(picture: &Picture, places: &[Place], from: usize, to: usize, when: Option<&[Ended]>) -> Markup {
    let ((from_x, from_y), (to_x, to_y)) = (places[from], places[to]);
    let (start, end) = ((from_x + BOX.0 / 2, from_y + BOX.1), (to_x + BOX.0 / 2, to_y));
    let bend = GAP.1 * 4 / 5;
    let curve = format!(
        "M{} {} C{} {} {} {} {} {}",
        start.0,
        start.1,
        start.0,
        start.1 + bend,
        end.0,
        end.1.saturating_sub(bend),
        end.0,
        end.1
    );
    let critical = picture.longest.windows(2).any(|pair| pair == [from, to]);
    let class = match (critical, when) {
        (true, Some(_)) => "arrow critical maybe",
        (true, None) => "arrow critical",
        (false, Some(_)) => "arrow maybe",
        (false, None) => "arrow",
    };
    let said = when.filter(|when| !is_only_order(when)).map(ends);
    html! {
        path class=(class) d=(curve) marker-end="url(#tip)" {}
        @if let Some(said) = said {
            text .kind x=((start.0 + end.0) / 2 + 4) y=((start.1 + end.1) / 2) { (said) }
        }
    }
}
