//! Text in a page: escaped, cut where it is too long, with the lines of sources numbered.

use crate::cli::terminal::is_bidi;
use crate::source::{Sources, Span};
use crate::value::Value;
use std::fmt::Write as _;

/// Longer values are cut, in bytes of JSON.
const VALUE: usize = 20_000;
/// More lines of a source are cut.
const LINES: usize = 5_000;

/// Text that is nothing but text, in an element and in an attribute. What would not be seen is shown as `�`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_bidi(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// A value as indented JSON.
pub(super) fn json(value: &Value) -> String {
    let text = match value {
        // A text reads better as it is.
        Value::String(text) if text.contains('\n') => text.to_string(),
        other => format!("{:#}", other.to_json()),
    };
    match text.char_indices().map(|(at, _)| at).find(|at| *at >= VALUE) {
        None => format!("<pre class=\"wrap\">{}</pre>", escaped(&text)),
        Some(at) => {
            let shown = text.get(..at).unwrap_or_default();
            let size = text.len() / 1024;
            let more = format!(
                "<p class=\"more\">cut: it has {size} KiB; <code>aos show --json</code> has it all</p>"
            );
            format!("<pre class=\"wrap\">{}…</pre>{more}", escaped(shown))
        }
    }
}

/// The lines of a source that hold a span, with its file and line.
pub(super) fn excerpt(sources: &Sources, span: Span, marked: Option<Span>) -> String {
    let Some(file) = sources.get(span.source) else { return String::new() };
    let at = file.position(span.start);
    let name = escaped(&format!("{}:{}", file.path, at.line));
    format!("<div><h3>{name}</h3>{}</div>", numbered(sources, span, marked))
}

/// The lines that hold a span, with their numbers.
pub(super) fn numbered(sources: &Sources, span: Span, marked: Option<Span>) -> String {
    let Some(file) = sources.get(span.source) else { return String::new() };
    let first = file.line_of(span.start);
    // A step's text ends where the next one begins: the blanks between are not shown.
    let text = file.text.get(span.range()).map_or(0, |t| t.trim_end().len());
    let last = file.line_of(span.start + text as u32).min(first + LINES);
    let digits = (last + 1).to_string().len();
    let mut out = String::from("<pre>");
    for line in first..=last {
        let (start, end) = (file.line_start(line) as usize, file.line_start(line + 1) as usize);
        let text = file.text.get(start..end.max(start)).unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let _ = write!(out, "<span class=\"no\">{:>digits$}  </span>", line + 1);
        let inside = |at: u32| (at as usize).clamp(start, start + text.len()) - start;
        let range = marked.map(|m| (inside(m.start), inside(m.end))).filter(|(a, b)| a < b);
        match range.and_then(|(a, b)| Some((text.get(..a)?, text.get(a..b)?, text.get(b..)?))) {
            Some((before, within, behind)) => {
                let indent = within.len() - within.trim_start().len();
                let (blank, within) = within.split_at(indent);
                let _ = write!(
                    out,
                    "{}{blank}<mark>{}</mark>{}",
                    escaped(before),
                    escaped(within),
                    escaped(behind)
                );
            }
            None => out.push_str(&escaped(text)),
        }
        out.push('\n');
    }
    out + "</pre>"
}
