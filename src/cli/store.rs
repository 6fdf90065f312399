//! `aos store`: backups, checks, repairs, figures, sweeping.

use super::args::{Global, Store, StoreCommand};
use super::backend::{self, Backend};
use super::{CliResult, Exit, Stop, terminal};
use crate::runtime::care::check::Checked;
use crate::runtime::care::export::Exported;
use crate::runtime::care::gc::Swept;
use crate::runtime::care::import::{self, Imported};
use crate::runtime::care::repair::{self, Repair, Repaired};
use crate::runtime::care::stats::Stats;
use crate::runtime::care::{CareError, Done, Job, Lost};
use crate::runtime::socket::{Answer, Request};
use crate::runtime::store::StoreError;
use std::path::{Path, PathBuf};

pub(crate) fn store(args: &Store, global: &Global) -> CliResult {
    match &args.command {
        StoreCommand::Export { file, no_blobs } => {
            let file = std::path::absolute(file)
                .map_err(|error| Stop::usage(format!("cannot find {}: {error}", file.display())))?;
            job(global, Job::Export { file, blobs: !no_blobs }, false)
        }
        StoreCommand::Import { file } => import(file, global),
        StoreCommand::Check { json } => job(global, Job::Check, *json),
        StoreCommand::Repair => repair(global),
        StoreCommand::Stats { json } => job(global, Job::Stats, *json),
        StoreCommand::Gc { dry_run, grace } => {
            job(global, Job::Gc { grace_s: grace.saturating_mul(3600), dry_run: *dry_run }, false)
        }
    }
}

/// The folder of the store that is meant, where one is kept.
fn folder(global: &Global) -> Result<PathBuf, Stop> {
    backend::store_dir(global)?
        .ok_or_else(|| Stop::usage("a store in memory needs no care; say `--store DIR`"))
}

/// Does what can be done beside runs that go on, in the process that holds the store.
fn job(global: &Global, job: Job, json: bool) -> CliResult {
    let dir = folder(global)?;
    if !dir.exists() {
        return Err(Stop::usage(format!("there is no store at {}", dir.display())));
    }
    let done = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let done = match &backend {
            Backend::Local { runtime, .. } => runtime.care(job).await.map_err(Stop::failed),
            Backend::Remote { store } => match Backend::ask(store, &Request::Care { job }).await? {
                Answer::Care { done } => Ok(*done),
                other => Err(backend::unexpected(&other)),
            },
        };
        backend.close().await?;
        done
    })?;
    Ok(match done {
        Done::Exported(exported) => tell_export(&exported),
        Done::Checked(checked) => tell_check(&checked, json),
        Done::Counted(stats) => tell_stats(&stats, json),
        Done::Swept(swept) => tell_sweep(&swept),
    })
}

fn import(file: &Path, global: &Global) -> CliResult {
    let dir = folder(global)?;
    let imported = import::import(file, &backend::options(global, &dir)).map_err(|error| stop(&error))?;
    let Imported { folder, counts, put_aside, lost, at, .. } = &imported;
    terminal::say(&format!(
        "{} holds {} run(s), {} row(s) and {} content(s) as of {at:.0}; the checksums fit",
        folder.display(),
        counts.runs,
        counts.rows,
        counts.blobs
    ));
    tell_lost(lost, *put_aside);
    Ok(if lost.is_empty() { Exit::Done } else { Exit::Failed })
}

fn repair(global: &Global) -> CliResult {
    let dir = folder(global)?;
    match repair::repair(&backend::options(global, &dir)).map_err(|error| stop(&error))? {
        Repair::Sound(checked) => {
            tell_check(&checked, false);
            terminal::say("nothing had to be repaired");
            Ok(Exit::Done)
        }
        Repair::Repaired(repaired) => {
            let Repaired { why, kept, without, runs, events, put_aside, lost } = &*repaired;
            for why in why {
                terminal::say(&format!("wrong: {why}"));
            }
            let without = without.map_or_else(String::new, |what| format!(" (read without {what})"));
            terminal::say(&format!("saved {runs} run(s) with {events} event(s){without}"));
            tell_lost(lost, *put_aside);
            terminal::say(&format!(
                "the damaged files are kept as they were: {}; delete them when you miss nothing",
                kept.display()
            ));
            Ok(Exit::Done)
        }
    }
}

fn stop(error: &CareError) -> Stop {
    match error {
        CareError::Store(StoreError::InUse { .. }) => Stop { exit: Exit::InUse, message: error.to_string() },
        CareError::NotEmpty(_) => Stop::usage(error.to_string()),
        CareError::Store(_)
        | CareError::Journal(_)
        | CareError::Blob(_)
        | CareError::Codec(_)
        | CareError::Io { .. }
        | CareError::File { .. }
        | CareError::NoIdentity
        | CareError::Hopeless { .. } => Stop::failed(error.to_string()),
    }
}

fn tell_lost(lost: &[Lost], put_aside: u64) {
    for lost in lost {
        terminal::say(&format!("lost: {lost}"));
    }
    if put_aside > 0 {
        terminal::say(&format!(
            "{put_aside} run(s) that had not ended are put aside, since what they did last may be lost: `aos dead list`"
        ));
    }
}

fn tell_export(exported: &Exported) -> Exit {
    let Exported { file, bytes, commit, counts, lost } = exported;
    terminal::say(&format!(
        "{} holds {} run(s), {} row(s) and {} content(s): {}, all that was durable at commit {commit}",
        file.display(),
        counts.runs,
        counts.rows,
        counts.blobs,
        size(*bytes)
    ));
    tell_lost(lost, 0);
    if lost.is_empty() {
        return Exit::Done;
    }
    terminal::error("the store is damaged: the file holds what is left");
    Exit::Failed
}

fn tell_check(checked: &Checked, json: bool) -> Exit {
    if json {
        terminal::print(&serde_json::json!(checked).to_string());
    } else {
        let Checked { runs, events, listed, blobs, blob_bytes, absent, .. } = checked;
        terminal::say(&format!(
            "{runs} run(s), {events} event(s), {listed} row(s) of lists, {blobs} content(s) of {}",
            size(*blob_bytes)
        ));
        if *absent > 0 {
            terminal::say(&format!("{absent} file(s) that runs name have no content here"));
        }
        for problem in &checked.problems {
            terminal::error(&problem.what);
        }
        match checked.problems.len() {
            0 => terminal::say("everything is as it was written"),
            n => terminal::say(&format!("{n} problem(s); `aos store repair` saves what is left")),
        }
    }
    if checked.problems.is_empty() { Exit::Done } else { Exit::Failed }
}

fn tell_stats(stats: &Stats, json: bool) -> Exit {
    if json {
        terminal::print(&serde_json::json!(stats).to_string());
        return Exit::Done;
    }
    let by_status: Vec<String> =
        stats.runs_by_status.iter().map(|(status, runs)| format!("{runs} {status}")).collect();
    let lines = [
        format!("store      {} ({}, format {})", stats.store, stats.back_end, stats.format),
        format!("commits    {}", stats.commits),
        format!("runs       {}  {}", stats.runs, by_status.join(", ")),
        format!("put aside  {}", stats.dead),
        format!("memories   {}", stats.memories),
        format!("events     {}", stats.events),
        format!("contents   {}  {}", stats.blobs, size(stats.blob_bytes)),
        format!("on disk    {}", size(stats.disk_bytes)),
    ];
    for line in lines {
        terminal::print(line.trim_end());
    }
    for rows in &stats.tables {
        terminal::print(&format!("  {:<16} {:>10} rows  {:>10}", rows.table, rows.rows, size(rows.bytes)));
    }
    Exit::Done
}

fn tell_sweep(swept: &Swept) -> Exit {
    let Swept { kept, kept_bytes, young, deleted, deleted_bytes, dry_run } = *swept;
    let verb = if dry_run { "would be deleted" } else { "deleted" };
    terminal::say(&format!(
        "{deleted} content(s) {verb}: {}; {kept} named by runs: {}; {young} too young to tell",
        size(deleted_bytes),
        size(kept_bytes)
    ));
    Exit::Done
}

/// Bytes for people: `3.4 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 { format!("{bytes} {name}") } else { format!("{value:.1} {name}") }
}
