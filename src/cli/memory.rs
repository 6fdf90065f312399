//! `aos memory`: what is remembered between runs.

use super::args::{Global, Memory, MemoryCommand, MemoryKind};
use super::backend::{self, Backend};
use super::{CliResult, Exit, Stop, terminal};
use crate::runtime::host::Keep;
use crate::runtime::memory::{Ask, Content, Found, Item, Kind, Label, Manifest, Note, Told, Untrusted};
use crate::runtime::report::status_name;
use crate::runtime::socket::{Answer, Request};
use comfy_table::{Table, presets};
use std::sync::Arc;

pub(crate) fn memory(args: &Memory, global: &Global) -> CliResult {
    match &args.command {
        MemoryCommand::List { kind, limit, json } => {
            let kinds = kind.map(|kind| match kind {
                MemoryKind::Run => Kind::Run,
                MemoryKind::Result => Kind::Result,
                MemoryKind::Note => Kind::Note,
            });
            list(&ask(global, Ask::List { kinds: kinds.into_iter().collect(), limit: *limit })?, *json)
        }
        MemoryCommand::Search { query, limit, json } => {
            search(&ask(global, Ask::Search { query: query.join(" "), limit: *limit })?, *json)
        }
        MemoryCommand::Show { id, json } => show(&ask(global, Ask::Show { id: id.clone() })?, *json),
        MemoryCommand::Save { text, tag, untrusted } => {
            let text = if text == "-" { super::load::stdin_text()? } else { text.clone() };
            let label = if *untrusted { Label::Untrusted } else { Label::Trusted };
            let tags = tag.iter().map(|tag| Arc::from(tag.as_str())).collect();
            told(&ask(global, Ask::Save { text: text.into(), tags, label, by: backend::actor() })?, "saved")
        }
        MemoryCommand::Keep { run, step, tag, trusted } => {
            let label = if *trusted { Label::Trusted } else { Label::Untrusted };
            let tags = tag.iter().map(|tag| Arc::from(tag.as_str())).collect();
            let keep =
                Keep { run: run.clone(), step: step.as_str().into(), tags, label, by: backend::actor() };
            told(&keep_result(global, keep)?, "kept")
        }
        MemoryCommand::Trust { id } => {
            told(&ask(global, Ask::Trust { id: id.clone() })?, "trusted from now on")
        }
        MemoryCommand::Forget { id } => told(&ask(global, Ask::Forget { id: id.clone() })?, "forgotten"),
        MemoryCommand::Context { goal, tokens, untrusted, json } => {
            let untrusted = if *untrusted { Untrusted::Shown } else { Untrusted::Named };
            let goal = goal.join(" ");
            context(&ask(global, Ask::Context { goal, budget: *tokens, untrusted })?, *json)
        }
    }
}

fn ask(global: &Global, ask: Ask) -> Result<Told, Stop> {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let told = recall(&backend, ask).await;
        backend.close().await?;
        told
    })
}

/// Asks the memories of the store, here or in the process that holds it.
pub(crate) async fn recall(backend: &Backend, ask: Ask) -> Result<Told, Stop> {
    match backend {
        Backend::Local { runtime, .. } => runtime.recall(ask).await.map_err(|e| backend::stop(&e)),
        Backend::Remote { store } => match Backend::ask(store, &Request::Memory { ask }).await? {
            Answer::Memory { told } => Ok(*told),
            other => Err(backend::unexpected(&other)),
        },
    }
}

fn keep_result(global: &Global, keep: Keep) -> Result<Told, Stop> {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let told = match &backend {
            Backend::Local { runtime, .. } => runtime.keep(keep).await.map_err(|e| backend::stop(&e)),
            Backend::Remote { store } => match Backend::ask(store, &Request::Keep { keep }).await? {
                Answer::Memory { told } => Ok(*told),
                other => Err(backend::unexpected(&other)),
            },
        };
        backend.close().await?;
        told
    })
}

fn odd(told: &Told) -> Stop {
    Stop::failed(format!("an unexpected answer of the store: {told:?}"))
}

fn told(told: &Told, what: &str) -> CliResult {
    let Told::Item(item) = told else { return Err(odd(told)) };
    terminal::say(&format!("{what}: {} ({})", item.kind().name(), trust(item.label())));
    terminal::print(&item.id().to_string());
    Ok(Exit::Done)
}

fn trust(label: Label) -> &'static str {
    match label {
        Label::Trusted => "trusted",
        Label::Untrusted => "untrusted",
    }
}

fn list(told: &Told, json: bool) -> CliResult {
    let Told::List(items) = told else { return Err(odd(told)) };
    if json {
        items.iter().for_each(|item| terminal::print(&row(item).to_string()));
    } else if items.is_empty() {
        terminal::say(
            "nothing is remembered yet; runs are once they have ended, `aos memory save TEXT` adds a note",
        );
    } else {
        terminal::print(&table(items.iter().map(|item| (item, None))));
    }
    Ok(Exit::Done)
}

fn search(told: &Told, json: bool) -> CliResult {
    let Told::Found(found) = told else { return Err(odd(told)) };
    if json {
        for Found { item, score, words, like } in found {
            let mut row = row(item);
            if let Some(row) = row.as_object_mut() {
                row.insert("score".into(), (*score).into());
                row.insert("words".into(), words.clone().into());
                row.insert("like".into(), (*like).into());
            }
            terminal::print(&row.to_string());
        }
    } else if found.is_empty() {
        terminal::say("nothing that is remembered has one of these words");
    } else {
        terminal::print(&table(found.iter().map(|f| (&f.item, Some(f.score)))));
    }
    Ok(Exit::Done)
}

/// A memory as JSON, the same fields for all kinds.
fn row(item: &Item) -> serde_json::Value {
    let mut row = match item {
        Item::Run(row) => serde_json::json!({
            "plan": row.plan, "status": status_name(row.status), "goal": row.about.goal, "error": row.error,
            "failed_step": row.about.failed_step, "skills": row.about.skills, "digest": row.about.digest,
            "cost_usd": row.about.usage.cost_usd, "tokens": row.about.usage.tokens, "calls": row.about.calls,
        }),
        Item::Note(note) => {
            let content = match &note.content {
                Content::Text(text) => serde_json::json!({ "text": text }),
                Content::Value(value) => serde_json::json!({ "value": value }),
            };
            let mut row = content;
            if let Some(row) = row.as_object_mut() {
                row.insert("tags".into(), note.tags.iter().map(|t| serde_json::Value::from(&**t)).collect());
                row.insert("by".into(), note.by.as_ref().into());
                if let Some(origin) = &note.origin {
                    row.insert("run".into(), origin.run.to_string().into());
                    row.insert("step".into(), origin.step.as_ref().into());
                }
            }
            row
        }
    };
    if let Some(row) = row.as_object_mut() {
        row.insert("id".into(), item.id().to_string().into());
        row.insert("kind".into(), item.kind().name().into());
        row.insert("label".into(), trust(item.label()).into());
        row.insert("at".into(), item.at().to_string().into());
    }
    row
}

fn table<'a>(items: impl Iterator<Item = (&'a Item, Option<f64>)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (item, score) in items {
        let text: String = short(item).chars().take(90).collect();
        let mut cells = vec![
            item.id().to_string(),
            item.kind().name().to_owned(),
            trust(item.label()).to_owned(),
            item.at().strftime("%Y-%m-%d").to_string(),
            terminal::one_line(&text),
        ];
        cells.extend(score.map(|score| format!("{score:.2}")));
        table.add_row(cells);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn short(item: &Item) -> String {
    match item {
        Item::Run(row) => row.told(),
        Item::Note(note) => note.text().to_string(),
    }
}

fn show(told: &Told, json: bool) -> CliResult {
    let Told::Item(item) = told else { return Err(odd(told)) };
    if json {
        terminal::print(&format!("{:#}", row(item)));
        return Ok(Exit::Done);
    }
    let line = |text: String| terminal::print(&terminal::one_line(&text));
    line(format!("{} {}  {}  {:.0}", item.kind().name(), item.id(), trust(item.label()), item.at()));
    match item {
        Item::Run(row) => {
            line(row.told());
            line(format!(
                "{} calls, {} tokens, {} usd",
                row.about.calls, row.about.usage.tokens, row.about.usage.cost_usd
            ));
            line(format!("`aos show {}` tells all of it", row.run));
        }
        Item::Note(note) => show_note(note),
    }
    Ok(Exit::Done)
}

fn show_note(note: &Note) {
    let line = |text: String| terminal::print(&terminal::one_line(&text));
    if let Some(origin) = &note.origin {
        line(format!("by {}, of step {} of run {}", note.by, origin.step, origin.run));
    } else {
        line(format!("by {}", note.by));
    }
    if !note.tags.is_empty() {
        line(format!("tags: {}", note.tags.join(", ")));
    }
    match &note.content {
        Content::Text(text) => text.lines().for_each(|text| line(text.to_owned())),
        Content::Value(value) => format!("{value:#}").lines().for_each(|text| line(text.to_owned())),
    }
}

fn context(told: &Told, json: bool) -> CliResult {
    let Told::Context { text, manifest } = told else { return Err(odd(told)) };
    if json {
        terminal::print(&format!("{:#}", serde_json::json!({ "text": text, "manifest": manifest })));
        return Ok(Exit::Done);
    }
    let Manifest { label, budget, tokens, items, left_out } = manifest;
    for text in text.lines() {
        terminal::print(&terminal::one_line(text));
    }
    for item in items {
        terminal::say(&format!(
            "{} {}: {}; {} tokens",
            item.kind.name(),
            item.id,
            terminal::one_line(&item.reason),
            item.tokens
        ));
    }
    let more = if *left_out > 0 { format!("; {left_out} more had no room") } else { String::new() };
    terminal::say(&format!("{tokens} of {budget} tokens, {}{more}", trust(*label)));
    Ok(Exit::Done)
}
