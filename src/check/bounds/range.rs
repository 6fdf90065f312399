//! Between which numbers the value of an expression lies, as far as literals, types and sizes say.
//!
//! Numbers are fixed-point with twelve digits, rounded outwards; durations are milliseconds.

use crate::check::hir::Param;
use crate::expr::{BinaryOp, Expr, ExprKind, IT, MacroKind, VarId};
use crate::types::Type;
use crate::value::Value;
use std::collections::HashMap;

/// What one is.
pub(super) const ONE: i128 = 1_000_000_000_000;

/// From, to; `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Range {
    pub(super) low: Option<i128>,
    pub(super) high: Option<i128>,
}

impl Range {
    const ANY: Range = Range { low: None, high: None };

    fn exactly(low: Option<i128>, high: Option<i128>) -> Range {
        Range { low, high }
    }

    fn natural(high: Option<i128>) -> Range {
        Range { low: Some(0), high }
    }

    fn meet(self, other: Range) -> Range {
        let pick = |a: Option<i128>, b: Option<i128>, f: fn(i128, i128) -> i128| match (a, b) {
            (Some(a), Some(b)) => Some(f(a, b)),
            (a, b) => a.or(b),
        };
        Range { low: pick(self.low, other.low, i128::max), high: pick(self.high, other.high, i128::min) }
    }

    fn join(self, other: Range) -> Range {
        Range {
            low: self.low.zip(other.low).map(|(a, b)| a.min(b)),
            high: self.high.zip(other.high).map(|(a, b)| a.max(b)),
        }
    }

    fn plus(self, other: Range) -> Range {
        let add = |a: Option<i128>, b: Option<i128>| a.zip(b).and_then(|(a, b)| a.checked_add(b));
        Range { low: add(self.low, other.low), high: add(self.high, other.high) }
    }

    fn negated(self) -> Range {
        let neg = |n: Option<i128>| n.and_then(i128::checked_neg);
        Range { low: neg(self.high), high: neg(self.low) }
    }

    fn times(self, other: Range) -> Range {
        // Without signs there are many cases; what is counted is never negative.
        let (Some(a), Some(b)) = (self.low, other.low) else { return Range::ANY };
        if a < 0 || b < 0 {
            return Range::ANY;
        }
        let product = |a: i128, b: i128| a.checked_mul(b);
        let low = product(a, b).map(|p| p.div_euclid(ONE)).or(Some(0));
        let high = match (self.high, other.high) {
            (Some(0), _) | (_, Some(0)) => Some(0),
            (a, b) => a.zip(b).and_then(|(a, b)| product(a, b)).and_then(|p| p.checked_add(ONE - 1)),
        };
        Range { low, high: high.map(|p| if p == 0 { 0 } else { p.div_euclid(ONE) }) }
    }

    fn over(self, other: Range) -> Range {
        let (Some(low), Some(divisor)) = (self.low, other.low) else { return Range::ANY };
        if low < 0 || divisor <= 0 {
            return Range::ANY;
        }
        let high =
            self.high.and_then(|h| h.checked_mul(ONE)).map(|h| h.div_euclid(divisor).saturating_add(1));
        Range { low: Some(0), high }
    }
}

/// What is known of the variables that an expression reads.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) values: HashMap<VarId, Range>,
    pub(super) sizes: HashMap<VarId, Range>,
    /// Texts and nulls that are known: what a signature may ask for.
    constants: HashMap<VarId, Value>,
}

impl Facts {
    /// What the arguments of a call say about the parameters of its signature.
    pub(super) fn of_call<'e>(&self, params: &[Param], arg: impl Fn(&str) -> Option<&'e Expr>) -> Facts {
        let mut facts = Facts::default();
        for param in params {
            let Some(value) = arg(&param.name).or(param.default.as_ref()) else { continue };
            facts.values.insert(param.var, self.range(value).meet(type_range(&param.ty, false)));
            facts.sizes.insert(param.var, self.size(value).meet(type_range(&param.ty, true)));
            facts.constants.extend(self.constant(value).map(|known| (param.var, known.clone())));
        }
        facts
    }

    /// A text or null that is known.
    fn constant<'e>(&'e self, e: &'e Expr) -> Option<&'e Value> {
        match &*e.kind {
            ExprKind::Literal(value @ (Value::String(_) | Value::Null)) => Some(value),
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self.constants.get(id),
            ExprKind::Widen(e) => self.constant(e),
            _ => None,
        }
    }

    /// What a condition comes to, where that is known.
    fn decided(&self, cond: &Expr) -> Option<bool> {
        let ExprKind::Binary { op, left, right } = &*cond.kind else { return None };
        let (less, more) = match op {
            BinaryOp::Eq => return Some(self.constant(left)? == self.constant(right)?),
            BinaryOp::Ne => return Some(self.constant(left)? != self.constant(right)?),
            BinaryOp::Lt | BinaryOp::Ge => (self.range(left), self.range(right)),
            BinaryOp::Gt | BinaryOp::Le => (self.range(right), self.range(left)),
            _ => return None,
        };
        // Whether `less < more`, for `<=` and `>=` turned round.
        let below = match (less.high, more.low, less.low, more.high) {
            (Some(high), Some(low), ..) if high < low => true,
            (_, _, Some(low), Some(high)) if low >= high => false,
            _ => return None,
        };
        Some(below == matches!(op, BinaryOp::Lt | BinaryOp::Gt))
    }

    /// Where a number or duration lies.
    pub(super) fn range(&self, e: &Expr) -> Range {
        let own = match &*e.kind {
            ExprKind::Literal(value) => literal(value),
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self.values.get(id).copied().unwrap_or_default(),
            ExprKind::Widen(e) | ExprKind::As { value: e, .. } => self.range(e),
            ExprKind::Neg(e) => self.range(e).negated(),
            ExprKind::Cond { cond, then, otherwise } => match self.decided(cond) {
                Some(true) => self.range(then),
                Some(false) => self.range(otherwise),
                None => self.range(then).join(self.range(otherwise)),
            },
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right),
            ExprKind::Call { function, args } => self.call(function, args),
            _ => Range::ANY,
        };
        own.meet(type_range(&e.ty, false))
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Range {
        match op {
            BinaryOp::Add => self.range(left).plus(self.range(right)),
            BinaryOp::Sub => self.range(left).plus(self.range(right).negated()),
            BinaryOp::Mul => self.range(left).times(self.range(right)),
            BinaryOp::Div => self.range(left).over(self.range(right)),
            BinaryOp::Rem => match self.range(right) {
                Range { low: Some(low), high } if low > 0 => {
                    Range::exactly(high.and_then(i128::checked_neg), high)
                }
                _ => Range::ANY,
            },
            BinaryOp::Coalesce => self.range(left).join(self.range(right)),
            BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In => Range::ANY,
        }
    }

    fn call(&self, function: &str, args: &[Expr]) -> Range {
        match (function, args) {
            ("size", [value]) => self.size(value),
            ("math.least", [a, b]) => {
                let (a, b) = (self.range(a), self.range(b));
                let high = match (a.high, b.high) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                Range { low: a.join(b).low, high }
            }
            ("math.greatest", [a, b]) => {
                let (a, b) = (self.range(a), self.range(b));
                let low = match (a.low, b.low) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
                Range { low, high: a.join(b).high }
            }
            _ => Range::ANY,
        }
    }

    /// How long a list, text or map is.
    pub(super) fn size(&self, e: &Expr) -> Range {
        let n = |n: usize| Some((n as i128).saturating_mul(ONE));
        let own = match &*e.kind {
            ExprKind::Literal(Value::List(items)) => Range::exactly(n(items.len()), n(items.len())),
            ExprKind::Literal(Value::String(text)) => {
                let count = text.chars().count();
                Range::exactly(n(count), n(count))
            }
            ExprKind::Literal(Value::Null) => Range::exactly(Some(0), Some(0)),
            ExprKind::List(items) => Range::exactly(n(items.len()), n(items.len())),
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self.sizes.get(id).copied().unwrap_or_default(),
            ExprKind::As { value: e, .. } | ExprKind::Widen(e) => self.size(e),
            ExprKind::Cond { then, otherwise, .. } => self.size(then).join(self.size(otherwise)),
            ExprKind::Binary { op: BinaryOp::Coalesce, left, right } => {
                self.size(left).join(self.size(right))
            }
            ExprKind::Binary { op: BinaryOp::Add, left, right } => self.size(left).plus(self.size(right)),
            ExprKind::Macro {
                kind: MacroKind::Map | MacroKind::Filter | MacroKind::SortBy, target, ..
            } => Range::natural(self.size(target).high),
            ExprKind::Call { function, args } => match (&**function, args.as_slice()) {
                ("compact" | "distinct" | "sort" | "reverse", [list, ..]) => {
                    Range::natural(self.size(list).high)
                }
                _ => Range::ANY,
            },
            _ => Range::ANY,
        };
        own.meet(type_range(&e.ty, true)).meet(Range::natural(None))
    }
}

fn literal(value: &Value) -> Range {
    match value {
        Value::Int(n) => {
            let n = i128::from(*n).checked_mul(ONE);
            Range::exactly(n, n)
        }
        Value::Float(x) => decimal(*x),
        Value::Duration(d) => {
            let ms = |n: i128| n.checked_mul(ONE);
            let exact = d.as_nanos().rem_euclid(1_000_000) == 0;
            Range::exactly(ms(d.as_millis()), ms(d.as_millis().saturating_add(i128::from(!exact))))
        }
        _ => Range::ANY,
    }
}

/// The shortest decimal of a float, exactly: `0.1` means a tenth.
fn decimal(x: f64) -> Range {
    let text = format!("{}", x.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let (kept, rest) = part.split_at_checked(12).unwrap_or((part, ""));
    let digits = format!("{whole}{kept:0<12}");
    let Ok(low) = digits.parse::<i128>() else { return Range::ANY };
    let high = if rest.is_empty() { Some(low) } else { low.checked_add(1) };
    let range = Range::exactly(Some(low), high);
    if x < 0.0 { range.negated() } else { range }
}

/// What `where` says of a value (`it <= N`), or of its size (`size(it) <= N`).
fn type_range(ty: &Type, size: bool) -> Range {
    match ty {
        Type::Named { ty: inner, .. } | Type::Labelled { inner, .. } | Type::Optional(inner) => {
            type_range(inner, size)
        }
        Type::Refined { base, refinement } => {
            type_range(base, size).meet(predicate(&refinement.predicate, size))
        }
        _ => Range::ANY,
    }
}

fn predicate(e: &Expr, size: bool) -> Range {
    let ExprKind::Binary { op, left, right } = &*e.kind else { return Range::ANY };
    if *op == BinaryOp::And {
        return predicate(left, size).meet(predicate(right, size));
    }
    let (op, limit) = if subject(left, size) {
        (*op, right)
    } else if subject(right, size) {
        (mirrored(*op), left)
    } else {
        return Range::ANY;
    };
    let limit = Facts::default().range(limit);
    match op {
        BinaryOp::Lt | BinaryOp::Le => Range::exactly(None, limit.high),
        BinaryOp::Gt | BinaryOp::Ge => Range::exactly(limit.low, None),
        BinaryOp::Eq => limit,
        _ => Range::ANY,
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        other => other,
    }
}

/// Whether this is `it`, or `size(it)`.
fn subject(e: &Expr, size: bool) -> bool {
    match &*e.kind {
        ExprKind::Var(id) => !size && *id == IT,
        ExprKind::Call { function, args } => {
            size && &**function == "size"
                && matches!(args.as_slice(), [a] if matches!(&*a.kind, ExprKind::Var(id) if *id == IT))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_their_decimals() {
        assert_eq!(decimal(0.1), Range::exactly(Some(ONE / 10), Some(ONE / 10)));
        assert_eq!(decimal(-2.5), Range::exactly(Some(-ONE * 5 / 2), Some(-ONE * 5 / 2)));
        assert_eq!(decimal(1e-13), Range::exactly(Some(0), Some(1)));
        assert_eq!(decimal(1e300), Range::ANY);
        assert_eq!(decimal(f64::NAN), Range::ANY);
        assert_eq!(decimal(f64::INFINITY), Range::ANY);
    }

    #[test]
    fn products_round_outwards_and_do_not_overflow() {
        let n = |n: i128| Range::exactly(Some(n), Some(n));
        assert_eq!(n(3 * ONE).times(n(ONE / 2)), n(3 * ONE / 2));
        assert_eq!(n(1).times(n(1)), Range::exactly(Some(0), Some(1)));
        assert_eq!(n(i128::MAX).times(n(i128::MAX)).high, None);
    }
}
