//! What a planner is shown of what is remembered: within a number of tokens, cut on the borders of fields, labelled.

use super::{Content, Found, Item, Kind, Label, Memory, MemoryError, Note};
use crate::engine::RunStatus;
use crate::runtime::journal::{RunRow, Summary};
use crate::runtime::report::status_name;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many memories are looked at for one context.
const LOOKED_AT: usize = 60;

/// What becomes of untrusted text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Untrusted {
    /// A line says that it is there; the text stays out.
    #[default]
    Named,
    /// It is shown, and found by, like any other; then the manifest is untrusted, and a plan made from it must be checked so.
    Shown,
}

/// How much of a memory a context shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Whole,
    /// So many of its fields.
    Part {
        shown: usize,
        of: usize,
    },
    /// That it is there, not what it says.
    Named,
}

/// A memory in a context.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContextItem {
    pub id: Uuid,
    pub kind: Kind,
    /// Of the memory. What of an untrusted one stands in a context that is trusted is no text of it.
    pub label: Label,
    pub shown: Shown,
    /// As it stands in the context.
    pub text: String,
    pub tokens: usize,
    /// Why it is there, for people.
    pub reason: String,
}

/// What a context shows, and why: for the record of the planning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the whole text: untrusted where untrusted text is in it, or had a hand in choosing it.
    pub label: Label,
    pub budget: usize,
    pub tokens: usize,
    pub items: Vec<ContextItem>,
    /// Memories that were near, but for which there was no room.
    pub left_out: usize,
}

/// How many tokens a text has at most, by its bytes: three are one for the vocabularies of today, a little less in fact.
#[must_use]
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(3)
}

/// What is remembered that is near to a goal, as text of at most so many tokens, and what was shown and why. Empty where nothing is
/// near.
///
/// # Errors
/// The store cannot be read.
pub fn context(
    memory: &Memory,
    goal: &str,
    budget: usize,
    now: jiff::Timestamp,
    untrusted: Untrusted,
) -> Result<(String, Manifest), MemoryError> {
    let near = match untrusted {
        Untrusted::Named => memory.ranked(goal, now, LOOKED_AT, |indexes| &indexes.open)?,
        Untrusted::Shown => memory.ranked(goal, now, LOOKED_AT, |indexes| &indexes.all)?,
    };
    let mut manifest = Manifest { label: Label::Trusted, budget, tokens: 0, items: Vec::new(), left_out: 0 };
    let mut text = String::new();
    for found in near {
        let Found { item, .. } = &found;
        let hidden = item.label() == Label::Untrusted && untrusted == Untrusted::Named;
        let mut written = if hidden { named(item) } else { told(item, untrusted) };
        if found.like > 0 {
            written.head.push_str(&format!("; and {} more like it", found.like));
        }
        // In bytes, so that what is appended never rounds up beyond the budget.
        let left = (budget * 3).saturating_sub(text.len());
        let Some((part, shown)) = written.within(left) else {
            manifest.left_out += 1;
            continue;
        };
        text.push_str(&part);
        manifest.items.push(ContextItem {
            id: item.id(),
            kind: item.kind(),
            label: item.label(),
            shown: if hidden { Shown::Named } else { shown },
            tokens: tokens(&part),
            text: part,
            reason: reason(&found, now),
        });
    }
    // Which memories are near hangs on untrusted words then, whatever is shown of them.
    if untrusted == Untrusted::Shown && !text.is_empty() {
        manifest.label = Label::Untrusted;
    }
    manifest.tokens = tokens(&text);
    Ok((text, manifest))
}

fn reason(found: &Found, now: jiff::Timestamp) -> String {
    let days = now.duration_since(found.item.at()).as_hours().max(0) / 24;
    let like = if found.like > 0 { format!(", {} more like it", found.like) } else { String::new() };
    format!("score {:.2}: has {}; {days} d old{like}", found.score, found.words.join(", "))
}

/// A memory in lines: what it is, and its fields, none of which is ever cut.
struct Lines {
    head: String,
    fields: Vec<String>,
    /// What the fields are: `lines`, `fields`.
    what: &'static str,
}

impl Lines {
    /// As much of it as has room in so many bytes; none where not even the head and one field have.
    fn within(&self, room: usize) -> Option<(String, Shown)> {
        let whole: usize = self.fields.iter().map(|field| field.len() + 3).sum();
        let head = self.head.len() + 3;
        let mut text = format!("- {}\n", self.head);
        if head + whole <= room {
            self.fields.iter().for_each(|field| push(&mut text, field));
            return Some((text, Shown::Whole));
        }
        let of = self.fields.len();
        // Room for the longest that the last line can be.
        let last = |shown: usize| format!("[… {shown} of {of} {}]", self.what);
        let room = room.checked_sub(head + last(of).len() + 3)?;
        let mut used = 0;
        let mut shown = 0;
        for field in &self.fields {
            if used + field.len() + 3 <= room {
                used += field.len() + 3;
                shown += 1;
                push(&mut text, field);
            }
        }
        push(&mut text, &last(shown));
        (shown > 0).then_some((text, Shown::Part { shown, of }))
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str("  ");
    text.push_str(line);
    text.push('\n');
}

/// The day, which is enough to judge the age of a memory.
fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// What an untrusted memory shows of itself: nothing that somebody outside could have written.
fn named(item: &Item) -> Lines {
    let (id, at) = (item.id(), day(item.at()));
    let head = match item {
        Item::Run(row) => {
            let status = status_name(row.status);
            format!("run {id}, {at}, {status}: its plan was made from untrusted text and is not shown")
        }
        Item::Note(note) => {
            let kind = item.kind().name();
            let of = note.origin.as_ref().and_then(|o| Some((o.plan.as_ref()?, o)));
            let of = of.map_or_else(String::new, |(plan, o)| format!(" of step {} of plan {plan}", o.step));
            format!(
                "{kind} {id}, {at}{of}: untrusted, not shown; a step can read it: memory.search(query: \"{id}\")"
            )
        }
    };
    Lines { head, fields: Vec::new(), what: "fields" }
}

fn told(item: &Item, untrusted: Untrusted) -> Lines {
    match item {
        Item::Run(row) => run(row, untrusted),
        Item::Note(note) => self::note(note, item.kind()),
    }
}

fn run(row: &RunRow, untrusted: Untrusted) -> Lines {
    let about = &row.about;
    let mut fields = Vec::new();
    let mut field = |name: &str, text: String| fields.push(format!("{name}: {}", one_line(&text)));
    if let Some(goal) = &about.goal {
        field("goal", goal.to_string());
    }
    let failed = row.status == RunStatus::Failed;
    if let (true, Some(error)) = (failed, &about.error) {
        let at = about.failed_step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
        field("error", format!("{error}{at}"));
    }
    field("plan", row.plan.to_string());
    if !about.skills.is_empty() {
        field("calls", about.skills.join(", "));
    }
    field("used", used(about));
    if let (Untrusted::Shown, Some(error)) = (untrusted, &row.error) {
        field("message", error.clone());
    }
    let head = format!("run {}, {}, {}", row.run, day(row.updated_at), status_name(row.status));
    Lines { head, fields, what: "fields" }
}

fn used(about: &Summary) -> String {
    let mut text = format!("{} calls", about.calls);
    let usage = &about.usage;
    if usage.tokens > 0 {
        text.push_str(&format!(", {} tokens", usage.tokens));
    }
    if usage.cost_usd > 0.0 {
        text.push_str(&format!(", {} usd", usage.cost_usd));
    }
    if usage.unpriced > 0 {
        text.push_str(&format!(", {} calls of unknown cost", usage.unpriced));
    }
    text
}

fn note(note: &Note, kind: Kind) -> Lines {
    let mut head = format!("{} {}, {}", kind.name(), note.id, day(note.at));
    for tag in &note.tags {
        head.push_str(" #");
        head.push_str(&one_line(tag));
    }
    if let (Kind::Result, Some(origin)) = (kind, &note.origin) {
        head.push_str(&format!(", of step {} of run {}", one_line(&origin.step), origin.run));
    }
    let json = |value: &serde_json::Value| one_line(&value.to_string());
    let (fields, what) = match &note.content {
        Content::Text(text) => {
            (text.lines().filter(|l| !l.trim().is_empty()).map(one_line).collect(), "lines")
        }
        Content::Value(serde_json::Value::Object(map)) => (
            map.iter().map(|(name, value)| format!("{}: {}", one_line(name), json(value))).collect(),
            "fields",
        ),
        Content::Value(serde_json::Value::Array(items)) => (items.iter().map(json).collect(), "items"),
        Content::Value(value) => (vec![json(value)], "fields"),
    };
    Lines { head, fields, what }
}

/// A text that stays on its line.
fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
