//! Reading closed expressions.

use crate::expr::{Expr, ExprKind, VarId};

/// Calls `f` for each variable that is read.
pub(super) fn reads(expr: &Expr, f: &mut dyn FnMut(VarId)) {
    match &*expr.kind {
        ExprKind::Var(id) | ExprKind::Tolerant(id) | ExprKind::Status { step: id, .. } => f(*id),
        _ => {}
    }
    expr.for_each_child(&mut |child| reads(child, f));
}
