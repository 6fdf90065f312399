//! From syntax to the checked plan: names, types, missing values, errors, effects.
//!
//! [`check_unit`] takes the files of a project together and gives an [`Analysis`]: whatever could be understood, and what is wrong.
//! [`Analysis::into_checked`] gives the proof that nothing is: a [`CheckedPlan`] can be had in no other way.

mod action;
mod allow;
mod body;
pub mod bounds;
pub mod cases;
mod causes;
mod clauses;
mod closed;
mod collect;
mod constants;
pub(crate) mod cx;
mod effects;
pub(crate) mod errors;
mod eval_api;
mod expect;
#[cfg(test)]
mod expr_tests;
pub mod flow;
mod functions;
pub mod hir;
mod holes;
mod infer;
mod irreversible;
mod keys;
mod left;
mod lint;
mod macros;
pub(crate) mod mentions;
mod narrow;
mod operators;
mod order;
mod people;
mod plans;
mod races;
mod region;
pub(crate) mod relate;
pub(crate) mod reorder;
pub mod resources;
mod roots;
mod signature;
mod status;
mod text;
mod types;
mod visit;
mod waits;
mod walk;

pub(crate) use eval_api::infer_text;
pub use eval_api::{check_expr, close_expr, read_type};
pub use left::Left;

use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, nearest, sort};
use crate::expr::VarId;
use crate::source::{SourceId, Sources, Span};
use crate::syntax::{Parse, ast};
use crate::types::Type;
use cases::model::TestCase;
use effects::Content;
use hir::{Plan, Program, Signature};
use indexmap::IndexMap;
use std::cell::OnceCell;
use std::sync::Arc;

/// One file of what is checked together.
#[derive(Clone, Copy, Debug)]
pub struct UnitFile<'a> {
    pub source: SourceId,
    pub parse: &'a Parse,
    /// What it uses, resolved.
    pub uses: &'a [UseRef],
    /// Whether every file sees its items without `use`.
    pub shared: bool,
}

/// A resolved `use`.
#[derive(Clone, Debug)]
pub struct UseRef {
    /// Index of the file in the unit.
    pub file: usize,
    pub alias: Option<ast::Name>,
    /// The path in the text.
    pub span: Span,
}

/// What checking gives: partial where something is wrong.
#[derive(Debug, Default)]
pub struct Analysis {
    /// The plans by unique name, those of the entry file under their own.
    pub plans: IndexMap<Arc<str>, Plan>,
    /// The skills that are called or declared, by dotted name.
    pub skills: IndexMap<Arc<str>, Arc<Signature>>,
    /// The types the entry file can name.
    pub types: IndexMap<Arc<str>, Type>,
    pub tests: Vec<TestCase>,
    /// The names of the plans of the entry file, in text order.
    pub entry_plans: Vec<Arc<str>>,
    /// By plan: what the names in its body mean.
    pub(crate) refs: IndexMap<Arc<str>, Vec<cx::Ref>>,
    /// By plan: the steps and `let`s that may have no value, in order.
    pub(crate) missing: IndexMap<Arc<str>, Vec<VarId>>,
    /// Everything found, parsing included, by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// A plan without errors, with all it calls: the only thing that runs.
#[derive(Clone, Debug)]
pub struct CheckedPlan(Program);

impl CheckedPlan {
    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.0
    }

    /// The program, to keep.
    #[must_use]
    pub fn into_program(self) -> Program {
        self.0
    }
}

/// A plan in the answer of `check --format json`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanSummary {
    pub name: Arc<str>,
    /// Steps written in it, those of inner bodies included.
    pub steps: usize,
    /// What it uses at the worst; nothing is known of it where there are errors.
    pub worst_case: bounds::Bounds,
    /// Checks that only the running value can decide.
    pub left: Left,
    /// Such as `writes "file:out.txt"`.
    pub effects: Vec<String>,
}

/// What the lowering of bodies reads.
struct Unit<'a> {
    sources: &'a Sources,
    catalog: &'a Catalog,
    decls: collect::Decls<'a>,
    /// By index of the declaration.
    signatures: Vec<Arc<Signature>>,
    /// By index of the declaration.
    heads: Vec<plans::Head>,
    /// By index of the declaration; set when its body has been lowered.
    contents: Vec<OnceCell<Content>>,
}

/// The signature of a standard skill.
#[must_use]
pub fn standard_signature(name: &str) -> Option<Arc<Signature>> {
    signature::standard(&Catalog::stdlib(), name)
}

/// Checks one file that uses no others.
#[must_use]
pub fn check(source: SourceId, parse: &Parse, sources: &Sources, catalog: &Catalog) -> Analysis {
    check_unit(&[UnitFile { source, parse, uses: &[], shared: false }], sources, catalog, None)
}

/// Checks files together, the entry file first. `secrets` are the names of `aos.toml`, where there is one.
#[must_use]
pub fn check_unit(
    files: &[UnitFile<'_>],
    sources: &Sources,
    catalog: &Catalog,
    secrets: Option<&[Arc<str>]>,
) -> Analysis {
    check_unit_for(files, sources, catalog, secrets, &flow::Asker::default())
}

/// The same for an agent, a writer, and what the writer had read.
#[must_use]
pub fn check_unit_for(
    files: &[UnitFile<'_>],
    sources: &Sources,
    catalog: &Catalog,
    secrets: Option<&[Arc<str>]>,
    asker: &flow::Asker,
) -> Analysis {
    let mut found: Vec<Diagnostic> = files.iter().flat_map(|f| f.parse.diagnostics.iter().cloned()).collect();
    let decls = collect::collect(files, catalog, secrets, &mut found);
    let signatures = decls
        .skills
        .iter()
        .filter_map(|d| Some((d.item, decls.globals.get(d.file)?)))
        .map(|(item, globals)| Arc::new(signature::lower(item, globals, &mut found)))
        .collect();
    let heads = plans::heads(&decls, &mut found);
    let order = plans::sorted(&decls, &mut found);
    let contents = decls.plans.iter().map(|_| OnceCell::new()).collect();
    let unit = Unit { sources, catalog, decls, signatures, heads, contents };
    let mut analysis = Analysis::default();
    let mut templated = IndexMap::new();
    for id in order {
        let Some(out) = plans::lower(&unit, id, &mut found) else { continue };
        if let Some(slot) = unit.contents.get(id) {
            // Each plan is lowered once.
            let _ = slot.set(out.content);
        }
        for (name, signature) in out.skills {
            analysis.skills.entry(name).or_insert(signature);
        }
        analysis.refs.insert(out.plan.name.clone(), out.refs);
        templated.insert(out.plan.name.clone(), out.templated);
        analysis.missing.insert(out.plan.name.clone(), out.missing);
        analysis.plans.insert(out.plan.name.clone(), out.plan);
    }
    for signature in &unit.signatures {
        analysis.skills.entry(signature.name.clone()).or_insert_with(|| signature.clone());
    }
    analysis.tests = cases::check(&unit, &analysis.plans, &mut found);
    if let Some(globals) = unit.decls.globals.first() {
        analysis.types = globals.types.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
        analysis.types.sort_keys();
    }
    let own = unit.decls.plans.iter().zip(&unit.decls.plan_names).filter(|(d, _)| d.file == 0);
    analysis.entry_plans = own.map(|(_, name)| name.clone()).collect();
    causes::settle(files, sources, &mut found);
    let entry = files.first().map(|f| f.source);
    let (plans, skills) = (&analysis.plans, &analysis.skills);
    status::check(plans, &mut found);
    flow::check(plans, skills, entry, asker, &mut found);
    if let Some(people) = &asker.people {
        people::check(plans, people, &mut found);
    }
    // What is wrong anywhere may make keys, waits and resources look wrong that are not, then bounds.
    let broken = |found: &[Diagnostic]| found.iter().any(Diagnostic::is_error);
    if !broken(&found) {
        keys::check(plans, &mut found);
        waits::check(plans, &mut found);
        races::check(plans, sources, &mut found);
    }
    if !broken(&found) {
        found.extend(bounds::check(plans, skills));
    }
    if broken(&found) {
        lint::only_without_errors(&mut found);
    } else {
        irreversible::check(plans, skills, sources, &mut found);
        lint::check(files, plans, skills, &templated, &mut found);
    }
    for file in files {
        if let Some(text) = sources.get(file.source) {
            lint::look(text, file.source, file.parse, &mut found);
        }
    }
    allow::apply(files, &mut found);
    sort(&mut found);
    analysis.diagnostics = found;
    analysis
}

impl Analysis {
    /// Whether something keeps the plans from running.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The plan that is meant where none is named: the only one of the entry file, else the one no other of its plans calls.
    #[must_use]
    pub fn default_plan(&self) -> Option<&Arc<str>> {
        let called = |name: &str| {
            self.entry_plans.iter().any(|n| self.plans.get(n).is_some_and(|p| calls(&p.body, name)))
        };
        let mut tops = self.entry_plans.iter().filter(|name| self.entry_plans.len() == 1 || !called(name));
        match (tops.next(), tops.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// The plan `entry` with all it calls.
    ///
    /// # Errors
    /// All diagnostics, where one is an error or there is no such plan.
    pub fn into_checked(self, entry: &str) -> Result<CheckedPlan, Vec<Diagnostic>> {
        self.checked(entry)
    }

    /// The same for one of several plans.
    ///
    /// # Errors
    /// All diagnostics, where one is an error or there is no such plan.
    pub fn checked(&self, entry: &str) -> Result<CheckedPlan, Vec<Diagnostic>> {
        if self.has_errors() {
            return Err(self.diagnostics.clone());
        }
        let Some(entry) = self.plans.get(entry).map(|p| p.name.clone()) else {
            let mut d =
                Diagnostic::new(Code::NoSuchPlan, Span::default(), format!("there is no plan `{entry}`"));
            let near = nearest(entry, self.plans.keys().map(|n| &**n));
            let names: Vec<String> = self.entry_plans.iter().map(|n| format!("`{n}`")).collect();
            d = match near {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None if names.is_empty() => d.help("declare a plan in the file"),
                None => d.help(format!("the file has {}", names.join(", "))),
            };
            return Err(self.diagnostics.iter().cloned().chain([d]).collect());
        };
        let mut program = Program { entry: entry.clone(), plans: IndexMap::new(), skills: IndexMap::new() };
        let mut open = vec![entry];
        while let Some(name) = open.pop() {
            let Some(plan) = self.plans.get(&name).filter(|_| !program.plans.contains_key(&name)) else {
                continue;
            };
            targets(&plan.body, &mut |target| match target {
                hir::Target::Plan(name) => open.push(name.clone()),
                hir::Target::Skill(name) => {
                    if let Some(signature) = self.skills.get(name) {
                        program.skills.entry(name.clone()).or_insert_with(|| (**signature).clone());
                    }
                }
            });
            program.plans.insert(name, plan.clone());
        }
        Ok(CheckedPlan(program))
    }

    /// The plans of the entry file, for machine-readable answers.
    #[must_use]
    pub fn summaries(&self) -> Vec<PlanSummary> {
        let bounds =
            if self.has_errors() { IndexMap::new() } else { bounds::bounds(&self.plans, &self.skills) };
        let one = |plan: &Plan| PlanSummary {
            name: plan.name.clone(),
            steps: steps(&plan.body),
            worst_case: bounds.get(&plan.name).cloned().unwrap_or_default(),
            left: Left::of(plan),
            effects: plan.effects.iter().map(|e| effect_text(e, plan)).collect(),
        };
        self.entry_plans.iter().filter_map(|name| self.plans.get(name)).map(one).collect()
    }
}

fn effect_text(effect: &hir::Effect, plan: &Plan) -> String {
    use crate::expr::ExprKind;
    use crate::value::Value;
    let kind = match effect.kind {
        ast::EffectKind::Pure => "pure",
        ast::EffectKind::Reads => "reads",
        ast::EffectKind::Appends => "appends",
        ast::EffectKind::Writes => "writes",
        ast::EffectKind::Irreversible => "irreversible",
    };
    let piece = |e: &crate::expr::Expr| match &*e.kind {
        ExprKind::Literal(Value::String(s)) => s.to_string(),
        ExprKind::Var(id) => {
            plan.vars.get(id.0 as usize).map_or("${…}".to_owned(), |v| format!("${{{}}}", v.name))
        }
        _ => "${…}".to_owned(),
    };
    match effect.resource.as_ref() {
        None => format!("{kind} *"),
        Some(e) => match &*e.kind {
            ExprKind::Interpolate(parts) => {
                format!("{kind} \"{}\"", parts.iter().map(piece).collect::<String>())
            }
            _ => format!("{kind} \"{}\"", piece(e)),
        },
    }
}

/// The steps of a body, those of inner bodies included.
fn steps(body: &hir::Body) -> usize {
    let mut count = 0;
    for stmt in &body.stmts {
        if let hir::StmtKind::Step(step) = &stmt.kind {
            count += 1;
            inner(&step.action).into_iter().for_each(|b| count += steps(b));
        }
    }
    count
}

/// The bodies of an action.
pub(crate) fn inner(action: &hir::Action) -> Vec<&hir::Body> {
    match action {
        hir::Action::Call(_) => Vec::new(),
        hir::Action::Do(b) => vec![b],
        hir::Action::For(f) => vec![&f.body],
        hir::Action::If(i) => i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).collect(),
        hir::Action::Match(m) => m.arms.iter().map(|(_, b)| b).collect(),
        hir::Action::Loop(l) => vec![&l.body],
        hir::Action::Race(branches) => branches.iter().collect(),
    }
}

/// Calls `f` for the target of every call, fallbacks and compensations included.
pub(crate) fn targets(body: &hir::Body, f: &mut dyn FnMut(&hir::Target)) {
    calls_in(body, &mut |call| f(&call.target));
}

/// Calls `f` for every step, those of inner bodies included.
#[cfg(feature = "cli")]
pub(crate) fn steps_in(body: &hir::Body, f: &mut dyn FnMut(&hir::Step)) {
    for stmt in &body.stmts {
        if let hir::StmtKind::Step(step) = &stmt.kind {
            f(step);
            inner(&step.action).into_iter().for_each(|b| steps_in(b, f));
        }
    }
}

/// Calls `f` for every call, fallbacks and compensations included.
pub(crate) fn calls_in(body: &hir::Body, f: &mut dyn FnMut(&hir::Call)) {
    for stmt in &body.stmts {
        let hir::StmtKind::Step(step) = &stmt.kind else { continue };
        if let hir::Action::Call(call) = &step.action {
            f(call);
        }
        for reaction in step.on_error.iter().flat_map(|arm| &arm.reactions) {
            if let hir::Reaction::Fallback(call) = reaction {
                f(call);
            }
        }
        if let Some(c) = &step.compensate {
            f(&c.call);
        }
        for body in inner(&step.action) {
            calls_in(body, f);
        }
    }
}

fn calls(body: &hir::Body, plan: &str) -> bool {
    let mut found = false;
    targets(body, &mut |target| found |= matches!(target, hir::Target::Plan(name) if &**name == plan));
    found
}

#[cfg(test)]
mod tests;
