//! `impossible-deadline`: sleeps that are longer than the `deadline` or `timeout` around them, through bodies and called plans.
//!
//! What is counted is the least that must be waited when all goes well: a step with a `when` need not run, of branches the
//! shortest is taken, a `for` over a list of unknown length may be empty.

use super::clauses::{constant_int, constant_ms};
use super::hir::{Action, Body, Call, For, Loop, Plan, Step, StmtKind, Target};
use super::visit;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, VarId};
use crate::source::Span;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;

/// The least wait of something, and the sleep that decides it.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    ms: i128,
    at: Option<Span>,
}

impl Wait {
    fn then(self, other: Wait) -> Wait {
        Wait { ms: self.ms.saturating_add(other.ms), at: if other.ms > 0 { other.at } else { self.at } }
    }

    fn times(self, n: i128) -> Wait {
        Wait { ms: self.ms.saturating_mul(n), ..self }
    }
}

/// Checks all plans; called ones come first.
pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, found: &mut Vec<Diagnostic>) {
    let mut done: HashMap<Arc<str>, Wait> = HashMap::new();
    for plan in plans.values() {
        let mut walk = Walk { done: &done, found };
        let wait = walk.body(&plan.body);
        done.insert(plan.name.clone(), wait);
    }
}

struct Walk<'a> {
    done: &'a HashMap<Arc<str>, Wait>,
    found: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    /// The longest chain of steps that must run one after the other.
    fn body(&mut self, body: &Body) -> Wait {
        let mut ends: HashMap<VarId, Wait> = HashMap::new();
        let mut longest = Wait::default();
        let mut fence = Wait::default();
        for stmt in &body.stmts {
            let mut start = fence;
            for var in visit::waits_for(stmt) {
                if let Some(end) = ends.get(&var).filter(|e| e.ms > start.ms) {
                    start = *end;
                }
            }
            let own = visit::step_of(stmt).map(|s| self.step(s)).unwrap_or_default();
            let end = start.then(own);
            if end.ms > longest.ms {
                longest = end;
            }
            match &stmt.kind {
                StmtKind::Require { .. } => fence = end,
                // It is evaluated when it is needed; what waits for it waits for what it mentions.
                StmtKind::Let(_) | StmtKind::Fail { .. } | StmtKind::Step(_) => {}
            }
            if let Some(var) = stmt.var {
                ends.insert(var, end);
            }
        }
        longest
    }

    fn step(&mut self, step: &Step) -> Wait {
        let wait = self.action(&step.action);
        let mut limit = i128::MAX;
        let words = [("deadline", &step.deadline), ("timeout", &step.timeout)];
        for (word, clause) in words.into_iter().filter_map(|(w, c)| Some((w, c.as_ref()?))) {
            let Some(ms) = constant_ms(clause) else { continue };
            if wait.ms > ms {
                self.report(word, clause, wait, ms);
            }
            limit = limit.min(ms);
        }
        // It need not run, or need not end well: what waits for it goes on earlier.
        if step.when.is_some() || !step.on_error.is_empty() || wait.ms > limit {
            return Wait::default();
        }
        wait
    }

    fn report(&mut self, word: &str, clause: &Expr, wait: Wait, limit: i128) {
        let message = format!(
            "what must be waited takes {}, the {word} is {}",
            super::bounds::time_text(wait.ms),
            super::bounds::time_text(limit)
        );
        let mut d =
            Diagnostic::new(Code::ImpossibleDeadline, clause.span, message).label("this passes first");
        if let Some(at) = wait.at {
            d = d.also(at, "the wait");
        }
        self.found.push(d.help(format!("lengthen the {word}, or wait less")));
    }

    fn action(&mut self, action: &Action) -> Wait {
        match action {
            Action::Call(call) => self.call(call),
            Action::Do(body) => self.body(body),
            Action::For(f) => self.items(f),
            Action::Loop(l) => self.rounds(l),
            Action::If(i) => {
                let open = i.otherwise.is_none();
                let all: Vec<Wait> =
                    i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).map(|b| self.body(b)).collect();
                shortest(all, open)
            }
            Action::Match(m) => {
                let all: Vec<Wait> = m.arms.iter().map(|(_, b)| self.body(b)).collect();
                shortest(all, false)
            }
            Action::Race(branches) => {
                let all: Vec<Wait> = branches.iter().map(|b| self.body(b)).collect();
                shortest(all, false)
            }
        }
    }

    fn call(&self, call: &Call) -> Wait {
        match &call.target {
            Target::Skill(name) if &**name == "time.sleep" => {
                let ms = call.args.first().and_then(|a| constant_ms(&a.value)).unwrap_or(0);
                Wait { ms: ms.max(0), at: Some(call.span) }
            }
            Target::Skill(_) => Wait::default(),
            Target::Plan(name) => {
                let inner = self.done.get(name).copied().unwrap_or_default();
                Wait { at: inner.at.map(|_| call.span), ..inner }
            }
        }
    }

    fn items(&mut self, f: &For) -> Wait {
        let one = self.body(&f.body);
        let ExprKind::List(items) = &*f.list.kind else { return Wait::default() };
        let first = f.first.as_ref().map_or(Some(i64::MAX), constant_int);
        let at_once = f.parallel.as_ref().map_or(Some(1), constant_int);
        let (Some(first), Some(at_once)) = (first, at_once) else { return Wait::default() };
        if f.tolerate.is_some() {
            return Wait::default();
        }
        let items = i64::try_from(items.len()).unwrap_or(i64::MAX).min(first.max(0));
        let at_once = at_once.max(1);
        one.times(i128::from(items / at_once + i64::from(items % at_once > 0)))
    }

    fn rounds(&mut self, l: &Loop) -> Wait {
        let one = self.body(&l.body);
        if l.body.until.is_some() {
            return one;
        }
        let (Some(max), Some(every)) = (constant_int(&l.max), l.every.as_ref().map_or(Some(0), constant_ms))
        else {
            return one;
        };
        let rounds = i128::from(max.max(0));
        let between = Wait { ms: every, at: l.every.as_ref().map(|e| e.span) };
        one.times(rounds).then(between.times((rounds - 1).max(0)))
    }
}

fn shortest(all: Vec<Wait>, or_none: bool) -> Wait {
    if or_none {
        return Wait::default();
    }
    all.into_iter().min_by_key(|w| w.ms).unwrap_or_default()
}
