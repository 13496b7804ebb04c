//! For Graphviz.

use super::{Nest, Picture, Shown, cut, ends, is_only_order};
use crate::runbook::ast::Ended;

pub fn dot(picture: &Picture) -> String {
    let mut text = format!(
        "digraph runbook {{\n  label={};\n  labelloc=t;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        quoted(&[&picture.title])
    );
    let nest = Nest { begin: &cluster, one: &box_of, end: "}" };
    picture.boxes(&nest, None, false, "  ", &mut text);
    if picture.steps.iter().any(|step| step.finally) {
        text.push_str("  subgraph cluster_finally {\n    label=\"finally\";\n    style=dashed;\n");
        picture.boxes(&nest, None, true, "    ", &mut text);
        text.push_str("  }\n");
    }
    for (node, step) in picture.steps.iter().enumerate() {
        text.extend(step.needs.iter().map(|(need, when)| arrow(picture, *need, node, when.as_deref())));
    }
    text + "}\n"
}

/// A block is a cluster around its own box and those of its steps.
fn cluster(node: usize, step: &Shown, indent: &str) -> String {
    format!("{indent}subgraph cluster_n{node} {{\n{indent}  label={};\n", quoted(&[&step.frame_name()]))
}

fn box_of(node: usize, step: &Shown, indent: &str) -> String {
    let (name, kind) = (cut(&step.name, 60), step.last_line());
    let lines: Vec<&str> =
        [&step.id, &name, &kind].into_iter().filter(|line| !line.is_empty()).map(String::as_str).collect();
    let critical = if step.critical { ", color=\"#c0392b\", penwidth=2" } else { "" };
    format!("{indent}n{node} [label={}{critical}];\n", quoted(&lines))
}

fn arrow(picture: &Picture, from: usize, to: usize, when: Option<&[Ended]>) -> String {
    let critical = picture.longest.windows(2).any(|pair| pair == [from, to]);
    let looks = match when {
        _ if critical => " [color=\"#c0392b\", penwidth=2]".to_string(),
        Some(when) if is_only_order(when) => " [style=dotted]".to_string(),
        Some(when) => format!(" [style=dashed, label={}]", quoted(&[&ends(when)])),
        None => String::new(),
    };
    format!("  n{from} -> n{to}{looks};\n")
}

/// A string of Graphviz, one line under the other.
fn quoted(lines: &[&str]) -> String {
    let escaped = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}
