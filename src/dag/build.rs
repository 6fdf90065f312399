//! From the checked program to the graph.

use super::conflict::Conflicts;
use super::{
    Action, BodyDag, BodyId, Dag, ForNode, LoopNode, Node, NodeKind, PlanDag, Reason, SkillFacts, StepNode,
    Touch, VERSION, VarHome, arg_exprs, goal, time,
};
use crate::check::hir::{
    self, Approve, ApproveElse, Body, Call, Idempotency, Plan, Program, Reaction, Signature, Step, Stmt,
    StmtKind, Target, Tolerate,
};
use crate::expr::{Expr, VarId, reads};
use crate::syntax::ast::EffectKind;
use indexmap::IndexMap;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

mod compensate;

pub(super) fn build(program: &Program) -> Dag {
    let concurrency = program.plans.get(&program.entry).map_or(64, |p| p.concurrency.max(1));
    let mut builder = Builder {
        bodies: Vec::new(),
        owner: Vec::new(),
        homes: Vec::new(),
        plan: 0,
        acting_twice: compensate::acting_twice(program),
    };
    let mut plans = IndexMap::new();
    for (index, (name, plan)) in program.plans.iter().enumerate() {
        builder.plan = index as u32;
        plans.insert(name.clone(), builder.plan(name, plan));
    }
    let skills = program.skills.iter().map(|(name, s)| (name.clone(), facts(s))).collect();
    let mut dag = Dag {
        version: VERSION,
        entry: program.entry.clone(),
        concurrency,
        plans,
        bodies: builder.bodies,
        skills,
        doubted: false,
    };
    time::fill(&mut dag, &builder.owner);
    dag
}

fn facts(signature: &Signature) -> SkillFacts {
    SkillFacts {
        effect: signature.effects.iter().map(|e| e.kind).max_by_key(|k| rank(*k)).unwrap_or(EffectKind::Pure),
        idempotency: signature.idempotency,
        time: signature.time.clone(),
        params: signature.params.iter().map(|p| p.name.clone()).collect(),
        cost: signature.cost.clone(),
        tokens: signature.tokens.clone(),
        touches: signature.effects.iter().filter(|e| e.kind != EffectKind::Pure).map(touch).collect(),
        rate: signature.rate,
        throws: signature.throws.iter().map(|kind| kind.name.clone()).collect(),
    }
}

fn touch(effect: &hir::Effect) -> Touch {
    Touch { name: effect.resource.clone(), write: effect.kind >= EffectKind::Writes }
}

fn rank(kind: EffectKind) -> u8 {
    match kind {
        EffectKind::Pure => 0,
        EffectKind::Reads => 1,
        EffectKind::Appends => 2,
        EffectKind::Writes => 3,
        EffectKind::Irreversible => 4,
    }
}

struct Builder {
    bodies: Vec<BodyDag>,
    owner: Vec<u32>,
    /// Of the plan at hand.
    homes: Vec<VarHome>,
    plan: u32,
    /// Skills and plans that may act twice when they are called twice.
    acting_twice: HashSet<Target>,
}

/// What a statement reads, by how it waits for it.
#[derive(Default)]
struct Uses {
    hard: BTreeSet<VarId>,
    order: BTreeSet<VarId>,
    soft: BTreeSet<VarId>,
    /// Mentioned only inside.
    inner: BTreeSet<VarId>,
}

impl Uses {
    fn hard(&mut self, expr: &Expr) {
        self.hard.extend(reads(expr).iter().map(|r| r.var));
    }

    fn soft(&mut self, expr: &Expr) {
        self.soft.extend(reads(expr).iter().map(|r| r.var));
    }
}

impl Builder {
    fn plan(&mut self, name: &Arc<str>, plan: &Plan) -> PlanDag {
        self.homes = vec![VarHome::Bound; plan.vars.len()];
        let inputs: Vec<VarId> = plan.params.iter().map(|p| p.var).collect();
        let (body, _) = self.body(&plan.body, &inputs);
        PlanDag {
            name: name.clone(),
            params: plan.params.clone(),
            output: plan.output.clone(),
            homes: std::mem::take(&mut self.homes),
            body,
            worst_ms: 0,
            budget: plan.budget.clone(),
            goal: goal::of(plan),
        }
    }

    fn set_home(&mut self, var: VarId, home: VarHome) {
        if let Some(slot) = self.homes.get_mut(var.0 as usize) {
            *slot = home;
        }
    }

    fn home(&self, var: VarId) -> VarHome {
        self.homes.get(var.0 as usize).copied().unwrap_or(VarHome::Bound)
    }

    /// Builds a body whose own variables are `locals`; gives what it reads of outer statements too.
    fn body(&mut self, body: &Body, locals: &[VarId]) -> (BodyId, BTreeSet<VarId>) {
        // The number is taken first, so that homes are known inside; the graph is put in when it is done.
        let id = self.reserve();
        for local in locals {
            self.set_home(*local, VarHome::Local(id));
        }
        for (node, stmt) in body.stmts.iter().enumerate() {
            if let Some(var) = stmt.var {
                let lazy = matches!(stmt.kind, StmtKind::Let(_));
                self.set_home(var, VarHome::Node { body: id, node: node as u32, lazy });
            }
        }
        let mut outer = BTreeSet::new();
        let mut nodes = Vec::with_capacity(body.stmts.len());
        let mut edges = Edges { list: Vec::new(), seen: BTreeSet::new() };
        let mut conflicts = Conflicts::new(body.stmts.len() as u32);
        let mut fence = None;
        let mut since_fence = Vec::new();
        for (index, stmt) in body.stmts.iter().enumerate() {
            let index = index as u32;
            let (kind, uses) = self.stmt(stmt);
            let node = self.node(stmt, kind, &uses, id, index, &mut edges, &mut outer);
            fences(&node.kind, index, &mut fence, &mut since_fence, &mut edges);
            if let StmtKind::Step(step) = &stmt.kind {
                conflicts.add(index, step.when.as_ref(), &step.effects);
            }
            nodes.push(node);
        }
        let (result_outer, result_lets) = self.result_reads(body, id, &mut outer);
        let (count, conflict_edges) = conflicts.finish();
        for (from, to) in conflict_edges {
            edges.add(from, to, Reason::Conflict);
        }
        let graph = edges.graph(count);
        let indegree = indegree(&graph);
        let done = BodyDag {
            nodes,
            result: body.result.clone(),
            result_outer,
            result_lets,
            until: body.until.clone(),
            graph,
            indegree,
            remaining: Vec::new(),
        };
        if let Some(slot) = self.bodies.get_mut(id.0 as usize) {
            *slot = done;
        }
        (id, outer)
    }

    fn reserve(&mut self) -> BodyId {
        let id = BodyId(self.bodies.len() as u32);
        self.owner.push(self.plan);
        self.bodies.push(BodyDag::default());
        id
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one pass over a body")]
    fn node(
        &self,
        stmt: &Stmt,
        kind: NodeKind,
        uses: &Uses,
        body: BodyId,
        index: u32,
        edges: &mut Edges,
        outer: &mut BTreeSet<VarId>,
    ) -> Node {
        let mut waits = Vec::new();
        let mut lets = BTreeSet::new();
        for (vars, reason) in
            [(&uses.hard, Reason::Data), (&uses.order, Reason::Order), (&uses.inner, Reason::Inner)]
        {
            for var in vars {
                let VarHome::Node { body: home, node, lazy } = self.home(*var) else { continue };
                if home == body {
                    edges.add(node, index, reason);
                } else {
                    outer.insert(*var);
                    if reason != Reason::Inner && !waits.contains(var) {
                        waits.push(*var);
                    }
                }
                if lazy && reason == Reason::Data {
                    lets.insert(*var);
                }
            }
        }
        let mut soft = Vec::new();
        for var in &uses.soft {
            let VarHome::Node { body: home, lazy, .. } = self.home(*var) else { continue };
            soft.push(*var);
            if home != body {
                outer.insert(*var);
            }
            if lazy {
                lets.insert(*var);
            }
        }
        Node {
            name: stmt.name.clone(),
            kind,
            outer: waits,
            lets: lets.into_iter().collect(),
            soft,
            span: stmt.span,
            name_span: stmt.name_span,
        }
    }

    fn result_reads(&self, body: &Body, id: BodyId, outer: &mut BTreeSet<VarId>) -> (Vec<VarId>, Vec<VarId>) {
        let mut vars = BTreeSet::new();
        for expr in body.result.iter().chain(&body.until) {
            vars.extend(reads(expr).iter().map(|r| r.var));
        }
        let mut waits = Vec::new();
        let mut lets = Vec::new();
        for var in vars {
            let VarHome::Node { body: home, lazy, .. } = self.home(var) else { continue };
            if home != id {
                waits.push(var);
                outer.insert(var);
            }
            if lazy {
                lets.push(var);
            }
        }
        (waits, lets)
    }

    fn stmt(&mut self, stmt: &Stmt) -> (NodeKind, Uses) {
        let mut uses = Uses::default();
        let kind = match &stmt.kind {
            StmtKind::Let(expr) => {
                uses.hard(expr);
                NodeKind::Let(expr.clone())
            }
            StmtKind::Require { cond, kind, message } => {
                uses.hard(cond);
                uses.hard(message);
                NodeKind::Require { cond: cond.clone(), kind: kind.clone(), message: message.clone() }
            }
            StmtKind::Fail { kind, message } => {
                uses.hard(message);
                NodeKind::Fail { kind: kind.clone(), message: message.clone() }
            }
            StmtKind::Step(step) => {
                let mut node = self.step(step, &mut uses);
                node.compensate = step.compensate.as_ref().map(|c| self.compensation(c));
                NodeKind::Step(Box::new(node))
            }
        };
        (kind, uses)
    }

    fn step(&mut self, step: &Step, uses: &mut Uses) -> StepNode {
        for expr in [&step.when, &step.key, &step.cache, &step.timeout, &step.deadline].into_iter().flatten()
        {
            uses.hard(expr);
        }
        uses.order.extend(&step.depends_on);
        if let Some(approve) = &step.approve {
            approve_reads(approve, uses);
        }
        for arm in &step.on_error {
            arm_reads(arm, uses);
        }
        StepNode {
            action: self.action(&step.action, uses),
            when: step.when.clone(),
            key: step.key.clone(),
            cache: step.cache.clone(),
            approve: step.approve.clone(),
            timeout: step.timeout.clone(),
            deadline: step.deadline.clone(),
            on_error: step.on_error.clone(),
            compensate: None,
        }
    }

    fn action(&mut self, action: &hir::Action, uses: &mut Uses) -> Action {
        match action {
            hir::Action::Call(call) => {
                call_reads(call, |e| uses.hard(e));
                Action::Call(call.clone())
            }
            hir::Action::Do(body) => Action::Do(self.inner(body, &[], uses)),
            hir::Action::For(f) => {
                uses.hard(&f.list);
                for expr in [&f.max, &f.first, &f.parallel].into_iter().flatten() {
                    uses.hard(expr);
                }
                if let Some(Tolerate::Count(expr)) = &f.tolerate {
                    uses.hard(expr);
                }
                let locals: Vec<VarId> = std::iter::once(f.item).chain(f.index).collect();
                Action::For(Box::new(ForNode {
                    item: f.item,
                    index: f.index,
                    list: f.list.clone(),
                    max: f.max.clone(),
                    first: f.first.clone(),
                    parallel: f.parallel.clone(),
                    tolerate: f.tolerate.clone(),
                    body: self.inner(&f.body, &locals, uses),
                }))
            }
            hir::Action::If(i) => {
                let mut arms = Vec::with_capacity(i.arms.len());
                for (cond, body) in &i.arms {
                    uses.hard(cond);
                    arms.push((cond.clone(), self.inner(body, &[], uses)));
                }
                Action::If { arms, otherwise: i.otherwise.as_ref().map(|b| self.inner(b, &[], uses)) }
            }
            hir::Action::Match(m) => {
                uses.hard(&m.subject);
                let mut arms = Vec::with_capacity(m.arms.len());
                for (patterns, body) in &m.arms {
                    arms.push((patterns.clone(), self.inner(body, &[], uses)));
                }
                Action::Match { subject: m.subject.clone(), arms }
            }
            hir::Action::Loop(l) => {
                for expr in [Some(&l.init), Some(&l.max), l.every.as_ref()].into_iter().flatten() {
                    uses.hard(expr);
                }
                if let hir::LoopElse::Fail(expr) = &l.otherwise {
                    uses.hard(expr);
                }
                Action::Loop(Box::new(LoopNode {
                    var: l.var,
                    it: l.it,
                    init: l.init.clone(),
                    max: l.max.clone(),
                    every: l.every.clone(),
                    otherwise: l.otherwise.clone(),
                    body: self.inner(&l.body, &[l.var], uses),
                }))
            }
            hir::Action::Race(bodies) => {
                Action::Race(bodies.iter().map(|b| self.inner(b, &[], uses)).collect())
            }
        }
    }

    fn inner(&mut self, body: &Body, locals: &[VarId], uses: &mut Uses) -> BodyId {
        let (id, outer) = self.body(body, locals);
        uses.inner.extend(outer);
        id
    }
}

/// Edges of one body, each pair once per way of waiting.
struct Edges {
    list: Vec<(u32, u32, Reason)>,
    seen: BTreeSet<(u32, u32)>,
}

impl Edges {
    /// Adds an edge unless there is one already, or it would go up the text.
    fn add(&mut self, from: u32, to: u32, reason: Reason) {
        let join = reason == Reason::Conflict;
        if (from < to || join) && self.seen.insert((from, to)) {
            self.list.push((from, to, reason));
        } else if reason != Reason::Inner
            && let Some(edge) =
                self.list.iter_mut().rev().take(64).find(|e| (e.0, e.1, e.2) == (from, to, Reason::Inner))
        {
            // What holds the step back counts more than what it merely holds inside.
            edge.2 = reason;
        }
    }

    fn graph(self, count: u32) -> DiGraph<(), Reason, u32> {
        let mut graph = DiGraph::with_capacity(count as usize, self.list.len());
        for _ in 0..count {
            graph.add_node(());
        }
        // petgraph lists the newest edge first; from the last to the first gives the order of the text.
        let mut list = self.list;
        list.sort_by_key(|(from, to, _)| (*from, *to));
        for (from, to, reason) in list.into_iter().rev() {
            graph.add_edge(NodeIndex::new(from as usize), NodeIndex::new(to as usize), reason);
        }
        graph
    }
}

fn indegree(graph: &DiGraph<(), Reason, u32>) -> Vec<u32> {
    let mut counts = vec![0_u32; graph.node_count()];
    for edge in graph.raw_edges() {
        if edge.weight != Reason::Inner
            && let Some(count) = counts.get_mut(edge.target().index())
        {
            *count += 1;
        }
    }
    counts
}

/// `require`: all below wait. `fail`: waits for all above, and all below wait. Chained, so that edges stay linear.
fn fences(kind: &NodeKind, index: u32, fence: &mut Option<u32>, since: &mut Vec<u32>, edges: &mut Edges) {
    if matches!(kind, NodeKind::Let(_)) {
        return;
    }
    if let Some(fence) = *fence {
        edges.add(fence, index, Reason::Fence);
    }
    match kind {
        NodeKind::Let(_) => {}
        NodeKind::Step(_) => since.push(index),
        NodeKind::Require { .. } => *fence = Some(index),
        NodeKind::Fail { .. } => {
            for above in since.drain(..) {
                edges.add(above, index, Reason::Fence);
            }
            *fence = Some(index);
        }
    }
}

fn call_reads(call: &Call, mut read: impl FnMut(&Expr)) {
    for expr in arg_exprs(&call.args) {
        read(expr);
    }
}

fn approve_reads(approve: &Approve, uses: &mut Uses) {
    uses.hard(&approve.question);
    for stage in &approve.stages {
        if let Some(within) = &stage.within {
            uses.hard(within);
        }
    }
    if let Some(quorum) = &approve.quorum {
        uses.hard(quorum);
    }
    if let ApproveElse::Fail(message) = &approve.otherwise {
        uses.soft(message);
    }
}

fn arm_reads(arm: &hir::ErrorArm, uses: &mut Uses) {
    if let Some(guard) = &arm.guard {
        uses.soft(guard);
    }
    for reaction in &arm.reactions {
        match reaction {
            Reaction::Abort | Reaction::Continue => {}
            Reaction::Use(expr) | Reaction::Fail(expr) => uses.soft(expr),
            Reaction::Fallback(call) => call_reads(call, |e| uses.soft(e)),
            Reaction::Retry { count, backoff } => {
                uses.soft(count);
                for expr in [&backoff.from, &backoff.to].into_iter().flatten() {
                    uses.soft(expr);
                }
            }
        }
    }
}

impl SkillFacts {
    /// Whether a call that may have happened must not be made again unasked.
    #[must_use]
    pub fn needs_intent(&self) -> bool {
        self.idempotency == Idempotency::No && !self.is_quiet()
    }

    /// Whether dropping a call leaves nothing behind.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        matches!(self.effect, EffectKind::Pure | EffectKind::Reads)
    }
}
