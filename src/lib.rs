//! AOS, a plan language for agents.

pub mod catalog;
pub mod check;
pub mod dag;
pub mod diagnostic;
pub mod format;
pub mod engine;
pub mod expr;
pub mod project;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod source;
pub mod syntax;
pub mod types;
pub mod value;
