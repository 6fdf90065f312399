//! `// allow(code): reason`: silences one warning or lint on an item or step, never an error.

use super::UnitFile;
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::Span;
use crate::syntax::ast::{self, Action, Allow, Item, StmtKind};
use std::collections::HashMap;

struct Silence<'a> {
    allow: &'a Allow,
    over: Span,
    used: bool,
}

/// Takes the silenced diagnostics out; reports `bad-allow` and `unused-allow`.
pub(super) fn apply(files: &[UnitFile<'_>], found: &mut Vec<Diagnostic>) {
    let mut all: Vec<(&Allow, Span)> = Vec::new();
    for file in files {
        for item in &file.parse.file.items {
            item_allows(item, &mut all);
        }
    }
    if all.is_empty() {
        return;
    }
    let mut by_code: HashMap<Code, Vec<Silence<'_>>> = HashMap::new();
    let mut own = Vec::new();
    for (allow, over) in all {
        match check(allow) {
            Ok(code) => by_code.entry(code).or_default().push(Silence { allow, over, used: false }),
            Err(diagnostic) => own.push(*diagnostic),
        }
    }
    found.retain(|d| {
        if d.is_error() {
            return true;
        }
        let Some(list) = by_code.get_mut(&d.code) else { return true };
        let mut keep = true;
        for silence in list.iter_mut().filter(|s| s.over.contains(d.span)) {
            silence.used = true;
            keep = false;
        }
        keep
    });
    // Where there are errors, what would be silenced may not have been looked for.
    let broken = found.iter().chain(&own).any(Diagnostic::is_error);
    for silence in by_code.into_values().flatten().filter(|s| !s.used && !broken) {
        let message = format!("`allow({})` silences nothing", silence.allow.code.name);
        own.push(
            Diagnostic::new(Code::UnusedAllow, silence.allow.span, message)
                .fix("remove it", vec![Edit::delete(silence.allow.span)]),
        );
    }
    found.extend(own);
}

fn check(allow: &Allow) -> Result<Code, Box<Diagnostic>> {
    let name = &*allow.code.name;
    let bad = |message: String| Diagnostic::new(Code::BadAllow, allow.span, message);
    let Some(code) = Code::from_name(name) else {
        let d = bad(format!("there is no diagnostic `{name}`"));
        return Err(Box::new(match nearest(name, Code::ALL.iter().map(|c| c.name())) {
            Some(near) => d.fix(format!("rename it to `{near}`"), vec![Edit::replace(allow.code.span, near)]),
            None => d.help("`aos explain --list` names them all"),
        }));
    };
    if code.severity() == crate::diagnostic::Severity::Error {
        return Err(Box::new(
            bad(format!("`{name}` is an error and cannot be silenced")).help("mend it instead"),
        ));
    }
    if allow.reason.trim().is_empty() {
        return Err(Box::new(
            bad(format!("`allow({name})` has no reason")).help(format!("write `// allow({name}): why`")),
        ));
    }
    Ok(code)
}

fn item_allows<'a>(item: &'a Item, out: &mut Vec<(&'a Allow, Span)>) {
    let (lead, span) = match item {
        Item::Use(i) => (&i.lead, i.span),
        Item::Type(i) => (&i.lead, i.span),
        Item::Skill(i) => (&i.lead, i.span),
        Item::Plan(i) => {
            body_allows(&i.body, out);
            (&i.lead, i.span)
        }
        Item::Test(i) => (&i.lead, i.span),
    };
    out.extend(lead.allows.iter().map(|a| (a, span)));
}

fn body_allows<'a>(body: &'a ast::Body, out: &mut Vec<(&'a Allow, Span)>) {
    for stmt in &body.stmts {
        out.extend(stmt.lead.allows.iter().map(|a| (a, stmt.span)));
        if let StmtKind::Step(step) = &stmt.kind {
            for body in bodies(&step.action) {
                body_allows(body, out);
            }
        }
    }
}

/// The bodies of an action.
pub(super) fn bodies(action: &Action) -> Vec<&ast::Body> {
    match action {
        Action::Call(_) | Action::Error(_) => Vec::new(),
        Action::Do(body) => vec![body],
        Action::For(f) => vec![&f.body],
        Action::If(i) => i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).collect(),
        Action::Match(m) => m.arms.iter().map(|a| &a.body).collect(),
        Action::Loop(l) => vec![&l.body],
        Action::Race(r) => r.branches.iter().collect(),
    }
}
