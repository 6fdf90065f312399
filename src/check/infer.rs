//! From `ast::Expr` to closed, typed expressions: literals, names, members, branches.

use super::closed::{constant, error, node};
use super::cx::{Cx, Def, LaterUse, Ref, Role};
use super::relate::{
    common, is_nothing, join, non_null, nothing, nullable, optional, read_type, settle, shape,
};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest, nearest_by_words};
use crate::expr::{Expr, ExprKind, IT, Key, RunField, UNDECLARED, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, Ident, Name};
use crate::types::{Field, RecordType, Type};
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

use super::hir::VarKind;

/// Deeper trees are refused. The parser refuses deeper brackets before.
const MAX_DEPTH: u32 = 300;

impl Cx<'_> {
    /// Types an expression. `want` only guides literals (`[]`, `{}`, `null`, `"a"`); nothing is reported about it.
    pub(crate) fn infer(&mut self, expr: &ast::Expr, want: Option<&Type>) -> Expr {
        let before = self.diagnostics.len();
        let mut checked = self.go(expr, want);
        if self.depth == 0 {
            checked.ty = settle(&checked.ty);
            if self.diagnostics.len() == before {
                self.check_constants(&checked);
            }
        }
        checked
    }

    pub(super) fn go(&mut self, expr: &ast::Expr, want: Option<&Type>) -> Expr {
        if self.depth >= MAX_DEPTH {
            self.report(Diagnostic::new(Code::TooDeep, expr.span, "the expression is nested too deep"));
            return error(expr.span);
        }
        self.depth += 1;
        let checked = self.dispatch(expr, want);
        self.depth -= 1;
        checked
    }

    fn dispatch(&mut self, expr: &ast::Expr, want: Option<&Type>) -> Expr {
        let span = expr.span;
        match &*expr.kind {
            ast::ExprKind::Null => constant(Value::Null, span, Type::Null),
            ast::ExprKind::Bool(b) => constant(Value::Bool(*b), span, Type::Bool),
            ast::ExprKind::Int(i) => constant(Value::Int(*i), span, Type::Int),
            ast::ExprKind::Float(f) => constant(Value::Float(*f), span, Type::Float),
            ast::ExprKind::DurationMs(ms) => {
                constant(Value::Duration(jiff::SignedDuration::from_millis(*ms)), span, Type::Duration)
            }
            ast::ExprKind::Text { value, form } => {
                self.template_text(value, *form, span);
                text(value, span, want)
            }
            ast::ExprKind::Bytes(b) => constant(Value::Bytes(b.clone()), span, Type::Bytes),
            ast::ExprKind::Interpolated { parts, .. } => {
                self.template_parts(parts, span);
                self.interpolated(parts, span)
            }
            ast::ExprKind::Name(name) => self.name(name, span, false),
            ast::ExprKind::Member { base, name, safe } => self.member(expr, base, name, *safe),
            ast::ExprKind::Index { base, index, safe } => self.index(span, base, index, *safe),
            ast::ExprKind::Call { callee, args } => self.call(span, callee, args, want),
            ast::ExprKind::List(items) => self.list(span, items, want),
            ast::ExprKind::Record(entries) => self.record(span, entries, want),
            ast::ExprKind::Unary { op, operand } => self.unary(*op, span, operand),
            ast::ExprKind::Binary { op, op_span, left, right } => {
                self.binary(*op, *op_span, span, left, right, want)
            }
            ast::ExprKind::Cond { cond, then, otherwise } => self.cond(span, cond, then, otherwise, want),
            ast::ExprKind::As { value, ty } => self.cast(span, value, ty),
            ast::ExprKind::Paren(inner) => self.go(inner, want),
            ast::ExprKind::Error => error(span),
        }
    }

    /// An expression read through `?.` or `??`: a step alone may be missing there.
    pub(super) fn tolerant(&mut self, expr: &ast::Expr, want: Option<&Type>) -> Expr {
        match &*expr.kind {
            ast::ExprKind::Paren(inner) => self.tolerant(inner, want),
            ast::ExprKind::Name(name) => self.name(name, expr.span, true),
            _ => self.go(expr, want),
        }
    }

    pub(super) fn name(&mut self, name: &Name, span: Span, tolerant: bool) -> Expr {
        if let Some(ty) = self.it.clone().filter(|_| &**name == "it") {
            return node(ExprKind::Var(IT), span, ty);
        }
        if let Some(id) = self.lookup(name) {
            return self.read(id, span, tolerant);
        }
        if let Some(def_span) = self.later(name) {
            self.later_uses.push(LaterUse { name: name.clone(), use_span: span, def_span });
            return error(span);
        }
        if let Some(value) = type_name(name) {
            return constant(Value::Type(value.into()), span, Type::TypeOf);
        }
        if self.lenient {
            return node(ExprKind::Var(UNDECLARED), span, Type::Json);
        }
        self.unknown_name(name, span);
        error(span)
    }

    /// A read of a variable.
    pub(super) fn read(&mut self, id: VarId, span: Span, tolerant: bool) -> Expr {
        self.refs.push(Ref { span, def: Def::Var(id) });
        let Some(var) = self.var(id) else { return error(span) };
        let (mut ty, kind) = (var.ty.clone(), var.kind);
        let tolerant = tolerant && matches!(kind, VarKind::Step | VarKind::Let);
        if tolerant && self.may_miss(id) {
            ty = optional(ty);
        }
        let kind = if tolerant { ExprKind::Tolerant(id) } else { ExprKind::Var(id) };
        let mut read = node(kind, span, ty);
        read.ty = self.narrowed(&read);
        read
    }

    fn unknown_name(&mut self, name: &Name, span: Span) {
        let mut d = Diagnostic::new(Code::UnknownName, span, format!("`{name}` is not declared"));
        let foreign = match &**name {
            "None" | "nil" | "undefined" | "NULL" | "Null" => Some("null"),
            "True" | "TRUE" => Some("true"),
            "False" | "FALSE" => Some("false"),
            _ => None,
        };
        let dotted = format!("{name}.");
        if let Some(word) = foreign {
            d = d
                .label(format!("this is written `{word}`"))
                .fix(format!("write `{word}`"), vec![Edit::replace(span, word)]);
        } else if &**name == "run" {
            d = Diagnostic::new(Code::UnknownName, span, "`run` is not a value by itself")
                .help("read `run.id`, `run.plan` or `run.started_at`");
        } else if &**name == "it" {
            d = d.help("`it` stands only in a `where` and in the `until` of a loop");
        } else if self.globals.callables.contains(name) {
            d = Diagnostic::new(Code::UnknownName, span, format!("`{name}` is a skill or plan, not a value"))
                .help(format!("call it in a step and mention the step: `step x = {name}(…)`"));
        } else if self.globals.callables.iter().any(|c| c.starts_with(&dotted)) {
            d = Diagnostic::new(
                Code::UnknownName,
                span,
                format!("`{name}` is a family of skills, not a value"),
            )
            .help("call the skill in a step and mention the step");
        } else if let Some(near) = self.nearest_name(name) {
            d = d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(span, near)]);
        } else {
            d = d.label("nothing of this name stands above");
        }
        self.report(d);
    }

    fn interpolated(&mut self, parts: &[ast::TextPart], span: Span) -> Expr {
        let mut pieces = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                ast::TextPart::Text(t) => pieces.push(constant(Value::String(t.clone()), span, Type::String)),
                ast::TextPart::Expr(e) => {
                    let piece = self.go(e, None);
                    self.check_printable(&piece);
                    pieces.push(piece);
                }
            }
        }
        node(ExprKind::Interpolate(pieces), span, Type::String)
    }

    pub(super) fn check_printable(&mut self, piece: &Expr) {
        let ty = non_null(&piece.ty);
        let inner = match shape(&ty) {
            Type::Opaque { base, .. } => shape(base).clone(),
            other => other.clone(),
        };
        if nullable(&piece.ty) {
            let d = self
                .maybe_null(piece, "is printed")
                .fix("print nothing where it is null", super::expect::wrapped(piece, " ?? \"\"", false));
            self.report(d);
        } else if matches!(inner, Type::Bytes | Type::File | Type::TypeOf) {
            let mut d = Diagnostic::new(
                Code::OperatorType,
                piece.span,
                format!("`{inner}` cannot be printed in a text"),
            )
            .label(format!("this is `{}`", piece.ty));
            d = match inner {
                Type::Bytes => d.help("turn it into a text with `string(…)` or `base64.encode(…)`"),
                Type::File => d.help("print its `name`, or read it with a skill"),
                _ => d,
            };
            self.report(d);
        }
    }

    fn list(&mut self, span: Span, items: &[ast::Expr], want: Option<&Type>) -> Expr {
        let elem = want.and_then(|w| match shape(&non_null(w)) {
            Type::List(t) => Some((**t).clone()),
            _ => None,
        });
        let items: Vec<Expr> = items.iter().map(|i| self.go(i, elem.as_ref())).collect();
        let ty = match (items.is_empty(), elem) {
            (true, Some(t)) => t,
            _ => items.iter().fold(nothing(), |acc, i| join(&acc, &i.ty)),
        };
        let items = items.into_iter().map(|i| self.widened(i, &ty)).collect();
        node(ExprKind::List(items), span, Type::List(Arc::new(ty)))
    }

    fn record(&mut self, span: Span, entries: &[ast::Entry], want: Option<&Type>) -> Expr {
        let want = want.map(|w| shape(&non_null(w)).clone());
        let mut seen = IndexMap::new();
        let mut out = Vec::with_capacity(entries.len());
        let mut fields: IndexMap<Arc<str>, Field> = IndexMap::new();
        let mut computed = false;
        for entry in entries {
            let guide = match (&entry.key, &want) {
                (ast::EntryKey::Text(key), Some(Type::Record(r))) => {
                    r.fields.get(&key.value).map(|f| f.ty.clone())
                }
                (_, Some(Type::Map(t))) => Some((**t).clone()),
                _ => None,
            };
            let key = self.key(&entry.key, &mut seen);
            computed |= matches!(key, Key::Computed(_));
            let value = self.go(&entry.value, guide.as_ref());
            let name: Arc<str> = match &key {
                Key::Text(name) => name.clone(),
                Key::Computed(_) => format!("\u{0}{}", out.len()).into(),
            };
            fields.insert(
                name,
                Field { ty: value.ty.clone(), optional: false, labels: Default::default(), docs: None },
            );
            out.push((key, value));
        }
        if !computed {
            return node(ExprKind::Record(out), span, Type::Record(Arc::new(RecordType { fields })));
        }
        let ty = fields.values().fold(nothing(), |acc, f| join(&acc, &f.ty));
        let out = out.into_iter().map(|(k, v)| (k, self.widened(v, &ty))).collect();
        node(ExprKind::Record(out), span, Type::Map(Arc::new(ty)))
    }

    /// The key of an entry; reports one that stands twice, and a computed one that is no text.
    pub(super) fn key(&mut self, key: &ast::EntryKey, seen: &mut IndexMap<Arc<str>, Span>) -> Key {
        match key {
            ast::EntryKey::Text(t) => {
                if let Some(before) = seen.insert(t.value.clone(), t.span) {
                    let d = Diagnostic::new(
                        Code::DuplicateName,
                        t.span,
                        format!("the key `{}` stands twice", t.value),
                    );
                    self.report(d.also(before, "first here"));
                }
                Key::Text(t.value.clone())
            }
            ast::EntryKey::Expr(e) => {
                let checked = self.go(e, None);
                if nullable(&checked.ty) || !common(&checked.ty, &Type::String) {
                    let d = Diagnostic::new(Code::OperatorType, checked.span, "a key is a `string`")
                        .label(format!("this is `{}`", checked.ty))
                        .help("turn it into a text with `string(…)`");
                    self.report(d);
                }
                Key::Computed(checked)
            }
        }
    }

    fn cond(
        &mut self,
        span: Span,
        cond: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        want: Option<&Type>,
    ) -> Expr {
        let cond = self.expect(cond, &Type::Bool, Role::Condition);
        let mark = self.assume(&cond, true);
        let then = self.go(then, want);
        self.forget(mark);
        let mark = self.assume(&cond, false);
        let otherwise = self.go(otherwise, want);
        self.forget(mark);
        let ty = join(&then.ty, &otherwise.ty);
        let (then, otherwise) = (self.widened(then, &ty), self.widened(otherwise, &ty));
        node(ExprKind::Cond { cond, then, otherwise }, span, ty)
    }

    fn cast(&mut self, span: Span, value: &ast::Expr, ty: &ast::Type) -> Expr {
        let (target, _) = self.resolve_type(ty, &[]);
        let value = self.go(value, Some(&target));
        if !common(&value.ty, &target) {
            let mut d =
                Diagnostic::new(Code::ImpossibleCast, span, format!("no `{}` is a `{target}`", value.ty))
                    .label(format!("this is `{}`", value.ty));
            if let Some(function) = super::expect::conversion(&value.ty, &target) {
                d = d.help(format!("convert it with `{function}(…)`"));
            }
            self.report(d);
        }
        node(ExprKind::As { value, ty: target.clone() }, span, target)
    }

    // Members

    fn member(&mut self, whole: &ast::Expr, base: &ast::Expr, name: &Ident, safe: bool) -> Expr {
        let span = whole.span;
        if let Some(run) = self.run_field(base, name, span) {
            return run;
        }
        if self.dotted
            && let Some(id) = self.dotted_name(whole)
        {
            return self.read(id, span, false);
        }
        if let Some(value) = dotted_type_name(whole).filter(|_| self.root_is_free(whole)) {
            return constant(Value::Type(value.into()), span, Type::TypeOf);
        }
        if let Some(path) = self.callable_path(whole) {
            self.refs.push(Ref { span, def: Def::Callable(path.clone()) });
            let d =
                Diagnostic::new(Code::UnknownName, span, format!("`{path}` is a skill or plan, not a value"));
            self.report(d.help(format!("call it in a step and mention the step: `step x = {path}(…)`")));
            return error(span);
        }
        let base = if safe { self.tolerant(base, None) } else { self.go(base, None) };
        self.field(base, name, safe, span)
    }

    fn run_field(&mut self, base: &ast::Expr, name: &Ident, span: Span) -> Option<Expr> {
        let ast::ExprKind::Name(root) = &*base.kind else { return None };
        if &**root != "run" || self.lookup("run").is_some() {
            return None;
        }
        let (field, ty) = match &*name.name {
            "id" => (RunField::Id, Type::String),
            "plan" => (RunField::Plan, Type::String),
            "started_at" => (RunField::StartedAt, Type::Timestamp),
            other => {
                let near = nearest(other, ["id", "plan", "started_at"]);
                self.report(unknown_field_text(name, "`run` has `id`, `plan` and `started_at`", near));
                return Some(error(span));
            }
        };
        Some(node(ExprKind::Run(field), span, ty))
    }

    /// The longest dotted name from the start of a chain that is a variable, if it is the whole chain.
    fn dotted_name(&self, whole: &ast::Expr) -> Option<VarId> {
        let path = path_text(whole)?;
        // A macro's variable hides dotted names.
        let root = path.split('.').next()?;
        if self.lookup(root).and_then(|id| self.var(id)).is_some_and(|v| v.kind == VarKind::Macro) {
            return None;
        }
        self.lookup(&path)
    }

    /// Whether the first name of a chain is no variable.
    pub(super) fn root_is_free(&self, expr: &ast::Expr) -> bool {
        match &*expr.kind {
            ast::ExprKind::Name(name) => self.lookup(name).is_none() && self.later(name).is_none(),
            ast::ExprKind::Member { base, safe: false, .. } => self.root_is_free(base),
            _ => false,
        }
    }

    /// The dotted name of a skill or plan that an expression spells, where no variable hides it.
    pub(super) fn callable_path(&self, expr: &ast::Expr) -> Option<Name> {
        if !self.root_is_free(expr) {
            return None;
        }
        self.globals.callables.get(path_text(expr)?.as_str()).cloned()
    }

    /// A field of a value.
    pub(super) fn field(&mut self, base: Expr, name: &Ident, safe: bool, span: Span) -> Expr {
        if nullable(&base.ty) && !safe {
            let dot = Span { start: name.span.start.saturating_sub(1), end: name.span.start, ..name.span };
            let d = self.maybe_null(&base, &format!("has its `{}` read", name.name));
            self.report(d.fix("read it with `?.`", vec![Edit::replace(dot, "?.")]));
        }
        if safe {
            self.needless_member(&base, name.span);
        }
        let inner = non_null(&base.ty);
        let ty = self.field_type(&base, &inner, name).unwrap_or(Type::Error);
        let ty = if safe { optional(ty) } else { ty };
        // A value does not know its type when it runs: absent fields are read as safely as `?.` reads.
        let safe = safe || may_be_absent(&inner, &name.name);
        let mut member = node(ExprKind::Member { base, name: name.name.clone(), safe }, span, ty);
        member.ty = self.narrowed(&member);
        member
    }

    /// The type of a field; `None` where there is none (reported).
    pub(super) fn field_type(&mut self, base: &Expr, inner: &Type, name: &Ident) -> Option<Type> {
        let known: Vec<&str> = match shape(inner) {
            Type::Error | Type::Null => return Some(Type::Error),
            Type::Json => return Some(Type::Json),
            Type::Param(_) if is_nothing(inner) => return Some(Type::Json),
            Type::Map(t) => return Some((**t).clone()),
            Type::Opaque { base: of, .. } => return self.field_type(base, of, name),
            Type::File => {
                if let Some(ty) = file_field(&name.name) {
                    return Some(ty);
                }
                vec!["name", "size", "mime", "digest"]
            }
            Type::Record(r) => {
                if let Some(field) = r.fields.get(&name.name) {
                    let owner = owner_name(inner);
                    self.refs
                        .push(Ref { span: name.span, def: Def::Field { owner, name: name.name.clone() } });
                    return Some(read_type(field));
                }
                r.fields.keys().map(|k| &**k).collect()
            }
            Type::Bool
            | Type::Int
            | Type::Float
            | Type::String
            | Type::Bytes
            | Type::Timestamp
            | Type::Duration
            | Type::Literals(_)
            | Type::List(_)
            | Type::Optional(_)
            | Type::Refined { .. }
            | Type::Named { .. }
            | Type::Param(_)
            | Type::Labelled { .. }
            | Type::TypeOf => Vec::new(),
        };
        let d = self.unknown_field(base, inner, name, &known);
        self.report(d);
        None
    }

    fn unknown_field(&self, base: &Expr, ty: &Type, name: &Ident, known: &[&str]) -> Diagnostic {
        let field = &name.name;
        let behind = Span { start: base.span.end, ..name.span };
        let step = match &*base.kind {
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self
                .var(*id)
                .filter(|v| matches!(v.kind, VarKind::Step | VarKind::Let))
                .map(|v| v.name.clone()),
            _ => None,
        };
        let d = Diagnostic::new(Code::UnknownField, name.span, format!("`{ty}` has no field `{field}`"));
        if let Some(step) =
            step.filter(|_| matches!(&**field, "output" | "result" | "outputs" | "value" | "results"))
        {
            return d
                .label(format!("`{step}` itself is the value of the step"))
                .fix(format!("remove `.{field}`"), vec![Edit::delete(behind)]);
        }
        if matches!(&**field, "length" | "len" | "size" | "count") && has_size(ty) {
            return d
                .label("the size is asked with a function")
                .fix("write `size(…)`", vec![Edit::before(base.span, "size("), Edit::replace(behind, ")")]);
        }
        if super::functions::exists(field, true) {
            return d
                .label(format!("`{field}` is a function"))
                .fix(format!("call it: `.{field}()`"), vec![Edit::after(name.span, "()")]);
        }
        match nearest(field, known.iter().copied().filter(|_| self.guesses())) {
            Some(near) => d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(name.span, near)]),
            None if known.is_empty() => d.label(format!("`{ty}` has no fields")),
            None => match nearest_by_words(field, known.iter().copied().filter(|_| self.guesses())) {
                Some(near) => d
                    .label(format!("it has {}", quoted(known)))
                    .unsafe_fix(format!("read `{near}`"), vec![Edit::replace(name.span, near)]),
                None => d.label(format!("it has {}", quoted(known))),
            },
        }
    }

    // Elements

    fn index(&mut self, span: Span, base: &ast::Expr, index: &ast::Expr, safe: bool) -> Expr {
        let base = if safe { self.tolerant(base, None) } else { self.go(base, None) };
        let index = self.go(index, None);
        if nullable(&base.ty) && !safe {
            let d = self.maybe_null(&base, "has an element read");
            self.report(d.help("guard it with `!= null`, or read with `[?…]`"));
        }
        let inner = non_null(&base.ty);
        let ty = self.element_type(&base, &inner, &index);
        let ty = if safe { optional(ty) } else { ty };
        let safe =
            safe || matches!(&*index.kind, ExprKind::Literal(Value::String(k)) if may_be_absent(&inner, k));
        let mut element = node(ExprKind::Index { base, index, safe }, span, ty);
        element.ty = self.narrowed(&element);
        element
    }

    fn element_type(&mut self, base: &Expr, inner: &Type, index: &Expr) -> Type {
        let wanted = match shape(inner) {
            Type::Error => return Type::Error,
            Type::Json | Type::Param(_) => return Type::Json,
            Type::Opaque { base: of, .. } => return self.element_type(base, of, index),
            Type::List(t) => (Type::Int, (**t).clone()),
            Type::Map(t) => (Type::String, (**t).clone()),
            Type::Record(r) => {
                if let ExprKind::Literal(Value::String(name)) = &*index.kind {
                    let ident = Ident { name: name.clone(), span: index.span };
                    return self.field_type(base, inner, &ident).unwrap_or(Type::Error);
                }
                (Type::String, r.fields.values().fold(nothing(), |acc, f| join(&acc, &read_type(f))))
            }
            Type::Null
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::String
            | Type::Bytes
            | Type::Timestamp
            | Type::Duration
            | Type::File
            | Type::Literals(_)
            | Type::Optional(_)
            | Type::Refined { .. }
            | Type::Named { .. }
            | Type::Labelled { .. }
            | Type::TypeOf => {
                let mut d =
                    Diagnostic::new(Code::OperatorType, base.span, format!("`{inner}` has no elements"))
                        .label(format!("this is `{inner}`"));
                if matches!(shape(inner), Type::String | Type::Literals(_)) {
                    d = d.help("read a character with `.charAt(i)`, a part with `.substring(from, to)`");
                }
                self.report(d);
                return Type::Error;
            }
        };
        let (key, elem) = wanted;
        if nullable(&index.ty) {
            let d = self.maybe_null(index, "is an index");
            self.report(d);
        } else if !common(&index.ty, &key) {
            let message = format!("`{inner}` takes `{key}` as index, not `{}`", index.ty);
            self.report(
                Diagnostic::new(Code::OperatorType, index.span, message)
                    .label(format!("this is `{}`", index.ty)),
            );
        }
        elem
    }
}

fn text(value: &Arc<str>, span: Span, want: Option<&Type>) -> Expr {
    let ty = match want.map(|w| shape(&non_null(w)).clone()) {
        Some(Type::Literals(_)) => Type::Literals([value.clone()].into()),
        _ => Type::String,
    };
    constant(Value::String(value.clone()), span, ty)
}

fn may_be_absent(ty: &Type, name: &str) -> bool {
    match shape(ty) {
        Type::Record(r) => r.fields.get(name).is_some_and(|f| f.optional),
        Type::Opaque { base, .. } => may_be_absent(base, name),
        _ => false,
    }
}

fn file_field(name: &str) -> Option<Type> {
    match name {
        "name" | "mime" | "digest" => Some(Type::String),
        "size" => Some(Type::Int),
        _ => None,
    }
}

fn has_size(ty: &Type) -> bool {
    matches!(
        shape(ty),
        Type::List(_) | Type::Map(_) | Type::String | Type::Bytes | Type::Literals(_) | Type::Record(_)
    )
}

/// The name a record type goes by.
fn owner_name(ty: &Type) -> Option<Name> {
    match ty {
        Type::Named { name, .. } | Type::Opaque { name, .. } => Some(name.clone()),
        Type::Labelled { inner, .. } => owner_name(inner),
        Type::Refined { base, .. } => owner_name(base),
        _ => None,
    }
}

/// `` `a`, `b` `` of at most eight names.
pub(super) fn quoted(names: &[&str]) -> String {
    let mut text = names.iter().take(8).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 8 {
        text.push_str(", …");
    }
    text
}

fn unknown_field_text(name: &Ident, label: &str, near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::new(Code::UnknownField, name.span, format!("there is no `{}` here", name.name))
        .label(label);
    match near {
        Some(near) => d.fix(format!("rename it to `{near}`"), vec![Edit::replace(name.span, near)]),
        None => d,
    }
}

/// The dotted name that a chain of names spells.
pub(super) fn path_text(expr: &ast::Expr) -> Option<String> {
    match &*expr.kind {
        ast::ExprKind::Name(name) => Some(name.to_string()),
        ast::ExprKind::Member { base, name, safe: false } => {
            Some(format!("{}.{}", path_text(base)?, name.name))
        }
        _ => None,
    }
}

/// The value of a name that stands for a type, as in `type(x) == int`.
fn type_name(name: &str) -> Option<&str> {
    matches!(
        name,
        "bool"
            | "int"
            | "float"
            | "double"
            | "string"
            | "bytes"
            | "list"
            | "map"
            | "null_type"
            | "type"
            | "timestamp"
            | "duration"
            | "file"
    )
    .then_some(if name == "double" { "float" } else { name })
}

fn dotted_type_name(expr: &ast::Expr) -> Option<&'static str> {
    match path_text(expr)?.as_str() {
        "google.protobuf.Timestamp" => Some("timestamp"),
        "google.protobuf.Duration" => Some("duration"),
        _ => None,
    }
}
