//! Where a field is declared: types are followed as they are written.

use super::super::scope::{Scope, items_of};
use super::super::walk::{self, Node};
use crate::source::Span;
use crate::syntax::ast::{Action, Expr, ExprKind, Param, Stmt, StmtKind, Type, TypeKind};
use std::collections::HashMap;

/// Longer chains of fields and `let`s are not followed.
const DEPTH: u32 = 24;

/// What is known of a file.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a, 'm> {
    pub(crate) scope: Scope<'a>,
    /// The place of a variable by the place of a mention.
    pub(crate) vars: &'m HashMap<Span, Span>,
}

/// A type as written, in the file whose names it uses; none for the standard files, which name only basic ones.
#[derive(Clone, Copy)]
struct Written<'a> {
    ty: &'a Type,
    scope: Option<Scope<'a>>,
}

/// The declaration of the field `name` of a value.
pub(crate) fn field(lookup: &Lookup<'_, '_>, base: &Expr, name: &str) -> Option<Span> {
    let written = lookup.written(base, 0)?;
    record_field(written, name, 0).map(|(p, _)| p.name.span)
}

fn record_field<'a>(written: Written<'a>, name: &str, depth: u32) -> Option<(&'a Param, Option<Scope<'a>>)> {
    let bare = bare(written, depth)?;
    match &bare.ty.kind {
        TypeKind::Record(fields) => Some((fields.iter().find(|p| &*p.name.name == name)?, bare.scope)),
        _ => None,
    }
}

/// The type without names, labels and `?` around it.
fn bare(written: Written<'_>, depth: u32) -> Option<Written<'_>> {
    if depth > DEPTH {
        return None;
    }
    let inner = |ty| bare(Written { ty, ..written }, depth + 1);
    match &written.ty.kind {
        TypeKind::Optional(t) | TypeKind::Paren(t) => inner(t),
        TypeKind::Where { base, .. } => inner(base),
        TypeKind::Labelled { inner: t, .. } => inner(t),
        TypeKind::Name(path) => {
            let scope = written.scope?;
            match scope.type_decl(&path.name) {
                Some(decl) => {
                    let scope = Scope::of(scope.project, decl.name.span.source);
                    bare(Written { ty: &decl.ty, scope }, depth + 1)
                }
                None => Some(written),
            }
        }
        TypeKind::List(_)
        | TypeKind::Map(_)
        | TypeKind::Record(_)
        | TypeKind::Literal(_)
        | TypeKind::Null
        | TypeKind::Union(_)
        | TypeKind::Error => Some(written),
    }
}

impl<'a> Lookup<'a, '_> {
    fn written(&self, e: &Expr, depth: u32) -> Option<Written<'a>> {
        if depth > DEPTH {
            return None;
        }
        match &*e.kind {
            ExprKind::Name(_) => self.variable(*self.vars.get(&e.span)?, depth),
            ExprKind::Paren(inner) => self.written(inner, depth + 1),
            ExprKind::Member { base, name, .. } => {
                let (param, scope) = record_field(self.written(base, depth + 1)?, &name.name, depth)?;
                Some(Written { ty: &param.ty, scope })
            }
            ExprKind::Index { base, .. } => element(self.written(base, depth + 1)?, depth),
            _ => None,
        }
    }

    /// The type of a variable, as its declaration says.
    fn variable(&self, place: Span, depth: u32) -> Option<Written<'a>> {
        let scope = Some(self.scope);
        let mut found = None;
        let mut deeper: Option<(&'a Expr, bool)> = None;
        walk::file(items_of(self.scope.project, place.source), &mut |node| {
            if !node.span().contains(place) {
                return false;
            }
            match node {
                Node::Param(p) if p.name.span == place => found = Some(Written { ty: &p.ty, scope }),
                Node::Stmt(Stmt { kind: StmtKind::Step(step), .. }) if step.name.span == place => {
                    found = self.result(&step.action);
                }
                Node::Stmt(Stmt { kind: StmtKind::Let { name, value }, .. }) if name.span == place => {
                    deeper = Some((value, false));
                }
                Node::Action(Action::For(f)) if f.item.span == place => deeper = Some((&f.list, true)),
                Node::Action(Action::Loop(l)) if l.var.span == place => {
                    found = l.ty.as_ref().map(|ty| Written { ty, scope });
                }
                _ => {}
            }
            found.is_none() && deeper.is_none()
        });
        match deeper {
            Some((value, false)) => self.written(value, depth + 1),
            Some((list, true)) => element(self.written(list, depth + 1)?, depth),
            None => found,
        }
    }

    /// The type of what a call gives.
    fn result(&self, action: &'a Action) -> Option<Written<'a>> {
        let Action::Call(call) = action else { return None };
        let callee = self.scope.callee(&call.callee.name)?;
        let output = callee.output()?;
        let scope = Scope::of(self.scope.project, callee.place().source);
        // A type parameter stands for what the call says.
        let written = bare(Written { ty: output, scope }, 0)?;
        if let (TypeKind::Name(path), super::Callee::Skill(skill)) = (&written.ty.kind, callee)
            && let Some(index) = skill.type_params.iter().position(|p| p.name == path.name)
        {
            return call.type_args.get(index).map(|ty| Written { ty, scope: Some(self.scope) });
        }
        Some(written)
    }
}

/// The type of the elements of a list or map.
fn element(written: Written<'_>, depth: u32) -> Option<Written<'_>> {
    let bare = bare(written, depth)?;
    match &bare.ty.kind {
        TypeKind::List(t) | TypeKind::Map(t) => Some(Written { ty: t, ..bare }),
        _ => None,
    }
}

/// The declared type that a name stands for, for `go to type`.
pub(crate) fn type_place(lookup: &Lookup<'_, '_>, place: Span) -> Option<Span> {
    let written = lookup.variable(place, 0)?;
    let mut ty = written.ty;
    loop {
        match &ty.kind {
            TypeKind::Optional(t) | TypeKind::Paren(t) | TypeKind::List(t) | TypeKind::Map(t) => ty = t,
            TypeKind::Where { base, .. } => ty = base,
            TypeKind::Labelled { inner, .. } => ty = inner,
            TypeKind::Name(path) => return written.scope?.type_decl(&path.name).map(|d| d.name.span),
            TypeKind::Record(_)
            | TypeKind::Literal(_)
            | TypeKind::Null
            | TypeKind::Union(_)
            | TypeKind::Error => return None,
        }
    }
}
