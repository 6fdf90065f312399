//! Evaluation: pure, bounded in work, memory and depth.
//!
//! Two things stop it. An *error* is absorbed by `&&`, `||` and the macros `all` and `exists` where the rest decides. A *missing*
//! step that a strict read reaches is never absorbed.

use super::{Expr, ExprKind, Key, RunField, StatusTest, VarId, functions};
use crate::source::Span;
use crate::types::conform;
use crate::value::{Excess, Map, SecretPart, Value};
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

mod access;
mod macros;
mod operators;

/// Steps of work of one evaluation: about one a node, and one for each 16 bytes that a function reads.
const MAX_WORK: u64 = 10_000_000;

/// Bytes made by one evaluation, all together.
const MAX_MADE: u64 = 256 << 20;

/// Bytes of one value made.
const MAX_VALUE: u64 = 64 << 20;

/// Expressions inside expressions; chains of operators do not count.
const MAX_DEPTH: u32 = 400;

/// Lists and maps inside each other, in a value made.
const MAX_VALUE_DEPTH: usize = 256;

/// What an expression reads from.
pub trait Env {
    /// A strict read.
    ///
    /// # Errors
    /// [`Stop::Missing`] where the step has no value.
    fn var(&self, var: VarId) -> Result<Value, Stop>;
    /// A read through `?.` or `??`; `None`: missing.
    fn tolerant(&self, var: VarId) -> Option<Value>;
    /// `succeeded(step)` and its like.
    fn status(&self, test: StatusTest, step: VarId) -> Value;
    /// `run.id` and its like.
    fn run(&self, field: RunField) -> Value;
    /// `now()`: the same within one step.
    fn now(&self) -> jiff::Timestamp;
}

/// Why an evaluation has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// A strict read of a step that is missing was reached.
    Missing {
        step: VarId,
    },
    Error(EvalError),
}

/// An expression that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalError {
    /// In plain words.
    pub message: String,
    /// The part that failed.
    pub span: Span,
    /// It ran out of work or memory: never absorbed.
    pub limit: bool,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}

impl EvalError {
    /// An error at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        EvalError { message: message.into(), span, limit: false }
    }
}

/// No variables at all: for constants.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEnv;

impl Env for NoEnv {
    fn var(&self, _: VarId) -> Result<Value, Stop> {
        Err(Stop::Error(EvalError::new("a variable has no value here", Span::default())))
    }

    fn tolerant(&self, _: VarId) -> Option<Value> {
        None
    }

    fn status(&self, _: StatusTest, _: VarId) -> Value {
        Value::Null
    }

    fn run(&self, _: RunField) -> Value {
        Value::Null
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

/// The value of an expression.
///
/// # Errors
/// Where it fails, exceeds a bound, or reaches a missing step.
pub fn eval(expr: &Expr, env: &dyn Env) -> Result<Value, Stop> {
    let mut machine = Machine { env, locals: Vec::new(), cx: Cx::default(), depth: 0 };
    let value = machine.eval(expr)?;
    let read_only = matches!(
        expr.kind.as_ref(),
        ExprKind::Var(_) | ExprKind::Tolerant(_) | ExprKind::Literal(_) | ExprKind::Member { .. }
    );
    // What is only read was within the bounds when it was made.
    match if read_only { None } else { excess(&value) } {
        Some(message) => Err(Stop::Error(EvalError::new(message, expr.span))),
        None => Ok(value),
    }
}

/// What is wrong with a value that is too large to be kept, in plain words.
pub(crate) fn excess(value: &Value) -> Option<String> {
    value.exceeds(MAX_VALUE_DEPTH, MAX_VALUE as usize).map(|excess| match excess {
        Excess::Depth => format!("the value is more than {MAX_VALUE_DEPTH} levels deep"),
        Excess::Size => format!("the value takes more than {} MiB", MAX_VALUE >> 20),
    })
}

/// The bounds of one evaluation; functions report here what they do.
#[derive(Debug, Default)]
pub(crate) struct Cx {
    work: Cell<u64>,
    made: Cell<u64>,
}

impl Cx {
    /// Counts work: about one a microsecond at most.
    pub(super) fn work(&self, amount: u64) -> Result<(), String> {
        let work = self.work.get().saturating_add(amount);
        self.work.set(work);
        if work > MAX_WORK { Err("the expression takes too much work".to_owned()) } else { Ok(()) }
    }

    /// Counts bytes that are about to be made.
    pub(super) fn make(&self, bytes: usize) -> Result<(), String> {
        let bytes = bytes as u64;
        let made = self.made.get().saturating_add(bytes);
        self.made.set(made);
        if bytes > MAX_VALUE {
            self.made.set(u64::MAX);
            return Err(format!("a value of more than {} MiB", MAX_VALUE >> 20));
        }
        if made > MAX_MADE {
            return Err(format!("the expression makes more than {} MiB", MAX_MADE >> 20));
        }
        self.work(bytes / 64)
    }

    /// Counts the elements of a list that is about to be made.
    pub(super) fn make_list(&self, len: usize) -> Result<(), String> {
        self.make(len.saturating_mul(size_of::<Value>()))
    }

    fn exhausted(&self) -> bool {
        self.work.get() > MAX_WORK || self.made.get() > MAX_MADE
    }
}

struct Machine<'e> {
    env: &'e dyn Env,
    /// Variables of the macros around, the innermost last.
    locals: Vec<(VarId, Value)>,
    cx: Cx,
    depth: u32,
}

type Evaluated = Result<Value, Stop>;

impl Machine<'_> {
    /// An error at an expression; of the bounds where they are exceeded.
    fn error(&self, expr: &Expr, message: impl Into<String>) -> Stop {
        Stop::Error(EvalError { message: message.into(), span: expr.span, limit: self.cx.exhausted() })
    }

    fn at<T>(&self, expr: &Expr, result: Result<T, String>) -> Result<T, Stop> {
        result.map_err(|message| self.error(expr, message))
    }

    fn eval(&mut self, expr: &Expr) -> Evaluated {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::Error(EvalError {
                message: format!("the expression is nested more than {MAX_DEPTH} levels deep"),
                span: expr.span,
                limit: true,
            }));
        }
        self.at(expr, self.cx.work(1))?;
        self.depth += 1;
        let value = self.dispatch(expr);
        self.depth -= 1;
        value
    }

    fn dispatch(&mut self, expr: &Expr) -> Evaluated {
        match expr.kind.as_ref() {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Var(var) => self.var(expr, *var),
            ExprKind::Tolerant(var) => Ok(self.tolerant(*var)),
            ExprKind::Status { test, step } => Ok(self.env.status(*test, *step)),
            ExprKind::Run(field) => Ok(self.env.run(*field)),
            ExprKind::Now => Ok(Value::Timestamp(self.env.now())),
            ExprKind::Secret(name) => Ok(Value::Secret([SecretPart::Name(Arc::clone(name))].into())),
            ExprKind::Interpolate(parts) => self.interpolate(expr, parts),
            ExprKind::Member { .. } | ExprKind::Index { .. } => self.path(expr),
            ExprKind::List(items) => self.list(expr, items),
            ExprKind::Record(entries) => self.record(expr, entries),
            ExprKind::Not(inner) => self.not(expr, inner),
            ExprKind::Neg(inner) => self.neg(expr, inner),
            ExprKind::Binary { .. } => self.chain(expr),
            ExprKind::Cond { .. } => self.cond(expr),
            ExprKind::Call { function, args } => self.call(expr, function, args),
            ExprKind::Macro { kind, target, vars, bodies } => {
                self.run_macro(expr, *kind, target, vars, bodies)
            }
            ExprKind::Has { base, name } => self.has(expr, base, name),
            ExprKind::As { value, ty } => {
                let value = self.eval(value)?;
                conform(value, ty).map_err(|mismatch| self.error(expr, mismatch.to_string()))
            }
            ExprKind::Widen(inner) => {
                let value = self.eval(inner)?;
                self.at(expr, self.cx.work(shallow_size(&value)))?;
                Ok(widen(value))
            }
        }
    }

    fn local(&self, var: VarId) -> Option<&Value> {
        self.locals.iter().rev().find(|(local, _)| *local == var).map(|(_, value)| value)
    }

    fn var(&self, expr: &Expr, var: VarId) -> Evaluated {
        if let Some(value) = self.local(var) {
            return Ok(value.clone());
        }
        self.env.var(var).map_err(|stop| match stop {
            Stop::Error(mut error) => {
                error.span = expr.span;
                Stop::Error(error)
            }
            missing @ Stop::Missing { .. } => missing,
        })
    }

    fn tolerant(&self, var: VarId) -> Value {
        self.local(var).cloned().or_else(|| self.env.tolerant(var)).unwrap_or(Value::Null)
    }

    fn list(&mut self, expr: &Expr, items: &[Expr]) -> Evaluated {
        self.at(expr, self.cx.make_list(items.len()))?;
        let values: Result<Vec<Value>, Stop> = items.iter().map(|item| self.eval(item)).collect();
        Ok(Value::list(values?))
    }

    fn record(&mut self, expr: &Expr, entries: &[(Key, Expr)]) -> Evaluated {
        self.at(expr, self.cx.make(entries.len().saturating_mul(64)))?;
        let mut map = Map::with_capacity(entries.len());
        for (key, value) in entries {
            let key = match key {
                Key::Text(text) => Arc::clone(text),
                Key::Computed(key) => {
                    let value = self.eval(key)?;
                    self.at(key, key_text(&value))?
                }
            };
            let value = self.eval(value)?;
            if map.insert(Arc::clone(&key), value).is_some() {
                return Err(self.error(expr, format!("the key `{key}` stands twice")));
            }
        }
        Ok(Value::map(map))
    }

    /// A loop, since `a ? b : c ? d : …` is deep.
    fn cond(&mut self, expr: &Expr) -> Evaluated {
        let mut current = expr;
        while let ExprKind::Cond { cond, then, otherwise } = current.kind.as_ref() {
            match self.eval(cond)? {
                Value::Bool(true) => return self.eval(then),
                Value::Bool(false) => current = otherwise,
                other => return Err(self.error(cond, wants_bool("the condition of `?:`", &other))),
            }
        }
        self.eval(current)
    }

    fn call(&mut self, expr: &Expr, function: &str, args: &[Expr]) -> Evaluated {
        let Some(row) = functions::by_name(function) else {
            return Err(self.error(expr, format!("there is no function `{function}`")));
        };
        let values: Result<Vec<Value>, Stop> = args.iter().map(|arg| self.eval(arg)).collect();
        let values = values?;
        let secret = values.iter().any(|value| matches!(value, Value::Secret(_)));
        if secret && !matches!(function, "string" | "type" | "dyn") {
            return Err(self.error(expr, SECRET));
        }
        let size: u64 = values.iter().map(shallow_size).sum();
        self.at(expr, self.cx.work(1 + size / 16))?;
        let result = (row.run)(&values, &self.cx);
        self.at(expr, result)
    }

    fn interpolate(&mut self, expr: &Expr, parts: &[Expr]) -> Evaluated {
        let mut text = String::new();
        let mut pieces: Vec<SecretPart> = Vec::new();
        for part in parts {
            let value = self.eval(part)?;
            if let Value::Secret(secret) = &value {
                if !text.is_empty() {
                    pieces.push(SecretPart::Text(std::mem::take(&mut text).into()));
                }
                pieces.extend(secret.iter().cloned());
                continue;
            }
            if let Value::String(s) = &value {
                self.at(part, self.cx.make(s.len()))?;
                text.push_str(s);
                continue;
            }
            self.at(part, self.cx.make(value.size_estimate()))?;
            let piece = self.at(part, interpolation_text(&value))?;
            text.push_str(&piece);
        }
        self.at(expr, self.cx.make(text.len()))?;
        if pieces.is_empty() {
            return Ok(Value::String(text.into()));
        }
        if !text.is_empty() {
            pieces.push(SecretPart::Text(text.into()));
        }
        Ok(Value::Secret(pieces.into()))
    }
}

fn widen(value: Value) -> Value {
    match value {
        Value::Int(n) => Value::Float(n as f64),
        Value::List(items) => Value::list(items.iter().cloned().map(widen).collect()),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (Arc::clone(k), widen(v.clone()))).collect()),
        other => other,
    }
}

const SECRET: &str = "a secret can only be joined to text and handed to a skill";

/// What `${value}` prints: scalars as `string(x)`, lists and maps as compact JSON.
///
/// # Errors
/// For bytes, files, and what holds secrets.
pub fn interpolation_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Bytes(_) => {
            Err("bytes have no text; convert them with `string` or `base64.encode`".to_owned())
        }
        Value::File(_) => Err("a file has no text; name a field of it".to_owned()),
        Value::Secret(_) => Err(SECRET.to_owned()),
        Value::List(_) | Value::Map(_) if value.holds_secret() => Err(SECRET.to_owned()),
        Value::List(_) | Value::Map(_) => Ok(value.to_json().to_string()),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Type(_) => Ok(value.scalar_text().unwrap_or_default()),
    }
}

/// The key that a value is: keys are strings, and ints and bools their texts.
fn key_text(value: &Value) -> Result<Arc<str>, String> {
    match value {
        Value::String(s) => Ok(Arc::clone(s)),
        Value::Int(n) => Ok(n.to_string().into()),
        Value::Bool(b) => Ok(b.to_string().into()),
        other => Err(format!("a key is a string, this one is a {}", other.type_name())),
    }
}

fn wants_bool(what: &str, found: &Value) -> String {
    format!("{what} is a bool, this one is a {}", found.type_name())
}

/// Bytes at hand without going into elements.
fn shallow_size(value: &Value) -> u64 {
    let size = match value {
        Value::String(s) => s.len(),
        Value::Bytes(b) => b.len(),
        Value::List(items) => items.len() * 16,
        Value::Map(map) => map.len() * 16,
        _ => 0,
    };
    size as u64
}
