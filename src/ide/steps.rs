//! The expressions of a checked plan, and what its steps wait for.

use crate::check::hir::{
    Action, Approve, ApproveElse, Body, Call, LoopElse, Reaction, Step, Stmt, StmtKind, Tolerate,
};
use crate::check::inner;
use crate::dag::conflict;
use crate::expr::{Expr, VarId, reads};
use std::collections::HashMap;

/// Calls `f` for every expression of a body, those of inner bodies included; their parts are not visited.
pub(crate) fn exprs<'a>(body: &'a Body, f: &mut dyn FnMut(&'a Expr)) {
    for stmt in &body.stmts {
        stmt_exprs(stmt, f);
    }
    body.result.iter().chain(&body.until).for_each(f);
}

fn stmt_exprs<'a>(stmt: &'a Stmt, f: &mut dyn FnMut(&'a Expr)) {
    match &stmt.kind {
        StmtKind::Let(e) | StmtKind::Fail { message: e, .. } => f(e),
        StmtKind::Require { cond, message, .. } => {
            f(cond);
            f(message);
        }
        StmtKind::Step(step) => {
            own_exprs(step, f);
            for body in inner(&step.action) {
                exprs(body, f);
            }
        }
    }
}

fn call_exprs<'a>(call: &'a Call, f: &mut dyn FnMut(&'a Expr)) {
    call.args.iter().for_each(|a| f(&a.value));
}

/// The expressions of a step but for those of its bodies.
fn own_exprs<'a>(step: &'a Step, f: &mut dyn FnMut(&'a Expr)) {
    for e in [&step.when, &step.key, &step.cache, &step.timeout, &step.deadline].into_iter().flatten() {
        f(e);
    }
    if let Some(Approve { question, stages, quorum, otherwise }) = &step.approve {
        f(question);
        stages.iter().filter_map(|s| s.within.as_ref()).chain(quorum).for_each(&mut *f);
        match otherwise {
            ApproveElse::Fail(e) => f(e),
            ApproveElse::Throw | ApproveElse::Continue => {}
        }
    }
    match &step.action {
        Action::Call(call) => call_exprs(call, f),
        Action::Do(_) | Action::Race(_) => {}
        Action::For(x) => {
            f(&x.list);
            x.max.iter().chain(&x.first).chain(&x.parallel).for_each(&mut *f);
            match &x.tolerate {
                Some(Tolerate::Count(e)) => f(e),
                Some(Tolerate::Percent(_)) | None => {}
            }
        }
        Action::If(i) => i.arms.iter().for_each(|(cond, _)| f(cond)),
        Action::Match(m) => f(&m.subject),
        Action::Loop(l) => {
            f(&l.init);
            f(&l.max);
            l.every.iter().for_each(&mut *f);
            match &l.otherwise {
                LoopElse::Fail(e) => f(e),
                LoopElse::Exhausted | LoopElse::Last => {}
            }
        }
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
    if let Some(c) = &step.compensate {
        call_exprs(&c.call, f);
        c.unless.iter().for_each(f);
    }
}

/// What a statement waits for in its own body, as indices of earlier statements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits {
    /// Mentioned, or named in `depends_on`; through `let`s too.
    pub(crate) reads: Vec<usize>,
    /// Only because both touch a resource.
    pub(crate) conflicts: Vec<usize>,
}

/// What each statement of a body waits for.
pub(crate) fn waits(body: &Body) -> Vec<Waits> {
    let homes: HashMap<VarId, usize> =
        body.stmts.iter().enumerate().filter_map(|(i, s)| Some((s.var?, i))).collect();
    let order = conflict::order(body);
    let mut out: Vec<Waits> = Vec::with_capacity(body.stmts.len());
    for (index, stmt) in body.stmts.iter().enumerate() {
        let mut found: Vec<usize> = Vec::new();
        let mut mention = |var: VarId| found.extend(homes.get(&var).filter(|home| **home < index));
        stmt_exprs(stmt, &mut |e| reads(e).into_iter().for_each(|r| mention(r.var)));
        if let StmtKind::Step(step) = &stmt.kind {
            step.depends_on.iter().for_each(|var| mention(*var));
        }
        let mut reads: Vec<usize> = Vec::new();
        for home in found {
            match body.stmts.get(home).map(|s| &s.kind) {
                // A `let` is no step of its own: what it waits for is waited for.
                Some(StmtKind::Let(_)) => {
                    reads.extend(out.get(home).map(|w| w.reads.as_slice()).unwrap_or_default());
                }
                Some(StmtKind::Step(_)) => reads.push(home),
                Some(StmtKind::Require { .. } | StmtKind::Fail { .. }) | None => {}
            }
        }
        reads.sort_unstable();
        reads.dedup();
        let mut conflicts: Vec<usize> = order
            .get(index)
            .into_iter()
            .flatten()
            .map(|n| *n as usize)
            .filter(|n| !reads.contains(n))
            .collect();
        conflicts.sort_unstable();
        conflicts.dedup();
        out.push(Waits { reads, conflicts });
    }
    out
}
