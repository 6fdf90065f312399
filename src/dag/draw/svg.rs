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
    let mut canvas = Canvas { body: String::new(), y: LINE, width: 0 };
    for picture in picture::all(dag) {
        canvas.text(12, "plan", &format!("plan {}", picture.title));
        canvas.y += LINE;
        canvas.rows(&picture.rows, 20);
        canvas.y += LINE / 2;
    }
    let (w, h) = (canvas.width + 24, canvas.y);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"13\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
        canvas.body
    )
}

struct Canvas {
    body: String,
    y: usize,
    width: usize,
}

impl Canvas {
    fn text(&mut self, x: usize, class: &str, text: &str) {
        let y = self.y + 4;
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
        self.width = self.width.max(x + text.chars().count() * 8);
    }

    fn line(&mut self, class: &str, (x1, y1): (usize, usize), (x2, y2): (usize, usize)) {
        let _ =
            writeln!(self.body, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    fn rows(&mut self, rows: &[Row], left: usize) {
        let tracks = rails::tracks(rows);
        let columns = tracks.iter().map(|t| t.cells.len()).max().unwrap_or(0);
        let names = rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
        let label = left + columns * COLUMN + 6;
        for (row, track) in rows.iter().zip(&tracks) {
            let y = self.y;
            self.edges(&track.cells, left, y);
            if !row.name.is_empty() {
                self.text(label, "name", &row.name);
            }
            let shift = if row.name.is_empty() { 0 } else { (names + 2) * 8 };
            self.text(label + shift, "text", &row.text);
            self.y += LINE;
            self.sections(row, label);
            let bottom = self.y;
            for (column, _) in track.open.iter().enumerate().filter(|(_, open)| **open) {
                let x = left + column * COLUMN;
                self.line("edge", (x, y), (x, bottom));
            }
        }
    }

    fn sections(&mut self, row: &Row, label: usize) {
        for section in &row.sections {
            let top = self.y - LINE / 2;
            if !section.label.is_empty() {
                self.text(label + 12, "text", &format!("{}:", section.label));
                self.y += LINE;
            }
            self.rows(&section.rows, label + 20);
            self.line("edge region", (label + 4, top), (label + 4, self.y - LINE / 2));
        }
    }

    /// The edge into a row's dot; rails that go on are drawn from row to row.
    fn edges(&mut self, cells: &[Cell], left: usize, y: usize) {
        let dot = cells.iter().position(|c| *c == Cell::Dot).unwrap_or(0);
        let x = left + dot * COLUMN;
        if let Some(first) = cells.iter().position(|c| matches!(c, Cell::Leaves { .. })) {
            self.line("edge", (left + first * COLUMN, y), (x, y));
        }
        let _ = writeln!(self.body, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
