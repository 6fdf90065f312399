//! What a run consists of while it runs.
//!
//! A *frame* is an instance of a body; its statements are *rows*, which lie next to each other and outlive the frame, for the
//! report. What only a running frame or step needs hangs in a box that is dropped at its end.

use super::ask::{Asking, Decision};
use super::command::StepStatus;
use super::event::{Failure, Usage};
use crate::dag::BodyId;
use crate::expr::VarId;
use crate::value::Value;
use jiff::Timestamp;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, OnceLock};

/// A statement of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Loc {
    pub(super) frame: u32,
    pub(super) node: u32,
}

/// No statement: the result of the run.
pub(super) const NOWHERE: Loc = Loc { frame: u32::MAX, node: u32::MAX };

/// What kind of instance of its step a frame is; with the step's path it makes the paths inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FrameKey {
    /// The run, a called plan, a `do`.
    Plain,
    /// The arm of an `if`; behind the last: `else`.
    Arm(u32),
    /// The arm of a `match`.
    Case(u32),
    /// An item, a round, a branch.
    Index(u32),
    /// The compensation of a step that has ended.
    Undo,
}

impl FrameKey {
    pub(super) fn order(self) -> u32 {
        match self {
            FrameKey::Plain => 0,
            FrameKey::Arm(n) | FrameKey::Case(n) | FrameKey::Index(n) => n,
            FrameKey::Undo => u32::MAX,
        }
    }
}

/// An instance of a body.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) body: BodyId,
    pub(super) plan: u32,
    /// The step it belongs to.
    pub(super) parent: Option<Loc>,
    pub(super) key: FrameKey,
    /// Its first row.
    pub(super) base: u32,
    /// Added to the numbers of attempts, so that those of an earlier instance of the same path are never taken for its own.
    pub(super) attempt_base: u32,
    /// Another attempt of its step made a new one.
    pub(super) superseded: bool,
    /// Inputs, items, indexes of a frame that has ended, where a compensation may still read them.
    pub(super) kept: Option<Box<Locals>>,
    pub(super) live: Option<Box<Live>>,
}

/// What a frame needs while it runs.
#[derive(Debug)]
pub(super) struct Live {
    /// Per node of the graph, how many it still waits for.
    pub(super) waits: Vec<u32>,
    /// Steps that have started and not ended.
    pub(super) active: u32,
    /// Statements, without `let`s, that have not ended.
    pub(super) unended: u32,
    pub(super) stop: Option<Stop>,
    pub(super) locals: Locals,
    /// Worst-case milliseconds from its end to the end of the run.
    pub(super) tail_ms: u64,
    /// Outer steps that the result waits for.
    pub(super) result_waits: u32,
    /// What inside it has acted and can be undone.
    pub(super) undo: Undo,
    /// A compensation of its own unwinding runs.
    pub(super) undoing: bool,
}

pub(super) type Locals = Vec<(VarId, Value)>;

/// Steps that can be undone, the last one that acted on top.
pub(super) type Undo = BinaryHeap<(u64, Loc)>;

/// The part of a run that a compensation belongs to the unwinding of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// The run, an item, a branch.
    Frame(u32),
    /// All that lies below a step.
    Step(Loc),
}

/// Why a frame starts nothing any more.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Failed { failure: Box<Failure>, at: Loc },
    Cancelled,
}

/// How a frame ended.
#[derive(Debug)]
pub(super) enum FrameEnd {
    /// `done`: what `until` says.
    Value {
        value: Value,
        done: Option<bool>,
    },
    Failed {
        failure: Box<Failure>,
        at: Loc,
    },
    Cancelled,
}

/// A statement of a frame, for as long as the run is in memory.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) status: StepStatus,
    /// A `let` all of whose reads have ended, that was not needed yet.
    pub(super) lazy: bool,
    pub(super) attempts: u32,
    pub(super) released_by: Option<Loc>,
    pub(super) value: Option<Value>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) extra: Option<Box<Extra>>,
    pub(super) active: Option<Box<Active>>,
}

/// What few rows have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) because: Option<Arc<str>>,
    pub(super) error: Option<Box<Failure>>,
    /// The attempt that threw it.
    pub(super) error_attempt: u32,
    /// The failed items of a tolerant `for`.
    pub(super) failures: Vec<(u32, Box<Failure>)>,
    pub(super) usage: Usage,
    pub(super) reuse: Option<super::reuse::Reused>,
    /// Who decided what.
    pub(super) decisions: Vec<Decision>,
    /// Where the value was taken from instead of a call.
    pub(super) reused: Option<Arc<str>>,
}

impl Row {
    pub(super) fn new() -> Self {
        Row {
            status: StepStatus::Pending,
            lazy: false,
            attempts: 0,
            released_by: None,
            value: None,
            started_at: None,
            ended_at: None,
            extra: None,
            active: None,
        }
    }

    /// Whether those who mention it need not wait any more.
    pub(super) fn is_ended(&self) -> bool {
        self.lazy || is_final(self.status)
    }

    pub(super) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(super) fn error(&self) -> Option<&Failure> {
        self.extra.as_ref().and_then(|e| e.error.as_deref())
    }
}

pub(super) fn is_final(status: StepStatus) -> bool {
    match status {
        StepStatus::Pending | StepStatus::Waiting | StepStatus::Running => false,
        StepStatus::Succeeded
        | StepStatus::Recovered
        | StepStatus::Skipped
        | StepStatus::Failed
        | StepStatus::Cancelled
        | StepStatus::InDoubt => true,
    }
}

/// What a step needs while it runs.
#[derive(Debug)]
pub(super) struct Active {
    /// Its path, once it was needed.
    pub(super) path: OnceLock<Arc<str>>,
    pub(super) phase: Phase,
    /// `now()` of the step.
    pub(super) now: Timestamp,
    /// Per error arm: the reaction it is at, and how often that was retried.
    pub(super) arms: Vec<ArmState>,
    /// The error that is reacted to, and the step it comes from.
    pub(super) failure: Option<(Box<Failure>, Loc)>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) deadline_passed: bool,
    /// What is left of the deadline while it stands still.
    pub(super) held: Option<jiff::SignedDuration>,
    /// What people, or the world outside, are asked for.
    pub(super) asking: Option<Box<Asking>>,
    /// The digest of the call that was approved.
    pub(super) approved: Option<Arc<str>>,
    /// The arm and reaction whose `fallback` runs in the place of the call.
    pub(super) fallback: Option<(usize, usize)>,
    /// Frames inside that run, by the order of their keys.
    pub(super) children: BTreeMap<u32, u32>,
    /// What becomes of it when all inside has ended.
    pub(super) verdict: Option<Verdict>,
    /// What below it has acted and can be undone.
    pub(super) undo: Undo,
    pub(super) region: Region,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ArmState {
    pub(super) reaction: usize,
    pub(super) retried: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// Waits for a slot.
    Queued,
    InFlight {
        /// The intent is on record.
        intended: bool,
        /// The frame stops; its end is awaited.
        draining: bool,
    },
    /// A timer of the engine, in a slot.
    Sleeping,
    /// Waits for people or a signal.
    Asking,
    /// Waits for the next attempt, or for the next round of a `loop`.
    Backoff,
    /// An error arm waits for so many steps that it mentions.
    Reaction { waits: u32 },
    /// Its content runs.
    Region,
    /// It failed, and what below it can be undone is.
    Unwinding,
}

#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Failed { failure: Box<Failure>, at: Loc },
    Value(Value),
    Cancelled,
}

/// What a step with several frames keeps.
#[derive(Debug)]
pub(super) enum Region {
    None,
    For {
        items: Arc<Vec<Value>>,
        next: u32,
        parallel: u32,
        tolerate: Option<u32>,
        results: Vec<Value>,
        failures: Vec<(u32, Box<Failure>)>,
    },
    Loop {
        value: Value,
        round: u32,
        max: u32,
        every: Option<jiff::SignedDuration>,
    },
}

impl Active {
    pub(super) fn new(now: Timestamp) -> Self {
        Active {
            path: OnceLock::new(),
            phase: Phase::Queued,
            now,
            arms: Vec::new(),
            failure: None,
            deadline: None,
            deadline_passed: false,
            held: None,
            asking: None,
            approved: None,
            fallback: None,
            children: BTreeMap::new(),
            verdict: None,
            undo: Undo::new(),
            region: Region::None,
        }
    }

    pub(super) fn arm(&mut self, arm: usize) -> &mut ArmState {
        if self.arms.len() <= arm {
            self.arms.resize(arm + 1, ArmState::default());
        }
        // The arm is there now; a stray index would only forget a count.
        let last = self.arms.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "not empty, and in range")]
        &mut self.arms[arm.min(last)]
    }
}

/// What is to be done once something that was waited for has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiter {
    Start(Loc),
    Result(u32),
    Reaction(Loc),
}

/// The next thing to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// All it waited for has ended.
    Ready(Loc),
    /// Something in it ended.
    Check(u32),
    /// An error arm has its reads.
    React(Loc),
    /// The next items of a `for` may start.
    Advance(Loc),
    /// The next compensation below a step may start.
    Undo(Loc),
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKind {
    Retry,
    Sleep,
    Deadline,
    Round,
    /// Another role is asked, or the question expires.
    Ask,
}

impl TimerKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            TimerKind::Retry => "retry",
            TimerKind::Sleep => "sleep",
            TimerKind::Deadline => "deadline",
            TimerKind::Round => "round",
            TimerKind::Ask => "ask",
        }
    }
}
