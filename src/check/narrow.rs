//! What is known at a place: which values are not null, which steps have a value.

use super::cx::Cx;
use crate::expr::{Expr, VarId};
use std::sync::Arc;

/// Whether a step or `let` may have no value.
#[derive(Clone, Debug, Default)]
pub(crate) enum MayMiss {
    #[default]
    No,
    /// It may be skipped, or fail under `continue`.
    Yes,
    /// Only its `when` decides: where the same condition is known to hold it has a value.
    When(Expr),
}

/// Something known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// The value at a path of fields is not null.
    NotNull(VarId, Vec<Arc<str>>),
    /// The step has a value.
    HasValue(VarId),
    /// A condition holds.
    Holds(String),
}

/// The facts known before [`Cx::assume`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Mark(usize);

impl Cx<'_> {
    /// Takes a condition for true or false until [`Cx::forget`].
    pub(crate) fn assume(&mut self, cond: &Expr, truth: bool) -> Mark {
        let _ = (cond, truth);
        Mark(self.facts.len())
    }

    /// Forgets what was assumed since the mark.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.facts.truncate(mark.0);
    }

    /// Says whether a step or `let` may have no value.
    pub(crate) fn set_missing(&mut self, var: VarId, may_miss: MayMiss) {
        self.missing.insert(var, may_miss);
    }

    /// Whether a step or `let` may have no value here.
    pub(crate) fn may_miss(&self, var: VarId) -> bool {
        !self.facts.contains(&Fact::HasValue(var))
            && !matches!(self.missing.get(&var), None | Some(MayMiss::No))
    }
}
