//! Calls inside expressions: functions of the table, macros, and the words that ask about steps.

use super::closed::{error, node};
use super::cx::{Cx, Def, LaterUse, Ref};
use super::hir::VarKind;
use super::infer::path_text;
use super::macros::{MACROS, lift};
use super::relate::{non_null, optional, settle, shape};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::expr::functions::{self, Coercion, Refusal};
use crate::expr::{Expr, ExprKind, StatusTest, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, Ident, Name};
use crate::types::{Field, Labels, Privacy, RecordType, Trust, Type};
use crate::value::Value;
use std::sync::Arc;

/// Functions with a meaning of their own, beside the table.
const SPECIAL: &[&str] = &[
    "has",
    "succeeded",
    "failed",
    "skipped",
    "error",
    "failures",
    "now",
    "secret",
    "dyn",
    "endorse",
    "declassify",
];

/// Names other languages use.
const FOREIGN: &[(&str, &str)] = &[
    ("len", "size"),
    ("length", "size"),
    ("count", "size"),
    ("str", "string"),
    ("toString", "string"),
    ("to_string", "string"),
    ("toLowerCase", "lowerAscii"),
    ("lower", "lowerAscii"),
    ("toUpperCase", "upperAscii"),
    ("upper", "upperAscii"),
    ("includes", "contains"),
    ("has_key", "contains"),
    ("startswith", "startsWith"),
    ("endswith", "endsWith"),
    ("strip", "trim"),
    ("number", "float"),
    ("any", "exists"),
    ("some", "exists"),
    ("every", "all"),
    ("find", "filter"),
    ("sorted", "sort"),
    ("sort_by", "sortBy"),
    ("max", "math.greatest"),
    ("min", "math.least"),
    ("abs", "math.abs"),
    ("round", "math.round"),
];

/// Whether `name` can be called as `x.name()` (`receiver`) or `name()`.
pub(super) fn exists(name: &str, receiver: bool) -> bool {
    functions::lookup(name, receiver).is_some() || (receiver && MACROS.contains(&name))
}

/// Whether `name` is computed where it is written, not called as a skill.
pub(super) fn computed(name: &str, receiver: bool) -> bool {
    exists(name, receiver) || (!receiver && SPECIAL.contains(&name))
}

/// The type of the error of a step: `kinds` and `details` where they are known.
pub(crate) fn error_type(kinds: &[Name], details: Option<Type>) -> Type {
    let kind = if kinds.is_empty() { Type::String } else { Type::Literals(kinds.into()) };
    let fields = [
        ("kind", kind),
        ("message", Type::String),
        ("skill", optional(Type::String)),
        ("attempt", Type::Int),
        ("details", details.unwrap_or(Type::Json)),
    ];
    record_type(fields)
}

fn record_type<const N: usize>(fields: [(&str, Type); N]) -> Type {
    let field = |ty| Field { ty, optional: false, labels: Labels::default(), docs: None };
    Type::Record(Arc::new(RecordType {
        fields: fields.into_iter().map(|(n, t)| (n.into(), field(t))).collect(),
    }))
}

impl Cx<'_> {
    /// Says what `error(step)` gives (without its `?`).
    pub(crate) fn set_error_type(&mut self, step: VarId, ty: Type) {
        self.errors.insert(step, ty);
    }

    pub(super) fn call(
        &mut self,
        span: Span,
        callee: &ast::Expr,
        args: &[ast::Arg],
        want: Option<&Type>,
    ) -> Expr {
        if let Some(path) = self.callable_path(callee)
            && !(matches!(&*callee.kind, ast::ExprKind::Name(n) if known_global(n))
                && args.iter().all(|a| a.name.is_none()))
        {
            return self.call_in_expression(&path, span, callee.span);
        }
        match &*callee.kind {
            ast::ExprKind::Name(name) => self.global_call(span, name, callee.span, args),
            ast::ExprKind::Member { base, name, safe } => {
                let path = path_text(callee).filter(|_| self.root_is_free(callee));
                if let Some(path) = path {
                    if functions::lookup(&path, false).is_some() {
                        return self.table_call(span, &path, callee.span, None, args);
                    }
                    if let Some(found) = self.unknown_in_namespace(&path, base, name, span) {
                        return found;
                    }
                }
                self.method_call(span, base, name, *safe, args, want)
            }
            ast::ExprKind::Paren(inner) => self.call(span, inner, args, want),
            ast::ExprKind::Error => error(span),
            _ => {
                let d = Diagnostic::new(Code::UnknownFunction, callee.span, "this is not a function");
                self.report(d.label("only a name can be called"));
                error(span)
            }
        }
    }

    fn call_in_expression(&mut self, path: &Name, span: Span, callee: Span) -> Expr {
        self.refs.push(Ref { span: callee, def: Def::Callable(path.clone()) });
        let message = format!("`{path}` is called inside an expression");
        let d = Diagnostic::new(Code::CallInExpression, span, message)
            .label("skills and plans are called as steps")
            .help(format!("make it a step above, `step result = {path}(…)`, and mention `result` here"));
        self.report(d);
        error(span)
    }

    /// A call `a.b(…)` whose `a` is a family of functions or skills but which is in neither.
    fn unknown_in_namespace(
        &mut self,
        path: &str,
        base: &ast::Expr,
        name: &Ident,
        span: Span,
    ) -> Option<Expr> {
        let root = path_text(base)?;
        let dotted = format!("{root}.");
        let skills: Vec<&str> =
            self.globals.callables.iter().map(|c| &**c).filter(|c| c.starts_with(&dotted)).collect();
        let d = if functions::is_namespace(&root) {
            let d =
                Diagnostic::new(Code::UnknownFunction, name.span, format!("there is no function `{path}`"));
            match nearest(path, functions::names(false).filter(|n| n.starts_with(&dotted))) {
                Some(near) => {
                    let short = near.get(dotted.len()..).unwrap_or(near);
                    d.label(format!("did you mean `{near}`?"))
                        .fix(format!("rename it to `{near}`"), vec![Edit::replace(name.span, short)])
                }
                None => d,
            }
        } else if !skills.is_empty() {
            let near = nearest(path, skills.iter().copied());
            let d = Diagnostic::new(
                Code::CallInExpression,
                span,
                format!("`{path}` is called inside an expression"),
            )
            .label("skills are called as steps");
            match near {
                Some(near) => d.help(format!("make it a step above; did you mean `{near}`?")),
                None => d.help("make it a step above, and mention the step here"),
            }
        } else {
            return None;
        };
        self.report(d);
        Some(error(span))
    }

    fn global_call(&mut self, span: Span, name: &Name, name_span: Span, args: &[ast::Arg]) -> Expr {
        let plain = args.iter().all(|a| a.name.is_none());
        match (&**name, args) {
            ("has", [arg]) if plain => self.has(span, &arg.value),
            ("succeeded" | "failed" | "skipped" | "error" | "failures", [arg]) if plain => {
                self.status(span, name, &arg.value)
            }
            ("now", []) => node(ExprKind::Now, span, Type::Timestamp),
            ("secret", [arg]) if plain => self.secret(span, &arg.value),
            ("endorse" | "declassify", [arg, reason]) if plain => {
                self.lifted(span, name, &arg.value, &reason.value)
            }
            ("dyn", [arg]) if plain => {
                let value = self.go(&arg.value, None);
                node(ExprKind::As { value, ty: Type::Json }, span, Type::Json)
            }
            (special, _) if SPECIAL.contains(&special) => {
                let usage = match special {
                    "now" => "`now()`",
                    "secret" => "`secret(\"NAME\")`",
                    "has" => "`has(x.field)`",
                    "dyn" => "`dyn(x)`",
                    "endorse" | "declassify" => "a value and a reason, a plain string",
                    _ => "the name of one step",
                };
                let d = Diagnostic::new(
                    Code::OperatorType,
                    span,
                    format!("`{special}` does not take these arguments"),
                );
                self.report(d.label(format!("it takes {usage}")));
                error(span)
            }
            _ => self.table_call(span, name, name_span, None, args),
        }
    }

    /// `endorse(x, "reason")`, `declassify(x, "reason")`: the same value under another label.
    fn lifted(&mut self, span: Span, function: &str, value: &ast::Expr, reason: &ast::Expr) -> Expr {
        if !matches!(&*reason.kind, ast::ExprKind::Text { value, .. } if !value.trim().is_empty()) {
            let message = format!("`{function}` takes the reason as a plain string");
            self.report(
                Diagnostic::new(Code::OperatorType, reason.span, message).help("say why it may be done"),
            );
        }
        let value = self.go(value, None);
        let labels = if function == "endorse" {
            Labels { trust: Some(Trust::Trusted), privacy: None }
        } else {
            Labels { trust: None, privacy: Some(Privacy::Public) }
        };
        let ty = Type::Labelled { labels, inner: Arc::new(value.ty.clone()) };
        node(ExprKind::As { value, ty: ty.clone() }, span, ty)
    }

    fn has(&mut self, span: Span, arg: &ast::Expr) -> Expr {
        match &*arg.kind {
            ast::ExprKind::Paren(inner) => self.has(span, inner),
            ast::ExprKind::Member { base, name, safe } => {
                let base = if *safe { self.tolerant(base, None) } else { self.go(base, None) };
                let inner = non_null(&base.ty);
                self.field_type(&base, &inner, name);
                node(ExprKind::Has { base, name: name.name.clone() }, span, Type::Bool)
            }
            _ => {
                let checked = self.go(arg, None);
                let d =
                    Diagnostic::new(Code::OperatorType, arg.span, "`has` takes a field, as in `has(x.f)`");
                let step = self.path_text(&checked).filter(|_| self.is_step(&checked));
                self.report(match step {
                    Some(step) => d.help(format!("ask `succeeded({step})` whether a step has a value")),
                    None => d.help("compare with `!= null`"),
                });
                node(ExprKind::Literal(Value::Bool(true)), span, Type::Bool)
            }
        }
    }

    fn is_step(&self, expr: &Expr) -> bool {
        match &*expr.kind {
            ExprKind::Var(id) | ExprKind::Tolerant(id) => {
                self.var(*id).is_some_and(|v| v.kind == VarKind::Step)
            }
            _ => false,
        }
    }

    fn status(&mut self, span: Span, function: &str, arg: &ast::Expr) -> Expr {
        let ty = match function {
            "error" => optional(error_type(&[], None)),
            "failures" => failures_type(error_type(&[], None)),
            _ => Type::Bool,
        };
        let Some(step) = self.step_of(function, arg) else {
            return Expr { ty, ..error(span) };
        };
        let known = self.errors.get(&step).cloned();
        let (test, ty) = match function {
            "succeeded" => (StatusTest::Succeeded, Type::Bool),
            "failed" => (StatusTest::Failed, Type::Bool),
            "skipped" => (StatusTest::Skipped, Type::Bool),
            "error" => (StatusTest::Error, known.map_or(ty, optional)),
            _ => (StatusTest::Failures, known.map_or(ty, failures_type)),
        };
        node(ExprKind::Status { test, step }, span, ty)
    }

    fn step_of(&mut self, function: &str, arg: &ast::Expr) -> Option<VarId> {
        let name = match &*arg.kind {
            ast::ExprKind::Paren(inner) => return self.step_of(function, inner),
            ast::ExprKind::Name(name) => name,
            ast::ExprKind::Error => return None,
            _ => {
                let d = Diagnostic::new(
                    Code::OperatorType,
                    arg.span,
                    format!("`{function}` takes the name of a step"),
                );
                self.report(d.label("this is an expression"));
                return None;
            }
        };
        if let Some(id) = self.lookup(name) {
            self.refs.push(Ref { span: arg.span, def: Def::Var(id) });
            let var = self.var(id)?;
            if var.kind == VarKind::Step {
                return Some(id);
            }
            let what = kind_word(var.kind);
            let d = Diagnostic::new(
                Code::OperatorType,
                arg.span,
                format!("`{function}` takes a step, and `{name}` is {what}"),
            )
            .also(var.span, "declared here");
            let ask = matches!(function, "succeeded" | "failed" | "skipped");
            self.report(if ask { d.help("compare it with `null`") } else { d });
            return None;
        }
        if let Some(def_span) = self.later(name) {
            self.later_uses.push(LaterUse { name: name.clone(), use_span: arg.span, def_span });
            return None;
        }
        self.name(name, arg.span, false);
        None
    }

    fn secret(&mut self, span: Span, arg: &ast::Expr) -> Expr {
        let labels = Labels { trust: None, privacy: Some(Privacy::Secret) };
        let ty = Type::Labelled { labels, inner: Arc::new(Type::String) };
        let ast::ExprKind::Text { value, .. } = &*arg.kind else {
            let d = Diagnostic::new(
                Code::OperatorType,
                arg.span,
                "`secret` takes the name of a secret as a plain string",
            );
            self.report(d.help("write `secret(\"NAME\")`"));
            return Expr { ty, ..error(span) };
        };
        if let Some(known) = &self.globals.secrets
            && !known.contains(value)
        {
            let d = Diagnostic::new(
                Code::UnknownSecret,
                arg.span,
                format!("`aos.toml` names no secret `{value}`"),
            );
            let d = match nearest(value, known.iter().map(|k| &**k)) {
                Some(near) => d.label(format!("did you mean `{near}`?")).fix(
                    format!("rename it to `{near}`"),
                    vec![Edit::replace(arg.span, format!("\"{near}\""))],
                ),
                None => d.help("add it under `[secrets]`"),
            };
            self.report(d);
        }
        node(ExprKind::Secret(value.clone()), span, ty)
    }

    fn method_call(
        &mut self,
        span: Span,
        base: &ast::Expr,
        name: &Ident,
        safe: bool,
        args: &[ast::Arg],
        want: Option<&Type>,
    ) -> Expr {
        if MACROS.contains(&&*name.name) && args.len() > 1 {
            return self.macro_call(span, base, name, safe, args);
        }
        let guide = want.filter(|w| matches!(shape(w), Type::List(_)));
        let receiver = if safe { self.tolerant(base, guide) } else { self.go(base, guide) };
        if !safe {
            return self.table_call(span, &name.name, name.span, Some(receiver), args);
        }
        // `x?.f(…)`: `[x].map(v, v == null ? null : v.f(…))[0]`, so that `x` is evaluated once.
        let inner = non_null(&receiver.ty);
        let var = self.fresh(&name.name, base.span, inner.clone());
        let read = node(ExprKind::Var(var), base.span, inner);
        let call = self.table_call(span, &name.name, name.span, Some(read.clone()), args);
        lift(receiver, read, var, call, span)
    }

    /// A variable nobody can name.
    pub(super) fn fresh(&mut self, name: &str, span: Span, ty: Type) -> VarId {
        self.enter();
        let var = self.declare_hidden(format!("{name}?"), span, VarKind::Macro, ty);
        self.leave();
        var
    }

    /// A call of a function of the table.
    fn table_call(
        &mut self,
        span: Span,
        name: &str,
        name_span: Span,
        receiver: Option<Expr>,
        args: &[ast::Arg],
    ) -> Expr {
        let method = receiver.is_some();
        let Some(row) = functions::lookup(name, method) else {
            if self.lenient {
                let mut all: Vec<Expr> = receiver.into_iter().collect();
                all.extend(args.iter().map(|arg| self.go(&arg.value, None)));
                return node(ExprKind::Call { function: name.into(), args: all }, span, Type::Json);
            }
            if !matches!(receiver.as_ref().map(|r| &r.ty), Some(Type::Error)) {
                self.unknown_function(name, name_span, receiver.as_ref(), args);
            }
            // With the form of a macro, what the first argument names is known to nobody: that it is not declared follows.
            let names =
                |e: &ast::Expr| matches!(&*e.kind, ast::ExprKind::Name(n) if self.lookup(n).is_none());
            let macro_like = method && args.len() > 1 && args.first().is_some_and(|a| names(&a.value));
            for arg in args.iter().filter(|_| !macro_like) {
                self.go(&arg.value, None);
            }
            return error(span);
        };
        let function: Name = row.name.into();
        self.refs.push(Ref { span: name_span, def: Def::Function(function.clone()) });
        let mut values: Vec<Expr> = receiver.into_iter().collect();
        for arg in args {
            if let Some(label) = &arg.name {
                let d = Diagnostic::new(
                    Code::UnknownArgument,
                    label.span,
                    format!("arguments of `{name}` have no names"),
                );
                let edit = Edit::delete(Span { end: arg.value.span.start, ..label.span });
                self.report(d.label("a function is called without names").fix("remove the name", vec![edit]));
            }
            values.push(self.go(&arg.value, None));
        }
        if values.iter().any(|v| matches!(v.ty, Type::Error)) {
            let result = fixed_result(row);
            return node(ExprKind::Call { function, args: values }, span, result);
        }
        let types: Vec<Type> = values.iter().map(|v| settle(&v.ty)).collect();
        let ty = match functions::resolve(row, &types) {
            Ok(resolved) => {
                values = values
                    .into_iter()
                    .zip(resolved.coercions)
                    .map(|(v, c)| match c {
                        Coercion::None => v,
                        Coercion::Widen => {
                            let span = v.span;
                            node(ExprKind::Widen(v), span, Type::Float)
                        }
                    })
                    .collect();
                self.check_patterns(row.name, &values);
                resolved.result
            }
            Err(refusal) => {
                self.refuse(row, name_span, method, &values, &types, refusal);
                fixed_result(row)
            }
        };
        node(ExprKind::Call { function, args: values }, span, ty)
    }

    fn refuse(
        &mut self,
        row: &functions::Row,
        name_span: Span,
        method: bool,
        values: &[Expr],
        types: &[Type],
        refusal: Refusal,
    ) {
        let name = row.name;
        let shown: Vec<String> = types.iter().skip(usize::from(method)).map(|t| format!("`{t}`")).collect();
        let d = match refusal {
            Refusal::MaybeNull { argument } => match values.get(argument) {
                Some(value) => {
                    let what = if method && argument == 0 { "called on it" } else { "called with it" };
                    self.maybe_null(value, &format!("`{name}` is {what}"))
                }
                None => return,
            },
            Refusal::ArgumentCount { expected } => Diagnostic::new(
                Code::OperatorType,
                name_span,
                format!("`{name}` does not take {} arguments", shown.len()),
            )
            .help(format!("call it as {}", listed(&expected))),
            Refusal::NoOverload { expected } => {
                let message = match (method, types.first()) {
                    (true, Some(on)) if shown.is_empty() => format!("`{name}` cannot be called on `{on}`"),
                    (true, Some(on)) => format!("`{name}` on `{on}` does not take {}", shown.join(", ")),
                    _ => format!("`{name}` does not take {}", shown.join(", ")),
                };
                Diagnostic::new(Code::OperatorType, name_span, message)
                    .help(format!("call it as {}", listed(&expected)))
            }
        };
        self.report(d);
    }

    fn check_patterns(&mut self, function: &str, args: &[Expr]) {
        if function != "matches" && !function.starts_with("regex.") {
            return;
        }
        let Some(pattern) = args.get(1) else { return };
        if let ExprKind::Literal(Value::String(text)) = &*pattern.kind
            && let Err(why) = functions::check_pattern(text)
        {
            let d = Diagnostic::new(Code::BadRegex, pattern.span, "the regular expression cannot be read");
            self.report(d.label(why.to_string()));
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span, receiver: Option<&Expr>, args: &[ast::Arg]) {
        let method = receiver.is_some();
        if !method && args.iter().any(|a| a.name.is_some()) {
            let d = Diagnostic::new(
                Code::CallInExpression,
                span,
                format!("`{name}` is called with named arguments inside an expression"),
            )
            .label("skills and plans are called as steps")
            .help("make it a step above, and mention the step here");
            self.report(d);
            return;
        }
        if !method && name == "not" && args.len() == 1 {
            let d = Diagnostic::new(Code::ForeignSyntax, span, "`not` is written `!`");
            self.report(d.fix("write `!`", vec![Edit::replace(span, "!")]));
            return;
        }
        let d = Diagnostic::new(Code::UnknownFunction, span, format!("there is no function `{name}`"));
        let foreign = FOREIGN.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
        let known = functions::names(method)
            .chain(if method { MACROS } else { SPECIAL }.iter().copied())
            .filter(|n| !method || !n.contains('.'));
        let d = if functions::lookup(name, !method).is_some() || (!method && MACROS.contains(&name)) {
            let usage = if method { format!("{name}(x)") } else { format!("x.{name}(…)") };
            d.label(format!("it is called as `{usage}`"))
        } else if let Some(ours) = foreign {
            if functions::lookup(ours, method).is_some() || method && MACROS.contains(&ours) {
                d.label(format!("did you mean `{ours}`?"))
                    .fix(format!("write `{ours}`"), vec![Edit::replace(span, ours)])
            } else if method && functions::lookup(ours, false).is_some() {
                d.label(format!("write `{ours}(…)`"))
            } else {
                d.label(format!("write `x.{ours}(…)`"))
            }
        } else if let Some(near) = nearest(name, known) {
            d.label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(span, near)])
        } else if let Some(near) = nearest(name, self.globals.callables.iter().map(|c| &**c)) {
            d.help(format!("did you mean the skill `{near}`? skills are called as steps"))
        } else {
            d
        };
        self.report(d);
    }
}

fn known_global(name: &str) -> bool {
    SPECIAL.contains(&name) || functions::lookup(name, false).is_some()
}

pub(crate) fn failures_type(error: Type) -> Type {
    Type::List(Arc::new(record_type([("index", Type::Int), ("error", error)])))
}

fn kind_word(kind: VarKind) -> &'static str {
    match kind {
        VarKind::Input => "an input",
        VarKind::Step => "a step",
        VarKind::Let => "a `let`",
        VarKind::Item => "an item",
        VarKind::Index => "an index",
        VarKind::Loop => "the variable of a loop",
        VarKind::It => "the value of a round",
        VarKind::Macro => "the variable of a macro",
        VarKind::Error => "an error",
    }
}

/// The one result of all overloads, where a call does not fit.
fn fixed_result(row: &functions::Row) -> Type {
    use functions::Ty;
    let Some(first) = row.overloads.first().map(|o| o.result) else { return Type::Error };
    if row.overloads.iter().any(|o| o.result != first) {
        return Type::Error;
    }
    match first {
        Ty::Bool => Type::Bool,
        Ty::Int => Type::Int,
        Ty::Float => Type::Float,
        Ty::String => Type::String,
        Ty::Bytes => Type::Bytes,
        Ty::Timestamp => Type::Timestamp,
        Ty::Duration => Type::Duration,
        Ty::TypeOf => Type::TypeOf,
        Ty::A | Ty::Any | Ty::Null | Ty::Json | Ty::List(_) | Ty::Map(_) | Ty::Optional(_) => Type::Error,
    }
}

/// Signatures, one a line, in one line.
fn listed(signatures: &str) -> String {
    signatures.lines().take(4).map(|l| format!("`{l}`")).collect::<Vec<_>>().join(" or ")
}
