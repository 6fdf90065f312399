//! Calls: which skill or plan, which arguments, which types.

use super::body::Lower;
use super::collect::Callable;
use super::cx::{Def, Ref, Role};
use super::effects::{Content, instantiate};
use super::functions;
use super::hir::{self, Arg, Idempotency, Param, Signature, Target};
use super::holes::hole;
use super::infer::quoted;
use super::plans::Head;
use super::relate::{Bindings, Fit, bind, fits, has_params, non_null, shape, substitute};
use super::signature;
use crate::diagnostic::{Code, Diagnostic, Edit, nearest, nearest_by_words};
use crate::expr::Expr;
use crate::source::Span;
use crate::syntax::ast::{self, EffectKind, Name};
use crate::types::Type;
use std::sync::Arc;

/// A call with what its step needs to know.
pub(super) struct Called {
    pub(super) call: hir::Call,
    pub(super) content: Content,
    pub(super) ty: Type,
}

/// Whom a path names.
#[derive(Clone)]
enum Callee<'a> {
    Skill(Arc<Signature>),
    Plan(&'a Head, Option<&'a Content>),
}

impl Callee<'_> {
    fn params(&self) -> &[Param] {
        match self {
            Callee::Skill(s) => &s.params,
            Callee::Plan(head, _) => &head.params,
        }
    }

    fn type_params(&self) -> &[Arc<str>] {
        match self {
            Callee::Skill(s) => &s.type_params,
            Callee::Plan(..) => &[],
        }
    }

    fn output(&self) -> &Type {
        match self {
            Callee::Skill(s) => &s.output,
            Callee::Plan(head, _) => &head.output,
        }
    }

    fn target(&self) -> Target {
        match self {
            Callee::Skill(s) => Target::Skill(s.name.clone()),
            Callee::Plan(head, _) => Target::Plan(head.name.clone()),
        }
    }

    fn content(&self, args: &[Option<Expr>], span: Span) -> Content {
        let mut content = Content::default();
        match self {
            Callee::Skill(s) => {
                for kind in &s.throws {
                    content.throw(&kind.name, &kind.details);
                }
                content.effects = instantiate(&s.effects, &s.params, args);
                let writes = s.effects.iter().any(|e| e.kind >= EffectKind::Writes);
                content.acts_twice = writes && s.idempotency == Idempotency::No;
                content.writes = s.effects.iter().any(|e| e.kind >= EffectKind::Appends).then_some(span);
            }
            Callee::Plan(head, Some(inner)) => {
                content.throws = inner.throws.clone();
                content.effects = instantiate(&inner.effects, &head.params, args);
                content.acts_twice = inner.acts_twice;
                content.writes = inner.writes.map(|_| span);
            }
            // Part of a circle, which has been reported.
            Callee::Plan(_, None) => {}
        }
        content
    }
}

impl<'a> Lower<'a> {
    fn callee(&mut self, path: &ast::Path) -> Option<Callee<'a>> {
        let unit = self.unit;
        let found = match self.scope.callables.get(&path.name) {
            Some(Callable::Plan(id)) => {
                Some(Callee::Plan(unit.heads.get(*id)?, unit.contents.get(*id).and_then(|c| c.get())))
            }
            Some(Callable::Skill(id)) => unit.signatures.get(*id).cloned().map(Callee::Skill),
            None => signature::standard(unit.catalog, &path.name).map(Callee::Skill),
        };
        match &found {
            Some(callee) => {
                self.cx.refs.push(Ref { span: path.span, def: Def::Callable(path.name.clone()) });
                if let Callee::Skill(s) = callee {
                    self.skills.entry(s.name.clone()).or_insert_with(|| s.clone());
                }
            }
            None => self.unknown_callee(path),
        }
        found
    }

    /// Whether what stands as a call is a function: `xs.map(…)`, `size(xs)`. Those are values, and no step makes them.
    pub(super) fn computes(&self, call: &ast::Call) -> bool {
        let name = &*call.callee.name;
        let of_value = name.rsplit_once('.').is_some_and(|(value, function)| {
            let first = value.split('.').next().unwrap_or(value);
            self.cx.lookup(first).is_some() && functions::computed(function, true)
        });
        // A skill or a plan may have the name of a function; hardly any call gets so far.
        (of_value || functions::computed(name, false))
            && !self.scope.callables.contains_key(name)
            && signature::standard(self.unit.catalog, &call.callee.name).is_none()
    }

    /// A step whose action is a function: a `let` is what was meant.
    pub(super) fn computed_step(&mut self, stmt: &ast::Stmt, step: &ast::Step) {
        let ast::Action::Call(call) = &step.action else { return };
        if !self.computes(call) {
            return;
        }
        let message = format!("`{}` is a function: a step calls a skill or a plan", call.callee.name);
        let d = Diagnostic::new(Code::UnknownSkill, call.callee.span, message)
            .label("a `let` holds what it gives");
        let word = Span { end: step.name.span.start, ..stmt.span };
        let plain = step.clauses.is_empty() && stmt.lead.docs.is_none() && stmt.lead.allows.is_empty();
        self.cx.report(match plain {
            true => d.fix("write `let`", vec![Edit::replace(word, "let ")]),
            false => d.help("write `let`, without clauses"),
        });
    }

    fn unknown_callee(&mut self, path: &ast::Path) {
        let name = &path.name;
        let known: Vec<&str> = if self.cx.guesses() {
            self.unit.catalog.names().chain(self.scope.callables.keys().map(|n| &**n)).collect()
        } else {
            Vec::new()
        };
        let near = nearest(name, known.iter().copied());
        let mut d =
            Diagnostic::new(Code::UnknownSkill, path.span, format!("there is no skill or plan `{name}`"));
        d = match near {
            Some(near) => d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(path.span, near)]),
            None => match nearest_by_words(name, known.iter().copied()) {
                Some(near) => d
                    .label(format!("did you mean `{near}`?"))
                    .unsafe_fix(format!("call `{near}`"), vec![Edit::replace(path.span, near)]),
                None => d.help(without_callee(name, &known)),
            },
        };
        self.cx.report(d);
    }

    /// Lowers a call, of an action, a fallback or a compensation.
    pub(super) fn call(&mut self, call: &ast::Call) -> Called {
        let Some(callee) = self.callee(&call.callee) else {
            let mut args = Vec::new();
            for arg in &call.args {
                let value = self.infer(&arg.value, None);
                let name = arg.name.as_ref().map(|n| n.name.clone()).unwrap_or_default();
                args.push(Arg { name, ty: value.ty.clone(), value });
            }
            let target = Target::Skill(call.callee.name.clone());
            let lowered =
                hir::Call { target, args, output: Type::Error, type_args: Vec::new(), span: call.span };
            return Called { call: lowered, content: Content::default(), ty: Type::Error };
        };
        let mut bindings = self.type_args(call, &callee);
        let mut values: Vec<Option<Expr>> = vec![None; callee.params().len()];
        for (arg, param) in self.assign(call, &callee) {
            let (Some(index), Some(p)) = (param, param.and_then(|i| callee.params().get(i))) else {
                self.infer(&arg.value, None);
                continue;
            };
            let value = self.argument(call, arg, p, &callee, &mut bindings);
            if let Some(slot) = values.get_mut(index)
                && slot.is_none()
            {
                *slot = Some(value);
            }
        }
        self.missing_arguments(call, &callee, &values);
        let broken = values.iter().flatten().any(|v| matches!(v.ty, Type::Error));
        self.unbound(call, &callee, &mut bindings, broken);
        let content = callee.content(&values, call.span);
        let args = callee
            .params()
            .iter()
            .zip(values)
            .filter_map(|(p, v)| Some(Arg { name: p.name.clone(), value: v?, ty: filled(&p.ty, &bindings) }))
            .collect();
        let output = filled(callee.output(), &bindings);
        let type_args = bindings.into_iter().collect();
        let ty = output.clone();
        Called {
            call: hir::Call { target: callee.target(), args, output, type_args, span: call.span },
            content,
            ty,
        }
    }

    fn type_args(&mut self, call: &ast::Call, callee: &Callee<'_>) -> Bindings {
        let mut bindings = Bindings::new();
        let params = callee.type_params();
        let given: Vec<Type> = call.type_args.iter().map(|t| self.cx.resolve_type(t, &[]).0).collect();
        if given.len() > params.len() || (!given.is_empty() && given.len() < params.len()) {
            let wanted = match params.len() {
                0 => "no type arguments".to_owned(),
                1 => "one type argument".to_owned(),
                n => format!("{n} type arguments"),
            };
            let message = format!("`{}` takes {wanted}, {} are given", call.callee.name, given.len());
            let span = call.type_args.first().map_or(call.span, |t| t.span);
            self.cx.report(Diagnostic::new(Code::TypeArguments, span, message));
        }
        for (index, name) in params.iter().enumerate() {
            match given.get(index) {
                Some(ty) => {
                    bindings.insert(name.clone(), ty.clone());
                }
                None if given.is_empty() => {}
                None => {
                    bindings.insert(name.clone(), Type::Error);
                }
            }
        }
        bindings
    }

    /// Which parameter each argument is for; reports what cannot be one.
    fn assign<'c>(&mut self, call: &'c ast::Call, callee: &Callee<'_>) -> Vec<(&'c ast::Arg, Option<usize>)> {
        let params = callee.params();
        let mut required = params.iter().enumerate().filter(|(_, p)| p.default.is_none());
        let sole = match (required.next(), required.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        };
        let positional = call.args.iter().filter(|a| a.name.is_none()).count();
        let mut given: Vec<Option<Span>> = vec![None; params.len()];
        let mut out = Vec::with_capacity(call.args.len());
        for (place, arg) in call.args.iter().enumerate() {
            let index = match &arg.name {
                Some(name) => {
                    let index = params.iter().position(|p| p.name == name.name);
                    if index.is_none() {
                        self.unknown_argument(name, call, params);
                    } else {
                        self.cx.refs.push(Ref {
                            span: name.span,
                            def: Def::Field {
                                owner: Some(call.callee.name.clone()),
                                name: name.name.clone(),
                            },
                        });
                    }
                    index
                }
                None if positional == 1 && sole.is_some() => sole,
                None => {
                    let (meant, sure) = meant(call, place, params);
                    self.positional(arg, call, meant.and_then(|i| params.get(i)), sure);
                    meant
                }
            };
            if let Some(slot) = index.and_then(|i| given.get_mut(i)) {
                if let Some(first) = *slot {
                    self.given_twice(call, place, first, params);
                }
                slot.get_or_insert(arg.span);
            }
            out.push((arg, index));
        }
        out
    }

    fn given_twice(&mut self, call: &ast::Call, place: usize, first: Span, params: &[Param]) {
        let Some(arg) = call.args.get(place) else { return };
        let name = arg.name.as_ref().map(|n| n.name.clone()).unwrap_or_default();
        let d = Diagnostic::new(Code::DuplicateArgument, arg.span, format!("`{name}` is given twice"))
            .also(first, "given here first");
        let before = place.checked_sub(1).and_then(|i| call.args.get(i)).map_or(first, |a| a.span);
        let remove = vec![Edit::delete(Span { start: before.end, ..arg.span })];
        let sources = self.unit.sources;
        self.cx.report(match (only_lacking(call, params), &arg.name) {
            (Some(lacking), Some(name)) => d
                .label(format!("did you mean `{lacking}`?"))
                .help(format!("`{}` needs `{lacking}` too", call.callee.name))
                .unsafe_fix(format!("rename it to `{lacking}`"), vec![Edit::replace(name.span, lacking)]),
            _ if sources.slice(first) == sources.slice(arg.span) => {
                d.label("here again").help("remove one of them").fix("remove it", remove)
            }
            _ => d.label("here again").help("remove one of them").unsafe_fix("remove it", remove),
        });
    }

    fn unknown_argument(&mut self, name: &ast::Ident, call: &ast::Call, params: &[Param]) {
        let message = format!("`{}` has no parameter `{}`", call.callee.name, name.name);
        let mut d = Diagnostic::new(Code::UnknownArgument, name.span, message);
        let named = |p: &Param| call.args.iter().any(|a| a.name.as_ref().is_some_and(|n| n.name == p.name));
        let free = params.iter().filter(|p| !named(p));
        d = match (nearest(&name.name, free.map(|p| &*p.name)), only_lacking(call, params)) {
            (Some(near), _) => d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(name.span, near)]),
            // Nothing else can be meant by it, unless it is one too many.
            (None, Some(lacking)) => d
                .label(format!("did you mean `{lacking}`?"))
                .unsafe_fix(format!("rename it to `{lacking}`"), vec![Edit::replace(name.span, lacking)]),
            (None, None) if params.is_empty() => d.help("remove it: it takes no arguments"),
            (None, None) => {
                let names: Vec<String> = params.iter().map(|p| format!("`{}`", p.name)).collect();
                d.help(format!("use one of {}", names.join(", ")))
            }
        };
        self.cx.report(d);
    }

    fn positional(&mut self, arg: &ast::Arg, call: &ast::Call, param: Option<&Param>, sure: bool) {
        let message = format!("an argument of `{}` stands without its name", call.callee.name);
        let mut d = Diagnostic::new(Code::PositionalArgument, arg.span, message);
        d = match param {
            Some(p) => {
                let edits = vec![Edit::before(arg.span, format!("{}: ", p.name))];
                let title = format!("name it `{}`", p.name);
                d = d.label(format!("perhaps `{}`", p.name));
                if sure { d.fix(title, edits) } else { d.unsafe_fix(title, edits) }
            }
            None => d.label("there is no parameter left for it"),
        };
        self.cx.report(
            d.help("write `name: value`; only a callee with one required parameter takes one without"),
        );
    }

    fn argument(
        &mut self,
        call: &ast::Call,
        arg: &ast::Arg,
        param: &Param,
        callee: &Callee<'_>,
        bindings: &mut Bindings,
    ) -> Expr {
        let target = callee.target();
        let (Target::Skill(name) | Target::Plan(name)) = &target;
        let role = Role::Argument { name: &param.name, callee: name, instead: instead(call, arg, callee) };
        if !has_params(&param.ty) {
            return self.expect(&arg.value, &param.ty, role);
        }
        let wanted = substitute(&param.ty, bindings);
        if !has_params(&wanted) {
            return self.expect(&arg.value, &wanted, role);
        }
        let value = self.infer(&arg.value, None);
        bind(&param.ty, &value.ty, bindings);
        value
    }

    fn missing_arguments(&mut self, call: &ast::Call, callee: &Callee<'_>, values: &[Option<Expr>]) {
        // An argument without a usable name, or with that of another, may be the one that is missing.
        let lost = spare(call, callee.params()) > 0;
        let missing: Vec<&Param> = callee
            .params()
            .iter()
            .zip(values)
            .filter(|(p, v)| v.is_none() && p.default.is_none())
            .map(|(p, _)| p)
            .collect();
        if missing.is_empty() || lost {
            return;
        }
        let names: Vec<String> = missing.iter().map(|p| format!("`{}`", p.name)).collect();
        let message = format!("`{}` needs {}", call.callee.name, names.join(", "));
        let holes: Vec<String> = missing.iter().map(|p| format!("{}: {}", p.name, self.filling(p))).collect();
        let mut d = Diagnostic::new(Code::MissingArgument, call.callee.span, message)
            .label(if missing.len() == 1 { "an argument is left out" } else { "arguments are left out" });
        for p in missing.iter().filter(|p| !crate::catalog::is_stdlib(p.span.source)) {
            d = d.also(p.span, format!("`{}` is declared here", p.name));
        }
        let edit = match call.args.last() {
            Some(last) => Edit::after(last.span, format!(", {}", holes.join(", "))),
            None => {
                let inside = Span { start: call.args_span.start.saturating_add(1), ..call.args_span };
                Edit::before(inside, holes.join(", "))
            }
        };
        self.cx.report(
            d.help(format!("give {}", names.join(", "))).unsafe_fix("insert what is left out", vec![edit]),
        );
    }

    /// A value of the same name and type, else a hole.
    fn filling(&self, param: &Param) -> String {
        let same = self.cx.lookup(&param.name).and_then(|id| self.cx.var(id));
        match same.filter(|v| matches!(fits(&v.ty, &param.ty), Fit::Yes | Fit::Widen)) {
            Some(_) => param.name.to_string(),
            None => hole(&param.ty),
        }
    }

    fn unbound(&mut self, call: &ast::Call, callee: &Callee<'_>, bindings: &mut Bindings, broken: bool) {
        for name in callee.type_params() {
            if bindings.contains_key(name) {
                continue;
            }
            if broken {
                bindings.insert(Name::clone(name), Type::Error);
                continue;
            }
            let message = format!("the type `{name}` of `{}` is said by no argument", call.callee.name);
            let edit = Edit::after(call.callee.span, "<json>");
            self.cx.report(
                Diagnostic::new(Code::UnboundTypeParameter, call.callee.span, message)
                    .help(format!("write it: `{}<…>(…)`", call.callee.name))
                    .unsafe_fix("take `json`", vec![edit]),
            );
            bindings.insert(Name::clone(name), Type::Error);
        }
    }
}

/// The parameter that the nameless argument at `place` is for, and whether that is beyond doubt: the nameless ones are as many as
/// the required ones left, or it stands where the parameter does.
fn meant(call: &ast::Call, place: usize, params: &[Param]) -> (Option<usize>, bool) {
    let named = |p: &Param| call.args.iter().any(|a| a.name.as_ref().is_some_and(|n| n.name == p.name));
    let needed: Vec<usize> = (0..params.len())
        .filter(|i| params.get(*i).is_some_and(|p| p.default.is_none() && !named(p)))
        .collect();
    let nameless = |list: &[ast::Arg]| list.iter().filter(|a| a.name.is_none()).count();
    let before = nameless(call.args.get(..place).unwrap_or_default());
    if nameless(&call.args) == needed.len() {
        return (needed.get(before).copied(), true);
    }
    let free = params.get(place).is_some_and(|p| !named(p));
    (free.then_some(place), free && (needed.is_empty() || needed.get(before) == Some(&place)))
}

/// The only required parameter that is not given, where one argument is spare.
fn only_lacking<'p>(call: &ast::Call, params: &'p [Param]) -> Option<&'p str> {
    let given = |p: &Param| call.args.iter().any(|a| a.name.as_ref().is_some_and(|n| n.name == p.name));
    let mut lacking = params.iter().filter(|p| p.default.is_none() && !given(p));
    match (lacking.next(), lacking.next()) {
        (Some(only), None) if spare(call, params) == 1 => Some(&only.name),
        _ => None,
    }
}

/// How many arguments have not the name of a parameter, or that of an argument before them.
fn spare(call: &ast::Call, params: &[Param]) -> usize {
    let mut named = std::collections::BTreeSet::new();
    let mut takes = |n: &ast::Ident| params.iter().any(|p| p.name == n.name) && named.insert(n.name.clone());
    call.args.iter().filter(|a| !a.name.as_ref().is_some_and(&mut takes)).count()
}

/// The type with its parameters filled in.
fn filled(ty: &Type, bindings: &Bindings) -> Type {
    if bindings.is_empty() { ty.clone() } else { substitute(ty, bindings) }
}

/// What to do where no known name is like this one.
fn without_callee(name: &str, known: &[&str]) -> String {
    let space = name.rsplit_once('.').map(|(space, _)| format!("{space}."));
    let beside = |other: &&&str| space.as_ref().is_some_and(|space| other.starts_with(space));
    let mut beside: Vec<&str> = known.iter().filter(beside).copied().collect();
    beside.sort_unstable();
    beside.dedup();
    match &*beside {
        [] => format!("declare it: `skill {name}(…) -> …`, or bring its file in by `use`"),
        [one] => format!("the only skill beside it is `{one}`"),
        some => format!("the skills beside it are {}", quoted(some)),
    }
}

/// A parameter that takes any value and is not given: what a record for a text may be meant for; and the name that stands there now.
fn instead<'p>(call: &ast::Call, arg: &ast::Arg, callee: &'p Callee<'_>) -> Option<(&'p str, Span)> {
    let name = arg.name.as_ref()?;
    let given = |p: &Param| call.args.iter().any(|a| a.name.as_ref().is_some_and(|n| n.name == p.name));
    let any = |p: &&Param| matches!(shape(&non_null(&p.ty)), Type::Json) && !given(p);
    callee.params().iter().find(any).map(|p| (&*p.name, name.span))
}
