//! Walking closed expressions.

use crate::expr::{Expr, ExprKind, Key};
use crate::source::Span;
use crate::types::Type;
use crate::value::Value;
use std::fmt::Write as _;

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
    let mut out = String::with_capacity(64);
    // Writing to a string cannot fail.
    let _ = say(expr, &mut out);
    out
}

/// A word for the node with all that is its own, then its parts in brackets.
fn say(expr: &Expr, out: &mut String) -> std::fmt::Result {
    match &*expr.kind {
        ExprKind::Literal(Value::String(text)) => write!(out, "{text:?}"),
        ExprKind::Literal(Value::Int(n)) => write!(out, "{n}"),
        ExprKind::Literal(value) => out.write_str(&serde_json::to_string(value).unwrap_or_default()),
        ExprKind::Var(id) => write!(out, "v{}", id.0),
        ExprKind::Tolerant(id) => write!(out, "t{}", id.0),
        ExprKind::Status { test, step } => write!(out, "{test:?} {}", step.0),
        ExprKind::Run(field) => write!(out, "run {field:?}"),
        ExprKind::Now => out.write_str("now"),
        ExprKind::Secret(name) => write!(out, "secret {name:?}"),
        ExprKind::Interpolate(_) => out.write_str("text"),
        ExprKind::Member { name, safe, .. } => write!(out, "{safe}.{name:?}"),
        ExprKind::Index { safe, .. } => write!(out, "{safe}[]"),
        ExprKind::List(_) => out.write_str("list"),
        ExprKind::Record(entries) => entries.iter().try_for_each(|(key, _)| match key {
            Key::Text(name) => write!(out, "{name:?}:"),
            Key::Computed(_) => out.write_str("*:"),
        }),
        ExprKind::Not(_) => out.write_str("!"),
        ExprKind::Neg(_) => out.write_str("-"),
        ExprKind::Binary { op, .. } => write!(out, "{op:?}"),
        ExprKind::Cond { .. } => out.write_str("?"),
        ExprKind::Call { function, .. } => write!(out, "call {function:?}"),
        ExprKind::Macro { kind, vars, .. } => write!(out, "{kind:?} {vars:?}"),
        ExprKind::Has { name, .. } => write!(out, "has {name:?}"),
        ExprKind::As { ty, .. } => write!(out, "as {}", serde_json::to_string(ty).unwrap_or_default()),
        ExprKind::Widen(_) => out.write_str("widen"),
    }?;
    out.push('(');
    let mut said = Ok(());
    expr.for_each_child(&mut |child| {
        said = said.and_then(|()| say(child, out));
        out.push(',');
    });
    out.push(')');
    said
}
