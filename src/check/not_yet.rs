//! What this version understands but cannot run.

use super::hir::{Action, Body, Call, Program, Reaction, Step, StmtKind, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Families without an implementation.
const FAMILIES: &[&str] = &["memory"];

/// One finding per construct that the engine cannot run, empty where it can run everything.
#[must_use]
pub fn not_yet(program: &Program) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for plan in program.plans.values() {
        body(&plan.body, &mut out);
    }
    out
}

fn refuse(what: &str, span: Span, out: &mut Vec<Diagnostic>) {
    let d = Diagnostic::new(Code::NotYet, span, format!("{what} cannot be run by this version"));
    out.push(d.label("checked, but not run yet"));
}

fn body(b: &Body, out: &mut Vec<Diagnostic>) {
    for stmt in &b.stmts {
        if let StmtKind::Step(step) = &stmt.kind {
            one(step, out);
        }
    }
}

fn one(step: &Step, out: &mut Vec<Diagnostic>) {
    if let Some(c) = &step.compensate {
        call(&c.call, out);
    }
    for reaction in step.on_error.iter().flat_map(|arm| &arm.reactions) {
        if let Reaction::Fallback(c) = reaction {
            call(c, out);
        }
    }
    match &step.action {
        Action::Call(c) => call(c, out),
        Action::Do(b) => body(b, out),
        Action::For(f) => body(&f.body, out),
        Action::If(i) => i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).for_each(|b| body(b, out)),
        Action::Match(m) => m.arms.iter().for_each(|(_, b)| body(b, out)),
        Action::Loop(l) => body(&l.body, out),
        Action::Race(branches) => branches.iter().for_each(|b| body(b, out)),
    }
}

fn call(c: &Call, out: &mut Vec<Diagnostic>) {
    let Target::Skill(name) = &c.target else { return };
    if name.split_once('.').is_some_and(|(family, _)| FAMILIES.contains(&family)) {
        refuse(&format!("`{name}`"), c.span, out);
    }
}
