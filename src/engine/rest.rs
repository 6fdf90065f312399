//! What stands still while people are waited for: the deadlines of regions, and the run itself.

use super::ask::Ask;
use super::machine::Machine;
use super::start::after;
use super::state::{Loc, Phase, TimerKind};
use jiff::{SignedDuration, Timestamp};

/// A question whose answer is due within this time keeps its process.
const SOON: SignedDuration = SignedDuration::from_mins(1);
/// A timer of another kind (a sleep, a retry, a round) that is due within this time keeps its process.
const LONG: SignedDuration = SignedDuration::from_hours(1);
/// That a run waits for nothing but people, signals and far times: nothing of it need stay in memory.
#[derive(Clone, Debug)]
pub struct Rest {
    /// What it waits for, in the order of the paths: the first few.
    pub asks: Vec<Ask>,
    /// How many things it waits for.
    pub count: usize,
    /// When something is due.
    pub due: Option<Timestamp>,
}

impl Rest {
    /// So many things are listed.
    pub const SHOWN: usize = 5;
}

impl Machine {
    /// Whether nothing but people, signals and far times is waited for. A question that is due within a minute, or another timer
    /// that is due within an hour, is worth staying for.
    #[must_use]
    pub fn rest(&self, now: Timestamp) -> Option<Rest> {
        let waits = !self.asks.is_empty() || !self.timers.is_empty();
        if self.outcome.is_some() || !self.flights.is_empty() || !waits {
            return None;
        }
        let mut due = None;
        for (at, kind, _) in self.timers.values() {
            let soon = if *kind == TimerKind::Ask { SOON } else { LONG };
            if at.duration_since(now) <= soon {
                return None;
            }
            due = Some(due.map_or(*at, |d: Timestamp| d.min(*at)));
        }
        Some(Rest { asks: self.first_asks(Rest::SHOWN), count: self.asks.len(), due })
    }

    /// The deadline of a region stands still while nothing in it does anything but wait for people.
    pub(super) fn hold_deadlines(&mut self) {
        if self.deadlines.is_empty() || (self.asks.is_empty() && self.held == 0) {
            return;
        }
        let regions: Vec<Loc> = self.deadlines.iter().copied().collect();
        for loc in regions {
            let idle = self.only_people(loc) == Some(true);
            let now = self.now;
            let Some(active) = self.active_mut(loc) else { continue };
            match (active.deadline, active.held) {
                (Some(at), _) if idle => {
                    active.held = Some(at.duration_since(now).max(SignedDuration::ZERO));
                    active.deadline = None;
                    self.held += 1;
                    self.disarm(TimerKind::Deadline, loc);
                }
                (None, Some(rest)) if !idle => {
                    let at = after(now, rest);
                    active.held = None;
                    active.deadline = Some(at);
                    self.held = self.held.saturating_sub(1);
                    self.arm(TimerKind::Deadline, loc, at);
                }
                _ => {}
            }
        }
    }

    /// Whether all that goes on in a step is waiting for people; none where nothing goes on in it.
    fn only_people(&self, loc: Loc) -> Option<bool> {
        let mut found = None;
        // A call's own deadline goes on: it is what the question has.
        if self.active(loc).is_none_or(|a| a.phase != Phase::Region) {
            return None;
        }
        let mut todo = vec![loc];
        while let Some(loc) = todo.pop() {
            let Some(active) = self.active(loc) else { continue };
            match active.phase {
                Phase::Region => {
                    for frame in active.children.values() {
                        let nodes =
                            self.body_id(*frame).and_then(|b| self.dag.body(b)).map_or(0, |b| b.nodes.len());
                        let steps = (0..nodes as u32).map(|node| Loc { frame: *frame, node });
                        todo.extend(steps.filter(|l| self.active(*l).is_some()));
                    }
                }
                Phase::Asking if active.asking.as_ref().is_some_and(|a| a.kind.is_person()) => {
                    found = Some(true);
                }
                Phase::Asking
                | Phase::Queued
                | Phase::InFlight { .. }
                | Phase::Sleeping
                | Phase::Backoff
                | Phase::Reaction { .. }
                | Phase::Unwinding => return Some(false),
            }
        }
        found
    }
}
