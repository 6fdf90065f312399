//! The machine: events in, commands out.

use super::command::{Command, Notice, NoticeKind, Outcome, RunStatus, Step, StepStatus, TimerId};
use super::event::{Event, EventKind, Failure, StepPath, Usage};
use super::held::Resources;
use super::ledger::{Ledger, Spent};
use super::state::{
    Active, Frame, FrameKey, Live, Loc, NO_LEDGER, Phase, Row, Scope, TimerKind, Undo, Waiter, Work,
};
use crate::dag::{BodyId, Dag};
use crate::expr::VarId;
use crate::value::{Map, Value};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

/// An event that cannot have happened: a run that is started twice, an answer to a call that was never made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("illegal event: {0}")]
pub struct IllegalEvent(pub String);

/// One run.
#[derive(Debug)]
pub struct Machine {
    pub(super) dag: Arc<Dag>,
    pub(super) run: Arc<str>,
    pub(super) started_at: Option<Timestamp>,
    /// The time of the last event.
    pub(super) now: Timestamp,
    pub(super) frames: Vec<Frame>,
    pub(super) rows: Vec<Row>,
    pub(super) work: VecDeque<Work>,
    /// Calls that wait for a slot.
    pub(super) queue: BinaryHeap<Queued>,
    pub(super) slots_used: u32,
    /// What calls in flight touch that run in no order.
    pub(super) resources: Resources,
    /// Calls in flight by path. Only looked up, never listed.
    pub(super) flights: HashMap<Arc<str>, Loc>,
    pub(super) timers: BTreeMap<TimerId, (Timestamp, TimerKind, Loc)>,
    pub(super) waiters: HashMap<Loc, Vec<Waiter>>,
    /// Steps that wait for people or a signal, by path.
    pub(super) asks: BTreeMap<Arc<str>, Loc>,
    /// Signals that nobody has waited for yet, in the order they came.
    pub(super) signals: Vec<(Arc<str>, Value)>,
    /// Regions with a deadline.
    pub(super) deadlines: BTreeSet<Loc>,
    /// How many of them stand still.
    pub(super) held: u32,
    /// How many steps have acted that can be undone: the order of undoing.
    pub(super) acted: u64,
    /// The frames of compensations that run, and whose unwinding they belong to. Only looked up, never listed.
    pub(super) undoing: HashMap<u32, Scope>,
    /// How often the step of a path was undone: calling it again is another call.
    pub(super) undone: HashMap<Arc<str>, u32>,
    /// Steps whose compensation failed, in the order they failed.
    pub(super) not_undone: Vec<Loc>,
    /// Calls in doubt that wait for a person, by path.
    pub(super) doubts: BTreeMap<Arc<str>, Loc>,
    /// One for each instance of a plan with a budget.
    pub(super) ledgers: Vec<Ledger>,
    /// Those of plans that go on and have a time, with the plan's frame.
    pub(super) timed: BTreeSet<(u32, u32)>,
    pub(super) spent: Spent,
    /// Calls were dropped, or their plan was called anew: an answer may come late.
    pub(super) dropped: bool,
    pub(super) calls: u64,
    pub(super) out: Step,
    pub(super) outcome: Option<Outcome>,
    pub(super) reuse: super::reuse::Reuse,
}

/// The longest way to the end first, then the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Queued {
    remaining_ms: u64,
    loc: std::cmp::Reverse<Loc>,
}

impl Machine {
    /// A run of this plan that has not started.
    #[must_use]
    pub fn new(dag: Arc<Dag>) -> Self {
        Machine {
            dag,
            run: "".into(),
            started_at: None,
            now: Timestamp::UNIX_EPOCH,
            frames: Vec::new(),
            rows: Vec::new(),
            work: VecDeque::new(),
            queue: BinaryHeap::new(),
            slots_used: 0,
            resources: Resources::default(),
            flights: HashMap::new(),
            timers: BTreeMap::new(),
            waiters: HashMap::new(),
            asks: BTreeMap::new(),
            signals: Vec::new(),
            deadlines: BTreeSet::new(),
            held: 0,
            acted: 0,
            undoing: HashMap::new(),
            undone: HashMap::new(),
            not_undone: Vec::new(),
            doubts: BTreeMap::new(),
            ledgers: Vec::new(),
            timed: BTreeSet::new(),
            spent: Spent::default(),
            dropped: false,
            calls: 0,
            out: Step::default(),
            outcome: None,
            reuse: super::reuse::Reuse::default(),
        }
    }

    /// The plan that runs.
    #[must_use]
    pub fn dag(&self) -> &Arc<Dag> {
        &self.dag
    }

    /// How the run ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What all calls used up so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.spent.usage()
    }

    /// How many attempts were made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Takes in what happened; says what is to be done now. Late answers and timers are ignored.
    ///
    /// # Errors
    /// An event that cannot have happened. The machine is as it was.
    pub fn apply(&mut self, event: &Event) -> Result<Step, IllegalEvent> {
        self.permits(event)?;
        self.now = self.now.max(event.at);
        self.happened(event);
        self.settle();
        self.hold_deadlines();
        Ok(std::mem::take(&mut self.out))
    }

    /// Whether an event can have happened now.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn permits(&self, event: &Event) -> Result<(), IllegalEvent> {
        let started = self.started_at.is_some();
        match &event.kind {
            EventKind::Started { .. } | EventKind::Reusable { .. } if started => {
                return Err(IllegalEvent("the run has started already".into()));
            }
            EventKind::Started { .. } | EventKind::Reusable { .. } => {}
            _ if !started => return Err(IllegalEvent("the run has not started".into())),
            EventKind::AttemptStarted { step, attempt }
            | EventKind::AttemptSucceeded { step, attempt, .. }
            | EventKind::AttemptFailed { step, attempt, .. } => self.check_attempt(step, *attempt)?,
            EventKind::Resolved { step, resolution } => self.check_resolution(step, resolution)?,
            EventKind::Decided { .. } | EventKind::Answered { .. } | EventKind::Signalled { .. } => {
                self.check_people(event)?;
            }
            EventKind::TimerFired { .. } | EventKind::CancelRequested { .. } | EventKind::Resumed => {}
        }
        Ok(())
    }

    fn happened(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Reusable { from, steps } => self.reuse.add(from, steps),
            EventKind::Started { run, inputs } => self.begin(run, inputs),
            EventKind::AttemptStarted { step, attempt } => {
                if let Some(loc) = self.flight(step, *attempt)
                    && let Some(Phase::InFlight { intended, .. }) = self.active_mut(loc).map(|a| &mut a.phase)
                {
                    *intended = true;
                }
            }
            EventKind::AttemptSucceeded { step, attempt, value, usage, reused } => {
                if let Some(loc) = self.flight(step, *attempt) {
                    if let (Some(from), Some(row)) = (reused, self.row_mut(loc)) {
                        row.extra().reused = Some(from.clone());
                    }
                    self.settle_call(loc, *usage, true);
                    self.land(step);
                    self.succeed(loc, value.clone());
                    self.stop_the_overdrawn(loc);
                }
            }
            EventKind::AttemptFailed { step, attempt, error, usage } => {
                if let Some(loc) = self.flight(step, *attempt) {
                    // What a call used whose end was not seen is at most what was set aside.
                    let all = &*error.kind != "timeout" && usage.unpriced == 0;
                    self.settle_call(loc, *usage, all);
                    let draining = self.draining(loc);
                    self.land(step);
                    let error = self.placed(loc, error.clone());
                    self.attempt_failed(loc, error, draining);
                    self.stop_the_overdrawn(loc);
                }
            }
            EventKind::Resolved { step, resolution } => self.resolve_doubt(step, resolution),
            EventKind::Decided { .. } | EventKind::Answered { .. } | EventKind::Signalled { .. } => {
                self.heard(event);
            }
            EventKind::TimerFired { timer } => self.timer_fired(timer),
            EventKind::CancelRequested { .. } => {
                if self.outcome.is_none() {
                    self.stop(0, super::state::Stop::Cancelled);
                }
            }
            EventKind::Resumed => self.resume(),
        }
    }

    /// Does all that can be done now.
    fn settle(&mut self) {
        loop {
            match self.work.pop_front() {
                Some(Work::Ready(loc)) => self.ready(loc),
                Some(Work::Check(frame)) => self.check(frame),
                Some(Work::React(loc)) => self.react(loc),
                Some(Work::Advance(loc)) => self.advance(loc),
                Some(Work::Undo(loc)) => self.undo_below(loc),
                None if !self.start_next() => return,
                None => {}
            }
        }
    }

    fn begin(&mut self, run: &Arc<str>, inputs: &Map) {
        self.run = run.clone();
        self.started_at = Some(self.now);
        let dag = self.dag.clone();
        let Some(index) = dag.plan_index(dag.entry()) else {
            let error = Failure::new("internal", format!("there is no plan `{}`", dag.entry()));
            return self.finish(RunStatus::Failed, Value::Null, Some(error), None);
        };
        match self.plan_inputs(index, inputs) {
            Ok(locals) => {
                if let Some(plan) = dag.plan_at(index) {
                    let frame = self.open(plan.body, index, None, FrameKey::Plain, locals, 0);
                    self.open_ledger(frame, plan);
                }
            }
            Err(error) => self.finish(RunStatus::Failed, Value::Null, Some(error), None),
        }
    }

    pub(super) fn finish(
        &mut self,
        status: RunStatus,
        output: Value,
        error: Option<Failure>,
        at: Option<Loc>,
    ) {
        let outcome = Outcome {
            status,
            output,
            error,
            failed_step: at.map(|l| StepPath(self.path(l))),
            not_undone: self.not_undone.iter().map(|l| StepPath(self.path(*l))).collect(),
        };
        self.out.commands.push(Command::Finish(outcome.clone()));
        self.outcome = Some(outcome);
        // A run that could not begin has no frames; one that ended has none that live. What is queued still is nobody's.
        self.queue.clear();
        self.work.clear();
    }

    /// Makes a frame and readies what waits for nothing.
    pub(super) fn open(
        &mut self,
        body: BodyId,
        plan: u32,
        parent: Option<Loc>,
        key: FrameKey,
        locals: Vec<(VarId, Value)>,
        attempt_base: u32,
    ) -> u32 {
        let dag = self.dag.clone();
        let frame = self.frames.len() as u32;
        let base = self.rows.len() as u32;
        let tail_ms = parent.map_or(0, |p| self.tail_behind(p));
        let around = parent.and_then(|p| self.frames.get(p.frame as usize));
        let (ledger, exempt) = around.map_or((NO_LEDGER, false), |f| (f.ledger, f.exempt));
        self.frames.push(Frame {
            body,
            plan,
            parent,
            key,
            base,
            attempt_base,
            superseded: false,
            ledger,
            exempt: exempt || key == FrameKey::Undo,
            kept: None,
            live: None,
        });
        let Some(graph) = dag.body(body) else { return frame };
        let unended = graph.nodes.iter().filter(|n| !matches!(n.kind, crate::dag::NodeKind::Let(_))).count();
        self.rows.extend(std::iter::repeat_with(Row::new).take(graph.nodes.len()));
        let mut waits = graph.indegree().to_vec();
        for (node, stmt) in graph.nodes.iter().enumerate() {
            let loc = Loc { frame, node: node as u32 };
            for var in &stmt.outer {
                if self.wait_for(frame, *var, Waiter::Start(loc))
                    && let Some(count) = waits.get_mut(node)
                {
                    *count += 1;
                }
            }
        }
        for (node, _) in waits.iter().zip(&graph.nodes).enumerate().filter(|(_, (count, _))| **count == 0) {
            self.work.push_back(Work::Ready(Loc { frame, node: node as u32 }));
        }
        if let Some(frame) = self.frames.get_mut(frame as usize) {
            let unended = unended as u32;
            frame.live = Some(Box::new(Live {
                waits,
                active: 0,
                unended,
                stop: None,
                locals,
                tail_ms,
                result_waits: 0,
                undo: Undo::new(),
                undoing: false,
            }));
        }
        if unended == 0 {
            self.work.push_back(Work::Check(frame));
        }
        frame
    }

    /// Worst-case milliseconds from the end of a step to the end of the run.
    fn tail_behind(&self, loc: Loc) -> u64 {
        let Some(frame) = self.frames.get(loc.frame as usize) else { return 0 };
        let after = self.dag.body(frame.body).map_or(0, |b| {
            let mut most = 0;
            b.dependents(loc.node, |next| most = most.max(b.remaining_ms(next)));
            most
        });
        frame.live.as_ref().map_or(0, |l| l.tail_ms).saturating_add(after)
    }

    /// Registers a waiter unless what it waits for has ended already; says whether it must wait.
    pub(super) fn wait_for(&mut self, frame: u32, var: VarId, waiter: Waiter) -> bool {
        let Some(target) = self.resolve(frame, var) else { return false };
        if self.row(target).is_none_or(Row::is_ended) {
            return false;
        }
        self.waiters.entry(target).or_default().push(waiter);
        true
    }

    // Rows and frames

    pub(super) fn row(&self, loc: Loc) -> Option<&Row> {
        let base = self.frames.get(loc.frame as usize)?.base;
        self.rows.get((base + loc.node) as usize)
    }

    pub(super) fn row_mut(&mut self, loc: Loc) -> Option<&mut Row> {
        let base = self.frames.get(loc.frame as usize)?.base;
        self.rows.get_mut((base + loc.node) as usize)
    }

    pub(super) fn active(&self, loc: Loc) -> Option<&Active> {
        self.row(loc)?.active.as_deref()
    }

    pub(super) fn active_mut(&mut self, loc: Loc) -> Option<&mut Active> {
        self.row_mut(loc)?.active.as_deref_mut()
    }

    pub(super) fn live(&self, frame: u32) -> Option<&Live> {
        self.frames.get(frame as usize)?.live.as_deref()
    }

    pub(super) fn live_mut(&mut self, frame: u32) -> Option<&mut Live> {
        self.frames.get_mut(frame as usize)?.live.as_deref_mut()
    }

    /// Whether the frame starts nothing any more.
    pub(super) fn is_stopping(&self, frame: u32) -> bool {
        self.live(frame).is_none_or(|l| l.stop.is_some())
    }

    /// The number of the attempt at hand, as the driver knows it.
    pub(super) fn attempt(&self, loc: Loc) -> u32 {
        let base = self.frames.get(loc.frame as usize).map_or(0, |f| f.attempt_base);
        base.saturating_add(self.row(loc).map_or(0, |r| r.attempts))
    }

    pub(super) fn notice(&mut self, loc: Loc, kind: NoticeKind) {
        let step = StepPath(self.path(loc));
        let attempt = self.row(loc).map_or(0, |r| r.attempts);
        self.out.notices.push(Notice { at: self.now, step, attempt, kind });
    }

    // Calls in flight

    fn check_attempt(&self, step: &StepPath, attempt: u32) -> Result<(), IllegalEvent> {
        if self.flights.get(&step.0).is_some_and(|loc| attempt <= self.attempt(*loc)) {
            return Ok(());
        }
        // An answer that comes late is no error; one to a call that was never made is.
        let known = || self.locate(step).and_then(|loc| self.row(loc)).is_some_and(|r| r.attempts > 0);
        let sane = u64::from(attempt) <= self.calls && attempt > 0;
        // Looking for the step takes as long as the run is large: where answers may come late nobody looks.
        if sane && (self.dropped || known()) {
            return Ok(());
        }
        Err(IllegalEvent(format!("attempt {attempt} of `{step}` was never made")))
    }

    fn flight(&self, step: &StepPath, attempt: u32) -> Option<Loc> {
        let loc = *self.flights.get(&step.0)?;
        (self.attempt(loc) == attempt).then_some(loc)
    }

    /// The call is over: it leaves its slot.
    pub(super) fn land(&mut self, step: &StepPath) {
        if self.flights.remove(&step.0).is_some() {
            self.slots_used = self.slots_used.saturating_sub(1);
            self.let_go(&step.0);
        }
    }

    fn draining(&self, loc: Loc) -> bool {
        matches!(self.active(loc).map(|a| &a.phase), Some(Phase::InFlight { draining: true, .. }))
    }

    /// Puts a call in line for a slot.
    pub(super) fn enqueue(&mut self, loc: Loc) {
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Queued;
        }
        let body = self.frames.get(loc.frame as usize).and_then(|f| self.dag.body(f.body));
        let own = body.map_or(0, |b| b.remaining_ms(loc.node));
        let tail = self.live(loc.frame).map_or(0, |l| l.tail_ms);
        self.queue.push(Queued { remaining_ms: own.saturating_add(tail), loc: std::cmp::Reverse(loc) });
    }

    /// Starts the next call that waits for a slot; says whether there was one.
    fn start_next(&mut self) -> bool {
        while self.slots_used < self.dag.concurrency() {
            let Some(next) = self.queue.pop() else { return false };
            let loc = next.loc.0;
            if self.active(loc).is_some_and(|a| a.phase == Phase::Queued) && !self.is_stopping(loc.frame) {
                self.start_attempt(loc);
                return true;
            }
        }
        false
    }

    // Timers

    pub(super) fn arm(&mut self, kind: TimerKind, loc: Loc, at: Timestamp) {
        let timer: TimerId = format!("{}:{}", kind.name(), self.path(loc)).into();
        self.timers.insert(timer.clone(), (at, kind, loc));
        self.out.commands.push(Command::WakeAt { timer, at });
    }

    pub(super) fn disarm(&mut self, kind: TimerKind, loc: Loc) {
        let timer: TimerId = format!("{}:{}", kind.name(), self.path(loc)).into();
        if self.timers.remove(&timer).is_some() {
            self.out.commands.push(Command::Disarm { timer });
        }
    }

    fn timer_fired(&mut self, timer: &TimerId) {
        let Some((at, kind, loc)) = self.timers.get(timer).copied() else { return };
        if at > self.now {
            self.out.commands.push(Command::WakeAt { timer: timer.clone(), at });
            return;
        }
        self.timers.remove(timer);
        match kind {
            TimerKind::Retry => self.try_again(loc),
            TimerKind::Sleep => {
                self.slots_used = self.slots_used.saturating_sub(1);
                self.succeed(loc, Value::Null);
            }
            TimerKind::Deadline => self.deadline_passed(loc),
            TimerKind::Round => self.next_round(loc),
            TimerKind::Budget => self.time_is_up(loc.frame),
            TimerKind::Ask => self.ask_expired(loc),
        }
    }

    /// Another process goes on: everything that was in the air is said again.
    fn resume(&mut self) {
        if let Some(outcome) = &self.outcome {
            self.out.commands.push(Command::Finish(outcome.clone()));
            return;
        }
        for (timer, (at, _, _)) in &self.timers {
            self.out.commands.push(Command::WakeAt { timer: timer.clone(), at: *at });
        }
        self.say_doubts();
        self.ask_again();
        let mut flights: Vec<(Loc, Arc<str>)> =
            self.flights.iter().map(|(path, loc)| (*loc, path.clone())).collect();
        flights.sort();
        for (loc, path) in flights {
            let (intended, draining) = match self.active(loc).map(|a| &a.phase) {
                Some(Phase::InFlight { intended, draining }) => (*intended, *draining),
                _ => continue,
            };
            if intended && self.facts(loc).is_some_and(|s| s.needs_intent()) {
                self.land(&StepPath(path));
                self.in_doubt(loc, draining);
            } else {
                self.invoke_again(loc);
            }
        }
    }

    /// Whether the call of this step is in flight, and only its end is awaited.
    #[must_use]
    pub fn is_draining(&self, step: &StepPath) -> bool {
        self.flights.get(&step.0).is_some_and(|loc| self.draining(*loc))
    }

    /// The calls in flight, with their attempt.
    #[must_use]
    pub fn open_attempts(&self) -> Vec<(StepPath, u32)> {
        let mut open: Vec<(Loc, StepPath)> =
            self.flights.iter().map(|(p, l)| (*l, StepPath(p.clone()))).collect();
        open.sort();
        open.into_iter().map(|(loc, path)| (path, self.attempt(loc))).collect()
    }

    /// The status of one step instance; `None` where there is none of that name.
    #[must_use]
    pub fn status(&self, step: &StepPath) -> Option<StepStatus> {
        self.locate(step).and_then(|loc| self.row(loc)).map(Row::shown)
    }
}
