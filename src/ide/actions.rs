//! What can be done to the text at the cursor: the mends of diagnostics, and rewritings that keep its meaning.

mod extract;
mod inline;
mod rewrite;

use super::names::Name;
use super::walk::{self, Node};
use crate::diagnostic::{Diagnostic, Edit, Severity};
use crate::project::{Project, fix};
use crate::source::Span;
use crate::syntax::ast::{Item, Plan, Stmt};

/// Something that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub title: String,
    pub kind: ActionKind,
    /// Edits of the first file; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it may be done without asking.
    pub safe: bool,
    /// The diagnostic that it mends, as an index into those of the project.
    pub mends: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// Mends a diagnostic.
    QuickFix,
    Extract,
    Inline,
    Rewrite,
    /// All safe mends of the file.
    FixAll,
}

/// What a rewriting must know.
pub(crate) struct Site<'a> {
    pub(crate) project: &'a Project,
    pub(crate) names: &'a [Name],
    pub(crate) text: &'a str,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The plan around the selection.
    pub(crate) plan: &'a Plan,
    /// The nodes around its start, the outermost first.
    pub(crate) around: Vec<Node<'a>>,
}

/// What can be done to the text between two offsets of the first file.
#[must_use]
pub fn actions(project: &Project, names: &[Name], start: u32, end: u32) -> Vec<Action> {
    let mut out = mends(project, start, end);
    out.extend(fix_all(project));
    let Some(file) = project.files.first() else { return out };
    if let Some(plan) = super::plan_at(project, start) {
        let around = walk::around(&file.parse.file.items, start);
        let text = super::entry_text(project);
        let site = Site { project, names, text, start, end, plan, around };
        out.extend(inline::inline(&site));
        out.extend(extract::extract(&site));
        out.extend(rewrite::parallel(&site));
        out.extend(rewrite::handlers(&site));
        out.extend(rewrite::sorted(&site));
    }
    out.retain(|a| !a.edits.is_empty());
    out
}

fn touches(span: Span, start: u32, end: u32) -> bool {
    span.start <= end && start <= span.end
}

/// The mends of the diagnostics in a range; a fix that several carry is offered once.
fn mends(project: &Project, start: u32, end: u32) -> Vec<Action> {
    let source = super::entry(project);
    let mut out: Vec<Action> = Vec::new();
    for (index, d) in project.analysis.diagnostics.iter().enumerate() {
        if d.span.source != source || !touches(d.span, start, end) {
            continue;
        }
        for fix in &d.fixes {
            if fix.edits.iter().all(|e| e.span.source == source) {
                out.push(Action {
                    title: fix.title.clone(),
                    kind: ActionKind::QuickFix,
                    edits: fix.edits.clone(),
                    safe: fix.safe,
                    mends: Some(index),
                });
            }
        }
        out.extend(silence(project, d, index));
    }
    out
}

/// `// allow(code): reason` above the statement or item of a warning.
fn silence(project: &Project, d: &Diagnostic, index: usize) -> Option<Action> {
    match d.severity {
        Severity::Error => return None,
        Severity::Warning | Severity::Info => {}
    }
    let file = project.files.first()?;
    let holder =
        walk::around(&file.parse.file.items, d.span.start).into_iter().rev().find_map(|n| match n {
            Node::Stmt(Stmt { span, .. }) => Some(*span),
            Node::Item(Item::Plan(_) | Item::Skill(_) | Item::Type(_) | Item::Test(_) | Item::Use(_)) => {
                Some(n.span())
            }
            _ => None,
        })?;
    let text = super::entry_text(project);
    let indent = indent_of(text, holder.start);
    let line = format!("// allow({}): because …\n{indent}", d.code.name());
    Some(Action {
        title: format!("silence `{}` here", d.code.name()),
        kind: ActionKind::QuickFix,
        edits: vec![Edit::before(holder, line)],
        safe: false,
        mends: Some(index),
    })
}

/// The blanks before an offset on its line.
pub(crate) fn indent_of(text: &str, offset: u32) -> String {
    let line = text.get(..offset as usize).and_then(|t| t.rsplit('\n').next()).unwrap_or("");
    line.chars().take_while(|c| c.is_whitespace()).collect()
}

/// All safe mends of the first file at once.
fn fix_all(project: &Project) -> Option<Action> {
    let source = super::entry(project);
    let text = super::entry_text(project);
    let own: Vec<Diagnostic> =
        project.analysis.diagnostics.iter().filter(|d| d.span.source == source).cloned().collect();
    let (mended, titles) = fix::apply(text, source, &own);
    if titles.is_empty() {
        return None;
    }
    Some(Action {
        title: "apply all safe fixes".to_owned(),
        kind: ActionKind::FixAll,
        edits: vec![Edit::replace(Span::new(source, 0, text.len()), mended)],
        safe: true,
        mends: None,
    })
}
