//! From syntax to the checked plan: names, types, missing values, errors, effects.

pub mod hir;

mod cx;
mod infer;
mod narrow;
mod relate;
mod types;
