//! AOS, a plan language for agents.

pub mod diagnostic;
pub mod source;
pub mod syntax;
