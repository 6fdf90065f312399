//! Operators: which types they take, what they give.

use super::closed::node;
use super::cx::Cx;
use super::expect::not_in_union;
use super::relate::{common, is_nothing, join, non_null, nullable, shape};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{BinaryOp, Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::{self, UnaryOp};
use crate::types::Type;
use crate::value::Value;
use std::sync::Arc;

/// Whether it is checked when it runs.
pub(super) fn dynamic(ty: &Type) -> bool {
    matches!(shape(ty), Type::Json | Type::Error) || is_nothing(ty)
}

impl Cx<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, span: Span, operand: &ast::Expr) -> Expr {
        match op {
            UnaryOp::Not => {
                let e = self.truth(operand, "!");
                node(ExprKind::Not(e), span, Type::Bool)
            }
            UnaryOp::Neg => {
                let e = self.operand(operand, "-");
                let ty = match shape(&e.ty) {
                    Type::Int => Type::Int,
                    Type::Float => Type::Float,
                    Type::Duration => Type::Duration,
                    _ if matches!(e.ty, Type::Error) => Type::Error,
                    _ if dynamic(&e.ty) => Type::Json,
                    _ => {
                        let d = Diagnostic::new(
                            Code::OperatorType,
                            span,
                            format!("`-` does not take `{}`", e.ty),
                        );
                        self.report(d.label("it takes a number"));
                        Type::Error
                    }
                };
                node(ExprKind::Neg(e), span, ty)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<&Type>,
    ) -> Expr {
        match op {
            BinaryOp::Coalesce => self.coalesce(span, left, right, want),
            BinaryOp::Or | BinaryOp::And => self.logic(op, span, left, right),
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op, op_span, span, left, right),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                self.order(op, op_span, span, left, right)
            }
            BinaryOp::In => self.within(op_span, span, left, right),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                self.arithmetic(op, op_span, span, left, right, want)
            }
        }
    }

    /// A part of an operation that null cannot take part in.
    pub(super) fn operand(&mut self, expr: &ast::Expr, op: &str) -> Expr {
        let e = self.go(expr, None);
        self.not_nullable(e, op)
    }

    fn not_nullable(&mut self, mut e: Expr, op: &str) -> Expr {
        if nullable(&e.ty) {
            let d = self.maybe_null(&e, &format!("`{op}` does not take null"));
            let default = match shape(&non_null(&e.ty)) {
                Type::String => Some("\"\""),
                Type::Int => Some("0"),
                Type::Float => Some("0.0"),
                Type::Bool => Some("false"),
                Type::List(_) => Some("[]"),
                _ => None,
            };
            let d = match default {
                Some(default) => d.unsafe_fix(
                    format!("use `{default}` where it is null"),
                    vec![Edit::before(e.span, "("), Edit::after(e.span, format!(" ?? {default})"))],
                ),
                None => d,
            };
            self.report(d);
            e.ty = if matches!(shape(&e.ty), Type::Null) { Type::Error } else { non_null(&e.ty) };
        }
        e
    }

    fn truth(&mut self, expr: &ast::Expr, op: &str) -> Expr {
        let e = self.operand(expr, op);
        if !dynamic(&e.ty) && !matches!(shape(&e.ty), Type::Bool) {
            let d =
                Diagnostic::new(Code::OperatorType, e.span, format!("`{op}` takes `bool`, not `{}`", e.ty))
                    .label(format!("this is `{}`", e.ty));
            let d = match shape(&e.ty) {
                Type::String | Type::Literals(_) => d.help("compare it: `!= \"\"`"),
                Type::List(_) | Type::Map(_) | Type::Record(_) => d.help("ask for its size: `size(…) > 0`"),
                Type::Int | Type::Float => d.help("compare it: `!= 0`"),
                _ => d,
            };
            self.report(d);
        }
        e
    }

    fn logic(&mut self, op: BinaryOp, span: Span, left: &ast::Expr, right: &ast::Expr) -> Expr {
        let left = self.truth(left, op.symbol());
        let mark = self.assume(&left, op == BinaryOp::And);
        let right = self.truth(right, op.symbol());
        self.forget(mark);
        node(ExprKind::Binary { op, left, right }, span, Type::Bool)
    }

    fn coalesce(&mut self, span: Span, left: &ast::Expr, right: &ast::Expr, want: Option<&Type>) -> Expr {
        let left = self.tolerant(left, want);
        self.needless_default(&left, span);
        let guide = want.cloned().unwrap_or_else(|| non_null(&left.ty));
        let right = self.go(right, Some(&guide));
        let ty = if matches!(shape(&left.ty), Type::Null) {
            right.ty.clone()
        } else {
            join(&non_null(&left.ty), &right.ty)
        };
        let left_want = super::relate::optional(ty.clone());
        let (left, right) = (self.widened(left, &left_want), self.widened(right, &ty));
        node(ExprKind::Binary { op: BinaryOp::Coalesce, left, right }, span, ty)
    }

    fn equality(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
    ) -> Expr {
        let (left, right) = (self.go(left, None), self.go(right, None));
        let null = |e: &Expr| matches!(&*e.kind, ExprKind::Literal(Value::Null));
        if !self.check_union_text(&left, &right)
            && !null(&left)
            && !null(&right)
            && !comparable(&non_null(&left.ty), &non_null(&right.ty))
        {
            let never = if op == BinaryOp::Eq { "never" } else { "always" };
            let message =
                format!("`{}` is {never} true between `{}` and `{}`", op.symbol(), left.ty, right.ty);
            let d = Diagnostic::new(Code::OperatorType, op_span, message)
                .also(left.span, format!("this is `{}`", left.ty))
                .also(right.span, format!("this is `{}`", right.ty));
            self.report(d);
        }
        node(ExprKind::Binary { op, left, right }, span, Type::Bool)
    }

    /// Whether one side is a union and the other a text that is no member of it (reported).
    fn check_union_text(&mut self, left: &Expr, right: &Expr) -> bool {
        for (union, text) in [(left, right), (right, left)] {
            // An empty text asks whether it is set at all: no slip of the pen.
            if let (Type::Literals(of), ExprKind::Literal(Value::String(value))) =
                (shape(&non_null(&union.ty)), &*text.kind)
                && !of.contains(value)
                && !value.is_empty()
            {
                self.report(not_in_union(value, of, text.span, Code::TypeMismatch));
                return true;
            }
        }
        false
    }

    fn order(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
    ) -> Expr {
        let (left, right) = (self.operand(left, op.symbol()), self.operand(right, op.symbol()));
        let class = |ty: &Type| match shape(ty) {
            Type::Int | Type::Float => Some(1),
            Type::String | Type::Literals(_) => Some(2),
            Type::Bool => Some(3),
            Type::Timestamp => Some(4),
            Type::Duration => Some(5),
            Type::Bytes => Some(6),
            other if dynamic(other) => Some(0),
            _ => None,
        };
        match (class(&left.ty), class(&right.ty)) {
            (Some(0), Some(_)) | (Some(_), Some(0)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => self.bad_operands(op, op_span, &left, &right),
        }
        node(ExprKind::Binary { op, left, right }, span, Type::Bool)
    }

    fn within(&mut self, op_span: Span, span: Span, left: &ast::Expr, right: &ast::Expr) -> Expr {
        let left = self.go(left, None);
        let right = self.operand(right, "in");
        match shape(&right.ty).clone() {
            Type::List(elem) => {
                let mut reported = false;
                if let ExprKind::List(items) = &*right.kind {
                    for item in items {
                        reported |= self.check_union_text(&left, item);
                    }
                }
                if !reported
                    && !common(&non_null(&left.ty), &non_null(&elem))
                    && !matches!(left.ty, Type::Null)
                {
                    self.bad_operands(BinaryOp::In, op_span, &left, &right);
                }
            }
            Type::Map(_) | Type::Record(_) => {
                if !common(&non_null(&left.ty), &Type::String) {
                    self.bad_operands(BinaryOp::In, op_span, &left, &right);
                }
            }
            Type::String | Type::Literals(_) => {
                let d = Diagnostic::new(Code::OperatorType, op_span, "`in` does not look into a `string`")
                    .also(right.span, "this is `string`")
                    .help("write `text.contains(part)`");
                self.report(d);
            }
            other if dynamic(&other) => {}
            _ => self.bad_operands(BinaryOp::In, op_span, &left, &right),
        }
        node(ExprKind::Binary { op: BinaryOp::In, left, right }, span, Type::Bool)
    }

    fn arithmetic(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<&Type>,
    ) -> Expr {
        let list = want.filter(|w| op == BinaryOp::Add && matches!(shape(w), Type::List(_)));
        let left = self.go(left, list);
        let left = self.not_nullable(left, op.symbol());
        let right = self.go(right, list);
        let right = self.not_nullable(right, op.symbol());
        let Some(ty) = result(op, &left.ty, &right.ty) else {
            self.bad_operands(op, op_span, &left, &right);
            return node(ExprKind::Binary { op, left, right }, span, Type::Error);
        };
        let (left, right) = match &ty {
            Type::Float | Type::List(_) => (self.widened(left, &ty), self.widened(right, &ty)),
            _ => (left, right),
        };
        node(ExprKind::Binary { op, left, right }, span, ty)
    }

    fn bad_operands(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr) {
        let message = format!("`{}` does not take `{}` and `{}`", op.symbol(), left.ty, right.ty);
        let mut d = Diagnostic::new(Code::OperatorType, op_span, message)
            .also(left.span, format!("this is `{}`", left.ty))
            .also(right.span, format!("this is `{}`", right.ty));
        let text = |e: &Expr| matches!(shape(&e.ty), Type::String | Type::Literals(_));
        let list = |e: &Expr| matches!(shape(&e.ty), Type::List(_));
        if op == BinaryOp::Add && text(left) != text(right) {
            let other = if text(left) { right } else { left };
            if matches!(
                shape(&other.ty),
                Type::Int | Type::Float | Type::Bool | Type::Timestamp | Type::Duration
            ) {
                d = d.fix(
                    "turn it into a text with `string(…)`",
                    vec![Edit::before(other.span, "string("), Edit::after(other.span, ")")],
                );
            } else {
                d = d.help("put it into the text with `${…}`");
            }
        } else if op == BinaryOp::Add && list(left) != list(right) {
            let other = if list(left) { right } else { left };
            d = d.unsafe_fix(
                "add it as an element",
                vec![Edit::before(other.span, "["), Edit::after(other.span, "]")],
            );
        }
        self.report(d);
    }
}

/// What an arithmetic operator gives; `None` where it does not take the types.
fn result(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    let (l, r) = (shape(left), shape(right));
    if matches!(l, Type::Error) || matches!(r, Type::Error) {
        return Some(Type::Error);
    }
    let (dl, dr) = (dynamic(l), dynamic(r));
    if dl || dr {
        let other = if dl { r } else { l };
        return (dl && dr || arithmetical(other)).then_some(Type::Json);
    }
    Some(match (op, l, r) {
        (_, Type::Int, Type::Int) => Type::Int,
        (BinaryOp::Rem, _, _) => return None,
        (_, Type::Int | Type::Float, Type::Int | Type::Float) => Type::Float,
        (BinaryOp::Add, Type::String | Type::Literals(_), Type::String | Type::Literals(_)) => Type::String,
        (BinaryOp::Add, Type::Bytes, Type::Bytes) => Type::Bytes,
        (BinaryOp::Add, Type::List(a), Type::List(b)) => Type::List(Arc::new(join(a, b))),
        (BinaryOp::Add, Type::Timestamp, Type::Duration)
        | (BinaryOp::Add, Type::Duration, Type::Timestamp) => Type::Timestamp,
        (BinaryOp::Sub, Type::Timestamp, Type::Duration) => Type::Timestamp,
        (BinaryOp::Sub, Type::Timestamp, Type::Timestamp) => Type::Duration,
        (BinaryOp::Add | BinaryOp::Sub, Type::Duration, Type::Duration) => Type::Duration,
        _ => return None,
    })
}

/// Whether a comparison of the two is worth making. Records may differ in what they hold, as CEL's maps may.
fn comparable(left: &Type, right: &Type) -> bool {
    let map = |ty: &Type| matches!(shape(ty), Type::Record(_) | Type::Map(_));
    map(left) && map(right) || common(left, right)
}

fn arithmetical(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Int
            | Type::Float
            | Type::String
            | Type::Literals(_)
            | Type::Bytes
            | Type::List(_)
            | Type::Timestamp
            | Type::Duration
    )
}
