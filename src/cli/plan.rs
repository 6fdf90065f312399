//! `aos plan`: a goal becomes a plan that passed the checker, is shown, and runs if a person says so.

mod chat;
mod session;
mod show;
mod watch;

use super::args::{Global, Plan};
use super::backend::{self, Backend};
use super::load::Loaded;
use super::{CliResult, Exit, Stop, fmt, inputs, load, run, terminal};
use crate::planner::rounds::Planned;
use crate::runtime::reuse;
use crate::source::DiskLoader;
use session::{Session, Wish};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

pub(crate) fn plan(args: &Plan, global: &Global) -> CliResult {
    let goal = match args.goal.as_deref() {
        Some("-") => Some(load::stdin_text()?),
        Some(goal) => Some(goal.to_owned()),
        None => None,
    };
    if goal.as_deref().is_some_and(|g| g.trim().is_empty()) {
        return Err(Stop::usage("the goal is empty"));
    }
    may_act(args)?;
    let mut session = Session::open(args)?;
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        if !args.free
            && let Some(syntax) = session.constrain().await
            && args.explain
        {
            terminal::say(&format!("answers are held to a grammar of the granted skills ({syntax})"));
        }
        let exit = match (&goal, args.chat) {
            (goal, true) => chat::chat(args, &session, goal.clone(), &backend).await,
            (Some(goal), false) => once(args, &session, goal, &backend).await,
            (None, false) => Err(Stop::usage("say what the plan is for: aos plan \"GOAL\"")),
        };
        backend.close().await?;
        exit
    })
}

/// Refuses before anything is paid for what could not be done after.
fn may_act(args: &Plan) -> Result<(), Stop> {
    if args.run && !args.yes && !is_dialogue() {
        return Err(Stop::usage("--run asks before it runs, and this is no terminal; say --run --yes"));
    }
    match &args.out {
        Some(out) if out.exists() && !args.yes && !args.chat => {
            Err(Stop::usage(format!("`{}` is there already; say --yes to replace it", out.display())))
        }
        _ => Ok(()),
    }
}

/// Whether a person can be asked.
fn is_dialogue() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !terminal::is_quiet()
}

async fn once(args: &Plan, session: &Session, goal: &str, backend: &Backend) -> CliResult {
    let rest = match &args.from {
        Some(run) => Some(session.rest(run, backend).await?),
        None => None,
    };
    let wish = Wish { goal, refine: None, rest: rest.as_ref(), key: args.key.as_deref() };
    let view = watch::View::new(args.explain, args.json);
    let made = session.plan(&wish, backend, &view).await?;
    if args.json {
        terminal::print(&format!("{:#}", show::json(&made)));
    }
    let planned = match made.end {
        Ok(planned) => planned,
        Err(why) => {
            if let (false, Some(draft)) = (args.json, &made.draft) {
                show::draft(draft);
            }
            return Err(Stop { exit: Exit::Failed, message: format!("no plan: {why}") });
        }
    };
    if !args.json {
        show::plan(&planned, args.out.is_none());
        show::spent(&made.record, made.recorded);
    }
    let kept = rest.map(|rest| (rest.run, rest.inputs));
    act(args, planned, kept, made.record.untrusted, backend).await
}

/// What is to be done with a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Run,
    Save,
    Nothing,
}

async fn act(
    args: &Plan,
    planned: Box<Planned>,
    kept: Option<(String, crate::value::Map)>,
    doubted: bool,
    backend: &Backend,
) -> CliResult {
    let mut file = args.out.clone();
    let mut then = if args.run { Then::Run } else { Then::Nothing };
    if is_dialogue() && !args.yes && !args.json && (args.run || file.is_none()) {
        then = ask(args.run).await;
    }
    if then == Then::Save {
        file = Some(PathBuf::from(format!("{}.plan", planned.name)));
    }
    if let Some(file) = &file {
        save(file, &planned.text, args.yes || args.out.is_some())?;
    }
    if then != Then::Run {
        return Ok(Exit::Done);
    }
    run_it(args, planned, kept, doubted, file.as_deref(), backend).await
}

/// Runs a plan under the key that it was planned under.
async fn run_it(
    args: &Plan,
    planned: Box<Planned>,
    kept: Option<(String, crate::value::Map)>,
    doubted: bool,
    file: Option<&Path>,
    backend: &Backend,
) -> CliResult {
    let Planned { name, project, checked, .. } = *planned;
    let summaries = project.analysis.summaries();
    let doubted = doubted || project.analysis.plans.values().any(|p| p.doubted);
    let loaded = Loaded { project, plan: name, checked, summaries, doubted };
    let (from, kept) = match kept {
        Some((run, kept)) => (Some(reuse::From { run, rerun: Vec::new() }), kept),
        None => (None, crate::value::Map::new()),
    };
    let inputs = inputs::read(loaded.entry()?, args.inputs.as_deref(), &args.input, kept)?;
    let shown = file.map_or_else(|| session::ENTRY.to_owned(), |f| f.display().to_string());
    let wanted = run::Wanted {
        file: shown,
        inputs,
        concurrency: None,
        from,
        key: args.key.as_deref(),
        agent: args.agent.as_deref(),
    };
    run::start(loaded, wanted, backend, args.json).await
}

async fn ask(run_only: bool) -> Then {
    let prompt = if run_only {
        "run it? y, or Enter to leave it: "
    } else {
        "r to run it, s to save it, Enter to leave it: "
    };
    match super::people::read_line(prompt).await.as_deref().map(str::trim) {
        Some("y" | "yes" | "r" | "run") => Then::Run,
        Some("s" | "save") if !run_only => Then::Save,
        Some(_) | None => Then::Nothing,
    }
}

/// Writes a plan into a file; one that is there is replaced only where that was said.
fn save(file: &Path, text: &str, replace: bool) -> Result<(), Stop> {
    let shown = file.display();
    let failed = |e: std::io::Error| Stop::usage(format!("`{shown}` cannot be written: {e}"));
    if file.exists() {
        if !replace {
            return Err(Stop::usage(format!("`{shown}` is there already; name another file with --out")));
        }
        fmt::replace(file, text).map_err(failed)?;
    } else {
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(file, text).map_err(failed)?;
    }
    terminal::say(&format!("saved as {shown}; `aos run {shown}` runs it"));
    Ok(())
}

/// The loader of the command line.
static LOADER: DiskLoader = DiskLoader;
