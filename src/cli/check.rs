//! `aos check`

use super::args::{Asking, Check, CheckFormat, Deny, Global};
use super::{CliResult, Exit, Stop, load, render, terminal};
use crate::diagnostic::{Diagnostic, Severity, json};
use crate::project::Project;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) fn check(args: &Check, _global: &Global) -> CliResult {
    let projects = load_all(&args.files, &args.asking)?;
    match args.format {
        CheckFormat::Text => text(&projects),
        CheckFormat::Json => terminal::print(&pretty(&as_json(&projects))),
        CheckFormat::Sarif => terminal::print(&pretty(&sarif(&projects))),
        CheckFormat::Github => {
            for (project, diagnostic) in all(&projects) {
                terminal::print(&json::github(diagnostic, &project.sources));
            }
        }
    }
    let bad = |d: &Diagnostic| {
        d.is_error() || (args.deny == Some(Deny::Warnings) && d.severity == Severity::Warning)
    };
    Ok(if all(&projects).any(|(_, d)| bad(d)) { Exit::Failed } else { Exit::Done })
}

/// Loads and checks files on all cores; the results are in the order of the files.
fn load_all(files: &[PathBuf], asking: &Asking) -> Result<Vec<Project>, Stop> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    if threads < 2 {
        return files.iter().map(|f| load::project_for(f, asking)).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, file)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, files.get(i)?)))
        {
            done.push((index, load::project_for(file, asking)));
        }
        done
    };
    let mut results = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    results.sort_by_key(|(index, _)| *index);
    if results.len() != files.len() {
        return Err(Stop::failed("the checker stopped unexpectedly; this is a bug in aos"));
    }
    results.into_iter().map(|(_, project)| project).collect()
}

fn all(projects: &[Project]) -> impl Iterator<Item = (&Project, &Diagnostic)> {
    projects.iter().flat_map(|p| p.analysis.diagnostics.iter().map(move |d| (p, d)))
}

/// With more plans than this their bounds are shown by `--format json` only.
const MAX_BOUNDS: usize = 20;

fn pretty(value: &Json) -> String {
    format!("{value:#}")
}

fn text(projects: &[Project]) {
    let mut found = Vec::new();
    for project in projects {
        for diagnostic in &project.analysis.diagnostics {
            if diagnostic.is_error() || !terminal::is_quiet() {
                anstream::eprint!("{}", render::text(diagnostic, &project.sources));
            }
            found.push(diagnostic.clone());
        }
    }
    let summaries: Vec<_> = projects
        .iter()
        .flat_map(|p| p.analysis.summaries().into_iter().map(|s| (s, p.analysis.has_errors())))
        .collect();
    let plans = summaries.len();
    let steps: usize = summaries.iter().map(|(s, _)| s.steps).sum();
    if plans <= MAX_BOUNDS {
        for (s, _) in summaries.iter().filter(|(_, broken)| !broken) {
            terminal::say(&format!("`{}` at most: {}", s.name, s.worst_case));
            if s.left.total() > 0 {
                terminal::say(&format!("`{}` checks while it runs: {}", s.name, s.left));
            }
        }
    }
    let what = format!("{}, {}", number(plans, "plan"), number(steps, "step"));
    match render::count(&found) {
        Some(count) => terminal::say(&format!("{count} in {what}")),
        None => terminal::say(&format!("no problems in {what}")),
    }
}

fn number(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn as_json(projects: &[Project]) -> Json {
    let diagnostics: Vec<Json> = all(projects).map(|(p, d)| json::diagnostic(d, &p.sources)).collect();
    let plans: Vec<Json> = projects
        .iter()
        .flat_map(|p| p.analysis.summaries())
        .map(|s| {
            json!({
                "name": s.name,
                "steps": s.steps,
                "worst_case": s.worst_case.to_json(),
                "effects": s.effects,
                "checked_while_running": s.left.to_json(),
            })
        })
        .collect();
    json!({ "diagnostics": diagnostics, "plans": plans })
}

fn sarif(projects: &[Project]) -> Json {
    let mut log = json::sarif(&[], &crate::source::Sources::default());
    let runs: Vec<Json> = projects
        .iter()
        .filter_map(|p| {
            json::sarif(&p.analysis.diagnostics, &p.sources).get_mut("runs")?.get_mut(0).map(Json::take)
        })
        .collect();
    if let Some(slot) = log.get_mut("runs") {
        *slot = Json::Array(runs);
    }
    log
}
