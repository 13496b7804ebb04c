//! For Mermaid, as wikis and forges draw it.

use super::{Nest, Picture, Shown, cut, ends, is_only_order};
use crate::runbook::ast::Ended;

pub fn mermaid(picture: &Picture) -> String {
    // A JSON string is a YAML one.
    let title = serde_json::Value::from(escaped(&picture.title));
    let mut text = format!("---\ntitle: {title}\n---\nflowchart TD\n");
    let nest = Nest { begin: &subgraph, one: &box_of, end: "end" };
    picture.boxes(&nest, None, false, "  ", &mut text);
    if picture.steps.iter().any(|step| step.finally) {
        text.push_str("  subgraph finally\n");
        picture.boxes(&nest, None, true, "    ", &mut text);
        text.push_str("  end\n");
    }
    for (node, step) in picture.steps.iter().enumerate() {
        text.extend(step.needs.iter().map(|(need, when)| arrow(*need, node, when.as_deref())));
    }
    if !picture.longest.is_empty() {
        let critical: Vec<String> = picture.longest.iter().map(|node| format!("n{node}")).collect();
        text.push_str("  classDef critical stroke:#c0392b,stroke-width:3px\n");
        text.push_str(&format!("  class {} critical\n", critical.join(",")));
    }
    for (tone, look) in TONES {
        let nodes = picture.steps.iter().enumerate().filter(|(_, step)| step.state.map(super::tone) == Some(tone));
        let nodes: Vec<String> = nodes.map(|(node, _)| format!("n{node}")).collect();
        if !nodes.is_empty() {
            text.push_str(&format!("  classDef {tone} {look}\n  class {} {tone}\n", nodes.join(",")));
        }
    }
    text
}

/// A block is a subgraph around its own box and those of its steps.
fn subgraph(node: usize, step: &Shown, indent: &str) -> String {
    format!("{indent}subgraph s{node}[\"{}\"]\n", escaped(&step.frame_name()))
}

/// How the boxes of a run look.
const TONES: [(&str, &str); 5] = [
    ("well", "fill:#d9f0df,color:#123"),
    ("badly", "fill:#f8d7d3,color:#311"),
    ("waits", "fill:#fdebc8,color:#321"),
    ("works", "fill:#d6e6f5,color:#123"),
    ("off", "fill:#eee,color:#555,stroke-dasharray:5 3"),
];

fn box_of(node: usize, step: &Shown, indent: &str) -> String {
    let (name, kind) = (cut(&step.name, 60), step.last_line());
    let lines = [&step.id, &name, &kind].into_iter().filter(|line| !line.is_empty()).map(|line| escaped(line));
    format!("{indent}n{node}[\"{}\"]\n", lines.collect::<Vec<_>>().join("<br/>"))
}

fn arrow(from: usize, to: usize, when: Option<&[Ended]>) -> String {
    match when {
        Some(when) if is_only_order(when) => format!("  n{from} -.-> n{to}\n"),
        Some(when) => format!("  n{from} -.->|{}| n{to}\n", ends(when)),
        None => format!("  n{from} --> n{to}\n"),
    }
}

/// Everything that means something to Mermaid, HTML or Markdown as one of Mermaid's character codes.
fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        c if c.is_alphanumeric() || " .,:-_/()…".contains(c) => c.to_string(),
        c => format!("#{};", u32::from(c)),
    };
    text.chars().map(one).collect()
}
