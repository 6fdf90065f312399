//! Pictures of a plan's graph. One `Picture` feeds them all: the terminal and SVG draw its steps in the order of the text, one a
//! line, with a rail for every step that others wait for; Graphviz and Mermaid lay it out themselves.
//!
//! Rails fit in few columns however wide the graph is: all edges out of one step share its rail, a rail ends at its last reader,
//! and where an edge crosses a rail that it has nothing to do with, the rail is drawn through (`─│─`). No edge can pass a step.

mod markup;
mod picture;
mod rails;
mod svg;

pub use markup::{dot, mermaid};
pub use svg::{svg, svg_part};

use super::Dag;

/// The entry plan and every plan it calls, for a terminal of `width` columns.
#[must_use]
pub fn terminal(dag: &Dag, width: usize) -> String {
    let mut lines = Vec::new();
    for picture in picture::all(dag) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!("plan {}", picture.title));
        lines.push(String::new());
        lines.extend(rails::text(&picture.rows, width));
    }
    lines.join("\n")
}
