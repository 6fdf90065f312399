//! Where untrusted, private and secret values go: labels follow every value of a plan from its source to its sinks.
//!
//! Each plan is walked with its inputs as declared; a called plan is walked again with the labels of the arguments, and what is
//! wrong then is told at the call. A label is told apart for content (made from) and choice (selected by).

mod body;
mod calls;
mod expr;
mod label;
mod report;
mod value;

use super::hir::{Action, Body, Call, Plan, Reaction, Signature, StmtKind, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::VarId;
use crate::source::{SourceId, Span};
use indexmap::IndexMap;
use label::Label;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
pub(crate) use value::has_labels;
use value::{Flow, Said};

/// Who wrote a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    Person,
    Model,
}

/// What an agent may do, as `[agents.NAME]` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    pub name: Arc<str>,
    /// Skill names, `llm.*` for all of a namespace.
    pub grants: Vec<Arc<str>>,
    pub deny: Vec<Arc<str>>,
    /// Parameters (`mail.send.to`, `mail.send.*`) for which its plans may endorse and declassify.
    pub may_endorse: Vec<Arc<str>>,
}

/// For whom a plan is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asker {
    /// `None`: everything is granted.
    pub agent: Option<Agent>,
    /// `None`: a model where the plan has a `planner` clause.
    pub written_by: Option<Writer>,
    /// Whether the model that wrote it had read untrusted text.
    pub untrusted_context: bool,
    /// Login names by role, from `aos.toml`; `None` where that is not known.
    pub people: Option<IndexMap<Arc<str>, Vec<Arc<str>>>>,
}

/// How many calls of plans are walked; beyond it they are judged by their arguments alone.
const MAX_INSTANCES: u32 = 4_000;

/// Checks all plans; `entry` is the file that the asker wrote.
pub(super) fn check(
    plans: &IndexMap<Arc<str>, Plan>,
    skills: &IndexMap<Arc<str>, Arc<Signature>>,
    entry: Option<SourceId>,
    asker: &Asker,
    found: &mut Vec<Diagnostic>,
) {
    let mut walk = Walk {
        plans,
        skills,
        entry,
        asker,
        found,
        told: HashSet::new(),
        muted: 0,
        instances: 0,
        clean: HashMap::new(),
        ends: Label::default(),
        calls: Vec::new(),
        loops: 0,
    };
    for plan in plans.values() {
        walk.plan(plan);
        if let Some(agent) = &asker.agent {
            grants(&plan.body, agent, walk.found);
        }
    }
}

/// What is known against the value of a variable, for the editor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Where untrusted content or choice came from, the source first.
    pub(crate) untrusted: Vec<(Span, Arc<str>)>,
    /// Whether what is untrusted only selects it.
    pub(crate) chosen: bool,
    pub(crate) privacy: Option<crate::types::Privacy>,
}

/// The labels of the variables of a plan, by [`VarId`].
pub(crate) fn seen(
    plans: &IndexMap<Arc<str>, Plan>,
    skills: &IndexMap<Arc<str>, Arc<Signature>>,
    plan: &Plan,
) -> Vec<Seen> {
    let mut walk = Walk {
        plans,
        skills,
        entry: None,
        asker: &Asker::default(),
        found: &mut Vec::new(),
        told: HashSet::new(),
        muted: 1,
        instances: 0,
        clean: HashMap::new(),
        ends: Label::default(),
        calls: Vec::new(),
        loops: 0,
    };
    let one = |flow: &Flow| {
        let label = flow.total();
        Seen {
            untrusted: label.untrusted().map(label::Trace::places).unwrap_or_default(),
            chosen: label.content.is_none(),
            privacy: label.hidden.as_ref().or(label.hidden_choice.as_ref()).map(|(p, _)| *p),
        }
    };
    walk.walked(plan).0.flows.iter().map(one).collect()
}

/// The walk over all plans.
struct Walk<'a> {
    plans: &'a IndexMap<Arc<str>, Plan>,
    skills: &'a IndexMap<Arc<str>, Arc<Signature>>,
    entry: Option<SourceId>,
    asker: &'a Asker,
    found: &'a mut Vec<Diagnostic>,
    /// Place of the sink, code and source of what has been told.
    told: HashSet<(Span, Code, Span)>,
    /// While a loop is walked to learn its labels, nothing is told.
    muted: u32,
    instances: u32,
    /// Results of calls that bring no label along, and what decides whether they fail.
    clean: HashMap<Arc<str>, (Flow, Label)>,
    /// What decides whether the body that is being walked ends in an error.
    ends: Label,
    /// The calls of plans that lead here.
    calls: Vec<Frame>,
    loops: u32,
}

/// A call of a plan that is being walked.
struct Frame {
    plan: Arc<str>,
    /// Where the plan at hand calls it; of inner ones too.
    span: Span,
}

/// The variables of one plan.
struct Vars<'p> {
    plan: &'p Plan,
    flows: Vec<Flow>,
    /// What decides whether a step has a value.
    status: Vec<Label>,
    /// What its error tells.
    errors: Vec<Label>,
    /// Whether a model wrote it.
    model: bool,
    /// Whether that model had read untrusted text.
    doubted: bool,
}

impl<'p> Vars<'p> {
    fn flow(&self, id: VarId) -> Flow {
        self.flows.get(id.0 as usize).cloned().unwrap_or_default()
    }

    fn set(&mut self, id: VarId, flow: Flow) {
        if let Some(slot) = self.flows.get_mut(id.0 as usize) {
            *slot = flow;
        }
    }

    fn status(&self, id: VarId) -> Label {
        self.status.get(id.0 as usize).cloned().unwrap_or_default()
    }

    fn name(&self, id: VarId) -> &str {
        self.plan.vars.get(id.0 as usize).map_or("it", |v| &v.name)
    }

    fn place(&self, id: VarId) -> Span {
        self.plan.vars.get(id.0 as usize).map_or(self.plan.span, |v| v.span)
    }
}

impl<'a> Walk<'a> {
    fn depth(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    fn said(&self, span: Span) -> Said {
        Said { span, lowers: true, distrusts: true, depth: self.depth() }
    }

    fn vars(&self, plan: &'a Plan) -> Vars<'a> {
        let asked = self.entry == Some(plan.span.source);
        let model = match self.asker.written_by {
            Some(writer) if asked => writer == Writer::Model,
            Some(_) | None => plan.planner.is_some(),
        };
        let n = plan.vars.len();
        Vars {
            plan,
            flows: vec![Flow::default(); n],
            status: vec![Label::default(); n],
            errors: vec![Label::default(); n],
            model,
            doubted: model && (asked && self.asker.untrusted_context || plan.doubted),
        }
    }

    /// A plan on its own.
    fn plan(&mut self, plan: &'a Plan) {
        let (_, result) = self.walked(plan);
        self.declared(plan, &result);
    }

    /// A plan with its inputs as declared: the labels of its variables, and of its result.
    fn walked(&mut self, plan: &'a Plan) -> (Vars<'a>, Flow) {
        let mut vars = self.vars(plan);
        for param in &plan.params {
            let flow = Flow::typed(Label::default(), &param.ty, param.labels, self.said(param.span));
            vars.set(param.var, flow);
        }
        let result = self.body(&mut vars, &plan.body, &Label::default());
        (vars, result)
    }

    /// A plan with the labels of a call's arguments.
    fn instance(&mut self, plan: &'a Plan, args: &[Flow], pc: &Label, span: Span) -> Flow {
        let clean = pc.is_clean() && args.iter().all(|a| a.total().is_clean());
        if clean && let Some((known, ends)) = self.clean.get(&plan.name) {
            self.ends = self.ends.join(&ends.outside(self.depth()));
            return known.clone();
        }
        if self.calls.iter().any(|f| f.plan == plan.name) || self.instances >= MAX_INSTANCES {
            let all = args.iter().fold(pc.clone(), |l, a| l.join(&a.total()));
            return Flow::leaf(all.computed());
        }
        self.instances += 1;
        self.calls.push(Frame { plan: plan.name.clone(), span });
        let mut vars = self.vars(plan);
        for (param, arg) in plan.params.iter().zip(args) {
            let arg = arg
                .map(&|l| l.then(param.span, || format!("as `{}` of the plan `{}`", param.name, plan.name)));
            let said = self.said(param.span);
            let flow = Flow::typed(arg.own.clone(), &param.ty, param.labels, said);
            let plain = param.labels == crate::types::Labels::default() && !has_labels(&param.ty);
            vars.set(param.var, if plain { arg } else { flow });
        }
        let around = std::mem::take(&mut self.ends);
        let mut result = self.body(&mut vars, &plan.body, pc);
        self.calls.pop();
        let ends = std::mem::take(&mut self.ends).outside(self.depth());
        self.ends = around.join(&ends);
        if plan.output_labels != crate::types::Labels::default() || has_labels(&plan.output) {
            let said = self.said(plan.span);
            result = Flow::typed(result.total(), &plan.output, plan.output_labels, said);
        }
        if clean {
            self.clean.insert(plan.name.clone(), (result.clone(), ends));
        }
        result
    }
}

/// Whether a list of patterns names a skill.
fn named(patterns: &[Arc<str>], name: &str) -> bool {
    patterns.iter().any(|p| match p.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => **p == *name,
    })
}

impl Agent {
    /// Whether it is granted a skill, and not denied it.
    #[must_use]
    pub fn may_call(&self, skill: &str) -> bool {
        named(&self.grants, skill) && !named(&self.deny, skill)
    }
}

/// Calls of skills that the agent may not call.
fn grants(body: &Body, agent: &Agent, found: &mut Vec<Diagnostic>) {
    let mut one = |call: &Call| {
        let Target::Skill(name) = &call.target else { return };
        if agent.may_call(name) {
            return;
        }
        let why = if named(&agent.deny, name) { "denied to" } else { "not granted to" };
        let message = format!("`{name}` is {why} the agent `{}`", agent.name);
        let help = if agent.grants.is_empty() {
            format!("name the skill in `grants` of `[agents.{}]`", agent.name)
        } else {
            let list: Vec<String> = agent.grants.iter().take(12).map(|g| format!("`{g}`")).collect();
            format!("use what it has: {}", list.join(", "))
        };
        let d = Diagnostic::new(Code::SkillNotGranted, call.span, message);
        found.push(d.label("called here").help(help));
    };
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        for stmt in &body.stmts {
            let StmtKind::Step(step) = &stmt.kind else { continue };
            if let Action::Call(call) = &step.action {
                one(call);
            }
            for reaction in step.on_error.iter().flat_map(|a| &a.reactions) {
                if let Reaction::Fallback(call) = reaction {
                    one(call);
                }
            }
            if let Some(c) = &step.compensate {
                one(&c.call);
            }
            open.extend(super::inner(&step.action));
        }
    }
}
