//! AOS, a plan language for agents: a compiler and a durable, parallel interpreter.
//!
//! A plan is a typed function whose body is a graph of steps. Its text goes through [`syntax`] (pest), [`check`] (names,
//! types, missing values, errors, effects) and [`dag`] (petgraph) to the [`engine`], a pure state machine. The
//! `runtime` is the impure shell around it: a tokio driver, a store on sled, and the skills that do the work.
//!
//! Who wants to write plans begins with [the guide](mod@docs::guide) and looks things up in [the reference](mod@docs::reference); what
//! a diagnostic means stands at its [`Code`](diagnostic::Code). This page is for who wants to change the program.
//!
//! ```
//! use aos::{catalog::Catalog, check, source::Sources, syntax};
//!
//! let text = "plan twice(n: int) -> int { return n * 2 }";
//! let mut sources = Sources::default();
//! let id = sources.add("twice.plan", text);
//! let parse = syntax::parse(id, text);
//! let analysis = check::check(id, &parse, &sources, &Catalog::stdlib());
//! assert!(analysis.diagnostics.is_empty());
//! assert!(analysis.into_checked("twice").is_ok());
//! ```
//!
//! # Layers
//!
//! Dependencies point down only, never sideways; `tests/tidy.rs` holds every `use crate::` against this table.
//!
//! | layer | modules | what |
//! |---|---|---|
//! | 7 | `cli` | arguments in, text and exit codes out |
//! | 6 | `lsp` | the language server: converts, never decides |
//! | 6 | `planner` | from a goal to a checked plan: prompt, a model's answer, repair |
//! | 5 | `runtime` | the impure shell of the engine: driver, journal, store, skills, memory, socket |
//! | 5 | [`ide`] | the pure shell of the compiler: what an editor asks, plain data in and out |
//! | 4 | [`engine`], [`project`] | pure state machine over a graph; files to analyses, through a loader |
//! | 3 | [`dag`], [`grammar`] | checked plan to frozen, serialisable graph, and its pictures; signatures to grammars for models |
//! | 2 | [`check`], [`mod@format`] | from syntax to the checked plan; the canonical printer |
//! | 1 | [`catalog`] | skill signatures: the standard library's files, and added ones |
//! | 1 | [`syntax`], [`expr`] | grammar to tree and comments; closed expressions, functions, evaluation |
//! | 0 | [`source`], [`diagnostic`], [`value`], [`types`] | depend on nothing above, nor on miette or tokio |
//! | 0 | [`docs`] | the language reference and the guide, as text |
//!
//! Inside layer 0 and 1, [`types`] and [`expr`] know each other: a refined type holds its condition, a cast its type.
//!
//! With `default-features = false` the crate is the compiler alone: no tokio, no store, no network.
//!
//! # Invariants
//!
//! - A parse always yields a tree and diagnostics; any text will do. Spans lie inside their text, on character borders.
//! - [`check::CheckedPlan`] has no public constructor: holding one is the proof that the checker passed it, and nothing
//!   else runs.
//! - The engine knows no clock, no randomness and no I/O. The same events give the same commands, in the same order.
//! - **Apply, append, act**: an event is applied first, so an illegal one never reaches the disk; then it is made durable;
//!   only then its commands leave the driver. Calls that only compute do not wait: a crash lets them be made anew.
//! - **A crash is an event, not a mode**: recovery applies the stored events, drops their commands, adds `resumed`, and obeys
//!   what that asks for. A call that must not be repeated unasked is preceded by a durable `attempt_started`; found
//!   without an answer it is in doubt.
//! - The header of a journal holds the graph and the sources: a run ends on the plan it began with.
//! - What the language server answers is a function of the open texts and the disk: after any edits the same as after a fresh
//!   start.
//! - A secret is a name until a skill is called: neither the engine nor the journal ever holds its text.

// The parser that pest makes names it, as pest is built without `std`.
extern crate alloc;

pub mod catalog;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dag;
pub mod diagnostic;
pub mod docs;
pub mod engine;
pub mod expr;
pub mod format;
pub mod grammar;
pub mod ide;
#[cfg(feature = "lsp")]
pub mod lsp;
#[cfg(feature = "planner")]
pub mod planner;
pub mod project;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod source;
pub mod syntax;
pub mod types;
pub mod value;
