//! `on_error`: which errors can occur, who handles them, what still gets out.

use super::body::Lower;
use super::bounds::time_text;
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
    /// Whether calling it twice may act twice.
    pub(super) acts_twice: bool,
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
    /// Whether what gets out is an error of a fallback: the first one is gone.
    replaced: bool,
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
                    if !lowered.replaced {
                        content.throws = thrown;
                    }
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
        // By kind: whether the first unguarded arm that names it lets it not get out.
        let mut caught: IndexMap<Name, bool> = IndexMap::new();
        let mut catch_all: Option<bool> = None;
        for arm in arms {
            let any = arm.kinds.iter().any(|k| &*k.name == "_");
            // What it may throw is not known where it is not known what it is.
            let named = arm.kinds.iter().enumerate().filter(|_| !matches!(step.ty, Type::Error));
            for (index, kind) in named.filter(|(_, k)| &*k.name != "_") {
                let again = arm.kinds.iter().take(index).any(|k| k.name == kind.name);
                let taken = again || caught.contains_key(&kind.name) || catch_all.is_some();
                self.handler(kind, cut(arm, arms.len(), index), step, thrown, taken);
            }
            if let (true, true, Some(first)) = (any, catch_all.is_some(), arm.kinds.first()) {
                self.dead_handler(first.span, "an arm above takes every error", Some(arm.span));
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
                let gone = lowered.handles || lowered.replaced;
                for kind in arm.kinds.iter().filter(|k| &*k.name != "_") {
                    caught.entry(kind.name.clone()).or_insert(gone);
                }
                if any && catch_all.is_none() {
                    catch_all = Some(gone);
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
            // It is what happens to every error that nobody handles.
            .fix("abort on them", vec![Edit::before(brace, arms)]),
        );
    }

    /// Whether an error named by an arm can occur at all.
    fn handler(
        &mut self,
        kind: &ast::Ident,
        cut: Option<Span>,
        step: &StepErrors,
        thrown: &IndexMap<Arc<str>, Type>,
        taken: bool,
    ) {
        let name = &*kind.name;
        if name == "cancelled" {
            self.dead_handler(kind.span, "`cancelled` cannot be handled", cut);
        } else if step.approve_else && matches!(name, "denied" | "expired") {
            self.dead_handler(kind.span, "the `else` of `approve` takes it", cut);
        } else if AMBIENT.contains(&name) || thrown.contains_key(name) {
            if taken {
                self.dead_handler(kind.span, "an arm above takes it", cut);
            }
        } else if self.known_kind(name) {
            let who = step
                .callee
                .as_ref()
                .map_or_else(|| "nothing in this step".to_owned(), |c| format!("`{c}` never"));
            self.dead_handler(kind.span, &format!("{who} throws `{name}`"), cut);
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

    /// `cut`: what to delete, where the rest stays a plan.
    fn dead_handler(&mut self, span: Span, why: &str, cut: Option<Span>) {
        let mut d = Diagnostic::new(Code::DeadHandler, span, format!("the handler is never used: {why}"));
        if let Some(cut) = cut {
            d = d.fix("remove it", vec![Edit::delete(cut)]);
        }
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
            self.dead_handler(first.span, &format!("`retry` never repeats after `{}`", first.name), None);
        }
    }

    fn chain(&mut self, chain: &ast::Chain, step: &StepErrors, content: &mut Content) -> ChainOut {
        let mut out = ChainOut {
            reactions: Vec::new(),
            handles: false,
            continues: false,
            escapes: IndexMap::new(),
            replaced: false,
        };
        let mut ended = None;
        for (index, reaction) in chain.reactions.iter().enumerate() {
            if let Some(end) = ended {
                let last = chain.reactions.last().map_or(reaction.span, |r| r.span);
                let rest = Span { start: end, end: last.end, ..reaction.span };
                self.dead_handler(reaction.span, "the chain has ended before it", Some(rest));
                break;
            }
            let lowered = match &reaction.kind {
                ReactionKind::Abort => {
                    ended = Some(reaction.span.end);
                    Reaction::Abort
                }
                ReactionKind::Continue => {
                    (ended, out.handles, out.continues) = (Some(reaction.span.end), true, true);
                    Reaction::Continue
                }
                ReactionKind::Use(value) => {
                    (ended, out.handles) = (Some(reaction.span.end), true);
                    Reaction::Use(self.recovery(value, &step.ty))
                }
                ReactionKind::Fail(message) => {
                    (ended, out.handles) = (Some(reaction.span.end), true);
                    Reaction::Fail(self.cx.expect(message, &Type::String, Role::Other("the message")))
                }
                ReactionKind::Fallback(call) => {
                    match self.fallback(call, reaction.span, step, content, &mut out) {
                        Some(reaction) => reaction,
                        None => continue,
                    }
                }
                ReactionKind::Retry { count, backoff } => {
                    match self.retry(count, backoff.as_ref(), reaction.span, step, without(chain, index)) {
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
        // Without a value for an argument it is not called, and the first error stays.
        let sure = called.call.args.iter().all(|a| !self.reads_missing(&a.value));
        out.replaced |= sure;
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
        without: Vec<Edit>,
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
        if step.acts_twice {
            let who = step.callee.clone().unwrap_or_default();
            self.cx.report(
                Diagnostic::new(
                    Code::UnsafeRetry,
                    span,
                    format!("`{who}` is repeated, and twice it may act twice"),
                )
                .label("it writes and is not idempotent")
                .help("declare the skill `idempotent` or `idempotent by key` if it is, or take `retry` away")
                .unsafe_fix("do not repeat it", without),
            );
        }
        if let (Some(n), Some(wait), None, Some(limit)) = (
            constant_int(&count),
            lowered.from.as_ref().and_then(constant_ms),
            lowered.to.as_ref(),
            step.deadline,
        ) && i128::from(n).saturating_mul(wait) > limit
        {
            let (wait, limit) = (time_text(wait), time_text(limit));
            let message = format!("{n} waits of {wait} do not fit the deadline of {limit}");
            let d =
                Diagnostic::new(Code::ImpossibleDeadline, span, message).label("the deadline passes first");
            self.cx.report(d.help("retry less, wait less, or lengthen the deadline"));
        }
        Some(Reaction::Retry { count, backoff: lowered })
    }
}

/// Takes the reaction at `index` out of a chain.
fn without(chain: &ast::Chain, index: usize) -> Vec<Edit> {
    let at = |i: usize| chain.reactions.get(i).map(|r| r.span);
    let Some(own) = at(index) else { return Vec::new() };
    let edit = match (index.checked_sub(1).and_then(at), at(index + 1)) {
        (_, Some(next)) => Edit::delete(Span { end: next.start, ..own }),
        (Some(before), None) => Edit::delete(Span { start: before.end, ..own }),
        (None, None) => Edit::replace(own, "abort"),
    };
    vec![edit]
}

/// What to delete for the error at `index` of an arm: it alone, or the arm; nothing where no arm would be left.
fn cut(arm: &ast::ErrorArm, arms: usize, index: usize) -> Option<Span> {
    let at = |i: usize| arm.kinds.get(i).map(|k| k.span);
    let own = at(index)?;
    match (index.checked_sub(1).and_then(at), at(index + 1)) {
        (None, None) => (arms > 1).then_some(arm.span),
        (Some(before), _) => Some(Span { start: before.end, ..own }),
        (None, Some(next)) => Some(Span { end: next.start, ..own }),
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
