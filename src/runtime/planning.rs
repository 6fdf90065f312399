//! What planning came to, kept beside the runs: rounds, what they used, the plan or why there is none.

use super::model::ModelCall;
use super::spend::Spend;
use super::store::codec::{self, CodecError};
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, Store, StoreError};
use crate::engine::Usage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Planning`].
const SCHEMA: u16 = 1;

/// One goal, planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planning {
    pub id: Uuid,
    pub at: jiff::Timestamp,
    /// Who asked.
    pub actor: Arc<str>,
    /// The folder of the project.
    pub project: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    pub goal: Arc<str>,
    /// Under one key a goal is planned once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The run whose rest was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    pub provider: Arc<str>,
    pub model: Arc<str>,
    /// Of the program and its prompts.
    pub version: Arc<str>,
    pub rounds: Vec<Round>,
    /// What all rounds used, and requests that came to nothing.
    pub spent: Spent,
    /// Each request to the model, with what the provider said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ModelCall>,
    /// What of earlier runs was shown to the model, and why.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub manifest: serde_json::Value,
    /// Whether the model had read untrusted text.
    #[serde(default)]
    pub untrusted: bool,
    pub end: PlanningEnd,
}

/// How planning ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanningEnd {
    Plan { name: Arc<str>, text: String },
    Failed { why: String },
}

/// One answer, and what it came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// Bytes of the answer.
    pub bytes: usize,
    /// Why it held no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing: Option<String>,
    /// The titles of the safe fixes that were taken without asking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// What was left after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Told>,
    #[serde(default)]
    pub spent: Spent,
}

/// An error as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub code: Arc<str>,
    pub message: String,
    pub line: u32,
    pub column: u32,
}

/// What asking has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// All tokens of the input, cached ones too.
    pub input: i64,
    /// Of these: read from a cache.
    pub cached: i64,
    pub output: i64,
    /// Nano-dollars; `None`: not known, which is not nothing.
    pub cost: Option<u64>,
    pub ms: u64,
}

impl Spent {
    /// Both together; a cost that is not known makes the sum unknown.
    #[must_use]
    pub fn plus(self, other: Spent) -> Spent {
        Spent {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
            cost: self.cost.zip(other.cost).map(|(a, b)| a.saturating_add(b)),
            ms: self.ms.saturating_add(other.ms),
        }
    }

    /// Nothing, which is known to cost nothing.
    #[must_use]
    pub fn none() -> Spent {
        Spent { cost: Some(0), ..Spent::default() }
    }

    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.input.saturating_add(self.output)
    }
}

/// What it used, for `aos cost` and the budget of its agent.
pub(super) fn spend(planning: &Planning) -> Spend {
    let plan = match &planning.end {
        PlanningEnd::Plan { name, .. } => Arc::clone(name),
        PlanningEnd::Failed { .. } => "".into(),
    };
    let unpriced = planning.calls.iter().filter(|call| call.cost.is_none()).count();
    let known: u64 = planning.calls.iter().filter_map(|call| call.cost).fold(0, u64::saturating_add);
    Spend {
        at: planning.at,
        run: None,
        agent: planning.agent.clone(),
        project: Some(planning.project.clone()),
        plan,
        step: "".into(),
        attempt: u32::try_from(planning.rounds.len()).unwrap_or(u32::MAX),
        skill: "planner".into(),
        usage: Usage {
            cost_usd: known as f64 / 1e9,
            tokens: planning.spent.tokens(),
            unpriced: u32::try_from(unpriced).unwrap_or(u32::MAX),
        },
        models: planning.calls.clone(),
    }
}

/// The digest of what a key stands for.
#[must_use]
pub fn request(goal: &str, agent: Option<&str>, from: Option<&str>) -> Arc<str> {
    let text = |t: Option<&str>| t.map_or(crate::value::Value::Null, crate::value::Value::text);
    let all = [text(Some(goal)), text(agent), text(from)];
    crate::value::canonical_digest(&crate::value::Value::list(all.to_vec())).into()
}

/// The write that keeps a planning.
///
/// # Errors
/// It cannot be written.
pub(super) fn put(tenant: &KeyName, planning: &Planning) -> Result<Op, CodecError> {
    let key = Key::Planning { tenant: tenant.clone(), id: planning.id };
    Ok(Op::Put(key.encode(), codec::encode(SCHEMA, planning)?))
}

/// A planning by its id.
///
/// # Errors
/// It is damaged, or the store cannot be read.
pub(super) fn get(store: &dyn Store, tenant: &KeyName, id: Uuid) -> Result<Option<Planning>, String> {
    let key = Key::Planning { tenant: tenant.clone(), id };
    let bytes = store.get(&key.encode()).map_err(|e| e.to_string())?;
    bytes.map(|bytes| codec::decode(SCHEMA, &bytes).map_err(|e| e.to_string())).transpose()
}

/// The latest plannings of a tenant; one that cannot be read is left out.
///
/// # Errors
/// The store cannot be read.
pub fn list(store: &dyn Store, tenant: &KeyName, most: usize) -> Result<Vec<Planning>, StoreError> {
    let rows = store.scan(keys::plannings(tenant), true, most)?;
    Ok(rows.iter().filter_map(|(_, bytes)| codec::decode(SCHEMA, bytes).ok()).collect())
}
