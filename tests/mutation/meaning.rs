//! Mistakes of meaning: secrets that get out, budgets that cannot hold, retries that cannot fit, what is there for nothing.

use super::kinds::{Mutant, arguments, edit, literals, range, references, within};
use super::plans::{Kind as Tok, Seen};
use crate::engine::Random;
use aos::check::hir::{self, Idempotency, Target, VarKind};
use aos::expr::ExprKind;
use aos::syntax::ast::EffectKind;
use aos::types::{Privacy, Type};

/// Where no `aos.toml` names the secrets, any name will do.
fn any_secret(seen: &Seen<'_>) -> bool {
    !seen.original.path.parent().is_some_and(|p| p.join("aos.toml").exists())
}

pub(super) fn secret_argument(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    if !any_secret(seen) {
        return Vec::new();
    }
    let secret_param = |at: usize| {
        seen.calls().iter().any(|(_, call)| {
            let Target::Skill(name) = &call.target else { return true };
            let params = seen.project.analysis.skills.get(name).map(|s| &s.params);
            call.args.iter().any(|a| {
                a.value.span.range().start == at
                    && params
                        .into_iter()
                        .flatten()
                        .any(|p| p.name == a.name && p.labels.privacy == Some(Privacy::Secret))
            })
        })
    };
    literals(seen, Tok::Text)
        .into_iter()
        .filter(|(ty, at)| matches!(ty, Type::String) && !secret_param(at.start))
        .map(|(_, at)| edit(seen, at, "\"Bearer ${secret(\"TOKEN\")}\""))
        .collect()
}

/// The places behind calls that have no clause of their own.
fn bare_calls<'s>(seen: &'s Seen<'_>) -> Vec<(&'s hir::Step, &'s hir::Call, usize)> {
    let free = |s: &hir::Step| {
        s.when.is_none()
            && s.on_error.is_empty()
            && s.deadline.is_none()
            && s.timeout.is_none()
            && s.key.is_none()
            && s.depends_on.is_empty()
            && s.compensate.is_none()
            && s.approve.is_none()
    };
    let all = seen.calls().into_iter().filter(|(s, _)| free(s));
    all.map(|(s, c)| (s, c, c.span.range().end)).collect()
}

pub(super) fn secret_condition(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    if !any_secret(seen) {
        return Vec::new();
    }
    let list = bare_calls(seen).into_iter();
    list.map(|(_, _, end)| edit(seen, end..end, "\n    when secret(\"TOKEN\") == \"x\"")).collect()
}

pub(super) fn tight_budget(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for plan in seen.plans().into_iter().filter(|p| p.budget.is_empty()) {
        let sure = |s: &hir::Stmt| match &s.kind {
            hir::StmtKind::Step(step) => {
                let time = ["time.", "human.", "signal."];
                step.when.is_none()
                    && matches!(&step.action, hir::Action::Call(c) if matches!(&c.target,
                        Target::Skill(name) if !time.iter().any(|t| name.starts_with(t))))
            }
            hir::StmtKind::Let(_) | hir::StmtKind::Require { .. } | hir::StmtKind::Fail { .. } => false,
        };
        if !plan.body.stmts.iter().any(sure) {
            continue;
        }
        let at = plan.body.span.range().start;
        let budget = if random.below(2) == 0 { "calls 0" } else { "time 1ms" };
        let new = format!("\n  budget {budget}\n");
        out.push(edit(seen, at..at, &new));
    }
    out
}

pub(super) fn late_retry(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, call, end) in bare_calls(seen) {
        let twice = match &call.target {
            Target::Skill(name) => seen.project.analysis.skills.get(name).is_none_or(|s| {
                s.idempotency == Idempotency::No && s.effects.iter().any(|e| e.kind >= EffectKind::Writes)
            }),
            Target::Plan(_) => true,
        };
        if !twice {
            out.push(edit(seen, end..end, "\n    deadline 1m\n    on_error retry 100 backoff 10s"));
        }
    }
    out
}

pub(super) fn constant_key(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut loops = Vec::new();
    for (_, _, step) in seen.steps() {
        match &step.action {
            hir::Action::For(f) => loops.push(f.body.span.range()),
            hir::Action::Loop(l) => loops.push(l.body.span.range()),
            _ => {}
        }
    }
    let inside = |end: usize| loops.iter().any(|l| l.start < end && end < l.end);
    let list = bare_calls(seen).into_iter().filter(|(_, _, end)| inside(*end));
    list.map(|(_, _, end)| edit(seen, end..end, "\n    key \"the-same\"")).collect()
}

pub(super) fn dead_condition(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, body, i) in seen.stmts() {
        let ends = |s: &&hir::Stmt| matches!(&s.kind, hir::StmtKind::Step(s) if s.on_error.is_empty() && s.approve.is_none());
        let Some(before) = body.stmts[..i].iter().rev().find(ends) else { continue };
        let hir::StmtKind::Step(step) = &body.stmts[i].kind else { continue };
        let hir::Action::Call(call) = &step.action else { continue };
        if step.when.is_none() && bare_calls(seen).iter().any(|(s, ..)| std::ptr::eq(*s, &**step)) {
            let end = call.span.range().end;
            out.push(edit(seen, end..end, &format!("\n    when failed({})", before.name)));
        }
    }
    out
}

pub(super) fn parallel_writes(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, stmt, step) in seen.steps() {
        let hir::Action::For(f) = &step.action else { continue };
        let one = |e: &hir::Effect| {
            e.kind >= EffectKind::Writes
                && e.resource.as_ref().is_some_and(|r| matches!(&*r.kind, ExprKind::Literal(_)))
        };
        if f.parallel.is_none() && f.tolerate.is_none() && step.effects.iter().any(one) {
            let at = f.body.span.range().start;
            out.push(within(
                edit(seen, at..at, "parallel 4 "),
                stmt.span.range().start..stmt.span.range().end + 11,
            ));
        }
    }
    out
}

pub(super) fn spare_step(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, stmt, step) in seen.steps() {
        let hir::Action::Call(call) = &step.action else { continue };
        let (Target::Skill(name) | Target::Plan(name)) = &call.target;
        let waits = ["time.", "human.", "signal."].iter().any(|t| name.starts_with(t));
        let plain = matches!(call.target, Target::Skill(_))
            && !waits
            && step.effects.iter().all(|e| e.kind < EffectKind::Appends);
        if plain && step.compensate.is_none() {
            let at = stmt.span.range().start;
            let new = format!("step spare_one = {}\n\n  ", &seen.text[call.span.range()]);
            // The copy comes first: it is the original that makes a pure call again.
            let place = at..stmt.span.range().end + new.len();
            out.push(within(edit(seen, at..at, &new), place));
        }
    }
    out
}

pub(super) fn spare_input(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for plan in seen.plans() {
        let open = (seen.at(plan.span.range().start)..seen.tokens.len()).find(|i| seen.word(*i) == "(");
        let Some(close) = open.and_then(|open| seen.closing(open)) else { continue };
        let at = range(seen, close).start;
        let comma = if matches!(seen.word(close - 1), "(" | ",") { "" } else { ", " };
        out.push(edit(seen, at..at, &format!("{comma}spare_one: int = 0")));
    }
    out
}

pub(super) fn constant_condition(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let first = seen.plans().into_iter().filter_map(|p| p.body.stmts.first());
    first
        .map(|stmt| {
            let at = stmt.span.range().start;
            edit(seen, at..at, "require size(\"abc\") == 3 else \"no\"\n\n  ")
        })
        .collect()
}

pub(super) fn needless_default(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = literals(seen, Tok::Text).into_iter().filter(|(ty, _)| matches!(ty, Type::String));
    list.map(|(_, at)| edit(seen, at.end..at.end, " ?? \"\""))
        .map(|m| {
            let place = m.place.start.saturating_sub(1)..m.place.end;
            within(m, place)
        })
        .collect()
}

pub(super) fn needless_order(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    let refs = references(seen);
    for (_, call, end) in bare_calls(seen) {
        let at = call.span.range();
        let read =
            refs.iter().find(|(kind, _, r)| *kind == VarKind::Step && at.start <= r.start && r.end <= at.end);
        if let Some((_, _, r)) = read {
            out.push(edit(seen, end..end, &format!("\n    depends_on [{}]", &seen.text[r.clone()])));
        }
    }
    out
}

/// Letters that look alike, of another script.
const ALIKE: &[(char, char)] =
    &[('a', 'а'), ('e', 'е'), ('o', 'о'), ('c', 'с'), ('p', 'р'), ('x', 'х'), ('i', 'і')];

pub(super) fn lookalike_name(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut places: Vec<_> = references(seen).into_iter().map(|(_, _, at)| at).collect();
    places.extend(arguments(seen).into_iter().map(|(_, _, name, _)| range(seen, name)));
    let mut out = Vec::new();
    for at in places {
        let name = &seen.text[at.clone()];
        let chars: Vec<char> = name.chars().collect();
        let i = random.below(chars.len() as u64) as usize;
        // A word of such letters alone is a word of another script.
        if chars.len() < 2 || !chars.iter().enumerate().any(|(k, c)| k != i && c.is_ascii_alphabetic()) {
            continue;
        }
        let Some((_, other)) = ALIKE.iter().find(|(c, _)| *c == chars[i]) else { continue };
        let new: String = chars.iter().enumerate().map(|(k, c)| if k == i { *other } else { *c }).collect();
        out.push(edit(seen, at, &new));
    }
    out
}

pub(super) fn hidden_character(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, at) in literals(seen, Tok::Text).into_iter().filter(|(ty, _)| matches!(ty, Type::String)) {
        if seen.text[at.clone()].starts_with("\"\"\"") {
            continue;
        }
        let hidden = ['\u{200B}', '\u{202E}', '\u{2066}', '\u{E0041}'][random.below(4) as usize];
        out.push(edit(seen, at.end - 1..at.end - 1, &hidden.to_string()));
    }
    out
}
