//! Evaluating expressions inside a frame: variables, lazy `let`s, missing steps.

use super::command::StepStatus;
use super::event::Failure;
use super::machine::Machine;
use super::state::{Loc, Locals, Row};
use crate::check::hir::Arg;
use crate::dag::{NodeKind, PlanDag, VarHome};
use crate::expr::{Env, EvalError, Expr, RunField, StatusTest, Stop as EvalStop, VarId, eval};
use crate::types::conform;
use crate::value::{Map, Value};
use jiff::Timestamp;
use std::sync::Arc;

/// Why an expression of a step has no value.
#[derive(Clone, Debug)]
pub(super) enum NoValue {
    /// It read this step, which has none.
    Missing(Arc<str>),
    Failed(Box<Failure>),
}

/// What an expression sees besides the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) now: Timestamp,
    /// `error`, `it`.
    pub(super) bound: Option<(VarId, &'a Value)>,
    /// A missing step prints as null.
    pub(super) null_missing: bool,
}

impl Around<'_> {
    pub(super) fn at(now: Timestamp) -> Self {
        Around { now, bound: None, null_missing: false }
    }
}

struct Scope<'a> {
    machine: &'a Machine,
    frame: u32,
    around: Around<'a>,
}

impl Scope<'_> {
    fn read(&self, var: VarId) -> Option<Value> {
        if let Some((bound, value)) = self.around.bound
            && bound == var
        {
            return Some(value.clone());
        }
        match self.machine.home(self.frame, var)? {
            VarHome::Bound => None,
            VarHome::Local(body) => {
                let frame = self.machine.enclosing(self.frame, body)?;
                let locals = self.machine.locals(frame)?;
                locals.iter().rev().find(|(v, _)| *v == var).map(|(_, value)| value.clone())
            }
            VarHome::Node { .. } => {
                let loc = self.machine.resolve(self.frame, var)?;
                self.machine.row(loc)?.value.clone()
            }
        }
    }

    fn step(&self, var: VarId) -> Option<&Row> {
        self.machine.resolve(self.frame, var).and_then(|loc| self.machine.row(loc))
    }
}

impl Env for Scope<'_> {
    fn var(&self, var: VarId) -> Result<Value, EvalStop> {
        if let Some(value) = self.read(var) {
            return Ok(value);
        }
        // A `let` whose own expression failed fails its readers.
        if let Some(VarHome::Node { lazy: true, .. }) = self.machine.home(self.frame, var)
            && let Some(error) =
                self.step(var).filter(|r| r.status == StepStatus::Failed).and_then(Row::error)
        {
            return Err(EvalStop::Error(EvalError::new(&*error.message, error.span.unwrap_or_default())));
        }
        if self.around.null_missing { Ok(Value::Null) } else { Err(EvalStop::Missing { step: var }) }
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        self.read(var)
    }

    fn status(&self, test: StatusTest, step: VarId) -> Value {
        let Some(row) = self.step(step) else { return Value::Null };
        match test {
            StatusTest::Succeeded => {
                Value::Bool(matches!(row.status, StepStatus::Succeeded | StepStatus::Recovered))
            }
            StatusTest::Failed => Value::Bool(matches!(row.status, StepStatus::Failed | StepStatus::InDoubt)),
            StatusTest::Skipped => Value::Bool(row.status == StepStatus::Skipped),
            StatusTest::Error => match &row.extra {
                Some(extra) => extra.error.as_ref().map_or(Value::Null, |e| e.to_value(extra.error_attempt)),
                None => Value::Null,
            },
            StatusTest::Failures => failures(row),
        }
    }

    fn run(&self, field: RunField) -> Value {
        match field {
            RunField::Id => Value::String(self.machine.run.clone()),
            RunField::Plan => Value::String(self.machine.dag.entry().clone()),
            RunField::StartedAt => Value::Timestamp(self.machine.started_at.unwrap_or_default()),
        }
    }

    fn now(&self) -> Timestamp {
        self.around.now
    }
}

/// What `failures(step)` gives.
pub(super) fn failures(row: &Row) -> Value {
    let failures = row.extra.as_ref().map(|e| e.failures.as_slice()).unwrap_or_default();
    let items = failures.iter().map(|(index, error)| {
        let mut map = Map::new();
        map.insert("index".into(), Value::Int(i64::from(*index)));
        map.insert("error".into(), error.to_value(1));
        Value::Map(Arc::new(map))
    });
    Value::List(Arc::new(items.collect()))
}

impl Machine {
    pub(super) fn home(&self, frame: u32, var: VarId) -> Option<VarHome> {
        let plan = self.dag.plan_at(self.frames.get(frame as usize)?.plan)?;
        plan.homes.get(var.0 as usize).copied()
    }

    /// The inputs, items and indexes of a frame.
    fn locals(&self, frame: u32) -> Option<&Locals> {
        let frame = self.frames.get(frame as usize)?;
        frame.live.as_ref().map(|l| &l.locals).or(frame.kept.as_deref())
    }

    /// The instance of `body` that `frame` stands in.
    fn enclosing(&self, mut frame: u32, body: crate::dag::BodyId) -> Option<u32> {
        loop {
            let here = self.frames.get(frame as usize)?;
            if here.body == body {
                return Some(frame);
            }
            frame = here.parent?.frame;
        }
    }

    /// The statement that a variable names, seen from a frame.
    pub(super) fn resolve(&self, frame: u32, var: VarId) -> Option<Loc> {
        match self.home(frame, var)? {
            VarHome::Node { body, node, .. } => self.enclosing(frame, body).map(|frame| Loc { frame, node }),
            VarHome::Local(_) | VarHome::Bound => None,
        }
    }

    /// The value of an expression in a frame. Its `let`s are forced already.
    pub(super) fn eval(&self, frame: u32, expr: &Expr, around: Around<'_>) -> Result<Value, NoValue> {
        match eval(expr, &Scope { machine: self, frame, around }) {
            Ok(value) => Ok(value),
            Err(EvalStop::Missing { step }) => Err(NoValue::Missing(self.missing_name(frame, step))),
            Err(EvalStop::Error(error)) => {
                let mut failure = Failure::new("expression", error.message);
                failure.span = Some(error.span);
                Err(NoValue::Failed(Box::new(failure)))
            }
        }
    }

    /// The step because of which a variable has no value: itself, or what made the `let` missing.
    fn missing_name(&self, frame: u32, var: VarId) -> Arc<str> {
        let Some(loc) = self.resolve(frame, var) else { return "a variable".into() };
        let because = self.row(loc).and_then(|r| r.extra.as_ref()).and_then(|e| e.because.clone());
        match (self.home(frame, var), because) {
            (Some(VarHome::Node { lazy: true, .. }), Some(because)) => because,
            _ => self.path(loc),
        }
    }

    /// Evaluates the `let`s among these variables, and those that they need, each once.
    pub(super) fn force(&mut self, frame: u32, lets: &[VarId]) {
        if lets.is_empty() {
            return;
        }
        let dag = self.dag.clone();
        let mut todo: Vec<Loc> = lets.iter().rev().filter_map(|v| self.resolve(frame, *v)).collect();
        while let Some(loc) = todo.last().copied() {
            // Not lazy: forced already, or (in an arm that did not wait) not there yet.
            if !self.row(loc).is_some_and(|r| r.lazy) {
                todo.pop();
                continue;
            }
            let body = self.frames.get(loc.frame as usize).and_then(|f| dag.body(f.body));
            let Some(node) = body.and_then(|b| b.nodes.get(loc.node as usize)) else {
                todo.pop();
                continue;
            };
            let needed = node.lets.iter().filter_map(|v| self.resolve(loc.frame, *v));
            let before = todo.len();
            todo.extend(needed.filter(|l| self.row(*l).is_some_and(|r| r.lazy)));
            if todo.len() == before {
                todo.pop();
                if let NodeKind::Let(expr) = &node.kind {
                    self.force_one(loc, expr);
                }
            }
        }
    }

    fn force_one(&mut self, loc: Loc, expr: &Expr) {
        let result = self.eval(loc.frame, expr, Around::at(self.now));
        let Some(row) = self.row_mut(loc) else { return };
        row.lazy = false;
        match result {
            Ok(value) => {
                row.status = StepStatus::Succeeded;
                row.value = Some(value);
            }
            Err(NoValue::Missing(because)) => {
                row.status = StepStatus::Skipped;
                row.extra().because = Some(because);
            }
            Err(NoValue::Failed(failure)) => {
                row.status = StepStatus::Failed;
                row.extra().error = Some(failure);
            }
        }
    }

    /// The arguments of a call, checked against the parameters' types.
    pub(super) fn args(&self, frame: u32, args: &[Arg], around: Around<'_>) -> Result<Map, NoValue> {
        let mut map = Map::with_capacity(args.len());
        for arg in args {
            let value = self.eval(frame, &arg.value, around)?;
            let value = conform(value, &arg.ty).map_err(|m| {
                let mut failure = Failure::new("invalid_input", format!("argument `{}`: {m}", arg.name));
                failure.span = Some(arg.value.span);
                NoValue::Failed(Box::new(failure))
            })?;
            map.insert(arg.name.clone(), value);
        }
        Ok(map)
    }

    /// The inputs of a plan by their variables: given, else by default.
    pub(super) fn plan_inputs(&self, plan: u32, given: &Map) -> Result<Vec<(VarId, Value)>, Failure> {
        let dag = self.dag.clone();
        let Some(plan) = dag.plan_at(plan) else { return Ok(Vec::new()) };
        let bad = |text: String, span| {
            let mut failure = Failure::new("invalid_input", text);
            failure.span = Some(span);
            failure
        };
        if let Some(stray) = given.keys().find(|k| !plan.params.iter().any(|p| p.name == **k)) {
            return Err(bad(
                format!("`{}` has no input `{stray}`", plan.name),
                crate::source::Span::default(),
            ));
        }
        let mut locals: Vec<(VarId, Value)> = Vec::with_capacity(plan.params.len());
        for param in &plan.params {
            let value = match (given.get(&param.name), &param.default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => {
                    let env = Inputs { machine: self, locals: &locals };
                    eval(default, &env).map_err(|stop| match stop {
                        EvalStop::Error(error) => {
                            bad(format!("default of `{}`: {}", param.name, error.message), error.span)
                        }
                        EvalStop::Missing { .. } => {
                            bad(format!("default of `{}` reads a step", param.name), param.span)
                        }
                    })?
                }
                (None, None) => return Err(bad(format!("input `{}` is missing", param.name), param.span)),
            };
            let value = conform(value, &param.ty)
                .map_err(|m| bad(format!("input `{}`: {m}", param.name), param.span))?;
            locals.push((param.var, value));
        }
        Ok(locals)
    }

    /// The text of a plan's goal.
    pub(super) fn goal_of(&self, plan: &PlanDag, locals: &[(VarId, Value)]) -> Option<Arc<str>> {
        let text = plan.goal.as_ref()?.text(&Inputs { machine: self, locals });
        Some(text.into())
    }

    /// A number over the parameters of a skill, such as its `time`.
    pub(super) fn eval_over(&self, expr: &Expr, params: &[Arc<str>], args: &Map) -> Option<Value> {
        let values = params
            .iter()
            .enumerate()
            .map(|(i, name)| (VarId(i as u32), args.get(name).cloned().unwrap_or(Value::Null)));
        let locals: Vec<(VarId, Value)> = values.collect();
        eval(expr, &Inputs { machine: self, locals: &locals }).ok()
    }
}

/// Only inputs are known: in defaults and bounds.
struct Inputs<'a> {
    machine: &'a Machine,
    locals: &'a [(VarId, Value)],
}

impl Env for Inputs<'_> {
    fn var(&self, var: VarId) -> Result<Value, EvalStop> {
        self.tolerant(var).ok_or(EvalStop::Missing { step: var })
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        self.locals.iter().find(|(v, _)| *v == var).map(|(_, value)| value.clone())
    }

    fn status(&self, _: StatusTest, _: VarId) -> Value {
        Value::Null
    }

    fn run(&self, field: RunField) -> Value {
        Scope { machine: self.machine, frame: 0, around: Around::at(self.machine.now) }.run(field)
    }

    fn now(&self) -> Timestamp {
        self.machine.now
    }
}
