//! Ending statements and frames, and unwinding.

use super::command::{Command, NoticeKind, RunStatus, StepStatus};
use super::event::{Failure, StepPath, Usage};
use super::machine::Machine;
use super::scope::{Around, NoValue};
use super::start::{after, node, step_of};
use super::state::{
    FrameEnd, FrameKey, Loc, NOWHERE, Phase, Region, Stop, TimerKind, Verdict, Waiter, Work, is_final,
};
use crate::check::hir::{LoopElse, Reaction};
use crate::dag::{Action, NodeKind, StepNode};
use crate::expr::excess;
use crate::types::conform;
use crate::value::Value;
use std::sync::Arc;

impl Machine {
    /// A statement is over. `handled`: the body goes on.
    pub(super) fn end(&mut self, loc: Loc, status: StepStatus, value: Option<Value>, handled: bool) {
        let now = self.now;
        let Some(row) = self.row_mut(loc) else { return };
        if is_final(row.status) {
            return;
        }
        row.status = status;
        row.value.clone_from(&value);
        row.ended_at = Some(now);
        // While its path is known.
        self.tell(loc, status, value, handled);
        let mut active = self.row_mut(loc).and_then(|row| row.active.take());
        if let Some(active) = &mut active {
            let acted = active.fallback.is_some() || active.acted;
            self.keep_for_undo(loc, status, acted, std::mem::take(&mut active.undo));
        }
        if active.as_ref().is_some_and(|a| a.deadline.is_some()) {
            self.disarm(TimerKind::Deadline, loc);
        }
        if active.as_ref().is_some_and(|a| a.held.is_some()) {
            self.held = self.held.saturating_sub(1);
        }
        self.deadlines.remove(&loc);
        if let Some(live) = self.live_mut(loc.frame) {
            live.unended = live.unended.saturating_sub(1);
            if active.is_some() {
                live.active = live.active.saturating_sub(1);
            }
        }
        if handled {
            self.wake(loc);
        }
        self.work.push_back(Work::Check(loc.frame));
    }

    fn tell(&mut self, loc: Loc, status: StepStatus, value: Option<Value>, handled: bool) {
        let is_step = step_of(&self.dag, self.body_id(loc.frame), loc.node).is_some();
        if !is_step && status == StepStatus::Succeeded {
            return;
        }
        let extra = self.row(loc).and_then(|r| r.extra.as_deref());
        let error =
            || extra.and_then(|e| e.error.as_deref().cloned()).unwrap_or_else(|| Failure::new("failed", ""));
        let kind = match status {
            StepStatus::Succeeded => NoticeKind::Succeeded { value: value.unwrap_or(Value::Null) },
            StepStatus::Recovered => {
                NoticeKind::Recovered { value: value.unwrap_or(Value::Null), error: error() }
            }
            StepStatus::Skipped => NoticeKind::Skipped {
                because: extra.and_then(|e| e.because.clone()).unwrap_or_else(|| "when".into()),
            },
            StepStatus::Failed => NoticeKind::Failed { error: error(), handled },
            StepStatus::Cancelled => NoticeKind::Cancelled,
            StepStatus::InDoubt => NoticeKind::InDoubt,
            StepStatus::Pending | StepStatus::Waiting | StepStatus::Running => return,
        };
        self.notice(loc, kind);
    }

    /// What waited for a statement need not wait for it any more.
    pub(super) fn wake(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        if let Some(body) = self.body_id(loc.frame).and_then(|b| dag.body(b)) {
            let mut ended = vec![loc.node];
            let mut ready = Vec::new();
            while let Some(node) = ended.pop() {
                let Some(live) = self.live_mut(loc.frame) else { break };
                body.dependents(node, |next| {
                    let Some(count) = live.waits.get_mut(next as usize) else { return };
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        if (next as usize) < body.nodes.len() { ready.push(next) } else { ended.push(next) }
                    }
                });
            }
            for node in ready {
                self.released(Loc { frame: loc.frame, node }, loc);
            }
        }
        for waiter in self.waiters.remove(&loc).unwrap_or_default() {
            match waiter {
                Waiter::Start(waiting) => {
                    let count =
                        self.live_mut(waiting.frame).and_then(|l| l.waits.get_mut(waiting.node as usize));
                    if let Some(count) = count {
                        *count = count.saturating_sub(1);
                        if *count == 0 {
                            self.released(waiting, loc);
                        }
                    }
                }
                Waiter::Result(frame) => {
                    if let Some(live) = self.live_mut(frame) {
                        live.result_waits = live.result_waits.saturating_sub(1);
                        self.work.push_back(Work::Check(frame));
                    }
                }
                Waiter::Reaction(waiting) => {
                    if let Some(Phase::Reaction { waits }) = self.active_mut(waiting).map(|a| &mut a.phase) {
                        *waits = waits.saturating_sub(1);
                        if *waits == 0 {
                            self.work.push_back(Work::React(waiting));
                        }
                    }
                }
            }
        }
    }

    fn released(&mut self, loc: Loc, by: Loc) {
        // A `let` takes no time: what released it released its readers.
        let lazy = self.row(by).is_some_and(|r| r.lazy);
        let by = if lazy { self.row(by).and_then(|r| r.released_by) } else { Some(by) };
        if let Some(row) = self.row_mut(loc) {
            row.released_by = by;
        }
        let dag = self.dag.clone();
        let is_let =
            node(&dag, self.body_id(loc.frame), loc.node).is_some_and(|n| matches!(n.kind, NodeKind::Let(_)));
        if is_let {
            // It comes before everything else: a body may be over, and its result reads the last of a chain of them.
            self.work.push_front(Work::Ready(loc));
        } else {
            self.work.push_back(Work::Ready(loc));
        }
    }

    pub(super) fn skip(&mut self, loc: Loc, because: Arc<str>) {
        if let Some(row) = self.row_mut(loc) {
            row.extra().because = Some(because);
        }
        self.end(loc, StepStatus::Skipped, None, true);
    }

    pub(super) fn succeed(&mut self, loc: Loc, value: Value) {
        let Some(active) = self.active(loc) else { return };
        let status = if active.fallback.is_some() { StepStatus::Recovered } else { StepStatus::Succeeded };
        self.end(loc, status, Some(value), true);
    }

    /// A `require` or `fail` stops its body.
    pub(super) fn statement_failed(&mut self, loc: Loc, failure: Box<Failure>) {
        if let Some(row) = self.row_mut(loc) {
            row.extra().error = Some(failure.clone());
        }
        self.end(loc, StepStatus::Failed, None, false);
        self.stop(loc.frame, Stop::Failed { failure, at: loc });
    }

    // Frames

    /// Something in a frame ended: perhaps the frame has.
    pub(super) fn check(&mut self, frame: u32) {
        let Some(live) = self.live(frame) else { return };
        if let Some(stop) = &live.stop {
            let end = match stop {
                _ if live.active > 0 => return,
                Stop::Failed { failure, at } => FrameEnd::Failed { failure: failure.clone(), at: *at },
                Stop::Cancelled => FrameEnd::Cancelled,
            };
            if !self.undo_inside(frame) {
                self.close(frame, end);
            }
            return;
        }
        if live.unended > 0 || live.result_waits > 0 {
            return;
        }
        let dag = self.dag.clone();
        let Some(body) = self.body_id(frame).and_then(|b| dag.body(b)) else { return };
        let waits =
            body.result_outer.iter().filter(|v| self.wait_for(frame, **v, Waiter::Result(frame))).count();
        if waits > 0 {
            if let Some(live) = self.live_mut(frame) {
                live.result_waits = waits as u32;
            }
            return;
        }
        self.force(frame, &body.result_lets);
        match self.result(frame, body) {
            Ok(end) => self.close(frame, end),
            Err(failure) => {
                let at = self.parent(frame);
                if let Some(live) = self.live_mut(frame) {
                    live.stop = Some(Stop::Failed { failure, at });
                }
                self.work.push_back(Work::Check(frame));
            }
        }
    }

    fn parent(&self, frame: u32) -> Loc {
        self.frames.get(frame as usize).and_then(|f| f.parent).unwrap_or(NOWHERE)
    }

    fn result(&self, frame: u32, body: &crate::dag::BodyDag) -> Result<FrameEnd, Box<Failure>> {
        let around = Around::at(self.now);
        let mut value = match body.result.as_ref().map(|e| self.eval(frame, e, around)) {
            None | Some(Err(NoValue::Missing(_))) => Value::Null,
            Some(Ok(value)) => value,
            Some(Err(NoValue::Failed(failure))) => return Err(failure),
        };
        let here = self.frames.get(frame as usize);
        if let Some(plan) = here.and_then(|f| self.dag.plan_at(f.plan).filter(|p| p.body == f.body))
            && body.result.is_some()
        {
            value = conform(value, &plan.output).map_err(|m| {
                let mut failure = Failure::new("invalid_output", format!("result of `{}`: {m}", plan.name));
                failure.span = body.result.as_ref().map(|e| e.span);
                Box::new(failure)
            })?;
        }
        let Some(until) = &body.until else { return Ok(FrameEnd::Value { value, done: None }) };
        let parent = self.parent(frame);
        let step = step_of(&self.dag, self.body_id(parent.frame), parent.node);
        let bound = match step.map(|s| &s.action) {
            Some(Action::Loop(l)) => Some((l.it, &value)),
            _ => None,
        };
        match self.eval(frame, until, Around { bound, ..around }) {
            Ok(done) => Ok(FrameEnd::Value { done: Some(matches!(done, Value::Bool(true))), value }),
            Err(NoValue::Missing(_)) => Ok(FrameEnd::Value { done: Some(false), value }),
            Err(NoValue::Failed(failure)) => Err(failure),
        }
    }

    fn close(&mut self, frame: u32, end: FrameEnd) {
        let Some(slot) = self.frames.get_mut(frame as usize) else { return };
        let live = slot.live.take();
        let key = slot.key;
        self.close_ledger(frame);
        let Some(slot) = self.frames.get_mut(frame as usize) else { return };
        if let Some(mut live) = live.filter(|l| !l.undo.is_empty()) {
            slot.kept = Some(Box::new(std::mem::take(&mut live.locals)));
            if let Some(active) = slot.parent.and_then(|p| self.active_mut(p)) {
                active.undo.append(&mut live.undo);
            }
        }
        let Some(slot) = self.frames.get(frame as usize) else { return };
        match (slot.parent, end) {
            (Some(parent), _) if key == FrameKey::Undo => self.undo_ended(frame, parent),
            (Some(parent), end) => self.child_ended(parent, key, end),
            (None, FrameEnd::Value { value, .. }) => self.finish(RunStatus::Succeeded, value, None, None),
            (None, FrameEnd::Failed { failure, at }) => {
                let at = (at != NOWHERE).then_some(at);
                self.finish(RunStatus::Failed, Value::Null, Some(*failure), at);
            }
            (None, FrameEnd::Cancelled) => {
                let error = Failure::new("cancelled", "the run was cancelled");
                self.finish(RunStatus::Cancelled, Value::Null, Some(error), None);
            }
        }
    }

    fn child_ended(&mut self, loc: Loc, key: FrameKey, end: FrameEnd) {
        let Some(active) = self.active_mut(loc) else { return };
        active.children.remove(&key.order());
        if active.verdict.is_some() {
            return self.apply_verdict(loc);
        }
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        match (&step.action, end) {
            (_, FrameEnd::Cancelled) => self.end(loc, StepStatus::Cancelled, None, false),
            (Action::For(_), FrameEnd::Value { value, .. }) => {
                if let Some(Region::For { results, .. }) = self.active_mut(loc).map(|a| &mut a.region)
                    && let Some(slot) = results.get_mut(key.order() as usize)
                {
                    *slot = value;
                }
                self.work.push_back(Work::Advance(loc));
            }
            (Action::For(_), FrameEnd::Failed { failure, at }) => {
                self.item_failed(loc, key.order(), failure, at)
            }
            (Action::Loop(_), FrameEnd::Value { value, done }) => self.round_ended(loc, step, value, done),
            (Action::Race(_), FrameEnd::Value { value, .. }) => self.conclude(loc, Verdict::Value(value)),
            (Action::Race(_), FrameEnd::Failed { failure, at }) => {
                if self.active(loc).is_some_and(|a| a.children.is_empty()) {
                    self.fail_step(loc, *failure, at);
                }
            }
            (_, FrameEnd::Value { value, .. }) => self.succeed(loc, value),
            (_, FrameEnd::Failed { failure, at }) => self.fail_step(loc, *failure, at),
        }
    }

    /// The rest of a region is stopped; then it ends so.
    pub(super) fn conclude(&mut self, loc: Loc, verdict: Verdict) {
        let Some(active) = self.active_mut(loc) else { return };
        active.verdict = Some(verdict);
        let children: Vec<u32> = active.children.values().copied().collect();
        for child in children {
            self.stop(child, Stop::Cancelled);
        }
        self.apply_verdict(loc);
    }

    /// Ends a region whose verdict is known once all inside has ended.
    pub(super) fn apply_verdict(&mut self, loc: Loc) {
        let Some(active) = self.active_mut(loc) else { return };
        if !active.children.is_empty() {
            return;
        }
        match active.verdict.take() {
            None => {}
            Some(Verdict::Value(value)) => self.succeed(loc, value),
            Some(Verdict::Failed { failure, at }) => self.fail_step(loc, *failure, at),
            Some(Verdict::Cancelled) => self.end(loc, StepStatus::Cancelled, None, false),
        }
    }

    // `for` and `loop`

    fn item_failed(&mut self, loc: Loc, index: u32, failure: Box<Failure>, at: Loc) {
        let Some(Region::For { tolerate, failures, .. }) = self.active_mut(loc).map(|a| &mut a.region) else {
            return;
        };
        failures.push((index, failure.clone()));
        if tolerate.is_some_and(|allowed| failures.len() as u64 <= u64::from(allowed)) {
            self.work.push_back(Work::Advance(loc));
        } else {
            self.conclude(loc, Verdict::Failed { failure, at });
        }
    }

    /// Starts as many items of a `for` as may run; ends it behind the last.
    pub(super) fn advance(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        let Action::For(f) = &step.action else { return };
        if self.is_stopping(loc.frame) {
            return;
        }
        loop {
            let Some(active) = self.active_mut(loc) else { return };
            let running = active.children.len();
            let Region::For { items, next, parallel, .. } = &mut active.region else { return };
            let index = *next;
            let item = match items.get(index as usize) {
                Some(item) if active.verdict.is_none() && running < *parallel as usize => item.clone(),
                Some(_) => return,
                None if running == 0 => return self.for_done(loc),
                None => return,
            };
            *next += 1;
            let mut locals = vec![(f.item, item)];
            if let Some(var) = f.index {
                locals.push((var, Value::Int(i64::from(index))));
            }
            self.open_child(loc, f.body, FrameKey::Index(index), locals);
        }
    }

    fn for_done(&mut self, loc: Loc) {
        let Some(active) = self.active_mut(loc) else { return };
        let Region::For { results, failures, .. } = std::mem::replace(&mut active.region, Region::None)
        else {
            return;
        };
        let mut failures = failures;
        failures.sort_by_key(|(index, _)| *index);
        if let Some(row) = self.row_mut(loc)
            && !failures.is_empty()
        {
            row.extra().failures = failures;
        }
        let value = Value::List(Arc::new(results));
        // Round after round of a `loop` it could grow without end.
        match excess(&value) {
            Some(message) => self.fail_here(loc, Failure::new("limit", message)),
            None => self.succeed(loc, value),
        }
    }

    fn round_ended(&mut self, loc: Loc, step: &StepNode, new: Value, done: Option<bool>) {
        let now = self.now;
        let Some(active) = self.active_mut(loc) else { return };
        let Region::Loop { value, round, max, every } = &mut active.region else { return };
        *round += 1;
        *value = new.clone();
        if done == Some(true) || (done.is_none() && *round >= *max) {
            return self.succeed(loc, new);
        }
        if *round >= *max {
            return self.exhausted(loc, step, new);
        }
        match *every {
            None => self.next_round(loc),
            Some(wait) => {
                let until = after(now, wait);
                active.phase = Phase::Backoff;
                if let Some(row) = self.row_mut(loc) {
                    row.status = StepStatus::Waiting;
                }
                self.notice(loc, NoticeKind::Waiting { what: "timer".into(), until: Some(until), ask: None });
                self.arm(TimerKind::Round, loc, until);
            }
        }
    }

    fn exhausted(&mut self, loc: Loc, step: &StepNode, last: Value) {
        let Action::Loop(l) = &step.action else { return };
        match &l.otherwise {
            LoopElse::Last => self.succeed(loc, last),
            LoopElse::Exhausted => self
                .fail_here(loc, Failure::new("exhausted", "the condition did not come true in all rounds")),
            LoopElse::Fail(message) => {
                let text = self.message(loc.frame, message, Around::at(self.now));
                self.fail_here(loc, Failure::new("failed", text));
            }
        }
    }

    /// Starts the round of a `loop` that is due.
    pub(super) fn next_round(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        let Action::Loop(l) = &step.action else { return };
        let Some(active) = self.active_mut(loc) else { return };
        let Region::Loop { value, round, max, .. } = &active.region else { return };
        let (value, round, none) = (value.clone(), *round, *max == 0);
        active.phase = Phase::Region;
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Running;
        }
        let has_until = dag.body(l.body).is_some_and(|b| b.until.is_some());
        match (none, has_until) {
            (false, _) => self.open_child(loc, l.body, FrameKey::Index(round), vec![(l.var, value)]),
            (true, true) => self.exhausted(loc, step, value),
            (true, false) => self.succeed(loc, value),
        }
    }

    // Unwinding

    /// Stops a frame: nothing in it starts any more, what can be dropped is, the rest is awaited. A failure that no step above
    /// handles stops what lies around too, at once.
    pub(super) fn stop(&mut self, frame: u32, stop: Stop) {
        let mut todo = vec![(frame, stop, None)];
        while let Some((frame, stop, except)) = todo.pop() {
            let parent = self.frames.get(frame as usize).and_then(|f| f.parent);
            let Some(live) = self.live_mut(frame) else { continue };
            if live.stop.is_some() {
                continue;
            }
            live.stop = Some(stop.clone());
            self.work.push_back(Work::Check(frame));
            let count =
                self.body_id(frame).and_then(|b| self.dag.body(b)).map_or(0, |b| b.nodes.len() as u32);
            for node in (0..count).filter(|n| Some(*n) != except) {
                let children = self.cancel(Loc { frame, node });
                todo.extend(children.into_iter().map(|child| (child, Stop::Cancelled, None)));
            }
            if let (Some(parent), Stop::Failed { failure, at }) = (parent, stop) {
                todo.extend(self.spread(parent, frame, failure, at));
            }
        }
    }

    /// What else stops because something inside `loc` failed.
    fn spread(
        &mut self,
        loc: Loc,
        frame: u32,
        failure: Box<Failure>,
        at: Loc,
    ) -> Vec<(u32, Stop, Option<u32>)> {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return Vec::new() };
        let Some(active) = self.active_mut(loc) else { return Vec::new() };
        if active.verdict.is_some() || active.fallback.is_some() {
            return Vec::new();
        }
        let mut stops = Vec::new();
        match &step.action {
            Action::Race(_) => return Vec::new(),
            Action::For(f) if f.tolerate.is_some() => return Vec::new(),
            Action::For(_) => {
                let others = active.children.values().filter(|c| **c != frame);
                stops.extend(others.map(|c| (*c, Stop::Cancelled, None)));
                active.verdict = Some(Verdict::Failed { failure: failure.clone(), at });
            }
            Action::Call(_) | Action::Do(_) | Action::If { .. } | Action::Match { .. } | Action::Loop(_) => {}
        }
        if !may_handle(step, &failure.kind) {
            stops.push((loc.frame, Stop::Failed { failure, at }, Some(loc.node)));
        }
        stops
    }

    /// Drops what a step does, where that leaves nothing behind; gives the frames inside that must stop.
    fn cancel(&mut self, loc: Loc) -> Vec<u32> {
        let Some(active) = self.active_mut(loc) else { return Vec::new() };
        match active.phase {
            Phase::Queued | Phase::Reaction { .. } => {}
            Phase::Backoff => self.disarm_wait(loc),
            Phase::Sleeping => self.wake_up(loc),
            Phase::InDoubt => {
                self.forget_doubt(loc);
                self.end(loc, StepStatus::InDoubt, None, false);
                return Vec::new();
            }
            Phase::Asking => self.unask(loc),
            Phase::InFlight { .. } => {
                if !self.facts(loc).is_none_or(|f| f.is_quiet()) {
                    if let Some(Phase::InFlight { draining, .. }) = self.active_mut(loc).map(|a| &mut a.phase)
                    {
                        *draining = true;
                    }
                    return Vec::new();
                }
                self.drop_call(loc);
            }
            Phase::Unwinding => {
                // The compensation at hand is awaited; what is left is undone with what lies around.
                active.verdict = Some(Verdict::Cancelled);
                return Vec::new();
            }
            Phase::Region => {
                active.verdict = Some(Verdict::Cancelled);
                if !active.children.is_empty() {
                    return active.children.values().copied().collect();
                }
            }
        }
        self.end(loc, StepStatus::Cancelled, None, false);
        Vec::new()
    }

    fn disarm_wait(&mut self, loc: Loc) {
        self.disarm(TimerKind::Retry, loc);
        self.disarm(TimerKind::Round, loc);
    }

    /// A timer that holds a slot ends early.
    fn wake_up(&mut self, loc: Loc) {
        self.disarm(TimerKind::Sleep, loc);
        self.slots_used = self.slots_used.saturating_sub(1);
    }

    fn drop_call(&mut self, loc: Loc) {
        let step = StepPath(self.path(loc));
        let attempt = self.attempt(loc);
        self.settle_call(loc, Usage::default(), false);
        self.dropped = true;
        self.land(&step);
        self.out.commands.push(Command::Abort { step, attempt });
    }

    /// The deadline of a step is over.
    pub(super) fn deadline_passed(&mut self, loc: Loc) {
        let Some(active) = self.active_mut(loc) else { return };
        active.deadline = None;
        active.deadline_passed = true;
        let phase = active.phase.clone();
        let failure = Failure::new("timeout", "the deadline of the step is over");
        let failure = self.placed(loc, failure);
        match phase {
            Phase::Reaction { .. } | Phase::Unwinding | Phase::InFlight { draining: true, .. } => return,
            Phase::Region => {
                if self.active(loc).is_some_and(|a| a.verdict.is_none()) {
                    self.conclude(loc, Verdict::Failed { failure: Box::new(failure), at: loc });
                }
                return;
            }
            Phase::Queued => {}
            Phase::Backoff => self.disarm_wait(loc),
            Phase::Sleeping => self.wake_up(loc),
            Phase::InDoubt => self.forget_doubt(loc),
            Phase::Asking => self.unask(loc),
            Phase::InFlight { .. } => self.drop_call(loc),
        }
        self.fail_step(loc, failure, loc);
    }

    /// A failure with the skill and the place of the call, where it says neither.
    pub(super) fn placed(&self, loc: Loc, mut failure: Failure) -> Failure {
        let Some(node) = node(&self.dag, self.body_id(loc.frame), loc.node) else { return failure };
        let call = match &node.kind {
            NodeKind::Step(step) => self.current_call(loc, step).map(|(call, _)| call),
            NodeKind::Let(_) | NodeKind::Require { .. } | NodeKind::Fail { .. } => None,
        };
        if failure.span.is_none() {
            failure.span = Some(call.map_or(node.span, |c| c.span));
        }
        if failure.skill.is_none()
            && let Some(crate::check::hir::Target::Skill(name)) = call.map(|c| &c.target)
        {
            failure.skill = Some(name.clone());
        }
        failure
    }
}

/// Whether an arm of the step may do something about an error of this kind.
pub(super) fn may_handle(step: &StepNode, kind: &str) -> bool {
    let fits = |kinds: &[Arc<str>]| kinds.is_empty() || kinds.iter().any(|k| **k == *kind);
    for arm in step.on_error.iter().filter(|a| fits(&a.kinds)) {
        if !matches!(arm.reactions.first(), None | Some(Reaction::Abort)) {
            return true;
        }
        if arm.guard.is_none() {
            return false;
        }
    }
    false
}
