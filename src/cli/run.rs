//! `aos run` and `aos resume`

use super::args::{Global, Resume, Run};
use super::backend::{self, Backend, Followed, Progress};
use super::load::{self, Loaded};
use super::{CliResult, Exit, Stop, inputs, live, render, terminal};
use crate::check;
use crate::engine::RunStatus;
use crate::runtime::driver::Control;
use crate::runtime::host::Request as RunRequest;
use crate::runtime::report::{self, Report};
use crate::runtime::socket::Request;
use crate::source::{DiskLoader, Sources};
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
    let request = request(args, &loaded)?;
    let sources = loaded.project.sources;
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let followed = match &backend {
            Backend::Local { runtime, .. } => {
                Followed::Local(runtime.start(request).map_err(|e| backend::stop(&e))?)
            }
            Backend::Remote { store } => {
                Followed::remote(store, &Request::Run { run: Box::new(request) }).await?
            }
        };
        let exit = follow(followed, &sources, args.json).await;
        backend.close().await?;
        exit
    })
}

pub(crate) fn resume(args: &Resume, global: &Global) -> CliResult {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let actor = backend::actor();
        let (followed, sources) = match &backend {
            Backend::Local { runtime, .. } => {
                let run = runtime.find(&args.run).map_err(|e| backend::stop(&e))?;
                let (_, header, _) = runtime.report(run).map_err(|e| backend::stop(&e))?;
                let started = runtime.resume(run, actor).map_err(|e| backend::stop(&e))?;
                (Followed::Local(started), backend::sources(&header))
            }
            Backend::Remote { store } => {
                let request = Request::Resume { run: args.run.clone(), actor };
                (Followed::remote(store, &request).await?, Sources::default())
            }
        };
        let exit = follow(followed, &sources, args.json).await;
        backend.close().await?;
        exit
    })
}

fn request(args: &Run, loaded: &Loaded) -> Result<RunRequest, Stop> {
    let program = loaded.checked.program();
    let Some(plan) = program.plans.get(&program.entry) else {
        return Err(Stop::failed(format!("the plan `{}` is not in its own program", program.entry)));
    };
    let inputs = inputs::read(plan, args.inputs.as_deref(), &args.input)?;
    let mut dag = loaded.dag();
    if let Some(concurrency) = args.concurrency {
        dag = dag.with_concurrency(concurrency);
    }
    let mut sources: Vec<(Arc<str>, Arc<str>)> =
        loaded.project.sources.iter().map(|(_, f)| (Arc::clone(&f.path), Arc::clone(&f.text))).collect();
    let used = |skill: &str| dag.skill(skill).is_some();
    sources.extend(loaded.project.schema_source(&DiskLoader, used).map_err(Stop::usage)?);
    let root = std::fs::canonicalize(&loaded.project.root).unwrap_or_else(|_| loaded.project.root.clone());
    let target = load::Target::parse(&args.target);
    Ok(RunRequest {
        dag: Arc::new(dag),
        sources,
        plan: Arc::clone(&loaded.plan),
        file: target.path.display().to_string().into(),
        project_root: root,
        inputs,
        actor: backend::actor(),
    })
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
async fn follow(mut followed: Followed, sources: &Sources, json: bool) -> CliResult {
    let run = followed.run();
    let mut view = live::View::new(&run, json);
    let control = followed.control();
    let mut interrupts = 0;
    loop {
        tokio::select! {
            progress = followed.next() => match progress {
                Ok(Progress::Notice(notice)) => view.notice(&notice),
                Ok(Progress::Finished(report)) => {
                    view.finish();
                    return Ok(finished(&report, sources, json));
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
async fn interrupt() -> std::io::Result<()> {
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
