//! Calls that run in no order (items of a parallel `for`, branches of a `race`), one at a time where they touch one resource.
//!
//! In one body the graph orders what may touch the same resource. Across items and branches nothing does, and whether two computed
//! names are equal only the running values say: then the later call waits until the earlier one has landed. A call holds what it
//! touches for one attempt, and takes all of it at once, so that no two wait for each other.

use super::machine::Machine;
use super::state::{Loc, Phase};
use crate::dag::{Action, SkillFacts, Touch};
use crate::value::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// How many calls in flight write, and how many only share.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    writers: u32,
    sharers: u32,
}

impl Count {
    fn blocks(self, write: bool) -> bool {
        self.writers > 0 || (write && self.sharers > 0)
    }

    fn add(&mut self, write: bool) {
        *(if write { &mut self.writers } else { &mut self.sharers }) += 1;
    }

    fn take(&mut self, write: bool) {
        let slot = if write { &mut self.writers } else { &mut self.sharers };
        *slot = slot.saturating_sub(1);
    }
}

/// A resource and whether it is written; no name: every resource.
pub(super) type Held = (Option<Arc<str>>, bool);

/// What the calls in flight hold.
#[derive(Debug, Default)]
pub(super) struct Resources {
    named: HashMap<Arc<str>, Count>,
    /// Of calls that touch every resource.
    every: Count,
    all: Count,
    by_path: HashMap<Arc<str>, Vec<Held>>,
    /// Calls that wait for one of them, in the order they came.
    parked: Vec<Loc>,
}

impl Resources {
    fn blocks(&self, (name, write): &Held) -> bool {
        let Some(name) = name else { return self.all.blocks(*write) };
        self.every.blocks(*write) || self.named.get(name).is_some_and(|c| c.blocks(*write))
    }

    fn count(&mut self, (name, write): &Held, f: fn(&mut Count, bool)) {
        f(&mut self.all, *write);
        let Some(name) = name else { return f(&mut self.every, *write) };
        let count = self.named.entry(name.clone()).or_default();
        f(count, *write);
        if count.writers + count.sharers == 0 {
            self.named.remove(name);
        }
    }

    pub(super) fn hold(&mut self, path: Arc<str>, held: Vec<Held>) {
        if held.is_empty() {
            return;
        }
        for one in &held {
            self.count(one, Count::add);
        }
        self.by_path.insert(path, held);
    }

    /// Lets go of what a call held; gives the calls that may go on.
    fn free(&mut self, path: &str) -> Vec<Loc> {
        let Some(held) = self.by_path.remove(path) else { return Vec::new() };
        for one in &held {
            self.count(one, Count::take);
        }
        std::mem::take(&mut self.parked)
    }
}

impl Machine {
    /// What a call touches, where it runs beside others in no order; `None`: it waits for one of them.
    pub(super) fn touched(&mut self, loc: Loc, facts: &SkillFacts, args: &Map) -> Option<Vec<Held>> {
        if facts.touches.is_empty() || !self.is_unordered(loc) {
            return Some(Vec::new());
        }
        let one = |touch: &Touch| {
            let name = touch.name.as_ref().and_then(|e| self.eval_over(e, &facts.params, args));
            let name = match name {
                Some(Value::String(name)) => Some(name),
                _ => None,
            };
            (name, touch.write)
        };
        let held: Vec<Held> = facts.touches.iter().map(one).collect();
        if held.iter().any(|h| self.resources.blocks(h)) {
            self.resources.parked.push(loc);
            return None;
        }
        Some(held)
    }

    /// Whether some item or branch around it runs beside others.
    fn is_unordered(&self, loc: Loc) -> bool {
        let mut frame = loc.frame;
        while let Some(parent) = self.frames.get(frame as usize).and_then(|f| f.parent) {
            let step = super::start::step_of(&self.dag, self.body_id(parent.frame), parent.node);
            match step.map(|s| &s.action) {
                Some(Action::Race(_)) => return true,
                Some(Action::For(f)) if f.parallel.is_some() => return true,
                Some(
                    Action::For(_)
                    | Action::Call(_)
                    | Action::Do(_)
                    | Action::If { .. }
                    | Action::Match { .. }
                    | Action::Loop(_),
                )
                | None => {}
            }
            frame = parent.frame;
        }
        false
    }

    /// A call has landed: those that waited for what it held come back in line.
    pub(super) fn let_go(&mut self, path: &str) {
        for loc in self.resources.free(path) {
            if self.active(loc).is_some_and(|a| a.phase == Phase::Queued) {
                self.enqueue(loc);
            }
        }
    }
}
