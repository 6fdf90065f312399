//! `unused-step`: a step whose value nobody reads and that changes nothing.

use super::{Lint, call_of, changes_nothing, on_purpose, paid, waits};
use crate::check::hir::{Body, Plan, Reaction, Step, Stmt};
use crate::check::visit::{Uses, step_of};
use crate::diagnostic::{Code, Diagnostic, Edit};

pub(super) fn check(lint: &Lint<'_>, plan: &Plan, uses: &Uses, found: &mut Vec<Diagnostic>) {
    body(lint, &plan.body, uses, found);
}

fn body(lint: &Lint<'_>, b: &Body, uses: &Uses, found: &mut Vec<Diagnostic>) {
    for stmt in &b.stmts {
        let Some(step) = step_of(stmt) else { continue };
        if unused(lint, stmt, step, uses) {
            // What is inside is as unused as it is.
            let message = format!("nobody reads `{}`, and it changes nothing", stmt.name);
            found.push(
                Diagnostic::new(Code::UnusedStep, stmt.name_span, message)
                    .label("it runs for nothing")
                    .help("read its value, take it away, or let its name start with `_`")
                    .unsafe_fix("remove it", vec![Edit::delete(stmt.span)]),
            );
            continue;
        }
        for inner in crate::check::inner(&step.action) {
            body(lint, inner, uses, found);
        }
    }
}

fn unused(lint: &Lint<'_>, stmt: &Stmt, step: &Step, uses: &Uses) -> bool {
    let unread = stmt.var.is_some_and(|var| !uses.any(var)) && !on_purpose(&stmt.name);
    if !unread || !changes_nothing(step) {
        return false;
    }
    // A call that costs has a lint of its own.
    let told = call_of(step).is_some() && lint.calls(step, &paid);
    let purpose = for_its_failure(step) || lint.calls(step, &waits) || lint.asserts(step);
    !told && !purpose
}

/// A step whose failure has a message of its own, or which a person approves, is there to be tried.
fn for_its_failure(step: &Step) -> bool {
    let fails = |r: &Reaction| matches!(r, Reaction::Fail(_));
    step.approve.is_some() || step.on_error.iter().flat_map(|a| &a.reactions).any(fails)
}
