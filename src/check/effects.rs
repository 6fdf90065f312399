//! What steps do to the world: effects of callees over the caller's variables, and errors that get out.

use super::closed::children_mut;
use super::hir::{Effect, ErrorKind, Param};
use super::relate::join;
use super::walk::reads;
use crate::expr::{Expr, ExprKind, VarId};
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use crate::types::Type;
use crate::value::Value;
use indexmap::IndexMap;
use std::collections::HashSet;
use std::sync::Arc;

/// More different effects than this are told by their kind alone.
const MAX_EFFECTS: usize = 64;

/// What comes out of a step, a body or a plan besides its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// Errors beyond the ambient ones, with the type of their details.
    pub(super) throws: IndexMap<Arc<str>, Type>,
    pub(super) effects: Vec<Effect>,
    /// Whether running it again could act twice.
    pub(super) acts_twice: bool,
    /// A call that writes and is not compensated.
    pub(super) writes: Option<Span>,
}

impl Content {
    pub(super) fn throw(&mut self, kind: &Arc<str>, details: &Type) {
        match self.throws.get_mut(kind) {
            Some(known) if known == details => {}
            Some(known) => *known = join(known, details),
            None => {
                self.throws.insert(kind.clone(), details.clone());
            }
        }
    }

    pub(super) fn merge(&mut self, other: Content) {
        for (kind, details) in &other.throws {
            self.throw(kind, details);
        }
        self.effects.extend(other.effects);
        self.acts_twice |= other.acts_twice;
        self.writes = self.writes.or(other.writes);
    }

    /// Forgets what only variables from `first` on say, and repetitions.
    pub(super) fn close(&mut self, first: u32) {
        for effect in &mut self.effects {
            effect.resource = effect.resource.take().and_then(|r| seen_from_outside(r, first));
        }
        let mut seen = HashSet::new();
        self.effects.retain(|e| seen.insert((e.kind, e.resource.as_ref().map(text))));
        if self.effects.len() > MAX_EFFECTS {
            let kinds: HashSet<EffectKind> = self.effects.iter().map(|e| e.kind).collect();
            let mut kinds: Vec<EffectKind> = kinds.into_iter().collect();
            kinds.sort();
            self.effects = kinds.into_iter().map(|kind| Effect { kind, resource: None }).collect();
        }
    }

    pub(super) fn kinds(&self) -> Vec<ErrorKind> {
        self.throws
            .iter()
            .map(|(name, details)| ErrorKind { name: name.clone(), details: details.clone() })
            .collect()
    }
}

/// A resource's name without the variables from `first` on: null stands for each piece of the text that reads one. None where
/// nothing is left.
fn seen_from_outside(mut resource: Expr, first: u32) -> Option<Expr> {
    if !mentions_from(&resource, first) {
        return Some(resource);
    }
    let ExprKind::Interpolate(parts) = &mut *resource.kind else { return None };
    for part in parts.iter_mut().filter(|p| mentions_from(p, first)) {
        *part.kind = ExprKind::Literal(Value::Null);
    }
    Some(resource)
}

/// Whether a resource's name has pieces that are not seen from outside.
pub(super) fn has_unseen(resource: &Expr) -> bool {
    let unseen = |p: &Expr| matches!(&*p.kind, ExprKind::Literal(Value::Null));
    matches!(&*resource.kind, ExprKind::Interpolate(parts) if parts.iter().any(unseen))
}

/// Whether an expression reads a variable with this number or a higher one.
pub(super) fn mentions_from(expr: &Expr, first: u32) -> bool {
    let mut found = false;
    reads(expr, &mut |var| found |= var.0 >= first);
    found
}

/// The resource as a text that is equal for equal resources.
fn text(resource: &Expr) -> String {
    match &*resource.kind {
        ExprKind::Literal(Value::String(s)) => format!("={s}"),
        _ => super::closed::fingerprint(resource),
    }
}

/// The effects of a callee with arguments in place of its parameters.
pub(super) fn instantiate(effects: &[Effect], params: &[Param], args: &[Option<Expr>]) -> Vec<Effect> {
    let one = |effect: &Effect| {
        let resource = effect.resource.clone().map(|mut resource| {
            put(&mut resource, params, args);
            fold(resource)
        });
        Effect { kind: effect.kind, resource }
    };
    effects.iter().map(one).collect()
}

fn put(expr: &mut Expr, params: &[Param], args: &[Option<Expr>]) {
    if let ExprKind::Var(VarId(var)) = &*expr.kind {
        let index = *var as usize;
        let given = args.get(index).and_then(Option::as_ref);
        if let Some(value) = given.or_else(|| params.get(index).and_then(|p| p.default.as_ref())) {
            *expr = value.clone();
        }
        return;
    }
    for child in children_mut(expr) {
        put(child, params, args);
    }
}

/// Joins the constant pieces of a text.
fn fold(mut expr: Expr) -> Expr {
    let ExprKind::Interpolate(parts) = &mut *expr.kind else { return expr };
    let mut out: Vec<Expr> = Vec::new();
    flatten(std::mem::take(parts), &mut out);
    let constant = match out.as_slice() {
        [] => Some(Value::String("".into())),
        [only] => match &*only.kind {
            ExprKind::Literal(Value::String(s)) => Some(Value::String(s.clone())),
            _ => None,
        },
        _ => None,
    };
    *expr.kind = match constant {
        Some(value) => ExprKind::Literal(value),
        None => ExprKind::Interpolate(out),
    };
    expr
}

fn flatten(parts: Vec<Expr>, out: &mut Vec<Expr>) {
    for mut part in parts {
        match &mut *part.kind {
            ExprKind::Interpolate(inner) => flatten(std::mem::take(inner), out),
            ExprKind::Literal(Value::String(s)) => {
                if let Some(last) = out.last_mut()
                    && let ExprKind::Literal(Value::String(before)) = &mut *last.kind
                {
                    *before = format!("{before}{s}").into();
                    continue;
                }
                out.push(part);
            }
            _ => out.push(part),
        }
    }
}
