//! The timeline in the terminal: a line a step, its bar on the run's axis of time.

use super::duration;
use crate::cli::terminal;
use crate::engine::command::StepReport;
use crate::engine::reuse::Reused;
use crate::engine::{StepPath, StepStatus};
use crate::runtime::report::Report;
use crate::runtime::timeline::{Phase, PhaseKind};
use jiff::Timestamp;
use std::collections::HashSet;

/// More steps are left out, the plainest first.
const MOST: usize = 100;
/// The longest line, in columns.
const WIDTH: usize = 100;
/// The longest name, in columns.
const NAME: usize = 34;

/// The steps that are worth showing where there are too many: in the order of the text, and how many were left out.
pub(super) fn chosen<'r>(
    report: &'r Report,
    critical: &HashSet<&StepPath>,
    most: usize,
) -> (Vec<&'r StepReport>, usize) {
    if report.steps.len() <= most {
        return (report.steps.iter().collect(), 0);
    }
    let rank = |s: &StepReport| {
        let plain = matches!(s.status, StepStatus::Succeeded | StepStatus::Pending | StepStatus::Skipped);
        let inside = s.path.0.contains(['.', '[']);
        match (plain && s.attempts < 2, critical.contains(&s.path), inside) {
            (false, ..) => 0,
            (true, _, false) => 1,
            (true, true, true) => 2,
            (true, false, true) => 3,
        }
    };
    let mut order: Vec<usize> = (0..report.steps.len()).collect();
    order.sort_by_key(|i| (report.steps.get(*i).map_or(9, rank), *i));
    order.truncate(most);
    order.sort_unstable();
    let left = report.steps.len() - order.len();
    (order.into_iter().filter_map(|i| report.steps.get(i)).collect(), left)
}

/// The paths of the critical path.
pub(super) fn critical(report: &Report) -> HashSet<&StepPath> {
    report.critical_path().into_iter().map(|s| &s.path).collect()
}

/// The whole picture, with colours.
pub(super) fn draw(report: &Report, columns: usize) -> String {
    let critical = critical(report);
    let (steps, left) = chosen(report, &critical, MOST);
    let width = columns.clamp(50, WIDTH);
    let names =
        steps.iter().map(|s| s.path.0.chars().count()).max().unwrap_or(0).clamp(4, NAME.min(width / 3));
    // Before the bar: mark, critical mark, name; behind it: the time and the attempts.
    let bar = width.saturating_sub(names + 4 + 15).max(10);
    let mut lines = Vec::new();
    let axis = Axis::of(report, bar);
    if let Some(axis) = &axis {
        lines.push(format!("{}\x1b[2m{}\x1b[0m", " ".repeat(names + 5), axis.scale()));
    }
    for step in &steps {
        lines.extend(line(step, report, axis.as_ref(), critical.contains(&step.path), names, width));
    }
    if left > 0 {
        lines.push(format!("… and {left} more steps that went well; `--json` and `--html` have more"));
    }
    if axis.is_some() {
        lines.push(legend(&steps, report, &critical));
    }
    lines.iter().map(|l| l.trim_end()).collect::<Vec<_>>().join("\n")
}

fn legend(steps: &[&StepReport], report: &Report, critical: &HashSet<&StepPath>) -> String {
    let has = |f: &dyn Fn(&PhaseKind) -> bool| {
        steps.iter().flat_map(|s| report.timeline.of(&s.path)).any(|p| f(&p.kind))
    };
    let mut parts = vec!["█ works"];
    if steps.iter().any(|s| is_region(s)) {
        parts.push("━ what is inside works");
    }
    if has(&|k| matches!(k, PhaseKind::Retry { .. })) {
        parts.push("░ waits to try again");
    }
    if has(&|k| matches!(k, PhaseKind::Wait { .. })) {
        parts.push("▒ waits");
    }
    if !critical.is_empty() {
        parts.push("» on the critical path");
    }
    format!("\x1b[2m{}\x1b[0m", parts.join("   "))
}

/// Whether a step is its content: a `for`, an `if`, a called plan.
fn is_region(step: &StepReport) -> bool {
    step.skill.is_none()
}

fn line(
    step: &StepReport,
    report: &Report,
    axis: Option<&Axis>,
    critical: bool,
    names: usize,
    width: usize,
) -> Vec<String> {
    let (colour, mark) = mark(step.status);
    let name = fitted(&step.path.0, names);
    let pad = " ".repeat(names - name.chars().count());
    let star = if critical { "\x1b[1;36m»\x1b[0m" } else { " " };
    let head = format!("{colour}{mark}\x1b[0m {star} {name}{pad} ");
    let note = note(step);
    let Some((axis, bar)) = axis.and_then(|a| Some((a, a.bar(step, report)?))) else {
        // Nothing to draw: the line is free for words.
        let what = crate::runtime::report::step_status_name(step.status).replace('_', " ");
        let text = if note.is_empty() { what } else { format!("{what} {note}") };
        return vec![format!("{head}\x1b[2m{}\x1b[0m", cut(&text, width.saturating_sub(names + 5)))];
    };
    let took = match (step.started_at, step.ended_at) {
        (Some(from), Some(to)) => duration(to.duration_since(from)),
        _ => crate::runtime::report::step_status_name(step.status).to_owned(),
    };
    let attempts = if step.attempts > 1 { format!(" ×{}", step.attempts) } else { String::new() };
    let mut lines = vec![format!("{head}{} {took:>7}{attempts}", bar.coloured(colour, critical))];
    debug_assert!(bar.cells.len() == axis.width);
    if !note.is_empty() {
        let indent = " ".repeat(names.min(12) + 5);
        lines.push(format!("{indent}\x1b[2m└ {}\x1b[0m", cut(&note, width.saturating_sub(indent.len() + 2))));
    }
    lines
}

fn mark(status: StepStatus) -> (&'static str, &'static str) {
    match status {
        StepStatus::Succeeded => ("\x1b[32m", "✓"),
        StepStatus::Recovered => ("\x1b[33m", "✓"),
        StepStatus::Failed => ("\x1b[31m", "✗"),
        StepStatus::Cancelled => ("\x1b[2m", "✗"),
        StepStatus::Skipped => ("\x1b[2m", "-"),
        StepStatus::InDoubt => ("\x1b[31m", "?"),
        StepStatus::Running => ("\x1b[36m", "▶"),
        StepStatus::Waiting => ("\x1b[34m", "…"),
        StepStatus::Pending => ("\x1b[2m", "·"),
    }
}

fn note(step: &StepReport) -> String {
    if let Some(Reused::From(run)) = &step.reuse {
        let told = told(step);
        let told = if told.is_empty() { told } else { format!("; {told}") };
        return format!("taken over from run {run}{told}");
    }
    match (step.skipped_because.as_deref(), &step.error, step.compensation) {
        (Some("when"), ..) => "because its `when` did not hold".to_owned(),
        (Some("unless"), ..) => "because its `unless` held".to_owned(),
        (Some(because), ..) => format!("because `{because}` has no value"),
        (None, Some(error), _) => {
            let after = match step.status {
                StepStatus::Recovered => "recovered from ",
                StepStatus::Succeeded => "at first ",
                StepStatus::Pending
                | StepStatus::Waiting
                | StepStatus::Running
                | StepStatus::Skipped
                | StepStatus::Failed
                | StepStatus::Cancelled
                | StepStatus::InDoubt => "",
            };
            format!("{after}{}: {}", error.kind, error.message)
        }
        (None, None, Some(StepStatus::Succeeded)) => "undone".to_owned(),
        (None, None, Some(StepStatus::Failed | StepStatus::InDoubt)) => "not undone".to_owned(),
        (None, None, _) => told(step),
    }
}

/// Who let it happen, or where its value came from.
pub(super) fn told(step: &StepReport) -> String {
    let mut parts = Vec::new();
    match step.reused.as_deref() {
        Some("cache") => parts.push("from the cache".to_owned()),
        Some(run) => parts.push(format!("by its key from run {run}")),
        None => {}
    }
    let yes: Vec<&str> = step.decisions.iter().filter(|d| d.approved).map(|d| &*d.by).collect();
    if !yes.is_empty() {
        let what = if step.skill.as_deref() == Some("human.ask") { "answered" } else { "approved" };
        parts.push(format!("{what} by {}", yes.join(", ")));
    }
    parts.join("; ")
}

/// One line of at most so many columns; what a value holds moves no cursor.
fn cut(text: &str, width: usize) -> String {
    let plain = terminal::one_line(text);
    if plain.chars().count() <= width {
        return plain;
    }
    plain.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A path cut in front, where it is too long: its end says which one it is.
fn fitted(path: &str, width: usize) -> String {
    let path = terminal::one_line(path);
    let count = path.chars().count();
    if count <= width {
        path
    } else {
        std::iter::once('…').chain(path.chars().skip(count + 1 - width)).collect()
    }
}

/// The run's axis of time.
struct Axis {
    from: Timestamp,
    seconds: f64,
    width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Empty,
    Wait,
    Retry,
    Inside,
    Work,
}

struct Bar {
    cells: Vec<Cell>,
}

impl Axis {
    fn of(report: &Report, width: usize) -> Option<Axis> {
        let from = report.started_at?;
        let to = report.ended_at?.max(from);
        Some(Axis { from, seconds: to.duration_since(from).as_secs_f64().max(1e-6), width })
    }

    /// Marks at the quarters.
    fn scale(&self) -> String {
        let mut line: Vec<char> = vec![' '; self.width];
        for quarter in 0..4_usize {
            let at = self.width * quarter / 4;
            let time = jiff::SignedDuration::try_from_secs_f64(self.seconds * quarter as f64 / 4.0);
            let text = match time {
                Ok(time) if quarter > 0 => format!("│{}", duration(time)),
                _ => "│0".to_owned(),
            };
            for (slot, c) in line.iter_mut().skip(at).zip(text.chars()) {
                *slot = c;
            }
        }
        let total = jiff::SignedDuration::try_from_secs_f64(self.seconds).map(duration).unwrap_or_default();
        format!("{} {total:>7}", line.into_iter().collect::<String>())
    }

    fn column(&self, at: Timestamp) -> f64 {
        (at.duration_since(self.from).as_secs_f64() / self.seconds).clamp(0.0, 1.0) * self.width as f64
    }

    /// The bar of a step that started.
    fn bar(&self, step: &StepReport, report: &Report) -> Option<Bar> {
        let start = step.started_at?;
        let end = step.ended_at.or(report.ended_at).unwrap_or(start);
        let whole = [Phase { kind: PhaseKind::Work { attempt: 1 }, from: start, to: Some(end) }];
        let phases = report.timeline.of(&step.path);
        let phases = if phases.is_empty() { &whole[..] } else { phases };
        let mut cells = vec![Cell::Empty; self.width];
        // What took no time is not worth a column, beside what did.
        for phase in phases.iter().filter(|p| phases.len() == 1 || p.shows()) {
            let cell = match phase.kind {
                PhaseKind::Work { .. } if is_region(step) => Cell::Inside,
                PhaseKind::Work { .. } => Cell::Work,
                PhaseKind::Retry { .. } => Cell::Retry,
                PhaseKind::Wait { .. } => Cell::Wait,
            };
            let from = (self.column(phase.from).floor() as usize).min(self.width - 1);
            let to = (self.column(phase.to.unwrap_or(end)).ceil() as usize).clamp(from + 1, self.width);
            for slot in cells.iter_mut().take(to).skip(from) {
                *slot = (*slot).max(cell);
            }
        }
        Some(Bar { cells })
    }
}

impl Bar {
    fn coloured(&self, status: &str, critical: bool) -> String {
        let mut out = String::new();
        for run in self.cells.chunk_by(|a, b| a == b) {
            let Some(cell) = run.first() else { continue };
            let bold = if critical { "\x1b[1m" } else { "" };
            let (style, c) = match cell {
                Cell::Empty => ("\x1b[2m".to_owned(), "·"),
                Cell::Wait => ("\x1b[34m".to_owned(), "▒"),
                Cell::Retry => ("\x1b[33m".to_owned(), "░"),
                Cell::Inside => (format!("{status}{bold}"), "━"),
                Cell::Work => (format!("{status}{bold}"), "█"),
            };
            out.push_str(&format!("{style}{}\x1b[0m", c.repeat(run.len())));
        }
        out
    }
}
