//! Budgets while a plan runs: what a call may use at the worst is set aside before it starts, what it did use is booked after.
//!
//! Money is counted in whole nano-dollars, so that the same calls always come to the same sum. A plan that is called has the
//! smaller of its own budget and what is left of those around it. Undoing is booked and never refused.

use super::event::{Failure, Usage};
use super::machine::Machine;
use super::scope::{Around, NoValue};
use super::start::after;
use super::state::{Loc, NO_LEDGER, NOWHERE, Stop, TimerKind, WHOLE};
use crate::dag::PlanDag;
use crate::syntax::ast::BudgetKind;
use crate::value::{Map, Value};
use jiff::{SignedDuration, Timestamp};

const NANOS: f64 = 1e9;

/// Nano-dollars, tokens and calls; and how many of the calls have a cost that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    nanos: u64,
    tokens: u64,
    calls: u64,
    unpriced: u32,
}

/// What a plan may use, has used and has set aside.
#[derive(Debug)]
pub(super) struct Ledger {
    frame: u32,
    /// That of the plan around.
    around: u32,
    limits: Limits,
    used: Spent,
    reserved: Spent,
    clock: Option<Clock>,
}

/// The time of a budget.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Until(Timestamp),
    /// It stands still; so much is left.
    Held(SignedDuration),
}

#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    nanos: Option<u64>,
    tokens: Option<u64>,
    calls: Option<u64>,
}

fn nanos(usd: f64) -> u64 {
    // What is negative or no number is nothing.
    (usd * NANOS).round() as u64
}

/// Nano-dollars as dollars.
pub(crate) fn usd(nanos: u64) -> String {
    let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let part = format!("{part:09}");
    match part.trim_end_matches('0') {
        "" => format!("{whole} usd"),
        part => format!("{whole}.{part} usd"),
    }
}

impl Spent {
    fn of(usage: Usage) -> Spent {
        Spent {
            nanos: nanos(usage.cost_usd),
            tokens: u64::try_from(usage.tokens).unwrap_or(0),
            calls: 1,
            unpriced: usage.unpriced,
        }
    }

    pub(super) fn usage(self) -> Usage {
        Usage {
            cost_usd: self.nanos as f64 / NANOS,
            tokens: i64::try_from(self.tokens).unwrap_or(i64::MAX),
            unpriced: self.unpriced,
        }
    }

    fn plus(self, other: Spent) -> Spent {
        Spent {
            nanos: self.nanos.saturating_add(other.nanos),
            tokens: self.tokens.saturating_add(other.tokens),
            calls: self.calls.saturating_add(other.calls),
            unpriced: self.unpriced.saturating_add(other.unpriced),
        }
    }

    fn minus(self, other: Spent) -> Spent {
        Spent {
            nanos: self.nanos.saturating_sub(other.nanos),
            tokens: self.tokens.saturating_sub(other.tokens),
            calls: self.calls.saturating_sub(other.calls),
            unpriced: self.unpriced.saturating_sub(other.unpriced),
        }
    }

    /// The larger of each.
    fn most(self, other: Spent) -> Spent {
        Spent {
            nanos: self.nanos.max(other.nanos),
            tokens: self.tokens.max(other.tokens),
            calls: self.calls.max(other.calls),
            unpriced: self.unpriced.max(other.unpriced),
        }
    }
}

impl Limits {
    /// In what it is more than allowed: how much it is, how much is allowed.
    fn exceeded(&self, spent: Spent) -> Option<(String, String)> {
        let over = |limit: Option<u64>, n: u64| limit.filter(|limit| n > *limit);
        if let Some(limit) = over(self.nanos, spent.nanos) {
            return Some((usd(spent.nanos), usd(limit)));
        }
        if let Some(limit) = over(self.tokens, spent.tokens) {
            return Some((format!("{} tokens", spent.tokens), limit.to_string()));
        }
        over(self.calls, spent.calls).map(|limit| (format!("{} calls", spent.calls), limit.to_string()))
    }
}

impl Machine {
    /// A plan starts: its budget is known from its inputs.
    pub(super) fn open_ledger(&mut self, frame: u32, plan: &PlanDag) {
        if plan.budget.is_empty() {
            return;
        }
        let Some(around) = self.frames.get(frame as usize).map(|f| f.ledger) else { return };
        let mut limits = Limits::default();
        let mut clock = None;
        for budget in &plan.budget {
            let value = match self.eval(frame, &budget.amount, Around::at(self.now)) {
                Ok(value) => value,
                Err(NoValue::Failed(failure)) => {
                    return self.stop(frame, Stop::Failed { failure, at: NOWHERE });
                }
                Err(NoValue::Missing(_)) => continue,
            };
            let whole = value.as_int().map(|n| u64::try_from(n).unwrap_or(0));
            match budget.kind {
                BudgetKind::Cost => limits.nanos = value.as_number().map(nanos),
                BudgetKind::Tokens => limits.tokens = whole,
                BudgetKind::Calls => limits.calls = whole,
                BudgetKind::Time => {
                    if let Value::Duration(time) = value {
                        clock = Some(Clock::Until(after(self.now, time)));
                    }
                }
            }
        }
        let ledger = self.ledgers.len() as u32;
        if let Some(Clock::Until(until)) = clock {
            self.arm(TimerKind::Budget, Loc { frame, node: WHOLE }, until);
            self.timed.insert((ledger, frame));
        }
        self.ledgers.push(Ledger {
            frame,
            around,
            limits,
            used: Spent::default(),
            reserved: Spent::default(),
            clock,
        });
        if let Some(frame) = self.frames.get_mut(frame as usize) {
            frame.ledger = ledger;
        }
    }

    /// A plan has ended: its time does not run any more.
    pub(super) fn close_ledger(&mut self, frame: u32) {
        let Some(own) = self.ledger_of(frame).filter(|l| self.timed.remove(&(*l, frame))) else { return };
        match self.clock(own) {
            Some(Clock::Held(_)) => self.held = self.held.saturating_sub(1),
            Some(Clock::Until(_)) | None => self.disarm(TimerKind::Budget, Loc { frame, node: WHOLE }),
        }
    }

    /// The time that a plan's budget has left.
    pub(super) fn clock(&mut self, ledger: u32) -> Option<&mut Clock> {
        self.ledgers.get_mut(ledger as usize)?.clock.as_mut()
    }

    fn ledger_of(&self, frame: u32) -> Option<u32> {
        self.frames.get(frame as usize).map(|f| f.ledger).filter(|l| *l != NO_LEDGER)
    }

    /// The ledgers that a call counts in, the innermost first.
    fn ledgers_around(&self, frame: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = self.ledger_of(frame);
        while let Some(ledger) = next {
            found.push(ledger);
            next = self.ledgers.get(ledger as usize).map(|l| l.around).filter(|l| *l != NO_LEDGER);
        }
        found
    }

    /// What one call uses at the worst, as far as its signature says.
    pub(super) fn worst_of(&self, skill: &str, args: &Map) -> Spent {
        let mut worst = Spent { calls: 1, ..Spent::default() };
        let Some(facts) = self.dag.skill(skill).filter(|f| f.cost.is_some() || f.tokens.is_some()) else {
            return worst;
        };
        let number = |expr: &Option<crate::expr::Expr>| {
            expr.as_ref().and_then(|e| self.eval_over(e, &facts.params, args)).and_then(|v| v.as_number())
        };
        worst.nanos = number(&facts.cost).map_or(0, nanos);
        worst.tokens = number(&facts.tokens).map_or(0, |n| n.ceil() as u64);
        worst
    }

    /// Sets aside what a call may use.
    pub(super) fn reserve(&mut self, loc: Loc, needed: Spent) -> Result<(), Failure> {
        let exempt = self.frames.get(loc.frame as usize).is_some_and(|f| f.exempt);
        let around = self.ledgers_around(loc.frame);
        for ledger in around.iter().filter(|_| !exempt) {
            let Some(ledger) = self.ledgers.get(*ledger as usize) else { continue };
            let then = ledger.used.plus(ledger.reserved).plus(needed);
            if let Some((amount, limit)) = ledger.limits.exceeded(then) {
                let plan = self.plan_name(ledger.frame);
                let text =
                    format!("with this call the plan `{plan}` may come to {amount}, its budget is {limit}");
                return Err(Failure::new("budget", text));
            }
        }
        for ledger in around {
            if let Some(ledger) = self.ledgers.get_mut(ledger as usize) {
                ledger.reserved = ledger.reserved.plus(needed);
            }
        }
        if let Some(active) = self.active_mut(loc) {
            active.reserved = needed;
        }
        Ok(())
    }

    /// A call is over: what it used is booked; where that may not be all of it, at least what was set aside.
    pub(super) fn settle_call(&mut self, loc: Loc, usage: Usage, all: bool) {
        let Some(active) = self.active_mut(loc) else { return };
        let reserved = std::mem::take(&mut active.reserved);
        let of = Spent::of(usage);
        let used = if all { of } else { reserved.most(Spent { unpriced: 0, ..of }) };
        for ledger in self.ledgers_around(loc.frame) {
            if let Some(ledger) = self.ledgers.get_mut(ledger as usize) {
                ledger.reserved = ledger.reserved.minus(reserved);
                ledger.used = ledger.used.plus(used);
            }
        }
        if usage != Usage::default() {
            let told = Spent::of(usage);
            self.spent = self.spent.plus(told);
            if let Some(row) = self.row_mut(loc) {
                let extra = row.extra();
                extra.spent = extra.spent.plus(told);
            }
        }
    }

    /// Stops the plans whose budget a call has exceeded.
    pub(super) fn stop_the_overdrawn(&mut self, loc: Loc) {
        if self.frames.get(loc.frame as usize).is_some_and(|f| f.exempt) {
            return;
        }
        for ledger in self.ledgers_around(loc.frame) {
            let Some(ledger) = self.ledgers.get(ledger as usize) else { continue };
            let frame = ledger.frame;
            let plan = self.plan_name(frame);
            let text = match (ledger.limits.exceeded(ledger.used), ledger.limits.nanos) {
                (Some((amount, limit)), _) => {
                    format!("the plan `{plan}` has used {amount}, its budget is {limit}")
                }
                // What is not known is not nothing.
                (None, Some(limit)) if ledger.used.unpriced > 0 => format!(
                    "what a call of the plan `{plan}` cost is not known, so its budget of {} cannot be kept; give the model a price",
                    usd(limit)
                ),
                (None, _) => continue,
            };
            if !self.is_stopping(frame) {
                let failure = Box::new(self.placed(loc, Failure::new("budget", text)));
                self.stop(frame, Stop::Failed { failure, at: loc });
            }
        }
    }

    /// The time of a plan's budget is over.
    pub(super) fn time_is_up(&mut self, frame: u32) {
        if self.is_stopping(frame) {
            return;
        }
        let plan = self.plan_name(frame);
        let failure = Box::new(Failure::new("budget", format!("the time of the plan `{plan}` is over")));
        let at = self.frames.get(frame as usize).and_then(|f| f.parent).unwrap_or(NOWHERE);
        self.stop(frame, Stop::Failed { failure, at });
    }

    fn plan_name(&self, frame: u32) -> std::sync::Arc<str> {
        let plan = self.frames.get(frame as usize).and_then(|f| self.dag.plan_at(f.plan));
        plan.map_or_else(|| "?".into(), |p| p.name.clone())
    }
}
