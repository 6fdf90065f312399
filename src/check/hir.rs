//! The checked plan: every name resolved, every expression closed and typed, sugar taken away, every node with its place.

use crate::expr::{Expr, VarId};
use crate::source::Span;
use crate::syntax::ast::{BudgetKind, EffectKind};
use crate::types::{Labels, Type};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A plan and all that it can reach: the unit that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// The plan that is started.
    pub entry: Arc<str>,
    /// It and every plan that it calls, by unique name (`weekly`, `gh.sync`).
    pub plans: IndexMap<Arc<str>, Plan>,
    /// The signatures of the skills called, by dotted name.
    pub skills: IndexMap<Arc<str>, Signature>,
}

/// The signature of a skill.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signature {
    pub name: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<Arc<str>>,
    pub type_params: Vec<Arc<str>>,
    pub params: Vec<Param>,
    pub output: Type,
    pub output_labels: Labels,
    /// Empty: pure.
    pub effects: Vec<Effect>,
    pub idempotency: Idempotency,
    pub throws: Vec<ErrorKind>,
    /// US dollars of one call at the worst, over the parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Expr>,
    /// Worst time of one call, and the default time-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Expr>,
    /// Calls per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Arc<str>>,
    pub span: Span,
}

/// So many calls in so much time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rate {
    pub count: i64,
    pub per_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Param {
    pub name: Arc<str>,
    /// In a signature its parameters are the variables 0, 1, …; in a plan too.
    pub var: VarId,
    pub ty: Type,
    pub labels: Labels,
    /// `Some(null)` for `p?: T`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<Arc<str>>,
    pub span: Span,
}

/// What a skill does to a resource; the name of the resource is over the parameters (variables 0, 1, …).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Effect {
    pub kind: EffectKind,
    /// `None`: the one resource of that name without text; conflicts with every resource.
    pub resource: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    No,
    Yes,
    ByKey,
}

/// An error that can be thrown, with the fields of its details.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorKind {
    pub name: Arc<str>,
    pub details: Type,
}

/// A plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub name: Arc<str>,
    pub params: Vec<Param>,
    pub output: Type,
    pub output_labels: Labels,
    /// Every variable, by [`VarId`].
    pub vars: Vec<Var>,
    pub body: Body,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Expr>,
    pub budget: Vec<Budget>,
    /// Steps at once; 64 unless said.
    pub concurrency: u32,
    /// Errors a caller may see beyond the ambient ones.
    pub throws: Vec<ErrorKind>,
    /// All effects of its content, for conflicts at the call; resources that depend on inner values are `None`.
    pub effects: Vec<Effect>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<Arc<str>>,
    /// Whether its `meta` says that the model which wrote it had read untrusted text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    pub span: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Budget {
    pub kind: BudgetKind,
    /// Dollars, tokens, calls, or a duration.
    pub amount: Expr,
}

/// A variable of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Var {
    pub name: Arc<str>,
    pub kind: VarKind,
    #[serde(skip)]
    pub ty: Type,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarKind {
    Input,
    Step,
    Let,
    /// The item of a `for`.
    Item,
    /// The index of a `for`.
    Index,
    /// The variable of a `loop`.
    Loop,
    /// `it` in the `until` of a loop.
    It,
    /// A macro's variable.
    Macro,
    /// `error`, or the name after `as`.
    Error,
}

/// The statements between two braces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body {
    pub stmts: Vec<Stmt>,
    pub result: Option<Expr>,
    /// The `until` of a loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Expr>,
    pub span: Span,
}

/// A statement of a body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stmt {
    /// The variable of a step or `let`; none for `require` and `fail`.
    pub var: Option<VarId>,
    /// The last part of its path: the step's name; `require@3`, `fail@5` by position for the nameless.
    pub name: Arc<str>,
    pub kind: StmtKind,
    /// For messages: the text that was written.
    pub span: Span,
    /// The name alone.
    pub name_span: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StmtKind {
    Let(Expr),
    Require { cond: Expr, kind: Arc<str>, message: Expr },
    Fail { kind: Arc<str>, message: Expr },
    Step(Box<Step>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    pub action: Action,
    /// Variables of the steps named in `depends_on`.
    pub depends_on: Vec<VarId>,
    pub when: Option<Expr>,
    pub key: Option<Expr>,
    pub cache: Option<Expr>,
    pub approve: Option<Approve>,
    pub timeout: Option<Expr>,
    pub deadline: Option<Expr>,
    /// Tried in order; nothing fits: abort. A chain without arms is one arm for every kind.
    pub on_error: Vec<ErrorArm>,
    pub compensate: Option<Compensate>,
    /// Type of its value when it has one.
    #[serde(skip)]
    pub ty: Type,
    /// All effects of its content (calls: of the callee, resources over this plan's variables).
    pub effects: Vec<Effect>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Call(Call),
    Do(Body),
    For(Box<For>),
    If(If),
    Match(Match),
    Loop(Box<Loop>),
    Race(Vec<Body>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub target: Target,
    /// In the order of the parameters; left-out ones with a default are not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
    /// The type the result is checked against, type parameters filled in.
    pub output: Type,
    /// Type arguments by parameter: their schema reaches the implementation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub type_args: Vec<(Arc<str>, Type)>,
    #[serde(serialize_with = "crate::source::brief")]
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Skill(Arc<str>),
    Plan(Arc<str>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arg {
    pub name: Arc<str>,
    pub value: Expr,
    /// The parameter's type, type parameters filled in: arguments are checked against it when they run.
    pub ty: Type,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct For {
    pub item: VarId,
    pub index: Option<VarId>,
    pub list: Expr,
    /// More items than this fail with `limit`.
    pub max: Option<Expr>,
    /// Only so many are taken.
    pub first: Option<Expr>,
    /// At once; one without it.
    pub parallel: Option<Expr>,
    pub tolerate: Option<Tolerate>,
    pub body: Body,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerate {
    Count(Expr),
    Percent(u8),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct If {
    pub arms: Vec<(Expr, Body)>,
    pub otherwise: Option<Body>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Match {
    pub subject: Expr,
    /// The first arm one of whose patterns equals the subject; an empty list is `_`.
    pub arms: Vec<(Vec<Expr>, Body)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Loop {
    pub var: VarId,
    pub it: VarId,
    pub init: Expr,
    pub max: Expr,
    pub every: Option<Expr>,
    pub otherwise: LoopElse,
    pub body: Body,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopElse {
    Exhausted,
    Last,
    Fail(Expr),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorArm {
    /// Empty: every kind.
    pub kinds: Vec<Arc<str>>,
    /// The variable of the error.
    pub error: VarId,
    pub guard: Option<Expr>,
    pub reactions: Vec<Reaction>,
    pub span: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    Abort,
    Continue,
    Use(Expr),
    Fallback(Box<Call>),
    Fail(Expr),
    Retry { count: Expr, backoff: Backoff },
}

/// `from` alone is constant; with `to` it doubles from the one to the other, with full jitter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Backoff {
    /// `None`: one second, doubling to thirty.
    pub from: Option<Expr>,
    pub to: Option<Expr>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approve {
    pub question: Expr,
    pub stages: Vec<ApproveStage>,
    pub quorum: Option<Expr>,
    pub otherwise: ApproveElse,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApproveStage {
    pub role: Option<Arc<str>>,
    /// Where the role stands.
    #[serde(default)]
    pub span: Span,
    pub within: Option<Expr>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApproveElse {
    /// The errors `denied` and `expired`.
    Throw,
    Continue,
    Fail(Expr),
}

/// How often a compensation that failed is tried again; the waits are those of a `retry` without `backoff`.
pub const COMPENSATION_RETRIES: i64 = 5;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compensate {
    pub call: Call,
    pub unless: Option<Expr>,
}
