//! The worst case of a body: sums of what its steps use, the longest chain of what waits for what.

use super::amount::Amount;
use super::walk::Walk;
use super::{COST, Cause, DIMENSIONS, Mode, Spot, Sum, TIME};
use crate::check::hir::{Action, Body, Call, Reaction, Step, Stmt, StmtKind};
use crate::expr::{Expr, ExprKind, VarId, reads};
use crate::syntax::ast::EffectKind;
use crate::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// How much of a path is kept.
const PATH: usize = 12;

/// When a statement ends, at the latest, and which one before it that hangs on.
#[derive(Clone, Copy)]
struct End {
    at: Amount,
    after: Option<usize>,
}

impl End {
    const START: End = End { at: Amount::ZERO, after: None };

    fn later(&mut self, other: Amount, node: usize) {
        if other.cmp(self.at).is_gt() {
            *self = End { at: other, after: Some(node) };
        }
    }
}

/// The latest ends of what touches one resource.
#[derive(Clone, Copy)]
struct Users {
    writers: End,
    all: End,
}

/// Orders the steps that touch the same resource, as the engine will.
#[derive(Default)]
struct Order {
    named: HashMap<Arc<str>, Users>,
    /// Resources whose name is known only when it runs.
    unknown: Option<Users>,
    any: Option<Users>,
}

impl Order {
    const NONE: Users = Users { writers: End::START, all: End::START };

    fn start(&self, step: &Step, end: &mut End) {
        for (name, write) in touched(step) {
            let of = match &name {
                Some(name) => [self.named.get(name), self.unknown.as_ref()],
                None => [self.any.as_ref(), None],
            };
            for users in of.into_iter().flatten() {
                let from = if write { users.all } else { users.writers };
                if let Some(node) = from.after {
                    end.later(from.at, node);
                }
            }
        }
    }

    fn enter(&mut self, step: &Step, at: Amount, node: usize) {
        for (name, write) in touched(step) {
            let own = match name {
                Some(name) => self.named.entry(name).or_insert(Self::NONE),
                None => self.unknown.get_or_insert(Self::NONE),
            };
            for users in [own, self.any.get_or_insert(Self::NONE)] {
                users.all.later(at, node);
                if write {
                    users.writers.later(at, node);
                }
            }
        }
    }
}

/// The resources of a step, and whether it writes them; appending counts as writing, which only makes the bound larger.
fn touched(step: &Step) -> impl Iterator<Item = (Option<Arc<str>>, bool)> + '_ {
    step.effects.iter().filter(|e| e.kind != EffectKind::Pure).map(|e| {
        let name = match e.resource.as_ref().map(|r| &*r.kind) {
            Some(ExprKind::Literal(Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        (name, e.kind != EffectKind::Reads)
    })
}

impl Walk<'_> {
    /// The worst case of a body.
    pub(super) fn body(&mut self, body: &Body) -> Sum {
        let homes: HashMap<VarId, usize> =
            body.stmts.iter().enumerate().filter_map(|(i, s)| Some((s.var?, i))).collect();
        let mut ends: Vec<End> = Vec::with_capacity(body.stmts.len());
        let mut sums: Vec<Sum> = Vec::with_capacity(body.stmts.len());
        let mut order = Order::default();
        let mut fence = End::START;
        let mut last = End::START;
        for (node, stmt) in body.stmts.iter().enumerate() {
            let mut end = fence;
            for var in mentioned(stmt, self.mode) {
                if let Some((home, earlier)) = homes.get(&var).and_then(|h| Some((*h, ends.get(*h)?))) {
                    end.later(earlier.at, home);
                }
            }
            let sum = match &stmt.kind {
                StmtKind::Step(step) => {
                    if self.mode == Mode::Worst {
                        order.start(step, &mut end);
                    }
                    let sum = self.step(step, stmt);
                    if let Some(steps) = &mut self.steps {
                        steps.push((stmt.name_span, sum.clone()));
                    }
                    sum
                }
                StmtKind::Let(e) => {
                    if let Some(var) = stmt.var {
                        let (value, size) = (self.facts.range(e), self.facts.size(e));
                        self.facts.values.insert(var, value);
                        self.facts.sizes.insert(var, size);
                    }
                    Sum::default()
                }
                StmtKind::Require { .. } => Sum::default(),
                StmtKind::Fail { .. } => {
                    end = last;
                    Sum::default()
                }
            };
            end.at = end.at.plus(sum.of(TIME));
            last.later(end.at, node);
            match &stmt.kind {
                StmtKind::Step(step) => order.enter(step, end.at, node),
                StmtKind::Require { .. } => fence.later(end.at, node),
                StmtKind::Let(_) | StmtKind::Fail { .. } => {}
            }
            ends.push(end);
            sums.push(sum);
        }
        self.total(body, &sums, &ends, last)
    }

    fn total(&self, body: &Body, sums: &[Sum], ends: &[End], last: End) -> Sum {
        let mut total = Sum::default();
        let mut optional = Sum::default();
        for (stmt, sum) in body.stmts.iter().zip(sums) {
            let conditional = matches!(&stmt.kind, StmtKind::Step(s) if s.when.is_some());
            if self.mode == Mode::Base && conditional {
                // Which conditions exclude each other is not known here: the dearest step alone surely may run.
                optional.most(sum);
            } else {
                total.add(sum);
            }
        }
        total.add(&optional);
        if let Some(slot) = total.amounts.get_mut(TIME) {
            *slot = last.at;
        }
        for dimension in COST..DIMENSIONS {
            let path = if dimension == TIME {
                chain(body, sums, ends, last)
            } else {
                let rows = body.stmts.iter().zip(sums);
                let most = rows.max_by(|(_, a), (_, b)| a.of(dimension).cmp(b.of(dimension)));
                most.filter(|(_, s)| s.of(dimension) != Amount::ZERO)
                    .map(|(stmt, sum)| spots(stmt, sum, dimension))
                    .unwrap_or_default()
            };
            if let Some(slot) = total.paths.get_mut(dimension) {
                *slot = path;
            }
            let why: Option<Arc<Cause>> =
                sums.iter().filter(|s| s.whole(dimension) == Amount::NONE).find_map(|s| s.why(dimension));
            if let Some(slot) = total.whys.get_mut(dimension) {
                *slot = why;
            }
        }
        total
    }
}

fn spots(stmt: &Stmt, sum: &Sum, dimension: usize) -> Vec<Spot> {
    let own = Spot { name: stmt.name.clone(), span: stmt.name_span, amount: sum.of(dimension) };
    let inner = sum.paths.get(dimension).into_iter().flatten().cloned();
    std::iter::once(own).chain(inner).take(PATH).collect()
}

/// The statements that the end of the body hangs on, first ones first.
fn chain(body: &Body, sums: &[Sum], ends: &[End], last: End) -> Vec<Spot> {
    let mut nodes = Vec::new();
    let mut next = last.after;
    while let Some(node) = next {
        nodes.push(node);
        // An end hangs only on earlier ones.
        next = ends.get(node).and_then(|e| e.after).filter(|n| *n < node);
    }
    let mut out = Vec::new();
    for node in nodes.into_iter().rev() {
        if let (Some(stmt), Some(sum)) = (body.stmts.get(node), sums.get(node))
            && sum.of(TIME) != Amount::ZERO
        {
            out.extend(spots(stmt, sum, TIME));
        }
    }
    out.truncate(PATH);
    out
}

/// What a statement waits for before it can start. At the worst: for all that anything inside it mentions.
fn mentioned(stmt: &Stmt, mode: Mode) -> Vec<VarId> {
    let mut found = Vec::new();
    let mut read = |e: &Expr| found.extend(reads(e).into_iter().map(|r| r.var));
    match &stmt.kind {
        StmtKind::Let(e) => read(e),
        StmtKind::Require { cond, message, .. } => {
            read(cond);
            read(message);
        }
        StmtKind::Fail { message, .. } => read(message),
        StmtKind::Step(step) => {
            step_exprs(step, mode == Mode::Worst, &mut read);
            found.extend(&step.depends_on);
        }
    }
    found
}

fn call_exprs(call: &Call, f: &mut dyn FnMut(&Expr)) {
    call.args.iter().for_each(|a| f(&a.value));
}

fn step_exprs(step: &Step, inside: bool, f: &mut dyn FnMut(&Expr)) {
    for e in [&step.when, &step.key, &step.cache, &step.timeout, &step.deadline].into_iter().flatten() {
        f(e);
    }
    if let Some(approve) = &step.approve {
        f(&approve.question);
        approve.stages.iter().filter_map(|s| s.within.as_ref()).for_each(&mut *f);
        approve.quorum.iter().for_each(&mut *f);
    }
    let mut bodies: Vec<&Body> = Vec::new();
    match &step.action {
        Action::Call(call) => call_exprs(call, f),
        Action::Do(b) => bodies.push(b),
        Action::For(x) => {
            f(&x.list);
            [&x.max, &x.first, &x.parallel].into_iter().flatten().for_each(&mut *f);
            bodies.push(&x.body);
        }
        Action::If(i) => {
            if let Some((cond, _)) = i.arms.first() {
                f(cond);
            }
            if inside {
                i.arms.iter().for_each(|(cond, _)| f(cond));
            }
            bodies.extend(i.arms.iter().map(|(_, b)| b).chain(&i.otherwise));
        }
        Action::Match(m) => {
            f(&m.subject);
            bodies.extend(m.arms.iter().map(|(_, b)| b));
        }
        Action::Loop(l) => {
            f(&l.init);
            f(&l.max);
            bodies.push(&l.body);
        }
        Action::Race(branches) => bodies.extend(branches),
    }
    if !inside {
        return;
    }
    for arm in &step.on_error {
        arm.guard.iter().for_each(&mut *f);
        for reaction in &arm.reactions {
            match reaction {
                Reaction::Abort | Reaction::Continue => {}
                Reaction::Use(e) | Reaction::Fail(e) => f(e),
                Reaction::Fallback(call) => call_exprs(call, f),
                Reaction::Retry { count, backoff } => {
                    f(count);
                    backoff.from.iter().chain(&backoff.to).for_each(&mut *f);
                }
            }
        }
    }
    for body in bodies {
        for stmt in &body.stmts {
            match &stmt.kind {
                StmtKind::Let(e) | StmtKind::Fail { message: e, .. } => f(e),
                StmtKind::Require { cond, message, .. } => {
                    f(cond);
                    f(message);
                }
                StmtKind::Step(step) => step_exprs(step, true, f),
            }
        }
        body.result.iter().chain(&body.until).for_each(&mut *f);
    }
}
