//! Actions that hold bodies: `do`, `for`, `if`, `match`, `loop`, `race`.

use super::body::{Lower, Want};
use super::cx::Role;
use super::effects::Content;
use super::hir::{self, Action, LoopElse, Tolerate, VarKind};
use super::relate::{join, optional, shape};
use super::signature::null;
use crate::diagnostic::{Code, Diagnostic, Edit, Severity, nearest};
use crate::expr::{Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::{self, Pattern};
use crate::types::Type;
use crate::value::Value;
use std::sync::Arc;

/// A lowered action.
pub(super) struct Done {
    pub(super) action: Action,
    pub(super) ty: Type,
    pub(super) content: Content,
    /// The callee's name, for calls.
    pub(super) callee: Option<Arc<str>>,
    /// Its value is a list of bounded length.
    pub(super) bounded: bool,
}

/// An action of which nothing is known, and nothing more is said.
fn unread(span: Span) -> Done {
    let body = hir::Body { stmts: Vec::new(), result: None, until: None, span };
    done(Action::Do(body), Type::Error, Content::default())
}

impl Lower<'_> {
    pub(super) fn action(&mut self, action: &ast::Action) -> Done {
        let first = self.next_var();
        let mut done = match action {
            // Which has been said.
            ast::Action::Call(call) if self.computes(call) => unread(call.span),
            ast::Action::Call(call) => {
                let called = self.call(call);
                let callee = Some(call.callee.name.clone());
                return Done {
                    action: Action::Call(called.call),
                    ty: called.ty,
                    content: called.content,
                    callee,
                    bounded: false,
                };
            }
            ast::Action::Error(span) => unread(*span),
            ast::Action::Do(body) => {
                let (body, ty, content) = self.region(body, Want::Any);
                done(Action::Do(body), ty, content)
            }
            ast::Action::For(f) => self.for_(f),
            ast::Action::If(i) => self.if_(i),
            ast::Action::Match(m) => self.match_(m),
            ast::Action::Loop(l) => self.loop_(l),
            ast::Action::Race(r) => self.race(r),
        };
        done.content.close(first);
        done
    }

    /// A body in a scope of its own.
    fn region(&mut self, body: &ast::Body, want: Want<'_>) -> (hir::Body, Type, Content) {
        self.cx.enter();
        let out = self.body(body, want);
        self.cx.leave();
        (out.body, out.ty, out.content)
    }

    fn count(&mut self, e: &ast::Expr, word: &str) -> Expr {
        self.expect(e, &Type::Int, Role::Clause(word))
    }

    fn for_(&mut self, f: &ast::For) -> Done {
        let list = self.infer(&f.list, None);
        let item_ty = self.item_type(&list);
        let bound = f.bound.as_ref().map(|b| self.count(&b.count, if b.first { "first" } else { "max" }));
        let parallel = f.parallel.as_ref().map(|e| self.count(e, "parallel"));
        let tolerate = f.tolerate.as_ref().map(|t| match t {
            ast::Tolerate::Count(e) => Tolerate::Count(self.count(e, "tolerate")),
            ast::Tolerate::Percent(n, _) => Tolerate::Percent(*n),
        });
        if bound.is_none() && !matches!(list.ty, Type::Error) && !self.is_bounded(&list) {
            self.unbounded(&list);
        }
        self.cx.enter();
        let index = f.index.as_ref().map(|i| self.cx.declare(i, VarKind::Index, Type::Int));
        let item = self.cx.declare(&f.item, VarKind::Item, item_ty);
        let out = self.body(&f.body, Want::Any);
        self.cx.leave();
        let value = if tolerate.is_some() {
            // Too many failures fail the step with the last item's error, so all of them can get out.
            optional(out.ty)
        } else {
            out.ty
        };
        let is_first = f.bound.as_ref().is_some_and(|b| b.first);
        let (max, first) = if is_first { (None, bound) } else { (bound, None) };
        let action = Action::For(Box::new(hir::For {
            item,
            index,
            list,
            max,
            first,
            parallel,
            tolerate,
            body: out.body,
        }));
        Done { bounded: true, ..done(action, Type::List(Arc::new(value)), out.content) }
    }

    fn item_type(&mut self, list: &Expr) -> Type {
        let (code, message) = match shape(&list.ty) {
            Type::List(item) => return (**item).clone(),
            Type::Json => return Type::Json,
            Type::Error => return Type::Error,
            Type::Optional(inner) if matches!(shape(inner), Type::List(_)) => {
                (Code::MaybeNull, "`for` goes over a list, and this may be null".to_owned())
            }
            other => (Code::TypeMismatch, format!("`for` goes over a list, found `{other}`")),
        };
        let mut d = Diagnostic::new(code, list.span, message).label(format!("`{}`", list.ty));
        if code == Code::MaybeNull {
            d = d
                .help("say what stands for null: `… ?? []`")
                .unsafe_fix("take an empty list", vec![Edit::after(list.span, " ?? []")]);
        }
        self.cx.report(d);
        Type::Error
    }

    fn unbounded(&mut self, list: &Expr) {
        let mut d = Diagnostic::new(Code::UnboundedFor, list.span, "the list may have any length")
            .label("no bound is known")
            .help("add `max N` (more items fail) or `first N` (the rest is left out)")
            .unsafe_fix("add a bound", vec![Edit::after(list.span, " max 100")]);
        if self.budget {
            d.severity = Severity::Error;
        }
        self.cx.report(d);
    }

    fn if_(&mut self, i: &ast::If) -> Done {
        let mut arms = Vec::with_capacity(i.arms.len());
        let mut content = Content::default();
        let mut ty: Option<Type> = None;
        let mut marks = Vec::new();
        for (cond, body) in &i.arms {
            let cond = self.expect(cond, &Type::Bool, Role::Condition);
            let mark = self.cx.assume(&cond, true);
            let (body, value, inner) = self.region(body, Want::Any);
            self.cx.forget(mark);
            marks.push(self.cx.assume(&cond, false));
            content.merge(inner);
            ty = Some(joined(ty, value));
            arms.push((cond, body));
        }
        let otherwise = i.otherwise.as_ref().map(|body| {
            let (body, value, inner) = self.region(body, Want::Any);
            content.merge(inner);
            ty = Some(joined(ty.take(), value));
            body
        });
        for mark in marks.into_iter().rev() {
            self.cx.forget(mark);
        }
        let mut ty = ty.unwrap_or(Type::Null);
        if otherwise.is_none() {
            ty = optional(ty);
        }
        done(Action::If(hir::If { arms, otherwise }), ty, content)
    }

    fn match_(&mut self, m: &ast::Match) -> Done {
        let subject = self.infer(&m.subject, None);
        let mut cases = Cases::of(&subject.ty);
        if matches!(cases, Cases::Wrong) {
            let message =
                format!("`match` takes a union of literals, a bool or a string, found `{}`", subject.ty);
            self.cx.report(
                Diagnostic::new(Code::TypeMismatch, subject.span, message).help("convert it, or use `if`"),
            );
        }
        let mut arms = Vec::with_capacity(m.arms.len());
        let mut content = Content::default();
        let mut ty: Option<Type> = None;
        let mut rest = false;
        let mut seen: Vec<Value> = Vec::new();
        for arm in &m.arms {
            let mut values = Vec::new();
            let mut any = false;
            for (index, pattern) in arm.pattern.iter().enumerate() {
                let value = match pattern {
                    Pattern::Any(span) => {
                        if rest || cases.none_left(&seen) {
                            self.dead_arm(*span, "every case is taken above", cut(m, arm, index));
                        }
                        any = true;
                        continue;
                    }
                    Pattern::Text(text) => (Value::String(text.value.clone()), text.span),
                    Pattern::Bool(b, span) => (Value::Bool(*b), *span),
                };
                self.pattern(&value, &cases, &seen, rest, &subject.ty, cut(m, arm, index));
                seen.push(value.0.clone());
                let pattern_ty = if matches!(value.0, Value::Bool(_)) { Type::Bool } else { Type::String };
                values.push(Expr {
                    kind: Box::new(ExprKind::Literal(value.0)),
                    span: value.1,
                    ty: pattern_ty,
                });
            }
            rest |= any;
            let (body, value, inner) = self.region(&arm.body, Want::Any);
            content.merge(inner);
            ty = Some(joined(ty, value));
            arms.push((if any { Vec::new() } else { values }, body));
        }
        if !rest {
            self.not_exhaustive(m, &mut cases, &seen);
        }
        done(Action::Match(hir::Match { subject, arms }), ty.unwrap_or(Type::Null), content)
    }

    fn pattern(
        &mut self,
        (value, span): &(Value, Span),
        cases: &Cases,
        seen: &[Value],
        rest: bool,
        ty: &Type,
        cut: Option<Span>,
    ) {
        let span = *span;
        if rest || seen.iter().any(|s| same(s, value)) {
            self.dead_arm(span, if rest { "`_` stands above it" } else { "the case is taken above" }, cut);
            return;
        }
        match (cases, value) {
            (Cases::Texts(all, _), Value::String(text)) => {
                if !all.contains(text) {
                    let message = format!("the value is never {:?}", &**text);
                    let mut d =
                        Diagnostic::new(Code::DeadArm, span, message).label(format!("the type is `{ty}`"));
                    if let Some(near) = nearest(text, all.iter().map(|t| &**t)) {
                        d = d.fix(
                            format!("rename it to {near:?}"),
                            vec![Edit::replace(span, format!("{near:?}"))],
                        );
                    }
                    self.cx.report(d);
                }
            }
            (Cases::Bools(_), Value::Bool(_))
            | (Cases::Any, Value::String(_))
            | (Cases::Wrong | Cases::Unknown, _) => {}
            (Cases::Texts(..) | Cases::Bools(_) | Cases::Any, _) => {
                let message = format!("the pattern does not fit `{ty}`");
                self.cx.report(Diagnostic::new(Code::TypeMismatch, span, message));
            }
        }
    }

    /// `cut`: what to delete, where the rest stays a plan.
    fn dead_arm(&mut self, span: Span, why: &str, cut: Option<Span>) {
        let mut d = Diagnostic::new(Code::DeadArm, span, format!("the arm is never taken: {why}"));
        if let Some(cut) = cut {
            d = d.fix("remove it", vec![Edit::delete(cut)]);
        }
        self.cx.report(d.help("remove it"));
    }

    fn not_exhaustive(&mut self, m: &ast::Match, cases: &mut Cases, seen: &[Value]) {
        let (left, open) = cases.left(seen);
        if left.is_empty() && !open {
            return;
        }
        let mut names = left.clone();
        if open {
            names.push("_".into());
        }
        let listed: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        let message = format!("the `match` leaves out {}", listed.join(", "));
        let close = Span { start: m.span.end.saturating_sub(1), ..m.span };
        let arms: String = names.iter().map(|n| format!("  {n} => {{}}\n  ")).collect();
        self.cx.report(
            Diagnostic::new(Code::NotExhaustive, m.subject.span, message)
                .label("not every value has an arm")
                .help("add an arm for each, or `_ => { … }`")
                .unsafe_fix("add the arms", vec![Edit::before(close, arms)]),
        );
    }

    fn loop_(&mut self, l: &ast::Loop) -> Done {
        let declared = l.ty.as_ref().map(|t| self.cx.resolve_type(t, &[]).0);
        let init = match &declared {
            Some(ty) => self.expect(&l.init, ty, Role::Init),
            None => self.infer(&l.init, None),
        };
        let ty = declared.unwrap_or_else(|| match shape(&init.ty) {
            Type::Literals(_) => Type::String,
            Type::Null => Type::Json,
            _ => init.ty.clone(),
        });
        let max = match &l.max {
            Some(max) => self.count(max, "max"),
            None => {
                let d = Diagnostic::new(Code::UnboundedFor, l.var.span, "the `loop` has no `max N`");
                let mut d = d.label("it could go on for ever").help("add `max N` behind its start");
                d.severity = Severity::Error;
                self.cx.report(d);
                null(l.span)
            }
        };
        let every = l.every.as_ref().map(|e| self.expect(e, &Type::Duration, Role::Clause("every")));
        let otherwise = match &l.otherwise {
            None => LoopElse::Exhausted,
            Some(ast::LoopElse::Last(_)) => LoopElse::Last,
            Some(ast::LoopElse::Fail(e)) => {
                LoopElse::Fail(self.cx.expect(e, &Type::String, Role::Other("the message")))
            }
        };
        self.cx.enter();
        let var = self.cx.declare(&l.var, VarKind::Loop, ty.clone());
        let it = self.cx.declare_hidden("it", l.var.span, VarKind::It, ty.clone());
        let out = self.body(&l.body, Want::Loop(&ty));
        self.cx.leave();
        if out.body.result.is_none() {
            let d = Diagnostic::new(
                Code::TypeMismatch,
                l.body.span.head(),
                "the body of a `loop` has no `return`",
            );
            self.cx.report(d.help("end it with `return value until condition`"));
        }
        let action =
            Action::Loop(Box::new(hir::Loop { var, it, init, max, every, otherwise, body: out.body }));
        done(action, ty, out.content)
    }

    fn race(&mut self, r: &ast::Race) -> Done {
        let mut branches = Vec::with_capacity(r.branches.len());
        let mut content = Content::default();
        let mut ty: Option<Type> = None;
        for body in &r.branches {
            let (body, value, inner) = self.region(body, Want::Any);
            if let Some(place) = inner.writes {
                let d = Diagnostic::new(
                    Code::RaceWrites,
                    place,
                    "a branch of a `race` writes and does not compensate",
                );
                self.cx.report(
                    d.label("what it did stays when it loses")
                        .help("add `compensate …`, or write behind the `race`"),
                );
            }
            content.merge(inner);
            ty = Some(joined(ty, value));
            branches.push(body);
        }
        done(Action::Race(branches), ty.unwrap_or(Type::Null), content)
    }
}

fn done(action: Action, ty: Type, content: Content) -> Done {
    Done { action, ty, content, callee: None, bounded: false }
}

fn joined(known: Option<Type>, next: Type) -> Type {
    match known {
        None => next,
        Some(known) => join(&known, &next),
    }
}

/// What a `match` must tell apart.
enum Cases {
    /// The literals, and whether null must be taken too.
    Texts(Arc<[Arc<str>]>, bool),
    Bools(bool),
    /// Any string.
    Any,
    Unknown,
    Wrong,
}

impl Cases {
    fn of(ty: &Type) -> Cases {
        let (ty, null) = match shape(ty) {
            Type::Optional(inner) => (shape(inner), true),
            other => (other, false),
        };
        match ty {
            Type::Literals(all) => Cases::Texts(all.clone(), null),
            Type::Bool => Cases::Bools(null),
            Type::String => Cases::Any,
            Type::Error => Cases::Unknown,
            _ => Cases::Wrong,
        }
    }

    /// The cases without an arm, as patterns, and whether only `_` can take the rest.
    fn left(&self, seen: &[Value]) -> (Vec<String>, bool) {
        let texts = |all: &[Arc<str>]| {
            let taken = |t: &Arc<str>| seen.iter().any(|s| matches!(s, Value::String(s) if s == t));
            all.iter().filter(|t| !taken(t)).map(|t| format!("{:?}", &**t)).collect()
        };
        match self {
            Cases::Texts(all, null) => (texts(all), *null),
            Cases::Bools(null) => {
                let taken = |b: bool| seen.iter().any(|s| matches!(s, Value::Bool(s) if *s == b));
                ([true, false].into_iter().filter(|b| !taken(*b)).map(|b| b.to_string()).collect(), *null)
            }
            Cases::Any => (Vec::new(), true),
            Cases::Unknown | Cases::Wrong => (Vec::new(), false),
        }
    }

    fn none_left(&self, seen: &[Value]) -> bool {
        match self {
            Cases::Unknown | Cases::Wrong => false,
            Cases::Texts(..) | Cases::Bools(_) | Cases::Any => {
                let (left, open) = self.left(seen);
                left.is_empty() && !open
            }
        }
    }
}

/// What to delete for the pattern at `index` of an arm: it alone, or the arm; nothing where no arm would be left.
fn cut(m: &ast::Match, arm: &ast::MatchArm, index: usize) -> Option<Span> {
    let span = |p: &Pattern| match p {
        Pattern::Any(span) | Pattern::Bool(_, span) => *span,
        Pattern::Text(text) => text.span,
    };
    let at = |i: usize| arm.pattern.get(i).map(span);
    let own = at(index)?;
    match (index.checked_sub(1).and_then(at), at(index + 1)) {
        (None, None) => (m.arms.len() > 1).then_some(arm.span),
        (Some(before), _) => Some(Span { start: before.end, ..own }),
        (None, Some(next)) => Some(Span { end: next.start, ..own }),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => false,
    }
}
