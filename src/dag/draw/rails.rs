//! Rows with rails: which columns the edges take, and the terminal's characters for them.

use super::picture::{Row, Section};

/// What stands in one column of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Empty,
    /// A rail that goes on past the row.
    Rail,
    /// A rail that goes on past the row, drawn through an edge that it has nothing to do with.
    Crossed,
    /// A rail that the row's edge leaves to the right; `ends`: it was its last.
    Leaves {
        first: bool,
        ends: bool,
    },
    /// An edge passes an empty column.
    Edge,
    /// The row's step.
    Dot,
}

/// The columns of one row, and the rails behind it.
pub(super) struct Track {
    pub(super) cells: Vec<Cell>,
    /// The columns that hold a rail after the row.
    pub(super) open: Vec<bool>,
}

/// Lays rails out. Rows only wait for rows above them.
pub(super) fn tracks(rows: &[Row]) -> Vec<Track> {
    let mut last_reader = vec![None; rows.len()];
    for (reader, row) in rows.iter().enumerate() {
        for source in &row.after {
            if let Some(slot) = last_reader.get_mut(*source) {
                *slot = Some(reader);
            }
        }
    }
    let mut rails: Vec<Option<usize>> = Vec::new();
    rows.iter().enumerate().map(|(me, row)| track(me, row, &last_reader, &mut rails)).collect()
}

fn track(me: usize, row: &Row, last_reader: &[Option<usize>], rails: &mut Vec<Option<usize>>) -> Track {
    let reader = |source: usize| last_reader.get(source).copied().flatten();
    let waits = |rail: &Option<usize>| rail.is_some_and(|s| row.after.contains(&s));
    let ends = |rail: &Option<usize>| rail.is_some_and(|s| reader(s) == Some(me));
    let first = rails.iter().position(waits);
    let dot = place(rails, rails.iter().rposition(waits), ends);
    if dot >= rails.len() {
        rails.resize(dot + 1, None);
    }
    let between = |c: usize| first.is_some_and(|f| f < c) && c < dot;
    let cell = |(c, rail): (usize, &Option<usize>)| match rail {
        _ if c == dot => Cell::Dot,
        Some(_) if waits(rail) => Cell::Leaves { first: Some(c) == first, ends: ends(rail) },
        Some(_) if between(c) => Cell::Crossed,
        Some(_) => Cell::Rail,
        None if between(c) => Cell::Edge,
        None => Cell::Empty,
    };
    let cells = rails.iter().enumerate().map(cell).collect();
    for rail in rails.iter_mut().filter(|r| ends(r)) {
        *rail = None;
    }
    if let Some(slot) = rails.get_mut(dot) {
        *slot = reader(me).map(|_| me);
    }
    let open = rails.iter().map(Option::is_some).collect();
    while rails.last().is_some_and(Option::is_none) {
        rails.pop();
    }
    Track { cells, open }
}

/// Under the last rail it waits for where that ends, else in the first free column right of it.
fn place(rails: &[Option<usize>], last: Option<usize>, ends: impl Fn(&Option<usize>) -> bool) -> usize {
    let from = match last {
        Some(column) if rails.get(column).is_some_and(&ends) => return column,
        Some(column) => column + 1,
        None => 0,
    };
    (from..rails.len())
        .find(|c| rails.get(*c).is_some_and(Option::is_none))
        .unwrap_or_else(|| rails.len().max(from))
}

/// The rows as lines of at most `width` characters.
pub(super) fn text(rows: &[Row], width: usize) -> Vec<String> {
    let tracks = tracks(rows);
    let columns = tracks.iter().map(|t| t.cells.len()).max().unwrap_or(0);
    let name_width = rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).min(28);
    let mut lines = Vec::new();
    for (index, (row, track)) in rows.iter().zip(&tracks).enumerate() {
        let label = match row.name.as_str() {
            "" => row.text.clone(),
            name => format!("{name:<name_width$}  {}", row.text),
        };
        lines.push(cut(&format!("{}{label}", cells(&track.cells, columns)), width));
        for section in &row.sections {
            inside(section, &rails(&track.open, columns), width, &mut lines);
        }
        if index + 1 < rows.len() {
            lines.push(rails(&track.open, columns).trim_end().to_owned());
        }
    }
    lines
}

fn inside(section: &Section, prefix: &str, width: usize, lines: &mut Vec<String>) {
    let indent = format!("{prefix}┊ ");
    if !section.label.is_empty() {
        lines.push(cut(&format!("{indent}{}:", section.label), width));
    }
    let room = width.saturating_sub(indent.chars().count()).max(20);
    for line in text(&section.rows, room) {
        lines.push(cut(format!("{indent}{line}").trim_end(), width));
    }
}

fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.trim_end().to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn cells(cells: &[Cell], columns: usize) -> String {
    let mut out = String::new();
    let mut edge = false;
    for index in 0..columns {
        let cell = cells.get(index).copied().unwrap_or(Cell::Empty);
        let (mark, goes_on) = match cell {
            Cell::Empty => (' ', false),
            Cell::Rail => ('│', false),
            Cell::Crossed => ('│', edge),
            Cell::Leaves { first: true, ends: true } => ('└', true),
            Cell::Leaves { first: true, ends: false } => ('├', true),
            Cell::Leaves { first: false, ends: true } => ('┴', true),
            Cell::Leaves { first: false, ends: false } => ('┼', true),
            Cell::Edge => ('─', edge),
            Cell::Dot => ('●', false),
        };
        edge = goes_on;
        out.push(mark);
        out.push(if edge { '─' } else { ' ' });
    }
    out.push(' ');
    out
}

fn rails(open: &[bool], columns: usize) -> String {
    let mark = |c: usize| if open.get(c).copied().unwrap_or(false) { "│ " } else { "  " };
    (0..columns).map(mark).collect::<String>() + " "
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(edges: &[&[usize]]) -> Vec<Row> {
        let row = |(i, after): (usize, &&[usize])| Row {
            name: format!("s{i}"),
            text: "x".into(),
            after: after.to_vec(),
            sections: Vec::new(),
            is_step: true,
        };
        edges.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_chain_takes_one_column() {
        assert_eq!(text(&rows(&[&[], &[0], &[1]]), 80), ["●  s0  x", "│", "●  s1  x", "│", "●  s2  x"]);
    }

    #[test]
    fn a_fan_shares_its_rail_and_a_join_gathers() {
        let lines = text(&rows(&[&[], &[0], &[0], &[1, 2]]), 80);
        assert_eq!(lines, ["●    s0  x", "│", "├─●  s1  x", "│ │", "● │  s2  x", "│ │", "└─●  s3  x"]);
    }

    #[test]
    fn an_edge_crosses_a_foreign_rail_openly() {
        let lines = text(&rows(&[&[], &[], &[0], &[0, 1, 2]]), 80);
        assert_eq!(lines.get(4).map(String::as_str), Some("├─│─●  s2  x"));
    }

    #[test]
    fn independent_steps_are_not_joined() {
        assert_eq!(text(&rows(&[&[], &[]]), 80), ["●  s0  x", "", "●  s1  x"]);
    }

    #[test]
    fn lines_never_pass_the_width() {
        let wide: Vec<Vec<usize>> =
            (0..60).map(|i| if i < 30 { vec![] } else { (0..30).collect() }).collect();
        let wide: Vec<&[usize]> = wide.iter().map(Vec::as_slice).collect();
        assert!(text(&rows(&wide), 72).iter().all(|l| l.chars().count() <= 72));
    }
}
