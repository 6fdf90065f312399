//! Operators.

use super::super::{BinaryOp, Expr, ExprKind};
use super::{Evaluated, Machine, SECRET, Stop, key_text, wants_bool};
use crate::value::{
    Incomparable, MAX_DURATION_NANOS, SecretPart, Value, compare, equals_counted, timestamp_in_range,
};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Ordering;

impl Machine<'_> {
    /// `a op b op c`: the left spine of any length, without going deeper.
    pub(super) fn chain(&mut self, expr: &Expr) -> Evaluated {
        let mut spine = Vec::new();
        let mut leftmost = expr;
        while let ExprKind::Binary { op, left, right } = leftmost.kind.as_ref() {
            spine.push((leftmost, *op, right));
            leftmost = left;
        }
        let mut result = self.eval(leftmost);
        for (node, op, right) in spine.into_iter().rev() {
            self.at(node, self.cx.work(1))?;
            result = self.link(node, op, result, right);
        }
        result
    }

    fn link(&mut self, node: &Expr, op: BinaryOp, left: Evaluated, right: &Expr) -> Evaluated {
        match op {
            BinaryOp::And => self.absorbing(node, left, right, false),
            BinaryOp::Or => self.absorbing(node, left, right, true),
            BinaryOp::Coalesce => match left? {
                Value::Null => self.eval(right),
                value => Ok(value),
            },
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem => {
                let left = left?;
                let right = self.eval(right)?;
                let result = self.apply(op, &left, &right);
                self.at(node, result)
            }
        }
    }

    /// `&&` and `||`: `decides` on either side decides, whatever error stands on the other.
    fn absorbing(&mut self, node: &Expr, left: Evaluated, right: &Expr, decides: bool) -> Evaluated {
        let word = if decides { "`||`" } else { "`&&`" };
        let as_bool = |machine: &Self, value: Evaluated| match value {
            Ok(Value::Bool(b)) => Ok(b),
            Ok(other) => Err(machine.error(node, wants_bool(&format!("an operand of {word}"), &other))),
            Err(stop) => Err(stop),
        };
        match as_bool(self, left) {
            Ok(b) if b == decides => Ok(Value::Bool(decides)),
            Ok(_) => {
                let right = self.eval(right);
                as_bool(self, right).map(Value::Bool)
            }
            Err(stop) if stop.absorbable() => {
                let right = self.eval(right);
                match as_bool(self, right) {
                    Ok(b) if b == decides => Ok(Value::Bool(decides)),
                    Err(missing @ Stop::Missing { .. }) => Err(missing),
                    Ok(_) | Err(Stop::Error(_)) => Err(stop),
                }
            }
            Err(stop) => Err(stop),
        }
    }

    pub(super) fn not(&mut self, expr: &Expr, inner: &Expr) -> Evaluated {
        match self.eval(inner)? {
            Value::Bool(b) => Ok(Value::Bool(!b)),
            other => Err(self.error(expr, wants_bool("the operand of `!`", &other))),
        }
    }

    pub(super) fn neg(&mut self, expr: &Expr, inner: &Expr) -> Evaluated {
        match self.eval(inner)? {
            Value::Int(n) => n.checked_neg().map(Value::Int).ok_or_else(|| self.error(expr, OVERFLOW)),
            Value::Float(x) => Ok(Value::Float(-x)),
            Value::Duration(d) => {
                let negated = d.checked_neg().ok_or_else(|| OVERFLOW.to_owned()).and_then(duration);
                self.at(expr, negated)
            }
            other => Err(self.error(expr, format!("`-` does not take a {}", other.type_name()))),
        }
    }

    fn apply(&self, op: BinaryOp, left: &Value, right: &Value) -> Result<Value, String> {
        Ok(match op {
            BinaryOp::Eq => Value::Bool(self.equal(left, right)?),
            BinaryOp::Ne => Value::Bool(!self.equal(left, right)?),
            BinaryOp::Lt => Value::Bool(self.order(op, left, right)? == Some(Ordering::Less)),
            BinaryOp::Gt => Value::Bool(self.order(op, left, right)? == Some(Ordering::Greater)),
            BinaryOp::Le => Value::Bool(self.order(op, left, right)?.is_some_and(Ordering::is_le)),
            BinaryOp::Ge => Value::Bool(self.order(op, left, right)?.is_some_and(Ordering::is_ge)),
            BinaryOp::In => Value::Bool(self.contains(left, right)?),
            BinaryOp::Add => self.add(left, right)?,
            BinaryOp::Sub => subtract(left, right)?,
            BinaryOp::Mul => arithmetic(op, left, right, i64::checked_mul, |a, b| a * b)?,
            BinaryOp::Div => {
                nonzero(left, right, "division by zero")?;
                arithmetic(op, left, right, i64::checked_div, |a, b| a / b)?
            }
            BinaryOp::Rem => {
                nonzero(left, right, "remainder of a division by zero")?;
                match (left, right) {
                    (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_rem(*b).ok_or(OVERFLOW)?),
                    _ => return Err(no_operator(op, left, right)),
                }
            }
            // Handled before their right side is evaluated.
            BinaryOp::Coalesce | BinaryOp::Or | BinaryOp::And => return Err(no_operator(op, left, right)),
        })
    }

    pub(super) fn equal(&self, left: &Value, right: &Value) -> Result<bool, String> {
        let mut work = 0;
        let equal = equals_counted(left, right, &mut work).map_err(|_| SECRET.to_owned());
        self.cx.work(work)?;
        equal
    }

    fn order(&self, op: BinaryOp, left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
        compare(left, right).map_err(|reason| match reason {
            Incomparable::Secret => SECRET.to_owned(),
            Incomparable::Types => no_operator(op, left, right),
        })
    }

    fn contains(&self, item: &Value, container: &Value) -> Result<bool, String> {
        match container {
            Value::List(items) => {
                for candidate in items.iter() {
                    if self.equal(item, candidate)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Map(map) => Ok(map.contains_key(&key_text(item)?)),
            _ => Err(no_operator(BinaryOp::In, item, container)),
        }
    }

    fn add(&self, left: &Value, right: &Value) -> Result<Value, String> {
        Ok(match (left, right) {
            (Value::String(a), Value::String(b)) => {
                self.cx.make(a.len() + b.len())?;
                let mut text = String::with_capacity(a.len() + b.len());
                text.push_str(a);
                text.push_str(b);
                Value::String(text.into())
            }
            (Value::Secret(_) | Value::String(_), Value::Secret(_))
            | (Value::Secret(_), Value::String(_)) => join_secret(left, right),
            (Value::List(a), Value::List(b)) => {
                self.cx.make_list(a.len() + b.len())?;
                Value::list(a.iter().chain(b.iter()).cloned().collect())
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.cx.make(a.len() + b.len())?;
                Value::Bytes([a.as_ref(), b.as_ref()].concat().into())
            }
            (Value::Timestamp(t), Value::Duration(d)) | (Value::Duration(d), Value::Timestamp(t)) => {
                Value::Timestamp(timestamp(t.checked_add(*d))?)
            }
            (Value::Duration(a), Value::Duration(b)) => duration(a.checked_add(*b).ok_or(OVERFLOW)?)?,
            _ => arithmetic(BinaryOp::Add, left, right, i64::checked_add, |a, b| a + b)?,
        })
    }
}

const OVERFLOW: &str = "the result is out of range";

fn subtract(left: &Value, right: &Value) -> Result<Value, String> {
    Ok(match (left, right) {
        (Value::Timestamp(a), Value::Timestamp(b)) => duration(a.duration_since(*b))?,
        (Value::Timestamp(t), Value::Duration(d)) => Value::Timestamp(timestamp(t.checked_sub(*d))?),
        (Value::Duration(a), Value::Duration(b)) => duration(a.checked_sub(*b).ok_or(OVERFLOW)?)?,
        _ => arithmetic(BinaryOp::Sub, left, right, i64::checked_sub, |a, b| a - b)?,
    })
}

fn arithmetic(
    op: BinaryOp,
    left: &Value,
    right: &Value,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Result<Value, String> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => ints(*a, *b).map(Value::Int).ok_or_else(|| OVERFLOW.to_owned()),
        _ => match (left.as_number(), right.as_number()) {
            (Some(a), Some(b)) => Ok(Value::Float(floats(a, b))),
            _ => Err(no_operator(op, left, right)),
        },
    }
}

fn nonzero(left: &Value, right: &Value, message: &str) -> Result<(), String> {
    match (left, right) {
        (Value::Int(_), Value::Int(0)) => Err(message.to_owned()),
        _ => Ok(()),
    }
}

fn timestamp(result: Result<Timestamp, jiff::Error>) -> Result<Timestamp, String> {
    result.ok().and_then(timestamp_in_range).ok_or_else(|| "the timestamp is out of range".to_owned())
}

fn duration(d: SignedDuration) -> Result<Value, String> {
    if d.as_nanos().unsigned_abs() > MAX_DURATION_NANOS.unsigned_abs() {
        return Err("the duration is out of range".to_owned());
    }
    Ok(Value::Duration(d))
}

fn join_secret(left: &Value, right: &Value) -> Value {
    let mut parts: Vec<SecretPart> = Vec::new();
    for value in [left, right] {
        match value {
            Value::Secret(more) => parts.extend(more.iter().cloned()),
            Value::String(s) if !s.is_empty() => parts.push(SecretPart::Text(s.clone())),
            _ => {}
        }
    }
    Value::Secret(parts.into())
}

fn no_operator(op: BinaryOp, left: &Value, right: &Value) -> String {
    if matches!(left, Value::Secret(_)) || matches!(right, Value::Secret(_)) {
        return SECRET.to_owned();
    }
    format!("`{}` does not take {} and {}", op.symbol(), left.type_name(), right.type_name())
}

impl BinaryOp {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Coalesce => "??",
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::In => "in",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
        }
    }
}
