//! From types as written to types.

use super::cx::Cx;
use crate::syntax::ast::{self, Name};
use crate::types::{Labels, Type};

impl Cx<'_> {
    /// The type that is meant, and the labels before it; `params` are the type parameters in scope.
    pub(crate) fn resolve_type(&mut self, ty: &ast::Type, params: &[Name]) -> (Type, Labels) {
        let _ = (ty, params);
        (Type::Error, Labels::default())
    }
}
