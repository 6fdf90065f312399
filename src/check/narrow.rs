//! What is known at a place: which values are not null, which steps have a value.

use super::closed::fingerprint;
use super::cx::Cx;
use super::relate::nullable;
use crate::expr::{BinaryOp, Expr, ExprKind, StatusTest, VarId};
use crate::types::{RecordType, Type};
use crate::value::Value;
use std::sync::Arc;

/// Whether a step or `let` may have no value.
#[derive(Clone, Debug, Default)]
pub(crate) enum MayMiss {
    #[default]
    No,
    /// It may be skipped, or fail under `continue`.
    Yes,
    /// Only its `when` decides: where the same condition is known to hold it has a value.
    When(Expr),
}

/// Something known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// The value at a path of fields is not null.
    NotNull(VarId, Vec<Arc<str>>),
    /// The step has a value.
    HasValue(VarId),
    /// A condition holds.
    Holds(String),
}

/// The facts known before [`Cx::assume`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Mark(usize);

impl Cx<'_> {
    /// Takes a condition for true or false until [`Cx::forget`].
    pub(crate) fn assume(&mut self, cond: &Expr, truth: bool) -> Mark {
        let mark = Mark(self.facts.len());
        self.learn(cond, truth);
        mark
    }

    /// Forgets what was assumed since the mark.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.facts.truncate(mark.0);
    }

    /// Says whether a step or `let` may have no value.
    pub(crate) fn set_missing(&mut self, var: VarId, may_miss: MayMiss) {
        self.conditional |= matches!(may_miss, MayMiss::When(_));
        self.missing.insert(var, may_miss);
    }

    /// Whether a step or `let` may have no value here.
    pub(crate) fn may_miss(&self, var: VarId) -> bool {
        if self.facts.contains(&Fact::HasValue(var)) {
            return false;
        }
        match self.missing.get(&var) {
            None | Some(MayMiss::No) => false,
            Some(MayMiss::Yes) => true,
            Some(MayMiss::When(cond)) => !self.holds(cond),
        }
    }

    fn holds(&self, cond: &Expr) -> bool {
        match &*cond.kind {
            ExprKind::Binary { op: BinaryOp::And, left, right } => self.holds(left) && self.holds(right),
            _ => self.facts.contains(&Fact::Holds(fingerprint(cond))),
        }
    }

    /// The type of a value at a path, null taken away where it is known not to be null.
    pub(super) fn narrowed(&self, expr: &Expr) -> Type {
        if nullable(&expr.ty)
            && let Some((var, path)) = path_of(expr)
            && self.facts.contains(&Fact::NotNull(var, path))
        {
            return super::relate::non_null(&expr.ty);
        }
        expr.ty.clone()
    }

    fn learn(&mut self, cond: &Expr, truth: bool) {
        if truth && self.conditional {
            self.facts.push(Fact::Holds(fingerprint(cond)));
        }
        match &*cond.kind {
            ExprKind::Not(inner) => self.learn(inner, !truth),
            ExprKind::Has { base, name } if truth => {
                self.not_null(base);
                if let Some((var, mut path)) = path_of(base) {
                    path.push(name.clone());
                    self.facts.push(Fact::NotNull(var, path));
                }
            }
            ExprKind::Status { test: StatusTest::Succeeded, step } if truth => {
                self.facts.push(Fact::HasValue(*step))
            }
            ExprKind::Binary { op, left, right } => self.learn_binary(*op, left, right, truth),
            _ => {}
        }
    }

    fn learn_binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, truth: bool) {
        match op {
            BinaryOp::And if truth => {
                self.learn(left, true);
                self.learn(right, true);
            }
            BinaryOp::Or if !truth => {
                self.learn(left, false);
                self.learn(right, false);
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                let equal = truth == (op == BinaryOp::Eq);
                for (this, other) in [(left, right), (right, left)] {
                    let other_null = matches!(&*other.kind, ExprKind::Literal(Value::Null));
                    let other_value = !nullable(&other.ty) && !matches!(other.ty, Type::Json | Type::Error);
                    if (other_null && !equal) || (!other_null && other_value && equal) {
                        self.not_null(this);
                    }
                }
            }
            // `x?.ok ?? false` is true only where `x?.ok` is.
            BinaryOp::Coalesce => {
                if let ExprKind::Literal(Value::Bool(default)) = &*right.kind
                    && *default != truth
                {
                    self.not_null(left);
                    self.learn(left, truth);
                }
            }
            BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem => {}
        }
    }

    fn not_null(&mut self, expr: &Expr) {
        match &*expr.kind {
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self.facts.push(Fact::HasValue(*id)),
            // What has a field that is not null is not null itself.
            ExprKind::Member { base, .. } => self.not_null(base),
            ExprKind::Index { base, .. } => self.not_null(base),
            _ => return,
        }
        if let Some((var, path)) = path_of(expr) {
            self.facts.push(Fact::NotNull(var, path));
        }
    }

    /// The path as it was written, for messages: `x.a.b`.
    pub(super) fn path_text(&self, expr: &Expr) -> Option<String> {
        let (var, path) = path_of(expr)?;
        let mut text = if var == crate::expr::IT { "it".to_owned() } else { self.var(var)?.name.to_string() };
        for name in path {
            if !name.starts_with('[') {
                text.push('.');
            }
            text.push_str(&name);
        }
        Some(text)
    }
}

/// A variable and the fields and fixed elements behind it: elements as `[0]`, a key of a map as a field.
fn path_of(expr: &Expr) -> Option<(VarId, Vec<Arc<str>>)> {
    match &*expr.kind {
        ExprKind::Var(id) | ExprKind::Tolerant(id) => Some((*id, Vec::new())),
        ExprKind::Member { base, name, .. } => {
            let (var, mut path) = path_of(base)?;
            path.push(name.clone());
            Some((var, path))
        }
        ExprKind::Index { base, index, .. } => {
            let (var, mut path) = path_of(base)?;
            path.push(match &*index.kind {
                ExprKind::Literal(Value::Int(at)) => format!("[{at}]").into(),
                ExprKind::Literal(Value::String(key)) if !key.starts_with('[') => key.clone(),
                // What an unchanging variable names is the same element each time.
                _ => {
                    let (of, behind) = path_of(index)?;
                    format!("[${}.{}]", of.0, behind.join(".")).into()
                }
            });
            Some((var, path))
        }
        _ => None,
    }
}

/// The type of what is known not to be null at some paths of fields.
pub(super) fn without_null(ty: &Type, path: &[Arc<str>]) -> Type {
    let ty = super::relate::non_null(ty);
    let Some((first, rest)) = path.split_first() else { return ty };
    // A name stays: what is read says its field's own type anyway.
    if let Type::Named { name, ty } = &ty {
        return Type::Named { name: name.clone(), ty: Arc::new(without_null(ty, path)) };
    }
    let Type::Record(record) = &ty else { return ty };
    let mut fields = record.fields.clone();
    if let Some(field) = fields.get_mut(first) {
        field.ty = without_null(&field.ty, rest);
        field.optional = false;
    }
    Type::Record(Arc::new(RecordType { fields }))
}
