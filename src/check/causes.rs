//! One cause, one diagnostic: what only follows from another finding is taken out, and what needs the whole file is added.

use super::UnitFile;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{Sources, Span};
use crate::syntax::ast::{Action, Body, Item, StmtKind};
use std::collections::HashSet;

/// Takes out what follows from something else, and adds fixes that need the statements around.
pub(super) fn settle(files: &[UnitFile<'_>], sources: &Sources, found: &mut Vec<Diagnostic>) {
    if !found.iter().any(Diagnostic::is_error) {
        return;
    }
    lost_text(files, found);
    inner_errors(found);
    repeated_statements(files, sources, found);
}

/// Where text could not be read, what it declares is not known: names seem to be missing that are not.
fn lost_text(files: &[UnitFile<'_>], found: &mut Vec<Diagnostic>) {
    for file in files {
        let parsed = &file.parse.diagnostics;
        let torn = parsed.iter().any(|d| matches!(d.code, Code::UnclosedBracket | Code::TooDeep));
        let lost = torn || parsed.iter().any(|d| d.code == Code::Syntax && d.fixes.is_empty());
        if !lost {
            continue;
        }
        let follows = |d: &Diagnostic| {
            d.span.source == file.source
                && !parsed.contains(d)
                && (torn
                    || matches!(
                        d.code,
                        Code::UnknownName
                            | Code::UnknownSkill
                            | Code::UnknownType
                            | Code::TypeMismatch
                            | Code::UnboundTypeParameter
                            | Code::UnhandledError
                            | Code::MissingArgument
                            | Code::NotExhaustive
                            | Code::UsedBeforeDefined
                    ))
        };
        found.retain(|d| !follows(d));
    }
}

/// An expression that holds an error has no type of its own: that it does not fit follows.
fn inner_errors(found: &mut Vec<Diagnostic>) {
    let causes: Vec<Span> = found
        .iter()
        .filter(|d| {
            matches!(
                d.code,
                Code::UnknownName
                    | Code::UnknownField
                    | Code::UnknownFunction
                    | Code::UnknownType
                    | Code::UsedBeforeDefined
            )
        })
        .map(|d| d.span)
        .collect();
    found.retain(|d| {
        let follows = matches!(
            d.code,
            Code::NeedsCast | Code::ArgumentType | Code::TypeMismatch | Code::OperatorType | Code::MaybeNull
        );
        !follows || !causes.iter().any(|c| *c != d.span && d.span.contains(*c))
    });
}

/// A statement that stands twice, word for word, was copied by mistake.
fn repeated_statements(files: &[UnitFile<'_>], sources: &Sources, found: &mut [Diagnostic]) {
    if !found.iter().any(|d| d.code == Code::DuplicateName) {
        return;
    }
    let mut again = HashSet::new();
    for file in files {
        for item in &file.parse.file.items {
            if let Item::Plan(plan) = item {
                repeats(&plan.body, sources, &mut again);
            }
        }
    }
    for d in found.iter_mut().filter(|d| d.code == Code::DuplicateName && d.fixes.is_empty()) {
        if let Some((_, stmt)) = again.iter().find(|(name, _)| *name == d.span) {
            *d = d.clone().fix("remove the copy", vec![Edit::delete(*stmt)]);
        }
    }
}

/// The names and places of statements that stand again in their body.
fn repeats(body: &Body, sources: &Sources, again: &mut HashSet<(Span, Span)>) {
    let mut seen = HashSet::new();
    for stmt in &body.stmts {
        let copy = !seen.insert(sources.slice(stmt.span).trim());
        if let (true, Some(name)) = (copy, super::body::declared(stmt)) {
            again.insert((name.span, stmt.span));
        }
        let StmtKind::Step(step) = &stmt.kind else { continue };
        match &step.action {
            Action::Call(_) | Action::Error(_) => {}
            Action::Do(b) => repeats(b, sources, again),
            Action::For(f) => repeats(&f.body, sources, again),
            Action::If(i) => {
                i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).for_each(|b| repeats(b, sources, again))
            }
            Action::Match(m) => m.arms.iter().for_each(|a| repeats(&a.body, sources, again)),
            Action::Loop(l) => repeats(&l.body, sources, again),
            Action::Race(r) => r.branches.iter().for_each(|b| repeats(b, sources, again)),
        }
    }
}
