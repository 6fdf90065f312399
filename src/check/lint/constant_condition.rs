//! `constant-condition`: a condition, or a part of one, that is always true or always false.

use crate::check::closed::fingerprint;
use crate::check::hir::{Action, ApproveElse, Body, Plan, Reaction, VarKind};
use crate::check::operators::dynamic;
use crate::check::relate::{nullable, shape};
use crate::check::visit::{Spot, bodies, exprs, step_of};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{BinaryOp, Expr, ExprKind, NoEnv, StatusTest, VarId, eval};
use crate::types::Type;
use crate::value::Value;
use std::collections::HashMap;

/// The steps of which something is known: whether they may be skipped, whether they may fail and the body go on.
struct Known<'a> {
    plan: &'a Plan,
    fates: HashMap<VarId, Fate>,
}

#[derive(Clone, Copy, Default)]
struct Fate {
    skipped: bool,
    failed: bool,
}

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let known = Known { plan, fates: fates(plan) };
    bodies(&plan.body, &mut |body| {
        for stmt in &body.stmts {
            exprs(stmt, &mut |spot, e| match spot {
                Spot::Condition | Spot::Guard => known.condition(e, found),
                Spot::Value | Spot::Handler => known.inside(e, found),
                Spot::Unwinding => {}
            });
            if let Some(Action::If(i)) = step_of(stmt).map(|s| &s.action) {
                repeated(i.arms.iter().map(|(cond, _)| cond), found);
            }
        }
        body.result.iter().for_each(|e| known.inside(e, found));
        body.until.iter().for_each(|e| known.condition(e, found));
    });
}

/// What may become of each step. One that reads a step that may have no value may be skipped itself.
fn fates(plan: &Plan) -> HashMap<VarId, Fate> {
    fn body(b: &Body, fates: &mut HashMap<VarId, Fate>) {
        for stmt in &b.stmts {
            let Some(var) = stmt.var else { continue };
            // What is asked before a value is read is not looked at: then nothing is said.
            let mut unsure = false;
            exprs(stmt, &mut |_, e| {
                crate::check::walk::reads(e, &mut |v| {
                    unsure |= fates.get(&v).is_some_and(|f| f.skipped || f.failed)
                });
            });
            let Some(step) = step_of(stmt) else {
                fates.insert(var, Fate { skipped: unsure, failed: false });
                continue;
            };
            let soft = step.on_error.iter().flat_map(|a| &a.reactions).any(gives_up);
            let asked = step.approve.as_ref().is_some_and(|a| matches!(a.otherwise, ApproveElse::Continue));
            fates.insert(var, Fate { skipped: step.when.is_some() || unsure, failed: soft || asked });
            for inner in crate::check::inner(&step.action) {
                body(inner, fates);
            }
        }
    }
    let mut out = HashMap::new();
    body(&plan.body, &mut out);
    out
}

/// Whether a reaction may leave the step without a value and the body go on.
fn gives_up(reaction: &Reaction) -> bool {
    match reaction {
        Reaction::Continue => true,
        // A value that is missing leaves the step missing.
        Reaction::Use(_) | Reaction::Fallback(_) => true,
        Reaction::Abort | Reaction::Fail(_) | Reaction::Retry { .. } => false,
    }
}

impl Known<'_> {
    /// The conditions of `?:` in an expression.
    fn inside(&self, expr: &Expr, found: &mut Vec<Diagnostic>) {
        if let ExprKind::Cond { cond, .. } = &*expr.kind {
            self.condition(cond, found);
        }
        expr.for_each_child(&mut |child| self.inside(child, found));
    }

    fn condition(&self, cond: &Expr, found: &mut Vec<Diagnostic>) {
        if let Some((truth, why)) = self.decided(cond) {
            let word = if truth { "true" } else { "false" };
            let d = Diagnostic::new(
                Code::ConstantCondition,
                cond.span,
                format!("the condition is always {word}"),
            );
            found.push(d.label(why).help("take it away, or ask for what was meant"));
            return;
        }
        match &*cond.kind {
            ExprKind::Binary { op: BinaryOp::And | BinaryOp::Or, left, right } => {
                self.condition(left, found);
                self.condition(right, found);
            }
            ExprKind::Not(inner) => self.condition(inner, found),
            _ => self.inside(cond, found),
        }
    }

    /// Whether it is always the same, and why.
    fn decided(&self, cond: &Expr) -> Option<(bool, String)> {
        if constant(cond) {
            return match eval(cond, &NoEnv) {
                Ok(Value::Bool(truth)) => Some((truth, "nothing in it changes".to_owned())),
                Ok(_) | Err(_) => None,
            };
        }
        match &*cond.kind {
            // What `?.` itself asks is no condition that somebody wrote: it has the place of the whole.
            ExprKind::Binary { op: op @ (BinaryOp::Eq | BinaryOp::Ne), left, right }
                if right.span != cond.span =>
            {
                self.equality(*op, left, right)
            }
            ExprKind::Binary { op: op @ (BinaryOp::Ge | BinaryOp::Lt), left, right } if is_size(left) => {
                let zero = matches!(&*right.kind, ExprKind::Literal(Value::Int(0)));
                zero.then(|| (*op == BinaryOp::Ge, "a size is never below 0".to_owned()))
            }
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right }
                if opposite(left, right) =>
            {
                Some((*op == BinaryOp::Or, "one side is the opposite of the other".to_owned()))
            }
            ExprKind::Has { base, name } => {
                let there = matches!(shape(&base.ty), Type::Record(r)
                    if r.fields.get(name).is_some_and(|f| !f.optional && never_null(&f.ty)));
                (there && !nullable(&base.ty)).then(|| (true, format!("`{name}` is always there")))
            }
            ExprKind::Status { test, step } => self.status(*test, *step),
            _ => None,
        }
    }

    fn equality(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<(bool, String)> {
        let null = |e: &Expr| matches!(&*e.kind, ExprKind::Literal(Value::Null));
        for (this, other) in [(left, right), (right, left)] {
            if null(other) && never_null(&this.ty) && !absent_key(this) {
                let mut why = "this is never null".to_owned();
                if let ExprKind::Var(id) = &*this.kind
                    && self.plan.vars.get(id.0 as usize).is_some_and(|v| v.kind == VarKind::Step)
                {
                    why.push_str("; whether a step has a value is asked by `succeeded(…)`");
                }
                return Some((op == BinaryOp::Ne, why));
            }
        }
        // A float that is no number does not equal itself.
        let plain = matches!(shape(&left.ty), Type::String | Type::Int | Type::Bool | Type::Literals(_));
        (plain && fingerprint(left) == fingerprint(right))
            .then(|| (op == BinaryOp::Eq, "both sides are the same".to_owned()))
    }

    fn status(&self, test: StatusTest, step: VarId) -> Option<(bool, String)> {
        let fate = self.fates.get(&step)?;
        let name = &self.plan.vars.get(step.0 as usize)?.name;
        match test {
            StatusTest::Succeeded if !fate.skipped && !fate.failed => {
                Some((true, format!("where `{name}` does not succeed, nothing here runs")))
            }
            StatusTest::Skipped if !fate.skipped => Some((false, format!("`{name}` is never skipped"))),
            StatusTest::Succeeded
            | StatusTest::Skipped
            | StatusTest::Failed
            | StatusTest::Error
            | StatusTest::Failures => None,
        }
    }
}

/// `a && !a`
fn opposite(left: &Expr, right: &Expr) -> bool {
    let negates =
        |a: &Expr, b: &Expr| matches!(&*a.kind, ExprKind::Not(inner) if fingerprint(inner) == fingerprint(b));
    negates(left, right) || negates(right, left)
}

fn is_size(e: &Expr) -> bool {
    matches!(&*e.kind, ExprKind::Call { function, .. } if &**function == "size")
}

fn never_null(ty: &Type) -> bool {
    let inner = match shape(ty) {
        Type::Opaque { base, .. } => shape(base),
        other => other,
    };
    !nullable(ty) && !dynamic(ty) && !matches!(inner, Type::Null | Type::Error | Type::Json | Type::Param(_))
}

/// An element of a map: whether it is there is what was meant to be asked, and that is another matter.
fn absent_key(e: &Expr) -> bool {
    match &*e.kind {
        ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => {
            matches!(shape(&base.ty), Type::Map(_))
        }
        _ => false,
    }
}

/// Whether nothing in it is known only when it runs.
fn constant(expr: &Expr) -> bool {
    match &*expr.kind {
        ExprKind::Var(_)
        | ExprKind::Tolerant(_)
        | ExprKind::Status { .. }
        | ExprKind::Run(_)
        | ExprKind::Now
        | ExprKind::Secret(_)
        | ExprKind::Macro { .. } => false,
        _ => {
            let mut all = true;
            expr.for_each_child(&mut |child| all = all && constant(child));
            all
        }
    }
}

/// An `else if` that asks again what was asked above.
fn repeated<'e>(conds: impl Iterator<Item = &'e Expr>, found: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &Expr> = HashMap::new();
    for cond in conds {
        if let Some(first) = seen.insert(fingerprint(cond), cond) {
            let d = Diagnostic::new(Code::ConstantCondition, cond.span, "the condition is always false here");
            found.push(
                d.label("asked again")
                    .also(first.span, "where it is true, this branch is taken")
                    .help("take the branch away, or ask for what was meant"),
            );
        }
    }
}
