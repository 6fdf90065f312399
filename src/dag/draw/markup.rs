//! Graphviz and Mermaid.

use super::picture::{self, Row, Section};
use crate::dag::Dag;
use std::fmt::Write as _;

/// The graph in the language of Graphviz.
#[must_use]
pub fn dot(dag: &Dag) -> String {
    let mut out =
        String::from("digraph plan {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    for (index, picture) in picture::all(dag).iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_p{index} {{\n    label={};", quoted(&picture.title));
        dot_rows(&picture.rows, &format!("p{index}"), 4, &mut out);
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn dot_rows(rows: &[Row], prefix: &str, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    for (index, row) in rows.iter().enumerate() {
        let id = format!("{prefix}_{index}");
        let _ = writeln!(out, "{pad}{id} [label={}];", quoted(&label(row, "\n")));
        for (number, section) in row.sections.iter().enumerate() {
            let inner = format!("{id}_{number}");
            let title = quoted(&title(row, section));
            let _ = writeln!(out, "{pad}subgraph cluster_{inner} {{\n{pad}  label={title}; style=dashed;");
            dot_rows(&section.rows, &inner, indent + 2, out);
            let _ = writeln!(out, "{pad}}}");
            if !section.rows.is_empty() {
                let _ = writeln!(out, "{pad}{id} -> {inner}_0 [style=dashed, arrowhead=none];");
            }
        }
        for source in &row.after {
            let _ = writeln!(out, "{pad}{prefix}_{source} -> {id};");
        }
    }
}

fn title(row: &Row, section: &Section) -> String {
    format!("{} {}", row.name, section.label).trim().to_owned()
}

fn label(row: &Row, line_break: &str) -> String {
    if row.name.is_empty() { row.text.clone() } else { format!("{}{line_break}{}", row.name, row.text) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The graph in the language of Mermaid.
#[must_use]
pub fn mermaid(dag: &Dag) -> String {
    let mut out = String::from("flowchart TB\n");
    for (index, picture) in picture::all(dag).iter().enumerate() {
        let _ = writeln!(out, "  subgraph p{index}[{}]", entity(&picture.title));
        mermaid_rows(&picture.rows, &format!("p{index}"), 4, &mut out);
        out.push_str("  end\n");
    }
    out
}

fn mermaid_rows(rows: &[Row], prefix: &str, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    for (index, row) in rows.iter().enumerate() {
        let id = format!("{prefix}_{index}");
        let _ = writeln!(out, "{pad}{id}[{}]", entity(&label(row, "<br>")));
        for (number, section) in row.sections.iter().enumerate() {
            let inner = format!("{id}_{number}");
            let _ = writeln!(out, "{pad}subgraph {inner}[{}]", entity(&title(row, section)));
            mermaid_rows(&section.rows, &inner, indent + 2, out);
            let _ = writeln!(out, "{pad}end");
            if !section.rows.is_empty() {
                let _ = writeln!(out, "{pad}{id} -.- {inner}_0");
            }
        }
        for source in &row.after {
            let _ = writeln!(out, "{pad}{prefix}_{source} --> {id}");
        }
    }
}

fn entity(text: &str) -> String {
    format!("\"{}\"", text.replace('&', "#amp;").replace('"', "#quot;"))
}
