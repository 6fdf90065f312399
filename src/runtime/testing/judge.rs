//! Whether the expectations of a test hold, and what to say where one does not.

use super::Problem;
use super::world::World;
use crate::check::cases::model::{Asked, Observed, TestCase};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::command::StepReport;
use crate::engine::{Outcome, RunStatus, StepStatus};
use crate::expr::{BinaryOp, Env, EvalError, Expr, ExprKind, RunField, StatusTest, Stop, VarId, eval, reads};
use crate::value::{Value, equals};
use std::collections::HashMap;
use std::sync::Arc;

/// Longer values are cut in messages, in characters.
const SHOWN: usize = 160;
/// More differences between two values are counted only.
const DIFFERENCES: usize = 5;

/// A run that has ended, as expectations see it.
pub(super) struct Judge<'a> {
    test: &'a TestCase,
    world: &'a World<'a>,
    outcome: &'a Outcome,
    steps: HashMap<Arc<str>, StepReport>,
    what: HashMap<VarId, &'a Observed>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(test: &'a TestCase, world: &'a World<'a>, outcome: &'a Outcome) -> Self {
        let steps = world.machine.report().into_iter().map(|s| (s.path.0.clone(), s)).collect();
        let what = test.seen.iter().map(|(var, o)| (*var, &o.what)).collect();
        Judge { test, world, outcome, steps, what }
    }

    /// Every expectation that does not hold.
    pub(super) fn all(&self) -> Vec<Problem> {
        self.test.expects.iter().filter_map(|e| self.one(e)).collect()
    }

    fn one(&self, expect: &Expr) -> Option<Problem> {
        match eval(expect, self) {
            Ok(Value::Bool(true)) => None,
            Ok(_) => Some(self.why(expect)),
            Err(stop) => Some(self.stopped(expect, stop)),
        }
    }

    /// The part of an expectation that makes it false.
    fn why(&self, expect: &Expr) -> Problem {
        if let ExprKind::Binary { op: BinaryOp::And, left, right } = &*expect.kind {
            for part in [left, right] {
                if let Some(problem) = self.one(part) {
                    return problem;
                }
            }
        }
        let problem = Diagnostic::new(Code::TestFailed, expect.span, "the expectation does not hold");
        match &*expect.kind {
            ExprKind::Binary { op, left, right } => match (eval(left, self), eval(right, self)) {
                (Ok(left_value), Ok(right_value)) => {
                    self.compared(problem, *op, (left, left_value), (right, right_value))
                }
                _ => Problem::new(self.mentioned(problem, &[expect])),
            },
            ExprKind::Not(inner) => Problem::new(self.mentioned(problem, &[inner])),
            _ => Problem::new(self.mentioned(problem, &[expect])),
        }
    }

    fn compared(
        &self,
        d: Diagnostic,
        op: BinaryOp,
        (left, left_value): (&Expr, Value),
        (right, right_value): (&Expr, Value),
    ) -> Problem {
        // What is written out is what was expected.
        let swap = is_constant(left) && !is_constant(right);
        let (got, expected) = if swap { (right_value, left_value) } else { (left_value, right_value) };
        let d = match op {
            BinaryOp::Eq => {
                let d = d.label(format!("expected {}, got {}", shown(&expected), shown(&got)));
                let differences = differences(&expected, &got);
                if differences.is_empty() { d } else { d.help(differences.join("\n")) }
            }
            BinaryOp::Ne => d.label(format!("both sides are {}", shown(&got))),
            BinaryOp::Coalesce
            | BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem => d.label(format!("left: {}, right: {}", shown(&got), shown(&expected))),
        };
        // A value that stands alone on a side has been shown; of a status more is to be told.
        let alone = |e: &Expr| match &*e.kind {
            ExprKind::Var(var) | ExprKind::Tolerant(var) => {
                !matches!(self.what.get(var), Some(Observed::Status(..)))
            }
            _ => false,
        };
        let rest: Vec<&Expr> = [left, right].into_iter().filter(|e| !alone(e)).collect();
        let d = self.mentioned(d, &rest);
        Problem { diagnostic: d, expected: Some(expected), got: Some(got) }
    }

    fn stopped(&self, expect: &Expr, stop: Stop) -> Problem {
        let d = match stop {
            Stop::Missing { step } => {
                let name = self.name(step);
                let span = reads(expect).iter().find(|r| r.var == step).map_or(expect.span, |r| r.span);
                let d = Diagnostic::new(Code::TestFailed, span, format!("`{name}` has no value"));
                d.label(self.state(step))
            }
            Stop::Error(error) => {
                let d = Diagnostic::new(Code::TestFailed, error.span, error.message);
                self.mentioned(d, &[expect])
            }
        };
        Problem::new(d)
    }

    /// Adds what the names of expressions stand for.
    fn mentioned(&self, d: Diagnostic, exprs: &[&Expr]) -> Diagnostic {
        let mut lines: Vec<String> = Vec::new();
        for read in exprs.iter().flat_map(|e| reads(e)).filter(|r| self.what.contains_key(&r.var)) {
            let line = format!("`{}`: {}", self.name(read.var), self.state(read.var));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        match (d.label.is_empty(), lines.is_empty()) {
            (_, true) => d,
            (true, false) => d.label(lines.join("; ")),
            (false, false) => {
                let help = d.help.iter().cloned().chain(lines).collect::<Vec<_>>().join("\n");
                d.help(help)
            }
        }
    }

    fn name(&self, var: VarId) -> String {
        self.test
            .seen
            .iter()
            .find(|(v, _)| *v == var)
            .map_or("a variable".to_owned(), |(_, o)| o.text.to_string())
    }

    /// What became of something, in words.
    fn state(&self, var: VarId) -> String {
        match self.what.get(&var) {
            Some(Observed::Output) => match &self.outcome.error {
                Some(error) => format!("the run gave nothing: {}: {}", error.kind, error.message),
                None => shown(&self.outcome.output),
            },
            Some(Observed::Error) => match &self.outcome.error {
                Some(error) => format!("{}: {}", error.kind, error.message),
                None => "the run did not fail".to_owned(),
            },
            Some(Observed::Calls(_)) => self.value(var).map_or_else(String::new, |v| shown(&v)),
            Some(
                Observed::Value(path)
                | Observed::Status(_, path)
                | Observed::ErrorOf(path)
                | Observed::FailuresOf(path),
            ) => self.step_state(path),
            None => "not part of the run".to_owned(),
        }
    }

    fn step_state(&self, path: &str) -> String {
        let Some(step) = self.steps.get(path) else { return "it was never reached".to_owned() };
        let error = || step.error.as_ref().map_or_else(String::new, |e| format!("{}: {}", e.kind, e.message));
        match step.status {
            StepStatus::Succeeded => {
                format!("it succeeded with {}", shown(step.value.as_ref().unwrap_or(&Value::Null)))
            }
            StepStatus::Recovered => format!(
                "it recovered from {} with {}",
                error(),
                shown(step.value.as_ref().unwrap_or(&Value::Null))
            ),
            StepStatus::Skipped => match step.skipped_because.as_deref() {
                Some("when") | None => "it was skipped: its `when` did not hold".to_owned(),
                Some(because) => format!("it was skipped because `{because}` has no value"),
            },
            StepStatus::Failed => format!("it failed with {}", error()),
            StepStatus::Cancelled => "it was cancelled".to_owned(),
            StepStatus::InDoubt => format!("it is in doubt: {}", error()),
            StepStatus::Pending => "it never started".to_owned(),
            StepStatus::Waiting | StepStatus::Running => "it has not ended".to_owned(),
        }
    }

    /// The value of a variable; none where there is none, or it is null.
    fn value(&self, var: VarId) -> Option<Value> {
        let value = match self.what.get(&var)? {
            Observed::Output => self.outcome.output.clone(),
            Observed::Error => {
                let error =
                    self.outcome.error.as_ref().filter(|_| self.outcome.status != RunStatus::Succeeded)?;
                let attempts = self.outcome.failed_step.as_ref().and_then(|s| self.steps.get(&s.0));
                error.to_value(attempts.map_or(0, |s| s.attempts))
            }
            Observed::Calls(skill) => {
                let count = self.world.made.iter().filter(|m| m.skill == *skill).count();
                Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
            }
            Observed::Value(path) => self.steps.get(path)?.value.clone()?,
            Observed::Status(asked, path) => {
                let status = self.steps.get(path).map(|s| s.status);
                Value::Bool(match asked {
                    Asked::Succeeded => {
                        matches!(status, Some(StepStatus::Succeeded | StepStatus::Recovered))
                    }
                    Asked::Failed => matches!(status, Some(StepStatus::Failed | StepStatus::InDoubt)),
                    Asked::Skipped => status == Some(StepStatus::Skipped),
                    Asked::Recovered => status == Some(StepStatus::Recovered),
                })
            }
            Observed::ErrorOf(path) => {
                let step = self.steps.get(path)?;
                step.error.as_ref()?.to_value(step.attempts)
            }
            Observed::FailuresOf(path) => self
                .steps
                .get(path)
                .map_or_else(|| Value::list(Vec::new()), |step| self.world.machine.failures(&step.path)),
        };
        (!value.is_null()).then_some(value)
    }
}

impl Env for Judge<'_> {
    fn var(&self, var: VarId) -> Result<Value, Stop> {
        if !self.what.contains_key(&var) {
            return Err(Stop::Error(EvalError::new(
                "a variable has no value here",
                crate::source::Span::default(),
            )));
        }
        self.value(var).ok_or(Stop::Missing { step: var })
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        self.value(var)
    }

    fn status(&self, _: StatusTest, _: VarId) -> Value {
        Value::Null
    }

    fn run(&self, field: RunField) -> Value {
        match field {
            RunField::Id => Value::text(super::world::RUN),
            RunField::Plan => Value::String(self.test.plan.clone()),
            RunField::StartedAt => Value::Timestamp(super::world::beginning()),
        }
    }

    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }
}

fn is_constant(expr: &Expr) -> bool {
    reads(expr).is_empty()
}

/// A value as text, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_json().to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Where two lists or maps part; nothing for other values.
fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if matches!((expected, got), (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_))) {
        part("", expected, got, &mut found);
    }
    let more = found.len().saturating_sub(DIFFERENCES);
    found.truncate(DIFFERENCES);
    if more > 0 {
        found.push(format!("and {more} more differences"));
    }
    found
}

fn part(path: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    let missing =
        |path: String, value: &Value| format!("at `{path}`: expected {}, got nothing", shown(value));
    let extra = |path: String, value: &Value| format!("at `{path}`: expected nothing, got {}", shown(value));
    match (expected, got) {
        (Value::List(a), Value::List(b)) => {
            for index in 0..a.len().max(b.len()) {
                let path = format!("{path}[{index}]");
                match (a.get(index), b.get(index)) {
                    (Some(a), Some(b)) => part(&path, a, b, found),
                    (Some(a), None) => found.push(missing(path, a)),
                    (None, Some(b)) => found.push(extra(path, b)),
                    (None, None) => {}
                }
            }
        }
        (Value::Map(a), Value::Map(b)) => {
            for (key, value) in a.iter() {
                match b.get(key) {
                    Some(other) => part(&format!("{path}.{key}"), value, other, found),
                    None => found.push(missing(format!("{path}.{key}"), value)),
                }
            }
            for (key, value) in b.iter().filter(|(k, _)| !a.contains_key(*k)) {
                found.push(extra(format!("{path}.{key}"), value));
            }
        }
        _ => {
            if !equals(expected, got).unwrap_or(false) {
                found.push(format!("at `{path}`: expected {}, got {}", shown(expected), shown(got)));
            }
        }
    }
}
