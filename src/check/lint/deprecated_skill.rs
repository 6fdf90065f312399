//! `deprecated-skill`: a call of a skill whose declaration says `deprecated "…"`.

use super::Lint;
use crate::check::hir::{Plan, Target};
use crate::check::visit::{bodies, calls, step_of};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

pub(super) fn check(lint: &Lint<'_>, plan: &Plan, found: &mut Vec<Diagnostic>) {
    bodies(&plan.body, &mut |body| {
        for call in body.stmts.iter().filter_map(step_of).flat_map(calls) {
            let Target::Skill(name) = &call.target else { continue };
            let Some(signature) = lint.skills.get(name) else { continue };
            let Some(why) = &signature.deprecated else { continue };
            let length = u32::try_from(name.len()).unwrap_or(0);
            let end = call.span.start.saturating_add(length).min(call.span.end);
            let span = Span { end, ..call.span };
            let mut d = Diagnostic::new(Code::DeprecatedSkill, span, format!("`{name}` is deprecated"))
                .label(why.to_string());
            if !crate::catalog::is_stdlib(signature.span.source) {
                d = d.also(signature.span.head(), "declared here");
            }
            found.push(d.help("call what replaces it"));
        }
    });
}
