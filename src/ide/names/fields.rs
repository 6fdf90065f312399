//! Where a field is declared: types are followed as they are written.

use super::super::scope::Scope;
use super::super::walk::{self, Node};
use crate::source::Span;
use crate::syntax::ast::{Action, Expr, ExprKind, Item, Param, Stmt, StmtKind, Type, TypeKind};
use std::collections::HashMap;

/// Longer chains of fields and `let`s are not followed.
const DEPTH: u32 = 24;

/// What a variable is declared as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Typed(&'a Type),
    Step(&'a Action),
    Let(&'a Expr),
    /// An element of this list.
    Element(&'a Expr),
}

/// The variables of a file by the place of their names.
pub(crate) fn sources(items: &[Item]) -> HashMap<Span, Source<'_>> {
    let mut out = HashMap::new();
    walk::file(items, &mut |node| {
        match node {
            Node::Param(p) => drop(out.insert(p.name.span, Source::Typed(&p.ty))),
            Node::Stmt(Stmt { kind: StmtKind::Step(step), .. }) => {
                out.insert(step.name.span, Source::Step(&step.action));
            }
            Node::Stmt(Stmt { kind: StmtKind::Let { name, value }, .. }) => {
                out.insert(name.span, Source::Let(value));
            }
            Node::Action(Action::For(f)) => drop(out.insert(f.item.span, Source::Element(&f.list))),
            Node::Action(Action::Loop(l)) => {
                let source = l.ty.as_ref().map_or(Source::Let(&l.init), Source::Typed);
                out.insert(l.var.span, source);
            }
            _ => {}
        }
        !matches!(node, Node::Expr(_))
    });
    out
}

/// What is known of a file.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a, 'm> {
    pub(crate) scope: Scope<'a>,
    /// The place of a variable by the place of a mention.
    pub(crate) vars: &'m HashMap<Span, Span>,
    pub(crate) sources: &'m HashMap<Span, Source<'a>>,
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
        match *self.sources.get(&place)? {
            Source::Typed(ty) => Some(Written { ty, scope: Some(self.scope) }),
            Source::Step(action) => self.result(action),
            Source::Let(value) => self.written(value, depth + 1),
            Source::Element(list) => element(self.written(list, depth + 1)?, depth),
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
