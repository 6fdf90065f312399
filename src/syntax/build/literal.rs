//! Numbers and strings.

use super::{Builder, P, Rule};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Name, TextForm, TextPart};
use std::borrow::Cow;

/// The digits of a number without `_`.
pub(super) fn digits(text: &str) -> Cow<'_, str> {
    if text.contains('_') { text.replace('_', "").into() } else { text.into() }
}

const UNITS: &[(&str, i64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZES: &[(&str, u32)] = &[("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// A run of text in the piece, of one line where lines matter.
struct Chunk<'i> {
    at: usize,
    text: &'i str,
}

enum Part<'i> {
    Chunks(Vec<Chunk<'i>>),
    Expr(Expr),
}

impl Builder<'_> {
    fn literal(&self, kind: ExprKind, pair: &P<'_>) -> Expr {
        Expr { kind: Box::new(kind), span: self.span(pair) }
    }

    pub(super) fn number(&mut self, pair: &P<'_>) -> Expr {
        let text = digits(self.word(pair));
        let kind = match pair.as_rule() {
            Rule::hex => self.int(pair, text.get(2..).unwrap_or(""), 16, 1),
            Rule::int => self.int(pair, &text, 10, 1),
            Rule::uint => {
                let span = self.span(pair);
                let d = Diagnostic::new(Code::BadLiteral, span, "there are no unsigned integers")
                    .label("ends in `u`")
                    .fix(
                        "drop the `u`",
                        vec![Edit::replace(span, self.word(pair).trim_end_matches(['u', 'U']))],
                    );
                self.report(d);
                let number = text.trim_end_matches(['u', 'U']);
                match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
                    Some(hex) => self.int(pair, hex, 16, 1),
                    None => self.int(pair, number, 10, 1),
                }
            }
            Rule::size => {
                let (number, unit) = text.split_at(text.len().saturating_sub(3));
                let shift = size_unit(unit).map_or(40, |(_, shift)| shift);
                self.int(pair, number, 10, 1 << shift)
            }
            Rule::float => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => ExprKind::Float(value),
                _ => self.bad(pair, "the number is too large for a `float`"),
            },
            Rule::duration => self.duration(pair, &text),
            _ => self.bad_number(pair, &text),
        };
        self.literal(kind, pair)
    }

    fn bad(&mut self, pair: &P<'_>, message: &str) -> ExprKind {
        let d = Diagnostic::new(Code::BadLiteral, self.span(pair), message);
        self.report(d);
        ExprKind::Error
    }

    fn int(&mut self, pair: &P<'_>, text: &str, radix: u32, unit: i64) -> ExprKind {
        match i64::from_str_radix(text, radix).ok().and_then(|n| n.checked_mul(unit)) {
            Some(value) => ExprKind::Int(value),
            None => self.bad(pair, "the number is too large: an `int` has 64 bits"),
        }
    }

    fn duration(&mut self, pair: &P<'_>, text: &str) -> ExprKind {
        let mut total = Some(0_i64);
        let mut seen: Vec<usize> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let unit_end = rest.get(number..).and_then(|r| r.find(|c: char| c.is_ascii_digit()));
            let end = unit_end.map_or(rest.len(), |e| number + e);
            let unit = rest.get(number..end).unwrap_or("");
            let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else { break };
            seen.push(index);
            let factor = UNITS.get(index).map_or(1, |(_, f)| *f);
            let value =
                rest.get(..number).and_then(|n| n.parse::<i64>().ok()).and_then(|n| n.checked_mul(factor));
            total = total.zip(value).and_then(|(t, v)| t.checked_add(v));
            rest = rest.get(end..).unwrap_or("");
        }
        if !seen.is_sorted_by(|a, b| a < b) {
            let message = "the units of a duration go from the largest to the smallest, each once";
            let mut d = Diagnostic::new(Code::BadLiteral, self.span(pair), message);
            seen.sort_unstable();
            // One that stands twice may be meant to be another.
            let once = seen.is_sorted_by(|a, b| a < b);
            if let Some(ms) = total.filter(|_| once) {
                d = written(d, duration_text(ms));
            }
            self.report(d);
            return total.filter(|_| once).map_or(ExprKind::Error, ExprKind::DurationMs);
        }
        match total {
            Some(ms) => ExprKind::DurationMs(ms),
            None => self.bad(pair, "the duration is too long"),
        }
    }

    /// A number with a unit that is none, or with a part of a unit.
    fn bad_number(&mut self, pair: &P<'_>, text: &str) -> ExprKind {
        let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let is_whole = !number.contains('.');
        let word = self.word(pair);
        let bad = |message: String| Diagnostic::new(Code::BadLiteral, self.span(pair), message);
        let (d, mended) = if let Some((unit, factor)) = time_unit(unit) {
            let d = bad(format!("`{word}` is no duration")).label(if is_whole {
                "units are `ms`, `s`, `m`, `h`, `d`"
            } else {
                "a duration is whole numbers with units"
            });
            let mended = exact(number, factor).map(|ms| {
                let text = if is_whole { format!("{number}{unit}") } else { duration_text(ms) };
                (text, ExprKind::DurationMs(ms))
            });
            (d, mended)
        } else if let Some((unit, shift)) = size_unit(unit) {
            let d = bad(format!("`{word}` is no size")).label(if is_whole {
                "sizes are `KiB`, `MiB`, `GiB`, `TiB`"
            } else {
                "a size is a whole number with a unit"
            });
            let mended = exact(number, 1 << shift).map(|bytes| {
                let text = if is_whole { format!("{number}{unit}") } else { size_text(bytes) };
                (text, ExprKind::Int(bytes))
            });
            (d, mended)
        } else {
            (bad(format!("`{word}` is no number")), None)
        };
        let Some((text, kind)) = mended else {
            self.report(d.help("write a number, a duration such as `1h30m` or a size such as `64KiB`"));
            return ExprKind::Error;
        };
        self.report(written(d, text));
        kind
    }

    /// Any of the alternatives of `string`.
    pub(super) fn string(&mut self, pair: P<'_>) -> Expr {
        self.string_deep(pair).0
    }

    pub(super) fn string_deep(&mut self, pair: P<'_>) -> (Expr, usize) {
        let rule = pair.as_rule();
        let span = self.span(&pair);
        if rule == Rule::string_raw {
            let inner = unquote(self.word(&pair).get(1..).unwrap_or("")).1;
            let kind = ExprKind::Text { value: inner.replace("\r\n", "\n").into(), form: TextForm::Raw };
            return (Expr { kind: Box::new(kind), span }, 0);
        }
        let block = matches!(rule, Rule::string_block_dq | Rule::string_block_sq);
        if !block {
            return self.plain_string(pair, span);
        }
        let form = TextForm::Block;
        let mut deepest = 0;
        let mut parts = Vec::new();
        for child in pair.into_inner() {
            if child.as_rule() == Rule::interp {
                let span = self.span(&child);
                let inner = child.into_inner().find(|p| p.as_rule() == Rule::expr).map(|p| self.expr(p));
                let (inner, depth) = inner.unwrap_or_else(|| (self.error_expr(span), 0));
                deepest = deepest.max(depth);
                parts.push(Part::Expr(inner));
            } else {
                parts.push(Part::Chunks(vec![Chunk { at: child.as_span().start(), text: child.as_str() }]));
            }
        }
        dedent(&mut parts);
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Expr(expr) => out.push(TextPart::Expr(expr)),
                Part::Chunks(chunks) => {
                    let mut text = String::new();
                    for chunk in chunks {
                        self.unescape(&chunk, block, &mut text);
                    }
                    if !text.is_empty() {
                        out.push(TextPart::Text(text.into()));
                    }
                }
            }
        }
        (text_of(out, form, span), deepest)
    }

    /// A string of one line: its chunks are its text.
    fn plain_string(&mut self, pair: P<'_>, span: Span) -> (Expr, usize) {
        let mut deepest = 0;
        let mut out = Vec::new();
        for child in pair.into_inner() {
            if child.as_rule() == Rule::interp {
                let span = self.span(&child);
                let inner = child.into_inner().find(|p| p.as_rule() == Rule::expr).map(|p| self.expr(p));
                let (inner, depth) = inner.unwrap_or_else(|| (self.error_expr(span), 0));
                deepest = deepest.max(depth);
                out.push(TextPart::Expr(inner));
            } else if !child.as_str().contains('\\') {
                if !child.as_str().is_empty() {
                    out.push(TextPart::Text(Name::from(child.as_str())));
                }
            } else {
                let mut text = String::new();
                let chunk = Chunk { at: child.as_span().start(), text: child.as_str() };
                self.unescape(&chunk, false, &mut text);
                out.push(TextPart::Text(text.into()));
            }
        }
        (text_of(out, TextForm::Plain, span), deepest)
    }

    fn unescape(&mut self, chunk: &Chunk<'_>, block: bool, out: &mut String) {
        let mut rest = chunk.text;
        while let Some(at) = rest.find('\\') {
            push_text(out, rest.get(..at).unwrap_or(""), block);
            let tail = rest.get(at..).unwrap_or("");
            let place = chunk.at + (chunk.text.len() - tail.len());
            let length = match escape(tail) {
                Some((Escaped::Char(c), length)) => {
                    out.push(c);
                    length
                }
                Some((Escaped::Byte(b), length)) => {
                    out.push(char::from(b));
                    length
                }
                None => self.bad_escape(tail, place),
            };
            rest = tail.get(length..).unwrap_or("");
        }
        push_text(out, rest, block);
    }

    fn bad_escape(&mut self, tail: &str, place: usize) -> usize {
        let length = tail.char_indices().nth(2).map_or(tail.len(), |(i, _)| i);
        let span = self.range(place, place + length);
        let shown = tail.get(..length).unwrap_or("\\");
        // A backslash at the end of a line is shown by itself.
        let d = Diagnostic::new(Code::BadLiteral, span, format!("`{}` is no escape", shown.trim_end()))
            .help("for a plain backslash write `\\\\`")
            .fix("write a plain backslash", vec![Edit::before(span, "\\")]);
        self.report(d);
        length
    }

    pub(super) fn bytes(&mut self, pair: &P<'_>) -> Expr {
        let text = self.word(pair);
        let after = text.get(1..).unwrap_or("");
        let raw = after.starts_with(['r', 'R']);
        let (open, inner) = unquote(if raw { after.get(1..).unwrap_or("") } else { after });
        let mut out = Vec::new();
        if raw {
            out.extend_from_slice(inner.as_bytes());
            return self.literal(ExprKind::Bytes(out.into()), pair);
        }
        let base = pair.as_span().start() + 1 + open;
        let mut rest = inner;
        while let Some(at) = rest.find('\\') {
            out.extend_from_slice(rest.get(..at).unwrap_or("").as_bytes());
            let tail = rest.get(at..).unwrap_or("");
            let place = base + (inner.len() - tail.len());
            let length = match escape(tail) {
                Some((Escaped::Char(c), length)) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    length
                }
                Some((Escaped::Byte(b), length)) => {
                    out.push(b);
                    length
                }
                None => self.bad_escape(tail, place),
            };
            rest = tail.get(length..).unwrap_or("");
        }
        out.extend_from_slice(rest.as_bytes());
        self.literal(ExprKind::Bytes(out.into()), pair)
    }
}

fn text_of(mut parts: Vec<TextPart>, form: TextForm, span: Span) -> Expr {
    let kind = match parts.as_mut_slice() {
        [] => ExprKind::Text { value: "".into(), form },
        [TextPart::Text(value)] => ExprKind::Text { value: std::mem::take(value), form },
        _ => ExprKind::Interpolated { parts, form },
    };
    Expr { kind: Box::new(kind), span }
}

fn push_text(out: &mut String, text: &str, block: bool) {
    if block && text.contains("\r\n") {
        out.push_str(&text.replace("\r\n", "\n"))
    } else {
        out.push_str(text)
    }
}

/// A fix that writes a literal in another way.
fn written(d: Diagnostic, text: String) -> Diagnostic {
    let span = d.span;
    d.fix(format!("write `{text}`"), vec![Edit::replace(span, text)])
}

/// The unit of time that is meant, and its milliseconds.
fn time_unit(text: &str) -> Option<(&'static str, i64)> {
    Some(match text.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" | "s" => ("s", 1_000),
        "min" | "mins" | "minute" | "minutes" | "m" => ("m", 60_000),
        "hr" | "hrs" | "hour" | "hours" | "h" => ("h", 3_600_000),
        "day" | "days" | "d" => ("d", 86_400_000),
        "msec" | "millis" | "milliseconds" | "ms" => ("ms", 1),
        _ => return None,
    })
}

/// The unit of a size that is meant, and its power of two.
fn size_unit(text: &str) -> Option<(&'static str, u32)> {
    let lower = text.to_ascii_lowercase();
    let fits = |unit: &str| lower == unit || lower == unit.replace('i', "");
    SIZES.iter().find(|(unit, _)| fits(&unit.to_ascii_lowercase())).copied()
}

/// So many units, where that is a whole number of the smallest.
fn exact(number: &str, factor: i64) -> Option<i64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = part.trim_end_matches('0');
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let all = format!("{whole}{part}").parse::<i128>().ok()?.checked_mul(i128::from(factor))?;
    if all % scale == 0 { i64::try_from(all / scale).ok() } else { None }
}

/// A size in the largest unit that it is a whole number of.
fn size_text(bytes: i64) -> String {
    let unit = SIZES.iter().rev().find(|(_, shift)| bytes != 0 && bytes % (1_i64 << shift) == 0);
    unit.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// Milliseconds as a duration literal.
fn duration_text(mut ms: i64) -> String {
    let mut out = String::new();
    for (unit, factor) in UNITS {
        if ms >= *factor {
            out.push_str(&format!("{}{unit}", ms / factor));
            ms %= factor;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// The length of the opening quotes and what is between the quotes.
fn unquote(text: &str) -> (usize, &str) {
    let n = if text.len() >= 6 && (text.starts_with("\"\"\"") || text.starts_with("'''")) { 3 } else { 1 };
    (n, text.get(n..text.len().saturating_sub(n)).unwrap_or(""))
}

enum Escaped {
    Char(char),
    /// `\x41` and `\101`: a byte in `b"…"`, else the character of that number.
    Byte(u8),
}

/// Reads the escape that `text` starts with: what it means and its length.
fn escape(text: &str) -> Option<(Escaped, usize)> {
    let number = |from: usize, to: usize, radix: u32| {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            u32::from_str_radix(digits, radix).ok()
        } else {
            None
        }
    };
    let kind = text.chars().nth(1)?;
    let char = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' | '$' => kind,
        'x' | 'X' => return Some((Escaped::Byte(u8::try_from(number(2, 4, 16)?).ok()?), 4)),
        '0'..='3' => return Some((Escaped::Byte(u8::try_from(number(1, 4, 8)?).ok()?), 4)),
        'u' => return Some((Escaped::Char(char::from_u32(number(2, 6, 16)?)?), 6)),
        'U' => return Some((Escaped::Char(char::from_u32(number(2, 10, 16)?)?), 10)),
        _ => return None,
    };
    Some((Escaped::Char(char), 2))
}

fn blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r'))
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// Drops the common indentation and the first and last line break, where the text begins with a line break.
fn dedent(parts: &mut [Part<'_>]) {
    let Some(Part::Chunks(first)) = parts.first() else { return };
    let starts = first.first().and_then(|c| c.text.split_once('\n')).is_some_and(|(line, _)| blank(line));
    if !starts {
        return;
    }
    let count = parts.len();
    let mut common: Option<usize> = None;
    for (i, part) in parts.iter().enumerate() {
        let Part::Chunks(chunks) = part else { continue };
        let Some(chunk) = chunks.first() else { continue };
        let mut lines = chunk.text.split('\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            let last = lines.peek().is_none();
            let content = if last { i + 1 < count || !blank(line) } else { !blank(line) };
            if content {
                let n = indent(line);
                common = Some(common.map_or(n, |c| c.min(n)));
            }
        }
    }
    let common = common.unwrap_or(0);
    for (i, part) in parts.iter_mut().enumerate() {
        if let Part::Chunks(chunks) = part
            && let Some(chunk) = chunks.pop()
        {
            *chunks = strip(&chunk, common, i == 0, i + 1 == count);
        }
    }
}

/// The lines of a chunk without their indentation.
fn strip<'i>(chunk: &Chunk<'i>, common: usize, first: bool, last: bool) -> Vec<Chunk<'i>> {
    let mut out: Vec<Chunk<'i>> = Vec::new();
    let mut at = chunk.at;
    let lines = chunk.text.split_inclusive('\n').collect::<Vec<_>>();
    let ends_open = chunk.text.ends_with('\n');
    for (n, line) in lines.iter().enumerate() {
        let body = line.trim_end_matches('\n');
        let cut = if n == 0 { 0 } else { indent(body).min(common) };
        if !(first && n == 0) {
            out.push(Chunk { at: at + cut, text: line.get(cut..).unwrap_or("") });
        }
        at += line.len();
    }
    if last {
        // The closing quotes stand on a line of their own: that line and the break before it go.
        let closing_blank = lines.len() > 1 || first || ends_open;
        if closing_blank && !ends_open && out.last().is_some_and(|c| blank(c.text)) && lines.len() > 1 {
            out.pop();
        }
        if let Some(chunk) = out.last_mut()
            && let Some(text) = chunk.text.strip_suffix('\n')
        {
            chunk.text = text.strip_suffix('\r').unwrap_or(text);
        }
    }
    out
}
