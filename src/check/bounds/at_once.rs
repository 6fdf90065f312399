//! A time budget that a `for` breaks because it does one item after the other: how many at once would keep it.

use super::super::hir::{Action, Body, Plan, StmtKind};
use super::{Amount, Mode, Skills, plan_time, sums};
use crate::diagnostic::Edit;
use crate::expr::{Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use crate::types::Type;
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// At most so many `for` of a plan are tried.
const TRIED: usize = 8;

/// `parallel N` on a `for` that only reads, such that the plan fits the limit at the worst.
pub(super) fn mend(
    plans: &IndexMap<Arc<str>, Plan>,
    skills: &Skills,
    name: &Arc<str>,
    limit: Amount,
) -> Option<(u32, Edit)> {
    let plan = plans.get(name)?;
    let mut places = Vec::new();
    sequential(&plan.body, &mut places);
    for place in places.into_iter().take(TRIED) {
        for at_once in [2, 4, 8, 16, 32, 64] {
            let mut tried = plans.clone();
            let copy = tried.get_mut(name)?;
            set(&mut copy.body, place, at_once);
            let all = sums(&tried, skills, Mode::Worst);
            let time = plan_time(tried.get(name)?, skills, all.get(name)?);
            if time != Amount::NONE && time.cmp(limit).is_le() {
                return Some((at_once, Edit::before(place, format!("parallel {at_once} "))));
            }
        }
    }
    None
}

/// The bodies of each `for` without `parallel` that changes nothing.
fn sequential(body: &Body, out: &mut Vec<Span>) {
    for stmt in &body.stmts {
        let StmtKind::Step(step) = &stmt.kind else { continue };
        if let Action::For(f) = &step.action
            && f.parallel.is_none()
            && step.effects.iter().all(|e| e.kind < EffectKind::Appends)
        {
            out.push(f.body.span);
        }
        super::super::inner(&step.action).into_iter().for_each(|b| sequential(b, out));
    }
}

fn set(body: &mut Body, place: Span, at_once: u32) {
    for stmt in &mut body.stmts {
        let StmtKind::Step(step) = &mut stmt.kind else { continue };
        if let Action::For(f) = &mut step.action
            && f.body.span == place
        {
            let kind = Box::new(ExprKind::Literal(Value::Int(i64::from(at_once))));
            f.parallel = Some(Expr { kind, span: place, ty: Type::Int });
            return;
        }
        match &mut step.action {
            Action::Call(_) => {}
            Action::Do(b) => set(b, place, at_once),
            Action::For(f) => set(&mut f.body, place, at_once),
            Action::If(i) => {
                i.arms
                    .iter_mut()
                    .map(|(_, b)| b)
                    .chain(&mut i.otherwise)
                    .for_each(|b| set(b, place, at_once));
            }
            Action::Match(m) => m.arms.iter_mut().for_each(|(_, b)| set(b, place, at_once)),
            Action::Loop(l) => set(&mut l.body, place, at_once),
            Action::Race(branches) => branches.iter_mut().for_each(|b| set(b, place, at_once)),
        }
    }
}
