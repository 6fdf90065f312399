//! Who calls a plan or skill, and whom it calls.

use super::names::{Decl, at};
use super::names::{Name, Role, declaration, names};
use super::scope::{Callee, Scope, items_of};
use super::walk::Node;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::Item;

/// A plan, skill or test of a call hierarchy.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    pub name: String,
    pub kind: PartyKind,
    /// All of it.
    pub span: Span,
    pub name_span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartyKind {
    Plan,
    Skill,
    Test,
}

/// A party on the other side of some calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub party: Party,
    /// The names where it is called.
    pub places: Vec<Span>,
}

/// The plan or skill that the name at an offset of the first file means.
#[must_use]
pub fn party_at(project: &Project, names: &[Name], offset: u32) -> Option<Party> {
    let name = at(names, offset).filter(|n| matches!(n.role, Role::Plan | Role::Skill))?;
    party(project, name.def?)
}

/// The plan or skill that is declared at a place.
#[must_use]
pub fn party(project: &Project, place: Span) -> Option<Party> {
    match declaration(project, place)? {
        Decl::Callee(Callee::Plan(p)) => Some(Party {
            name: p.name.name.to_string(),
            kind: PartyKind::Plan,
            span: p.span,
            name_span: p.name.span,
        }),
        Decl::Callee(Callee::Skill(s)) => Some(Party {
            name: s.name.name.to_string(),
            kind: PartyKind::Skill,
            span: s.span,
            name_span: s.name.span,
        }),
        Decl::Use(_) | Decl::Type(_) | Decl::Param(_) | Decl::Stmt(_) | Decl::Error(_) | Decl::Other => None,
    }
}

fn owner(item: &Item) -> Option<Party> {
    let span = Node::Item(item).span();
    Some(match item {
        Item::Plan(p) => {
            Party { name: p.name.name.to_string(), kind: PartyKind::Plan, span, name_span: p.name.span }
        }
        Item::Test(t) => {
            Party { name: t.name.value.to_string(), kind: PartyKind::Test, span, name_span: t.name.span }
        }
        Item::Use(_) | Item::Type(_) | Item::Skill(_) => return None,
    })
}

/// The plans and tests of some files of a project that call what is declared at a place.
#[must_use]
pub fn incoming(project: &Project, place: Span, files: impl IntoIterator<Item = usize>) -> Vec<Link> {
    let mut out: Vec<Link> = Vec::new();
    for file in files {
        let scope = Scope { project, file };
        for name in names(project, file).into_iter().filter(|n| n.def == Some(place) && !n.declares()) {
            let holds = |item: &&Item| Node::Item(item).span().contains(name.span);
            let Some(party) = scope.items().iter().find(holds).and_then(owner) else { continue };
            match out.iter_mut().find(|l| l.party == party) {
                Some(link) => link.places.push(name.span),
                None => out.push(Link { party, places: vec![name.span] }),
            }
        }
    }
    out
}

/// What the plan that is declared at a place calls.
#[must_use]
pub fn outgoing(project: &Project, place: Span) -> Vec<Link> {
    let mut out: Vec<Link> = Vec::new();
    let Some(scope) = Scope::of(project, place.source) else { return out };
    let item = items_of(project, place.source).iter().find(|i| Node::Item(i).span().contains(place));
    let Some(span) = item.map(|i| Node::Item(i).span()) else { return out };
    for name in names(project, scope.file) {
        if !span.contains(name.span) || name.declares() || !matches!(name.role, Role::Plan | Role::Skill) {
            continue;
        }
        let Some(party) = name.def.and_then(|d| party(project, d)) else { continue };
        match out.iter_mut().find(|l| l.party == party) {
            Some(link) => link.places.push(name.span),
            None => out.push(Link { party, places: vec![name.span] }),
        }
    }
    out
}
