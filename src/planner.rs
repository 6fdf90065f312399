//! The planner: from a goal to a plan that has passed the checker.
//!
//! Context → prompt → text → parse → check → repair. The prompt is made of files (`prompts/`): the language in brief, rules,
//! examples, the signatures of the granted skills, what is remembered, the goal. What a model answers is read as any plan is;
//! [`rounds`] takes the safe fixes without asking, tells the model the first errors with the text's lines numbered, and stops when
//! the errors do not shrink or the rounds are used up. A decoding constraint, a prompt, a refusal: none of them is trusted; only
//! what the checker passes, as a plan that a model wrote for this agent, comes out.

pub mod answer;
pub mod ask;
pub mod draft;
pub mod offer;
pub mod prompt;
mod rank;
mod repair;
pub mod rest;
pub mod rounds;
pub mod stamp;

/// Nano-dollars for people.
#[must_use]
pub fn usd(nanos: u64) -> String {
    let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let part = format!("{part:09}");
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{whole} usd") } else { format!("{whole}.{part} usd") }
}
