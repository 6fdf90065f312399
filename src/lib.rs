//! AOS, a plan language for agents.

pub mod check;
pub mod diagnostic;
pub mod engine;
pub mod expr;
pub mod source;
pub mod syntax;
<<<<<<< Updated upstream
#[cfg(feature = "runtime")]
pub mod runtime;
=======
pub mod types;
pub mod value;
>>>>>>> Stashed changes
