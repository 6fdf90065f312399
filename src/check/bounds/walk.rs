//! The worst case of a step: its attempts and fallbacks, its rounds and items, its branches.

use super::amount::Amount;
use super::range::{Facts, ONE, Range};
use super::{CALLS, COST, Cause, DIMENSIONS, Kind, Mode, Sum, TIME, TOKENS};
use crate::check::hir::{
    Action, Backoff, COMPENSATION_RETRIES, Call, Compensate, For, Loop, Plan, Reaction, Signature, Step,
    Stmt, Target,
};
use crate::expr::Expr;
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;

/// What an attempt without `time` and `timeout` has, milliseconds.
const DEFAULT_MS: u128 = 60_000;

/// Walks the bodies of one plan.
pub(super) struct Walk<'a> {
    pub(super) mode: Mode,
    pub(super) plan: &'a Plan,
    pub(super) skills: &'a IndexMap<Arc<str>, Arc<Signature>>,
    /// The plans that this one may call.
    pub(super) done: &'a HashMap<Arc<str>, Sum>,
    pub(super) facts: Facts,
    /// What each step uses, where that is asked for.
    pub(super) steps: Option<Vec<(Span, Sum)>>,
}

/// One attempt of a call.
struct Attempt {
    sum: Sum,
    /// What of it must be waited for even when it is not wanted any more.
    drain: Amount,
}

fn high(range: Range, unit: i128) -> Amount {
    // Never negative: a negative count or wait is none.
    Amount(range.high.map(|h| h.max(0).unsigned_abs().div_ceil(unit.unsigned_abs().max(1))))
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        mode: Mode,
        plan: &'a Plan,
        skills: &'a IndexMap<Arc<str>, Arc<Signature>>,
        done: &'a HashMap<Arc<str>, Sum>,
    ) -> Self {
        Walk { mode, plan, skills, done, facts: Facts::default(), steps: None }
    }
}

impl Walk<'_> {
    fn count(&self, e: &Expr) -> Amount {
        high(self.facts.range(e), ONE)
    }

    fn ms(&self, e: &Expr) -> Amount {
        high(self.facts.range(e), ONE)
    }

    /// The worst case of a step.
    pub(super) fn step(&mut self, step: &Step, stmt: &Stmt) -> Sum {
        let mut sum = match &step.action {
            Action::Call(call) => self.attempts(step, call),
            Action::Do(b) => self.body(b),
            Action::For(f) => self.for_(f, stmt),
            Action::If(i) => self.branches(i.arms.iter().map(|(_, b)| b).chain(&i.otherwise)),
            Action::Match(m) => self.branches(m.arms.iter().map(|(_, b)| b)),
            Action::Loop(l) => self.loop_(l),
            Action::Race(branches) => self.race(branches),
        };
        if !matches!(step.action, Action::Call(_)) {
            self.fallbacks(step, &mut sum);
        }
        if let Some(deadline) = &step.deadline {
            let late = if self.mode == Mode::Worst { sum.drain } else { Amount::ZERO };
            let limit = self.ms(deadline).plus(late);
            if sum.of(TIME) == Amount::NONE && limit != Amount::NONE {
                sum.whys[TIME] = None;
            }
            sum.amounts[TIME] = sum.of(TIME).least(limit);
        }
        if let (Some(compensate), Mode::Worst) = (&step.compensate, self.mode) {
            self.undo(compensate, &mut sum);
        }
        sum
    }

    /// Adds what a compensation uses, tried again as often as the engine does.
    fn undo(&self, compensate: &Compensate, sum: &mut Sum) {
        let mut undo = self.attempt(&compensate.call, None).sum;
        let again = Amount::of(COMPENSATION_RETRIES.unsigned_abs().into());
        let all = again.plus(Amount::of(1));
        undo.scale(all, all);
        let waits = self.waits(again, &Backoff::default());
        undo.amounts[TIME] = undo.of(TIME).plus(waits);
        for (dimension, amount) in sum.undo.iter_mut().enumerate() {
            *amount = amount.plus(undo.whole(dimension));
        }
        for (why, of) in sum.whys.iter_mut().zip(undo.whys) {
            *why = why.take().or(of);
        }
    }

    fn attempts(&mut self, step: &Step, call: &Call) -> Sum {
        let one = self.attempt(call, step.timeout.as_ref());
        let mut sum = one.sum.clone();
        sum.drain = sum.drain.most(one.drain);
        if self.mode == Mode::Base {
            return sum;
        }
        let mut more = Amount::ZERO;
        let mut waits = Amount::ZERO;
        for reaction in step.on_error.iter().flat_map(|arm| &arm.reactions) {
            if let Reaction::Retry { count, backoff } = reaction {
                let count_here = self.count(count);
                if count_here == Amount::NONE {
                    sum.unknown(
                        &Cause::new(Kind::Count, count.span, "how often it is retried has no bound"),
                        &[COST, TOKENS, CALLS, TIME],
                    );
                }
                more = more.plus(count_here);
                waits = waits.plus(self.waits(count_here, backoff));
            }
        }
        let all = more.plus(Amount::of(1));
        sum.scale(all, all);
        sum.amounts[TIME] = sum.of(TIME).plus(waits);
        self.fallbacks(step, &mut sum);
        sum
    }

    /// The waits between so many attempts.
    fn waits(&self, count: Amount, backoff: &Backoff) -> Amount {
        let from = backoff.from.as_ref().map_or(Amount::of(1_000), |e| self.ms(e));
        let to = match (&backoff.from, &backoff.to) {
            (_, Some(e)) => self.ms(e),
            (None, None) => Amount::of(30_000),
            (Some(_), None) => return count.times(from),
        };
        let (Some(count), Some(mut wait), Some(to)) = (count.0, from.0, to.0) else {
            return count.times(from.most(to));
        };
        let (mut total, mut left) = (Amount::ZERO, count);
        while left > 0 && wait < to && wait > 0 {
            total = total.plus(Amount::of(wait));
            wait = wait.saturating_mul(2);
            left -= 1;
        }
        total.plus(Amount::of(left).times(Amount::of(wait.min(to.max(from.0.unwrap_or(0))))))
    }

    /// Adds the fallbacks: all of them, as one that fails goes on to the next.
    fn fallbacks(&mut self, step: &Step, sum: &mut Sum) {
        if self.mode == Mode::Base {
            return;
        }
        for reaction in step.on_error.iter().flat_map(|arm| &arm.reactions) {
            if let Reaction::Fallback(call) = reaction {
                let Attempt { sum: other, drain } = self.attempt(call, None);
                let time = sum.of(TIME).plus(other.of(TIME));
                sum.add(&other);
                sum.amounts[TIME] = time;
                sum.drain = sum.drain.most(drain);
            }
        }
    }

    fn attempt(&self, call: &Call, timeout: Option<&Expr>) -> Attempt {
        let name = match &call.target {
            Target::Plan(name) => {
                let mut sum = self.done.get(name).cloned().unwrap_or_default();
                for dimension in COST..DIMENSIONS {
                    if sum.of(dimension) == Amount::NONE {
                        let why =
                            Cause::new(Kind::Plan, call.span, format!("the plan `{name}` has no bound"));
                        sum.unknown(&why, &[dimension]);
                    }
                }
                let drain = sum.drain;
                return Attempt { sum, drain };
            }
            Target::Skill(name) => name,
        };
        let mut sum = Sum { width: Amount::of(1), ..Sum::default() };
        sum.amounts[CALLS] = Amount::of(1);
        let Some(signature) = self.skills.get(name) else { return Attempt { sum, drain: Amount::ZERO } };
        let arg = |wanted: &str| call.args.iter().find(|a| &*a.name == wanted).map(|a| &a.value);
        let facts = self.facts.of_call(&signature.params, arg);
        let family = name.split('.').next().unwrap_or_default();
        match &signature.cost {
            Some(e) => sum.amounts[COST] = high(facts.range(e), 1),
            None if family == "llm" => {
                let text = format!("what `{name}` costs is not known here: the price is the model's");
                sum.unknown(&Cause::new(Kind::Price, call.span, text), &[COST]);
            }
            None => {}
        }
        if let Some(e) = &signature.tokens {
            sum.amounts[TOKENS] = high(facts.range(e), ONE);
        }
        for (dimension, what) in [(COST, "cost"), (TOKENS, "tokens")] {
            if sum.of(dimension) == Amount::NONE && sum.why(dimension).is_none() {
                let text = format!("the {what} of `{name}` depend on an argument that has no bound");
                sum.unknown(&Cause::new(Kind::Argument, call.span, text), &[dimension]);
            }
        }
        let waits_for_people = matches!(family, "human" | "signal");
        sum.amounts[TIME] = if waits_for_people {
            Amount::ZERO
        } else if &**name == "time.sleep" {
            call.args.first().map_or(Amount::NONE, |a| self.ms(&a.value))
        } else if &**name == "time.until" {
            Amount::NONE
        } else {
            match timeout
                .map(|e| self.ms(e))
                .or_else(|| signature.time.as_ref().map(|e| high(facts.range(e), ONE)))
            {
                Some(ms) => ms,
                None => Amount::of(DEFAULT_MS),
            }
        };
        if sum.of(TIME) == Amount::NONE {
            let text = format!("how long `{name}` takes has no bound");
            sum.unknown(&Cause::new(Kind::Wait, call.span, text), &[TIME]);
        }
        sum.work = sum.of(TIME);
        let acts = signature.effects.iter().any(|e| !matches!(e.kind, EffectKind::Pure | EffectKind::Reads));
        let drain = if acts { sum.of(TIME) } else { Amount::ZERO };
        Attempt { sum, drain }
    }

    fn branches<'b>(&mut self, bodies: impl Iterator<Item = &'b crate::check::hir::Body>) -> Sum {
        let mut sum = Sum::default();
        for body in bodies {
            let one = self.body(body);
            sum.most(&one);
        }
        sum
    }

    fn race(&mut self, bodies: &[crate::check::hir::Body]) -> Sum {
        let mut sum = Sum::default();
        let mut time: Option<Amount> = None;
        for body in bodies {
            let one = self.body(body);
            let own = one.of(TIME);
            // At best the fastest wins; at worst all but the slowest fail.
            time = Some(match (time, self.mode) {
                (None, _) => own,
                (Some(t), Mode::Worst) => t.most(own),
                (Some(t), Mode::Base) => t.least(own),
            });
            sum.add(&one);
        }
        sum.amounts[TIME] = time.unwrap_or(Amount::ZERO);
        sum
    }

    fn for_(&mut self, f: &For, stmt: &Stmt) -> Sum {
        let size = high(self.facts.size(&f.list), ONE);
        let limit = f.first.as_ref().or(f.max.as_ref()).map_or(Amount::NONE, |e| self.count(e));
        let items = size.least(limit);
        if let Some(var) = stmt.var {
            let high = items.0.and_then(|n| i128::try_from(n).ok()).and_then(|n| n.checked_mul(ONE));
            self.facts.sizes.insert(var, Range { low: Some(0), high });
        }
        if let Some(index) = f.index {
            let high = items.0.and_then(|n| i128::try_from(n).ok()).and_then(|n| n.checked_mul(ONE));
            self.facts.values.insert(index, Range { low: Some(0), high });
        }
        let least =
            f.parallel.as_ref().map(|e| self.facts.range(e).low.unwrap_or(ONE).div_euclid(ONE).max(1));
        let parallel = least.map_or(1, i128::unsigned_abs);
        let most = f.parallel.as_ref().map_or(Amount::of(1), |e| self.count(e));
        let mut sum = self.body(&f.body);
        if items == Amount::NONE {
            let dimensions: Vec<usize> = (COST..DIMENSIONS).filter(|d| sum.of(*d) != Amount::ZERO).collect();
            let kind = if f.max.is_some() || f.first.is_some() { Kind::Count } else { Kind::For };
            sum.unknown(&Cause::new(kind, f.list.span, "the list may have any length"), &dimensions);
        }
        let width = sum.width.times(items.least(most));
        sum.scale(items, items.over(parallel));
        sum.width = width;
        sum
    }

    fn loop_(&mut self, l: &Loop) -> Sum {
        let rounds = self.count(&l.max);
        let pause = l.every.as_ref().map_or(Amount::ZERO, |e| self.ms(e));
        let pauses = pause.times(Amount(rounds.0.map(|n| n.saturating_sub(1))));
        let mut sum = self.body(&l.body);
        if rounds == Amount::NONE {
            let why =
                Cause::new(Kind::Count, l.max.span, "how many rounds it has is known only when it runs");
            let dimensions: Vec<usize> = (COST..DIMENSIONS).filter(|d| sum.of(*d) != Amount::ZERO).collect();
            sum.unknown(&why, &dimensions);
        }
        sum.scale(rounds, rounds);
        sum.amounts[TIME] = sum.of(TIME).plus(pauses);
        sum
    }

    /// The time of the whole plan, given how much of it may run at once.
    pub(super) fn close(&self, sum: &Sum) -> Amount {
        let slots = u128::from(self.plan.concurrency.min(WINDOW));
        if sum.width.cmp(Amount::of(slots)).is_le() {
            return sum.whole(TIME);
        }
        // While something waits for a slot all slots work: that can last no longer than all work divided by them.
        sum.whole(TIME).plus(sum.work.over(slots))
    }
}

/// The driver holds no more than this in flight, whatever the plan says.
const WINDOW: u32 = 256;
