//! The rest of a failed run: what was done becomes inputs of the new plan, bound to the values of then; the model is told their names and
//! types, of trusted and untrusted values alike only what is narrow, of private ones nothing.

use super::prompt::RestText;
use super::stamp::Fixed;
use crate::check::flow;
use crate::check::hir::{Plan, StmtKind};
use crate::engine::{Failure, RunStatus, StepStatus};
use crate::expr::{Env, RunField, StatusTest, Stop, VarId, eval};
use crate::format;
use crate::project::Project;
use crate::runtime::journal::Header;
use crate::runtime::report::Report;
use crate::source::Loader;
use crate::syntax::ast::{self, BudgetKind};
use crate::types::{Labels, Privacy, RecordType, Trust, Type};
use crate::value::{Map, Value};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Longer than this a narrow value is not told.
const LONG: usize = 200;

/// What of a run is to be planned anew.
#[derive(Debug)]
pub struct Rest {
    /// The run that failed.
    pub run: String,
    pub text: RestText,
    pub fixed: Fixed,
    /// The values of the new plan's inputs.
    pub inputs: Map,
    /// Whether whoever wrote the earlier plan had read untrusted text: it is shown to the model.
    pub untrusted: bool,
}

/// An input of the new plan.
struct Input<'a> {
    name: &'a Arc<str>,
    ty: &'a Type,
    labels: Labels,
    value: &'a Value,
    /// The step that made it; none for an input of the earlier plan.
    made: bool,
}

impl Rest {
    /// Reads it off a run.
    ///
    /// # Errors
    /// In words: the run did not fail, its plan is none any more, or its budget is used up.
    pub fn of(report: &Report, header: &Header, loader: &dyn Loader) -> Result<Rest, String> {
        let run = &report.run;
        match report.status {
            RunStatus::Failed | RunStatus::Cancelled => {}
            RunStatus::Succeeded => {
                return Err(format!("run {run} has succeeded; nothing of it is left to plan"));
            }
            RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted => {
                return Err(format!("run {run} has not ended; `aos resume {run}` goes on with it"));
            }
        }
        let (_, text) = header.sources.first().ok_or_else(|| format!("run {run} has no plan"))?;
        let project = Project::load_text(&entry(header), text, loader);
        let analysis = &project.analysis;
        if let Some(error) = analysis.diagnostics.iter().find(|d| d.is_error()) {
            return Err(format!("the plan of run {run} does not pass any more: {}", error.message));
        }
        let plan = analysis
            .plans
            .get(&header.plan)
            .ok_or_else(|| format!("the plan `{}` of run {run} is not there", header.plan))?;
        let kept = report.kept();
        let inputs = inputs(&project, plan, &report.inputs, &kept);
        let budget = left(plan, report)?;
        let told: Vec<String> =
            budget.iter().map(|(kind, most)| format!("{} {most}", kind_name(*kind))).collect();
        let signature = signature(plan, &inputs);
        Ok(Rest {
            run: run.clone(),
            text: RestText {
                plan: text.to_string(),
                signature: format!("plan {}{signature}", plan.name),
                kept: inputs.iter().map(kept_line).collect(),
                failed: failed(report),
                budget: if told.is_empty() {
                    String::new()
                } else {
                    format!(" Of the budget is left, and set already: {}.", told.join(", "))
                },
            },
            fixed: Fixed { signature: signature.into(), budget, types: types(&project) },
            inputs: inputs.iter().map(|i| (Arc::clone(i.name), i.value.clone())).collect(),
            untrusted: analysis.plans.values().any(|p| p.doubted),
        })
    }
}

/// Where the plan lay, as far as that can be told.
fn entry(header: &Header) -> PathBuf {
    let path = PathBuf::from(&*header.file);
    if path.is_absolute() || path.exists() {
        return path;
    }
    header.project_root.join(path.file_name().unwrap_or_default())
}

/// The inputs of the earlier plan and the steps that need not be made again.
fn inputs<'a>(project: &Project, plan: &'a Plan, given: &'a Map, kept: &'a Map) -> Vec<Input<'a>> {
    let seen = flow::seen(&project.analysis.plans, &project.analysis.skills, plan);
    let params = plan.params.iter().filter_map(|p| {
        let value = given.get(&p.name)?;
        Some(Input { name: &p.name, ty: &p.ty, labels: p.labels, value, made: false })
    });
    let steps = plan.body.stmts.iter().filter(|s| matches!(s.kind, StmtKind::Step(_))).filter_map(|s| {
        let id = s.var?.0 as usize;
        let var = plan.vars.get(id)?;
        let value = kept.get(&s.name)?;
        let known = seen.get(id).cloned().unwrap_or_default();
        let labels = Labels {
            // Untrusted as a whole where any of it is.
            trust: (!known.untrusted.is_empty()).then_some(Trust::Untrusted),
            privacy: known.privacy.filter(|p| *p != Privacy::Public),
        };
        Some(Input { name: &s.name, ty: &var.ty, labels, value, made: true })
    });
    params.chain(steps).filter(|i| !i.value.holds_secret()).collect()
}

/// Inputs and result of the new plan.
fn signature(plan: &Plan, inputs: &[Input<'_>]) -> String {
    let params: Vec<String> =
        inputs.iter().map(|i| format!("{}: {}{}", i.name, i.labels, typed(i.ty))).collect();
    let output = match &plan.output {
        Type::Null => String::new(),
        ty => format!(" -> {}{ty}", plan.output_labels),
    };
    format!("({}){output}", params.join(", "))
}

/// A type that can be written.
fn typed(ty: &Type) -> String {
    if matches!(ty, Type::Error | Type::TypeOf | Type::Param(_)) { "json".to_owned() } else { ty.to_string() }
}

/// The types that the earlier plan declares: the signature may name them.
fn types(project: &Project) -> Vec<(Arc<str>, String)> {
    let items = project.files.first().map(|f| f.parse.file.items.as_slice()).unwrap_or_default();
    let one = |item: &ast::Item| match item {
        ast::Item::Type(ty) => {
            let text = format::file(&ast::File { items: vec![item.clone()] });
            Some((Arc::clone(&ty.name.name), text))
        }
        ast::Item::Use(_) | ast::Item::Skill(_) | ast::Item::Plan(_) | ast::Item::Test(_) => None,
    };
    items.iter().filter_map(one).collect()
}

/// What is told of an input.
fn kept_line(input: &Input<'_>) -> String {
    let what = if input.made { "made by the step of that name" } else { "an input of the earlier plan" };
    let known = if input.labels.privacy.is_some() { None } else { narrow(input.value, input.ty) };
    let known = known.filter(|text| text.len() <= LONG).map_or(String::new(), |text| format!(" = {text}"));
    format!("- {}: {}{}, {what}{known}\n", input.name, input.labels, typed(input.ty))
}

/// Numbers, flags, times, words of a fixed set and lengths: what can carry no sentence. `None`: nothing of it.
fn narrow(value: &Value, ty: &Type) -> Option<String> {
    match (value, ty.bare()) {
        (_, Type::Refined { base, .. } | Type::Opaque { base, .. }) => narrow(value, base),
        (Value::Null, _) => Some("null".to_owned()),
        (_, Type::Optional(inner)) => narrow(value, inner),
        (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Timestamp(_) | Value::Duration(_), _) => {
            Some(value.to_json().to_string())
        }
        (Value::String(text), Type::Literals(words)) if words.contains(text) => Some(format!("\"{text}\"")),
        (Value::String(text), _) => Some(format!("(a text of {} characters)", text.chars().count())),
        (Value::List(items), _) => Some(format!("({} items)", items.len())),
        (Value::Map(map), Type::Record(record)) => Some(fields(map, record)),
        (Value::Map(map), _) => Some(format!("({} entries)", map.len())),
        (Value::Bytes(_) | Value::File(_) | Value::Secret(_) | Value::Type(_), _) => None,
    }
}

fn fields(map: &Map, record: &RecordType) -> String {
    let mut out = String::from("{");
    for (name, field) in &record.fields {
        let open = !matches!(field.labels.privacy, Some(Privacy::Private | Privacy::Secret));
        let known = map.get(name).filter(|_| open).and_then(|value| narrow(value, &field.ty));
        if let Some(known) = known {
            let _ = write!(out, "{}{name}: {known}", if out.len() > 1 { ", " } else { " " });
        }
    }
    out.push_str(" }");
    out
}

/// Where it failed: kinds and numbers; a message may hold what a server said.
fn failed(report: &Report) -> String {
    let mut out = String::new();
    for step in &report.steps {
        let status = match step.status {
            StepStatus::Failed => "failed",
            StepStatus::InDoubt => "in doubt: it may or may not have acted",
            StepStatus::Pending
            | StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Succeeded
            | StepStatus::Recovered
            | StepStatus::Skipped
            | StepStatus::Cancelled => continue,
        };
        let skill = step.skill.as_ref().map_or_else(String::new, |s| format!(" ({s})"));
        let error =
            step.error.as_ref().map_or_else(String::new, |e| format!(" with `{}`{}", e.kind, details(e)));
        let _ = writeln!(out, "- {}{skill} {status}{error}, after {} attempts", step.path, step.attempts);
    }
    if out.is_empty() {
        let kind = report.outcome.as_ref().and_then(|o| o.error.as_ref()).map_or("nothing", |e| &*e.kind);
        let _ = writeln!(out, "- the plan as a whole ended with `{kind}`");
    }
    out
}

fn details(failure: &Failure) -> String {
    let numbers: Vec<String> = failure
        .details
        .iter()
        .filter(|(_, v)| matches!(v, Value::Int(_) | Value::Bool(_)))
        .map(|(name, v)| format!("{name} {}", v.to_json()))
        .collect();
    if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join(", ")) }
}

/// What is left of each part of the budget.
fn left(plan: &Plan, report: &Report) -> Result<Vec<(BudgetKind, Arc<str>)>, String> {
    let mut out = Vec::new();
    for budget in &plan.budget {
        let Ok(amount) = eval(&budget.amount, &Given { plan, inputs: &report.inputs }) else { continue };
        let (rest, most) = match budget.kind {
            BudgetKind::Cost => {
                let most = amount.as_number().unwrap_or(0.0);
                let rest = ((most - report.usage.cost_usd) * 1e6).floor() / 1e6;
                ((rest > 0.0).then(|| format!("{} usd", trimmed(rest))), format!("{} usd", trimmed(most)))
            }
            BudgetKind::Tokens => count(&amount, report.usage.tokens),
            BudgetKind::Calls => count(&amount, i64::from(report.calls)),
            BudgetKind::Time => {
                let Value::Duration(most) = amount else { continue };
                let took = report
                    .started_at
                    .zip(report.ended_at)
                    .map_or(jiff::SignedDuration::ZERO, |(a, b)| b.duration_since(a));
                let rest = most.as_millis() - took.as_millis();
                ((rest > 0).then(|| format!("{rest}ms")), format!("{}ms", most.as_millis()))
            }
        };
        match rest {
            Some(rest) => out.push((budget.kind, rest.into())),
            None => {
                return Err(format!(
                    "run {} has used up its budget of {} {most}; give the plan a larger one and run it with --from",
                    report.run,
                    kind_name(budget.kind)
                ));
            }
        }
    }
    Ok(out)
}

fn count(amount: &Value, used: i64) -> (Option<String>, String) {
    let most = amount.as_int().unwrap_or(0);
    let rest = most.saturating_sub(used);
    ((rest > 0).then(|| rest.to_string()), most.to_string())
}

/// A sum of money as a literal.
fn trimmed(usd: f64) -> String {
    let text = format!("{usd:.6}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

fn kind_name(kind: BudgetKind) -> &'static str {
    match kind {
        BudgetKind::Cost => "cost",
        BudgetKind::Tokens => "tokens",
        BudgetKind::Calls => "calls",
        BudgetKind::Time => "time",
    }
}

/// The inputs of the earlier plan, for the amounts of its budget.
struct Given<'a> {
    plan: &'a Plan,
    inputs: &'a Map,
}

impl Env for Given<'_> {
    fn var(&self, var: VarId) -> Result<Value, Stop> {
        self.tolerant(var).ok_or(Stop::Missing { step: var })
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        let param = self.plan.params.iter().find(|p| p.var == var)?;
        self.inputs.get(&param.name).cloned()
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
