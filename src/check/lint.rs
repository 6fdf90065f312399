//! Lints: what runs, but hardly as it was meant. Each is a file here, a row of the table of codes, and a page.
//!
//! They are told of plans without errors only: what a mistake leaves unread or unreached is no finding of its own. The two
//! about characters are told always, as they show what the eye does not see. `for` without a bound is told where a `for` is
//! lowered, a needless `?.` where types are known (`needless_null_check`), `{{x}}` where names are (`template_braces`).

mod characters;
mod constant_condition;
mod deprecated_skill;
mod duplicate_call;
mod needless_null_check;
mod redundant_order;
mod template_braces;
mod unread_output;
mod unused_input;
mod unused_step;

use super::UnitFile;
use super::hir::{Action, Body, Plan, Signature, Step, Stmt, StmtKind, Target};
use super::visit::{self, Uses};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::VarId;
use crate::syntax::ast::EffectKind;
use indexmap::IndexMap;
use std::sync::Arc;

pub(super) use characters::look;

type Plans = IndexMap<Arc<str>, Plan>;
type Skills = IndexMap<Arc<str>, Arc<Signature>>;

/// What a lint sees.
struct Lint<'a> {
    plans: &'a Plans,
    skills: &'a Skills,
}

/// Looks at plans without errors.
pub(super) fn check(
    files: &[UnitFile<'_>],
    plans: &Plans,
    skills: &Skills,
    templated: &IndexMap<Arc<str>, Vec<VarId>>,
    found: &mut Vec<Diagnostic>,
) {
    let lint = Lint { plans, skills };
    let written = redundant_order::written(files);
    for plan in plans.values() {
        // `{{x}}` in a string is told by itself: `x` is meant to be read.
        let uses = Uses::of(plan).and(templated.get(&plan.name).into_iter().flatten());
        unused_input::check(plan, &uses, found);
        unused_step::check(&lint, plan, &uses, found);
        unread_output::check(&lint, plan, &uses, found);
        constant_condition::check(plan, found);
        duplicate_call::check(&lint, plan, found);
        redundant_order::check(plan, &written, found);
        deprecated_skill::check(&lint, plan, found);
    }
}

/// Takes out the lints that were found on the way where the plans have errors.
pub(super) fn only_without_errors(found: &mut Vec<Diagnostic>) {
    found.retain(|d| d.code != Code::NeedlessNullCheck);
}

/// Whether a finding is one of these: tests of other parts leave them out.
#[cfg(test)]
pub(super) fn is_lint(code: Code) -> bool {
    matches!(
        code,
        Code::UnusedInput
            | Code::UnusedStep
            | Code::UnreadOutput
            | Code::ConstantCondition
            | Code::DuplicateCall
            | Code::RedundantDependsOn
            | Code::NeedlessNullCheck
            | Code::DeprecatedSkill
            | Code::TemplateBraces
    )
}

/// Whether a name says that it is left unread on purpose.
fn on_purpose(name: &str) -> bool {
    name.starts_with('_')
}

impl Lint<'_> {
    /// The first call of a step, of what is inside it and of the plans it calls, for which `test` holds.
    fn calls(&self, step: &Step, test: &dyn Fn(&Signature) -> bool) -> bool {
        let mut seen: Vec<&str> = Vec::new();
        let mut found = false;
        self.walk(step, &mut seen, &mut |signature| found |= test(signature), &mut |_| {});
        found
    }

    /// Whether it asserts something: a `require` or `fail` in it or in a plan it calls.
    fn asserts(&self, step: &Step) -> bool {
        let mut found = false;
        self.walk(step, &mut Vec::new(), &mut |_| {}, &mut |stmt| {
            found |= matches!(stmt.kind, StmtKind::Require { .. } | StmtKind::Fail { .. });
        });
        found
    }

    fn walk<'s>(
        &'s self,
        step: &'s Step,
        seen: &mut Vec<&'s str>,
        skill: &mut dyn FnMut(&Signature),
        stmt: &mut dyn FnMut(&Stmt),
    ) {
        for call in visit::calls(step) {
            match &call.target {
                Target::Skill(name) => self.skills.get(name).into_iter().for_each(|s| skill(s)),
                Target::Plan(name) if !seen.contains(&&**name) => {
                    seen.push(name);
                    if let Some(plan) = self.plans.get(name) {
                        self.walk_body(&plan.body, seen, skill, stmt);
                    }
                }
                Target::Plan(_) => {}
            }
        }
        for body in super::inner(&step.action) {
            self.walk_body(body, seen, skill, stmt);
        }
    }

    fn walk_body<'s>(
        &'s self,
        body: &'s Body,
        seen: &mut Vec<&'s str>,
        skill: &mut dyn FnMut(&Signature),
        stmt: &mut dyn FnMut(&Stmt),
    ) {
        for s in &body.stmts {
            stmt(s);
            if let Some(step) = visit::step_of(s) {
                self.walk(step, seen, skill, stmt);
            }
        }
    }
}

/// Whether nothing outside of the plan is changed by it.
fn changes_nothing(step: &Step) -> bool {
    step.compensate.is_none() && step.effects.iter().all(|e| e.kind < EffectKind::Appends)
}

/// Whether it costs money or tokens.
fn paid(signature: &Signature) -> bool {
    signature.cost.is_some() || signature.tokens.is_some()
}

/// Skills that are called for the waiting, or for the person who answers.
fn waits(signature: &Signature) -> bool {
    ["time.", "human.", "signal."].iter().any(|family| signature.name.starts_with(family))
}

/// The call that is the action of a step.
fn call_of(step: &Step) -> Option<&super::hir::Call> {
    match &step.action {
        Action::Call(call) => Some(call),
        Action::Do(_)
        | Action::For(_)
        | Action::If(_)
        | Action::Match(_)
        | Action::Loop(_)
        | Action::Race(_) => None,
    }
}
