//! `aos dead`: runs that were put aside.

use super::args::{Dead, DeadCommand, Global};
use super::backend::{self, Backend, Followed};
use super::{CliResult, Exit, Stop, run, terminal};
use crate::runtime::dead::{Cause, DeadLetter};
use crate::runtime::socket::{Answer, Request};
use crate::source::Sources;
use comfy_table::{Table, presets};

pub(crate) fn dead(args: &Dead, global: &Global) -> CliResult {
    match &args.command {
        DeadCommand::List { json } => list(global, *json),
        DeadCommand::Show { run, json } => show(global, run, *json),
        DeadCommand::Retry { run, json } => retry(global, run, *json),
        DeadCommand::Drop { run } => drop_letter(global, run),
    }
}

fn letters(global: &Global) -> Result<Vec<DeadLetter>, Stop> {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let letters = match &backend {
            Backend::Local { runtime, .. } => runtime.dead().map_err(|e| backend::stop(&e)),
            Backend::Remote { store } => match Backend::ask(store, &Request::Dead).await? {
                Answer::Dead { letters } => Ok(letters),
                other => Err(backend::unexpected(&other)),
            },
        };
        backend.close().await?;
        letters
    })
}

fn list(global: &Global, json: bool) -> CliResult {
    let letters = letters(global)?;
    if json {
        for letter in &letters {
            terminal::print(&serde_json::json!(letter).to_string());
        }
    } else if letters.is_empty() {
        terminal::say("no run is put aside");
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["run", "plan", "because of", "since", "error"]);
        for letter in &letters {
            table.add_row([
                letter.run.to_string(),
                letter.plan.to_string(),
                letter.cause.name().to_owned(),
                format!("{:.0}", letter.at),
                letter.error.chars().take(80).collect(),
            ]);
        }
        terminal::print(&table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }
    Ok(Exit::Done)
}

/// The letter that is meant: all of them are few.
fn find(global: &Global, run: &str) -> Result<DeadLetter, Stop> {
    let wanted = run.to_lowercase();
    let fits = |letter: &DeadLetter| {
        let id = letter.run.to_string();
        !wanted.is_empty() && (id.starts_with(&wanted) || id.ends_with(&wanted))
    };
    let mut found: Vec<DeadLetter> = letters(global)?.into_iter().filter(fits).collect();
    match (found.pop(), found.len()) {
        (Some(letter), 0) => Ok(letter),
        (Some(_), more) => {
            Err(Stop::usage(format!("{} runs that are put aside begin with `{run}`", more + 1)))
        }
        (None, _) => Err(Stop::usage(format!(
            "no run that is put aside begins with `{run}`; `aos dead list` lists them"
        ))),
    }
}

fn show(global: &Global, run: &str, json: bool) -> CliResult {
    let letter = find(global, run)?;
    if json {
        terminal::print(&format!("{:#}", serde_json::json!(letter)));
        return Ok(Exit::Done);
    }
    let DeadLetter { run, plan, file, cause, error, steps, attempts, events, at } = &letter;
    terminal::print(&format!("run {run}  plan {plan}  of {file}  put aside {at:.0}"));
    terminal::print(&format!("error: {error}"));
    if !steps.is_empty() {
        terminal::print(&format!("steps: {}", steps.join(", ")));
    }
    let next = match cause {
        Cause::Crashes => {
            terminal::print(&format!("its process ended {attempts} times; {events} events are kept"));
            format!("`aos dead retry {run}` goes on with it, `aos cancel {run}` ends it")
        }
        Cause::Retries => {
            terminal::print(&format!("tried {attempts} times; the run has failed"));
            format!(
                "`aos run {file} --from {run}` begins where it went wrong; `aos dead drop {run}` takes it off the list"
            )
        }
        Cause::Damage => {
            terminal::print(&format!("{events} events are left; what it did after them is not known"));
            format!(
                "look at what it did, then `aos dead retry {run}` goes on with it, or `aos cancel {run}` ends it"
            )
        }
    };
    terminal::print(&next);
    Ok(Exit::Done)
}

fn retry(global: &Global, run: &str, json: bool) -> CliResult {
    let letter = find(global, run)?;
    if letter.cause == Cause::Retries {
        return Err(Stop::usage(format!(
            "run {run} has failed and cannot go on; `aos run {} --from {run}` begins where it went wrong",
            letter.file,
            run = letter.run
        )));
    }
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let actor = backend::actor();
        let (followed, sources) = match &backend {
            Backend::Local { runtime, .. } => {
                let (_, header, _) = runtime.report(letter.run).map_err(|e| backend::stop(&e))?;
                let started = runtime.retry_dead(letter.run, actor).await.map_err(|e| backend::stop(&e))?;
                (Followed::Local(started), backend::sources(&header))
            }
            Backend::Remote { store } => {
                let request = Request::RetryDead { run: letter.run.to_string(), actor };
                (Followed::remote(store, &request).await?, Sources::default())
            }
        };
        let exit = run::follow(followed, &backend, &sources, json).await;
        backend.close().await?;
        exit
    })
}

fn drop_letter(global: &Global, run: &str) -> CliResult {
    let letter = find(global, run)?;
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let dropped = match &backend {
            Backend::Local { runtime, .. } => {
                runtime.drop_dead(letter.run).await.map(drop).map_err(|e| backend::stop(&e))
            }
            Backend::Remote { store } => {
                Backend::ask(store, &Request::DropDead { run: letter.run.to_string() }).await.map(drop)
            }
        };
        backend.close().await?;
        dropped
    })?;
    terminal::say(&format!("run {} is off the list; it stays as it is", letter.run));
    Ok(Exit::Done)
}
