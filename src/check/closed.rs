//! Walking closed expressions.

use crate::expr::{Expr, ExprKind, Key};
use crate::source::Span;
use crate::types::Type;
use crate::value::Value;

/// A node.
pub(super) fn node(kind: ExprKind, span: Span, ty: Type) -> Expr {
    Expr { kind: Box::new(kind), span, ty }
}

/// A constant.
pub(super) fn constant(value: Value, span: Span, ty: Type) -> Expr {
    node(ExprKind::Literal(value), span, ty)
}

/// What stands for an expression that could not be understood; silent downstream.
pub(super) fn error(span: Span) -> Expr {
    constant(Value::Null, span, Type::Error)
}

/// The direct parts, to be changed.
pub(crate) fn children_mut(expr: &mut Expr) -> Vec<&mut Expr> {
    match &mut *expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Var(_)
        | ExprKind::Tolerant(_)
        | ExprKind::Status { .. }
        | ExprKind::Run(_)
        | ExprKind::Now
        | ExprKind::Secret(_) => Vec::new(),
        ExprKind::Interpolate(parts) | ExprKind::List(parts) => parts.iter_mut().collect(),
        ExprKind::Member { base, .. } | ExprKind::Has { base, .. } => vec![base],
        ExprKind::Index { base, index, .. } => vec![base, index],
        ExprKind::Record(entries) => entries
            .iter_mut()
            .flat_map(|(key, value)| match key {
                Key::Text(_) => vec![value],
                Key::Computed(key) => vec![key, value],
            })
            .collect(),
        ExprKind::Not(e) | ExprKind::Neg(e) | ExprKind::Widen(e) | ExprKind::As { value: e, .. } => vec![e],
        ExprKind::Binary { left, right, .. } => vec![left, right],
        ExprKind::Cond { cond, then, otherwise } => vec![cond, then, otherwise],
        ExprKind::Call { args, .. } => args.iter_mut().collect(),
        ExprKind::Macro { target, bodies, .. } => std::iter::once(target).chain(bodies).collect(),
    }
}

/// A text that two expressions share exactly when they say the same, wherever they stand.
pub(super) fn fingerprint(expr: &Expr) -> String {
    fn clear(expr: &mut Expr) {
        expr.span = Span::default();
        for child in children_mut(expr) {
            clear(child);
        }
    }
    let mut copy = expr.clone();
    clear(&mut copy);
    serde_json::to_string(&copy).unwrap_or_default()
}
