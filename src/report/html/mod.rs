//! The report as one page that needs nothing else: no scripts, no fonts, no pictures from anywhere. It prints well, and is
//! read on a telephone as on a wall.
//!
//! It is written piece by piece, a row of a table being the smallest: the page of ten thousand steps is never held.

mod bars;
mod parts;

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::glance::{self, Tone};
use super::postmortem::Postmortem;
use crate::model::Status;
use crate::model::record::Mode;
use crate::view::clean;
use crate::view::words::{grouped, stamp};

const STYLE: &str = include_str!("page.css");

/// Nothing is fetched and nothing runs, whatever stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

type Out<'a> = &'a mut dyn Write;

/// One part of the page: where it is found, what it is called, and whether there is anything in it.
struct Part {
    id: &'static str,
    title: &'static str,
    has: fn(&Postmortem) -> bool,
    write: fn(&Postmortem, Out<'_>) -> io::Result<()>,
}

const PARTS: [Part; 15] = [
    Part { id: "open", title: "Still open", has: parts::has_open, write: parts::open },
    Part { id: "lost", title: "What was lost", has: |it| !it.lost.restores.is_empty(), write: parts::lost },
    Part { id: "time", title: "Where the time went", has: |_| true, write: bars::time },
    Part { id: "decisions", title: "Decisions", has: |it| !it.decisions.is_empty(), write: parts::decisions },
    Part { id: "waits", title: "Who waited for whom", has: |it| !it.waits.is_empty(), write: parts::waits },
    Part { id: "flags", title: "Not as the runbook has it", has: |it| !it.flags.is_empty(), write: parts::flags },
    Part { id: "wrong", title: "What went wrong", has: Postmortem::has_trouble, write: parts::wrong },
    Part { id: "steps", title: "Steps, planned and actual", has: |_| true, write: parts::steps },
    Part { id: "bars", title: "When what ran", has: |_| true, write: bars::gantt },
    Part { id: "graph", title: "Graph", has: |_| true, write: bars::graph },
    Part { id: "tables", title: "Tables", has: |it| !it.tables.is_empty(), write: parts::tables },
    Part { id: "outputs", title: "Outputs", has: parts::has_outputs, write: parts::outputs },
    Part { id: "people", title: "People", has: parts::has_people, write: parts::people },
    Part {
        id: "interruptions",
        title: "Interruptions",
        has: |it| !it.interruptions.is_empty(),
        write: parts::interruptions,
    },
    Part { id: "timeline", title: "Timeline", has: |_| true, write: parts::timeline },
];

pub fn write(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let drill = if report.mode == Some(Mode::Drill) { "Drill" } else { "Recovery" };
    let title = format!("{drill} {}: {}", report.run, report.title);
    let parts: Vec<&Part> = PARTS.iter().filter(|part| (part.has)(report)).collect();
    put(out, html! { (DOCTYPE) })?;
    raw(out, "<html lang=\"en\">")?;
    put(out, head(&title))?;
    raw(out, "<body><main>")?;
    put(out, top(report, &title, &parts))?;
    for part in parts {
        raw(out, &format!("<section id=\"{}\"><h2>{}</h2>", part.id, part.title))?;
        (part.write)(report, out)?;
        raw(out, "</section>")?;
    }
    raw(out, "</main>")?;
    put(
        out,
        html! {
            footer {
                p { "Written " (stamp(report.written_at)) " from " (grouped(report.records)) " records. Head of the journal: "
                    code { (report.head) } }
            }
        },
    )?;
    raw(out, "</body></html>\n")
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// The first screen.
fn top(report: &Postmortem, title: &str, parts: &[&Part]) -> Markup {
    html! {
        header {
            h1 { (title) }
            @for held in glance::held(report) { p.unfinished { (ticked(&held)) } }
            p { (ticked(&report.outcome)) }
            @if !report.ended {
                p.unfinished { "THIS RUN HAS NOT ENDED. All of this is as of " (stamp(report.written_at)) "." }
            }
            @for trouble in &report.troubles { p { b.badly { "Not complete: " (ticked(trouble)) } } }
            dl.glance {
                @for it in glance::answers(report) {
                    div class=(tone(it.tone)) { dt { (it.question) } dd { (ticked(&it.answer)) } }
                }
            }
            (parts::facts(report))
            nav aria-label="Parts of this page" {
                @for part in parts { a href={ "#" (part.id) } { (part.title) } " " }
            }
        }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Well => "well",
        Tone::Badly => "badly",
        Tone::Plain => "plain",
    }
}

/// The one way onto the page: nothing of what others wrote moves the cursor or turns the writing.
fn put(out: Out<'_>, markup: Markup) -> io::Result<()> {
    raw(out, &clean::lines(&markup.into_string()))
}

/// Our own markup only.
fn raw(out: Out<'_>, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())
}

/// Text with what stands between backticks as code.
fn ticked(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn state(status: Status) -> Markup {
    html! { span class={ "state-" (status.word()) } { (status.word()) } }
}

/// Columns of a table; the first one names its row. `true`: numbers.
type Heads = &'static [(&'static str, bool)];

/// A table of more columns than a telephone is wide.
const MANY: usize = 4;

/// A table, row by row: each gives the cells of one, as many as there are columns. On a narrow screen the cells of a wide one
/// stand below one another, each with the name of its column.
fn table(out: Out<'_>, heads: Heads, rows: impl Iterator<Item = Vec<Markup>>) -> io::Result<()> {
    let class = if heads.len() < MANY { "few" } else { "stack" };
    raw(out, &format!("<div class=\"wide\"><table class=\"{class}\"><thead><tr>"))?;
    for (head, is_number) in heads {
        put(out, html! { th scope="col" class=[is_number.then_some("n")] { (head) } })?;
    }
    raw(out, "</tr></thead><tbody>")?;
    for row in rows {
        let mut cells = heads.iter().zip(row);
        let first = cells.next().map(|(_, cell)| cell).unwrap_or_default();
        put(
            out,
            html! {
                tr {
                    th scope="row" { (first) }
                    @for ((head, is_number), cell) in cells {
                        td class=[is_number.then_some("n")] data-label=(head) { (cell) }
                    }
                }
            },
        )?;
    }
    raw(out, "</tbody></table></div>\n")
}
