//! Which names a piece of syntax mentions, before anything is resolved.

use crate::source::Span;
use crate::syntax::ast::{
    Action, Body, Call, Chain, Clause, ClauseKind, EntryKey, Expr, ExprKind, LoopElse, OnError, Pattern,
    ReactionKind, Stmt, StmtKind, TextPart, Tolerate, Type, TypeKind,
};

/// What is told about the names found.
pub(crate) trait Visitor {
    /// A bare name in an expression.
    fn name(&mut self, name: &str, span: Span);
    /// The callee of an action, fallback or compensation.
    fn call(&mut self, call: &Call);
}

/// Every statement of a body.
pub(crate) fn body(body: &Body, v: &mut dyn Visitor) {
    for s in &body.stmts {
        stmt(s, v);
    }
}

/// A statement with its clauses; `depends_on` counts as a mention, compensations order nothing and do not.
pub(super) fn stmt(stmt: &Stmt, v: &mut dyn Visitor) {
    match &stmt.kind {
        StmtKind::Step(step) => {
            action(&step.action, v);
            for c in &step.clauses {
                clause(c, v);
            }
        }
        StmtKind::Let { value, .. } => expr(value, v),
        StmtKind::Require { cond, message, .. } => {
            expr(cond, v);
            expr(message, v);
        }
        StmtKind::Fail { message, .. } => expr(message, v),
        StmtKind::Return { value, until } => {
            expr(value, v);
            optional(until.as_ref(), v);
        }
    }
}

fn optional(e: Option<&Expr>, v: &mut dyn Visitor) {
    if let Some(e) = e {
        expr(e, v);
    }
}

fn call(c: &Call, v: &mut dyn Visitor) {
    v.call(c);
    for arg in &c.args {
        expr(&arg.value, v);
    }
}

fn action(action: &Action, v: &mut dyn Visitor) {
    match action {
        Action::Call(c) => call(c, v),
        Action::Error(_) => {}
        Action::Do(b) => body(b, v),
        Action::For(f) => {
            expr(&f.list, v);
            optional(f.bound.as_ref().map(|b| &b.count), v);
            optional(f.parallel.as_ref(), v);
            if let Some(Tolerate::Count(count)) = &f.tolerate {
                expr(count, v);
            }
            body(&f.body, v);
        }
        Action::If(i) => {
            for (cond, b) in &i.arms {
                expr(cond, v);
                body(b, v);
            }
            if let Some(b) = &i.otherwise {
                body(b, v);
            }
        }
        Action::Match(m) => {
            expr(&m.subject, v);
            for arm in &m.arms {
                debug_assert!(
                    arm.pattern
                        .iter()
                        .all(|p| matches!(p, Pattern::Text(_) | Pattern::Bool(..) | Pattern::Any(_)))
                );
                body(&arm.body, v);
            }
        }
        Action::Loop(l) => {
            expr(&l.init, v);
            optional(l.max.as_ref(), v);
            optional(l.every.as_ref(), v);
            if let Some(LoopElse::Fail(message)) = &l.otherwise {
                expr(message, v);
            }
            body(&l.body, v);
        }
        Action::Race(r) => r.branches.iter().for_each(|b| body(b, v)),
    }
}

fn clause(clause: &Clause, v: &mut dyn Visitor) {
    match &clause.kind {
        ClauseKind::DependsOn(names) => names.iter().for_each(|n| v.name(&n.name, n.span)),
        ClauseKind::When(e)
        | ClauseKind::Key(e)
        | ClauseKind::Cache(e)
        | ClauseKind::Timeout(e)
        | ClauseKind::Deadline(e) => {
            expr(e, v);
        }
        ClauseKind::Approve(a) => {
            expr(&a.question, v);
            a.stages.iter().for_each(|s| optional(s.within.as_ref(), v));
            optional(a.quorum.as_ref(), v);
        }
        ClauseKind::OnError(OnError::Chain(c)) => chain(c, v),
        ClauseKind::OnError(OnError::Arms(arms)) => {
            for arm in arms {
                optional(arm.guard.as_ref(), v);
                chain(&arm.chain, v);
            }
        }
        ClauseKind::Compensate { call, .. } => v.call(call),
    }
}

fn chain(chain: &Chain, v: &mut dyn Visitor) {
    for reaction in &chain.reactions {
        match &reaction.kind {
            ReactionKind::Abort | ReactionKind::Continue => {}
            ReactionKind::Use(e) | ReactionKind::Fail(e) => expr(e, v),
            ReactionKind::Fallback(c) => call(c, v),
            ReactionKind::Retry { count, backoff } => {
                expr(count, v);
                if let Some(b) = backoff {
                    expr(&b.from, v);
                    optional(b.to.as_ref(), v);
                }
            }
        }
    }
}

/// Every bare name of an expression; the names of functions too.
pub(super) fn expr(e: &Expr, v: &mut dyn Visitor) {
    match &*e.kind {
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::DurationMs(_)
        | ExprKind::Text { .. }
        | ExprKind::Bytes(_)
        | ExprKind::Error => {}
        ExprKind::Interpolated { parts, .. } => {
            for part in parts {
                if let TextPart::Expr(e) = part {
                    expr(e, v);
                }
            }
        }
        ExprKind::Name(name) => v.name(name, e.span),
        ExprKind::Member { base, .. } => expr(base, v),
        ExprKind::Index { base, index, .. } => {
            expr(base, v);
            expr(index, v);
        }
        ExprKind::Call { callee, args } => {
            // `f(x)` names a function, never a step; `a.f(x)` may be called on a step.
            if !matches!(&*callee.kind, ExprKind::Name(_)) {
                expr(callee, v);
            }
            args.iter().for_each(|a| expr(&a.value, v));
        }
        ExprKind::List(items) => items.iter().for_each(|i| expr(i, v)),
        ExprKind::Record(entries) => {
            for entry in entries {
                if let EntryKey::Expr(key) = &entry.key {
                    expr(key, v);
                }
                expr(&entry.value, v);
            }
        }
        ExprKind::Unary { operand, .. } => expr(operand, v),
        ExprKind::Binary { left, right, .. } => {
            expr(left, v);
            expr(right, v);
        }
        ExprKind::Cond { cond, then, otherwise } => {
            expr(cond, v);
            expr(then, v);
            expr(otherwise, v);
        }
        ExprKind::As { value, .. } => expr(value, v),
        ExprKind::Paren(inner) => expr(inner, v),
    }
}

/// Every named type in a type, basic ones too.
pub(super) fn types(ty: &Type, found: &mut dyn FnMut(&str, Span)) {
    match &ty.kind {
        TypeKind::Name(path) => found(&path.name, path.span),
        TypeKind::List(t) | TypeKind::Map(t) | TypeKind::Optional(t) | TypeKind::Paren(t) => types(t, found),
        TypeKind::Where { base, .. } => types(base, found),
        TypeKind::Labelled { inner, .. } => types(inner, found),
        TypeKind::Record(fields) => fields.iter().for_each(|f| types(&f.ty, found)),
        TypeKind::Union(members) => members.iter().for_each(|m| types(m, found)),
        TypeKind::Literal(_) | TypeKind::Null | TypeKind::Error => {}
    }
}
