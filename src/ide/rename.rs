//! New names: whether one may be had, and every place that must change.

use super::names::{self, Name, Role, names};
use super::scope::Scope;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::Item;

/// Reserved as bare names, and the two with a meaning of their own.
const RESERVED: &[&str] = &[
    "step", "let", "return", "require", "fail", "do", "if", "else", "for", "match", "loop", "race", "in",
    "as", "throw", "true", "false", "null", "_", "run", "it",
];

/// What would be renamed: the name at an offset of the first file.
///
/// # Errors
/// Why it cannot be renamed.
pub fn target(names: &[Name], offset: u32) -> Result<Name, String> {
    let Some(name) = names::at(names, offset) else {
        return Err("there is no name here".to_owned());
    };
    let why = match name.role {
        Role::File => "a path is changed by moving the file",
        Role::BasicType => "it is a type of the language",
        Role::Function => "it is a function of the language",
        Role::Error if name.def.is_none() => "it is an error of the language, or declared nowhere",
        Role::Alias
        | Role::Type
        | Role::TypeParam
        | Role::Skill
        | Role::Plan
        | Role::Input
        | Role::Step
        | Role::Let
        | Role::Local
        | Role::Field
        | Role::Error => match name.def {
            None => "it is declared nowhere",
            Some(def) if crate::catalog::is_stdlib(def.source) => "it belongs to the standard skills",
            Some(_) => match name.role {
                Role::Field => "records are compared by their fields: a field cannot be renamed safely",
                Role::Error => "errors are compared by their names: one cannot be renamed safely",
                _ => return Ok(name),
            },
        },
    };
    Err(format!("cannot be renamed: {why}"))
}

/// Whether `to` may be the name of what is declared at `place`, in one project that holds it.
///
/// # Errors
/// Why it may not.
pub fn allowed(project: &Project, name: &Name, place: Span, to: &str) -> Result<(), String> {
    let dotted = name.role == Role::Skill;
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let fits = if dotted { to.split('.').all(word) } else { word(to) };
    if !fits {
        return Err(format!("`{to}` is no name"));
    }
    if RESERVED.contains(&to) {
        return Err(format!("`{to}` is a reserved word"));
    }
    let Some(scope) = Scope::of(project, place.source) else { return Ok(()) };
    let taken = |what: &str| Err(format!("{what} is named `{to}` already"));
    match name.role {
        Role::Type => {
            if names::BASIC.contains(&to) || matches!(to, "list" | "map" | "null") {
                return Err(format!("`{to}` is a type of the language"));
            }
            if scope.type_decl(to).is_some() {
                return taken("a type");
            }
        }
        Role::Plan | Role::Skill => {
            if scope.callee(to).is_some() {
                return taken("a skill or plan");
            }
        }
        Role::Alias => {
            if scope.alias(to).is_some() {
                return taken("a used file");
            }
        }
        Role::Input | Role::Step | Role::Let | Role::Local | Role::TypeParam => {
            let owner = scope.items().iter().find_map(|item| {
                let span = super::walk::Node::Item(item).span();
                span.contains(place).then_some((item, span))
            });
            let Some((item, span)) = owner else { return Ok(()) };
            let clash = names(project, scope.file).into_iter().any(|n| {
                n.declares()
                    && span.contains(n.span)
                    && matches!(n.role, Role::Input | Role::Step | Role::Let | Role::Local | Role::TypeParam)
                    && project.sources.slice(n.span) == to
            });
            if clash {
                let what =
                    if matches!(item, Item::Plan(_)) { "something in this plan" } else { "a parameter" };
                return taken(what);
            }
        }
        Role::File | Role::BasicType | Role::Field | Role::Error | Role::Function => {}
    }
    // Every file that sees it must have the name free too.
    for file in 0..project.files.len() {
        let other = Scope { project, file };
        let clash = match name.role {
            Role::Plan | Role::Skill => other.callee(to).is_some(),
            Role::Type => other.type_decl(to).is_some(),
            _ => false,
        };
        if clash {
            return taken(if name.role == Role::Type { "a type" } else { "a skill or plan" });
        }
    }
    Ok(())
}

/// What is written in the place of `now`, which means what is renamed: a quoted name stays quoted.
#[must_use]
pub fn replacement(name: &Name, now: &str, to: &str) -> String {
    if name.role == Role::Input && now.starts_with('"') { format!("{to:?}") } else { to.to_owned() }
}
