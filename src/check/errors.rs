//! `on_error`: which errors can occur, who handles them, what still gets out.

use super::body::Lower;
use super::clauses::{constant_int, constant_ms};
use super::cx::Role;
use super::effects::Content;
use super::hir::{self, Backoff, Reaction, VarKind};
use super::relate::{Fit, fits, join};
use crate::catalog::standard_names;
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::Span;
use crate::syntax::ast::{self, Name, OnError, ReactionKind};
use crate::types::{Field, Labels, RecordType, Type};
use indexmap::IndexMap;
use std::sync::{Arc, LazyLock};

/// The errors that every call may have.
pub(crate) const AMBIENT: &[&str] = &[
    "timeout",
    "unavailable",
    "invalid_input",
    "invalid_output",
    "internal",
    "expression",
    "in_doubt",
    "denied",
    "expired",
    "exhausted",
    "limit",
    "budget",
    "failed",
];

/// The errors that `retry` leaves alone.
const NEVER_RETRIED: &[&str] = &["expression", "denied", "expired", "in_doubt", "budget", "limit"];

/// What an `on_error` must know of its step.
pub(super) struct StepErrors {
    /// The callee's name, for calls.
    pub(super) callee: Option<Arc<str>>,
    pub(super) ty: Type,
    pub(super) is_call: bool,
    /// `approve … else`: no `denied`, no `expired`.
    pub(super) approve_else: bool,
    /// Milliseconds, where it is a constant.
    pub(super) deadline: Option<i128>,
}

/// The lowered handlers.
#[derive(Default)]
pub(super) struct Handled {
    pub(super) arms: Vec<hir::ErrorArm>,
    /// Whether some reaction leaves the step without a value and the body goes on.
    pub(super) continues: bool,
}

/// A lowered chain.
struct ChainOut {
    reactions: Vec<Reaction>,
    /// Whether it ends the error.
    handles: bool,
    continues: bool,
    /// Errors of fallbacks that get out.
    escapes: IndexMap<Arc<str>, Type>,
}

impl Lower<'_> {
    /// Lowers the handlers; takes what they handle out of `content`.
    pub(super) fn on_error(
        &mut self,
        clause: Option<(&OnError, Span)>,
        step: &StepErrors,
        content: &mut Content,
    ) -> Handled {
        let Some((on_error, span)) = clause else { return Handled::default() };
        let thrown = std::mem::take(&mut content.throws);
        let mut out = Handled::default();
        match on_error {
            OnError::Chain(chain) => {
                self.cx.enter();
                let ty = any_error(&thrown);
                let error = self.cx.declare_hidden(WORDS.error.clone(), chain.span, VarKind::Error, ty);
                let lowered = self.chain(chain, step, content);
                self.cx.leave();
                if !lowered.handles {
                    content.throws = thrown;
                    lowered.escapes.iter().for_each(|(k, t)| content.throw(k, t));
                }
                out.continues = lowered.continues;
                out.arms.push(hir::ErrorArm {
                    kinds: Vec::new(),
                    error,
                    guard: None,
                    reactions: lowered.reactions,
                    span: chain.span,
                });
            }
            OnError::Arms(arms) => self.arms(arms, span, step, &thrown, content, &mut out),
        }
        out
    }

    fn arms(
        &mut self,
        arms: &[ast::ErrorArm],
        span: Span,
        step: &StepErrors,
        thrown: &IndexMap<Arc<str>, Type>,
        content: &mut Content,
        out: &mut Handled,
    ) {
        // By kind: handled by the first unguarded arm that names it.
        let mut caught: IndexMap<Name, bool> = IndexMap::new();
        let mut catch_all: Option<bool> = None;
        for arm in arms {
            let any = arm.kinds.iter().any(|k| &*k.name == "_");
            for kind in arm.kinds.iter().filter(|k| &*k.name != "_") {
                self.handler(kind, step, thrown, caught.contains_key(&kind.name) || catch_all.is_some());
            }
            if let (true, true, Some(first)) = (any, catch_all.is_some(), arm.kinds.first()) {
                self.dead_handler(first.span, "an arm above takes every error");
            }
            self.cx.enter();
            let ty = arm_error_type(&arm.kinds, thrown);
            let error = match &arm.binding {
                Some(name) => self.cx.declare(name, VarKind::Error, ty),
                None => self.cx.declare_hidden(WORDS.error.clone(), arm.span, VarKind::Error, ty),
            };
            let guard = arm.guard.as_ref().map(|g| self.expect(g, &Type::Bool, Role::Condition));
            let mark = guard.as_ref().map(|g| self.cx.assume(g, true));
            let lowered = self.chain(&arm.chain, step, content);
            if let Some(mark) = mark {
                self.cx.forget(mark);
            }
            self.cx.leave();
            self.retry_of_nothing(arm, &lowered.reactions);
            if guard.is_none() {
                for kind in arm.kinds.iter().filter(|k| &*k.name != "_") {
                    caught.entry(kind.name.clone()).or_insert(lowered.handles);
                }
                if any && catch_all.is_none() {
                    catch_all = Some(lowered.handles);
                }
            }
            out.continues |= lowered.continues;
            lowered.escapes.iter().for_each(|(k, t)| content.throw(k, t));
            out.arms.push(hir::ErrorArm {
                kinds: if any { Vec::new() } else { arm.kinds.iter().map(|k| k.name.clone()).collect() },
                error,
                guard,
                reactions: lowered.reactions,
                span: arm.span,
            });
        }
        let mut left = Vec::new();
        for (kind, details) in thrown {
            match caught.get(kind).copied().or(catch_all) {
                Some(true) => {}
                Some(false) => content.throw(kind, details),
                None => {
                    left.push(kind.clone());
                    content.throw(kind, details);
                }
            }
        }
        // An arm for an error that does not exist may be meant for one of these.
        let stray = |k: &&ast::Ident| {
            let name = &*k.name;
            name != "_" && !AMBIENT.contains(&name) && !thrown.contains_key(name) && !self.known_kind(name)
        };
        if !arms.iter().flat_map(|a| &a.kinds).any(|k| stray(&k)) {
            self.unhandled(&left, span, step);
        }
    }

    fn unhandled(&mut self, left: &[Name], span: Span, step: &StepErrors) {
        if left.is_empty() {
            return;
        }
        let names: Vec<String> = left.iter().map(|n| format!("`{n}`")).collect();
        let who = step.callee.as_ref().map_or_else(|| "this step".to_owned(), |c| format!("`{c}`"));
        let message = format!("{who} may throw {}, which no arm takes", names.join(", "));
        let arms: String = left.iter().map(|n| format!("  {n} => abort\n    ")).collect();
        let brace = Span { start: span.end.saturating_sub(1), ..span };
        self.cx.report(
            Diagnostic::new(
                Code::UnhandledError,
                Span { end: span.start.saturating_add(8).min(span.end), ..span },
                message,
            )
            .label("these handlers are not complete")
            .help("add an arm for each, or `_ => …`")
            .unsafe_fix("abort on them", vec![Edit::before(brace, arms)]),
        );
    }

    /// Whether an error named by an arm can occur at all.
    fn handler(
        &mut self,
        kind: &ast::Ident,
        step: &StepErrors,
        thrown: &IndexMap<Arc<str>, Type>,
        taken: bool,
    ) {
        let name = &*kind.name;
        if name == "cancelled" {
            self.dead_handler(kind.span, "`cancelled` cannot be handled");
        } else if step.approve_else && matches!(name, "denied" | "expired") {
            self.dead_handler(kind.span, "the `else` of `approve` takes it");
        } else if AMBIENT.contains(&name) || thrown.contains_key(name) {
            if taken {
                self.dead_handler(kind.span, "an arm above takes it");
            }
        } else if self.known_kind(name) {
            let who = step
                .callee
                .as_ref()
                .map_or_else(|| "nothing in this step".to_owned(), |c| format!("`{c}` never"));
            self.dead_handler(kind.span, &format!("{who} throws `{name}`"));
        } else {
            let candidates = thrown.keys().map(|k| &**k).chain(AMBIENT.iter().copied()).chain(["_"]);
            let mut d =
                Diagnostic::new(Code::UnknownErrorKind, kind.span, format!("there is no error `{name}`"));
            d = match nearest(name, candidates) {
                Some(near) => d
                    .label(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(kind.span, near)]),
                None => {
                    let own: Vec<String> = thrown.keys().map(|k| format!("`{k}`")).collect();
                    if own.is_empty() {
                        d.help("name an error of every call, such as `timeout`, or `_`")
                    } else {
                        d.help(format!("the callee throws {}", own.join(", ")))
                    }
                }
            };
            self.cx.report(d);
        }
    }

    fn dead_handler(&mut self, span: Span, why: &str) {
        let d = Diagnostic::new(Code::DeadHandler, span, format!("the handler is never used: {why}"));
        self.cx.report(d.help("remove it"));
    }

    /// Whether any skill throws an error of this name.
    fn known_kind(&self, name: &str) -> bool {
        let own = self.unit.signatures.iter().any(|s| s.throws.iter().any(|k| &*k.name == name));
        let plans = || self.unit.contents.iter().filter_map(|c| c.get()).any(|c| c.throws.contains_key(name));
        let standard = || {
            standard_names().iter().any(|skill| {
                self.unit.catalog.lookup(skill).is_some_and(|s| {
                    s.clauses.iter().any(|c| match &c.kind {
                        ast::SkillClauseKind::Throws(list) => list.iter().any(|e| &*e.name.name == name),
                        _ => false,
                    })
                })
            })
        };
        own || plans() || standard()
    }

    fn retry_of_nothing(&mut self, arm: &ast::ErrorArm, reactions: &[Reaction]) {
        let all = !arm.kinds.is_empty() && arm.kinds.iter().all(|k| NEVER_RETRIED.contains(&&*k.name));
        let retries = reactions.iter().any(|r| matches!(r, Reaction::Retry { .. }));
        if let (true, true, Some(first)) = (all, retries, arm.kinds.first()) {
            self.dead_handler(first.span, &format!("`retry` never repeats after `{}`", first.name));
        }
    }

    fn chain(&mut self, chain: &ast::Chain, step: &StepErrors, content: &mut Content) -> ChainOut {
        let mut out =
            ChainOut { reactions: Vec::new(), handles: false, continues: false, escapes: IndexMap::new() };
        let mut ended = false;
        for reaction in &chain.reactions {
            if ended {
                self.dead_handler(reaction.span, "the chain has ended before it");
                break;
            }
            let lowered = match &reaction.kind {
                ReactionKind::Abort => {
                    ended = true;
                    Reaction::Abort
                }
                ReactionKind::Continue => {
                    (ended, out.handles, out.continues) = (true, true, true);
                    Reaction::Continue
                }
                ReactionKind::Use(value) => {
                    (ended, out.handles) = (true, true);
                    Reaction::Use(self.recovery(value, &step.ty))
                }
                ReactionKind::Fail(message) => {
                    (ended, out.handles) = (true, true);
                    Reaction::Fail(self.cx.expect(message, &Type::String, Role::Other("the message")))
                }
                ReactionKind::Fallback(call) => {
                    match self.fallback(call, reaction.span, step, content, &mut out) {
                        Some(reaction) => reaction,
                        None => continue,
                    }
                }
                ReactionKind::Retry { count, backoff } => {
                    match self.retry(count, backoff.as_ref(), reaction.span, step, content) {
                        Some(reaction) => reaction,
                        None => continue,
                    }
                }
            };
            out.reactions.push(lowered);
        }
        if out.handles {
            out.escapes.clear();
        }
        out
    }

    /// A value in place of the step's: it must have the step's type.
    fn recovery(&mut self, value: &ast::Expr, ty: &Type) -> crate::expr::Expr {
        // What an error arm reads is evaluated only there: it does not make the step one that may be skipped.
        match ty {
            Type::Error => self.cx.infer(value, None),
            ty => self.cx.expect(value, ty, Role::Other("`use`")),
        }
    }

    fn fallback(
        &mut self,
        call: &ast::Call,
        span: Span,
        step: &StepErrors,
        content: &mut Content,
        out: &mut ChainOut,
    ) -> Option<Reaction> {
        let strict = self.strict;
        let called = self.call(call);
        self.strict = strict;
        if !step.is_call {
            self.region_only(span, "fallback");
            return None;
        }
        if !matches!(fits(&called.ty, &step.ty), Fit::Yes | Fit::Widen) {
            let message = format!("`fallback` gives `{}`, the step `{}`", called.ty, step.ty);
            let d = Diagnostic::new(Code::TypeMismatch, call.span, message);
            self.cx.report(d.help("call something that gives the type of the step"));
        }
        let Content { throws, effects, acts_twice, writes } = called.content;
        out.escapes.extend(throws);
        content.effects.extend(effects);
        content.acts_twice |= acts_twice;
        content.writes = content.writes.or(writes);
        Some(Reaction::Fallback(Box::new(called.call)))
    }

    fn region_only(&mut self, span: Span, word: &str) {
        let d = Diagnostic::new(Code::MisplacedClause, span, format!("`{word}` stands on calls only"))
            .label("this step is no call");
        self.cx.report(d.help(format!("put `{word}` on a call inside")));
    }

    fn retry(
        &mut self,
        count: &ast::Expr,
        backoff: Option<&ast::Backoff>,
        span: Span,
        step: &StepErrors,
        content: &Content,
    ) -> Option<Reaction> {
        let count = self.cx.expect(count, &Type::Int, Role::Clause("retry"));
        let mut lowered = Backoff::default();
        if let Some(b) = backoff {
            lowered.from = Some(self.cx.expect(&b.from, &Type::Duration, Role::Clause("backoff")));
            lowered.to = b.to.as_ref().map(|e| self.cx.expect(e, &Type::Duration, Role::Clause("backoff")));
        }
        if !step.is_call {
            self.region_only(span, "retry");
            return None;
        }
        if content.acts_twice {
            let who = step.callee.clone().unwrap_or_default();
            self.cx.report(
                Diagnostic::new(
                    Code::UnsafeRetry,
                    span,
                    format!("`{who}` is repeated, and twice it may act twice"),
                )
                .label("it writes and is not idempotent")
                .help("declare the skill `idempotent` or `idempotent by key` if it is, or take `retry` away"),
            );
        }
        if let (Some(n), Some(wait), None, Some(limit)) = (
            constant_int(&count),
            lowered.from.as_ref().and_then(constant_ms),
            lowered.to.as_ref(),
            step.deadline,
        ) && i128::from(n) * wait > limit
        {
            let message = format!("{n} waits of {wait} ms do not fit the deadline of {limit} ms");
            let d = Diagnostic::new(Code::ImpossibleDeadline, span, message);
            self.cx.report(d.help("retry less, wait less, or lengthen the deadline"));
        }
        Some(Reaction::Retry { count, backoff: lowered })
    }
}

/// The type of `error` in an arm for these kinds.
fn arm_error_type(kinds: &[ast::Ident], thrown: &IndexMap<Arc<str>, Type>) -> Type {
    if kinds.iter().any(|kind| &*kind.name == "_") {
        return any_error(thrown);
    }
    let mut details: Option<Type> = None;
    for kind in kinds {
        let ty = match thrown.get(&kind.name) {
            Some(ty) => ty.clone(),
            None if AMBIENT.contains(&&*kind.name) => Type::Json,
            None => Type::Error,
        };
        details = Some(match details {
            None => ty,
            Some(known) => join(&known, &ty),
        });
    }
    error_type(kinds.iter().map(|kind| kind.name.clone()).collect(), details.unwrap_or(Type::Json))
}

/// The type of an error that may be of any kind.
pub(super) fn any_error(thrown: &IndexMap<Arc<str>, Type>) -> Type {
    error_type(thrown.keys().chain(&WORDS.ambient).cloned().collect(), Type::Json)
}

/// The words in the types of errors, made once: nearly every step has such a type.
struct Words {
    error: Name,
    ambient: Vec<Name>,
    fields: [Name; 5],
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    error: "error".into(),
    ambient: AMBIENT.iter().map(|kind| Name::from(*kind)).collect(),
    fields: ["kind", "message", "skill", "attempt", "details"].map(Name::from),
});

/// `{ kind, message, skill, attempt, details }`
fn error_type(kinds: Arc<[Name]>, details: Type) -> Type {
    let types = [Type::Literals(kinds), Type::String, Type::String, Type::Int, details];
    let field = |ty: Type| Field { ty, optional: false, labels: Labels::default(), docs: None };
    let fields = WORDS.fields.iter().cloned().zip(types.map(field)).collect();
    Type::Record(Arc::new(RecordType { fields }))
}
