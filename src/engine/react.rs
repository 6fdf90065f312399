//! What a step does about an error: the arms of `on_error`.

use super::command::{NoticeKind, StepStatus};
use super::event::Failure;
use super::machine::Machine;
use super::scope::{Around, NoValue};
use super::start::{after, duration, int, node, step_of};
use super::state::{Loc, Phase, Stop, TimerKind, Waiter, Work};
use crate::check::hir::{Backoff, ErrorArm, Reaction};
use crate::dag::{NodeKind, StepNode};
use crate::expr::Expr;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

/// Without `backoff`: from the first, doubling, to the second.
const BACKOFF: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_secs(30));

/// What another attempt cannot mend.
const NEVER_RETRIED: [&str; 7] =
    ["expression", "denied", "expired", "in_doubt", "budget", "limit", "cancelled"];

/// What became of one reaction.
enum Done {
    /// The step waits, runs or has ended.
    Yes,
    /// The next one of the chain.
    Next,
}

impl Machine {
    /// The step itself failed.
    pub(super) fn fail_here(&mut self, loc: Loc, failure: Failure) {
        let failure = self.placed(loc, failure);
        self.fail_step(loc, failure, loc);
    }

    pub(super) fn attempt_failed(&mut self, loc: Loc, failure: Failure, draining: bool) {
        if draining && &*failure.kind == "cancelled" {
            // It was in line still, and was not made.
            self.end(loc, StepStatus::Cancelled, None, false);
        } else if draining && matches!(&*failure.kind, "timeout" | "in_doubt") {
            // Awaited as long as was allowed: whether it took effect is not known.
            if let Some(row) = self.row_mut(loc) {
                row.extra().error = Some(Box::new(failure));
            }
            self.end(loc, StepStatus::InDoubt, None, false);
        } else {
            self.fail_step(loc, failure, loc);
        }
    }

    /// A step failed because of `at`, which is itself or lies inside it.
    pub(super) fn fail_step(&mut self, loc: Loc, failure: Failure, at: Loc) {
        let failure = Box::new(failure);
        if let Some(row) = self.row_mut(loc) {
            let attempt = row.attempts;
            let extra = row.extra();
            extra.error = Some(failure.clone());
            extra.error_attempt = attempt;
        }
        if self.is_stopping(loc.frame) {
            return self.end(loc, failed_status(&failure), None, false);
        }
        if self.active(loc).is_some_and(|a| !a.undo.is_empty()) {
            return self.undo_first(loc, failure, at);
        }
        if let Some(active) = self.active_mut(loc) {
            active.failure = Some((failure, at));
            active.phase = Phase::Reaction { waits: 0 };
            active.children.clear();
        }
        self.work.push_back(Work::React(loc));
    }

    /// Goes on with the chain: a reaction gave nothing.
    pub(super) fn react_again(&mut self, loc: Loc) {
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Reaction { waits: 0 };
        }
        self.work.push_back(Work::React(loc));
    }

    /// Does what the first arm that fits says.
    pub(super) fn react(&mut self, loc: Loc) {
        if !matches!(self.active(loc).map(|a| &a.phase), Some(Phase::Reaction { waits: 0 })) {
            return;
        }
        let dag = self.dag.clone();
        let Some(node) = node(&dag, self.body_id(loc.frame), loc.node) else { return };
        let NodeKind::Step(step) = &node.kind else { return };
        let waits =
            node.soft.iter().filter(|v| self.wait_for(loc.frame, **v, Waiter::Reaction(loc))).count() as u32;
        if waits > 0 {
            if let Some(active) = self.active_mut(loc) {
                active.phase = Phase::Reaction { waits };
            }
            return;
        }
        self.force(loc.frame, &node.lets);
        let Some((failure, at)) = self.active(loc).and_then(|a| a.failure.clone()) else { return };
        // A fallback that fails goes on to its own `then`, whatever its error is.
        let arm = match self.active(loc).and_then(|a| a.fallback) {
            Some((arm, _)) => Ok(Some(arm)),
            None => self.fitting_arm(loc, step, &failure.kind),
        };
        let arm = match arm {
            Ok(Some(arm)) => arm,
            Ok(None) => return self.abort_step(loc, failure, at),
            Err(failure) => return self.abort_step(loc, failure, loc),
        };
        let Some(chain) = step.on_error.get(arm) else { return };
        loop {
            let at_reaction = self.active_mut(loc).map_or(0, |a| a.arm(arm).reaction);
            let Some(reaction) = chain.reactions.get(at_reaction) else {
                return self.abort_step(loc, failure, at);
            };
            match self.reaction(loc, step, chain, (arm, at_reaction), reaction) {
                Done::Yes => return,
                Done::Next => {
                    if let Some(active) = self.active_mut(loc) {
                        active.arm(arm).reaction = at_reaction + 1;
                    }
                }
            }
        }
    }

    fn fitting_arm(&self, loc: Loc, step: &StepNode, kind: &str) -> Result<Option<usize>, Box<Failure>> {
        let Some(error) = self.error_of(loc) else { return Ok(None) };
        let now = self.active(loc).map_or(self.now, |a| a.now);
        for (index, arm) in step.on_error.iter().enumerate() {
            if !arm.kinds.is_empty() && !arm.kinds.iter().any(|k| **k == *kind) {
                continue;
            }
            let around = Around { now, bound: Some((arm.error, &error)), null_missing: false };
            match arm.guard.as_ref().map(|guard| self.eval(loc.frame, guard, around)) {
                None | Some(Ok(crate::value::Value::Bool(true))) => return Ok(Some(index)),
                Some(Ok(_) | Err(NoValue::Missing(_))) => {}
                Some(Err(NoValue::Failed(failure))) => return Err(failure),
            }
        }
        Ok(None)
    }

    fn reaction(
        &mut self,
        loc: Loc,
        step: &StepNode,
        arm: &ErrorArm,
        place: (usize, usize),
        reaction: &Reaction,
    ) -> Done {
        let Some((failure, at)) = self.active(loc).and_then(|a| a.failure.clone()) else { return Done::Yes };
        let error = self.error_of(loc).unwrap_or(crate::value::Value::Null);
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let around = Around { now, bound: Some((arm.error, &error)), null_missing: false };
        match reaction {
            Reaction::Abort => self.abort_step(loc, failure, at),
            Reaction::Continue => self.end(loc, failed_status(&failure), None, true),
            Reaction::Use(expr) => match self.eval(loc.frame, expr, around) {
                Ok(value) => {
                    // A fallback before it failed, so nothing has acted.
                    if let Some(active) = self.active_mut(loc) {
                        active.fallback = None;
                    }
                    self.end(loc, StepStatus::Recovered, Some(value), true);
                }
                Err(NoValue::Missing(_)) => self.end(loc, failed_status(&failure), None, true),
                Err(NoValue::Failed(failure)) => {
                    self.set_error(loc, &failure);
                    self.abort_step(loc, failure, loc);
                }
            },
            Reaction::Fail(message) => {
                let failed = Failure::new("failed", self.message(loc.frame, message, around));
                let failed = Box::new(self.placed(loc, failed));
                self.set_error(loc, &failed);
                self.abort_step(loc, failed, loc);
            }
            Reaction::Fallback(_) => self.fall_back(loc, step, place),
            Reaction::Retry { count, backoff } => {
                return self.retry(loc, &failure, place.0, count, backoff, around);
            }
        }
        Done::Yes
    }

    pub(super) fn set_error(&mut self, loc: Loc, failure: &Failure) {
        if let Some(row) = self.row_mut(loc) {
            row.extra().error = Some(Box::new(failure.clone()));
        }
    }

    fn fall_back(&mut self, loc: Loc, step: &StepNode, (arm, reaction): (usize, usize)) {
        if let Some(active) = self.active_mut(loc) {
            active.arm(arm).reaction = reaction + 1;
            active.fallback = Some((arm, reaction));
        }
        self.begin_call(loc, step);
    }

    fn retry(
        &mut self,
        loc: Loc,
        failure: &Failure,
        arm: usize,
        count: &Expr,
        backoff: &Backoff,
        around: Around<'_>,
    ) -> Done {
        if NEVER_RETRIED.contains(&&*failure.kind) || self.active(loc).is_none_or(|a| a.deadline_passed) {
            return Done::Next;
        }
        let retried = self.active_mut(loc).map_or(0, |a| a.arm(arm).retried);
        let wait = self.eval(loc.frame, count, around).and_then(|v| int(v, count)).and_then(|count| {
            if i64::from(retried) >= count {
                Ok(None)
            } else {
                self.backoff(loc, backoff, retried, around).map(Some)
            }
        });
        let wait = match wait {
            Ok(Some(wait)) => {
                wait.max(SignedDuration::from_millis(failure.retry_after_ms.unwrap_or(0).max(0)))
            }
            Ok(None) | Err(_) => {
                // What is retried again after another reaction of the chain starts from zero.
                if let Some(active) = self.active_mut(loc) {
                    active.arm(arm).retried = 0;
                }
                return Done::Next;
            }
        };
        let until = after(self.now, wait);
        if let Some(active) = self.active_mut(loc) {
            active.arm(arm).retried = retried + 1;
            active.phase = Phase::Backoff;
            active.fallback = None;
        }
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Waiting;
        }
        self.notice(loc, NoticeKind::Retrying { error: failure.clone(), at: until });
        self.arm(TimerKind::Retry, loc, until);
        Done::Yes
    }

    /// The wait before another attempt is over.
    pub(super) fn try_again(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        self.begin_call(loc, step);
    }

    fn backoff(
        &self,
        loc: Loc,
        backoff: &Backoff,
        retried: u32,
        around: Around<'_>,
    ) -> Result<SignedDuration, NoValue> {
        let wait = |expr: &Expr| -> Result<SignedDuration, NoValue> {
            duration(self.eval(loc.frame, expr, around)?, expr)
        };
        let (from, to) = match (&backoff.from, &backoff.to) {
            (Some(from), None) => return Ok(wait(from)?.max(SignedDuration::ZERO)),
            (Some(from), Some(to)) => (wait(from)?, wait(to)?),
            (None, _) => BACKOFF,
        };
        let millis = |d: SignedDuration| u64::try_from(d.as_millis()).unwrap_or(0);
        let longest =
            millis(from).saturating_mul(1_u64.checked_shl(retried).unwrap_or(u64::MAX)).min(millis(to));
        Ok(SignedDuration::from_millis(i64::try_from(self.jitter(loc, longest)).unwrap_or(i64::MAX)))
    }

    /// Between zero and `longest`; the same for the same run, step and attempt.
    fn jitter(&self, loc: Loc, longest: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.run.as_bytes());
        hash.update([0]);
        hash.update(self.path(loc).as_bytes());
        hash.update(self.attempt(loc).to_le_bytes());
        let digest = hash.finalize();
        let random = digest.iter().take(8).fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        ((u128::from(random) * (u128::from(longest) + 1)) >> 64) as u64
    }

    /// The step fails for good and stops its body.
    pub(super) fn abort_step(&mut self, loc: Loc, failure: Box<Failure>, at: Loc) {
        self.end(loc, failed_status(&failure), None, false);
        self.stop(loc.frame, Stop::Failed { failure, at });
    }
}

fn failed_status(failure: &Failure) -> StepStatus {
    if &*failure.kind == "in_doubt" { StepStatus::InDoubt } else { StepStatus::Failed }
}
