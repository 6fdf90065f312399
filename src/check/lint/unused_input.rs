//! `unused-input`: an input of a plan that nothing mentions.

use super::on_purpose;
use crate::check::hir::Plan;
use crate::check::visit::Uses;
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn check(plan: &Plan, uses: &Uses, found: &mut Vec<Diagnostic>) {
    for param in plan.params.iter().filter(|p| !uses.any(p.var) && !on_purpose(&p.name)) {
        let message = format!("the input `{}` of `{}` is never read", param.name, plan.name);
        found.push(
            Diagnostic::new(Code::UnusedInput, param.span, message)
                .label("nothing mentions it")
                .help("take it away, or let its name start with `_`"),
        );
    }
}
