//! Constants: what always fails, and what breaks the condition of its type.

use super::cx::Cx;
use super::relate::{non_null, plain};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, NoEnv, Stop, VarId, eval};
use crate::types::{Type, conform};

/// Macros evaluated while checking one plan, at most: a check must not become a run.
const MAX_MACROS: u32 = 200;

/// What an expression depends on, for [`Cx::check_constants`].
struct Parts {
    /// On nothing.
    constant: bool,
    /// On what is known only when it runs.
    outside: bool,
    /// Macros in macros.
    macros: u32,
}

/// What an expression depends on.
#[derive(Default)]
struct Needs {
    /// On what is known only when it runs.
    outside: bool,
    /// On variables of macros around it.
    free: Vec<VarId>,
    /// Macros in macros.
    macros: u32,
}

impl Needs {
    fn constant(&self) -> bool {
        !self.outside && self.free.is_empty()
    }
}

impl Cx<'_> {
    /// Reports each largest constant part that always fails.
    pub(super) fn check_constants(&mut self, expr: &Expr) {
        let parts = self.constant_parts(expr, &mut Vec::new());
        if parts.constant {
            self.evaluate(expr, parts.macros);
        }
    }

    /// Adds to `free` the variables of macros around the expression that it reads. Every expression passes here: it allocates
    /// for constants only.
    fn constant_parts(&mut self, expr: &Expr, free: &mut Vec<VarId>) -> Parts {
        let before = free.len();
        let mut constants: Vec<(&Expr, u32)> = Vec::new();
        let mut all = Parts { constant: false, outside: false, macros: 0 };
        expr.for_each_child(&mut |child| {
            let part = self.constant_parts(child, free);
            if part.constant && !matches!(&*child.kind, ExprKind::Literal(_)) {
                constants.push((child, part.macros));
            }
            all.outside |= part.outside;
            all.macros = all.macros.max(part.macros);
        });
        match &*expr.kind {
            ExprKind::Var(id) => free.push(*id),
            ExprKind::Macro { vars, .. } => {
                let mut at = 0;
                free.retain(|v| {
                    at += 1;
                    at <= before || !vars.contains(v)
                });
                all.macros += 1;
                all.outside |= own_needs(expr).outside;
            }
            _ => all.outside |= own_needs(expr).outside,
        }
        all.constant = !all.outside && free.len() == before;
        if !all.constant {
            for (child, macros) in constants {
                self.evaluate(child, macros);
            }
        }
        all
    }

    fn evaluate(&mut self, expr: &Expr, macros: u32) {
        if matches!(&*expr.kind, ExprKind::Literal(_)) || !self.may_evaluate(macros) {
            return;
        }
        if let Err(Stop::Error(error)) = eval(expr, &NoEnv)
            && !error.limit
        {
            let span = if expr.span.contains(error.span) { error.span } else { expr.span };
            let d = Diagnostic::new(Code::ConstantError, span, "the expression always fails")
                .label(error.message);
            self.report(d);
        }
    }

    fn may_evaluate(&mut self, macros: u32) -> bool {
        if macros == 0 {
            return true;
        }
        self.macros_evaluated += 1;
        macros == 1 && self.macros_evaluated <= MAX_MACROS
    }

    /// Holds a constant against the condition of the type that is wanted.
    pub(super) fn check_where(&mut self, expr: &Expr, want: &Type) {
        let want = non_null(want);
        let Type::Refined { refinement, .. } = plain(&want) else { return };
        let needs = needs_of(expr);
        if !needs.constant() || !self.may_evaluate(needs.macros) {
            return;
        }
        let Ok(value) = eval(expr, &NoEnv) else { return };
        if value.is_null() {
            return;
        }
        if let Err(mismatch) = conform(value, &want) {
            let message = format!("the value breaks `where ({})`", refinement.text);
            let d = Diagnostic::new(Code::WhereFails, expr.span, message)
                .label(format!("this is {}", mismatch.found));
            self.report(d);
        }
    }
}

fn own_needs(expr: &Expr) -> Needs {
    let mut needs = Needs::default();
    match &*expr.kind {
        ExprKind::Var(id) => needs.free.push(*id),
        // What could not be understood is no constant.
        _ if matches!(expr.ty, Type::Error) => needs.outside = true,
        ExprKind::Tolerant(_)
        | ExprKind::Status { .. }
        | ExprKind::Run(_)
        | ExprKind::Now
        | ExprKind::Secret(_) => {
            needs.outside = true;
        }
        ExprKind::Literal(_)
        | ExprKind::Interpolate(_)
        | ExprKind::Member { .. }
        | ExprKind::Index { .. }
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Not(_)
        | ExprKind::Neg(_)
        | ExprKind::Binary { .. }
        | ExprKind::Cond { .. }
        | ExprKind::Call { .. }
        | ExprKind::Macro { .. }
        | ExprKind::Has { .. }
        | ExprKind::As { .. }
        | ExprKind::Widen(_) => {}
    }
    needs
}

fn needs_of(expr: &Expr) -> Needs {
    let mut all = own_needs(expr);
    expr.for_each_child(&mut |child| {
        if all.outside {
            return;
        }
        let needs = needs_of(child);
        all.outside |= needs.outside;
        all.macros = all.macros.max(needs.macros);
        all.free.extend(needs.free);
    });
    if let ExprKind::Macro { vars, .. } = &*expr.kind {
        all.free.retain(|v| !vars.contains(v));
        all.macros += 1;
    }
    all
}
