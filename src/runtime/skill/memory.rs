//! `memory.*`: notes that a plan saves, and what it finds again.
//!
//! A note that a plan saves is untrusted until a person vouches for it (`aos memory trust`): an implementation sees values, not labels.

use super::args::{given, invalid, text, texts};
use super::{BoxFuture, Skill, SkillCall, SkillOutput};
use crate::engine::Failure;
use crate::runtime::memory::{Content, Found, Item, Kind, Label, Memory, MemoryError, Note};
use crate::runtime::store::StoreError;
use crate::value::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

/// So many memories are found at most.
const MOST: i64 = 100;

/// The `memory` family.
pub struct MemorySkills {
    /// `None` where the skills stand in no store.
    memory: Option<Memory>,
}

impl MemorySkills {
    /// The family over the memories of a store.
    #[must_use]
    pub fn new(memory: Option<Memory>) -> Self {
        Self { memory }
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let Some(memory) = self.memory.clone() else {
            return Err(Failure::new("unavailable", "there is no store here that could remember anything"));
        };
        let done = match call.name.as_ref() {
            "memory.save" => tokio::task::spawn_blocking(move || save(&memory, &call)).await,
            "memory.search" => tokio::task::spawn_blocking(move || search(&memory, &call)).await,
            name => return Err(Failure::new("unavailable", format!("`{name}` has no implementation"))),
        };
        done.map_err(|error| Failure::new("internal", error.to_string()))?.map(SkillOutput::free)
    }
}

impl Skill for MemorySkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

fn save(memory: &Memory, call: &SkillCall) -> Result<Value, Failure> {
    let tags = if given(&call.args, "tags").is_some() { texts(&call.args, "tags")? } else { Vec::new() };
    let run: Uuid = call.run.parse().map_err(|_| Failure::new("internal", "the run has no id"))?;
    let note = Note {
        id: run,
        at: jiff::Timestamp::now(),
        by: Arc::clone(&call.actor),
        label: Label::Untrusted,
        content: Content::Text(text(&call.args, "text")?),
        tags,
        origin: Some(memory.origin(run, Arc::clone(&call.step)).map_err(|e| failure(&e))?),
    };
    let kept = memory.keep_of_step(note, &call.idempotency_key).map_err(|e| failure(&e))?;
    let mut result = Map::new();
    result.insert("id".into(), Value::String(kept.id.to_string().into()));
    Ok(Value::map(result))
}

fn search(memory: &Memory, call: &SkillCall) -> Result<Value, Failure> {
    let query = text(&call.args, "query")?;
    let max = match given(&call.args, "max") {
        None => 10,
        Some(Value::Int(max)) if (1..=MOST).contains(max) => *max,
        Some(_) => return Err(invalid(format!("the argument `max` is not a number from 1 to {MOST}"))),
    };
    let limit = usize::try_from(max).unwrap_or_default();
    let found = memory.search(&query, jiff::Timestamp::now(), limit).map_err(|e| failure(&e))?;
    Ok(Value::list(found.iter().map(row).collect()))
}

fn row(found: &Found) -> Value {
    let (text, tags) = match &found.item {
        Item::Note(note) => (note.text(), note.tags.clone()),
        Item::Run(row) => (row.told().into(), vec![Kind::Run.name().into()]),
    };
    let mut map = Map::new();
    map.insert("id".into(), Value::String(found.item.id().to_string().into()));
    map.insert("text".into(), Value::String(text));
    map.insert("tags".into(), Value::list(tags.into_iter().map(Value::String).collect()));
    map.insert("score".into(), Value::Float(found.score));
    Value::map(map)
}

fn failure(error: &MemoryError) -> Failure {
    let kind = match error {
        MemoryError::Empty
        | MemoryError::TooLarge { .. }
        | MemoryError::Tags(_)
        | MemoryError::Unknown(_) => "invalid_input",
        MemoryError::Full => "limit",
        MemoryError::Store(StoreError::Closed | StoreError::Poisoned { .. }) => "unavailable",
        MemoryError::Store(_)
        | MemoryError::Journal(_)
        | MemoryError::Codec { .. }
        | MemoryError::Ambiguous(_)
        | MemoryError::IsRun(_)
        | MemoryError::Refused(_) => "internal",
    };
    Failure::new(kind, error.to_string())
}
