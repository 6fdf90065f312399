//! `aos test`: the `test` blocks of plan files.

mod junit;

use super::args::{Global, Inject, Test};
use super::show::duration;
use super::{CliResult, Exit, Stop, backend, load, render, terminal};
use crate::check::cases::model::TestCase;
use crate::dag::Dag;
use crate::diagnostic::{Diagnostic, Severity, json};
use crate::project::Project;
use crate::runtime::setup;
use crate::runtime::testing::{self, Crashes, Problem, PureSkills, TestRun};
use crate::source::Sources;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A test that was run, with where it stands.
struct Done<'a> {
    file: &'a Path,
    line: u32,
    run: TestRun,
    sources: &'a Sources,
    real: Duration,
}

pub(crate) fn test(args: &Test, _global: &Global) -> CliResult {
    let mut projects = Vec::new();
    let mut broken = false;
    for file in &args.files {
        let project = load::project(file)?;
        let found = &project.analysis.diagnostics;
        // What is merely worth knowing is told by `check`.
        let shown = |d: &&Diagnostic| match d.severity {
            Severity::Error => true,
            Severity::Warning => !terminal::is_quiet(),
            Severity::Info => false,
        };
        let shown: Vec<_> = found.iter().filter(shown).cloned().collect();
        render::report(&shown, &project.sources);
        broken |= project.analysis.has_errors();
        projects.push((file.as_path(), project));
    }
    if broken {
        return Err(Stop::silent(Exit::Failed));
    }
    let wanted = |t: &TestCase| {
        args.filter.as_ref().is_none_or(|f| t.name.contains(f.as_str()) || t.plan.contains(f.as_str()))
    };
    let mut all = Vec::new();
    let mut left_out = 0;
    for (file, project) in &projects {
        let own = project.files.first().map(|f| f.source);
        let (run, skipped): (Vec<_>, Vec<_>) =
            project.analysis.tests.iter().filter(|t| Some(t.span.source) == own).partition(|t| wanted(t));
        left_out += skipped.len();
        all.push((*file, project, run));
    }
    if let Some(filter) = args.filter.as_ref().filter(|_| left_out > 0 && all.iter().all(|a| a.2.is_empty()))
    {
        return Err(Stop::usage(format!(
            "none of {left_out} tests has `{filter}` in its name or its plan's"
        )));
    }
    let begun = Instant::now();
    let done = backend::block_on(run_all(&all, args))?;
    if let Some(path) = &args.junit {
        let text = junit::report(&done);
        std::fs::write(path, text)
            .map_err(|e| Stop::usage(format!("`{}` cannot be written: {e}", path.display())))?;
    }
    let failed = done.iter().filter(|d| !d.run.passed()).count();
    if args.json {
        let line = json!({
            "event": "tests_finished", "passed": done.len() - failed, "failed": failed, "left_out": left_out,
        });
        terminal::print(&line.to_string());
    } else {
        summary(&done, failed, left_out, begun.elapsed());
    }
    Ok(if failed > 0 { Exit::Failed } else { Exit::Done })
}

async fn run_all<'a>(
    all: &'a [(&'a Path, &'a Project, Vec<&'a TestCase>)],
    args: &Test,
) -> Result<Vec<Done<'a>>, Stop> {
    let mut done = Vec::new();
    for (file, project, tests) in all {
        if tests.is_empty() {
            continue;
        }
        if !args.json {
            terminal::say(&file.display().to_string());
        }
        let skills: PureSkills = setup::skills(&project.root, None).map(Arc::new);
        for test in tests {
            // Without errors there is a checked plan for every test.
            let Ok(checked) = project.analysis.checked(&test.plan) else { continue };
            let dag = Arc::new(Dag::new(checked.program()));
            let begun = Instant::now();
            let run = testing::run(test, &dag, &skills, args.inject == Some(Inject::Crash)).await;
            let place = project.sources.get(test.span.source).map(|f| f.position(test.span.start));
            let line = place.map_or(1, |p| p.line);
            let one = Done { file, line, run, sources: &project.sources, real: begun.elapsed() };
            if args.json {
                terminal::print(&line_of(&one).to_string());
            } else {
                tell(&one);
            }
            done.push(one);
        }
        if let Ok(skills) = &skills {
            skills.shutdown().await;
        }
    }
    Ok(done)
}

/// One line, and what went wrong below it.
fn tell(done: &Done<'_>) {
    let run = &done.run;
    let (colour, mark) = if run.passed() { ("\x1b[32m", "✓") } else { ("\x1b[31m", "✗") };
    if run.passed() && terminal::is_quiet() {
        return;
    }
    let mut facts = vec![counted(run.calls, "call")];
    if !run.took.is_zero() {
        facts.push(format!("{} of virtual time", duration(run.took)));
    }
    if let Some(crashes) = run.crashes {
        facts.push(crashed(crashes));
    }
    anstream::eprintln!("  {colour}{mark}\x1b[0m {}  \x1b[2m{}\x1b[0m", run.name, facts.join(", "));
    for problem in &run.problems {
        anstream::eprint!("{}", render::text(&problem.diagnostic, done.sources));
    }
}

fn crashed(crashes: Crashes) -> String {
    let mut text = format!("{} with the same end", counted(crashes.same, "crash"));
    if crashes.in_doubt > 0 {
        text.push_str(&format!(", {} in doubt and not repeated", crashes.in_doubt));
    }
    text
}

fn counted(n: usize, what: &str) -> String {
    let plural = if what.ends_with("sh") { "es" } else { "s" };
    format!("{n} {what}{}", if n == 1 { "" } else { plural })
}

fn summary(done: &[Done<'_>], failed: usize, left_out: usize, took: Duration) {
    let took = duration(jiff::SignedDuration::try_from(took).unwrap_or_default());
    let left_out = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
    let text = match (done.len(), failed) {
        (0, _) => format!("no tests{left_out}; write one: `test \"name\" for plan {{ … }}`"),
        (all, 0) => format!("\x1b[32m{} passed\x1b[0m{left_out} in {took}", counted(all, "test")),
        (all, failed) => {
            format!("\x1b[31m{failed} of {} failed\x1b[0m{left_out} in {took}", counted(all, "test"))
        }
    };
    if failed > 0 {
        anstream::eprintln!("{text}");
    } else {
        terminal::say(&text);
    }
}

/// A line of `--json`.
fn line_of(done: &Done<'_>) -> Json {
    let run = &done.run;
    let problems: Vec<Json> = run.problems.iter().map(|p| problem(p, done.sources)).collect();
    let crashes = run.crashes.map(|c| json!({ "same": c.same, "in_doubt": c.in_doubt }));
    json!({
        "event": "test_finished",
        "file": done.file.display().to_string(),
        "line": done.line,
        "name": run.name,
        "plan": run.plan,
        "status": if run.passed() { "passed" } else { "failed" },
        "problems": problems,
        "calls": run.calls,
        "events": run.events,
        "virtual_ms": i64::try_from(run.took.as_millis()).unwrap_or(i64::MAX),
        "crashes": crashes,
    })
}

fn problem(problem: &Problem, sources: &Sources) -> Json {
    let mut json = json::diagnostic(&problem.diagnostic, sources);
    if let Some(object) = json.as_object_mut() {
        for (key, value) in [("expected", &problem.expected), ("got", &problem.got)] {
            if let Some(value) = value {
                object.insert(key.to_owned(), value.to_json());
            }
        }
    }
    json
}
