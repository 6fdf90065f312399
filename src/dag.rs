//! The graph of a plan: per body its statements and what each of them waits for, frozen and serialisable.
//!
//! Inner bodies are taken out of their steps and named by a [`BodyId`]; variables are found by their [`VarHome`].
//! Edges always go down the text, so that a body can always run to its end.

mod build;
pub(crate) mod conflict;
pub mod draw;
mod edges;
mod goal;
mod time;

use crate::check::errors::AMBIENT;
use crate::check::hir::{
    Approve, Arg, Budget, Call, ErrorArm, Idempotency, LoopElse, Param, Program, Rate, Tolerate,
};
use crate::expr::{Expr, VarId};
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use crate::types::Type;
use indexmap::IndexMap;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use goal::Goal;

/// The version of the serialised form.
pub const VERSION: u32 = 1;

/// Names a body of a [`Dag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BodyId(pub u32);

/// A plan as the engine runs it. Goes into the journal: a run ends on the plan it began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dag {
    version: u32,
    entry: Arc<str>,
    concurrency: u32,
    plans: IndexMap<Arc<str>, PlanDag>,
    bodies: Vec<BodyDag>,
    skills: IndexMap<Arc<str>, SkillFacts>,
    /// Whether a model wrote the plan that had read what is untrusted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    doubted: bool,
}

/// A plan of a [`Dag`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanDag {
    /// Its unique name.
    pub name: Arc<str>,
    /// Its inputs.
    pub params: Vec<Param>,
    /// What it returns.
    pub output: Type,
    /// Where each variable lives.
    pub homes: Vec<VarHome>,
    /// Its body.
    pub body: BodyId,
    /// Milliseconds from its start to its end at the worst, as far as literals say.
    pub worst_ms: u64,
    /// What it may use up, over its inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<Budget>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

/// Where the value of a variable is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarHome {
    /// An input, an item, an index, a loop variable: belongs to an instance of this body.
    Local(BodyId),
    /// A step or `let`: the statement at this position.
    Node {
        body: BodyId,
        node: u32,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lazy: bool,
    },
    /// Bound while an expression is evaluated: `error`, `it`, the variable of a macro.
    Bound,
}

/// What the engine must know of a skill.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SkillFacts {
    /// The strongest of its effects.
    pub effect: EffectKind,
    /// Whether it may be called again.
    pub idempotency: Idempotency,
    /// The default time-out, over its parameters.
    pub time: Option<Expr>,
    /// The names of its parameters, in order.
    pub params: Vec<Arc<str>>,
    /// US dollars of one call at the worst, over its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Expr>,
    /// Tokens of one call at the worst, over its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Expr>,
    /// Calls in a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The resources it touches, over its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<Touch>,
    /// The errors of its signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throws: Vec<Arc<str>>,
}

/// A resource that a skill touches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Touch {
    /// `None`: every resource.
    pub name: Option<Expr>,
    /// Whether nothing else may touch it meanwhile.
    pub write: bool,
}

/// A body of a [`Dag`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BodyDag {
    /// Its statements, in the order of the text.
    pub nodes: Vec<Node>,
    /// What it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Expr>,
    /// Variables of outer statements that the result mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub result_outer: Vec<VarId>,
    /// `let`s that the result mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub result_lets: Vec<VarId>,
    /// The `until` of a loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Expr>,
    /// Statements first; behind them joins, which stand for many edges.
    #[serde(with = "edges")]
    graph: DiGraph<(), Reason, u32>,
    /// How many edges each node of the graph waits for.
    indegree: Vec<u32>,
    /// Worst-case milliseconds from the start of each statement to the end of the body.
    remaining: Vec<u64>,
}

/// Why one statement waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It mentions it.
    Data,
    /// `depends_on`
    Order,
    /// They may not touch the same resource at once.
    Conflict,
    /// `require` and `fail`.
    Fence,
    /// Something inside mentions it; the region itself does not wait.
    Inner,
}

/// An edge between two statements of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The statement that comes first; from [`BodyDag::nodes`]' length up: a join.
    pub from: u32,
    /// The one that waits.
    pub to: u32,
    /// Why.
    pub reason: Reason,
}

/// A statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// The last part of its path.
    pub name: Arc<str>,
    /// What it does.
    pub kind: NodeKind,
    /// Variables of statements of outer bodies that it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outer: Vec<VarId>,
    /// `let`s that its text mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lets: Vec<VarId>,
    /// What its error arms mention: waited for when they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft: Vec<VarId>,
    /// All text of it.
    #[serde(serialize_with = "crate::source::brief")]
    pub span: Span,
    /// Its name alone.
    #[serde(serialize_with = "crate::source::brief")]
    pub name_span: Span,
}

/// What a statement does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    Let(Expr),
    Require { cond: Expr, kind: Arc<str>, message: Expr },
    Fail { kind: Arc<str>, message: Expr },
    Step(Box<StepNode>),
}

/// A step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepNode {
    /// What it does.
    pub action: Action,
    /// Skipped unless this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
    /// Makes it one call for all runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Expr>,
    /// How long its result will do for the same call again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Expr>,
    /// People are asked before the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<Approve>,
    /// Of one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr>,
    /// Of the whole step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Expr>,
    /// Tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_error: Vec<ErrorArm>,
    /// What undoes it: a body with one step, the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<BodyId>,
}

/// The action of a step, inner bodies by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Call(Call),
    Do(BodyId),
    For(Box<ForNode>),
    If { arms: Vec<(Expr, BodyId)>, otherwise: Option<BodyId> },
    Match { subject: Expr, arms: Vec<(Vec<Expr>, BodyId)> },
    Loop(Box<LoopNode>),
    Race(Vec<BodyId>),
}

/// `for`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForNode {
    pub item: VarId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<VarId>,
    pub list: Expr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerate: Option<Tolerate>,
    pub body: BodyId,
}

/// `loop`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoopNode {
    pub var: VarId,
    pub it: VarId,
    pub init: Expr,
    pub max: Expr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Expr>,
    pub otherwise: LoopElse,
    pub body: BodyId,
}

impl Dag {
    /// The graph of a checked program.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        build::build(program)
    }

    /// The plan that is started.
    #[must_use]
    pub fn entry(&self) -> &Arc<str> {
        &self.entry
    }

    /// The version of the form it was made in.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Steps in flight at once.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// The same graph with another limit of steps in flight; at least one.
    #[must_use]
    pub fn with_concurrency(mut self, limit: u32) -> Self {
        self.concurrency = limit.max(1);
        self
    }

    /// The same graph, with whether a model wrote the plan that had read what is untrusted.
    #[must_use]
    pub fn with_doubt(mut self, doubted: bool) -> Self {
        self.doubted = doubted;
        self
    }

    /// Whether a model wrote the plan that had read what is untrusted.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// A plan by its unique name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&PlanDag> {
        self.plans.get(name)
    }

    /// All plans, the entry among them.
    pub fn plans(&self) -> impl Iterator<Item = &PlanDag> {
        self.plans.values()
    }

    /// The plan with this number.
    #[must_use]
    pub fn plan_at(&self, index: u32) -> Option<&PlanDag> {
        self.plans.get_index(index as usize).map(|(_, plan)| plan)
    }

    /// The number of a plan.
    #[must_use]
    pub fn plan_index(&self, name: &str) -> Option<u32> {
        self.plans.get_index_of(name).map(|i| i as u32)
    }

    /// A body.
    #[must_use]
    pub fn body(&self, id: BodyId) -> Option<&BodyDag> {
        self.bodies.get(id.0 as usize)
    }

    /// The skills that are called, by name.
    pub fn skills(&self) -> impl Iterator<Item = (&Arc<str>, &SkillFacts)> {
        self.skills.iter()
    }

    /// Whether an error's kind is a word of the language or of a signature, so that no implementation can have made it up.
    #[must_use]
    pub fn knows_error(&self, kind: &str) -> bool {
        AMBIENT.contains(&kind) || self.skills.values().any(|s| s.throws.iter().any(|k| **k == *kind))
    }

    /// What is known of a skill.
    #[must_use]
    pub fn skill(&self, name: &str) -> Option<&SkillFacts> {
        self.skills.get(name)
    }
}

impl BodyDag {
    /// How many edges each statement (behind them: each join) waits for.
    #[must_use]
    pub fn indegree(&self) -> &[u32] {
        &self.indegree
    }

    /// Calls `wake` for each statement or join that waits for `node`, once per edge, in the order of the text.
    pub fn dependents(&self, node: u32, mut wake: impl FnMut(u32)) {
        for edge in self.graph.edges(NodeIndex::new(node as usize)) {
            if *edge.weight() != Reason::Inner {
                wake(edge.target().index() as u32);
            }
        }
    }

    /// Worst-case milliseconds from the start of a statement to the end of the body, as far as literals say.
    #[must_use]
    pub fn remaining_ms(&self, node: u32) -> u64 {
        self.remaining.get(node as usize).copied().unwrap_or(0)
    }

    /// Every edge, in the order they were found.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        self.graph.edge_references().map(|e| Edge {
            from: e.source().index() as u32,
            to: e.target().index() as u32,
            reason: *e.weight(),
        })
    }
}

impl Action {
    /// Every body inside, in the order of the text.
    #[must_use]
    pub fn bodies(&self) -> Vec<BodyId> {
        match self {
            Action::Call(_) => Vec::new(),
            Action::Do(body) => vec![*body],
            Action::For(f) => vec![f.body],
            Action::If { arms, otherwise } => arms.iter().map(|(_, b)| *b).chain(*otherwise).collect(),
            Action::Match { arms, .. } => arms.iter().map(|(_, b)| *b).collect(),
            Action::Loop(l) => vec![l.body],
            Action::Race(bodies) => bodies.clone(),
        }
    }
}

/// The expressions of a call's arguments.
pub(crate) fn arg_exprs(args: &[Arg]) -> impl Iterator<Item = &Expr> {
    args.iter().map(|a| &a.value)
}

/// Whether a skill is a timer of the engine.
#[must_use]
pub fn is_sleep(skill: &str) -> bool {
    matches!(skill, "time.sleep" | "time.until")
}
