//! Which variables an expression mentions.

use crate::expr::{Expr, ExprKind, Key, VarId};

/// Calls `found` for every variable that an expression mentions, also several times. Does not recurse.
pub fn reads(expr: &Expr, mut found: impl FnMut(VarId)) {
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        match expr.kind.as_ref() {
            ExprKind::Literal(_) | ExprKind::Run(_) | ExprKind::Now | ExprKind::Secret(_) => {}
            ExprKind::Var(v) | ExprKind::Tolerant(v) | ExprKind::Status { step: v, .. } => found(*v),
            ExprKind::Interpolate(items) | ExprKind::List(items) => todo.extend(items),
            ExprKind::Member { base, .. } | ExprKind::Has { base, .. } => todo.push(base),
            ExprKind::Index { base, index, .. } => todo.extend([base, index]),
            ExprKind::Record(entries) => {
                for (key, value) in entries {
                    if let Key::Computed(key) = key {
                        todo.push(key);
                    }
                    todo.push(value);
                }
            }
            ExprKind::Not(e) | ExprKind::Neg(e) | ExprKind::Widen(e) => todo.push(e),
            ExprKind::As { value, .. } => todo.push(value),
            ExprKind::Binary { left, right, .. } => todo.extend([left, right]),
            ExprKind::Cond { cond, then, otherwise } => todo.extend([cond, then, otherwise]),
            ExprKind::Call { args, .. } => todo.extend(args),
            ExprKind::Macro { target, bodies, .. } => {
                todo.push(target);
                todo.extend(bodies);
            }
        }
    }
}
