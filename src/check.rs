//! From syntax to the checked plan: names, types, missing values, errors, effects.

pub mod hir;

mod closed;
mod constants;
mod cx;
mod eval_api;
mod expect;
mod functions;
mod infer;
mod narrow;
mod operators;
mod relate;
mod text;
mod types;

pub use eval_api::{check_expr, close_expr};
