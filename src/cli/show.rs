//! `aos show`: a run as a timeline with every step, in the terminal or as a page.

mod html;
mod timeline;

use super::args::{Global, Show};
use super::backend::{self, Backend};
use super::{CliResult, Exit, Stop, artifacts, people, render, terminal};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::command::StepReport;
use crate::engine::reuse::Reused;
use crate::engine::{RunStatus, StepStatus, Usage};
use crate::runtime::report::{self, Report};
use crate::source::Sources;

pub(crate) fn show(args: &Show, global: &Global) -> CliResult {
    let ((mut report, header, row), found) = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let shown = backend.report(&args.run).await;
        let found = match &shown {
            Ok((report, ..)) => artifacts::of_run(&backend, &report.run).await,
            Err(_) => Ok(Vec::new()),
        };
        backend.close().await?;
        Ok((shown?, found?))
    })?;
    if args.json {
        terminal::print(&format!("{:#}", report.finished_line()));
        return Ok(Exit::Done);
    }
    // A run that goes on is drawn up to now, one that was left up to its last event.
    if report.outcome.is_none() {
        let end =
            if report.status == RunStatus::Running { Some(jiff::Timestamp::now()) } else { report.ended_at };
        let end = end.max(report.timeline.last());
        report.ended_at = end;
        report.timeline.close(end.unwrap_or_default());
    }
    let sources = backend::sources(&header);
    if let Some(path) = &args.html {
        let page = html::page(&report, &header, &row, &sources);
        std::fs::write(path, page)
            .map_err(|e| Stop::usage(format!("`{}` cannot be written: {e}", path.display())))?;
        terminal::say(&format!("wrote {}", path.display()));
        return Ok(Exit::Done);
    }
    let started = row.started_at;
    terminal::print(&format!(
        "run {}  plan {}  of {}  by {}  started {started:.0}",
        row.run, row.plan, row.file, row.actor
    ));
    terminal::print_coloured(&headline(&report));
    terminal::print_coloured(&timeline::draw(&report, terminal::width()));
    if let Some(path) = critical_path(&report) {
        terminal::print(&path);
    }
    artifacts::preview(&found, global)?;
    if !report.status.is_ended() {
        for ask in &report.asks {
            terminal::print(&people::text(ask));
            terminal::print(&format!("  {}", people::command(&report.run, ask)));
        }
    }
    if let Some(outcome) = report.outcome.as_ref().filter(|_| report.status == RunStatus::Succeeded) {
        terminal::print(&format!("result: {:#}", outcome.output.to_json()));
    }
    failure(&report, &sources);
    Ok(Exit::Done)
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
    let used = used(report.usage).map_or_else(String::new, |used| format!("; {used}"));
    format!("{colour}{}\x1b[0m{took}: {steps}{used}", report::status_name(report.status))
}

/// Tokens and money, where any were used.
fn used(usage: Usage) -> Option<String> {
    if usage == Usage::default() {
        return None;
    }
    let known = super::cost::dollars((usage.cost_usd * 1e9).round() as u64);
    let cost = match (usage.known_cost(), usage.cost_usd > 0.0) {
        (Some(_), _) => known,
        (None, false) => "cost not known".to_owned(),
        (None, true) => format!("{known} and what is not known of {} calls", usage.unpriced),
    };
    Some(format!("{} tokens, {cost}", usage.tokens))
}

/// More lines about steps are counted only.
const ODD: usize = 12;

/// The steps that did not simply succeed, and why: what was recovered, skipped, failed.
pub(crate) fn odd_ends(report: &Report) -> Vec<String> {
    let reason = |s: &StepReport| -> Option<String> {
        let error = s.error.as_ref().map(|e| format!("{}: {}", e.kind, e.message));
        Some(match (s.status, error) {
            (StepStatus::Recovered, error) => format!("recovered from {}", error.unwrap_or_default()),
            (StepStatus::Skipped, _) => match s.skipped_because.as_deref() {
                Some("when") | None => "skipped: its `when` did not hold".to_owned(),
                Some("unless") => "skipped: its `unless` held".to_owned(),
                Some(because) => format!("skipped: `{because}` has no value"),
            },
            (StepStatus::Failed, Some(error)) => format!("failed with {error}"),
            (StepStatus::InDoubt, _) => "in doubt: it may or may not have acted".to_owned(),
            _ => return None,
        })
    };
    // The step that ended the run is shown at its place.
    let ended = report.outcome.as_ref().and_then(|o| o.failed_step.as_ref());
    let mut groups: indexmap::IndexMap<String, Vec<&str>> = indexmap::IndexMap::new();
    for step in report.steps.iter().filter(|s| Some(&s.path) != ended) {
        if let Some(reason) = reason(step) {
            groups.entry(terminal::one_line(&reason)).or_default().push(&step.path.0);
        }
    }
    let more = groups.len().saturating_sub(ODD);
    let line = |(reason, steps): (&String, &Vec<&str>)| {
        let reason: String = reason.chars().take(160).collect();
        format!("  {} {reason}", listed(steps))
    };
    let mut lines: Vec<String> = groups.iter().take(ODD).map(line).collect();
    if more > 0 {
        lines.push(format!("  and {more} more reasons; `aos show {}` has them all", report.run));
    }
    let mut again: indexmap::IndexMap<&str, Vec<&str>> = indexmap::IndexMap::new();
    for step in &report.steps {
        if let Some(Reused::Not(why)) = &step.reuse {
            again.entry(why).or_default().push(&step.path.0);
        }
    }
    for (why, steps) in again.iter().take(ODD) {
        lines.push(format!("  {} called: {}", listed(steps), terminal::one_line(why)));
    }
    let reused = report.steps.iter().filter(|s| matches!(s.reuse, Some(Reused::From(_)))).count();
    if reused > 0 {
        lines.push(format!("  {reused} step(s) taken over from the earlier run"));
    }
    lines
}

/// The first few of some steps.
fn listed(steps: &[&str]) -> String {
    let names: Vec<String> = steps.iter().take(4).map(|s| format!("`{}`", terminal::one_line(s))).collect();
    match steps.len().saturating_sub(4) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
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
