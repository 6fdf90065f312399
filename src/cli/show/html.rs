//! `aos show --html`: one page with everything of a run. It loads nothing and runs nothing: no script, and a policy that would
//! forbid one. Whatever a plan, a skill or a model wrote is text here.

mod step;
mod text;

use super::timeline::{chosen, critical};
use super::{critical_path, duration};
use crate::cli::people;
use crate::dag::draw;
use crate::engine::{RunStatus, StepStatus};
use crate::runtime::journal::{Header, RunRow};
use crate::runtime::report::{self, Report, step_status_name};
use crate::source::{Sources, Span};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use text::{escaped, excerpt, json, numbered};

/// More steps than these make a page that no browser likes.
const MOST: usize = 2_000;
/// More questions are counted only.
const MOST_ASKS: usize = 20;
const STYLE: &str = include_str!("html/style.css");

/// The page.
pub(super) fn page(report: &Report, header: &Header, row: &RunRow, sources: &Sources) -> String {
    let status = report::status_name(report.status);
    let mut out = String::new();
    let title = escaped(&format!("{} · {status}", report.plan));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    head(&mut out, report, row);
    cards(&mut out, report);
    problem(&mut out, report, sources);
    asks(&mut out, report);
    timeline(&mut out, report, sources);
    values(&mut out, report);
    graph(&mut out, report, header);
    files(&mut out, header, sources);
    let _ = write!(
        out,
        "<footer>run <code>{}</code> · written by aos {}</footer>\n</main>\n</body>\n</html>\n",
        escaped(&report.run),
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn head(out: &mut String, report: &Report, row: &RunRow) {
    let status = report::status_name(report.status);
    let took = match (report.started_at, report.ended_at) {
        (Some(from), Some(to)) => format!(" · {}", duration(to.duration_since(from))),
        _ => String::new(),
    };
    let _ = write!(
        out,
        "<header><h1>{}</h1><span class=\"badge {status}\">{status}</span></header>\n\
         <p class=\"about\">{} · started {:.0} by {}{took} · <code>{}</code></p>\n",
        escaped(&report.plan),
        escaped(&row.file),
        row.started_at,
        escaped(&row.actor),
        escaped(&report.run)
    );
}

fn cards(out: &mut String, report: &Report) {
    let count = |wanted: &[StepStatus]| report.steps.iter().filter(|s| wanted.contains(&s.status)).count();
    let with_value = count(&[StepStatus::Succeeded, StepStatus::Recovered]);
    let mut cards = vec![(format!("{with_value} / {}", report.steps.len()), "steps with a value".to_owned())];
    for (status, what) in [
        (StepStatus::Recovered, "recovered"),
        (StepStatus::Skipped, "skipped"),
        (StepStatus::Failed, "failed"),
        (StepStatus::InDoubt, "in doubt"),
        (StepStatus::Cancelled, "cancelled"),
        (StepStatus::Running, "running"),
        (StepStatus::Waiting, "waiting"),
        (StepStatus::Pending, "not started"),
    ] {
        let n = count(&[status]);
        if n > 0 {
            cards.push((n.to_string(), what.to_owned()));
        }
    }
    if let (Some(from), Some(to)) = (report.started_at, report.ended_at) {
        cards.push((duration(to.duration_since(from)), "from start to end".to_owned()));
    }
    cards.push((report.calls.to_string(), "calls of skills".to_owned()));
    if report.usage.tokens > 0 {
        cards.push((grouped(report.usage.tokens), "tokens".to_owned()));
    }
    if report.usage.cost_usd > 0.0 {
        cards.push((dollars(report.usage.cost_usd), "cost".to_owned()));
    }
    if report.usage.unpriced > 0 {
        cards.push((report.usage.unpriced.to_string(), "calls of unknown cost".to_owned()));
    }
    out.push_str("<div class=\"cards\">\n");
    for (value, what) in cards {
        let _ = writeln!(
            out,
            "<div class=\"card\"><b>{}</b><span>{}</span></div>",
            escaped(&value),
            escaped(&what)
        );
    }
    out.push_str("</div>\n");
}

/// `1_234_567`
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && c.is_ascii_digit() {
            out.push('\u{202F}');
        }
        out.push(c);
    }
    out
}

fn dollars(cost: f64) -> String {
    if cost < 0.01 { format!("${cost:.5}") } else { format!("${cost:.2}") }
}

fn problem(out: &mut String, report: &Report, sources: &Sources) {
    let Some(outcome) = &report.outcome else { return };
    let Some(error) = outcome.error.as_ref().filter(|_| report.status == RunStatus::Failed) else { return };
    let step = outcome.failed_step.as_ref();
    let row = step.and_then(|path| report.steps.iter().find(|s| s.path == *path));
    let at = step.map_or_else(String::new, |s| format!("<code>{}</code> failed: ", escaped(&s.0)));
    let _ = write!(
        out,
        "<section class=\"problem\"><h2>Why it failed</h2>\n<p>{at}<b>{}</b>: {}</p>\n",
        escaped(&error.kind),
        escaped(&error.message)
    );
    if !error.details.is_empty() {
        let details = crate::value::Value::map(error.details.clone());
        let _ = writeln!(out, "{}", json(&details));
    }
    if let Some(span) = error.span.or(row.map(|r| r.span)) {
        out.push_str(&excerpt(sources, span, Some(span)));
    }
    out.push_str("</section>\n");
}

/// What people, or the world outside, are asked for, with the command that answers.
fn asks(out: &mut String, report: &Report) {
    if report.status.is_ended() || report.asks.is_empty() {
        return;
    }
    out.push_str("<section class=\"asks\"><h2>Waits for</h2>\n");
    for ask in report.asks.iter().take(MOST_ASKS) {
        let command = people::command(&report.run, ask);
        let text = people::text(ask);
        let (question, shown) = text.split_once('\n').unwrap_or((&text, ""));
        let _ = write!(out, "<p>{}</p>", escaped(question));
        if !shown.is_empty() {
            let _ = write!(out, "<pre class=\"wrap\">{}</pre>", escaped(shown));
        }
        let _ = writeln!(out, "<p><code>{}</code></p>", escaped(&command));
    }
    let more = report.asks.len().saturating_sub(MOST_ASKS);
    if more > 0 {
        let _ = writeln!(out, "<p class=\"more\">… and {more} more</p>");
    }
    out.push_str("</section>\n");
}

fn timeline(out: &mut String, report: &Report, sources: &Sources) {
    let critical = critical(report);
    let (steps, left) = chosen(report, &critical, MOST);
    out.push_str("<section><h2>Timeline</h2>\n");
    if steps.is_empty() {
        out.push_str("<p class=\"more\">The plan has no steps.</p>\n");
    }
    let axis = step::Axis::of(report);
    if let Some(axis) = &axis {
        out.push_str(&axis.scale());
    }
    for step in &steps {
        step::row(out, step, report, axis.as_ref(), critical.contains(&step.path), sources);
    }
    if left > 0 {
        let _ = writeln!(
            out,
            "<p class=\"more\">… and {left} more steps that went well; <code>aos show --json</code> has them.</p>"
        );
    }
    if axis.is_some() {
        out.push_str(
            "<div class=\"legend\"><span><i class=\"work\"></i>works</span><span><i class=\"inside\"></i>what is inside works</span>\
             <span><i class=\"retry\"></i>waits to try again</span><span><i class=\"wait\"></i>waits for a timer, a person, a signal</span>\
             <span><i class=\"crit\"></i>on the critical path</span></div>\n",
        );
    }
    if let Some(path) = critical_path(report) {
        let _ = writeln!(out, "<p class=\"more\">{}</p>", escaped(&path));
    }
    out.push_str("</section>\n");
}

fn values(out: &mut String, report: &Report) {
    out.push_str("<section class=\"io\">\n");
    let inputs = crate::value::Value::map(report.inputs.clone());
    let none = if report.inputs.is_empty() {
        "<p class=\"more\">none given: the defaults of the plan</p>".to_owned()
    } else {
        json(&inputs)
    };
    let _ = writeln!(out, "<div><h2>Inputs</h2>{none}</div>");
    let output = match &report.outcome {
        Some(outcome) if report.status == RunStatus::Succeeded => json(&outcome.output),
        Some(_) => "<p class=\"more\">none: the run did not succeed</p>".to_owned(),
        None => "<p class=\"more\">none yet</p>".to_owned(),
    };
    let _ = writeln!(out, "<div><h2>Result</h2>{output}</div>\n</section>");
}

/// The graph of the plan, each step in the colour of the worst of its instances.
fn graph(out: &mut String, report: &Report, header: &Header) {
    let mut worst: HashMap<String, StepStatus> = HashMap::new();
    for step in &report.steps {
        let slot = worst.entry(without_numbers(&step.path.0)).or_insert(step.status);
        if severity(step.status) > severity(*slot) {
            *slot = step.status;
        }
    }
    let class = |path: &str| worst.get(path).map_or("pending", |s| step_status_name(*s));
    let _ = writeln!(
        out,
        "<section><h2>Graph</h2><div class=\"graph\">{}</div></section>",
        draw::svg_part(&header.dag, &class)
    );
}

/// `pages[3].page` as `pages[].page`.
fn without_numbers(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('[') {
        let (before, behind) = rest.split_at(at + 1);
        out.push_str(before);
        rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

fn severity(status: StepStatus) -> u8 {
    match status {
        StepStatus::Pending => 0,
        StepStatus::Skipped => 1,
        StepStatus::Cancelled => 2,
        StepStatus::Succeeded => 3,
        StepStatus::Recovered => 4,
        StepStatus::Waiting => 5,
        StepStatus::Running => 6,
        StepStatus::InDoubt => 7,
        StepStatus::Failed => 8,
    }
}

/// The texts of the plan. `aos.toml` is not among them: what it says of headers is not for everybody who reads the page.
fn files(out: &mut String, header: &Header, sources: &Sources) {
    for (id, file) in sources.iter().filter(|(_, f)| !f.path.ends_with(".toml")) {
        let all = Span::new(id, 0, file.text.len());
        let path = Path::new(&*file.path);
        let shown = path.strip_prefix(&header.project_root).unwrap_or(path).display().to_string();
        let _ = writeln!(
            out,
            "<section><details class=\"source\"><summary>{}</summary>{}</details></section>",
            escaped(&shown),
            numbered(sources, all, None)
        );
    }
}
