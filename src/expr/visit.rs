//! What an expression reads.

use super::{Expr, ExprKind, Key, StatusTest, VarId};
use crate::source::Span;

/// One mention of a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read {
    pub var: VarId,
    pub kind: ReadKind,
    pub span: Span,
}

/// How a variable is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadKind {
    /// Without a value the reader is skipped.
    Strict,
    /// Null where it is missing.
    Tolerant,
    /// `succeeded(a)` and its like.
    Status(StatusTest),
}

/// Every variable that an expression mentions, in text order, but for the variables of its own macros. A step is waited for
/// whatever the kind of the read.
#[must_use]
pub fn reads(expr: &Expr) -> Vec<Read> {
    let (mut found, mut bound) = (Vec::new(), Vec::new());
    // A stack of our own: a long chain of operators is deep.
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        match expr.kind.as_ref() {
            ExprKind::Var(var) => found.push(Read { var: *var, kind: ReadKind::Strict, span: expr.span }),
            ExprKind::Tolerant(var) => {
                found.push(Read { var: *var, kind: ReadKind::Tolerant, span: expr.span });
            }
            ExprKind::Status { test, step } => {
                found.push(Read { var: *step, kind: ReadKind::Status(*test), span: expr.span });
            }
            ExprKind::Macro { vars, .. } => bound.extend(vars.iter().copied()),
            _ => {}
        }
        let from = stack.len();
        expr.for_each_child(&mut |child| stack.push(child));
        if let Some(children) = stack.get_mut(from..) {
            children.reverse();
        }
    }
    found.retain(|read| !bound.contains(&read.var));
    found
}

impl Expr {
    /// Calls `visit` with each direct part, in text order.
    pub fn for_each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match self.kind.as_ref() {
            ExprKind::Literal(_)
            | ExprKind::Var(_)
            | ExprKind::Tolerant(_)
            | ExprKind::Status { .. }
            | ExprKind::Run(_)
            | ExprKind::Now
            | ExprKind::Secret(_) => {}
            ExprKind::Interpolate(parts) | ExprKind::List(parts) => parts.iter().for_each(visit),
            ExprKind::Member { base, .. } | ExprKind::Has { base, .. } => visit(base),
            ExprKind::Index { base, index, .. } => {
                visit(base);
                visit(index);
            }
            ExprKind::Record(entries) => {
                for (key, value) in entries {
                    if let Key::Computed(key) = key {
                        visit(key);
                    }
                    visit(value);
                }
            }
            ExprKind::Not(inner) | ExprKind::Neg(inner) | ExprKind::Widen(inner) => visit(inner),
            ExprKind::As { value, .. } => visit(value),
            ExprKind::Binary { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::Cond { cond, then, otherwise } => {
                visit(cond);
                visit(then);
                visit(otherwise);
            }
            ExprKind::Call { args, .. } => args.iter().for_each(visit),
            ExprKind::Macro { target, bodies, .. } => {
                visit(target);
                bodies.iter().for_each(visit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BinaryOp, MacroKind};
    use super::*;
    use crate::types::Type;

    fn node(kind: ExprKind) -> Expr {
        Expr { kind: Box::new(kind), span: Span::default(), ty: Type::Error }
    }

    #[test]
    fn reads_in_text_order_without_macro_variables() {
        let var = |n| node(ExprKind::Var(VarId(n)));
        let body = node(ExprKind::Binary { op: BinaryOp::Eq, left: var(7), right: var(2) });
        let map = ExprKind::Macro {
            kind: MacroKind::Map,
            target: var(1),
            vars: vec![VarId(7)],
            bodies: vec![body],
        };
        let status = ExprKind::Status { test: StatusTest::Failed, step: VarId(4) };
        let tolerant = node(ExprKind::Tolerant(VarId(3)));
        let expr = node(ExprKind::List(vec![node(map), tolerant, node(status)]));
        let found: Vec<(u32, ReadKind)> = reads(&expr).iter().map(|read| (read.var.0, read.kind)).collect();
        assert_eq!(
            found,
            [
                (1, ReadKind::Strict),
                (2, ReadKind::Strict),
                (3, ReadKind::Tolerant),
                (4, ReadKind::Status(StatusTest::Failed)),
            ]
        );
    }
}
