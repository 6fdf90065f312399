//! `aos runs` and `aos cancel`

use super::args::{Cancel, Global, Runs};
use super::backend::{self, Backend, Followed, Progress};
use super::{CliResult, Exit, Stop, terminal};
use crate::engine::RunStatus;
use crate::runtime::journal::{RunRow, Waits};
use crate::runtime::report::{command, status_name};
use crate::runtime::socket::{Answer, Client, Request};
use comfy_table::{Table, presets};
use std::sync::Arc;

pub(crate) fn runs(args: &Runs, global: &Global) -> CliResult {
    let rows = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let rows = match &backend {
            Backend::Local { runtime, .. } => runtime.runs(args.limit).map_err(|e| backend::stop(&e)),
            Backend::Remote { store } => {
                match Backend::ask(store, &Request::Runs { limit: args.limit }).await? {
                    Answer::Runs { runs } => Ok(runs),
                    other => Err(Stop::failed(format!("unexpected answer of the store's holder: {other:?}"))),
                }
            }
        };
        backend.close().await?;
        rows
    })?;
    if args.json {
        for row in &rows {
            terminal::print(&json(row).to_string());
        }
    } else if rows.is_empty() {
        terminal::say("no runs yet");
    } else {
        terminal::print(&format!("{}{}", table(&rows), waiting(&rows)));
    }
    Ok(Exit::Done)
}

fn json(row: &RunRow) -> serde_json::Value {
    serde_json::json!({
        "run": row.run, "plan": row.plan, "file": row.file, "actor": row.actor, "status": status_name(row.status),
        "started_at": row.started_at, "updated_at": row.updated_at, "error": row.error, "in_doubt": row.in_doubt,
        "waits": row.waits, "due": row.due, "waiting": row.waiting.iter().map(|w| waits(row, w)).collect::<Vec<_>>(),
    })
}

fn waits(row: &RunRow, waits: &Waits) -> serde_json::Value {
    serde_json::json!({
        "step": waits.step, "for": waits.what, "until": waits.until,
        "command": answer(row, waits),
    })
}

fn answer(row: &RunRow, waits: &Waits) -> String {
    command(&row.run.to_string(), waits.kind, &waits.step, waits.name.as_deref().unwrap_or_default())
}

/// What suspended runs wait for, with the commands that answer.
fn waiting(rows: &[RunRow]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|r| r.status == RunStatus::Suspended) {
        for waits in &row.waiting {
            let until = waits.until.map_or_else(String::new, |t| format!(" (until {t:.0})"));
            text.push_str(&format!(
                "\n`{}` waits for {}{until}\n  {}",
                waits.step,
                waits.what,
                answer(row, waits)
            ));
        }
        let more = (row.waits as usize).saturating_sub(row.waiting.len());
        if more > 0 {
            text.push_str(&format!(
                "\n… and {more} more of run {}; `aos show {}` has them all",
                row.run, row.run
            ));
        }
        if row.waits == 0
            && let Some(due) = row.due
        {
            text.push_str(&format!("\nrun {} waits until {due:.0}; then `aos resume {}`", row.run, row.run));
        }
    }
    text
}

fn table(rows: &[RunRow]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["run", "plan", "status", "started", "file", "note"]);
    for row in rows {
        let doubt = (row.in_doubt > 0).then(|| format!("{} step(s) in doubt", row.in_doubt));
        let note: String = doubt.into_iter().chain(row.error.clone()).collect::<Vec<_>>().join("; ");
        let note: String = note.chars().take(60).collect();
        table.add_row([
            row.run.to_string(),
            row.plan.to_string(),
            status_name(row.status).to_owned(),
            format!("{:.0}", row.started_at),
            row.file.to_string(),
            note,
        ]);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

pub(crate) fn cancel(args: &Cancel, global: &Global) -> CliResult {
    let reason: Option<Arc<str>> = args.reason.as_deref().map(Arc::from);
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let exit = match &backend {
            Backend::Local { runtime, .. } => {
                let run = runtime.find(&args.run).map_err(|e| backend::stop(&e))?;
                match runtime.cancel(run, backend::actor(), reason).await.map_err(|e| backend::stop(&e))? {
                    Some(started) => wait(Followed::Local(started)).await,
                    None => Ok(Exit::Done),
                }
            }
            Backend::Remote { store } => remote(store, args, reason).await,
        };
        backend.close().await?;
        exit
    })
}

async fn remote(store: &std::path::Path, args: &Cancel, reason: Option<Arc<str>>) -> CliResult {
    let request = Request::Cancel { run: args.run.clone(), actor: backend::actor(), reason };
    let lost = |e: std::io::Error| Stop::failed(format!("the store's holder does not answer: {e}"));
    let Some(mut client) = Client::ask(store, &request).await.map_err(lost)? else {
        return Err(Stop::failed("the process that held the store has just ended; try again"));
    };
    match client.next().await.map_err(lost)? {
        Some(Answer::Cancelling { run }) => {
            terminal::say(&format!("run {run} is told to stop; it unwinds now"));
            Ok(Exit::Done)
        }
        Some(Answer::Started { run }) => wait(Followed::Remote { run, client }).await,
        Some(Answer::Error { message }) => Err(Stop::usage(message)),
        other => Err(Stop::failed(format!("unexpected answer of the store's holder: {other:?}"))),
    }
}

async fn wait(mut followed: Followed) -> CliResult {
    loop {
        if let Progress::Finished(report) = followed.next().await? {
            terminal::say(&format!("run {} is {}", report.run, status_name(report.status)));
            return Ok(Exit::Done);
        }
    }
}
