//! What undoes a step: a body of its own with one step, the call, which is tried again a few times. So it has everything that
//! steps have: attempts, waits, time-outs, a row in the report.

use super::{Builder, indegree};
use crate::check::hir::{Backoff, COMPENSATION_RETRIES, Compensate, ErrorArm, Program, Reaction, Target};
use crate::check::targets;
use crate::dag::{Action, BodyDag, BodyId, Node, NodeKind, StepNode, VarHome, arg_exprs};
use crate::expr::{Expr, ExprKind, VarId, reads};
use crate::types::Type;
use crate::value::Value;
use petgraph::graph::DiGraph;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The last part of its path.
const NAME: &str = "compensate";

/// A variable that no plan has.
const ERROR: VarId = VarId(u32::MAX - 1);

impl Builder {
    pub(super) fn compensation(&mut self, c: &Compensate) -> BodyId {
        let id = self.reserve();
        let call = &c.call;
        let mut vars = BTreeSet::new();
        for expr in arg_exprs(&call.args).chain(&c.unless) {
            vars.extend(reads(expr).iter().map(|r| r.var));
        }
        let is_let = |var: &VarId| matches!(self.home(*var), VarHome::Node { lazy: true, .. });
        let lets = vars.into_iter().filter(is_let).collect();
        // Calling twice what may act twice is safe only where the error says that nothing was done.
        let kinds: Vec<Arc<str>> =
            if self.acting_twice.contains(&call.target) { vec!["rate_limited".into()] } else { Vec::new() };
        let arm =
            |kinds, reactions| ErrorArm { kinds, error: ERROR, guard: None, reactions, span: call.span };
        let literal = Expr {
            kind: Box::new(ExprKind::Literal(Value::Int(COMPENSATION_RETRIES))),
            span: call.span,
            ty: Type::Int,
        };
        let retry = Reaction::Retry { count: literal, backoff: Backoff::default() };
        let step = StepNode {
            action: Action::Call(call.clone()),
            when: c.unless.as_ref().map(|unless| Expr {
                kind: Box::new(ExprKind::Not(unless.clone())),
                span: unless.span,
                ty: Type::Bool,
            }),
            key: None,
            cache: None,
            approve: None,
            timeout: None,
            deadline: None,
            on_error: vec![
                arm(kinds, vec![retry, Reaction::Continue]),
                arm(Vec::new(), vec![Reaction::Continue]),
            ],
            compensate: None,
        };
        let node = Node {
            name: NAME.into(),
            kind: NodeKind::Step(Box::new(step)),
            outer: Vec::new(),
            lets,
            soft: Vec::new(),
            span: call.span,
            name_span: call.span,
        };
        let mut graph = DiGraph::default();
        graph.add_node(());
        let done = BodyDag { nodes: vec![node], indegree: indegree(&graph), graph, ..BodyDag::default() };
        if let Some(slot) = self.bodies.get_mut(id.0 as usize) {
            *slot = done;
        }
        id
    }
}

/// The skills, and the plans that call them, directly or not, that may act twice when they are called twice.
pub(super) fn acting_twice(program: &Program) -> HashSet<Target> {
    let mut acting: HashSet<Target> = program
        .skills
        .iter()
        .filter(|(_, signature)| super::facts(signature).needs_intent())
        .map(|(name, _)| Target::Skill(name.clone()))
        .collect();
    loop {
        let before = acting.len();
        for (name, plan) in &program.plans {
            let mut acts = false;
            targets(&plan.body, &mut |target| acts |= acting.contains(target));
            if acts {
                acting.insert(Target::Plan(name.clone()));
            }
        }
        if acting.len() == before {
            return acting;
        }
    }
}
