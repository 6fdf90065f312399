//! What a run leaves to one that starts from it, read off its journal.

use super::{Earlier, EarlierEnd, Reused, digests};
use crate::engine::command::{Command, NoticeKind, Step, StepStatus};
use crate::engine::event::{Event, EventKind, StepPath};
use crate::engine::machine::Machine;
use indexmap::IndexMap;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

type Call = (Arc<str>, BTreeMap<Arc<str>, Arc<str>>);

/// Sees the events of a run with what they gave.
#[derive(Debug, Default)]
pub struct Collector {
    /// Calls without an answer.
    open: HashMap<(StepPath, u32), Call>,
    /// What that run was given itself.
    given: HashMap<StepPath, Earlier>,
    found: IndexMap<StepPath, Earlier>,
}

impl Collector {
    /// Takes in an event.
    pub fn take(&mut self, event: &Event, step: &Step) {
        match &event.kind {
            EventKind::Reusable { steps, .. } => {
                self.given.extend(steps.iter().map(|s| (s.step.clone(), s.clone())));
            }
            EventKind::AttemptSucceeded { step, attempt, value, .. } => {
                self.answered(step, *attempt, EarlierEnd::Value(value.clone()));
            }
            EventKind::AttemptFailed { step, attempt, error, .. } => {
                let why = format!("it failed with {} then", error.kind);
                self.answered(step, *attempt, EarlierEnd::Nothing(why.into()));
            }
            EventKind::Started { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Decided { .. }
            | EventKind::Answered { .. }
            | EventKind::Signalled { .. }
            | EventKind::Resumed => {}
        }
        for command in &step.commands {
            if let Command::Invoke(invoke) = command {
                let call = (invoke.skill.clone(), digests(&invoke.args, &invoke.type_args));
                self.open.insert((invoke.step.clone(), invoke.attempt), call);
            }
        }
        for notice in &step.notices {
            // What that run took over itself is handed on.
            if matches!(&notice.kind, NoticeKind::Reuse { reuse: Reused::From(_) })
                && let Some(earlier) = self.given.remove(&notice.step)
            {
                self.found.insert(notice.step.clone(), earlier);
            }
        }
    }

    fn answered(&mut self, step: &StepPath, attempt: u32, end: EarlierEnd) {
        if let Some((skill, args)) = self.open.remove(&(step.clone(), attempt)) {
            self.found.insert(step.clone(), Earlier { step: step.clone(), skill, args, end });
        }
    }

    /// All calls of the run, whose machine has seen the same events. `again`: steps that are to be made again, with all inside.
    #[must_use]
    pub fn finish(mut self, machine: &Machine, again: &[String]) -> Vec<Earlier> {
        let mut open: Vec<((StepPath, u32), Call)> = self.open.into_iter().collect();
        open.sort_by(|(a, _), (b, _)| a.cmp(b));
        for ((step, _), (skill, args)) in open {
            let end = EarlierEnd::Nothing("it had not ended then".into());
            self.found.entry(step.clone()).or_insert(Earlier { step, skill, args, end });
        }
        // What was undone has no effect any more, whatever its value was.
        for step in machine.report() {
            if step.compensation.is_some_and(|status| status != StepStatus::Skipped)
                && let Some(earlier) = self.found.get_mut(&step.path)
            {
                earlier.end = EarlierEnd::Nothing("it was undone then".into());
            }
        }
        for earlier in self.found.values_mut().filter(|e| again.iter().any(|a| stands_in(&e.step.0, a))) {
            earlier.end = EarlierEnd::Nothing("it is to be made again".into());
        }
        self.found.into_values().collect()
    }
}

/// Whether a path is this step or lies inside it.
fn stands_in(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
