//! Walking lowered plans: the expressions of a statement by where they stand, and what reads which variable.

use super::hir::{
    Action, ApproveElse, Backoff, Body, Call, ErrorArm, LoopElse, Plan, Reaction, Step, Stmt, StmtKind,
    Tolerate,
};
use crate::expr::{Expr, ExprKind, StatusTest, VarId};

/// Where an expression stands in its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// It decides: `when`, `if`, `require`, `until`.
    Condition,
    /// It is evaluated before the statement starts.
    Value,
    /// The guard of an error arm.
    Guard,
    /// What an error arm gives or calls.
    Handler,
    /// Of `compensate`: evaluated while unwinding.
    Unwinding,
}

/// Calls `f` for the expressions of a statement, not for those of its inner bodies.
pub(super) fn exprs<'h>(stmt: &'h Stmt, f: &mut dyn FnMut(Spot, &'h Expr)) {
    match &stmt.kind {
        StmtKind::Let(value) => f(Spot::Value, value),
        StmtKind::Require { cond, message, .. } => {
            f(Spot::Condition, cond);
            f(Spot::Value, message);
        }
        StmtKind::Fail { message, .. } => f(Spot::Value, message),
        StmtKind::Step(step) => step_exprs(step, f),
    }
}

fn step_exprs<'h>(step: &'h Step, f: &mut dyn FnMut(Spot, &'h Expr)) {
    step.when.iter().for_each(|e| f(Spot::Condition, e));
    action_exprs(&step.action, f);
    let clauses = [&step.key, &step.cache, &step.timeout, &step.deadline];
    clauses.into_iter().flatten().for_each(|e| f(Spot::Value, e));
    if let Some(approve) = &step.approve {
        f(Spot::Value, &approve.question);
        approve.stages.iter().flat_map(|s| &s.within).chain(&approve.quorum).for_each(|e| f(Spot::Value, e));
        if let ApproveElse::Fail(e) = &approve.otherwise {
            f(Spot::Value, e);
        }
    }
    step.on_error.iter().for_each(|arm| arm_exprs(arm, f));
    if let Some(c) = &step.compensate {
        c.call.args.iter().for_each(|a| f(Spot::Unwinding, &a.value));
        c.unless.iter().for_each(|e| f(Spot::Unwinding, e));
    }
}

fn action_exprs<'h>(action: &'h Action, f: &mut dyn FnMut(Spot, &'h Expr)) {
    match action {
        Action::Call(call) => call.args.iter().for_each(|a| f(Spot::Value, &a.value)),
        Action::Do(_) | Action::Race(_) => {}
        Action::For(x) => {
            f(Spot::Value, &x.list);
            [&x.max, &x.first, &x.parallel].into_iter().flatten().for_each(|e| f(Spot::Value, e));
            if let Some(Tolerate::Count(e)) = &x.tolerate {
                f(Spot::Value, e);
            }
        }
        Action::If(i) => i.arms.iter().for_each(|(cond, _)| f(Spot::Condition, cond)),
        Action::Match(m) => f(Spot::Value, &m.subject),
        Action::Loop(l) => {
            f(Spot::Value, &l.init);
            f(Spot::Value, &l.max);
            l.every.iter().for_each(|e| f(Spot::Value, e));
            if let LoopElse::Fail(e) = &l.otherwise {
                f(Spot::Value, e);
            }
        }
    }
}

fn arm_exprs<'h>(arm: &'h ErrorArm, f: &mut dyn FnMut(Spot, &'h Expr)) {
    arm.guard.iter().for_each(|e| f(Spot::Guard, e));
    for reaction in &arm.reactions {
        match reaction {
            Reaction::Abort | Reaction::Continue => {}
            Reaction::Use(e) | Reaction::Fail(e) => f(Spot::Handler, e),
            Reaction::Fallback(call) => call.args.iter().for_each(|a| f(Spot::Handler, &a.value)),
            Reaction::Retry { count, backoff: Backoff { from, to } } => {
                f(Spot::Handler, count);
                from.iter().chain(to).for_each(|e| f(Spot::Handler, e));
            }
        }
    }
}

/// Calls `f` for a body and all bodies inside it.
pub(super) fn bodies<'h>(body: &'h Body, f: &mut dyn FnMut(&'h Body)) {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        f(body);
        let inner = body.stmts.iter().filter_map(step_of).flat_map(|s| super::inner(&s.action));
        let from = open.len();
        open.extend(inner);
        if let Some(new) = open.get_mut(from..) {
            new.reverse();
        }
    }
}

/// The step of a statement.
pub(super) fn step_of(stmt: &Stmt) -> Option<&Step> {
    match &stmt.kind {
        StmtKind::Step(step) => Some(step),
        StmtKind::Let(_) | StmtKind::Require { .. } | StmtKind::Fail { .. } => None,
    }
}

/// The calls of a step itself: its action, fallbacks, its compensation.
pub(super) fn calls(step: &Step) -> impl Iterator<Item = &Call> {
    let action = match &step.action {
        Action::Call(call) => Some(call),
        Action::Do(_)
        | Action::For(_)
        | Action::If(_)
        | Action::Match(_)
        | Action::Loop(_)
        | Action::Race(_) => None,
    };
    let fallbacks = step.on_error.iter().flat_map(|a| &a.reactions).filter_map(|r| match r {
        Reaction::Fallback(call) => Some(&**call),
        Reaction::Abort
        | Reaction::Continue
        | Reaction::Use(_)
        | Reaction::Fail(_)
        | Reaction::Retry { .. } => None,
    });
    action.into_iter().chain(fallbacks).chain(step.compensate.iter().map(|c| &c.call))
}

/// The variables that decide when a statement starts: what it mentions before it runs, and its `depends_on`.
pub(super) fn waits_for(stmt: &Stmt) -> Vec<VarId> {
    let mut out = step_of(stmt).map(|s| s.depends_on.clone()).unwrap_or_default();
    exprs(stmt, &mut |spot, e| match spot {
        Spot::Condition | Spot::Value => super::walk::reads(e, &mut |var| out.push(var)),
        Spot::Guard | Spot::Handler | Spot::Unwinding => {}
    });
    out
}

/// Who reads the variables of a plan.
#[derive(Debug)]
pub(super) struct Uses {
    value: Vec<bool>,
    status: Vec<bool>,
    order: Vec<bool>,
}

impl Uses {
    pub(super) fn of(plan: &Plan) -> Uses {
        let none = vec![false; plan.vars.len()];
        let mut uses = Uses { value: none.clone(), status: none.clone(), order: none };
        for e in plan.goal.iter().chain(plan.budget.iter().map(|b| &b.amount)) {
            uses.read(e);
        }
        bodies(&plan.body, &mut |body| {
            for stmt in &body.stmts {
                exprs(stmt, &mut |_, e| uses.read(e));
                for var in step_of(stmt).iter().flat_map(|s| &s.depends_on) {
                    mark(&mut uses.order, *var);
                }
            }
            body.result.iter().chain(&body.until).for_each(|e| uses.read(e));
        });
        uses
    }

    /// The same with more that is read.
    pub(super) fn and<'v>(mut self, more: impl IntoIterator<Item = &'v VarId>) -> Uses {
        more.into_iter().for_each(|var| mark(&mut self.value, *var));
        self
    }

    fn read(&mut self, expr: &Expr) {
        let mut open = vec![expr];
        while let Some(e) = open.pop() {
            match &*e.kind {
                ExprKind::Var(id) | ExprKind::Tolerant(id) => mark(&mut self.value, *id),
                ExprKind::Status { test, step } => match test {
                    StatusTest::Succeeded | StatusTest::Failed | StatusTest::Skipped | StatusTest::Error => {
                        mark(&mut self.status, *step);
                    }
                    StatusTest::Failures => mark(&mut self.value, *step),
                },
                _ => {}
            }
            e.for_each_child(&mut |child| open.push(child));
        }
    }

    /// Whether something reads its value.
    pub(super) fn value(&self, var: VarId) -> bool {
        self.value.get(var.0 as usize).copied().unwrap_or(true)
    }

    /// Whether anything at all mentions it.
    pub(super) fn any(&self, var: VarId) -> bool {
        let in_list = |list: &[bool]| list.get(var.0 as usize).copied().unwrap_or(true);
        self.value(var) || in_list(&self.status) || in_list(&self.order)
    }
}

fn mark(list: &mut [bool], var: VarId) {
    if let Some(slot) = list.get_mut(var.0 as usize) {
        *slot = true;
    }
}
