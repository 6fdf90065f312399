//! `aos artifacts`: files and large results, found again.

use super::args::{ArtifactType, Artifacts, Global};
use super::backend::{self, Backend};
use super::picture::{self, Area};
use super::store::size;
use super::{CliResult, Exit, Stop, terminal};
use crate::runtime::artifacts::{self, Artifact, Kind, Query};
use crate::runtime::blobs::Blobs;
use crate::runtime::socket::{Answer, Request};
use comfy_table::{Table, presets};
use std::io::{IsTerminal as _, Write as _};

pub(crate) fn artifacts(args: &Artifacts, global: &Global) -> CliResult {
    let kind = args.kind.map(|kind| match kind {
        ArtifactType::Json => Kind::Json,
        ArtifactType::Text => Kind::Text,
        ArtifactType::File => Kind::File,
        ArtifactType::Image => Kind::Image,
    });
    let limit = if args.cat.is_some() { usize::MAX } else { args.limit };
    let query =
        Query { run: args.run.clone(), kind, mime: args.mime.clone(), text: args.search.clone(), limit };
    let found = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let found = ask(&backend, query).await;
        backend.close().await?;
        found
    })?;
    if let Some(digest) = &args.cat {
        return cat(&found, digest, global);
    }
    if args.json {
        for artifact in &found {
            terminal::print(&serde_json::json!(artifact).to_string());
        }
    } else if found.is_empty() {
        terminal::say("no artifacts are like that");
    } else {
        terminal::print(&table(&found));
    }
    Ok(Exit::Done)
}

async fn ask(backend: &Backend, query: Query) -> Result<Vec<Artifact>, Stop> {
    match backend {
        Backend::Local { runtime, .. } => runtime.artifacts(query).await.map_err(|e| backend::stop(&e)),
        Backend::Remote { store } => match Backend::ask(store, &Request::Artifacts { query }).await? {
            Answer::Artifacts { artifacts } => Ok(artifacts),
            other => Err(backend::unexpected(&other)),
        },
    }
}

/// The artifacts of a run, as many as `aos show` has a place for, and one more.
pub(crate) async fn of_run(backend: &Backend, run: &str) -> Result<Vec<Artifact>, Stop> {
    ask(backend, Query { run: Some(run.to_owned()), limit: SHOWN + 1, ..Query::default() }).await
}

/// So many artifacts are shown with their run …
const SHOWN: usize = 8;
/// … and of a text so many characters; more than so many bytes are not read for it.
const PREVIEW: usize = 72;
const PREVIEWED: u64 = 4 << 20;

/// … and a picture this large.
const THUMBNAIL: Area = Area { columns: 40, rows: 8 };

/// Says what artifacts a run has, how the texts among them begin, and shows pictures where the terminal can.
pub(crate) fn preview(found: &[Artifact], global: &Global) -> Result<(), Stop> {
    let blobs = backend::store_dir(global)?.map(|dir| Blobs::new(&dir));
    for artifact in found.iter().take(SHOWN) {
        let Artifact { step, found, .. } = artifact;
        let digest: String = found.digest.trim_start_matches("sha256:").chars().take(12).collect();
        let of = if step.is_empty() { "the inputs" } else { step };
        let name = found.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        let line = format!("artifact {digest} of {of}:{name} {}, {}", found.mime, size(found.size));
        // Names and types come from outside.
        terminal::print(&terminal::one_line(&line));
        let content = || blobs.as_ref().and_then(|b| artifacts::content(b, artifact, PREVIEWED));
        match found.kind {
            Kind::Json | Kind::Text => {
                if let Some(content) = content() {
                    terminal::print(&format!("  {}", beginning(&String::from_utf8_lossy(&content))));
                }
            }
            Kind::Image if picture::are_shown() => {
                if let Some(shown) = content().and_then(|bytes| picture::shown(&bytes, THUMBNAIL)) {
                    terminal::print(&shown);
                }
            }
            Kind::Image | Kind::File => {}
        }
    }
    if found.len() > SHOWN {
        terminal::print("… and more: `aos artifacts --run RUN` lists them");
    }
    Ok(())
}

/// How a text begins, in one line that can do nothing to a terminal.
fn beginning(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if shown.chars().count() >= PREVIEW {
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().take(PREVIEW));
    }
    if shown.chars().count() > PREVIEW {
        shown.chars().take(PREVIEW - 1).chain(['…']).collect()
    } else {
        shown
    }
}

fn table(found: &[Artifact]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["digest", "type", "mime", "size", "name", "step", "run", "at"]);
    for Artifact { run, step, at, found, .. } in found {
        table.add_row([
            found.digest.strip_prefix("sha256:").unwrap_or(&found.digest).chars().take(12).collect(),
            found.kind.name().to_owned(),
            terminal::one_line(&found.mime),
            size(found.size),
            terminal::one_line(found.name.as_deref().unwrap_or("-")),
            if step.is_empty() { "(input)".to_owned() } else { step.to_string() },
            run.to_string(),
            format!("{at:.0}"),
        ]);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Writes the content of one to stdout.
fn cat(found: &[Artifact], digest: &str, global: &Global) -> CliResult {
    let wanted = digest.strip_prefix("sha256:").unwrap_or(digest);
    let fits = |a: &&Artifact| {
        !wanted.is_empty() && a.found.digest.strip_prefix("sha256:").is_some_and(|d| d.starts_with(wanted))
    };
    let mut fitting = found.iter().filter(fits);
    let Some(artifact) = fitting.next() else {
        return Err(Stop::usage(format!("no artifact has the digest `{digest}`")));
    };
    if fitting.any(|other| other.found.digest != artifact.found.digest) {
        return Err(Stop::usage(format!("several artifacts begin with `{digest}`; give more of it")));
    }
    let dir =
        backend::store_dir(global)?.ok_or_else(|| Stop::usage("a store in memory keeps no contents"))?;
    let Some(bytes) = artifacts::content(&Blobs::new(&dir), artifact, u64::MAX >> 1) else {
        return Err(Stop::failed(format!(
            "the content of {} is not kept here, or damaged",
            artifact.found.digest
        )));
    };
    if std::io::stdout().is_terminal() {
        return look(&bytes, artifact, wanted);
    }
    // A reader that went away is no error.
    let _ = std::io::stdout().lock().write_all(&bytes);
    Ok(Exit::Done)
}

/// Shows a content to who sits at a terminal, as far as it can be seen; it can do nothing to the terminal.
fn look(bytes: &[u8], artifact: &Artifact, wanted: &str) -> CliResult {
    let found = &artifact.found;
    let small = bytes.len() as u64 <= PREVIEWED;
    if let Some(shown) = small.then(|| picture::shown(bytes, Area::of_terminal())).flatten() {
        terminal::print(&shown);
        return Ok(Exit::Done);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Stop::usage(format!(
            "this is {} of {}, which this terminal cannot show; write it to a file: `aos artifacts --cat {wanted} > FILE`",
            found.mime,
            size(found.size)
        )));
    };
    for line in text.lines() {
        terminal::print(&terminal::one_line(line));
    }
    Ok(Exit::Done)
}
