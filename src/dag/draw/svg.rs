//! SVG: the rails of the terminal as lines and dots.

use super::picture::{self, Row};
use super::rails::{self, Cell};
use crate::dag::Dag;
use std::fmt::Write as _;

const LINE: usize = 28;
const COLUMN: usize = 18;

const STYLE: &str = ".edge { stroke: #7a869a; stroke-width: 1.6; fill: none } .dot { fill: #2f6fde } \
    .region { stroke: #c3cad5; stroke-dasharray: 3 3 } text { fill: #1c2430 } .name { font-weight: 600 } \
    .text { fill: #5b6675 } .plan { font-weight: 700; font-size: 15px }";

/// The graph as one self-contained picture.
#[must_use]
pub fn svg(dag: &Dag) -> String {
    let (w, h, body) = drawn(dag, &|_| "");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"13\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// The same as a part of a page, whose style it has. `class` gives the class of a step's dot by its path, in which indices are
/// left out: `pages[].page`.
#[must_use]
pub fn svg_part(dag: &Dag, class: &dyn Fn(&str) -> &'static str) -> String {
    let (w, h, body) = drawn(dag, class);
    format!("<svg width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n{body}</svg>\n")
}

fn drawn(dag: &Dag, class: &dyn Fn(&str) -> &'static str) -> (usize, usize, String) {
    let mut canvas = Canvas { body: String::new(), y: LINE, width: 0, class };
    for (index, picture) in picture::all(dag).iter().enumerate() {
        canvas.text(12, "plan", &format!("plan {}", picture.title));
        canvas.y += LINE;
        // A called plan may stand for many instances: its dots say nothing of one.
        canvas.rows(&picture.rows, 20, if index == 0 { Some("") } else { None });
        canvas.y += LINE / 2;
    }
    (canvas.width + 24, canvas.y, canvas.body)
}

struct Canvas<'c> {
    body: String,
    y: usize,
    width: usize,
    class: &'c dyn Fn(&str) -> &'static str,
}

impl Canvas<'_> {
    fn text(&mut self, x: usize, class: &str, text: &str) {
        let y = self.y + 4;
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
        self.width = self.width.max(x + text.chars().count() * 8);
    }

    fn line(&mut self, class: &str, (x1, y1): (usize, usize), (x2, y2): (usize, usize)) {
        let _ =
            writeln!(self.body, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    /// `prefix`: the path of what the rows stand in; none where it is not known.
    fn rows(&mut self, rows: &[Row], left: usize, prefix: Option<&str>) {
        let tracks = rails::tracks(rows);
        let columns = tracks.iter().map(|t| t.cells.len()).max().unwrap_or(0);
        let names = rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
        let label = left + columns * COLUMN + 6;
        for (row, track) in rows.iter().zip(&tracks) {
            let y = self.y;
            let path = prefix.map(|p| format!("{p}{}", row.name));
            let class = path.as_deref().filter(|_| row.is_step).map_or("", self.class);
            self.edges(&track.cells, left, y, class);
            if !row.name.is_empty() {
                self.text(label, "name", &row.name);
            }
            let shift = if row.name.is_empty() { 0 } else { (names + 2) * 8 };
            self.text(label + shift, "text", &row.text);
            self.y += LINE;
            self.sections(row, label, path.as_deref());
            let bottom = self.y;
            for (column, _) in track.open.iter().enumerate().filter(|(_, open)| **open) {
                let x = left + column * COLUMN;
                self.line("edge", (x, y), (x, bottom));
            }
        }
    }

    fn sections(&mut self, row: &Row, label: usize, path: Option<&str>) {
        for section in &row.sections {
            let top = self.y - LINE / 2;
            if !section.label.is_empty() {
                self.text(label + 12, "text", &format!("{}:", section.label));
                self.y += LINE;
            }
            let inside = path.map(|p| format!("{p}{}.", section.key));
            self.rows(&section.rows, label + 20, inside.as_deref());
            self.line("edge region", (label + 4, top), (label + 4, self.y - LINE / 2));
        }
    }

    /// The edge into a row's dot; rails that go on are drawn from row to row.
    fn edges(&mut self, cells: &[Cell], left: usize, y: usize, class: &str) {
        let dot = cells.iter().position(|c| *c == Cell::Dot).unwrap_or(0);
        let x = left + dot * COLUMN;
        if let Some(first) = cells.iter().position(|c| matches!(c, Cell::Leaves { .. })) {
            self.line("edge", (left + first * COLUMN, y), (x, y));
        }
        let class = if class.is_empty() { "dot".to_owned() } else { format!("dot {class}") };
        let _ = writeln!(self.body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
