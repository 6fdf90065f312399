//! The machine-readable forms of diagnostics: the one of `check --format json`, SARIF 2.1.0, and GitHub's workflow commands.

use super::{Diagnostic, Fix, Severity};
use crate::source::{Sources, Span};
use serde_json::{Value as Json, json};

/// One diagnostic as `check --format json` prints it.
#[must_use]
pub fn diagnostic(d: &Diagnostic, sources: &Sources) -> Json {
    let place = |offset: u32| place(d.span.source, offset, sources);
    let labels: Vec<Json> = d
        .labels
        .iter()
        .map(|l| {
            let (start, end) = ends(l.span, sources);
            let mut row = json!({ "message": l.message, "start": start, "end": end });
            if l.span.source != d.span.source
                && let Some(object) = row.as_object_mut()
            {
                object.insert("file".into(), path(l.span, sources).into());
            }
            row
        })
        .collect();
    json!({
        "code": d.code.name(),
        "severity": severity(d.severity),
        "message": d.message,
        "file": path(d.span, sources),
        "start": place(d.span.start),
        "end": place(d.span.end),
        "label": d.label,
        "labels": labels,
        "help": d.help,
        "fixes": d.fixes.iter().map(|f| fix(f, sources)).collect::<Vec<_>>(),
    })
}

fn fix(f: &Fix, sources: &Sources) -> Json {
    let edits: Vec<Json> = f
        .edits
        .iter()
        .map(|e| {
            let (start, end) = ends(e.span, sources);
            json!({ "start": start, "end": end, "text": e.text })
        })
        .collect();
    json!({ "title": f.title, "safe": f.safe, "edits": edits })
}

fn ends(span: Span, sources: &Sources) -> (Json, Json) {
    (place(span.source, span.start, sources), place(span.source, span.end, sources))
}

fn place(source: crate::source::SourceId, offset: u32, sources: &Sources) -> Json {
    let position = sources.get(source).map(|f| f.position(offset));
    let (line, column) = position.map_or((1, 1), |p| (p.line, p.column));
    json!({ "line": line, "column": column, "offset": offset })
}

fn path(span: Span, sources: &Sources) -> String {
    sources.get(span.source).map_or_else(String::new, |f| f.path.to_string())
}

/// The word for a severity.
#[must_use]
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// A SARIF 2.1.0 log with one run.
#[must_use]
pub fn sarif(diagnostics: &[Diagnostic], sources: &Sources) -> Json {
    let mut codes: Vec<super::Code> = diagnostics.iter().map(|d| d.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Json> = codes
        .iter()
        .map(|c| json!({ "id": c.name(), "shortDescription": { "text": c.summary() }, "help": { "text": c.page() } }))
        .collect();
    let results: Vec<Json> = diagnostics.iter().map(|d| sarif_result(d, sources)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "aos", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}

fn sarif_result(d: &Diagnostic, sources: &Sources) -> Json {
    let file = sources.get(d.span.source);
    let (start, end) = file.map_or(((1, 1), (1, 1)), |f| {
        let (s, e) = (f.position(d.span.start), f.position(d.span.end));
        ((s.line, s.column), (e.line, e.column))
    });
    let level = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let text = d.help.as_ref().map_or_else(|| d.message.clone(), |h| format!("{}. {h}", d.message));
    json!({
        "ruleId": d.code.name(),
        "level": level,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": path(d.span, sources) },
            "region": {
                "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1,
                "byteOffset": d.span.start, "byteLength": d.span.end.saturating_sub(d.span.start),
            },
        } }],
    })
}

/// One workflow command of GitHub Actions.
#[must_use]
pub fn github(d: &Diagnostic, sources: &Sources) -> String {
    let level = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let property = |s: &str| escape(s).replace(':', "%3A").replace(',', "%2C");
    let position = sources.get(d.span.source).map(|f| (f.position(d.span.start), f.position(d.span.end)));
    let place = position.map_or_else(String::new, |(s, e)| {
        format!(",line={},col={},endLine={},endColumn={}", s.line, s.column, e.line, e.column)
    });
    let text = d.help.as_ref().map_or_else(|| d.message.clone(), |h| format!("{}\n{h}", d.message));
    format!(
        "::{level} file={}{place},title={}::{}",
        property(&path(d.span, sources)),
        d.code.name(),
        escape(&text)
    )
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
