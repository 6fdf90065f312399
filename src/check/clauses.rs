//! Steps: the clauses around an action.

use super::body::Lower;
use super::cx::Role;
use super::effects::Content;
use super::errors::{StepErrors, any_error};
use super::hir::{self, ApproveElse, ApproveStage};
use super::narrow::MayMiss;
use super::region::Done;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{Expr, ExprKind, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind, EffectKind};
use crate::types::Type;
use crate::value::Value;

/// A step with what its body needs to know of it.
pub(super) struct LoweredStep {
    pub(super) step: hir::Step,
    pub(super) may_miss: MayMiss,
    /// Its value is a list of bounded length.
    pub(super) bounded: bool,
    /// What `error(step)` gives.
    pub(super) error: Option<Type>,
}

/// The clauses of a step by kind, the first of each.
#[derive(Default)]
struct Slots<'s> {
    depends_on: Option<&'s [ast::Ident]>,
    when: Option<&'s ast::Expr>,
    key: Option<&'s ast::Expr>,
    cache: Option<(&'s ast::Expr, Span)>,
    approve: Option<&'s ast::Approve>,
    timeout: Option<&'s ast::Expr>,
    deadline: Option<&'s ast::Expr>,
    on_error: Option<(&'s ast::OnError, Span)>,
    compensate: bool,
}

pub(super) fn duplicate_clause(word: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateClause, span, format!("`{word}` stands more than once"))
        .label("here again")
        .fix("remove it", vec![Edit::delete(span)])
}

fn keyword(kind: &ClauseKind) -> &'static str {
    match kind {
        ClauseKind::DependsOn(_) => "depends_on",
        ClauseKind::When(_) => "when",
        ClauseKind::Key(_) => "key",
        ClauseKind::Cache(_) => "cache",
        ClauseKind::Approve(_) => "approve",
        ClauseKind::Timeout(_) => "timeout",
        ClauseKind::Deadline(_) => "deadline",
        ClauseKind::OnError(_) => "on_error",
        ClauseKind::Compensate { .. } => "compensate",
    }
}

fn calls_only(kind: &ClauseKind) -> bool {
    match kind {
        ClauseKind::DependsOn(_) | ClauseKind::When(_) | ClauseKind::Deadline(_) | ClauseKind::OnError(_) => {
            false
        }
        ClauseKind::Key(_)
        | ClauseKind::Cache(_)
        | ClauseKind::Approve(_)
        | ClauseKind::Timeout(_)
        | ClauseKind::Compensate { .. } => true,
    }
}

impl Lower<'_> {
    /// Lowers a step; what gets out of it is added to `content`.
    pub(super) fn step(&mut self, step: &ast::Step, content: &mut Content) -> LoweredStep {
        let is_call = matches!(step.action, ast::Action::Call(_));
        let slots = self.slots(&step.clauses, is_call);
        let depends_on = self.depends_on(slots.depends_on.unwrap_or(&[]));
        let when = slots.when.map(|e| self.expect(e, &Type::Bool, Role::Condition));
        let mark = when.as_ref().map(|cond| self.cx.assume(cond, true));
        let mut done = self.action(&step.action);
        if slots.compensate {
            done.content.writes = None;
        }
        let key = slots.key.map(|e| self.infer(e, None));
        let cache = slots.cache.map(|(e, span)| {
            self.cache_on_write(&done.content, span);
            self.expect(e, &Type::Duration, Role::Clause("cache"))
        });
        let approve = slots.approve.map(|a| self.approve(a));
        let timeout = slots.timeout.map(|e| self.expect(e, &Type::Duration, Role::Clause("timeout")));
        let deadline = slots.deadline.map(|e| self.expect(e, &Type::Duration, Role::Clause("deadline")));
        let approve_else = approve.as_ref().is_some_and(|a| !matches!(a.otherwise, ApproveElse::Throw));
        let asked_continue = approve.as_ref().is_some_and(|a| matches!(a.otherwise, ApproveElse::Continue));
        let errors = StepErrors {
            callee: done.callee.clone(),
            ty: done.ty.clone(),
            is_call,
            approve_else,
            deadline: deadline.as_ref().and_then(constant_ms),
            acts_twice: done.content.acts_twice,
        };
        let error = self.error_of(&done.content);
        let handled = self.on_error(slots.on_error, &errors, &mut done.content);
        if let Some(mark) = mark {
            self.cx.forget(mark);
        }
        let may_miss = if self.strict || handled.continues || asked_continue {
            MayMiss::Yes
        } else {
            when.clone().map_or(MayMiss::No, MayMiss::When)
        };
        let Done { action, ty, content: inner, bounded, .. } = done;
        let effects = inner.effects.clone();
        content.merge(inner);
        LoweredStep {
            step: hir::Step {
                action,
                depends_on,
                when,
                key,
                cache,
                approve,
                timeout,
                deadline,
                on_error: handled.arms,
                compensate: None,
                ty,
                effects,
            },
            may_miss,
            bounded,
            error,
        }
    }

    fn slots<'s>(&mut self, clauses: &'s [ast::Clause], is_call: bool) -> Slots<'s> {
        let mut slots = Slots::default();
        let mut seen: Vec<&'static str> = Vec::new();
        for clause in clauses {
            let word = keyword(&clause.kind);
            if seen.contains(&word) {
                self.cx.report(duplicate_clause(word, clause.span));
                continue;
            }
            seen.push(word);
            if !is_call && calls_only(&clause.kind) {
                let d = Diagnostic::new(
                    Code::MisplacedClause,
                    clause.span,
                    format!("`{word}` stands on calls only"),
                );
                self.cx.report(
                    d.label("this step is no call")
                        .help(format!("put `{word}` on a call inside"))
                        .unsafe_fix("remove it", vec![Edit::delete(clause.span)]),
                );
                continue;
            }
            match &clause.kind {
                ClauseKind::DependsOn(names) => slots.depends_on = Some(names),
                ClauseKind::When(e) => slots.when = Some(e),
                ClauseKind::Key(e) => slots.key = Some(e),
                ClauseKind::Cache(e) => slots.cache = Some((e, clause.span)),
                ClauseKind::Approve(a) => slots.approve = Some(a),
                ClauseKind::Timeout(e) => slots.timeout = Some(e),
                ClauseKind::Deadline(e) => slots.deadline = Some(e),
                ClauseKind::OnError(o) => slots.on_error = Some((o, clause.span)),
                ClauseKind::Compensate { .. } => slots.compensate = true,
            }
        }
        slots
    }

    fn depends_on(&mut self, names: &[ast::Ident]) -> Vec<VarId> {
        let mut out = Vec::with_capacity(names.len());
        for name in names {
            let Some(var) = self.cx.resolve_name(&name.name, name.span) else { continue };
            let kind = self.cx.var(var).map(|v| v.kind);
            if kind == Some(hir::VarKind::Step) || kind == Some(hir::VarKind::Let) {
                out.push(var);
            } else {
                let d =
                    Diagnostic::new(Code::MisplacedClause, name.span, format!("`{}` is no step", name.name));
                self.cx.report(d.help("name steps in `depends_on`"));
            }
        }
        out
    }

    fn cache_on_write(&mut self, content: &Content, span: Span) {
        if content.effects.iter().any(|e| e.kind >= EffectKind::Appends) {
            let d = Diagnostic::new(Code::MisplacedClause, span, "`cache` stands on a call that writes");
            self.cx.report(d.help("remove `cache`").unsafe_fix("remove it", vec![Edit::delete(span)]));
        }
    }

    fn approve(&mut self, a: &ast::Approve) -> hir::Approve {
        // In a question a missing value prints as null.
        let question = self.cx.expect(&a.question, &Type::String, Role::Other("the question"));
        let stages = a
            .stages
            .iter()
            .map(|s| ApproveStage {
                role: s.role.as_ref().map(|r| r.value.clone()),
                span: s.role.as_ref().map_or(s.span, |r| r.span),
                within: s.within.as_ref().map(|e| self.expect(e, &Type::Duration, Role::Clause("within"))),
            })
            .collect();
        let quorum = a.quorum.as_ref().map(|e| self.expect(e, &Type::Int, Role::Clause("quorum")));
        let otherwise = match &a.otherwise {
            None => ApproveElse::Throw,
            Some(ast::ApproveElse::Continue(_)) => ApproveElse::Continue,
            Some(ast::ApproveElse::Fail(e)) => {
                ApproveElse::Fail(self.cx.expect(e, &Type::String, Role::Other("the message")))
            }
        };
        hir::Approve { question, stages, quorum, otherwise }
    }

    /// What `error(step)` gives, for a step with this content.
    fn error_of(&mut self, content: &Content) -> Option<Type> {
        if content.throws.is_empty() {
            return None;
        }
        if let Some((_, ty)) = self.error.as_ref().filter(|(kinds, _)| kinds.iter().eq(content.throws.keys()))
        {
            return Some(ty.clone());
        }
        let ty = any_error(&content.throws);
        self.error = Some((content.throws.keys().cloned().collect(), ty.clone()));
        Some(ty)
    }
}

/// A constant duration in milliseconds.
pub(super) fn constant_ms(e: &Expr) -> Option<i128> {
    match &*e.kind {
        ExprKind::Literal(Value::Duration(d)) => Some(d.as_millis()),
        _ => None,
    }
}

/// A constant count.
pub(super) fn constant_int(e: &Expr) -> Option<i64> {
    match &*e.kind {
        ExprKind::Literal(Value::Int(n)) => Some(*n),
        _ => None,
    }
}
