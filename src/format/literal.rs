//! Literals: source text where a number says more than its value, one canonical form for strings.

use super::comments::Printer;
use super::doc::{Doc, cat, indent, text};
use crate::source::Span;
use crate::syntax::ast::{Expr, TextForm, TextPart};
use std::fmt::Write as _;

impl Printer<'_> {
    /// A number, size or duration as it was written, else the canonical form of its value.
    pub(super) fn number(&self, expr: &Expr, canonical: impl FnOnce() -> String) -> Doc {
        let number = |s: &&str| {
            s.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
                && s.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
        };
        match self.slice(expr.span).filter(number) {
            Some(written) => text(written.to_owned()),
            None => text(canonical()),
        }
    }

    /// A whole number with a unit behind it, as it is written at the beginning of a span.
    pub(super) fn count(&self, span: Span, canonical: i64) -> String {
        let written =
            self.slice(span).and_then(|s| s.split(|c: char| !c.is_ascii_digit() && c != '_').next());
        let same = written.filter(|s| s.replace('_', "").parse() == Ok(canonical));
        same.map_or_else(|| canonical.to_string(), str::to_owned)
    }

    pub(super) fn bytes(&self, expr: &Expr, value: &[u8]) -> Doc {
        let plain = |s: &&str| s.starts_with("b\"") && !s.starts_with("b\"\"\"") && !s.contains(['\n', '\r']);
        match self.slice(expr.span).filter(plain) {
            Some(written) => text(written.to_owned()),
            None => text(bytes(value)),
        }
    }

    pub(super) fn string(&self, value: &str, form: TextForm) -> Doc {
        match form {
            TextForm::Block if !self.inline && value.contains('\n') => block(&block_text(value)),
            TextForm::Raw => text(raw(value)),
            TextForm::Plain | TextForm::Block => text(quoted(value)),
        }
    }

    /// A string with `${…}`; what stands in the braces is on one line.
    pub(super) fn interpolated(&mut self, parts: &[TextPart], form: TextForm) -> Doc {
        let lines = form == TextForm::Block && !self.inline && parts.iter().any(has_line_break);
        let outer = std::mem::replace(&mut self.inline, true);
        let mut out = String::new();
        for part in parts {
            match part {
                TextPart::Text(value) if lines => out.push_str(&block_text(value)),
                TextPart::Text(value) => out.push_str(&escaped(value)),
                TextPart::Expr(expr) => {
                    out.push_str("${");
                    out.push_str(&self.expr(expr).render_flat());
                    out.push('}');
                }
            }
        }
        self.inline = outer;
        if lines { block(&out) } else { text(format!("\"{out}\"")) }
    }
}

fn has_line_break(part: &TextPart) -> bool {
    matches!(part, TextPart::Text(value) if value.contains('\n'))
}

/// `"""`, the lines, `"""`; the indentation the renderer adds is what a reader of the block drops again.
fn block(content: &str) -> Doc {
    let mut lines: Vec<String> = content.split('\n').map(keep_blanks).collect();
    let is_blank = |line: &String| line.starts_with([' ', '\t']);
    if lines.iter().all(|line| line.is_empty() || is_blank(line))
        && let Some(line) = lines.iter_mut().find(|line| is_blank(line))
    {
        // All lines are indented: without an escape this indentation would be dropped too.
        *line = escape_blank(line, 0);
    }
    let mut docs = vec![];
    for line in lines {
        docs.extend([Doc::HardLine, text(line)]);
    }
    docs.push(Doc::HardLine);
    docs.push(text("\"\"\""));
    cat([text("\"\"\""), indent(Doc::Concat(docs))])
}

/// A blank at the end of a line is written as an escape: it cannot be seen, and editors drop it.
fn keep_blanks(line: &str) -> String {
    if !line.ends_with([' ', '\t']) {
        return line.to_owned();
    }
    // A line of blanks only is marked at its start, where indentation is counted.
    let at = if line.trim_matches([' ', '\t']).is_empty() { 0 } else { line.len() - 1 };
    let line = escape_blank(line, at);
    if line.ends_with([' ', '\t']) { escape_blank(&line, line.len() - 1) } else { line }
}

fn escape_blank(line: &str, at: usize) -> String {
    let (head, rest) = line.split_at(at);
    match rest.strip_prefix('\t') {
        Some(rest) => format!("{head}\\t{rest}"),
        None => format!("{head}\\x20{}", rest.strip_prefix(' ').unwrap_or(rest)),
    }
}

/// The text inside `"""`: line breaks, tabs and single quotes stand for themselves.
fn block_text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut quotes = 0;
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        quotes = if c == '"' { quotes + 1 } else { 0 };
        match c {
            '\n' | '\t' => out.push(c),
            // Three in a row would end the block.
            '"' if quotes % 3 == 0 => out.push_str("\\\""),
            '"' => out.push('"'),
            c => escape(&mut out, c, rest.peek().copied()),
        }
    }
    out
}

/// A string without interpolation in double quotes.
pub(super) fn quoted(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        escape(&mut out, c, rest.peek().copied());
    }
    out
}

fn escape(out: &mut String, c: char, next: Option<char>) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '$' if next == Some('{') => out.push_str("\\$"),
        c if is_invisible(c) => {
            let code = u32::from(c);
            // Writing to a string does not fail.
            let _ = if code > 0xFFFF { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
        }
        c => out.push(c),
    }
}

/// Characters that a reader cannot see or that turn the direction of the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// `r"…"` where that saves a backslash, or says that `{{…}}` is meant as it stands.
fn raw(value: &str) -> String {
    let plain = (value.contains('\\') || value.contains("{{")) && !value.chars().any(is_invisible);
    match (plain, value.contains('"'), value.contains('\'')) {
        (true, false, _) => format!("r\"{value}\""),
        (true, true, false) => format!("r'{value}'"),
        _ => quoted(value),
    }
}

fn bytes(value: &[u8]) -> String {
    let mut out = String::from("b\"");
    for byte in value {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// A duration in milliseconds with the largest units first, each at most once.
pub(super) fn duration(ms: i64) -> String {
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= length {
            let _ = write!(out, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    if ms == 0 { "0s".into() } else { out }
}

/// A field, argument or parameter name: quoted where it is no name.
pub(super) fn key(name: &str) -> String {
    if is_name(name) { name.to_string() } else { quoted(name) }
}

/// Whether it can be written without quotes.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
