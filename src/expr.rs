//! The closed form of expressions: names resolved, types known, nothing left to look up. The checker makes it, the engine runs it.

use crate::source::Span;
use crate::types::Type;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

mod eval;
pub mod functions;
mod visit;

pub(crate) use eval::excess;
pub use eval::{Env, EvalError, NoEnv, Stop, eval, interpolation_text};
pub use visit::{Read, ReadKind, reads};

/// A variable of one plan: an input, a step, a `let`, the variable of a `for`, `loop`, macro or error arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VarId(pub u32);

/// The variable `it` of refinements, and of `until`.
pub const IT: VarId = VarId(u32::MAX);

/// A name that is not declared, where that is found out when it is evaluated.
pub const UNDECLARED: VarId = VarId(u32::MAX - 1);

/// An expression that can be evaluated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Expr {
    pub kind: Box<ExprKind>,
    #[serde(serialize_with = "crate::source::brief")]
    pub span: Span,
    /// Known to the checker; not kept in the journal.
    #[serde(skip)]
    pub ty: Type,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExprKind {
    Literal(Value),
    /// A strict read where the variable is a step (see [`ExprKind::Tolerant`]).
    Var(VarId),
    /// A step read through `?.` or `??`: null where it is missing.
    Tolerant(VarId),
    /// `succeeded(a)` and its like.
    Status {
        test: StatusTest,
        step: VarId,
    },
    /// `run.id`, `run.plan`, `run.started_at`
    Run(RunField),
    /// `now()`
    Now,
    /// `secret("NAME")`
    Secret(Arc<str>),
    /// The pieces of a text with `${…}`.
    Interpolate(Vec<Expr>),
    /// What is not there is an error, unless `safe`: then null, and null where `base` is null. `x?.f` is safe, and so is
    /// every read of a field that the record's type says is optional (`f?: T`): a value does not know its type when it runs.
    Member {
        base: Expr,
        name: Arc<str>,
        safe: bool,
    },
    /// `safe` (`[?k]`): null where there is no such element.
    Index {
        base: Expr,
        index: Expr,
        safe: bool,
    },
    List(Vec<Expr>),
    Record(Vec<(Key, Expr)>),
    Not(Expr),
    Neg(Expr),
    Binary {
        op: BinaryOp,
        left: Expr,
        right: Expr,
    },
    Cond {
        cond: Expr,
        then: Expr,
        otherwise: Expr,
    },
    /// A function of the table; a receiver is the first argument.
    Call {
        function: Function,
        args: Vec<Expr>,
    },
    /// `vars`: one or two (index or key first); `bodies`: one, or filter and transformation.
    Macro {
        kind: MacroKind,
        target: Expr,
        vars: Vec<VarId>,
        bodies: Vec<Expr>,
    },
    /// `has(x.f)`: there and not null.
    Has {
        base: Expr,
        name: Arc<str>,
    },
    /// `x as T`: validated.
    As {
        value: Expr,
        ty: Type,
    },
    /// `int` where a `float` is wanted, also every one inside lists and maps. (Records that hold ints besides: `As`.)
    Widen(Expr),
}

/// The name of a row of the function table.
pub type Function = Arc<str>;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    Text(Arc<str>),
    Computed(Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusTest {
    Succeeded,
    Failed,
    Skipped,
    /// `error(a)`: the last error, or null.
    Error,
    /// `failures(a)`: the failed items of a tolerant `for`.
    Failures,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunField {
    Id,
    Plan,
    StartedAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    Coalesce,
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
    /// `sortBy(x, key)`, several keys in `bodies`.
    SortBy,
    TransformList,
    TransformMap,
    TransformMapEntry,
}
