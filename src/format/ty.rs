//! Types and parameters.

use super::comments::{Brackets, Printer};
use super::doc::{Doc, cat, group, indent, text};
use super::literal;
use crate::source::Span;
use crate::syntax::ast::{ErrorDecl, ExprKind, LabelWord, Param, Type, TypeKind};

/// How tightly a form binds, loosest first.
const LABELLED: u8 = 1;
const UNION: u8 = 2;
const OPTIONAL: u8 = 3;
const ATOM: u8 = 4;

fn tightness(ty: &Type) -> u8 {
    match &ty.kind {
        TypeKind::Where { .. } => 0,
        TypeKind::Labelled { .. } => LABELLED,
        TypeKind::Union(_) => UNION,
        TypeKind::Optional(_) => OPTIONAL,
        TypeKind::Name(_) | TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Record(_) => ATOM,
        TypeKind::Literal(_) | TypeKind::Null | TypeKind::Paren(_) | TypeKind::Error => ATOM,
    }
}

fn label(word: LabelWord) -> &'static str {
    match word {
        LabelWord::Trusted => "trusted",
        LabelWord::Untrusted => "untrusted",
        LabelWord::Public => "public",
        LabelWord::Private => "private",
        LabelWord::Secret => "secret",
    }
}

impl Printer<'_> {
    pub(super) fn ty(&mut self, ty: &Type) -> Doc {
        let open = self.before(self.start(ty.span));
        let doc = match &ty.kind {
            TypeKind::Name(path) => self.path(path),
            TypeKind::List(inner) | TypeKind::Map(inner) => {
                let word = if matches!(ty.kind, TypeKind::List(_)) { "list" } else { "map" };
                let inner = self.ty(inner);
                cat([text(word), self.wrapped("<", inner, self.close(ty.span), ">")])
            }
            TypeKind::Record(fields) => self.list(Brackets::Curly, ty.span, fields, |f| f.span, Self::param),
            TypeKind::Literal(value) => self.text_literal(value),
            TypeKind::Null => text("null"),
            TypeKind::Optional(inner) => {
                // `??` is an operator.
                let twice = matches!(inner.kind, TypeKind::Optional(_));
                cat([self.member(inner, OPTIONAL), text(if twice { " ?" } else { "?" })])
            }
            TypeKind::Union(members) => self.union(members),
            TypeKind::Where { base, predicate } => {
                let base = self.member(base, LABELLED);
                // The parentheses of `where` may or may not be part of the predicate.
                let whole = self.made_up() || self.close(predicate.span) == self.close(ty.span);
                let doc = self.expr(predicate);
                let predicate = match &*predicate.kind {
                    ExprKind::Paren(_) if whole => doc,
                    _ => self.wrapped("(", doc, self.close(ty.span), ")"),
                };
                cat([base, Doc::Space, text("where"), Doc::Space, predicate])
            }
            TypeKind::Labelled { labels, inner } => {
                let mut docs = Vec::new();
                for (word, span) in labels {
                    docs.extend([self.at(*span, text(label(*word))), Doc::Space]);
                }
                docs.push(self.ty(inner));
                Doc::Concat(docs)
            }
            TypeKind::Paren(inner) => {
                let inner = self.ty(inner);
                self.wrapped("(", inner, self.close(ty.span), ")")
            }
            TypeKind::Error => text("…"),
        };
        cat([open, doc])
    }

    /// A part of a type; a tree that was not read from text may need parentheses.
    fn member(&mut self, ty: &Type, least: u8) -> Doc {
        if !self.made_up() || tightness(ty) >= least {
            return self.ty(ty);
        }
        cat([text("("), self.ty(ty), text(")")])
    }

    fn union(&mut self, members: &[Type]) -> Doc {
        let mut head = Doc::Nil;
        let mut tail = Vec::new();
        for (i, member) in members.iter().enumerate() {
            let comments = self.before(self.start(member.span));
            let doc = self.member(member, OPTIONAL);
            if i == 0 {
                head = cat([comments, doc]);
            } else {
                tail.extend([Doc::Line, comments, text("|"), Doc::Space, doc]);
            }
        }
        group(cat([head, indent(Doc::Concat(tail))]))
    }

    /// The type after `as`.
    pub(super) fn cast_type(&mut self, ty: &Type) -> Doc {
        self.member(ty, ATOM)
    }

    /// `<T, U>`, nothing where there are none.
    pub(super) fn type_args(&mut self, types: &[Type]) -> Doc {
        let Some(place) = angle_span(types.iter().map(|ty| ty.span)) else { return Doc::Nil };
        self.list(Brackets::Angle, place, types, |ty| ty.span, Self::ty)
    }

    /// A parameter of a signature or a field of a record type.
    pub(super) fn param(&mut self, param: &Param) -> Doc {
        let lead = self.lead(&param.lead);
        let name = self.at(param.name.span, text(literal::key(&param.name.name)));
        let colon = text(if param.optional { "?:" } else { ":" });
        let comments = self.before(self.start(param.ty.span));
        let ty = self.ty(&param.ty);
        let mut docs = vec![lead, name, colon, Doc::Space, comments, ty];
        if let Some(default) = &param.default {
            docs.extend([Doc::Space, text("="), Doc::Space, self.value(default)]);
        }
        Doc::Concat(docs)
    }

    /// `throws a | b(why: string)`
    pub(super) fn throws(&mut self, errors: &[ErrorDecl]) -> Doc {
        let mut docs = Vec::new();
        for (i, error) in errors.iter().enumerate() {
            let comments = self.before(self.start(error.span));
            let name = self.ident(&error.name);
            let fields = match error.fields.as_slice() {
                [] => Doc::Nil,
                fields => self.list(Brackets::Round, error.span, fields, |f| f.span, Self::param),
            };
            let line = if i > 0 { cat([Doc::Line, comments, text("|")]) } else { comments };
            docs.extend([line, Doc::Space, name, fields]);
        }
        group(cat([text("throws"), indent(Doc::Concat(docs))]))
    }
}

/// The place of `<…>` around some nodes; the tree does not say where it ends, so up to behind the last of them.
pub(super) fn angle_span(mut spans: impl Iterator<Item = Span>) -> Option<Span> {
    let first = spans.next()?;
    let all = spans.fold(first, Span::to);
    Some(Span { end: all.end.saturating_add(1), ..all })
}
