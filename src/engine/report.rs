//! Paths of step instances, and the report of a run.

use super::command::{StepReport, StepStatus};
use super::event::StepPath;
use super::machine::Machine;
use super::state::{FrameKey, Loc};
use crate::check::hir::Target;
use crate::dag::{Action, BodyDag, Node, NodeKind};
use crate::expr::ExprKind;
use crate::value::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

impl Machine {
    fn body_of(&self, frame: u32) -> Option<&BodyDag> {
        self.dag.body(self.frames.get(frame as usize)?.body)
    }

    fn node_of(&self, loc: Loc) -> Option<&Node> {
        self.body_of(loc.frame)?.nodes.get(loc.node as usize)
    }

    /// The path of a statement instance.
    pub(super) fn path(&self, loc: Loc) -> Arc<str> {
        match self.active(loc) {
            Some(active) => active.path.get_or_init(|| self.spell_path(loc)).clone(),
            None => self.spell_path(loc),
        }
    }

    fn spell_path(&self, loc: Loc) -> Arc<str> {
        let mut chain = Vec::new();
        let mut at = Some(loc);
        while let Some(loc) = at {
            chain.push(loc);
            at = self.frames.get(loc.frame as usize).and_then(|f| f.parent);
        }
        let mut text = String::new();
        let mut key = None;
        for loc in chain.iter().rev() {
            // How the frame of this statement hangs under the one before it.
            if let (Some(parent), Some(frame)) = (key, self.frames.get(loc.frame as usize)) {
                self.write_key(&mut text, parent, frame.key);
            }
            text.push_str(self.node_of(*loc).map_or("", |n| &n.name));
            key = Some(*loc);
        }
        text.into()
    }

    /// The part of a path between a step and what stands in its frame: `[3].`, `.then.`, `["a"].`, `@`.
    fn write_key(&self, text: &mut String, parent: Loc, key: FrameKey) {
        match key {
            FrameKey::Plain => {}
            FrameKey::Undo => return text.push('@'),
            FrameKey::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
            FrameKey::Arm(arm) => {
                let Some(Node { kind: NodeKind::Step(step), .. }) = self.node_of(parent) else { return };
                let Action::If { arms, .. } = &step.action else { return };
                for _ in 0..arm {
                    text.push_str(".else");
                }
                if (arm as usize) < arms.len() {
                    text.push_str(".then");
                }
            }
            FrameKey::Case(arm) => {
                let Some(Node { kind: NodeKind::Step(step), .. }) = self.node_of(parent) else { return };
                let Action::Match { arms, .. } = &step.action else { return };
                let pattern = arms.get(arm as usize).and_then(|(patterns, _)| patterns.first());
                let shown = match pattern.map(|p| p.kind.as_ref()) {
                    Some(ExprKind::Literal(value)) => value.to_json().to_string(),
                    _ => "\"_\"".to_owned(),
                };
                let _ = write!(text, "[{shown}]");
            }
        }
        text.push('.');
    }

    /// The statement instance of this path.
    pub(super) fn locate(&self, path: &StepPath) -> Option<Loc> {
        if let Some(loc) = self.flights.get(&path.0) {
            return Some(*loc);
        }
        let children = self.children();
        // A name may be the start of another, so all that fit are followed.
        let mut todo: Vec<(u32, usize)> = if self.frames.is_empty() { Vec::new() } else { vec![(0, 0)] };
        let mut segment = String::new();
        while let Some((frame, offset)) = todo.pop() {
            for (index, node) in
                self.body_of(frame).map(|b| b.nodes.as_slice()).unwrap_or_default().iter().enumerate()
            {
                let Some(rest) = path.0.get(offset..).and_then(|r| r.strip_prefix(&*node.name)) else {
                    continue;
                };
                let loc = Loc { frame, node: index as u32 };
                if rest.is_empty() {
                    return Some(loc);
                }
                for child in children.get(&loc).into_iter().flatten() {
                    segment.clear();
                    if let Some(frame) = self.frames.get(*child as usize) {
                        self.write_key(&mut segment, loc, frame.key);
                    }
                    if rest.starts_with(segment.as_str()) {
                        todo.push((*child, offset + node.name.len() + segment.len()));
                    }
                }
            }
        }
        None
    }

    /// The frames under each step, by their keys; earlier attempts left out.
    fn children(&self) -> HashMap<Loc, Vec<u32>> {
        let mut children: HashMap<Loc, Vec<u32>> = HashMap::new();
        for (index, frame) in self.frames.iter().enumerate() {
            if let Some(parent) = frame.parent
                && !frame.superseded
            {
                children.entry(parent).or_default().push(index as u32);
            }
        }
        for list in children.values_mut() {
            list.sort_by_key(|f| self.frames.get(*f as usize).map(|f| f.key.order()));
        }
        children
    }

    /// Every step instance, in the order of the text; iterations by index.
    #[must_use]
    pub fn report(&self) -> Vec<StepReport> {
        let children = self.children();
        let mut report = Vec::new();
        let mut todo: Vec<Loc> = self.rows_of(0).rev().collect();
        while let Some(loc) = todo.pop() {
            let below = children.get(&loc).map(Vec::as_slice).unwrap_or_default();
            report.extend(self.row_report(loc, below));
            let inside = below.iter().rev();
            todo.extend(inside.flat_map(|frame| self.rows_of(*frame).rev()));
        }
        report
    }

    /// How many steps of the report are in doubt.
    #[must_use]
    pub fn count_in_doubt(&self) -> usize {
        // Most runs have none, and the report of a large one is large.
        if self.rows.iter().all(|row| row.shown() != StepStatus::InDoubt) {
            return 0;
        }
        self.report().iter().filter(|step| step.status == StepStatus::InDoubt).count()
    }

    /// The failed items of a tolerant `for`, as `failures(step)` gives them.
    #[must_use]
    pub fn failures(&self, step: &StepPath) -> Value {
        let row = self.locate(step).and_then(|loc| self.row(loc));
        row.map_or_else(|| Value::list(Vec::new()), super::scope::failures)
    }

    fn rows_of(&self, frame: u32) -> impl DoubleEndedIterator<Item = Loc> + use<> {
        let count = self.body_of(frame).map_or(0, |b| b.nodes.len());
        (0..count as u32).map(move |node| Loc { frame, node })
    }

    /// `let`s have no row; `require` and `fail` have one where they failed.
    fn row_report(&self, loc: Loc, below: &[u32]) -> Option<StepReport> {
        let node = self.node_of(loc)?;
        let row = self.row(loc)?;
        let skill = match &node.kind {
            NodeKind::Let(_) => return None,
            NodeKind::Require { .. } | NodeKind::Fail { .. } if row.status != StepStatus::Failed => {
                return None;
            }
            NodeKind::Require { .. } | NodeKind::Fail { .. } => None,
            NodeKind::Step(step) => match &step.action {
                Action::Call(call) => match &call.target {
                    Target::Skill(name) => Some(name.clone()),
                    Target::Plan(_) => None,
                },
                Action::Do(_)
                | Action::For(_)
                | Action::If { .. }
                | Action::Match { .. }
                | Action::Loop(_)
                | Action::Race(_) => None,
            },
        };
        let extra = row.extra.as_deref();
        let undo =
            below.last().map(|frame| Loc { frame: *frame, node: 0 }).filter(|undo| self.is_undo(*undo));
        Some(StepReport {
            path: StepPath(self.path(loc)),
            status: row.shown(),
            value: row.value.clone(),
            attempts: row.attempts,
            skipped_because: extra.and_then(|e| e.because.clone()),
            error: extra.and_then(|e| e.error.as_deref().cloned()),
            skill,
            released_by: row.released_by.map(|l| StepPath(self.path(l))),
            started_at: row.started_at,
            ended_at: row.ended_at,
            usage: extra.map(|e| e.spent.usage()).unwrap_or_default(),
            reuse: extra.and_then(|e| e.reuse.clone()),
            decisions: extra.map(|e| e.decisions.clone()).unwrap_or_default(),
            reused: extra.and_then(|e| e.reused.clone()),
            compensation: undo.and_then(|undo| self.row(undo)).map(|r| r.status),
            span: node.span,
        })
    }
}
