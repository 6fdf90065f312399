//! `irreversible-before-fallible`: what cannot be undone is done before something that may still end the body, and could have
//! been looked at first.

use super::hir::{Action, Body, Call, Plan, Reaction, Signature, Step, Stmt, StmtKind, Target};
use super::resources::Name;
use super::visit::{self, Spot};
use super::walk::reads;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::VarId;
use crate::source::{Sources, Span};
use crate::syntax::ast::EffectKind;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

type Skills = IndexMap<Arc<str>, Arc<Signature>>;

pub(super) fn check(
    plans: &IndexMap<Arc<str>, Plan>,
    skills: &Skills,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    for plan in plans.values() {
        visit::bodies(&plan.body, &mut |body| one_body(body, plans, skills, sources, found));
    }
}

/// How many mentions are looked at in one body: each irreversible call looks at what stands below it, so a large body would take the
/// square of its size. Behind that the rest is not told.
const MOST_LOOKS: usize = 1 << 22;

fn one_body(
    body: &Body,
    plans: &IndexMap<Arc<str>, Plan>,
    skills: &Skills,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    let finals: Vec<(usize, &Stmt, &Step)> = body
        .stmts
        .iter()
        .enumerate()
        .filter_map(|(index, stmt)| Some((index, stmt, visit::step_of(stmt).filter(|s| final_(s))?)))
        .collect();
    if finals.is_empty() {
        return;
    }
    let mentions: Vec<Vec<VarId>> = body.stmts.iter().map(mentions).collect();
    let may_end: Vec<bool> = body.stmts.iter().map(|s| fallible(s, plans, skills)).collect();
    let home: HashMap<VarId, usize> =
        body.stmts.iter().enumerate().filter_map(|(i, s)| Some((s.var?, i))).collect();
    let last = may_end.iter().rposition(|may| *may).unwrap_or(0);
    let mut looks = 0;
    for (index, stmt, step) in finals.into_iter().take_while(|(index, ..)| *index < last) {
        let mut needs: HashSet<VarId> = stmt.var.into_iter().collect();
        let below = body.stmts.iter().zip(&mentions).zip(&may_end).skip(index + 1);
        for ((later, mentions), may_end) in below {
            looks += 1 + mentions.len();
            if looks > MOST_LOOKS {
                return;
            }
            if mentions.iter().any(|v| needs.contains(v)) {
                needs.extend(later.var);
                continue;
            }
            if !may_end || touches(step, later) {
                continue;
            }
            let movable = mentions.iter().all(|v| home.get(v).is_none_or(|at| *at < index));
            found.push(report(stmt, later, movable.then_some(sources)));
            break;
        }
    }
}

/// Whether it does what cannot be undone, without a person who is asked before.
fn final_(step: &Step) -> bool {
    let irreversible = step.effects.iter().any(|e| e.kind == EffectKind::Irreversible);
    irreversible && step.approve.is_none() && step.compensate.is_none()
}

/// All that a statement mentions, in its inner bodies too.
fn mentions(stmt: &Stmt) -> Vec<VarId> {
    let mut out = Vec::new();
    of_stmt(stmt, &mut out);
    out
}

fn of_stmt(stmt: &Stmt, out: &mut Vec<VarId>) {
    visit::exprs(stmt, &mut |spot, e| {
        if spot != Spot::Unwinding {
            reads(e, &mut |v| out.push(v));
        }
    });
    let Some(step) = visit::step_of(stmt) else { return };
    out.extend(&step.depends_on);
    for body in super::inner(&step.action) {
        body.stmts.iter().for_each(|s| of_stmt(s, out));
        body.result.iter().chain(&body.until).for_each(|e| reads(e, &mut |v| out.push(v)));
    }
}

/// Whether it may end the body, and changes nothing.
fn fallible(stmt: &Stmt, plans: &IndexMap<Arc<str>, Plan>, skills: &Skills) -> bool {
    match &stmt.kind {
        StmtKind::Require { .. } => true,
        StmtKind::Let(_) | StmtKind::Fail { .. } => false,
        StmtKind::Step(step) => {
            step.effects.iter().all(|e| e.kind < EffectKind::Appends)
                && !goes_on(step)
                && (step.effects.iter().any(|e| e.kind == EffectKind::Reads) || throws(step, plans, skills))
        }
    }
}

/// Whether every error of it is handled, so that the body goes on.
fn goes_on(step: &Step) -> bool {
    let ends = |r: &Reaction| matches!(r, Reaction::Continue | Reaction::Use(_));
    step.on_error.iter().any(|a| a.kinds.is_empty() && a.guard.is_none() && a.reactions.iter().any(ends))
}

/// A pure step: whether it throws errors of its own, or holds a `require`.
fn throws(step: &Step, plans: &IndexMap<Arc<str>, Plan>, skills: &Skills) -> bool {
    match &step.action {
        Action::Call(Call { target: Target::Skill(name), .. }) => {
            skills.get(name).is_some_and(|s| !s.throws.is_empty())
        }
        Action::Call(Call { target: Target::Plan(name), .. }) => {
            plans.get(name).is_some_and(|p| !p.throws.is_empty() || asserts(&p.body, plans, skills))
        }
        Action::Do(_)
        | Action::For(_)
        | Action::If(_)
        | Action::Match(_)
        | Action::Loop(_)
        | Action::Race(_) => super::inner(&step.action).into_iter().any(|b| asserts(b, plans, skills)),
    }
}

fn asserts(body: &Body, plans: &IndexMap<Arc<str>, Plan>, skills: &Skills) -> bool {
    body.stmts.iter().any(|s| match &s.kind {
        StmtKind::Require { .. } | StmtKind::Fail { .. } => true,
        StmtKind::Let(_) => false,
        StmtKind::Step(step) => !goes_on(step) && throws(step, plans, skills),
    })
}

/// Whether the later one may look at what the first one did: then it comes after it on purpose.
fn touches(step: &Step, later: &Stmt) -> bool {
    let Some(later) = visit::step_of(later) else { return false };
    let names = |s: &Step, least: EffectKind| -> Vec<Name> {
        s.effects.iter().filter(|e| e.kind >= least).map(|e| Name::of(e.resource.as_ref())).collect()
    };
    let read = names(later, EffectKind::Reads);
    names(step, EffectKind::Writes).iter().any(|w| read.iter().any(|r| w.overlaps(r)))
}

fn report(stmt: &Stmt, later: &Stmt, sources: Option<&Sources>) -> Diagnostic {
    let require = matches!(later.kind, StmtKind::Require { .. });
    let what = if require { "a `require`".to_owned() } else { format!("`{}`", later.name) };
    let message = format!("`{}` cannot be undone, and {what} below may still end the plan", stmt.name);
    let help = if require {
        format!("put the `require` above `{}`: what stands below it waits for it", stmt.name)
    } else {
        format!(
            "put {what} above `{0}`, and let `{0}` wait for it: `depends_on [{1}]`",
            stmt.name, later.name
        )
    };
    let mut d = Diagnostic::new(Code::IrreversibleBeforeFallible, stmt.name_span, message)
        .label("done, whatever comes out below")
        .also(
            if require { later.span } else { later.name_span },
            format!("this may fail, and does not need `{}`", stmt.name),
        )
        .help(help);
    if let Some(edits) = sources.and_then(|s| moved(stmt, later, s)) {
        d = d.unsafe_fix(format!("move {what} above `{}`", stmt.name), edits);
    }
    d
}

/// The later statement's text before the first, its old place empty.
fn moved(stmt: &Stmt, later: &Stmt, sources: &Sources) -> Option<Vec<Edit>> {
    let text = sources.slice(later.span).trim_end();
    let end = later.span.start.saturating_add(u32::try_from(text.len()).ok()?);
    let place = Span { end, ..later.span };
    let file = sources.get(stmt.span.source)?;
    let before = file.text.get(..stmt.span.start as usize)?;
    let indent: String = before.rsplit('\n').next()?.chars().take_while(|c| c.is_whitespace()).collect();
    Some(vec![Edit::before(stmt.span, format!("{text}\n\n{indent}")), Edit::delete(place)])
}
