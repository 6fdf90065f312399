//! Diagnostics in the terminal, by miette.

use super::terminal;
use crate::diagnostic::{Diagnostic, Severity, json};
use crate::source::{SourceFile, Sources, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use std::fmt;

/// Prints diagnostics to stderr, then a line that counts them.
pub(crate) fn report(diagnostics: &[Diagnostic], sources: &Sources) {
    for diagnostic in diagnostics {
        anstream::eprint!("{}", text(diagnostic, sources));
    }
    if let Some(line) = count(diagnostics) {
        anstream::eprintln!("{line}");
    }
}

/// `2 errors, 1 warning`; none where there is nothing to count.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> Option<String> {
    let number = |severity: Severity, one: &str| {
        let n = diagnostics.iter().filter(|d| d.severity == severity).count();
        (n > 0).then(|| format!("{n} {one}{}", if n == 1 { "" } else { "s" }))
    };
    let parts: Vec<String> = [
        number(Severity::Error, "error"),
        number(Severity::Warning, "warning"),
        number(Severity::Info, "note"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// One diagnostic as text.
pub(crate) fn text(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let theme =
        if terminal::has_colour() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(terminal::width().min(140))
        .with_context_lines(1);
    let mut out = String::new();
    let shown = Shown::new(diagnostic, sources);
    if handler.render_report(&mut out, &shown).is_err() {
        out = format!("{}: {}\n", shown.head, diagnostic.message);
    }
    out
}

struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    head: String,
    help: Option<String>,
    source: Option<Window<'a>>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Self {
        let file = sources.get(diagnostic.span.source);
        let here = file.map(|f| label(f, diagnostic.span, &diagnostic.label, true));
        let others =
            diagnostic.labels.iter().filter(|l| l.span.source == diagnostic.span.source).filter_map(|l| {
                file.filter(|f| drawable(f, diagnostic.span, l.span))
                    .map(|f| label(f, l.span, &l.message, false))
            });
        Shown {
            diagnostic,
            head: format!("{}[{}]", json::severity(diagnostic.severity), diagnostic.code),
            help: help(diagnostic, sources),
            source: file.map(Window),
            labels: here.into_iter().chain(others).collect(),
        }
    }
}

/// More bytes of a line than these are not shown on either side of what is wrong: miette cannot draw far columns.
const AROUND: usize = 200;

/// The part of a file that is shown; nothing else of it is read.
struct Window<'a>(&'a SourceFile);

impl Window<'_> {
    /// The nearest place of a character at or before `at`.
    fn border(&self, at: usize) -> usize {
        let mut at = at.min(self.0.text.len());
        while !self.0.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

impl SourceCode for Window<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let file = self.0;
        let (from, to) = (span.offset(), span.offset().saturating_add(span.len()));
        let near = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let first = file.line_of(near(from)).saturating_sub(before);
        let last = file.line_of(near(to)).saturating_add(after);
        let start = (file.line_start(first) as usize).max(self.border(from.saturating_sub(AROUND)));
        let end = (file.line_start(last + 1) as usize).min(self.border(to.saturating_add(AROUND)));
        let data = file.text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let column =
            if before == 0 { file.position(near(from)).column.saturating_sub(1) as usize } else { 0 };
        let lines = data.lines().count();
        let whole = SourceSpan::new(start.into(), end - start);
        let line = file.line_of(near(start));
        let contents =
            MietteSpanContents::new_named(file.path.to_string(), data.as_bytes(), whole, line, column, lines);
        Ok(Box::new(contents.with_language("plan")))
    }
}

/// Whether a second place can be drawn beside the first: not where both stand far apart on long lines.
fn drawable(file: &SourceFile, first: Span, second: Span) -> bool {
    let lines = file.line_of(first.start).abs_diff(file.line_of(second.start));
    lines > 3 || first.start.abs_diff(second.start) as usize <= AROUND * 4
}

/// miette drops a label at the end of the text and panics behind it, so spans are kept inside, and short.
fn label(file: &SourceFile, span: Span, text: &str, primary: bool) -> LabeledSpan {
    let length = file.text.len();
    let start = (span.start as usize).min(length.saturating_sub(1));
    let window = Window(file);
    let end = window.border((span.end as usize).clamp(start, length).min(start + AROUND * 4)).max(start);
    let text = (!text.is_empty()).then(|| text.to_owned());
    if primary {
        LabeledSpan::new_primary_with_span(text, (start, end - start))
    } else {
        LabeledSpan::new_with_span(text, (start, end - start))
    }
}

fn help(diagnostic: &Diagnostic, sources: &Sources) -> Option<String> {
    let elsewhere =
        diagnostic.labels.iter().filter(|l| l.span.source != diagnostic.span.source).filter_map(|l| {
            let file = sources.get(l.span.source)?;
            let place = file.position(l.span.start);
            Some(format!("{}:{}:{}: {}", file.path, place.line, place.column, l.message))
        });
    let fixes =
        diagnostic.fixes.iter().map(|f| f.title.clone()).filter(|t| diagnostic.help.as_ref() != Some(t));
    let lines: Vec<String> = diagnostic.help.clone().into_iter().chain(fixes).chain(elsewhere).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.head))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
