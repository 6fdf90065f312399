//! Reading closed expressions.

use crate::expr::{Expr, ExprKind, Key, VarId};

/// Calls `f` for the direct parts, in the order they were written.
pub(super) fn each<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    match &*expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Var(_)
        | ExprKind::Tolerant(_)
        | ExprKind::Status { .. }
        | ExprKind::Run(_)
        | ExprKind::Now
        | ExprKind::Secret(_) => {}
        ExprKind::Interpolate(parts) | ExprKind::List(parts) | ExprKind::Call { args: parts, .. } => {
            parts.iter().for_each(f);
        }
        ExprKind::Member { base: e, .. }
        | ExprKind::Has { base: e, .. }
        | ExprKind::Not(e)
        | ExprKind::Neg(e)
        | ExprKind::Widen(e)
        | ExprKind::As { value: e, .. } => f(e),
        ExprKind::Index { base, index, .. } => {
            f(base);
            f(index);
        }
        ExprKind::Record(entries) => {
            for (key, value) in entries {
                if let Key::Computed(key) = key {
                    f(key);
                }
                f(value);
            }
        }
        ExprKind::Binary { left, right, .. } => {
            f(left);
            f(right);
        }
        ExprKind::Cond { cond, then, otherwise } => {
            f(cond);
            f(then);
            f(otherwise);
        }
        ExprKind::Macro { target, bodies, .. } => {
            f(target);
            bodies.iter().for_each(f);
        }
    }
}

/// Calls `f` for each variable that is read.
pub(super) fn reads(expr: &Expr, f: &mut dyn FnMut(VarId)) {
    match &*expr.kind {
        ExprKind::Var(id) | ExprKind::Tolerant(id) | ExprKind::Status { step: id, .. } => f(*id),
        _ => {}
    }
    each(expr, &mut |child| reads(child, f));
}
