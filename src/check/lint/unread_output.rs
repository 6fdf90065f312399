//! `unread-output`: a call that costs money or tokens, whose value nobody reads.

use super::{Lint, call_of, changes_nothing, on_purpose, paid};
use crate::check::hir::Plan;
use crate::check::visit::{Uses, bodies, step_of};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn check(lint: &Lint<'_>, plan: &Plan, uses: &Uses, found: &mut Vec<Diagnostic>) {
    bodies(&plan.body, &mut |body| {
        for stmt in &body.stmts {
            let (Some(step), Some(var)) = (step_of(stmt), stmt.var) else { continue };
            let Some(call) = call_of(step).filter(|_| !uses.value(var) && !on_purpose(&stmt.name)) else {
                continue;
            };
            // What it does to the world may be what is paid for.
            if !changes_nothing(step) || !lint.calls(step, &paid) {
                continue;
            }
            let message = format!("`{}` costs, and nobody reads what it gives", stmt.name);
            found.push(
                Diagnostic::new(Code::UnreadOutput, stmt.name_span, message)
                    .label("nobody reads its value")
                    .also(call.span, "this is paid for")
                    .help("read its value, take it away, or let its name start with `_`"),
            );
        }
    });
}
