//! Steps of an earlier run that need not be made again: the same step, skill and arguments give the value of then.

mod collect;

pub use collect::Collector;

use super::ask::Decision;
use super::command::NoticeKind;
use super::event::StepPath;
use super::machine::Machine;
use super::scope::Around;
use super::state::Loc;
use crate::check::hir::{Call, Target};
use crate::dag::is_sleep;
use crate::types::Type;
use crate::types::conform::conform;
use crate::value::{Map, Value, canonical_digest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A step of an earlier run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Earlier {
    pub step: StepPath,
    pub skill: Arc<str>,
    /// The digest of each argument.
    pub args: BTreeMap<Arc<str>, Arc<str>>,
    pub end: EarlierEnd,
    /// What people said about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlierEnd {
    Value(Value),
    /// Why its value is of no use: it failed, or is to be made again.
    Nothing(Arc<str>),
}

/// What a run may take over.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    /// The earlier run; empty where there is none.
    from: Arc<str>,
    steps: HashMap<Arc<str>, Earlier>,
}

impl Reuse {
    /// Whether there is no earlier run.
    fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    pub(super) fn add(&mut self, from: &Arc<str>, steps: &[Earlier]) {
        self.from = from.clone();
        self.steps.extend(steps.iter().map(|s| (s.step.0.clone(), s.clone())));
    }

    /// The value for a call, or why there is none.
    fn take(
        &mut self,
        path: &str,
        skill: &str,
        args: &BTreeMap<Arc<str>, Arc<str>>,
    ) -> Result<(Value, Vec<Decision>), String> {
        let Some(earlier) = self.steps.remove(path) else {
            return Err("it was not called then".to_owned());
        };
        if *earlier.skill != *skill {
            return Err(format!("it called `{}` then", earlier.skill));
        }
        if let EarlierEnd::Nothing(why) = earlier.end {
            return Err(why.to_string());
        }
        let names = || earlier.args.keys().chain(args.keys());
        let mut differ: Vec<&Arc<str>> = names().filter(|n| earlier.args.get(*n) != args.get(*n)).collect();
        differ.sort_unstable();
        differ.dedup();
        match (differ.as_slice(), earlier.end) {
            ([], EarlierEnd::Value(value)) => Ok((value, earlier.decisions)),
            ([], EarlierEnd::Nothing(why)) => Err(why.to_string()),
            ([one], _) => Err(format!("its argument `{one}` differs")),
            (many, _) => {
                let list: Vec<String> = many.iter().map(|n| format!("`{n}`")).collect();
                Err(format!("its arguments {} differ", list.join(", ")))
            }
        }
    }
}

/// The digest of each argument; type arguments are among them, as they decide the result too.
#[must_use]
pub fn digests(args: &Map, type_args: &[(Arc<str>, Type)]) -> BTreeMap<Arc<str>, Arc<str>> {
    let types = type_args.iter().map(|(name, ty)| (format!("<{name}>").into(), ty.to_string().into()));
    args.iter().map(|(name, value)| (name.clone(), canonical_digest(value).into())).chain(types).collect()
}

impl Machine {
    /// Whether the step that is ready takes its value over; then it has ended.
    pub(super) fn takes_over(&mut self, loc: Loc, call: &Call) -> bool {
        let Target::Skill(skill) = &call.target else { return false };
        if self.reuse.is_empty() || is_sleep(skill) || self.is_undo(loc) {
            return false;
        }
        let now = self.active(loc).map_or(self.now, |a| a.now);
        // Arguments that have no value skip or fail the step when it starts.
        match self.args(loc.frame, &call.args, Around::at(now)) {
            Ok(args) => self.reused(loc, call, skill, &args),
            Err(_) => false,
        }
    }

    /// Ends a step whose call the earlier run has made already; says whether it did. The reason is told either way, once.
    fn reused(&mut self, loc: Loc, call: &Call, skill: &Arc<str>, args: &Map) -> bool {
        let path = self.path(loc);
        let from = self.reuse.from.clone();
        let taken =
            self.reuse.take(&path, skill, &digests(args, &call.type_args)).and_then(|(value, decisions)| {
                let value = conform(value, &call.output);
                value.map(|v| (v, decisions)).map_err(|m| format!("its value does not fit any more: {m}"))
            });
        let (reuse, value) = match taken {
            Ok(value) => (Reused::From(from), Some(value)),
            Err(why) => (Reused::Not(why.into()), None),
        };
        if let Some(row) = self.row_mut(loc) {
            row.extra().reuse = Some(reuse.clone());
        }
        self.notice(loc, NoticeKind::Reuse { reuse });
        let Some((value, decisions)) = value else { return false };
        let now = self.now;
        if let Some(row) = self.row_mut(loc) {
            row.started_at.get_or_insert(now);
            row.extra().decisions = decisions;
        }
        self.succeed(loc, value);
        true
    }
}

/// Whether a step was taken over from an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reused {
    /// From this run.
    From(Arc<str>),
    /// It was not, and why.
    Not(Arc<str>),
}
