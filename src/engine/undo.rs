//! Compensation: what a part of a run has done is undone when that part ends without success, the last step that acted first,
//! one after the other.
//!
//! Steps that acted and can be undone are kept by their frame, and go up with it. A part that fails and is handled (a `do`, an
//! attempt of a called plan, an item under `tolerate`, a branch of a `race`) undoes what lies below it and nothing else; when
//! what lies around it stops too, it leaves that to what lies around, so that the order holds over all of it.

use super::command::StepStatus;
use super::event::Failure;
use super::machine::Machine;
use super::start::step_of;
use super::state::{FrameKey, Loc, Phase, Scope, Undo, Verdict, Work};
use crate::dag::{Action, NodeKind};

impl Machine {
    /// A step is over: if it acted it can be undone from now on, else what lies below it still can.
    pub(super) fn keep_for_undo(&mut self, loc: Loc, status: StepStatus, fell_back: bool, mut below: Undo) {
        let acted = status == StepStatus::Succeeded || (status == StepStatus::Recovered && fell_back);
        let own =
            || step_of(&self.dag, self.body_id(loc.frame), loc.node).is_some_and(|s| s.compensate.is_some());
        if acted && own() {
            // Its own compensation undoes the whole of it.
            self.acted += 1;
            below = Undo::from([(self.acted, loc)]);
        }
        if !below.is_empty()
            && let Some(live) = self.live_mut(loc.frame)
        {
            live.undo.append(&mut below);
        }
    }

    /// A step failed, and before anything is done about it what lies below it is undone.
    pub(super) fn undo_first(&mut self, loc: Loc, failure: Box<Failure>, at: Loc) {
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Unwinding;
            active.children.clear();
            active.verdict = Some(Verdict::Failed { failure, at });
        }
        self.work.push_back(Work::Undo(loc));
    }

    /// The next compensation below a step; behind the last it ends as it would have.
    pub(super) fn undo_below(&mut self, loc: Loc) {
        if !matches!(self.active(loc).map(|a| &a.phase), Some(Phase::Unwinding)) {
            return;
        }
        let stopping = self.is_stopping(loc.frame);
        let next = self.active_mut(loc).and_then(|a| if stopping { None } else { a.undo.pop() });
        match next {
            Some((_, done)) => self.undo(done, Scope::Step(loc)),
            None => self.apply_verdict(loc),
        }
    }

    /// Starts the next compensation inside a frame that stops, if undoing that is its own affair; says whether one runs.
    pub(super) fn undo_inside(&mut self, frame: u32) -> bool {
        if self.live(frame).is_some_and(|l| l.undoing) {
            return true;
        }
        if !self.undoes_itself(frame) {
            return false;
        }
        let Some((_, done)) = self.live_mut(frame).and_then(|l| l.undo.pop()) else { return false };
        if let Some(live) = self.live_mut(frame) {
            live.undoing = true;
        }
        self.undo(done, Scope::Frame(frame));
        true
    }

    fn undoes_itself(&self, frame: u32) -> bool {
        let Some(parent) = self.frames.get(frame as usize).and_then(|f| f.parent) else { return true };
        if self.is_stopping(parent.frame) {
            return false;
        }
        let verdict = self.active(parent).and_then(|a| a.verdict.as_ref());
        match step_of(&self.dag, self.body_id(parent.frame), parent.node).map(|s| &s.action) {
            Some(Action::Race(_)) => matches!(verdict, None | Some(Verdict::Value(_))),
            Some(Action::For(f)) => f.tolerate.is_some() && verdict.is_none(),
            Some(
                Action::Call(_) | Action::Do(_) | Action::If { .. } | Action::Match { .. } | Action::Loop(_),
            )
            | None => false,
        }
    }

    fn undo(&mut self, done: Loc, scope: Scope) {
        let dag = self.dag.clone();
        let step = step_of(&dag, self.body_id(done.frame), done.node);
        let (Some(body), Some(around)) =
            (step.and_then(|s| s.compensate), self.frames.get(done.frame as usize))
        else {
            return;
        };
        let (plan, base) = (around.plan, around.attempt_base);
        for node in dag.body(body).into_iter().flat_map(|b| &b.nodes) {
            self.release_lets(done.frame, &node.lets);
        }
        let frame = self.open(body, plan, Some(done), FrameKey::Undo, Vec::new(), base);
        self.undoing.insert(frame, scope);
    }

    /// Lets that a compensation mentions may be evaluated, whatever they wait for: it will not come any more.
    fn release_lets(&mut self, frame: u32, lets: &[crate::expr::VarId]) {
        let dag = self.dag.clone();
        let mut todo: Vec<Loc> = lets.iter().filter_map(|v| self.resolve(frame, *v)).collect();
        while let Some(loc) = todo.pop() {
            let Some(row) = self.row_mut(loc).filter(|r| r.status == StepStatus::Pending && !r.lazy) else {
                continue;
            };
            row.lazy = true;
            let body = self.body_id(loc.frame).and_then(|b| dag.body(b));
            if let Some(node) = body.and_then(|b| b.nodes.get(loc.node as usize))
                && matches!(node.kind, NodeKind::Let(_))
            {
                todo.extend(node.lets.iter().filter_map(|v| self.resolve(loc.frame, *v)));
            }
        }
    }

    /// A compensation is over, well or not.
    pub(super) fn undo_ended(&mut self, frame: u32, done: Loc) {
        let Some(scope) = self.undoing.remove(&frame) else { return };
        let status = self.row(Loc { frame, node: 0 }).map(|r| r.status);
        if matches!(status, Some(StepStatus::Failed | StepStatus::InDoubt)) {
            self.not_undone.push(done);
        }
        *self.undone.entry(self.path(done)).or_default() += 1;
        match scope {
            Scope::Frame(frame) => {
                if let Some(live) = self.live_mut(frame) {
                    live.undoing = false;
                }
                self.work.push_back(Work::Check(frame));
            }
            Scope::Step(loc) => self.work.push_back(Work::Undo(loc)),
        }
    }

    /// Whether this is the call that undoes a step.
    pub(super) fn is_undo(&self, loc: Loc) -> bool {
        self.frames.get(loc.frame as usize).is_some_and(|f| f.key == FrameKey::Undo)
    }

    /// How often the step of a path, or the one whose compensation this is, was undone before.
    pub(super) fn generation(&self, path: &str) -> u32 {
        if self.undone.is_empty() {
            return 0;
        }
        let ends = path.match_indices('@').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| self.undone.get(path.get(..end)?)).sum()
    }
}
