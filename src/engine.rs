//! The interpreter as a pure state machine: what happened goes in as [`Event`]s, what is wanted comes out as [`Command`]s.
//! No clock, no randomness, no I/O: the same events give the same commands, in the same order.

mod ask;
pub mod command;
mod doubt;
mod end;
pub mod event;
mod held;
mod ledger;
mod machine;
mod people;
mod react;
mod report;
mod rest;
pub mod reuse;
mod scope;
mod start;
mod state;
mod undo;

pub use ask::{Ask, AskKind, Decision};
pub use command::{
    Asked, CallCache, CallKey, Command, Invoke, Notice, NoticeKind, Outcome, RunStatus, Step, StepReport,
    StepStatus, TimerId,
};
pub use event::{Event, EventKind, Failure, Resolution, StepPath, Usage};
pub(crate) use ledger::usd;
pub use machine::{IllegalEvent, Machine};
pub use rest::Rest;
