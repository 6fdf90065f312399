//! What changes the text: formatting, mends, rewritings; and the commands.

use super::{offset, with};
use crate::dag::{Dag, draw};
use crate::ide::actions::{self as ide_actions, ActionKind};
use crate::lsp::convert::{self, Places};
use crate::lsp::server::Failure;
use crate::lsp::state::{Doc, State};
use crate::project::Project;
use crate::source::SourceId;
use crate::syntax::ast::{Item, Param};
use crate::{format as printer, syntax};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, DocumentFormattingParams, DocumentRangeFormattingParams,
    ExecuteCommandParams, Range, TextEdit, Url,
};
use serde_json::{Value, json};

pub(super) fn format(state: &mut State, params: DocumentFormattingParams) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |_, doc, _| formatted(doc, None))
}

pub(super) fn format_range(
    state: &mut State,
    params: DocumentRangeFormattingParams,
) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |_, doc, _| formatted(doc, Some(params.range)))
}

/// The changed lines only, so that cursors and folds stay where they are; those that touch a range, where one is given.
fn formatted(doc: &Doc, range: Option<Range>) -> Result<Option<Vec<TextEdit>>, Failure> {
    let parse = syntax::parse(SourceId::default(), &doc.text);
    let new = printer::format(&doc.text, &parse)
        .map_err(|e| Failure::refused(format!("cannot be formatted: {e}")))?;
    if new == doc.text {
        return Ok(None);
    }
    let diff = similar::TextDiff::from_lines(doc.text.as_str(), new.as_str());
    let old_lines: Vec<&str> = doc.text.split_inclusive('\n').collect();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(old_lines.iter().scan(0, |at, l| {
            *at += l.len();
            Some(*at)
        }))
        .collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let wanted = range.map(|r| (offset(doc, r.start) as usize, offset(doc, r.end) as usize));
    let mut edits = Vec::new();
    for op in diff.ops() {
        if op.tag() == similar::DiffTag::Equal {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        let start = starts.get(old.start).copied().unwrap_or(doc.text.len());
        let end = starts.get(old.end).copied().unwrap_or(doc.text.len());
        if wanted.is_some_and(|(a, b)| end <= a && start < a || start > b) {
            continue;
        }
        edits.push(TextEdit {
            range: doc.lines.range(&doc.text, start as u32, end as u32),
            new_text: new_lines.get(new).unwrap_or_default().concat(),
        });
    }
    Ok((!edits.is_empty()).then_some(edits))
}

pub(super) fn actions(state: &mut State, params: CodeActionParams) -> Result<Value, Failure> {
    let uri = params.text_document.uri;
    let only = params.context.only;
    with(state, &uri.clone(), |state, doc, checked| {
        let (start, end) = (offset(doc, params.range.start), offset(doc, params.range.end));
        let mut places = Places::of(&checked.project);
        let mut out: Vec<CodeAction> = Vec::new();
        for action in ide_actions::actions(&checked.project, checked.names(), start, end) {
            let kind = kind(action.kind);
            let wanted = |only: &CodeActionKind| {
                kind.as_str() == only.as_str() || kind.as_str().starts_with(&format!("{}.", only.as_str()))
            };
            // A whole-file mend is offered only to those who ask for it.
            let asked = only.as_ref().map_or(action.kind != ActionKind::FixAll, |o| o.iter().any(wanted));
            if !asked {
                continue;
            }
            let edits = action.edits.iter().map(|e| places.edit(e)).collect();
            let mends = action.mends.and_then(|i| checked.project.analysis.diagnostics.get(i));
            let diagnostics = mends.map(|d| vec![convert::diagnostic(state, &mut places, d)]);
            out.push(CodeAction {
                title: action.title,
                kind: Some(kind),
                diagnostics,
                edit: Some(convert::workspace_edit(uri.clone(), edits)),
                is_preferred: (action.kind == ActionKind::QuickFix && action.safe).then_some(true),
                ..CodeAction::default()
            });
        }
        Ok(out)
    })
}

fn kind(kind: ActionKind) -> CodeActionKind {
    match kind {
        ActionKind::QuickFix => CodeActionKind::QUICKFIX,
        ActionKind::Extract => CodeActionKind::REFACTOR_EXTRACT,
        ActionKind::Inline => CodeActionKind::REFACTOR_INLINE,
        ActionKind::Rewrite => CodeActionKind::REFACTOR_REWRITE,
        ActionKind::FixAll => CodeActionKind::SOURCE_FIX_ALL,
    }
}

/// `aos.server.check` and `aos.server.graph`, both for a document and a plan of it.
pub(super) fn command(state: &mut State, params: ExecuteCommandParams) -> Result<Value, Failure> {
    let text = |n: usize| params.arguments.get(n).and_then(Value::as_str);
    let uri = text(0).and_then(|t| Url::parse(t).ok());
    let Some(uri) = uri else { return Err(Failure::invalid("the first argument is the document")) };
    let plan = text(1).map(str::to_owned);
    match params.command.as_str() {
        "aos.server.check" => with(state, &uri, |_, _, checked| {
            let found = &checked.project.analysis.diagnostics;
            let errors = found.iter().filter(|d| d.is_error()).count();
            let plans = checked.project.analysis.summaries();
            let wanted = plans.iter().filter(|p| plan.as_deref().is_none_or(|n| n == &*p.name));
            let plans: Vec<Value> = wanted
                .map(|p| {
                    json!({
                        "name": &*p.name,
                        "inputs": inputs(&checked.project, &p.name),
                        "steps": p.steps,
                        "worst_case": p.worst_case.to_json(),
                        "effects": p.effects,
                    })
                })
                .collect();
            Ok(json!({ "errors": errors, "others": found.len() - errors, "plans": plans }))
        }),
        "aos.server.graph" => graph(state, &uri, plan.as_deref(), text(2).unwrap_or("svg")),
        other => Err(Failure::invalid(format!("there is no command `{other}`"))),
    }
}

/// What a plan of the first file must be given before it runs, and what it may be given: an editor asks for it.
fn inputs(project: &Project, plan: &str) -> Vec<Value> {
    let items = project.files.first().map_or(&[][..], |f| &f.parse.file.items);
    let params = items.iter().find_map(|item| match item {
        Item::Plan(p) if &*p.name.name == plan => Some(&p.params),
        Item::Plan(_) | Item::Use(_) | Item::Type(_) | Item::Skill(_) | Item::Test(_) => None,
    });
    let one = |p: &Param| {
        json!({
            "name": &*p.name.name,
            "type": printer::ty(&p.ty),
            "docs": p.lead.docs.as_deref(),
            "needed": !p.optional && p.default.is_none(),
        })
    };
    params.map_or_else(Vec::new, |params| params.iter().map(one).collect())
}

/// The picture of a plan. The checked plan is made for it alone: it takes the analysis apart.
fn graph(state: &mut State, uri: &Url, plan: Option<&str>, format: &str) -> Result<Value, Failure> {
    let Some(project) = state.afresh(uri) else { return Ok(Value::Null) };
    let entry = plan.map(str::to_owned).or_else(|| project.analysis.default_plan().map(|n| n.to_string()));
    let entry = entry.ok_or_else(|| Failure::refused("say which plan: the file has several"))?;
    let checked = project
        .analysis
        .into_checked(&entry)
        .map_err(|_| Failure::refused("the plan has errors: it has no graph"))?;
    let dag = Dag::new(checked.program());
    match format {
        "svg" => Ok(json!(draw::svg(&dag))),
        "mermaid" => Ok(json!(draw::mermaid(&dag))),
        "dot" => Ok(json!(draw::dot(&dag))),
        other => Err(Failure::invalid(format!("there is no format `{other}`: svg, mermaid, dot"))),
    }
}
