//! What `llm.*` costs at the most, put into its signatures: so the checker proves budgets with it, and the engine reserves it.

use super::ProjectFile;
use super::config::Config;
use crate::catalog::prices::{Price, Prices};
use crate::catalog::{Catalog, STDLIB};
use crate::check::mentions::{self, Visitor};
use crate::format::quoted;
use crate::source::{SourceId, Span};
use crate::syntax;
use crate::syntax::ast::{self, ExprKind};
use indexmap::IndexMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Where the signatures lie that are made here; one of the standard files' places, which none of them has.
const SOURCE: SourceId = SourceId(u32::MAX - 500);

/// The catalog with the costs of the models that the plans ask, where all of them are known at this day (`2026-11-25`).
pub(super) fn catalog(config: &Config, prices: &Prices, files: &[ProjectFile], day: &str) -> Option<Catalog> {
    let policy = config.skills.get("llm").map(|s| &s.llm);
    let usual = policy.and_then(|p| p.model.clone());
    let provider = policy.and_then(|p| p.provider).unwrap_or_default().name();
    let flat = policy.and_then(|p| match (p.input_cost_per_token, p.output_cost_per_token) {
        (None, None) => None,
        (input, output) => Some(Price::flat(input.unwrap_or(0.0), output.unwrap_or(0.0))),
    });
    let mut models: IndexMap<Arc<str>, Price> = IndexMap::new();
    for name in asked(files)? {
        let name = name.or_else(|| usual.clone())?;
        let price = flat.clone().or_else(|| prices.find(provider, &name, day).cloned())?;
        models.insert(name, price);
    }
    if models.is_empty() {
        return None;
    }
    let family = STDLIB.iter().find(|family| family.namespace == "llm")?;
    // Who names no model asks the usual one: it stands behind all comparisons.
    let usual = usual.and_then(|name| models.shift_remove_entry(&name));
    models.extend(usual);
    let text = with_costs(family.text, &models);
    Some(Catalog::stdlib().with(SOURCE, &syntax::parse(SOURCE, &text)))
}

/// The models that the calls of files name, `None` for the usual one; nothing where one is only known when the plan runs.
fn asked(files: &[ProjectFile]) -> Option<Vec<Option<Arc<str>>>> {
    let mut asked = Asked { models: Vec::new(), known: true };
    for file in files {
        for item in &file.parse.file.items {
            if let ast::Item::Plan(plan) = item {
                mentions::body(&plan.body, &mut asked);
            }
        }
    }
    asked.known.then_some(asked.models)
}

struct Asked {
    models: Vec<Option<Arc<str>>>,
    known: bool,
}

impl Visitor for Asked {
    fn name(&mut self, _: &str, _: Span) {}

    fn call(&mut self, call: &ast::Call) {
        if !call.callee.name.starts_with("llm.") {
            return;
        }
        let named = |arg: &&ast::Arg| arg.name.as_ref().is_some_and(|name| &*name.name == "model");
        let mut model = call.args.iter().find(named).map(|arg| &arg.value);
        while let Some(ExprKind::Paren(inner)) = model.map(|model| &*model.kind) {
            model = Some(inner);
        }
        match model.map(|model| &*model.kind) {
            None | Some(ExprKind::Null) => self.models.push(None),
            Some(ExprKind::Text { value, .. }) => self.models.push(Some(Arc::clone(value))),
            Some(_) => self.known = false,
        }
    }
}

/// The signatures with a `cost` each.
fn with_costs(text: &str, models: &IndexMap<Arc<str>, Price>) -> String {
    let mut out = String::with_capacity(text.len() + 1_024);
    for line in text.lines() {
        if let Some(tokens) = line.strip_prefix("  tokens ") {
            let output = tokens.contains("max_tokens");
            let _ = writeln!(out, "  cost {} usd", cost(models, output));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// What a call costs at the most, by its model; the last one, the usual, is that of calls that name none.
fn cost(models: &IndexMap<Arc<str>, Price>, output: bool) -> String {
    let mut text = String::new();
    let last = models.len().saturating_sub(1);
    for (n, (name, price)) in models.iter().enumerate() {
        if n < last {
            let _ = write!(text, "model == {} ? ", quoted(name));
        }
        text.push_str(&by_length(price, output));
        if n < last {
            text.push_str(" : ");
        }
    }
    format!("({text})")
}

/// A long input has other rates.
fn by_length(price: &Price, output: bool) -> String {
    let mut text = String::new();
    let steps = price.steps();
    for above in steps.iter().rev() {
        let _ = write!(text, "max_input > {above} ? {} : ", sum(price, above + 1, output));
    }
    format!("({text}{})", sum(price, 0, output))
}

fn sum(price: &Price, input: i64, output: bool) -> String {
    let (per_input, per_output) = price.worst_rates(input);
    let input = format!("max_input * {}", dollars(per_input));
    if output { format!("({input} + max_tokens * {})", dollars(per_output)) } else { input }
}

/// Pico-dollars as the language writes numbers.
fn dollars(pico: u64) -> String {
    format!("{}.{:012}", pico / 1_000_000_000_000, pico % 1_000_000_000_000)
}
