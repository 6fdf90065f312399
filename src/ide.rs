//! What an editor asks about plans, as plain data in and out: a checked [`Project`] and a byte offset in, places and texts out.
//!
//! Nothing here reads a file, keeps state or knows a protocol; every answer is what can be had of a text that is broken.

pub mod actions;
pub mod calls;
pub mod complete;
mod forms;
pub mod hints;
pub mod hover;
mod keywords;
pub mod names;
pub mod rename;
mod scope;
pub mod signature;
mod steps;
pub mod symbols;
pub mod tokens;
mod walk;

use crate::check::hir;
use crate::project::Project;
use crate::source::{SourceId, Span};
use crate::syntax::ast::{Ident, Item, Plan, Stmt, StmtKind};

pub use names::{Name, Role, names};
pub use scope::text_of;

/// The source of a family of standard skills.
#[must_use]
pub fn standard_source(family: &str) -> Option<SourceId> {
    let found = scope::standard().modules().find(|m| m.family.is_some_and(|f| f.namespace == family));
    found.map(|m| m.source)
}

/// The text of the first file, which the others are used by.
fn entry_text(project: &Project) -> &str {
    project.files.first().map_or("", |f| text_of(project, f.source))
}

/// A place without the blanks at its end, which a node may have where nothing follows in it.
pub(crate) fn trimmed(text: &str, span: Span) -> Span {
    let length = text.get(span.range()).map_or(0, |t| t.trim_end().len()) as u32;
    Span { end: span.start + length, ..span }
}

/// The name that a statement declares.
pub(crate) fn stmt_name(stmt: &Stmt) -> Option<&Ident> {
    match &stmt.kind {
        StmtKind::Step(step) => Some(&step.name),
        StmtKind::Let { name, .. } => Some(name),
        StmtKind::Require { .. } | StmtKind::Fail { .. } | StmtKind::Return { .. } => None,
    }
}

/// The checked form of a plan, as far as it could be understood.
pub(crate) fn hir_of<'a>(project: &'a Project, plan: &Plan) -> Option<&'a hir::Plan> {
    project.analysis.plans.values().find(|p| p.span == plan.span)
}

/// The plan of the first file that holds an offset.
pub(crate) fn plan_at(project: &Project, offset: u32) -> Option<&Plan> {
    let items = &project.files.first()?.parse.file.items;
    items.iter().find_map(|item| match item {
        Item::Plan(p) if p.span.start <= offset && offset <= p.span.end => Some(p),
        Item::Plan(_) | Item::Use(_) | Item::Type(_) | Item::Skill(_) | Item::Test(_) => None,
    })
}

/// The first file's source.
pub(crate) fn entry(project: &Project) -> SourceId {
    project.files.first().map(|f| f.source).unwrap_or_default()
}

/// The name at an offset of the first file, and where it is declared.
#[must_use]
pub fn definition(names: &[Name], offset: u32) -> Option<(Span, Span)> {
    let name = names::at(names, offset)?;
    Some((name.span, name.def?))
}

/// Where the type of the value at an offset of the first file is declared.
#[must_use]
pub fn type_definition(project: &Project, names: &[Name], offset: u32) -> Option<Span> {
    names::type_of_name(project, &names::at(names, offset)?)
}

/// The places in the files of a project that mean what is declared at `place`.
#[must_use]
pub fn occurrences(project: &Project, place: Span, files: impl IntoIterator<Item = usize>) -> Vec<Name> {
    let all = files.into_iter().flat_map(|file| names(project, file));
    all.filter(|n| n.def == Some(place)).collect()
}
