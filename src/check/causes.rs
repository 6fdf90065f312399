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
    lost_text(files, sources, found);
    inner_errors(found);
    repeated_statements(files, sources, found);
}

/// Where text could not be read, what it declares is not known: names seem to be missing that are not.
fn lost_text(files: &[UnitFile<'_>], sources: &Sources, found: &mut Vec<Diagnostic>) {
    for file in files {
        let parsed = &file.parse.diagnostics;
        let torn = |d: &&Diagnostic| matches!(d.code, Code::UnclosedBracket | Code::TooDeep);
        let lost = |d: &&Diagnostic| torn(d) || d.code == Code::Syntax && d.fixes.is_empty();
        if !parsed.iter().any(|d| lost(&d)) {
            continue;
        }
        let text = sources.get(file.source).map_or("", |f| &*f.text);
        let items = Items::of(text);
        let in_torn = items.holding(parsed.iter().filter(torn));
        let in_lost = items.holding(parsed.iter().filter(lost));
        found.retain(|d| {
            if d.span.source != file.source || parsed.contains(d) {
                return true;
            }
            let item = items.at(d.span.start);
            match d.code {
                _ if in_torn.contains(&item) => false,
                Code::UnknownName | Code::UnknownSkill | Code::UnknownType => {
                    !declares(text, sources.slice(d.span))
                }
                Code::TypeMismatch
                | Code::UnboundTypeParameter
                | Code::UnhandledError
                | Code::MissingArgument
                | Code::NotExhaustive
                | Code::UsedBeforeDefined => !in_lost.contains(&item),
                _ => true,
            }
        });
    }
}

/// Where the items of a text begin, as far as lines tell: with a word in the first column.
struct Items(Vec<u32>);

impl Items {
    fn of(text: &str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.starts_with(|c: char| c.is_alphabetic()) {
                starts.push(at);
            }
            at += line.len() as u32;
        }
        Items(starts)
    }

    /// The number of the item that holds a place.
    fn at(&self, place: u32) -> usize {
        self.0.partition_point(|start| *start <= place)
    }

    fn holding<'a>(&self, found: impl Iterator<Item = &'a Diagnostic>) -> HashSet<usize> {
        found.map(|d| self.at(d.span.start)).collect()
    }
}

/// Whether a text seems to declare a name somewhere: it may stand in what could not be read.
fn declares(text: &str, name: &str) -> bool {
    const HEADS: &[&str] = &["step", "let", "for", "loop", "as", "plan", "skill", "type", "use", "in"];
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, after) = (text.get(..at).unwrap_or(""), text.get(at + name.len()..).unwrap_or(""));
            if before.ends_with(word) || after.starts_with(word) {
                return false;
            }
            let after = after.trim_start_matches([' ', '?']);
            let assigned = after.starts_with('=') && !after.starts_with("==") || after.starts_with(':');
            let head = before.trim_end().rsplit(char::is_whitespace).next().unwrap_or("");
            assigned || HEADS.contains(&head)
        })
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
