//! What a run leaves to one that starts from it, read off its journal.

use super::{Earlier, EarlierEnd, Reused, digests};
use crate::engine::command::{Asked, Command, NoticeKind, Step, StepStatus};
use crate::engine::event::{Event, EventKind, Failure, StepPath};
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
    /// What people and the world outside are asked for.
    asked: HashMap<StepPath, Call>,
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
                self.answered(step, *attempt, failed(error));
            }
            EventKind::Started { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Decided { .. }
            | EventKind::Answered { .. }
            | EventKind::Signalled { .. }
            | EventKind::Resolved { .. }
            | EventKind::Resumed => {}
        }
        for command in &step.commands {
            if let Command::Invoke(invoke) = command {
                let call = (invoke.skill.clone(), digests(&invoke.args, &invoke.type_args));
                self.open.insert((invoke.step.clone(), invoke.attempt), call);
            }
        }
        let mut asked = step.asked.iter().peekable();
        for (index, notice) in step.notices.iter().enumerate() {
            while let Some(ask) = asked.next_if(|a| a.notices <= index) {
                self.ask(ask);
            }
            match &notice.kind {
                // What that run took over itself is handed on.
                NoticeKind::Reuse { reuse: Reused::From(_) } => {
                    if let Some(earlier) = self.given.remove(&notice.step) {
                        self.found.insert(notice.step.clone(), earlier);
                    }
                }
                NoticeKind::Succeeded { value } => {
                    self.heard(&notice.step, || EarlierEnd::Value(value.clone()));
                }
                NoticeKind::Failed { error, .. } | NoticeKind::Recovered { error, .. } => {
                    self.heard(&notice.step, || failed(error));
                }
                NoticeKind::Reuse { reuse: Reused::Not(_) }
                | NoticeKind::Started
                | NoticeKind::Retrying { .. }
                | NoticeKind::Waiting { .. }
                | NoticeKind::Skipped { .. }
                | NoticeKind::Cancelled
                | NoticeKind::InDoubt => {}
            }
        }
        asked.for_each(|ask| self.ask(ask));
    }

    fn ask(&mut self, ask: &Asked) {
        self.asked.insert(ask.step.clone(), (ask.skill.clone(), digests(&ask.args, &ask.type_args)));
    }

    fn answered(&mut self, step: &StepPath, attempt: u32, end: EarlierEnd) {
        if let Some(call) = self.open.remove(&(step.clone(), attempt)) {
            self.found.insert(step.clone(), earlier(step, call, end));
        }
    }

    /// A step has ended: perhaps it is one that asked.
    fn heard(&mut self, step: &StepPath, end: impl FnOnce() -> EarlierEnd) {
        if let Some(call) = self.asked.remove(step) {
            self.found.insert(step.clone(), earlier(step, call, end()));
        }
    }

    /// All calls of the run, whose machine has seen the same events. `again`: steps that are to be made again, with all inside.
    #[must_use]
    pub fn finish(mut self, machine: &Machine, again: &[String]) -> Vec<Earlier> {
        let calls = self.open.into_iter().map(|((step, attempt), call)| (step, attempt, call));
        let asked = self.asked.into_iter().map(|(step, call)| (step, 0, call));
        let mut open: Vec<(StepPath, u32, Call)> = calls.chain(asked).collect();
        open.sort();
        for (step, _, call) in open {
            let end = EarlierEnd::Nothing("it had not ended then".into());
            self.found.entry(step.clone()).or_insert_with(|| earlier(&step, call, end));
        }
        for step in machine.report() {
            let Some(earlier) = self.found.get_mut(&step.path) else { continue };
            // What was undone has no effect any more, whatever its value was.
            if step.compensation.is_some_and(|status| status != StepStatus::Skipped) {
                earlier.end = EarlierEnd::Nothing("it was undone then".into());
            }
            earlier.decisions = step.decisions;
        }
        for earlier in self.found.values_mut().filter(|e| again.iter().any(|a| stands_in(&e.step.0, a))) {
            earlier.end = EarlierEnd::Nothing("it is to be made again".into());
        }
        self.found.into_values().collect()
    }
}

fn earlier(step: &StepPath, (skill, args): Call, end: EarlierEnd) -> Earlier {
    Earlier { step: step.clone(), skill, args, end, decisions: Vec::new() }
}

fn failed(error: &Failure) -> EarlierEnd {
    EarlierEnd::Nothing(format!("it failed with {} then", error.kind).into())
}

/// Whether a path is this step or lies inside it.
fn stands_in(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
