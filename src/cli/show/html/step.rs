//! A step in the page: its bar, and behind it all that is known of it.

use super::dollars;
use super::text::{escaped, excerpt, json};
use crate::cli::show::duration;
use crate::cli::show::timeline::told;
use crate::engine::StepStatus;
use crate::engine::command::StepReport;
use crate::engine::reuse::Reused;
use crate::runtime::report::{Report, step_status_name};
use crate::runtime::timeline::{Phase, PhaseKind};
use crate::source::Sources;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// The run's axis of time.
pub(super) struct Axis {
    from: Timestamp,
    seconds: f64,
}

impl Axis {
    pub(super) fn of(report: &Report) -> Option<Axis> {
        let from = report.started_at?;
        let to = report.ended_at?.max(from);
        Some(Axis { from, seconds: to.duration_since(from).as_secs_f64().max(1e-6) })
    }

    /// In percent.
    fn at(&self, time: Timestamp) -> f64 {
        (time.duration_since(self.from).as_secs_f64() / self.seconds * 100.0).clamp(0.0, 100.0)
    }

    pub(super) fn scale(&self) -> String {
        let mark = |quarter: i32| {
            let time = SignedDuration::try_from_secs_f64(self.seconds * f64::from(quarter) / 4.0);
            let text = if quarter == 0 { "0".to_owned() } else { time.map(duration).unwrap_or_default() };
            format!("<span>{text}</span>")
        };
        let marks: String = (0..=4).map(mark).collect();
        format!("<div class=\"axis\"><span></span><span></span><div>{marks}</div><span></span></div>\n")
    }
}

/// One row, which opens.
pub(super) fn row(
    out: &mut String,
    step: &StepReport,
    report: &Report,
    axis: Option<&Axis>,
    critical: bool,
    sources: &Sources,
) {
    let status = step_status_name(step.status);
    let class = if critical { " critical" } else { "" };
    let took = match (step.started_at, step.ended_at) {
        (Some(from), Some(to)) => duration(to.duration_since(from)),
        _ => String::new(),
    };
    let attempts = if step.attempts > 1 { format!(" <i>×{}</i>", step.attempts) } else { String::new() };
    let middle = match axis.zip(step.started_at) {
        Some((axis, _)) => track(step, report, axis),
        None => format!("<span class=\"why\">{}</span>", escaped(&why(step, report.status.is_ended()))),
    };
    let name = escaped(&step.path.0);
    let _ = writeln!(
        out,
        "<details class=\"row r-{status}{class}\"><summary><span class=\"state {status}\">{}</span>\
         <span class=\"name\" title=\"{name}\">{name}{attempts}</span>{middle}<span class=\"took\">{took}</span></summary>",
        status.replace('_', " ")
    );
    out.push_str("<div class=\"detail\">\n");
    facts(out, step, report, critical);
    history(out, report.timeline.of(&step.path), step);
    if let Some(value) = &step.value {
        let _ = writeln!(out, "<div><h3>value</h3>{}</div>", json(value));
    }
    out.push_str(&excerpt(sources, step.span, None));
    out.push_str("</div></details>\n");
}

fn why(step: &StepReport, ended: bool) -> String {
    match (&step.skipped_because, step.status) {
        (Some(because), _) if &**because == "when" => "its `when` did not hold".to_owned(),
        (Some(because), _) if &**because == "unless" => "its `unless` held".to_owned(),
        (Some(because), _) => format!("`{because}` has no value"),
        (None, StepStatus::Pending) if ended => "the run ended before it could start".to_owned(),
        (None, StepStatus::Pending) => "it has not started yet".to_owned(),
        (None, _) => String::new(),
    }
}

fn track(step: &StepReport, report: &Report, axis: &Axis) -> String {
    let start = step.started_at.unwrap_or(axis.from);
    let end = step.ended_at.or(report.ended_at).unwrap_or(start);
    let whole = [Phase { kind: PhaseKind::Work { attempt: 1 }, from: start, to: Some(end) }];
    let phases = report.timeline.of(&step.path);
    let phases = if phases.is_empty() { &whole[..] } else { phases };
    let mut out = String::from("<div class=\"track\">");
    for phase in phases.iter().filter(|p| phases.len() == 1 || p.shows()) {
        let to = phase.to.unwrap_or(end);
        let (left, right) = (axis.at(phase.from), axis.at(to));
        let took = duration(to.duration_since(phase.from));
        let (class, what) = match &phase.kind {
            PhaseKind::Work { .. } if step.skill.is_none() => ("inside", "what is inside works".to_owned()),
            PhaseKind::Work { attempt } => ("work", format!("attempt {attempt}")),
            PhaseKind::Retry { error } => ("retry", format!("waits to try again after {}", error.kind)),
            PhaseKind::Wait { what } => ("wait", format!("waits for {what}")),
        };
        let _ = write!(
            out,
            "<span class=\"{class}\" style=\"left:{left:.3}%;width:{:.3}%\" title=\"{}, {took}\"></span>",
            (right - left).max(0.0),
            escaped(&what)
        );
    }
    out + "</div>"
}

fn facts(out: &mut String, step: &StepReport, report: &Report, critical: bool) {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(skill) = &step.skill {
        facts.push(("skill", format!("<code>{}</code>", escaped(skill))));
    }
    if step.skipped_because.is_some() {
        facts.push(("skipped because", escaped(&why(step, report.status.is_ended()))));
    }
    if let (Some(started), Some(first)) = (step.started_at, report.started_at) {
        let after = started.duration_since(first).max(SignedDuration::ZERO);
        let after = if after.is_zero() {
            "with the run".to_owned()
        } else {
            format!("{} after the run", duration(after))
        };
        facts.push(("started", format!("{started:.3} ({after})")));
    }
    if let Some(by) = &step.released_by {
        facts.push(("waited for", format!("<code>{}</code>", escaped(&by.0))));
    }
    match &step.reuse {
        Some(Reused::From(run)) => {
            facts.push(("taken over", format!("from run <code>{}</code>", escaped(run))))
        }
        Some(Reused::Not(why)) => facts.push(("not taken over", escaped(why))),
        None => {}
    }
    if critical {
        facts.push(("critical", "had it been faster, so would the run".to_owned()));
    }
    if let Some(error) = &step.error {
        let word = match step.status {
            StepStatus::Recovered => "recovered from",
            StepStatus::Succeeded => "at first",
            StepStatus::Pending
            | StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Skipped
            | StepStatus::Failed
            | StepStatus::Cancelled
            | StepStatus::InDoubt => "error",
        };
        facts.push((word, format!("<b>{}</b>: {}", escaped(&error.kind), escaped(&error.message))));
    }
    match step.compensation {
        Some(StepStatus::Succeeded) => facts.push(("undone", "its compensation succeeded".to_owned())),
        Some(StepStatus::Failed | StepStatus::InDoubt) => {
            facts.push(("not undone", "its compensation failed".to_owned()));
        }
        Some(_) | None => {}
    }
    let told = told(step);
    if !told.is_empty() {
        facts.push(("told", escaped(&told)));
    }
    if step.usage.tokens > 0 {
        facts.push(("tokens", super::grouped(step.usage.tokens)));
    }
    if step.usage.cost_usd > 0.0 {
        facts.push(("cost", dollars(step.usage.cost_usd)));
    }
    if step.usage.unpriced > 0 {
        facts.push(("cost", "not known".to_owned()));
    }
    if facts.is_empty() {
        return;
    }
    out.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n");
}

/// Attempts and waits, where there was more than one attempt.
fn history(out: &mut String, phases: &[Phase], step: &StepReport) {
    if step.attempts < 2 && phases.len() < 2 {
        return;
    }
    out.push_str("<table><tr><th>when</th><th>for</th><th>what</th></tr>\n");
    for phase in phases {
        let what = match &phase.kind {
            PhaseKind::Work { attempt } => format!("attempt {attempt}"),
            PhaseKind::Retry { error } => {
                format!(
                    "waited to try again after <b>{}</b>: {}",
                    escaped(&error.kind),
                    escaped(&error.message)
                )
            }
            PhaseKind::Wait { what } => format!("waited for {}", escaped(what)),
        };
        let took = phase.to.map_or_else(String::new, |to| duration(to.duration_since(phase.from)));
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{took}</td><td>{what}</td></tr>",
            format_args!("{:.3}", phase.from)
        );
    }
    out.push_str("</table>\n");
}
