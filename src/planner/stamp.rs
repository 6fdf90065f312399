//! What the planner writes into a plan itself: goal, planner and version, and in the plan of a run's rest its signature and budget.

use crate::format::{format, quoted};
use crate::source::{SourceId, Span};
use crate::syntax::{ast, parse};
use ast::PlanClauseKind;
use std::sync::Arc;

/// What a finished plan says of its origin.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// What the person said.
    pub goal: Arc<str>,
    /// The model.
    pub planner: Arc<str>,
    /// The version of the program and its prompts.
    pub version: Arc<str>,
    /// Whether the model had read untrusted text: then the plan says so, and is checked accordingly ever after.
    pub untrusted: bool,
    /// The run whose rest it is.
    pub from: Option<Arc<str>>,
}

/// What is not the model's to say.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Inputs and result, as in `(a: int) -> string?`.
    pub signature: Arc<str>,
    /// The most that the `budget` may allow; nothing where the earlier plan had none.
    pub budget: Vec<(ast::BudgetKind, Arc<str>)>,
    /// Types that the signature may name, by name; declared where the model did not.
    pub types: Vec<(Arc<str>, String)>,
}

/// The key of `meta` under which a plan says what its writer had read.
pub const CONTEXT: &str = "context";
/// The key of `meta` for the run that a plan ends.
pub const FROM: &str = "from";

struct Edits<'t> {
    text: &'t str,
    all: Vec<(usize, usize, String)>,
}

impl Edits<'_> {
    fn replace(&mut self, span: Span, with: impl Into<String>) {
        self.all.push((span.start as usize, span.end as usize, with.into()));
    }

    fn apply(mut self) -> String {
        self.all.sort_by_key(|(start, end, _)| (*start, *end));
        let mut out = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (start, end, with) in &self.all {
            out.push_str(self.text.get(at..*start).unwrap_or_default());
            out.push_str(with);
            at = (*end).max(at);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }
}

/// Writes the origin into every plan of a file, the goal into the one that is meant, in the canonical layout.
///
/// # Errors
/// The text cannot be read: it was no finished plan.
pub fn stamp(text: &str, entry: &str, stamp: &Stamp) -> Result<String, String> {
    let parsed = parse(SourceId::default(), text);
    let mut edits = Edits { text, all: Vec::new() };
    for item in &parsed.file.items {
        let ast::Item::Plan(plan) = item else { continue };
        let is_entry = *plan.name.name == *entry;
        for clause in &plan.clauses {
            let ours = match clause.kind {
                PlanClauseKind::Planner(_) | PlanClauseKind::PlannerVersion(_) => true,
                PlanClauseKind::Goal(_) | PlanClauseKind::Meta(_) => is_entry,
                PlanClauseKind::Budget(_) | PlanClauseKind::Throws(_) | PlanClauseKind::Concurrency(_) => {
                    false
                }
            };
            if ours {
                edits.replace(clause.span, "");
            }
        }
        let mut clauses = String::from("\n");
        if is_entry {
            clauses.push_str(&format!("goal {}\n", quoted(&stamp.goal)));
            clauses.push_str(&meta(stamp));
        }
        clauses.push_str(&format!(
            "planner {}\nplanner_version {}\n",
            quoted(&stamp.planner),
            quoted(&stamp.version)
        ));
        edits.replace(plan.body.span.head(), clauses);
    }
    let text = edits.apply();
    format(&text, &parse(SourceId::default(), &text)).map_err(|e| e.to_string())
}

fn meta(stamp: &Stamp) -> String {
    let context = stamp.untrusted.then(|| format!("{CONTEXT}: \"untrusted\""));
    let from = stamp.from.as_ref().map(|run| format!("{FROM}: {}", quoted(run)));
    let parts: Vec<String> = context.into_iter().chain(from).collect();
    if parts.is_empty() { String::new() } else { format!("meta {{ {} }}\n", parts.join(", ")) }
}

/// Puts what is given in place of what the model said of it. `None`: nothing is to be changed, or no one plan is there.
pub(super) fn fix(text: &str, fixed: &Fixed) -> Option<String> {
    let parsed = parse(SourceId::default(), text);
    let plan = parsed.file.items.iter().rev().find_map(|item| match item {
        ast::Item::Plan(plan) => Some(plan),
        ast::Item::Use(_) | ast::Item::Type(_) | ast::Item::Skill(_) | ast::Item::Test(_) => None,
    })?;
    let mut edits = Edits { text, all: Vec::new() };
    let head = plan.clauses.iter().map(|c| c.span.start).chain([plan.body.span.start]).min()?;
    let signature = Span { start: plan.name.span.end, end: head, ..plan.span };
    edits.replace(signature, format!("{} ", fixed.signature));
    budget(plan, fixed, &mut edits);
    let declared = |name: &str| {
        parsed.file.items.iter().any(|i| matches!(i, ast::Item::Type(ty) if *ty.name.name == *name))
    };
    for (_, ty) in fixed.types.iter().filter(|(name, _)| !declared(name)) {
        edits.all.push((0, 0, format!("{ty}\n")));
    }
    let out = edits.apply();
    (out != text).then_some(out)
}

/// What is left of a budget stands in the plan, whatever the model said.
fn budget(plan: &ast::Plan, fixed: &Fixed, edits: &mut Edits<'_>) {
    if fixed.budget.is_empty() {
        return;
    }
    let own = plan.clauses.iter().find_map(|c| match &c.kind {
        PlanClauseKind::Budget(items) => Some((items, c.span)),
        PlanClauseKind::Goal(_)
        | PlanClauseKind::Throws(_)
        | PlanClauseKind::Concurrency(_)
        | PlanClauseKind::Planner(_)
        | PlanClauseKind::PlannerVersion(_)
        | PlanClauseKind::Meta(_) => None,
    });
    let items: Vec<String> =
        fixed.budget.iter().map(|(kind, most)| format!("{} {most}", kind_word(*kind))).collect();
    let clause = format!("budget {}\n", items.join(", "));
    match own {
        Some((_, span)) => edits.replace(span, clause),
        None => edits.replace(plan.body.span.head(), format!("\n{clause}")),
    }
}

fn kind_word(kind: ast::BudgetKind) -> &'static str {
    match kind {
        ast::BudgetKind::Cost => "cost",
        ast::BudgetKind::Tokens => "tokens",
        ast::BudgetKind::Time => "time",
        ast::BudgetKind::Calls => "calls",
    }
}
