//! `aos eval`: one expression, or many as JSON lines.

use super::args::Eval;
use super::{CliResult, Exit, Stop, inputs, render, terminal};
use crate::check;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{self, Env, EvalError, Expr, RunField, StatusTest, Stop as Stopped, VarId};
use crate::source::{Sources, Span};
use crate::syntax::ast::Name;
use crate::types::conform::conform;
use crate::value::Value;
use serde_json::{Map, Value as Json, json};
use std::io::BufRead as _;

pub(crate) fn eval(args: &Eval) -> CliResult {
    if args.jsonl {
        return many();
    }
    let text = args.expr.as_deref().unwrap_or_default();
    let mut vars = Vec::new();
    for pair in &args.var {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Stop::usage(format!("`--var {pair}` has no `=`; write `--var name=JSON`")));
        };
        vars.push((name.to_owned(), inputs::parse(name, value, None)?));
    }
    let types: Vec<(Name, &str)> = vars.iter().map(|(n, _)| (n.as_str().into(), "json")).collect();
    let (expr, _) = check::check_expr(text, &types).map_err(|errors| {
        let mut sources = Sources::default();
        sources.add("<expression>", text);
        render::report(&errors, &sources);
        Stop::silent(Exit::Failed)
    })?;
    let values: Vec<Value> = vars.into_iter().map(|(_, v)| v).collect();
    match expr::eval(&expr, &Vars { values: &values, now: jiff::Timestamp::now() }) {
        Ok(value) => terminal::print(&value.to_json().to_string()),
        Err(stopped) => {
            let mut sources = Sources::default();
            sources.add("<expression>", text);
            let (message, span) = why(&stopped, &expr);
            let diagnostic = Diagnostic::new(Code::RunFailed, span, message);
            render::report(&[diagnostic], &sources);
            return Ok(Exit::Failed);
        }
    }
    Ok(Exit::Done)
}

fn why(stopped: &Stopped, expr: &Expr) -> (String, Span) {
    match stopped {
        Stopped::Error(error) => (error.message.clone(), error.span),
        Stopped::Missing { .. } => ("a step has no value".to_owned(), expr.span),
    }
}

fn many() -> CliResult {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| Stop::usage(format!("stdin cannot be read: {e}")))?;
        if !line.trim().is_empty() {
            terminal::print(&case(&line).to_string());
        }
    }
    Ok(Exit::Done)
}

fn case(line: &str) -> Json {
    let case: Map<String, Json> = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(e) => {
            return failure(&Json::Null, "parse", "bad-line", &format!("the line is no JSON object: {e}"));
        }
    };
    let id = case.get("id").cloned().unwrap_or(Json::Null);
    answer(&id, &case).unwrap_or_else(|error| error)
}

fn answer(id: &Json, case: &Map<String, Json>) -> Result<Json, Json> {
    let text = case.get("expr").and_then(Json::as_str);
    let text = text.ok_or_else(|| failure(id, "parse", "bad-line", "the line has no text `expr`"))?;
    let empty = Map::new();
    let declared = case.get("types").and_then(Json::as_object).unwrap_or(&empty);
    let given = case.get("vars").and_then(Json::as_object).unwrap_or(&empty);
    let mut names: Vec<&String> = declared.keys().chain(given.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let type_of = |name: &str| declared.get(name).and_then(Json::as_str).unwrap_or("json");
    let types: Vec<(Name, &str)> = names.iter().map(|n| (n.as_str().into(), type_of(n))).collect();
    let checked = case.get("check").and_then(Json::as_bool).unwrap_or(true);
    let closed = if checked {
        check::check_expr(text, &types)
    } else {
        let names: Vec<Name> = types.iter().map(|(n, _)| n.clone()).collect();
        check::close_expr(text, &names).map(|expr| (expr, crate::types::Type::Json))
    };
    let (expr, ty) = closed.map_err(|errors: Vec<Diagnostic>| first(id, &errors))?;
    let mut values = Vec::with_capacity(names.len());
    for name in &names {
        values.push(variable(id, name, &types, given)?);
    }
    match expr::eval(&expr, &Vars { values: &values, now: jiff::Timestamp::now() }) {
        Ok(value) => Ok(json!({ "id": id, "type": ty.to_string(), "value": value.to_json() })),
        Err(stopped) => Err(failure(id, "run", "expression", &why(&stopped, &expr).0)),
    }
}

fn variable(id: &Json, name: &str, types: &[(Name, &str)], given: &Map<String, Json>) -> Result<Value, Json> {
    let Some(json) = given.get(name) else { return Ok(Value::Null) };
    let text = types.iter().find(|(n, _)| **n == *name).map_or("json", |(_, t)| *t);
    let ty = check::read_type(text).map_err(|errors: Vec<Diagnostic>| first(id, &errors))?;
    conform(Value::from_json(json), &ty)
        .map_err(|m| failure(id, "run", "invalid-input", &format!("`{name}` does not fit `{ty}`: {m}")))
}

fn first(id: &Json, errors: &[Diagnostic]) -> Json {
    let Some(error) = errors.iter().find(|d| d.is_error()).or(errors.first()) else {
        return failure(id, "check", "internal", "refused without a reason");
    };
    let phase = match error.code {
        Code::Syntax | Code::UnclosedBracket | Code::TooDeep | Code::TooLarge | Code::BadLiteral => "parse",
        _ => "check",
    };
    failure(id, phase, error.code.name(), &error.message)
}

fn failure(id: &Json, phase: &str, code: &str, message: &str) -> Json {
    json!({ "id": id, "error": { "phase": phase, "code": code, "message": message } })
}

struct Vars<'a> {
    values: &'a [Value],
    now: jiff::Timestamp,
}

impl Env for Vars<'_> {
    fn var(&self, var: VarId) -> Result<Value, Stopped> {
        // Only where the types are not checked is there a name without a value.
        let undeclared = || Stopped::Error(EvalError::new("a name that is not declared", Span::default()));
        self.values.get(var.0 as usize).cloned().ok_or_else(undeclared)
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        self.values.get(var.0 as usize).cloned()
    }

    fn status(&self, _: StatusTest, _: VarId) -> Value {
        Value::Null
    }

    fn run(&self, _: RunField) -> Value {
        Value::Null
    }

    fn now(&self) -> jiff::Timestamp {
        self.now
    }
}
