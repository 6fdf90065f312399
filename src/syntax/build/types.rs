//! Types.

use super::{Builder, Cursor, P, Rule};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::syntax::ast::{LabelWord, Param, Type, TypeKind};

impl Builder<'_> {
    pub(in crate::syntax) fn type_expr(&mut self, pair: P<'_>) -> Type {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        let mut labels = Vec::new();
        while let Some(label) = c.eat(Rule::label) {
            let word = match self.word(&label) {
                "trusted" => LabelWord::Trusted,
                "untrusted" => LabelWord::Untrusted,
                "public" => LabelWord::Public,
                "private" => LabelWord::Private,
                _ => LabelWord::Secret,
            };
            labels.push((word, self.span(&label)));
        }
        let mut members = Vec::with_capacity(1);
        let mut predicate = None;
        while let Some(child) = c.next() {
            match child.as_rule() {
                Rule::type_member => members.push(self.type_member(child)),
                Rule::expr => predicate = Some(self.expr(child).0),
                _ => {}
            }
        }
        let inner = members.first().map_or(span, |m| m.span);
        let mut ty = if members.len() == 1 {
            members.swap_remove(0)
        } else {
            let span = members.last().map_or(inner, |m| inner.to(m.span));
            Type { kind: TypeKind::Union(members), span }
        };
        if let Some(predicate) = predicate {
            let span = ty.span.to(span.tail());
            ty = Type { kind: TypeKind::Where { base: Box::new(ty), predicate: Box::new(predicate) }, span };
        }
        if labels.is_empty() {
            ty
        } else {
            Type { kind: TypeKind::Labelled { labels, inner: Box::new(ty) }, span }
        }
    }

    fn type_member(&mut self, pair: P<'_>) -> Type {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        let Some(atom) = c.next() else { return Type { kind: TypeKind::Error, span } };
        let atom = self.type_atom(atom);
        if c.eat(Rule::p_question).is_none() {
            return atom;
        }
        let mut extra = None;
        while let Some(more) = c.eat(Rule::p_question) {
            let more = self.span(&more);
            extra = Some(extra.map_or(more, |e: crate::source::Span| e.to(more)));
        }
        if let Some(extra) = extra {
            let d = Diagnostic::new(Code::Syntax, extra, "a type is optional once")
                .fix("remove the second `?`", vec![Edit::delete(extra)]);
            self.report(d);
        }
        Type { kind: TypeKind::Optional(Box::new(atom)), span }
    }

    /// One of the alternatives of `type_atom`.
    pub(super) fn type_atom(&mut self, pair: P<'_>) -> Type {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let kind = match rule {
            Rule::type_name => TypeKind::Name(self.path(&pair)),
            Rule::lit_null => TypeKind::Null,
            Rule::type_list | Rule::type_map | Rule::type_paren => {
                let inner = Cursor::new(pair).find(Rule::type_expr).map(|p| self.type_expr(p));
                let inner = Box::new(inner.unwrap_or(Type { kind: TypeKind::Error, span }));
                match rule {
                    Rule::type_list => TypeKind::List(inner),
                    Rule::type_map => TypeKind::Map(inner),
                    _ => TypeKind::Paren(inner),
                }
            }
            Rule::type_record => TypeKind::Record(self.params(pair)),
            Rule::hole => TypeKind::Error,
            _ => TypeKind::Literal(self.plain_text(pair)),
        };
        Type { kind, span }
    }

    /// The `param`s among the children of a pair.
    pub(super) fn params(&mut self, pair: P<'_>) -> Vec<Param> {
        let params = pair.into_inner().filter(|p| p.as_rule() == Rule::param);
        params.filter_map(|p| self.param(p)).collect()
    }

    fn param(&mut self, pair: P<'_>) -> Option<Param> {
        let span = self.span(&pair);
        let lead = self.lead(span.start);
        let mut c = Cursor::new(pair);
        let name = c.next()?;
        let name = self.name_or_text(name);
        let optional = c.eat(Rule::p_question).is_some();
        let ty = c.find(Rule::type_expr).map(|p| self.type_expr(p))?;
        let default = c.find(Rule::expr).map(|p| self.expr(p).0);
        Some(Param { lead, name, optional, ty, default, span })
    }
}
