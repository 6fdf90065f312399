//! A Markdown fence or prose around a plan: said once, and everything outside taken out.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{SourceId, Span};

/// Where the plan lies in a text that holds more, and what to say about it.
pub(super) struct Wrapped {
    /// The text with blanks outside the plan, so that places stay the same.
    pub(super) text: String,
    pub(super) diagnostic: Diagnostic,
}

/// Words that begin lines of code.
const CODE: &[&str] = &[
    "step",
    "let",
    "return",
    "require",
    "timeout",
    "when",
    "on_error",
    "deadline",
    "depends_on",
    "approve",
    "compensate",
    "budget",
    "goal",
    "}",
    "{",
];
const HEADS: &[&str] = &["plan", "skill", "type", "test", "use"];

/// Finds a fence, or prose before the first item.
pub(super) fn unwrap(source: SourceId, text: &str) -> Option<Wrapped> {
    let first = text.split_whitespace().next()?;
    if HEADS.contains(&first) || first.starts_with("//") {
        return None;
    }
    let (start, end, what) = fenced(text).or_else(|| {
        let (start, end, what) = after_prose(text)?;
        Some((start, tail(text).unwrap_or(end).max(start), what))
    })?;
    let from = text.len() - text.trim_start().len();
    let line = text.get(from..).and_then(|t| t.lines().next()).map_or(0, |l| l.trim_end().len());
    let mut edits = vec![Edit::delete(Span::new(source, 0, start))];
    if !text.get(end..)?.trim().is_empty() {
        edits.push(Edit::delete(Span::new(source, end, text.len())));
    }
    let diagnostic = Diagnostic::new(Code::Markdown, Span::new(source, from, from + line), what)
        .label("not part of the plan")
        .fix("remove everything outside the plan", edits);
    let blank = |t: &str| t.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect::<String>();
    let mut out = blank(text.get(..start)?);
    out.push_str(text.get(start..end)?);
    out.push_str(&blank(text.get(end..)?));
    Some(Wrapped { text: out, diagnostic })
}

/// Finds prose behind the last item.
pub(super) fn trailing(source: SourceId, text: &str) -> Option<Wrapped> {
    let start = tail(text)?;
    let rest = text.get(start..)?;
    let from = start + (rest.len() - rest.trim_start().len());
    let line = text.get(from..).and_then(|t| t.lines().next()).map_or(0, |l| l.trim_end().len());
    let fence = text.get(from..)?.starts_with("```");
    let what = if fence { "a Markdown fence stands behind the plan" } else { "prose stands behind the plan" };
    let diagnostic = Diagnostic::new(Code::Markdown, Span::new(source, from, from + line), what)
        .label("not part of the plan")
        .fix("remove everything behind the plan", vec![Edit::delete(Span::new(source, start, text.len()))]);
    let mut out = text.get(..start)?.to_owned();
    out.extend(rest.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
    Some(Wrapped { text: out, diagnostic })
}

/// Where prose begins behind the last line that is a `}` alone, if there is any: to the end of the text no line of it is code.
fn tail(text: &str) -> Option<usize> {
    let mut start = text.len();
    let mut lines = text.split_inclusive('\n').rev();
    let mut first = None;
    loop {
        let line = lines.next()?;
        if let Some(behind) = line.strip_prefix('}') {
            // What goes on behind the bracket is code, and so is what follows.
            let behind = behind.trim();
            if !behind.is_empty() && !behind.starts_with("//") {
                return None;
            }
            break;
        }
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or("");
        let column = !line.starts_with([' ', '\t']);
        let quoted =
            words.next().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '"'));
        let head = HEADS.contains(&word) && column && quoted;
        if line.contains("\"\"\"") || head || CODE.contains(&word) {
            return None;
        }
        if !word.is_empty() {
            first = Some(line);
        }
        start -= line.len();
    }
    let line = first?;
    let mut words = line.split_whitespace();
    let word = words.next()?;
    let upper = word.starts_with(|c: char| c.is_uppercase()) && words.next().is_some();
    let mark = ["```", "- ", "* ", "# ", "## ", "### ", "> ", "**"].iter().any(|m| line.starts_with(m));
    let plain =
        !line.contains(['{', '(', '=', '"', '}', ')', '\0', '@']) && line.split_whitespace().count() >= 3;
    let prose = !line.starts_with([' ', '\t', '/']) && (upper || mark || plain);
    prose.then_some(start)
}

/// What lies between the first fence and the next one that stands outside of text blocks.
fn fenced(text: &str) -> Option<(usize, usize, &'static str)> {
    let mut at = 0;
    let mut start = None;
    let mut quotes = 0;
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        match start {
            None if fence => start = Some(at + line.len()),
            // Braces before any fence: this is a plan that went wrong, not prose.
            None if line.contains('{') => return None,
            None => {}
            Some(start) if fence && quotes % 2 == 0 => {
                return Some((start, at, "a Markdown fence stands around the plan"));
            }
            Some(_) => quotes += line.matches("\"\"\"").count(),
        }
        at += line.len();
    }
    start.map(|start| (start, text.len(), "a Markdown fence stands before the plan"))
}

/// Lines of plain words before the first item.
fn after_prose(text: &str) -> Option<(usize, usize, &'static str)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        if HEADS.contains(&first) && !line.starts_with([' ', '\t']) || line.starts_with("//") {
            return Some((at, text.len(), "prose stands before the plan"));
        }
        let plain = !line.contains(['{', '(', '=', '"', '}', ')', '#', '\0', '@']);
        if !plain || !first.is_empty() && words.next().is_none() {
            return None;
        }
        at += line.len();
    }
    None
}
