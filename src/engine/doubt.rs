//! Calls in doubt: the process ended during a call that must not be made twice unasked.
//!
//! Where the plan says what to do about `in_doubt` it does that. Else the step waits for a person, who says whether it is called
//! again, passed over, or what it gave; until then nothing that hangs on it starts, and nothing is undone.

use super::ask::{Ask, AskKind};
use super::command::{NoticeKind, StepStatus};
use super::end::may_handle;
use super::event::{Failure, Resolution, StepPath, Usage};
use super::machine::{IllegalEvent, Machine};
use super::scope::Around;
use super::start::step_of;
use super::state::{Loc, Phase, TimerKind};
use crate::check::hir::Target;
use crate::dag::Action;
use crate::types::{Type, conform};
use crate::value::Value;
use std::sync::Arc;

impl Machine {
    /// Calls in doubt that wait for a person.
    #[must_use]
    pub fn doubts(&self) -> Vec<StepPath> {
        self.doubts.keys().map(|path| StepPath(path.clone())).collect()
    }

    /// What a person is asked about a call in doubt.
    pub(super) fn doubt(&self, path: &Arc<str>, loc: Loc) -> Option<Ask> {
        let step = step_of(&self.dag, self.body_id(loc.frame), loc.node)?;
        let (call, error) = self.current_call(loc, step)?;
        let bound = error.as_ref().map(|(var, error)| (*var, error));
        let now = self.active(loc)?.now;
        let args = self.args(loc.frame, &call.args, Around { now, bound, null_missing: false }).ok();
        let Target::Skill(callee) = &call.target else { return None };
        Some(Ask {
            step: StepPath(path.clone()),
            kind: AskKind::Doubt,
            question: "the run was interrupted during this call; did it act?".into(),
            shown: args.map(|args| Value::Map(Arc::new(args))),
            callee: Some(callee.clone()),
            digest: "".into(),
            wanted: Some(call.output.to_string()),
            roles: Vec::new(),
            quorum: 1,
            approvals: Vec::new(),
            asked_at: self.row(loc)?.started_at?,
            until: None,
            then: None,
        })
    }

    /// The type of the result of a call in doubt.
    #[must_use]
    pub fn doubted_type(&self, step: &StepPath) -> Option<&Type> {
        let loc = *self.doubts.get(&step.0)?;
        let step = step_of(&self.dag, self.body_id(loc.frame), loc.node)?;
        self.current_call(loc, step).map(|(call, _)| &call.output)
    }

    /// Whether a call took effect is not known.
    pub(super) fn in_doubt(&mut self, loc: Loc, draining: bool) {
        self.settle_call(loc, Usage::default(), false);
        let error = Failure::new(
            "in_doubt",
            "the run was interrupted during this call; whether it took effect is not known",
        );
        let error = self.placed(loc, error);
        if draining || self.handles_doubt(loc) {
            return self.attempt_failed(loc, error, draining);
        }
        if self.active(loc).is_some_and(|a| a.deadline.is_some()) {
            self.disarm(TimerKind::Deadline, loc);
        }
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Waiting;
            row.extra().error = Some(Box::new(error));
        }
        if let Some(active) = self.active_mut(loc) {
            active.deadline = None;
            active.phase = Phase::InDoubt;
        }
        self.doubts.insert(self.path(loc), loc);
        self.notice(loc, NoticeKind::InDoubt);
    }

    /// Whether the plan may do something about it, or stops anyway.
    fn handles_doubt(&self, loc: Loc) -> bool {
        let mut at = Some(loc);
        while let Some(here) = at {
            let Some(step) = step_of(&self.dag, self.body_id(here.frame), here.node) else { return true };
            let tolerates = here != loc && matches!(&step.action, Action::For(f) if f.tolerate.is_some());
            if tolerates || may_handle(step, "in_doubt") || self.is_stopping(here.frame) {
                return true;
            }
            at = self.frames.get(here.frame as usize).and_then(|f| f.parent);
        }
        false
    }

    pub(super) fn forget_doubt(&mut self, loc: Loc) {
        let path = self.path(loc);
        self.doubts.remove(&path);
    }

    /// Another process goes on: what waits for a person still does.
    pub(super) fn say_doubts(&mut self) {
        let doubts: Vec<Loc> = self.doubts.values().copied().collect();
        for loc in doubts {
            self.notice(loc, NoticeKind::InDoubt);
        }
    }

    pub(super) fn check_resolution(
        &self,
        step: &StepPath,
        resolution: &Resolution,
    ) -> Result<(), IllegalEvent> {
        let Some(loc) = self.doubts.get(&step.0) else {
            let others: Vec<String> = self.doubts.keys().map(|path| format!("`{path}`")).collect();
            let others = match others.as_slice() {
                [] => "no step of this run is".to_owned(),
                [one] => format!("{one} is"),
                many => format!("{} are", many.join(", ")),
            };
            return Err(IllegalEvent(format!("the step `{step}` is not in doubt; {others}")));
        };
        match resolution {
            Resolution::Retry | Resolution::Skip => Ok(()),
            Resolution::Use(value) => self
                .as_result(*loc, value.clone())
                .map(|_| ())
                .map_err(|mismatch| IllegalEvent(format!("the value is no result of `{step}`: {mismatch}"))),
        }
    }

    /// A value as a result of the step's call.
    fn as_result(&self, loc: Loc, value: Value) -> Result<Value, String> {
        let step = step_of(&self.dag, self.body_id(loc.frame), loc.node);
        let Some((call, _)) = step.and_then(|s| self.current_call(loc, s)) else { return Ok(value) };
        conform(value, &call.output).map_err(|mismatch| mismatch.to_string())
    }

    pub(super) fn resolve_doubt(&mut self, step: &StepPath, resolution: &Resolution) {
        let Some(loc) = self.doubts.remove(&step.0) else { return };
        match resolution {
            Resolution::Retry => self.enqueue(loc),
            Resolution::Skip => self.skip(loc, "decision".into()),
            Resolution::Use(value) => {
                if let Some(active) = self.active_mut(loc) {
                    active.acted = true;
                }
                let value = self.as_result(loc, value.clone()).unwrap_or(Value::Null);
                self.end(loc, StepStatus::Recovered, Some(value), true);
            }
        }
    }
}
