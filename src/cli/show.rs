//! `aos show`: a run as a timeline with every step.

use super::args::{Global, Show};
use super::backend::{self, Backend, Shown};
use super::{CliResult, Exit, Stop, people, render, terminal};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::command::StepReport;
use crate::engine::{RunStatus, StepStatus};
use crate::runtime::report::{self, Report};
use crate::runtime::socket::{Answer, Request};
use crate::source::Sources;
use comfy_table::{ContentArrangement, Table, presets};

pub(crate) fn show(args: &Show, global: &Global) -> CliResult {
    let (report, header, row) = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let shown = fetch(&backend, &args.run).await;
        backend.close().await?;
        shown
    })?;
    if args.json {
        terminal::print(&format!("{:#}", report.finished_line()));
        return Ok(Exit::Done);
    }
    let started = row.started_at;
    terminal::print(&format!(
        "run {}  plan {}  of {}  by {}  started {started:.0}",
        row.run, row.plan, row.file, row.actor
    ));
    terminal::print_coloured(&headline(&report));
    terminal::print(&timeline(&report, terminal::width()));
    if let Some(path) = critical_path(&report) {
        terminal::print(&path);
    }
    if !report.status.is_ended() {
        for ask in &report.asks {
            terminal::print(&people::text(ask));
            terminal::print(&format!("  {}", people::command(&report.run, ask)));
        }
    }
    if let Some(outcome) = report.outcome.as_ref().filter(|_| report.status == RunStatus::Succeeded) {
        terminal::print(&format!("result: {:#}", outcome.output.to_json()));
    }
    failure(&report, &backend::sources(&header));
    Ok(Exit::Done)
}

pub(crate) async fn fetch(backend: &Backend, run: &str) -> Result<Shown, Stop> {
    match backend {
        Backend::Local { runtime, .. } => {
            runtime.find(run).and_then(|run| runtime.report(run)).map_err(|e| backend::stop(&e))
        }
        Backend::Remote { store } => match Backend::ask(store, &Request::Show { run: run.to_owned() }).await?
        {
            Answer::Show { report, header, row } => Ok((*report, *header, *row)),
            other => Err(Stop::failed(format!("unexpected answer of the store's holder: {other:?}"))),
        },
    }
}

/// A duration in at most two units: `1.2s`, `3m 5s`.
pub(crate) fn duration(d: jiff::SignedDuration) -> String {
    let ms = d.as_millis();
    match ms {
        ..1 => format!("{}µs", d.as_micros().max(0)),
        1..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{}m {}s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{}h {}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// One line: how it ended, how many steps, how long.
pub(crate) fn headline(report: &Report) -> String {
    let counts: Vec<String> = [
        (StepStatus::Succeeded, "succeeded"),
        (StepStatus::Recovered, "recovered"),
        (StepStatus::Skipped, "skipped"),
        (StepStatus::Failed, "failed"),
        (StepStatus::InDoubt, "in doubt"),
        (StepStatus::Cancelled, "cancelled"),
        (StepStatus::Running, "running"),
        (StepStatus::Waiting, "waiting"),
        (StepStatus::Pending, "pending"),
    ]
    .iter()
    .filter_map(|(status, name)| {
        let n = report.steps.iter().filter(|s| s.status == *status).count();
        (n > 0).then(|| format!("{n} {name}"))
    })
    .collect();
    let took = match (report.started_at, report.ended_at) {
        (Some(from), Some(to)) => format!(" in {}", duration(to.duration_since(from))),
        _ => String::new(),
    };
    let colour = match report.status {
        RunStatus::Succeeded => "\x1b[32m",
        RunStatus::Failed => "\x1b[31m",
        RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted | RunStatus::Cancelled => {
            "\x1b[33m"
        }
    };
    let steps = if counts.is_empty() { "no steps".to_owned() } else { counts.join(", ") };
    format!("{colour}{}\x1b[0m{took}: {steps}", report::status_name(report.status))
}

/// The chain of calls that decided how long it took.
pub(crate) fn critical_path(report: &Report) -> Option<String> {
    let path = report.critical_path();
    if path.len() < 2 {
        return None;
    }
    let part = |s: &&StepReport| match (s.started_at, s.ended_at) {
        (Some(from), Some(to)) => format!("{} {}", s.path, duration(to.duration_since(from))),
        _ => s.path.to_string(),
    };
    let mut parts: Vec<String> = path.iter().map(part).collect();
    if parts.len() > 8 {
        let left_out = parts.len() - 7;
        parts.splice(4..4 + left_out, [format!("… {left_out} more …")]);
    }
    Some(format!("critical path: {}", parts.join(" → ")))
}

/// The error that ended a run, at its place in the plan.
pub(crate) fn failure(report: &Report, sources: &Sources) {
    let Some(outcome) = &report.outcome else { return };
    if !outcome.not_undone.is_empty() {
        let steps: Vec<String> = outcome.not_undone.iter().map(|s| format!("`{s}`")).collect();
        terminal::say(&format!("not undone, because the compensation failed: {}", steps.join(", ")));
    }
    let Some(error) = &outcome.error else { return };
    let step = outcome.failed_step.as_ref();
    let row = step.and_then(|path| report.steps.iter().find(|s| s.path == *path));
    let span = error.span.or(row.map(|r| r.span));
    let at = step.map_or_else(String::new, |s| format!("`{s}` failed: "));
    let message = format!("{at}{}: {}", error.kind, error.message);
    match span.filter(|s| sources.get(s.source).is_some()) {
        Some(span) => {
            let label = error.skill.as_ref().map_or_else(String::new, |s| format!("in a call of `{s}`"));
            let diagnostic = Diagnostic::new(Code::RunFailed, span, message).label(label);
            anstream::eprint!("{}", render::text(&diagnostic, sources));
        }
        None => terminal::error(&message),
    }
}

/// A table of all steps, each with its bar on the run's time axis.
fn timeline(report: &Report, width: usize) -> String {
    const MOST: usize = 200;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let bar_width = width.saturating_sub(70).clamp(12, 40);
    for step in report.steps.iter().take(MOST) {
        let took = match (step.started_at, step.ended_at) {
            (Some(from), Some(to)) => duration(to.duration_since(from)),
            _ => String::new(),
        };
        let attempts = if step.attempts > 1 { format!("×{}", step.attempts) } else { String::new() };
        table.add_row(vec![
            mark(step.status).to_owned(),
            step.path.to_string(),
            report::step_status_name(step.status).to_owned(),
            took,
            attempts,
            bar(step, report, bar_width),
            note(step),
        ]);
    }
    let mut text = table.to_string().lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n");
    if report.steps.len() > MOST {
        text.push_str(&format!("\n… and {} more steps; `--json` has them all", report.steps.len() - MOST));
    }
    text
}

fn mark(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Succeeded | StepStatus::Recovered => "✓",
        StepStatus::Failed | StepStatus::Cancelled => "✗",
        StepStatus::Skipped => "-",
        StepStatus::InDoubt => "?",
        StepStatus::Running => "▶",
        StepStatus::Waiting => "…",
        StepStatus::Pending => "·",
    }
}

fn note(step: &StepReport) -> String {
    let text = match (&step.skipped_because, &step.error, step.compensation) {
        (Some(because), _, _) => format!("because {because}"),
        (None, Some(error), _) => format!("{}: {}", error.kind, error.message),
        (None, None, Some(StepStatus::Succeeded)) => "undone".to_owned(),
        (None, None, Some(StepStatus::Failed | StepStatus::InDoubt)) => "not undone".to_owned(),
        (None, None, _) => told(step),
    };
    if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { text }
}

/// Who let it happen, or where its value came from.
fn told(step: &StepReport) -> String {
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

fn bar(step: &StepReport, report: &Report, width: usize) -> String {
    let (Some(from), Some(to)) = (report.started_at, report.ended_at) else { return String::new() };
    let (Some(start), Some(end)) = (step.started_at, step.ended_at.or(report.ended_at)) else {
        return String::new();
    };
    let total = to.duration_since(from).as_secs_f64().max(1e-9);
    let at =
        |t: jiff::Timestamp| (t.duration_since(from).as_secs_f64() / total * width as f64).round() as usize;
    let (left, right) = (at(start).min(width - 1), at(end).min(width));
    let length = right.saturating_sub(left).max(1);
    format!("{}{}{}", "·".repeat(left), "█".repeat(length), "·".repeat(width.saturating_sub(left + length)))
}
