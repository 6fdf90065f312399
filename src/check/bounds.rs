//! What a plan can use up at the worst: cost, tokens, calls and time, proven against its `budget`.
//!
//! The worst case counts every retry with its longest wait, every fallback, every loop and `for` at its bound, the dearest branch,
//! all branches of a `race`; time is the longest chain of what waits for what, at most `concurrency` at once. The *base* is a
//! run without retries and fallbacks. People and signals are not waited for here. A wait that a skill itself asks for
//! (`retry_after`) is known only when it runs: `deadline` bounds it.

mod amount;
mod at_once;
mod body;
mod range;
mod walk;

use super::hir::{Plan, Signature};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::BudgetKind;
pub use amount::Amount;
use indexmap::IndexMap;
use range::{Facts, ONE};
use std::collections::HashMap;
use std::sync::Arc;
use walk::Walk;

const COST: usize = 0;
const TOKENS: usize = 1;
const CALLS: usize = 2;
const TIME: usize = 3;
const DIMENSIONS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Worst,
    /// Without retries and fallbacks.
    Base,
}

/// Why there is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A `for` without `max`: it has its own diagnostic.
    For,
    Count,
    Argument,
    Price,
    Wait,
    Plan,
}

#[derive(Clone, Debug)]
struct Cause {
    kind: Kind,
    span: Span,
    text: String,
}

impl Cause {
    fn new(kind: Kind, span: Span, text: impl Into<String>) -> Arc<Cause> {
        Arc::new(Cause { kind, span, text: text.into() })
    }
}

/// One step of the path that dominates.
#[derive(Clone, Debug)]
struct Spot {
    name: Arc<str>,
    span: Span,
    amount: Amount,
}

/// What a part of a plan uses.
#[derive(Clone, Debug)]
struct Sum {
    amounts: [Amount; DIMENSIONS],
    paths: [Vec<Spot>; DIMENSIONS],
    whys: [Option<Arc<Cause>>; DIMENSIONS],
    /// Milliseconds of all its calls, one after the other.
    work: Amount,
    /// Calls at once.
    width: Amount,
    /// The longest of its calls that is awaited even when it is not wanted any more.
    drain: Amount,
    /// Undoing all of it, one after the other. Each compensation runs once at most, in the middle or at the end, and no
    /// `deadline` cuts it: so it is added behind everything else.
    undo: [Amount; DIMENSIONS],
}

impl Default for Sum {
    fn default() -> Self {
        Sum {
            amounts: [Amount::ZERO; DIMENSIONS],
            paths: Default::default(),
            whys: Default::default(),
            work: Amount::ZERO,
            width: Amount::ZERO,
            drain: Amount::ZERO,
            undo: [Amount::ZERO; DIMENSIONS],
        }
    }
}

impl Sum {
    fn of(&self, dimension: usize) -> Amount {
        self.amounts.get(dimension).copied().unwrap_or(Amount::NONE)
    }

    fn bounds(&self, time: Amount) -> Bounds {
        Bounds {
            cost: self.whole(COST).0,
            tokens: self.whole(TOKENS).0,
            calls: self.whole(CALLS).0,
            time_ms: time.0,
            path: self.paths.get(TIME).into_iter().flatten().map(|s| s.name.clone()).collect(),
        }
    }

    /// With the undoing.
    fn whole(&self, dimension: usize) -> Amount {
        self.of(dimension).plus(self.undo.get(dimension).copied().unwrap_or(Amount::NONE))
    }

    fn why(&self, dimension: usize) -> Option<Arc<Cause>> {
        self.whys.get(dimension).cloned().flatten()
    }

    /// Has no bound there, because of this.
    fn unknown(&mut self, why: &Arc<Cause>, dimensions: &[usize]) {
        for dimension in dimensions {
            if let (Some(amount), Some(slot)) =
                (self.amounts.get_mut(*dimension), self.whys.get_mut(*dimension))
            {
                *amount = Amount::NONE;
                *slot = Some(why.clone());
            }
        }
    }

    fn each(&mut self, other: &Sum, f: fn(Amount, Amount) -> Amount) {
        for (a, b) in self.amounts.iter_mut().zip(&other.amounts) {
            *a = f(*a, *b);
        }
        for (a, b) in self.whys.iter_mut().zip(&other.whys) {
            if a.is_none() {
                a.clone_from(b);
            }
        }
        for (a, b) in self.undo.iter_mut().zip(&other.undo) {
            *a = f(*a, *b);
        }
        self.work = f(self.work, other.work);
        self.width = f(self.width, other.width);
        self.drain = self.drain.most(other.drain);
    }

    /// Both run. Its time is the caller's to say.
    fn add(&mut self, other: &Sum) {
        self.each(other, Amount::plus);
    }

    /// One of them runs; the paths are those of the larger.
    fn most(&mut self, other: &Sum) {
        for (dimension, path) in other.paths.iter().enumerate() {
            if other.of(dimension).cmp(self.of(dimension)).is_gt()
                && let Some(slot) = self.paths.get_mut(dimension)
            {
                slot.clone_from(path);
            }
        }
        self.each(other, Amount::most);
    }

    /// It runs so many times, in so many waves.
    fn scale(&mut self, times: Amount, waves: Amount) {
        for (dimension, amount) in self.amounts.iter_mut().enumerate() {
            *amount = amount.times(if dimension == TIME { waves } else { times });
        }
        for amount in &mut self.undo {
            *amount = amount.times(times);
        }
        self.work = self.work.times(times);
    }
}

/// What a plan uses at the worst. `None`: no bound is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// In pico-dollars (10⁻¹² US dollars).
    pub cost: Option<u128>,
    pub tokens: Option<u128>,
    /// Attempts of skill calls.
    pub calls: Option<u128>,
    /// Milliseconds, without waiting for people and signals.
    pub time_ms: Option<u128>,
    /// The steps that decide how long it takes.
    pub path: Vec<Arc<str>>,
}

impl Bounds {
    /// US dollars.
    #[must_use]
    pub fn cost_usd(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for showing only")]
        self.cost.map(|c| c as f64 / ONE as f64)
    }

    /// Cost and time in few words, for the margin of an editor: `$0.002 · 1m30s`; what is nothing is left out.
    #[must_use]
    pub fn brief(&self) -> String {
        let mut parts = Vec::new();
        match self.cost {
            Some(0) => {}
            Some(_) => parts.push(shown(COST, Amount(self.cost))),
            None => parts.push("unbounded cost".to_owned()),
        }
        match self.time_ms {
            Some(0) => {}
            Some(ms) => parts.push(duration(ms)),
            None => parts.push("unbounded time".to_owned()),
        }
        parts.join(" · ")
    }

    /// As in `check --format json`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let number = |n: Option<u128>| n.and_then(|n| u64::try_from(n).ok());
        serde_json::json!({
            "cost_usd": self.cost_usd(),
            "tokens": number(self.tokens),
            "calls": number(self.calls),
            "time_ms": number(self.time_ms),
            "path": self.path,
        })
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |dimension: usize, n: Option<u128>| match n {
            Some(_) => shown(dimension, Amount(n)),
            None => format!("unbounded {}", NAMES.get(dimension).copied().unwrap_or_default()),
        };
        let parts = [
            part(COST, self.cost),
            part(TOKENS, self.tokens),
            part(CALLS, self.calls),
            part(TIME, self.time_ms),
        ];
        f.write_str(&parts.join(", "))?;
        if !self.path.is_empty() {
            let names: Vec<&str> = self.path.iter().map(|n| &**n).collect();
            write!(f, " ({})", names.join(" → "))?;
        }
        Ok(())
    }
}

const NAMES: [&str; DIMENSIONS] = ["cost", "tokens", "calls", "time"];

/// An amount for people.
fn shown(dimension: usize, amount: Amount) -> String {
    let Some(n) = amount.0 else { return "no bound".to_owned() };
    match dimension {
        COST => {
            let (whole, part) = (n / ONE.unsigned_abs(), n % ONE.unsigned_abs());
            let part = format!("{part:012}");
            let part = part.trim_end_matches('0');
            if part.is_empty() { format!("{whole} usd") } else { format!("{whole}.{part} usd") }
        }
        TOKENS => format!("{n} tokens"),
        CALLS => format!("{n} call{}", if n == 1 { "" } else { "s" }),
        _ => duration(n),
    }
}

/// Milliseconds for people.
pub(super) fn time_text(ms: i128) -> String {
    duration(ms.unsigned_abs())
}

fn duration(ms: u128) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut left = ms;
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if left / size > 0 {
            out.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    out
}

type Skills = IndexMap<Arc<str>, Arc<Signature>>;

/// The sums of all plans, called ones first.
fn sums(plans: &IndexMap<Arc<str>, Plan>, skills: &Skills, mode: Mode) -> HashMap<Arc<str>, Sum> {
    let mut done = HashMap::new();
    for (name, plan) in plans {
        let mut walk = Walk::new(mode, plan, skills, &done);
        let sum = walk.body(&plan.body);
        done.insert(name.clone(), sum);
    }
    done
}

fn plan_time(plan: &Plan, skills: &Skills, sum: &Sum) -> Amount {
    let done = HashMap::new();
    Walk::new(Mode::Worst, plan, skills, &done).close(sum)
}

/// The bounds of every step of a plan, by the place of its name; called plans come before their callers in `plans`.
pub(crate) fn steps(plans: &IndexMap<Arc<str>, Plan>, skills: &Skills, plan: &Plan) -> HashMap<Span, Bounds> {
    let done = sums(plans, skills, Mode::Worst);
    let mut walk = Walk::new(Mode::Worst, plan, skills, &done);
    walk.steps = Some(Vec::new());
    walk.body(&plan.body);
    walk.steps.into_iter().flatten().map(|(span, sum)| (span, sum.bounds(sum.of(TIME)))).collect()
}

/// The bounds of all plans; called ones come before their callers in `plans`.
#[must_use]
pub fn bounds(plans: &IndexMap<Arc<str>, Plan>, skills: &Skills) -> IndexMap<Arc<str>, Bounds> {
    let worst = sums(plans, skills, Mode::Worst);
    let one = |(name, plan): (&Arc<str>, &Plan)| {
        let sum = worst.get(name)?;
        let time = plan_time(plan, skills, sum);
        Some((name.clone(), sum.bounds(time)))
    };
    plans.iter().filter_map(one).collect()
}

/// Holds every plan with a `budget` against it: `budget-exceeded`, `budget-at-risk`, `unbounded-budget`.
pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, skills: &Skills) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if plans.values().all(|p| p.budget.is_empty()) {
        return found;
    }
    let worst = sums(plans, skills, Mode::Worst);
    let base = sums(plans, skills, Mode::Base);
    for (name, plan) in plans {
        let (Some(worst), Some(base)) = (worst.get(name), base.get(name)) else { continue };
        for budget in &plan.budget {
            let dimension = match budget.kind {
                BudgetKind::Cost => COST,
                BudgetKind::Tokens => TOKENS,
                BudgetKind::Calls => CALLS,
                BudgetKind::Time => TIME,
            };
            let range = Facts::default().range(&budget.amount);
            let unit = if dimension == COST { 1 } else { ONE };
            let Some(limit) = range.low.map(|n| n.max(0).unsigned_abs() / unit.unsigned_abs()) else {
                continue;
            };
            let most =
                if dimension == TIME { plan_time(plan, skills, worst) } else { worst.whole(dimension) };
            let at = Place { dimension, limit: Amount::of(limit), span: budget.amount.span };
            let told = at.compare(worst, most, base.of(dimension));
            found.extend(told.map(|d| {
                if dimension != TIME || most == Amount::NONE {
                    return d;
                }
                match at_once::mend(plans, skills, name, at.limit) {
                    Some((n, edit)) => d.fix(format!("run {n} items at once"), vec![edit]),
                    None => d,
                }
            }));
        }
    }
    found
}

struct Place {
    dimension: usize,
    limit: Amount,
    span: Span,
}

impl Place {
    fn compare(&self, worst: &Sum, most: Amount, base: Amount) -> Option<Diagnostic> {
        let name = NAMES.get(self.dimension).copied().unwrap_or_default();
        let limit = shown(self.dimension, self.limit);
        if most == Amount::NONE {
            return self.unbounded(worst, name);
        }
        if most.cmp(self.limit).is_le() {
            return None;
        }
        let (code, message, amount) = if base != Amount::NONE && base.cmp(self.limit).is_gt() {
            let message =
                format!("the plan does not fit its budget of {limit}, even when nothing is retried");
            (Code::BudgetExceeded, message, base)
        } else {
            let message = format!("at the worst the plan does not fit its budget of {limit}");
            (Code::BudgetAtRisk, message, most)
        };
        let mut d = Diagnostic::new(code, self.span, message)
            .label(format!("it may need {}", shown(self.dimension, amount)))
            .help(format!(
                "raise the {name} budget, or lower `max`, `retry` or what the steps marked here use"
            ));
        for spot in worst.paths.get(self.dimension).into_iter().flatten() {
            let text = format!("`{}`: up to {}", spot.name, shown(self.dimension, spot.amount));
            d = d.also(spot.span, text);
        }
        Some(d)
    }

    fn unbounded(&self, worst: &Sum, name: &str) -> Option<Diagnostic> {
        let why = worst.why(self.dimension)?;
        let help = match why.kind {
            // It has a diagnostic of its own, an error where there is a budget.
            Kind::For => return None,
            // The prices of models stand in no signature: the bounds say "unbounded", and only a run can tell.
            Kind::Price => return None,
            Kind::Count => "write the number as a literal, or give its type a bound: `where (it <= 10)`",
            Kind::Argument => {
                "give the argument as a literal, or give its type a bound: `where (it <= 1_000)`"
            }
            Kind::Wait => "add a `deadline` or a `timeout` with a literal duration",
            Kind::Plan => "see what has no bound in the plan that is called",
        };
        let message = format!("the {name} budget cannot be proven");
        let d = Diagnostic::new(Code::UnboundedBudget, self.span, message)
            .label("more may be used than this")
            .also(why.span, why.text.clone())
            .help(help);
        Some(d)
    }
}

#[cfg(test)]
mod tests;
