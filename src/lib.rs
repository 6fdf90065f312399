//! AOS, a plan language for agents.

pub mod diagnostic;
pub mod source;
pub mod syntax;
#[cfg(feature = "runtime")]
pub mod runtime;
