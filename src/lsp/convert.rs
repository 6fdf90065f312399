//! From plain data to the messages of the protocol.

use super::state::{Checked, State, Text, path_of};
use crate::diagnostic::{self, Code, Severity};
use crate::ide;
use crate::project::Project;
use crate::source::{SourceId, Span};
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Documentation, Location,
    MarkupContent, MarkupKind, NumberOrString, Range, TextEdit, Url, WorkspaceEdit,
};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// The texts of a project with their lines, made when first asked for.
pub(super) struct Places<'p> {
    project: &'p Project,
    texts: HashMap<SourceId, Text>,
}

impl<'p> Places<'p> {
    pub(super) fn of(project: &'p Project) -> Self {
        Places { project, texts: HashMap::new() }
    }

    pub(super) fn range(&mut self, span: Span) -> Range {
        let project = self.project;
        let text = self
            .texts
            .entry(span.source)
            .or_insert_with(|| Text::new(ide::text_of(project, span.source).into()));
        text.lines.range(&text.text, span.start, span.end)
    }

    /// Where a span lies, as the client can find it.
    pub(super) fn location(&mut self, state: &State, span: Span) -> Option<Location> {
        let path = path_of(self.project, span.source)?;
        Some(Location { uri: state.uri(&path)?, range: self.range(span) })
    }

    pub(super) fn edit(&mut self, edit: &diagnostic::Edit) -> TextEdit {
        TextEdit { range: self.range(edit.span), new_text: edit.text.clone() }
    }
}

/// The diagnostics of a project, by the file they stand in.
pub(super) fn diagnostics(state: &State, checked: &Checked) -> BTreeMap<PathBuf, Vec<Diagnostic>> {
    let mut out: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
    let mut places = Places::of(&checked.project);
    for d in &checked.project.analysis.diagnostics {
        let Some(path) = checked.path(d.span.source) else { continue };
        let one = diagnostic(state, &mut places, d);
        out.entry(path).or_default().push(one);
    }
    out
}

pub(super) fn diagnostic(state: &State, places: &mut Places<'_>, d: &diagnostic::Diagnostic) -> Diagnostic {
    let mut message = d.message.clone();
    if !d.label.is_empty() {
        message.push_str(&format!("\n{}", d.label));
    }
    if let Some(help) = &d.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let mut related = Vec::new();
    if state.client.related {
        for label in &d.labels {
            if let Some(location) = places.location(state, label.span) {
                related.push(DiagnosticRelatedInformation { location, message: label.message.clone() });
            }
        }
    } else {
        for label in &d.labels {
            let at = places.range(label.span).start.line + 1;
            message.push_str(&format!("\nline {at}: {}", label.message));
        }
    }
    let tag = tag(d.code);
    Diagnostic {
        range: places.range(d.span),
        severity: Some(match d.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Info => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(d.code.name().to_owned())),
        code_description: None,
        source: Some("aos".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: tag.map(|t| vec![t]),
        data: None,
    }
}

/// What an editor shows faded or struck through.
fn tag(code: Code) -> Option<DiagnosticTag> {
    let name = code.name();
    if name.starts_with("dead-") || name.starts_with("unused-") || name.starts_with("needless-") {
        return Some(DiagnosticTag::UNNECESSARY);
    }
    name.starts_with("deprecated").then_some(DiagnosticTag::DEPRECATED)
}

/// Text for people; clients that do not read Markdown are given it as it is.
pub(super) fn markup(state: &State, text: String) -> MarkupContent {
    let kind = if state.client.markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    MarkupContent { kind, value: text }
}

pub(super) fn docs(state: &State, text: &str) -> Option<Documentation> {
    (!text.is_empty()).then(|| Documentation::MarkupContent(markup(state, text.to_owned())))
}

/// Edits of one document.
pub(super) fn workspace_edit(uri: Url, edits: Vec<TextEdit>) -> WorkspaceEdit {
    WorkspaceEdit { changes: Some(HashMap::from([(uri, edits)])), ..WorkspaceEdit::default() }
}
