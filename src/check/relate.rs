//! How types relate: what fits where, what two types have in common, type parameters.

use crate::types::Type;
use indexmap::IndexMap;
use std::sync::Arc;

/// Whether a value of one type can stand where another is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fit {
    Yes,
    /// After turning `int` into `float`, perhaps deep inside.
    Widen,
    /// Only after `as T`.
    NeedsCast,
    /// If only it were not null.
    MaybeNull,
    No(Why),
}

/// Where two types part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Why {
    /// The way into the value: `.a[].b`; empty at the top.
    pub path: String,
    /// What is there instead of what is wanted.
    pub text: String,
}

/// What type parameters stand for.
pub(crate) type Bindings = IndexMap<Arc<str>, Type>;

/// Whether a value of type `from` can stand where `to` is wanted.
pub(crate) fn fits(from: &Type, to: &Type) -> Fit {
    let _ = (from, to);
    Fit::Yes
}

/// The narrowest type that both fit.
pub(crate) fn join(a: &Type, b: &Type) -> Type {
    let _ = b;
    a.clone()
}

/// Whether some value has both types, so that `as` makes sense.
pub(crate) fn common(a: &Type, b: &Type) -> bool {
    let _ = (a, b);
    true
}

/// Learns type parameters from an argument.
pub(crate) fn bind(param: &Type, arg: &Type, bindings: &mut Bindings) {
    let _ = (param, arg, bindings);
}

/// Puts what is bound in place of type parameters.
pub(crate) fn substitute(ty: &Type, bindings: &Bindings) -> Type {
    let _ = bindings;
    ty.clone()
}
