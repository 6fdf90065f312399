//! Constants: what always fails, and what breaks the condition of its type.

use super::cx::Cx;
use super::relate::{non_null, plain};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, NoEnv, Stop, VarId, eval};
use crate::types::{Type, conform};

/// Macros evaluated while checking one plan, at most: a check must not become a run.
const MAX_MACROS: u32 = 200;

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
        let needs = self.constant_parts(expr);
        if needs.constant() {
            self.evaluate(expr, &needs);
        }
    }

    fn constant_parts(&mut self, expr: &Expr) -> Needs {
        let mut parts: Vec<(&Expr, Needs)> = Vec::new();
        expr.for_each_child(&mut |child| parts.push((child, Needs::default())));
        for (child, needs) in &mut parts {
            *needs = self.constant_parts(child);
        }
        let mut all = own_needs(expr);
        for (_, needs) in &parts {
            all.outside |= needs.outside;
            all.macros = all.macros.max(needs.macros);
            all.free.extend(needs.free.iter().filter(|v| !all.free.contains(v)).copied().collect::<Vec<_>>());
        }
        if let ExprKind::Macro { vars, .. } = &*expr.kind {
            all.free.retain(|v| !vars.contains(v));
            all.macros += 1;
        }
        if !all.constant() {
            for (child, needs) in &parts {
                if needs.constant() {
                    self.evaluate(child, needs);
                }
            }
        }
        all
    }

    fn evaluate(&mut self, expr: &Expr, needs: &Needs) {
        if matches!(&*expr.kind, ExprKind::Literal(_)) || !self.may_evaluate(needs) {
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

    fn may_evaluate(&mut self, needs: &Needs) -> bool {
        if needs.macros == 0 {
            return true;
        }
        self.macros_evaluated += 1;
        needs.macros == 1 && self.macros_evaluated <= MAX_MACROS
    }

    /// Holds a constant against the condition of the type that is wanted.
    pub(super) fn check_where(&mut self, expr: &Expr, want: &Type) {
        let want = non_null(want);
        let Type::Refined { refinement, .. } = plain(&want) else { return };
        let needs = needs_of(expr);
        if !needs.constant() || !self.may_evaluate(&needs) {
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
