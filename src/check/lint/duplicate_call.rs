//! `duplicate-call`: a pure skill or plan called twice with the same arguments gives the same value twice.

use super::{Lint, call_of, waits};
use crate::check::closed::fingerprint;
use crate::check::hir::{Body, Call, Plan, Step, Target};
use crate::check::visit::step_of;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use std::collections::HashMap;
use std::sync::Arc;

type Seen = HashMap<String, (Arc<str>, Span)>;

pub(super) fn check(lint: &Lint<'_>, plan: &Plan, found: &mut Vec<Diagnostic>) {
    body(lint, &plan.body, &Seen::new(), found);
}

/// `outer`: the calls of the bodies around, which can be read from here.
fn body(lint: &Lint<'_>, b: &Body, outer: &Seen, found: &mut Vec<Diagnostic>) {
    let mut seen = outer.clone();
    for stmt in &b.stmts {
        let Some(step) = step_of(stmt) else { continue };
        if let Some(call) = call_of(step).filter(|_| pure(lint, step)) {
            let key = key(call);
            if let Some((first, place)) = seen.get(&key) {
                let message = format!("`{}` makes the same pure call as `{first}`", stmt.name);
                found.push(
                    Diagnostic::new(Code::DuplicateCall, call.span, message)
                        .label("this gives the same value")
                        .also(*place, "called here first")
                        .help(format!("read `{first}` instead")),
                );
            } else if step.when.is_none() && step.on_error.is_empty() {
                // Others have no value where they are skipped, or another one.
                seen.insert(key, (stmt.name.clone(), call.span));
            }
        }
        for inner in crate::check::inner(&step.action) {
            body(lint, inner, &seen, found);
        }
    }
}

fn pure(lint: &Lint<'_>, step: &Step) -> bool {
    step.effects.is_empty() && step.approve.is_none() && !lint.calls(step, &waits)
}

fn key(call: &Call) -> String {
    let (Target::Skill(name) | Target::Plan(name)) = &call.target;
    let args: Vec<String> =
        call.args.iter().map(|a| format!("{}:{}", a.name, fingerprint(&a.value))).collect();
    format!("{name}<{:?}>({})", call.type_args, args.join(","))
}
