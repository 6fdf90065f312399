//! From types as written to types.

use super::cx::{Cx, Def, Ref, Role};
use super::relate::{join, optional, shape};
use super::text::expr_text;
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::Span;
use crate::syntax::ast::{self, LabelWord, Name};
use crate::types::{Field, Labels, Privacy, RecordType, Refinement, Trust, Type};
use indexmap::IndexMap;
use std::sync::Arc;

const BASIC: &[(&str, Type)] = &[
    ("bool", Type::Bool),
    ("int", Type::Int),
    ("float", Type::Float),
    ("string", Type::String),
    ("bytes", Type::Bytes),
    ("timestamp", Type::Timestamp),
    ("duration", Type::Duration),
    ("json", Type::Json),
    ("file", Type::File),
];

/// Names other languages use.
const FOREIGN: &[(&str, &str)] = &[
    ("str", "string"),
    ("text", "string"),
    ("number", "float"),
    ("double", "float"),
    ("integer", "int"),
    ("boolean", "bool"),
    ("any", "json"),
    ("object", "json"),
    ("dict", "map<json>"),
    ("unknown", "json"),
    ("datetime", "timestamp"),
    ("date", "timestamp"),
    ("array", "list<json>"),
    ("list", "list<json>"),
    ("map", "map<json>"),
];

impl Cx<'_> {
    /// The type that is meant, and the labels before it; `params` are the type parameters in scope.
    pub(crate) fn resolve_type(&mut self, ty: &ast::Type, params: &[Name]) -> (Type, Labels) {
        match &ty.kind {
            ast::TypeKind::Labelled { labels, inner } => {
                let outer = self.labels(labels);
                let (inner, more) = self.resolve_type(inner, params);
                let labels =
                    Labels { trust: outer.trust.or(more.trust), privacy: outer.privacy.or(more.privacy) };
                (inner, labels)
            }
            ast::TypeKind::Paren(inner) => self.resolve_type(inner, params),
            // `trusted T where (…)` and `trusted T?`: the labels cover the whole.
            ast::TypeKind::Where { base, predicate } => {
                let (base, labels) = self.resolve_type(base, params);
                (self.refined(base, predicate), labels)
            }
            _ => (self.type_of(ty, params), Labels::default()),
        }
    }

    /// A type inside another: labels stay in it.
    fn inner_type(&mut self, ty: &ast::Type, params: &[Name]) -> Type {
        let (ty, labels) = self.resolve_type(ty, params);
        if labels == Labels::default() { ty } else { Type::Labelled { labels, inner: Arc::new(ty) } }
    }

    fn type_of(&mut self, ty: &ast::Type, params: &[Name]) -> Type {
        if self.depth > 200 {
            self.report(Diagnostic::new(Code::TooDeep, ty.span, "the type is nested too deep"));
            return Type::Error;
        }
        self.depth += 1;
        let resolved = match &ty.kind {
            ast::TypeKind::Name(path) => self.named(path, params),
            ast::TypeKind::List(t) => Type::List(Arc::new(self.inner_type(t, params))),
            ast::TypeKind::Map(t) => Type::Map(Arc::new(self.inner_type(t, params))),
            ast::TypeKind::Record(fields) => self.record_type(fields, params),
            ast::TypeKind::Literal(text) => Type::Literals([text.value.clone()].into()),
            ast::TypeKind::Null => Type::Null,
            ast::TypeKind::Optional(t) => optional(self.inner_type(t, params)),
            ast::TypeKind::Union(members) => self.union(ty.span, members, params),
            ast::TypeKind::Where { .. } | ast::TypeKind::Labelled { .. } | ast::TypeKind::Paren(_) => {
                self.inner_type(ty, params)
            }
            ast::TypeKind::Error => Type::Error,
        };
        self.depth -= 1;
        resolved
    }

    fn named(&mut self, path: &ast::Path, params: &[Name]) -> Type {
        if params.contains(&path.name) {
            return Type::Param(path.name.clone());
        }
        if let Some((_, ty)) = BASIC.iter().find(|(name, _)| *name == &*path.name) {
            return ty.clone();
        }
        if let Some(ty) = self.globals.types.get(&path.name) {
            self.refs.push(Ref { span: path.span, def: Def::Type(path.name.clone()) });
            return ty.clone();
        }
        let name = &path.name;
        let d = Diagnostic::new(Code::UnknownType, path.span, format!("there is no type `{name}`"));
        let known =
            self.globals.types.keys().chain(params).map(|n| &**n).chain(BASIC.iter().map(|(n, _)| *n));
        let foreign =
            FOREIGN.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, ours)| *ours);
        let d = match foreign.or_else(|| nearest(name, known)) {
            Some(near) => d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![Edit::replace(path.span, near)]),
            None => d.help(format!("declare it: `type {name} = …`")),
        };
        self.report(d);
        Type::Error
    }

    fn record_type(&mut self, fields: &[ast::Param], params: &[Name]) -> Type {
        let mut out: IndexMap<Arc<str>, Field> = IndexMap::new();
        let mut seen: IndexMap<Arc<str>, Span> = IndexMap::new();
        for field in fields {
            let (ty, labels) = self.resolve_type(&field.ty, params);
            if let Some(default) = &field.default {
                let d = Diagnostic::new(Code::Syntax, default.span, "a field of a type has no default");
                self.report(d.help("make the field optional, `name?: T`, and read it with `??`"));
            }
            if let Some(before) = seen.insert(field.name.name.clone(), field.name.span) {
                let d = Diagnostic::new(
                    Code::DuplicateName,
                    field.name.span,
                    format!("the field `{}` stands twice", field.name.name),
                );
                self.report(d.also(before, "first here"));
            }
            let docs = field.lead.docs.clone();
            out.insert(field.name.name.clone(), Field { ty, optional: field.optional, labels, docs });
        }
        Type::Record(Arc::new(RecordType { fields: out }))
    }

    fn union(&mut self, span: Span, members: &[ast::Type], params: &[Name]) -> Type {
        let mut literals: Vec<Arc<str>> = Vec::new();
        let (mut null, mut other) = (false, Vec::new());
        for member in members {
            let ty = self.inner_type(member, params);
            if matches!(ty, Type::Error) {
                return Type::Error;
            }
            let inner = super::relate::non_null(&ty);
            null |= super::relate::nullable(&ty);
            match shape(&inner) {
                Type::Literals(of) => {
                    literals.extend(of.iter().filter(|l| !literals.contains(l)).cloned().collect::<Vec<_>>())
                }
                Type::Null => {}
                _ => other.push((member.span, inner)),
            }
        }
        let ty = match other.split_first() {
            None if literals.is_empty() => return Type::Null,
            None => Type::Literals(literals.into()),
            Some(((_, only), [])) if literals.is_empty() => only.clone(),
            Some(((at, first), rest)) => {
                let joined = rest.iter().fold(first.clone(), |acc, (_, ty)| join(&acc, ty));
                let suggestion = if rest.is_empty() && matches!(shape(first), Type::String) {
                    Type::String
                } else {
                    joined
                };
                let d = Diagnostic::new(
                    Code::ForeignSyntax,
                    span,
                    "only string literals and `null` make a union",
                )
                .also(*at, format!("this is `{first}`"))
                .help(format!("write `{suggestion}`, and check the value with `as` where it is used"));
                self.report(d);
                return Type::Error;
            }
        };
        if null { optional(ty) } else { ty }
    }

    fn labels(&mut self, words: &[(LabelWord, Span)]) -> Labels {
        let mut labels = Labels::default();
        for (word, span) in words {
            let twice = match word {
                LabelWord::Trusted => labels.trust.replace(Trust::Trusted).is_some(),
                LabelWord::Untrusted => labels.trust.replace(Trust::Untrusted).is_some(),
                LabelWord::Public => labels.privacy.replace(Privacy::Public).is_some(),
                LabelWord::Private => labels.privacy.replace(Privacy::Private).is_some(),
                LabelWord::Secret => labels.privacy.replace(Privacy::Secret).is_some(),
            };
            if twice {
                let d = Diagnostic::new(
                    Code::DuplicateClause,
                    *span,
                    "a type has one label of trust and one of privacy",
                );
                self.report(d.label("a second one").fix("remove it", vec![Edit::delete(*span)]));
            }
        }
        labels
    }

    fn refined(&mut self, base: Type, predicate: &ast::Expr) -> Type {
        let outer = self.it.replace(base.clone());
        // Only `it` can be seen, not the variables around.
        let scopes = std::mem::take(&mut self.scopes);
        self.enter();
        let facts = std::mem::take(&mut self.facts);
        let before = self.diagnostics.len();
        self.depth += 1;
        let checked = self.expect(predicate, &Type::Bool, Role::Other("a `where`"));
        self.depth -= 1;
        self.scopes = scopes;
        self.facts = facts;
        self.it = outer;
        if self.diagnostics.len() > before || matches!(base, Type::Error) {
            return base;
        }
        let text = expr_text(unparen(predicate)).into();
        Type::Refined { base: Arc::new(base), refinement: Arc::new(Refinement { text, predicate: checked }) }
    }
}

fn unparen(expr: &ast::Expr) -> &ast::Expr {
    match &*expr.kind {
        ast::ExprKind::Paren(inner) => unparen(inner),
        _ => expr,
    }
}
