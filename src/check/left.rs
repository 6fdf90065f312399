//! What only the running value can tell: how many checks of a plan are left to the engine.

use super::hir::{Action, Plan};
use super::relate::{Fit, fits, plain};
use super::visit;
use crate::expr::{Expr, ExprKind};
use crate::types::Type;

/// Checks that a plan makes while it runs, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// `x as T`, where `x` may be no `T`.
    pub casts: usize,
    /// Values held against a `where (…)`.
    pub refinements: usize,
    /// Calls that write what only the running value names, in no order: the engine lets one wait for the other.
    pub resources: usize,
}

impl Left {
    /// Those of one plan, not of the plans it calls.
    #[must_use]
    pub fn of(plan: &Plan) -> Left {
        let mut left = Left { resources: super::races::in_turn(plan), ..Left::default() };
        left.refinements += plan.params.iter().filter(|p| refined(&p.ty)).count();
        visit::bodies(&plan.body, &mut |body| {
            for stmt in &body.stmts {
                visit::exprs(stmt, &mut |_, e| left.expr(e));
                let Some(step) = visit::step_of(stmt) else { continue };
                for arg in visit::calls(step).flat_map(|c| &c.args) {
                    left.refinements += usize::from(refined(&arg.ty) && open(&arg.value));
                }
                if let Action::Loop(l) = &step.action {
                    left.refinements += usize::from(refined(&l.init.ty) && open(&l.init));
                }
            }
            body.result.iter().chain(&body.until).for_each(|e| left.expr(e));
        });
        if let Some(result) = &plan.body.result {
            left.refinements += usize::from(refined(&plan.output) && open(result));
        }
        left
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.casts + self.refinements + self.resources
    }

    /// As in `check --format json`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "casts": self.casts,
            "refinements": self.refinements,
            "resources": self.resources,
        })
    }

    fn expr(&mut self, expr: &Expr) {
        if let ExprKind::As { value, ty } = &*expr.kind
            && !matches!(ty, Type::Labelled { .. })
            && !matches!(fits(&value.ty, ty), Fit::Yes | Fit::Widen)
        {
            self.casts += 1;
        }
        expr.for_each_child(&mut |child| self.expr(child));
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part =
            |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
        let parts: Vec<String> = [
            part(self.casts, "cast"),
            part(self.refinements, "`where`"),
            part(self.resources, "resource name"),
        ]
        .into_iter()
        .flatten()
        .collect();
        f.write_str(&parts.join(", "))
    }
}

/// Whether a type has a condition of its own.
fn refined(ty: &Type) -> bool {
    match plain(ty) {
        Type::Refined { .. } => true,
        Type::Optional(inner) => refined(inner),
        _ => false,
    }
}

/// Whether a value is not known to keep a condition: no constant, which was looked at, and of no refined type.
fn open(value: &Expr) -> bool {
    !matches!(&*value.kind, ExprKind::Literal(_) | ExprKind::As { .. }) && !refined(&value.ty)
}
