//! `dead-condition`: `failed(a)` where the failure of `a` ends the body, or where something stands in its place.

use super::hir::{ApproveElse, Body, Plan, Reaction, Step, VarKind};
use super::visit::{self, Spot};
use super::walk::reads;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, StatusTest, VarId};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, found: &mut Vec<Diagnostic>) {
    for plan in plans.values() {
        let mut fates = HashMap::new();
        visit::bodies(&plan.body, &mut |body| steps(body, plan, &mut fates));
        let mut one = |e: &Expr| dead(e, plan, &fates, found);
        visit::bodies(&plan.body, &mut |body| {
            for stmt in &body.stmts {
                visit::exprs(stmt, &mut |spot, e| {
                    // While unwinding any step may have failed.
                    if spot != Spot::Unwinding {
                        one(e);
                    }
                });
            }
            body.result.iter().chain(&body.until).for_each(&mut one);
        });
    }
}

/// What becomes of a step that fails.
#[derive(Clone, Copy)]
enum Fate {
    Ends,
    /// Something else stands for its value.
    Replaced,
    GoesOn,
}

fn steps(body: &Body, plan: &Plan, fates: &mut HashMap<VarId, Fate>) {
    for stmt in &body.stmts {
        if let (Some(var), Some(step)) = (stmt.var, visit::step_of(stmt)) {
            fates.insert(var, fate(step, plan));
        }
    }
}

fn fate(step: &Step, plan: &Plan) -> Fate {
    let asked = step.approve.as_ref().is_some_and(|a| matches!(a.otherwise, ApproveElse::Continue));
    let reactions = || step.on_error.iter().flat_map(|a| &a.reactions);
    // A `use` of a step that is missing leaves this one without a value.
    let may_miss = |e: &Expr| {
        let mut found = false;
        reads(e, &mut |var| {
            let kind = plan.vars.get(var.0 as usize).map(|v| v.kind);
            found |= matches!(kind, Some(VarKind::Step | VarKind::Let));
        });
        found
    };
    let open = |r: &Reaction| match r {
        Reaction::Continue => true,
        Reaction::Use(value) => may_miss(value),
        Reaction::Abort | Reaction::Fail(_) | Reaction::Fallback(_) | Reaction::Retry { .. } => false,
    };
    if asked || reactions().any(open) {
        return Fate::GoesOn;
    }
    if reactions().any(|r| matches!(r, Reaction::Use(_) | Reaction::Fallback(_))) {
        return Fate::Replaced;
    }
    Fate::Ends
}

fn dead(expr: &Expr, plan: &Plan, fates: &HashMap<VarId, Fate>, found: &mut Vec<Diagnostic>) {
    if let ExprKind::Status { test: StatusTest::Failed, step } = &*expr.kind
        && let Some(fate) = fates.get(step)
        && let Some(name) = plan.vars.get(step.0 as usize).map(|v| &v.name)
    {
        let why = match fate {
            Fate::Ends => Some(format!("where `{name}` fails, the plan ends")),
            Fate::Replaced => Some(format!("where `{name}` fails, its `on_error` gives another value")),
            Fate::GoesOn => None,
        };
        if let Some(why) = why {
            let d =
                Diagnostic::new(Code::DeadCondition, expr.span, format!("`failed({name})` is never true"));
            let place = plan.vars.get(step.0 as usize).map_or(expr.span, |v| v.span);
            found.push(
                d.label(why).also(place, "the step").help(format!("give `{name}` an `on_error continue`")),
            );
        }
    }
    expr.for_each_child(&mut |child| dead(child, plan, fates, found));
}
