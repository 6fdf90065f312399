//! Exported grammars: what they let through is a plan in the formatter's layout, what the formatter prints they let through.
//!
//! Sampling shows what it draws, and nothing more: by the rule of three, 1,000 clean samples rule out, at 95 %, faults that more than
//! 0.3 % of the samples *of this sampler* would show. That is why there is the other direction, and why the suite has mutants.

mod cli;
mod completeness;
mod drift;
mod gbnf;
mod mutants;
mod registry;
mod sample;
mod soundness;

use aos::grammar::{Format, Level, Options};

/// The options of a Lark grammar.
fn lark(level: Level) -> Options {
    Options { format: Format::Lark, level, profile: None, max_steps: None }
}
