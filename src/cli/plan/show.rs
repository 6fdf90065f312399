//! A plan as it is shown before anybody says yes: its text, its graph, what it does at the most.

use super::session::{Draft, Made};
use crate::check::hir::{self, Action};
use crate::cli::{render, terminal};
use crate::dag::{Dag, draw};
use crate::diagnostic::json::diagnostic;
use crate::planner::rounds::Planned;
use crate::planner::usd;
use crate::runtime::planning::{Planning, Round, Spent};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The text goes to stdout, unless it goes to a file; what it means to stderr.
pub(super) fn plan(planned: &Planned, text: bool) {
    if text {
        terminal::print(planned.text.trim_end());
    }
    if terminal::is_quiet() {
        return;
    }
    let dag = Dag::new(planned.checked.program());
    terminal::say(&format!("\n{}\n", draw::terminal(&dag, terminal::width().min(120)).trim_end()));
    render::report(&planned.project.analysis.diagnostics, &planned.project.sources);
    facts(planned).iter().for_each(|line| terminal::say(line));
}

/// What a person wants to know before saying yes.
fn facts(planned: &Planned) -> Vec<String> {
    let mut lines = Vec::new();
    let program = planned.checked.program();
    let summaries = planned.project.analysis.summaries();
    if let Some(s) = summaries.iter().find(|s| s.name == planned.name) {
        lines.push(format!("at most: {}", s.worst_case));
        let (reads, changes): (Vec<&str>, Vec<&str>) =
            s.effects.iter().map(String::as_str).partition(|e| e.starts_with("reads"));
        let list = |all: &[&str]| if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
        lines.push(format!("may change: {}", list(&changes)));
        let reads: Vec<&str> = reads.iter().map(|e| e.trim_start_matches("reads ")).collect();
        lines.push(format!("may read: {}", list(&reads)));
        if s.left.total() > 0 {
            lines.push(format!("checks while it runs: {}", s.left));
        }
    }
    let calls: Vec<String> = calls(program)
        .into_iter()
        .map(|(name, n)| if n == 1 { name } else { format!("{name} ({n} places)") })
        .collect();
    if !calls.is_empty() {
        lines.push(format!("calls: {}", calls.join(", ")));
    }
    let asks = questions(program);
    if !asks.is_empty() {
        lines.push(format!("asks a person before: {}", asks.join(", ")));
    }
    let params = program.plans.get(&program.entry).map(|p| p.params.as_slice()).unwrap_or_default();
    let needed: Vec<String> =
        params.iter().filter(|p| p.default.is_none()).map(|p| format!("{}: {}", p.name, p.ty)).collect();
    if !needed.is_empty() {
        lines.push(format!("needs: {}", needed.join(", ")));
    }
    lines
}

/// The skills that are called, and in how many places.
fn calls(program: &hir::Program) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for plan in program.plans.values() {
        crate::check::targets(&plan.body, &mut |target| {
            if let hir::Target::Skill(name) = target {
                *found.entry(name.to_string()).or_default() += 1;
            }
        });
    }
    found
}

/// The calls that wait for a person.
fn questions(program: &hir::Program) -> Vec<String> {
    let mut found = Vec::new();
    for plan in program.plans.values() {
        crate::check::steps_in(&plan.body, &mut |step| {
            if let (Some(ask), Action::Call(call)) = (&step.approve, &step.action) {
                let (hir::Target::Skill(callee) | hir::Target::Plan(callee)) = &call.target;
                let roles: Vec<&str> = ask.stages.iter().filter_map(|s| s.role.as_deref()).collect();
                let by =
                    if roles.is_empty() { String::new() } else { format!(" (by {})", roles.join(", then ")) };
                found.push(format!("{callee}{by}"));
            }
        });
    }
    found
}

/// What planning used.
pub(super) fn spent(record: &Planning, recorded: bool) {
    if recorded {
        terminal::say(&format!("planned {:.0} under this key; no model was asked", record.at));
        return;
    }
    let n = record.rounds.len();
    let answers = if n == 1 { "1 answer".to_owned() } else { format!("{n} answers") };
    terminal::say(&format!("planned by {} in {answers}: {}", record.model, used(&record.spent)));
}

fn used(s: &Spent) -> String {
    let cost = s.cost.map_or_else(|| "cost not known".to_owned(), usd);
    format!("{} tokens, {cost}, {:.1}s", s.tokens(), s.ms as f64 / 1e3)
}

/// The nearest to a plan, with what is wrong with it.
pub(super) fn draft((text, errors, sources): &Draft) {
    terminal::say("the nearest to a plan was:\n");
    terminal::say(text.trim_end());
    render::report(errors, sources);
}

/// The answer of `--json`.
pub(super) fn json(made: &Made) -> Json {
    let record = &made.record;
    let draft = made.draft.as_ref().map(|(text, errors, sources)| {
        let errors: Vec<Json> = errors.iter().map(|d| diagnostic(d, sources)).collect();
        json!({ "text": text, "diagnostics": errors })
    });
    json!({
        "planning": record.id,
        "goal": record.goal,
        "agent": record.agent,
        "from": record.from,
        "key": record.key,
        "recorded": made.recorded,
        "planner": record.model,
        "planner_version": record.version,
        "untrusted_context": record.untrusted,
        "context": record.manifest,
        "rounds": record.rounds.iter().map(round).collect::<Vec<_>>(),
        "usage": usage(&record.spent),
        "plan": made.end.as_ref().ok().map(|planned| plan_json(planned)),
        "draft": draft,
        "error": made.end.as_ref().err().map(ToString::to_string),
    })
}

fn plan_json(planned: &Planned) -> Json {
    let summaries = planned.project.analysis.summaries();
    let s = summaries.iter().find(|s| s.name == planned.name);
    let program = planned.checked.program();
    let params = program.plans.get(&program.entry).map(|p| p.params.as_slice()).unwrap_or_default();
    let input =
        |p: &hir::Param| json!({ "name": p.name, "type": p.ty.to_string(), "required": p.default.is_none() });
    let found = &planned.project.analysis.diagnostics;
    json!({
        "name": planned.name,
        "text": planned.text,
        "inputs": params.iter().map(input).collect::<Vec<_>>(),
        "steps": s.map(|s| s.steps),
        "worst_case": s.map(|s| s.worst_case.to_json()),
        "effects": s.map(|s| s.effects.clone()),
        "checked_while_running": s.map(|s| s.left.to_json()),
        "calls": calls(program),
        "diagnostics": found.iter().map(|d| diagnostic(d, &planned.project.sources)).collect::<Vec<_>>(),
    })
}

fn round(round: &Round) -> Json {
    json!({
        "bytes": round.bytes,
        "no_plan": round.nothing,
        "fixes": round.fixes,
        "errors": round.errors,
        "usage": usage(&round.spent),
    })
}

fn usage(s: &Spent) -> Json {
    json!({
        "input_tokens": s.input,
        "cached_tokens": s.cached,
        "output_tokens": s.output,
        "cost_usd": s.cost.map(|nanos| nanos as f64 / 1e9),
        "ms": s.ms,
    })
}
