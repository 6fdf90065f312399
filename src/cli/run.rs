//! `aos run` and `aos resume`

use super::args::{Global, Resume, Run};
use super::backend::{self, Backend, Followed, Progress};
use super::load::{self, Loaded};
use super::{CliResult, Exit, Stop, inputs, live, people, render, terminal};
use crate::check::{self, hir::Plan};
use crate::engine::RunStatus;
use crate::runtime::driver::Control;
use crate::runtime::host::{self, Request as RunRequest};
use crate::runtime::people::{Reply, Resolving};
use crate::runtime::report::{self, Report};
use crate::runtime::reuse;
use crate::runtime::socket::Request;
use crate::source::{DiskLoader, Sources};
use crate::value::Map;
use std::sync::Arc;

pub(crate) fn run(args: &Run, global: &Global) -> CliResult {
    let loaded = load::checked_for(&args.target, &args.asking)?;
    let missing = check::not_yet(loaded.checked.program());
    if !missing.is_empty() {
        render::report(&missing, &loaded.project.sources);
        return Ok(Exit::Failed);
    }
    if args.dry_run {
        return Ok(dry_run(&loaded));
    }
    let from = from(args, &loaded.dag())?;
    // What is wrong with the inputs is told before anything is opened, where no run has a part in them.
    let inputs = match &from {
        None => Some(inputs::read(loaded.entry()?, args.inputs.as_deref(), &args.input, Map::new())?),
        Some(_) => None,
    };
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let exit = run_here(args, loaded, inputs, from, &backend).await;
        backend.close().await?;
        exit
    })
}

async fn run_here(
    args: &Run,
    loaded: Loaded,
    inputs: Option<Map>,
    from: Option<reuse::From>,
    backend: &Backend,
) -> CliResult {
    let inputs = match (inputs, &from) {
        (Some(inputs), _) => inputs,
        (None, from) => {
            let plan = loaded.entry()?;
            let run = from.as_ref().map(|from| from.run.as_str()).unwrap_or_default();
            let kept = kept(backend, run, plan).await?;
            inputs::read(plan, args.inputs.as_deref(), &args.input, kept)?
        }
    };
    let target = load::Target::parse(&args.target);
    let wanted = Wanted {
        file: target.path.display().to_string(),
        inputs,
        concurrency: args.concurrency,
        from,
        key: args.key.as_deref(),
        agent: args.asking.agent.as_deref(),
    };
    start(loaded, wanted, backend, args.json).await
}

/// How a plan is to be run.
pub(crate) struct Wanted<'a> {
    /// Where it lies, for people.
    pub(crate) file: String,
    pub(crate) inputs: Map,
    pub(crate) concurrency: Option<u32>,
    pub(crate) from: Option<reuse::From>,
    pub(crate) key: Option<&'a str>,
    /// Of `aos.toml`, on whose behalf it runs.
    pub(crate) agent: Option<&'a str>,
}

/// Starts a run, or takes up the one of the same key, and follows it.
pub(crate) async fn start(loaded: Loaded, wanted: Wanted<'_>, backend: &Backend, json: bool) -> CliResult {
    let request = request(wanted, &loaded)?;
    let sources = loaded.project.sources;
    match begin(backend, request).await? {
        ByKey::Going(followed) => {
            let _time = backend.keep_time();
            follow(followed, backend, &sources, json).await
        }
        ByKey::Still(report) => Ok(finished(&report, &sources, json)),
    }
}

/// What an earlier run gives to inputs that nobody names: its own inputs, and the values of its finished steps, by name.
async fn kept(backend: &Backend, run: &str, plan: &Plan) -> Result<Map, Stop> {
    if plan.params.is_empty() {
        return Ok(Map::new());
    }
    let (report, ..) = backend.report(run).await?;
    let mut kept = report.inputs.clone();
    kept.extend(report.kept());
    kept.retain(|name, _| plan.params.iter().any(|p| p.name == *name));
    Ok(kept)
}

/// A run, or how the run of the same key ended.
enum ByKey {
    Going(Followed),
    Still(Box<Report>),
}

async fn begin(backend: &Backend, request: RunRequest) -> Result<ByKey, Stop> {
    match backend {
        Backend::Local { runtime, .. } => {
            match runtime.start_once(request).await.map_err(|e| backend::stop(&e))? {
                host::ByKey::Going(started) => Ok(ByKey::Going(Followed::Local(started))),
                host::ByKey::Still(report) => Ok(ByKey::Still(report)),
            }
        }
        Backend::Remote { store } => {
            let request = Request::Run { run: Box::new(request) };
            Followed::remote(store, &request).await.map(ByKey::Going)
        }
    }
}

pub(crate) fn resume(args: &Resume, global: &Global) -> CliResult {
    let Some(run) = &args.run else { return resume_due(global) };
    let decisions = decisions(args);
    if !decisions.is_empty() {
        return people::resolve(run, decisions, args.json, global);
    }
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let actor = backend::actor();
        let (followed, sources) = match &backend {
            Backend::Local { runtime, .. } => {
                let run = runtime.find(run).map_err(|e| backend::stop(&e))?;
                let (_, header, _) = runtime.report(run).map_err(|e| backend::stop(&e))?;
                let started = runtime.resume(run, actor).map_err(|e| backend::stop(&e))?;
                (Followed::Local(started), backend::sources(&header))
            }
            Backend::Remote { store } => {
                let request = Request::Resume { run: run.clone(), actor };
                (Followed::remote(store, &request).await?, Sources::default())
            }
        };
        let _time = backend.keep_time();
        let exit = follow(followed, &backend, &sources, args.json).await;
        drop(_time);
        backend.close().await?;
        exit
    })
}

/// What is said of steps in doubt.
fn decisions(args: &Resume) -> Vec<Reply> {
    let reply = |step: &String, resolving| Reply::Resolve { step: step.as_str().into(), resolving };
    let again = args.retry.iter().map(|step| reply(step, Resolving::Retry));
    let skipped = args.skip.iter().map(|step| reply(step, Resolving::Skip));
    let taken = args.take.chunks(2).filter_map(|pair| match pair {
        [value, step] => Some(reply(step, Resolving::Use { text: value.clone() })),
        _ => None,
    });
    again.chain(skipped).chain(taken).collect()
}

/// Takes up every suspended run of which something is due, and waits until each ends or is suspended again.
fn resume_due(global: &Global) -> CliResult {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let Backend::Local { runtime, .. } = &backend else {
            terminal::say("the process that holds the store takes up what is due");
            return Ok(Exit::Done);
        };
        let mut worst = Exit::Done;
        for run in runtime.due(usize::MAX).map_err(|e| backend::stop(&e))? {
            let started = runtime.resume(run, backend::actor()).map_err(|e| backend::stop(&e))?;
            let report = started.done.await.map_err(|e| Stop::failed(e.to_string()))?;
            let report = report.map_err(|e| backend::stop(&e))?;
            terminal::say(&format!("run {run} is {}", report::status_name(report.status)));
            if report.status == RunStatus::Failed {
                worst = Exit::Failed;
            }
        }
        backend.close().await?;
        Ok(worst)
    })
}

fn request(wanted: Wanted<'_>, loaded: &Loaded) -> Result<RunRequest, Stop> {
    let mut dag = loaded.dag();
    if let Some(concurrency) = wanted.concurrency {
        dag = dag.with_concurrency(concurrency);
    }
    let mut sources: Vec<(Arc<str>, Arc<str>)> =
        loaded.project.sources.iter().map(|(_, f)| (Arc::clone(&f.path), Arc::clone(&f.text))).collect();
    let used = |skill: &str| dag.skill(skill).is_some();
    sources.extend(loaded.project.schema_source(&DiskLoader, used).map_err(Stop::usage)?);
    Ok(RunRequest {
        dag: Arc::new(dag),
        sources,
        plan: Arc::clone(&loaded.plan),
        file: wanted.file.into(),
        project_root: load::root(&loaded.project),
        inputs: wanted.inputs,
        actor: backend::actor(),
        from: wanted.from,
        key: wanted.key.map(Arc::from),
        agent: wanted.agent.map(Arc::from),
    })
}

/// `--from` and `--rerun`; a step that the plan has not is refused.
fn from(args: &Run, dag: &crate::dag::Dag) -> Result<Option<reuse::From>, Stop> {
    let Some(run) = &args.from else { return Ok(None) };
    let body = dag.plan(dag.entry()).and_then(|p| dag.body(p.body));
    let names: Vec<&str> =
        body.map(|b| b.nodes.iter().map(|n| n.name.as_ref()).collect()).unwrap_or_default();
    for step in &args.rerun {
        let first = step.split(['.', '[']).next().unwrap_or(step);
        if !names.contains(&first) {
            let near = crate::diagnostic::nearest(first, names.iter().copied());
            let hint = near
                .map_or_else(|| format!("it has {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            return Err(Stop::usage(format!("the plan has no step `{first}` to make again; {hint}")));
        }
    }
    Ok(Some(reuse::From { run: run.clone(), rerun: args.rerun.clone() }))
}

fn dry_run(loaded: &Loaded) -> Exit {
    let dag = loaded.dag();
    terminal::print(&crate::dag::draw::terminal(&dag, terminal::width().min(120)));
    let program = loaded.checked.program();
    if let Some(summary) = loaded.summaries.iter().find(|s| s.name == program.entry) {
        let effects = if summary.effects.is_empty() { "none".to_owned() } else { summary.effects.join(", ") };
        terminal::print(&format!("{} steps; effects: {effects}; nothing was run", summary.steps));
        terminal::print(&format!("at most: {}", summary.worst_case));
    }
    Exit::Done
}

/// Follows a run to its end; Ctrl-C pauses it, a second one ends at once.
pub(crate) async fn follow(
    mut followed: Followed,
    backend: &Backend,
    sources: &Sources,
    json: bool,
) -> CliResult {
    let run = followed.run();
    let mut view = live::View::new(&run, json);
    let mut control = followed.control();
    let mut interrupts = 0;
    loop {
        tokio::select! {
            progress = followed.next() => match progress {
                Ok(Progress::Notice(notice)) => view.notice(&notice),
                Ok(Progress::Finished(report)) => {
                    view.finish();
                    let exit = finished(&report, sources, json);
                    match people::answer_here(backend, &report, json).await? {
                        Some(next) => {
                            control = next.control();
                            followed = next;
                        }
                        None => return Ok(exit),
                    }
                }
                Err(stop) => {
                    view.finish();
                    return Err(stop);
                }
            },
            () = view.tick() => view.draw(),
            signal = interrupt() => {
                interrupts += 1;
                let paused = match (&control, signal) {
                    (Some(control), Ok(())) if interrupts == 1 => control.send(Control::Pause).await.is_ok(),
                    _ => false,
                };
                if !paused {
                    view.finish();
                    let stop = format!("left at once; `aos resume {run}` goes on");
                    return Err(Stop { exit: Exit::Interrupted, message: stop });
                }
                view.note("pausing: waiting for effects in flight; Ctrl-C again leaves at once");
            }
        }
    }
}

/// Ctrl-C, or being asked to terminate.
pub(crate) async fn interrupt() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn finished(report: &Report, sources: &Sources, json: bool) -> Exit {
    if json {
        terminal::print(&report.finished_line().to_string());
    } else {
        live::summary(report, sources);
        if report.status == RunStatus::Succeeded
            && let Some(outcome) = &report.outcome
        {
            terminal::print(&format!("{:#}", outcome.output.to_json()));
        }
    }
    if report.status == RunStatus::Suspended && !json {
        people::commands(report);
    }
    exit(report.status, &report.run)
}

fn exit(status: RunStatus, run: &str) -> Exit {
    match status {
        RunStatus::Succeeded => Exit::Done,
        RunStatus::Failed => Exit::Failed,
        RunStatus::Cancelled => Exit::Cancelled,
        RunStatus::Suspended | RunStatus::Running => Exit::Suspended,
        RunStatus::Interrupted => {
            terminal::say(&format!("{}; `aos resume {run}` goes on", report::status_name(status)));
            Exit::Interrupted
        }
    }
}
