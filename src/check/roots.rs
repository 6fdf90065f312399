//! What the value of a variable hangs on: inputs, items of loops, the world outside. It says whether something differs from one
//! item of a loop to the next.

use super::hir::{Action, Body, For, Loop, Plan, Step, Stmt, StmtKind};
use super::visit;
use super::walk::reads;
use crate::expr::{Expr, ExprKind, VarId};
use std::collections::{BTreeSet, HashMap};

/// What a value hangs on.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots {
    /// Items, indices and loop variables, of the loops around.
    pub(super) items: BTreeSet<VarId>,
    /// Inputs of the plan.
    pub(super) inputs: BTreeSet<VarId>,
    /// The last step with an effect: called again it may give something else.
    pub(super) world: Option<VarId>,
}

impl Roots {
    fn join(&mut self, other: &Roots) {
        self.items.extend(&other.items);
        self.inputs.extend(&other.inputs);
        self.world = self.world.max(other.world);
    }
}

/// A loop around the place at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Its own variables: from the first to the last.
    pub(super) first: VarId,
    pub(super) last: VarId,
}

impl Around {
    pub(super) fn of_for(f: &For) -> Around {
        let index = f.index.unwrap_or(f.item);
        Around { first: f.item.min(index), last: f.item.max(index) }
    }

    pub(super) fn of_loop(l: &Loop) -> Around {
        Around { first: l.var.min(l.it), last: l.var.max(l.it) }
    }

    /// Whether what hangs on this may differ from one round to the next.
    pub(super) fn varies(&self, roots: &Roots) -> bool {
        roots.items.range(self.first..=self.last).next().is_some()
            || roots.world.is_some_and(|w| w > self.last)
    }
}

/// The roots of all variables of a plan.
#[derive(Debug, Default)]
pub(super) struct Table(HashMap<VarId, Roots>);

impl Table {
    pub(super) fn of(plan: &Plan) -> Table {
        let mut table = Table::default();
        for param in &plan.params {
            let inputs = BTreeSet::from([param.var]);
            table.0.insert(param.var, Roots { inputs, ..Roots::default() });
        }
        table.body(&plan.body);
        table
    }

    /// What the value of an expression hangs on.
    pub(super) fn expr(&self, expr: &Expr) -> Roots {
        let mut out = Roots::default();
        reads(expr, &mut |var| {
            if let Some(roots) = self.0.get(&var) {
                out.join(roots);
            }
        });
        out
    }

    fn body(&mut self, body: &Body) {
        for stmt in &body.stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let Some(var) = stmt.var else { return };
        let mut roots = Roots::default();
        visit::exprs(stmt, &mut |_, e| roots.join(&self.expr(e)));
        if let StmtKind::Step(step) = &stmt.kind {
            self.step(step, var, &mut roots);
        }
        self.0.insert(var, roots);
    }

    fn step(&mut self, step: &Step, var: VarId, roots: &mut Roots) {
        match &step.action {
            Action::Call(_) => {
                if !step.effects.is_empty() {
                    roots.world = Some(var);
                }
                return;
            }
            Action::For(f) => {
                let mut item = self.expr(&f.list);
                item.items.insert(f.item);
                self.0.insert(f.item, item);
                if let Some(index) = f.index {
                    let items = BTreeSet::from([index]);
                    self.0.insert(index, Roots { items, ..Roots::default() });
                }
            }
            Action::Loop(l) => {
                for own in [l.var, l.it] {
                    let mut start = self.expr(&l.init);
                    start.items.insert(own);
                    self.0.insert(own, start);
                }
            }
            Action::Do(_) | Action::If(_) | Action::Match(_) | Action::Race(_) => {}
        }
        let own = match &step.action {
            Action::For(f) => Some(Around::of_for(f)),
            Action::Loop(l) => Some(Around::of_loop(l)),
            Action::Call(_) | Action::Do(_) | Action::If(_) | Action::Match(_) | Action::Race(_) => None,
        };
        for body in super::inner(&step.action) {
            self.body(body);
            body.result.iter().for_each(|e| roots.join(&self.expr(e)));
        }
        if let Some(own) = own {
            // Outside there is no item any more.
            roots.items.retain(|v| *v < own.first || *v > own.last);
        }
    }
}

/// Whether it asks for the time, which goes on.
pub(super) fn asks_the_time(expr: &Expr) -> bool {
    let mut found = matches!(&*expr.kind, ExprKind::Now);
    expr.for_each_child(&mut |child| found = found || asks_the_time(child));
    found
}
