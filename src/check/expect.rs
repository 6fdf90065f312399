//! Where a type is wanted: what does not fit is reported by the role it was to play.

use super::closed::node;
use super::cx::{Cx, Role};
use super::infer::quoted;
use super::relate::{Fit, Why, common, fits, non_null, nullable, optional, plain, settle, shape};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::expr::{BinaryOp, Expr, ExprKind, Key};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{RecordType, Type};
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

impl Cx<'_> {
    /// Types an expression where `want` is wanted, and reports where it does not fit.
    pub(crate) fn expect(&mut self, expr: &ast::Expr, want: &Type, role: Role<'_>) -> Expr {
        let before = self.diagnostics.len();
        let mut checked = self.expect_in(expr, want, role);
        if self.depth == 0 {
            checked.ty = settle(&checked.ty);
            if self.diagnostics.len() == before {
                self.check_constants(&checked);
            }
        }
        checked
    }

    fn expect_in(&mut self, expr: &ast::Expr, want: &Type, role: Role<'_>) -> Expr {
        self.depth += 1;
        let before = self.diagnostics.len();
        let checked = self.expect_kind(expr, want, role);
        if self.diagnostics.len() == before {
            self.check_where(&checked, want);
        }
        self.depth -= 1;
        checked
    }

    /// Goes into literals, so that what does not fit is reported where it stands.
    fn expect_kind(&mut self, expr: &ast::Expr, want: &Type, role: Role<'_>) -> Expr {
        let inner = non_null(want);
        match (&*expr.kind, shape(&inner)) {
            _ if self.depth > 300 => self.go(expr, Some(want)),
            (ast::ExprKind::Paren(e), _) => self.expect_in(e, want, role),
            (ast::ExprKind::Cond { cond, then, otherwise }, _) => {
                let cond = self.expect_in(cond, &Type::Bool, Role::Condition);
                let mark = self.assume(&cond, true);
                let then = self.expect_in(then, want, role);
                self.forget(mark);
                let mark = self.assume(&cond, false);
                let otherwise = self.expect_in(otherwise, want, role);
                self.forget(mark);
                let ty = super::relate::join(&then.ty, &otherwise.ty);
                node(ExprKind::Cond { cond, then, otherwise }, expr.span, ty)
            }
            (ast::ExprKind::List(items), Type::List(elem)) => {
                let items = items.iter().map(|i| self.expect_in(i, elem, Role::Element)).collect();
                node(ExprKind::List(items), expr.span, inner)
            }
            (ast::ExprKind::Record(entries), Type::Record(r)) => {
                self.expect_record(expr.span, entries, r, &inner)
            }
            (ast::ExprKind::Record(entries), Type::Map(elem)) => {
                let mut seen = IndexMap::new();
                let mut out = Vec::with_capacity(entries.len());
                for entry in entries {
                    let key = self.key(&entry.key, &mut seen);
                    out.push((key, self.expect_in(&entry.value, elem, Role::Element)));
                }
                node(ExprKind::Record(out), expr.span, inner)
            }
            _ => {
                let checked = self.go(expr, Some(want));
                self.check_fit(checked, want, role)
            }
        }
    }

    fn expect_record(&mut self, span: Span, entries: &[ast::Entry], want: &RecordType, ty: &Type) -> Expr {
        let mut seen = IndexMap::new();
        let mut out = Vec::with_capacity(entries.len());
        let mut computed = None;
        for entry in entries {
            let key = self.key(&entry.key, &mut seen);
            let value = match (&key, &entry.key) {
                (Key::Text(name), ast::EntryKey::Text(text)) => match want.fields.get(name) {
                    Some(field) => {
                        let wanted =
                            if field.optional { optional(field.ty.clone()) } else { field.ty.clone() };
                        self.expect_in(&entry.value, &wanted, Role::Field(name))
                    }
                    None => {
                        self.unknown_key(text, want, ty, entries);
                        self.go(&entry.value, None)
                    }
                },
                (Key::Computed(key), _) => {
                    computed = Some(key.span);
                    self.go(&entry.value, None)
                }
                (Key::Text(_), ast::EntryKey::Expr(_)) => self.go(&entry.value, None),
            };
            out.push((key, value));
        }
        let lacking: Vec<&str> = want
            .fields
            .iter()
            .filter(|(name, f)| !f.optional && !seen.contains_key(*name))
            .map(|(name, _)| &**name)
            .collect();
        if let Some(key) = computed {
            let d = Diagnostic::new(
                Code::TypeMismatch,
                key,
                format!("a computed key cannot be checked against `{ty}`"),
            );
            self.report(d.help("write the keys out, or check the whole with `as`"));
        } else if !lacking.is_empty() && !self.misspelt(entries, want) {
            let message = format!("the record lacks {}", quoted(&lacking));
            self.report(
                Diagnostic::new(Code::MissingField, span, message).label(format!("this is to be `{ty}`")),
            );
        }
        node(ExprKind::Record(out), span, ty.clone())
    }

    /// Whether a key is a misspelt field that is lacking: then that says all.
    fn misspelt(&self, entries: &[ast::Entry], want: &RecordType) -> bool {
        entries.iter().any(|e| match &e.key {
            ast::EntryKey::Text(t) => {
                !want.fields.contains_key(&t.value)
                    && nearest(&t.value, want.fields.keys().map(|k| &**k)).is_some()
            }
            ast::EntryKey::Expr(_) => false,
        })
    }

    fn unknown_key(&mut self, key: &ast::Text, want: &RecordType, ty: &Type, entries: &[ast::Entry]) {
        let taken = |name: &str| {
            entries.iter().any(|e| matches!(&e.key, ast::EntryKey::Text(t) if &*t.value == name))
        };
        let free: Vec<&str> = want.fields.keys().map(|k| &**k).filter(|k| !taken(k)).collect();
        let d = Diagnostic::new(Code::UnknownKey, key.span, format!("`{ty}` has no field `{}`", key.value));
        let d = match nearest(&key.value, free.iter().copied()) {
            Some(near) => d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(key.span, near)]),
            None => d.label(if free.is_empty() {
                "no such field".to_owned()
            } else {
                format!("fields left are {}", quoted(&free))
            }),
        };
        self.report(d);
    }

    /// Turns `int` into `float` where the type says so, also deep inside.
    pub(super) fn widened(&mut self, expr: Expr, ty: &Type) -> Expr {
        if fits(&expr.ty, ty) != Fit::Widen {
            return expr;
        }
        let span = expr.span;
        if matches!(shape(&expr.ty), Type::Int) {
            let ty = non_null(ty);
            return node(ExprKind::Widen(expr), span, ty);
        }
        node(ExprKind::As { value: expr, ty: ty.clone() }, span, ty.clone())
    }

    /// Checks a typed expression against the type that is wanted, and reports by role.
    pub(crate) fn check_fit(&mut self, expr: Expr, want: &Type, role: Role<'_>) -> Expr {
        match fits(&expr.ty, want) {
            Fit::Yes => expr,
            Fit::Widen => self.widened(expr, want),
            Fit::NeedsCast => {
                let d = Diagnostic::new(
                    Code::NeedsCast,
                    expr.span,
                    format!("{} takes `{want}`, not `{}`", subject(role), expr.ty),
                )
                .label(format!("this is `{}`", expr.ty))
                .fix(
                    format!("check it with `as {}`", cast_text(want)),
                    wrapped(&expr, &format!(" as {}", cast_text(want)), true),
                );
                self.report(d);
                retyped(expr, want)
            }
            Fit::MaybeNull => {
                let d = self.maybe_null(&expr, &format!("stands where {} takes `{want}`", subject(role)));
                let d = match super::holes::default(want) {
                    Some(default) => d.unsafe_fix(
                        format!("use `{default}` where it is null"),
                        wrapped(&expr, &format!(" ?? {default}"), false),
                    ),
                    None => d,
                };
                self.report(d);
                retyped(expr, want)
            }
            Fit::No(why) => {
                self.mismatch(&expr, want, role, &why);
                retyped(expr, want)
            }
        }
    }

    fn mismatch(&mut self, expr: &Expr, want: &Type, role: Role<'_>, why: &Why) {
        if let (ExprKind::Literal(Value::String(text)), Type::Literals(of)) =
            (&*expr.kind, shape(&non_null(want)))
        {
            let mut d = not_in_union(text, of, expr.span, code(role));
            if matches!(role, Role::Argument { .. } | Role::Field(_)) {
                d.message = format!("{}, which {} takes", d.message, subject(role));
            }
            self.report(d);
            return;
        }
        let have = settle(&expr.ty);
        let mut d =
            Diagnostic::new(code(role), expr.span, format!("{} takes `{want}`, not `{have}`", subject(role)));
        d = if why.text.is_empty() {
            d.label(format!("this is `{have}`"))
        } else if why.path.is_empty() {
            d.label(why.text.clone())
        } else {
            d.label(format!("at `{}`: {}", why.path, why.text))
        };
        if let Some(text) = rewritten(expr, want) {
            d = d.fix(format!("write `{text}`"), vec![Edit::replace(expr.span, text)]);
        } else if let Some(function) = conversion(&have, want) {
            let edits = vec![Edit::before(expr.span, format!("{function}(")), Edit::after(expr.span, ")")];
            let title = format!("convert it with `{function}(…)`");
            d = if matches!(shape(want), Type::String) {
                d.fix(title, edits)
            } else {
                d.unsafe_fix(title, edits)
            };
        } else if let Some((name, at)) = role.instead(&have) {
            d = d.unsafe_fix(format!("give it as `{name}`"), vec![Edit::replace(at, name)]);
        } else if listed(&have, want) {
            let edits = vec![Edit::before(expr.span, "["), Edit::after(expr.span, "]")];
            d = d.unsafe_fix("make it a list of one", edits);
        } else if let Some(seconds) = in_seconds(expr, want) {
            d = d.help("a duration has a unit: `250ms`, `10s`, `5m`, `24h`, `7d`").unsafe_fix(
                format!("write `{seconds}` if seconds are meant"),
                vec![Edit::replace(expr.span, seconds)],
            );
        } else if role == Role::Condition {
            d = d.help(match shape(&have) {
                Type::String | Type::Literals(_) => "compare it: `!= \"\"`",
                Type::List(_) | Type::Map(_) | Type::Record(_) => "ask for its size: `size(…) > 0`",
                Type::Int | Type::Float => "compare it: `!= 0`",
                _ => "write a comparison",
            });
        } else if why.missing.is_empty()
            && !matches!(have, Type::Null)
            && common(&have, want)
            && !nullable(&have)
        {
            d = d.unsafe_fix(
                format!("check it with `as {}`", cast_text(want)),
                wrapped(expr, &format!(" as {}", cast_text(want)), true),
            );
        }
        self.report(d);
    }

    /// "`x` may be null, and …".
    pub(super) fn maybe_null(&self, expr: &Expr, and: &str) -> Diagnostic {
        let path = self.path_text(expr);
        let what = path.as_ref().map_or("this".to_owned(), |p| format!("`{p}`"));
        let message = if matches!(shape(&expr.ty), Type::Null) {
            format!("{what} is null, and {and}")
        } else {
            format!("{what} may be null, and {and}")
        };
        let d = Diagnostic::new(Code::MaybeNull, expr.span, message)
            .label(format!("this is `{}`", settle(&expr.ty)));
        match path {
            Some(p) => d.help(format!("guard it with `{p} != null`, or give a default with `??`")),
            None => d.help("give a default with `??`"),
        }
    }
}

/// The diagnostic of a text that is no member of the union.
pub(super) fn not_in_union(text: &str, of: &[Arc<str>], span: Span, code: Code) -> Diagnostic {
    let members: Vec<String> = of.iter().map(|l| format!("\"{l}\"")).collect();
    let d = Diagnostic::new(code, span, format!("`\"{text}\"` is not one of `{}`", members.join(" | ")));
    match nearest(text, of.iter().map(|l| &**l)) {
        Some(near) => d
            .label(format!("did you mean `\"{near}\"`?"))
            .fix(format!("write `\"{near}\"`"), vec![Edit::replace(span, format!("\"{near}\""))]),
        None => d.label("no such value"),
    }
}

fn code(role: Role<'_>) -> Code {
    match role {
        Role::Argument { .. } => Code::ArgumentType,
        Role::Result
        | Role::Default
        | Role::Condition
        | Role::Clause(_)
        | Role::Init
        | Role::Element
        | Role::Field(_)
        | Role::Other(_) => Code::TypeMismatch,
    }
}

fn subject(role: Role<'_>) -> String {
    match role {
        Role::Argument { name, callee, .. } => format!("argument `{name}` of `{callee}`"),
        Role::Result => "the result".to_owned(),
        Role::Default => "the default".to_owned(),
        Role::Condition => "a condition".to_owned(),
        Role::Clause(word) => format!("`{word}`"),
        Role::Init => "the start of the loop".to_owned(),
        Role::Element => "an element".to_owned(),
        Role::Field(name) => format!("field `{name}`"),
        Role::Other(what) => what.to_owned(),
    }
}

/// The function that makes one type from another.
pub(super) fn conversion(from: &Type, to: &Type) -> Option<&'static str> {
    let to = non_null(to);
    match (shape(from), shape(&to)) {
        (
            Type::Int | Type::Float | Type::Bool | Type::Timestamp | Type::Duration | Type::Bytes,
            Type::String,
        ) => Some("string"),
        (Type::String | Type::Float, Type::Int) => Some("int"),
        (Type::String, Type::Float) => Some("float"),
        (Type::String, Type::Timestamp) => Some("timestamp"),
        (Type::String, Type::Duration) => Some("duration"),
        (Type::String, Type::Bytes) => Some("bytes"),
        _ => None,
    }
}

/// A type as it can stand behind `as`.
fn cast_text(ty: &Type) -> String {
    let text = ty.to_string();
    let bare = match ty {
        Type::Named { .. } | Type::Opaque { .. } => true,
        other => {
            !matches!(plain(other), Type::Optional(_) | Type::Refined { .. })
                && !matches!(other, Type::Labelled { .. })
                && !matches!(plain(other), Type::Literals(l) if l.len() > 1)
        }
    };
    if bare { text } else { format!("({text})") }
}

/// Edits that put `suffix` behind an expression, in parentheses where it binds looser; `tight`: the suffix binds tighter than operators.
pub(super) fn wrapped(expr: &Expr, suffix: &str, tight: bool) -> Vec<Edit> {
    let parens = match &*expr.kind {
        ExprKind::Cond { .. } => true,
        ExprKind::Binary { op: BinaryOp::Or | BinaryOp::And | BinaryOp::Coalesce, .. } => true,
        ExprKind::Binary { .. } => tight,
        _ => false,
    };
    if parens {
        vec![Edit::before(expr.span, "("), Edit::after(expr.span, format!("){suffix}"))]
    } else {
        vec![Edit::after(expr.span, suffix)]
    }
}

/// The expression as if it fitted, so that one cause is reported once.
fn retyped(expr: Expr, want: &Type) -> Expr {
    Expr { ty: want.clone(), ..expr }
}

impl<'r> Role<'r> {
    /// Where a value of fields or elements may be meant to stand.
    fn instead(self, have: &Type) -> Option<(&'r str, Span)> {
        let Role::Argument { instead, .. } = self else { return None };
        instead.filter(|_| matches!(shape(have), Type::Record(_) | Type::List(_) | Type::Map(_)))
    }
}

/// Whether a list is wanted whose element is there.
fn listed(have: &Type, want: &Type) -> bool {
    match shape(&non_null(want)) {
        Type::List(item) => matches!(fits(have, item), Fit::Yes | Fit::Widen),
        _ => false,
    }
}

/// A number that stands for a duration, as so many seconds.
fn in_seconds(expr: &Expr, want: &Type) -> Option<String> {
    match &*expr.kind {
        ExprKind::Literal(Value::Int(n)) if *n >= 0 && matches!(shape(&non_null(want)), Type::Duration) => {
            Some(format!("{n}s"))
        }
        _ => None,
    }
}

/// A literal of the wrong form, written in the right one.
fn rewritten(expr: &Expr, want: &Type) -> Option<String> {
    let ExprKind::Literal(value) = &*expr.kind else { return None };
    let wanted = non_null(want);
    match (value, shape(&wanted)) {
        (Value::String(text), Type::Int) => text.parse::<i64>().is_ok().then(|| text.to_string()),
        (Value::String(text), Type::Float) => {
            let number = text.parse::<f64>().is_ok_and(f64::is_finite);
            let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
            (number && plain && !text.starts_with('.') && !text.ends_with('.')).then(|| text.to_string())
        }
        (Value::String(text), Type::Bool) => matches!(&**text, "true" | "false").then(|| text.to_string()),
        (Value::String(text), Type::Duration) => {
            let split = text.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = text.split_at(split);
            (!number.is_empty() && matches!(unit, "ms" | "s" | "m" | "h" | "d")).then(|| text.to_string())
        }
        (Value::Int(n), Type::String) => Some(format!("\"{n}\"")),
        (Value::Bool(b), Type::String) => Some(format!("\"{b}\"")),
        _ => None,
    }
}
