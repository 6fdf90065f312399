//! From an argument to a checked plan.

use super::args::{Asking, Context, WrittenBy};
use super::{Exit, Stop, render, terminal};
use crate::check::hir::Plan;
use crate::check::{Analysis, CheckedPlan, PlanSummary};
use crate::dag::Dag;
use crate::project::{self, Project};
use crate::source::{DiskLoader, LoadError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `FILE[#plan]`
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) plan: Option<String>,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Target {
        // A file may have a `#` in its name: the part behind the last one is a plan only where a name can stand.
        match text.rsplit_once('#') {
            Some((path, plan)) if !path.is_empty() && is_name(plan) && !Path::new(text).exists() => {
                Target { path: path.into(), plan: Some(plan.to_owned()) }
            }
            _ => Target { path: text.into(), plan: None },
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Loads a file with all it uses.
pub(crate) fn project(path: &Path) -> Result<Project, Stop> {
    project_for(path, &Asking::default())
}

/// The same for an agent, a writer, and what the writer had read.
pub(crate) fn project_for(path: &Path, asking: &Asking) -> Result<Project, Stop> {
    let loader = DiskLoader;
    let who = project::Asking {
        agent: asking.agent.as_deref().map(Into::into),
        written_by: asking.written_by.map(|w| match w {
            WrittenBy::Person => project::Writer::Person,
            WrittenBy::Model => project::Writer::Model,
        }),
        untrusted_context: asking.context == Context::Untrusted,
    };
    let project = if path == Path::new("-") {
        let text = stdin_text()?;
        Project::load_text_for(Path::new("<stdin>"), &text, &loader, &who)
    } else {
        Project::load_for(path, &loader, &who).map_err(|error| cannot_read(path, &error))?
    };
    known_agent(&project, asking.agent.as_deref())?;
    Ok(project)
}

/// Refuses an agent that aos.toml has not, or that may not act.
pub(crate) fn known_agent(project: &Project, agent: Option<&str>) -> Result<(), Stop> {
    let Some(name) = agent else { return Ok(()) };
    if let Some(agent) = project.config.agents.get(name) {
        return agent.hindrance(name).map_or(Ok(()), |why| Err(Stop::failed(why)));
    }
    let known = project.config.agents.keys().map(AsRef::as_ref);
    let hint = crate::diagnostic::nearest(name, known)
        .map_or_else(|| "declare it as `[agents.NAME]`".to_owned(), |n| format!("did you mean `{n}`?"));
    Err(Stop::usage(format!("aos.toml has no agent `{name}`; {hint}")))
}

pub(crate) fn cannot_read(path: &Path, error: &LoadError) -> Stop {
    Stop::usage(format!("`{}` cannot be read: {error}", path.display()))
}

/// The whole of stdin as text.
pub(crate) fn stdin_text() -> Result<String, Stop> {
    use std::io::Read as _;
    const LIMIT: u64 = 64 * 1024 * 1024;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Stop::usage(format!("stdin cannot be read: {e}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Stop::usage("stdin holds more than 64 MiB"));
    }
    String::from_utf8(bytes).map_err(|e| {
        Stop::usage(format!("stdin is no UTF-8 text: byte {} is invalid", e.utf8_error().valid_up_to()))
    })
}

/// A plan that has passed the checker, with where it came from.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    pub(crate) plan: Arc<str>,
    pub(crate) checked: CheckedPlan,
    pub(crate) summaries: Vec<PlanSummary>,
    /// Whether a model wrote the plan that had read what is untrusted.
    pub(crate) doubted: bool,
}

impl Loaded {
    pub(crate) fn dag(&self) -> Dag {
        Dag::new(self.checked.program()).with_doubt(self.doubted)
    }

    /// The plan that is run.
    pub(crate) fn entry(&self) -> Result<&Plan, Stop> {
        let program = self.checked.program();
        program
            .plans
            .get(&program.entry)
            .ok_or_else(|| Stop::failed(format!("the plan `{}` is not in its own program", program.entry)))
    }
}

/// The folder of a project as runs keep it.
pub(crate) fn root(project: &Project) -> PathBuf {
    std::fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone())
}

/// Loads and checks one plan; its diagnostics are shown, and errors stop here.
pub(crate) fn checked(target: &str) -> Result<Loaded, Stop> {
    checked_for(target, &Asking::default())
}

/// The same for an agent, a writer, and what the writer had read.
pub(crate) fn checked_for(target: &str, asking: &Asking) -> Result<Loaded, Stop> {
    let target = Target::parse(target);
    let mut project = project_for(&target.path, asking)?;
    let analysis = std::mem::take(&mut project.analysis);
    let diagnostics = analysis.diagnostics.clone();
    let shown: Vec<_> =
        diagnostics.iter().filter(|d| d.is_error() || !terminal::is_quiet()).cloned().collect();
    render::report(&shown, &project.sources);
    if diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error) {
        return Err(Stop::silent(Exit::Failed));
    }
    let plan = choose(&analysis, &target)?;
    let summaries = analysis.summaries();
    let checked = match analysis.into_checked(&plan) {
        Ok(checked) => checked,
        Err(errors) => {
            render::report(&errors, &project.sources);
            return Err(Stop::silent(Exit::Failed));
        }
    };
    let said = checked.program().plans.values().any(|plan| plan.doubted);
    let doubted =
        said || asking.context == Context::Untrusted && asking.written_by != Some(WrittenBy::Person);
    Ok(Loaded { project, plan, checked, summaries, doubted })
}

/// The plan that was asked for: by name, else the only one, else the one named like the file, else the one that calls the others.
fn choose(analysis: &Analysis, target: &Target) -> Result<Arc<str>, Stop> {
    let file = target.path.display();
    let plans = analysis.entry_plans.as_slice();
    let list = || plans.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    if let Some(name) = &target.plan {
        return plans.iter().find(|p| p.as_ref() == name.as_str()).cloned().ok_or_else(|| {
            let near = crate::diagnostic::nearest(name, plans.iter().map(AsRef::as_ref));
            let hint = near.map_or_else(|| format!("it has {}", list()), |n| format!("did you mean `{n}`?"));
            Stop::usage(format!("`{file}` has no plan `{name}`; {hint}"))
        });
    }
    match plans {
        [] => Err(Stop::usage(format!("`{file}` has no plan to run"))),
        [only] => Ok(only.clone()),
        many => {
            let stem =
                target.path.file_stem().map(|s| s.to_string_lossy().replace('-', "_")).unwrap_or_default();
            many.iter().find(|p| p.as_ref() == stem).or(analysis.default_plan()).cloned().ok_or_else(|| {
                let example = many.first().map_or("", AsRef::as_ref);
                Stop::usage(format!("`{file}` has several plans ({}); say which: `{file}#{example}`", list()))
            })
        }
    }
}
