//! A `test` block after checking: all that running it needs.

use crate::expr::{Expr, VarId};
use crate::source::Span;
use std::sync::Arc;

/// A `test` block.
#[derive(Clone, Debug)]
pub struct TestCase {
    pub name: Arc<str>,
    /// The unique name of the plan.
    pub plan: Arc<str>,
    pub span: Span,
    /// The name in its quotes.
    pub name_span: Span,
    /// Of `input`; without variables.
    pub inputs: Vec<(Arc<str>, Expr)>,
    pub mocks: Vec<Mock>,
    /// `approve` and `deny`.
    pub decisions: Vec<Decision>,
    pub signals: Vec<Signal>,
    /// What must hold at the end, over the variables of `seen`.
    pub expects: Vec<Expr>,
    /// What the variables of the expectations stand for.
    pub seen: Vec<(VarId, Observable)>,
}

/// `mock skill => …`
#[derive(Clone, Debug)]
pub struct Mock {
    pub skill: Arc<str>,
    /// In the order in which calls get them.
    pub replies: Vec<Reply>,
    /// The skill's name.
    pub span: Span,
}

/// What a mocked skill gives.
#[derive(Clone, Debug)]
pub struct Reply {
    pub kind: ReplyKind,
    /// For so many calls; without it the last reply is for all that are left, any other for one.
    pub times: Option<u32>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ReplyKind {
    Value(Expr),
    Throw { kind: Arc<str>, details: Option<Expr> },
}

/// What people decide about a step.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The step's name, without the way to it.
    pub step: Arc<str>,
    pub approve: bool,
    pub span: Span,
}

/// `signal "name" => value`
#[derive(Clone, Debug)]
pub struct Signal {
    pub name: Arc<str>,
    pub value: Expr,
    pub span: Span,
}

/// Something of a finished run that an expectation mentions.
#[derive(Clone, Debug, PartialEq)]
pub struct Observable {
    /// As it was written: `digest`, `calls(http.get)`.
    pub text: Arc<str>,
    pub what: Observed,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// What the plan returned.
    Output,
    /// What ended the run.
    Error,
    /// How many attempts of a skill were made.
    Calls(Arc<str>),
    /// The value of the step instance at this path; so with the others.
    Value(Arc<str>),
    Status(Asked, Arc<str>),
    ErrorOf(Arc<str>),
    FailuresOf(Arc<str>),
}

/// What is asked of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Succeeded,
    Failed,
    Skipped,
    Recovered,
}
