//! From text to [`ast`], with comments and diagnostics. Total: any text gives a tree.
//!
//! A scanner cuts the file into pieces, each is parsed alone by pest, and the pairs become the tree.

pub mod ast;

mod again;
mod braces;
mod build;
pub mod json;
mod markdown;
mod offsets;
mod outline;
mod recover;
mod rule;
mod scan;
mod shift;
pub mod tokens;

pub use again::again;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use build::Builder;
use offsets::Offsets;
use pest::Parser;
use recover::Recovery;
use rule::{PlanParser, Rule};
use scan::{Kind, Scanner};
use std::collections::HashMap;

/// What parsing a text gives.
#[derive(Clone, Debug, Default)]
pub struct Parse {
    /// The items that could be read.
    pub file: ast::File,
    /// Every comment, by offset.
    pub comments: Vec<Comment>,
    /// What was wrong, by offset.
    pub diagnostics: Vec<Diagnostic>,
    /// Of a JSON form: the insides of its strings that hold the language.
    pub json: Option<std::sync::Arc<[Span]>>,
}

/// A comment; documentation (`///`) and `// allow(…)` lines are here too.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// From the first slash to the end of the line, the line break not included.
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// Longer files are refused, in bytes.
const MAX_FILE: usize = 64 << 20;
/// Longer lines are refused, in bytes: nobody wrote them, and no message could show them.
const MAX_LINE: usize = 1 << 20;
/// More diagnostics of one file are counted only.
const MAX_DIAGNOSTICS: usize = 100;

/// Parses a text.
#[must_use]
pub fn parse(source: SourceId, text: &str) -> Parse {
    if text.len() > MAX_FILE {
        let d = Diagnostic::new(Code::TooLarge, Span::new(source, 0, 0), "the file is larger than 64 MiB");
        return Parse { diagnostics: vec![d], ..Parse::default() };
    }
    if let Some(refused) = long_line(source, text) {
        return Parse { diagnostics: vec![refused], ..Parse::default() };
    }
    let wrapped = markdown::unwrap(source, text).or_else(|| markdown::trailing(source, text));
    let Some(wrapped) = wrapped else { return parse_plain(source, text) };
    let mut parse = parse_plain(source, &wrapped.text);
    parse.diagnostics.insert(0, wrapped.diagnostic);
    crate::diagnostic::sort(&mut parse.diagnostics);
    parse
}

fn long_line(source: SourceId, text: &str) -> Option<Diagnostic> {
    if text.len() <= MAX_LINE {
        return None;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.len() > MAX_LINE {
            let message = format!("a line has {} bytes; at most {MAX_LINE} are read", line.len());
            let diagnostic = Diagnostic::new(Code::TooLarge, Span::new(source, start, start), message);
            return Some(diagnostic.help("keep data in a file of its own and read it with `file.read`"));
        }
        start += line.len();
    }
    None
}

fn parse_plain(source: SourceId, text: &str) -> Parse {
    let mut outline = outline::outline(source, text);
    if let Some(refused) = outline.refused.take() {
        return Parse { diagnostics: vec![refused], ..Parse::default() };
    }
    let work = Work::of(source, text, &mut outline);
    let faults: Vec<u32> = outline.diagnostics.iter().map(|d| line_start(text, d.span.start)).collect();
    let mut recovery = Recovery {
        source,
        text: &work.text,
        length: text.len() as u32,
        comments: &outline.comments,
        diagnostics: std::mem::take(&mut outline.diagnostics),
        limit: MAX_DIAGNOSTICS,
        words: recover::CLAUSES,
    };
    let mut items = Vec::new();
    for piece in &outline.pieces {
        if piece.skipped {
            continue;
        }
        let Some(first) = piece.first else { continue };
        let end = if piece.end as usize == text.len() { work.text.len() as u32 } else { piece.end };
        let slice = work.text.get(first as usize..end as usize).unwrap_or("");
        let before = recovery.diagnostics.len();
        match PlanParser::parse(Rule::items, slice) {
            Ok(pairs) => {
                let mut builder = recovery.builder(Offsets::shifted(first));
                items.extend(builder.items(pairs));
                recovery.diagnostics.append(&mut builder.diagnostics);
            }
            Err(_) => items.extend(recovery.items(piece.start, end)),
        }
        if piece.faulty {
            // The bracket is what is wrong; what else is said of its line follows from it, or of the item where it could not be mended.
            let mended = work.mended.contains(&piece.start);
            let added = recovery.diagnostics.split_off(before);
            let told = added
                .into_iter()
                .filter(|d| mended && faults.binary_search(&line_start(text, d.span.start)).is_err());
            recovery.diagnostics.extend(told);
        }
    }
    let mut diagnostics = recovery.diagnostics;
    for d in &mut diagnostics {
        within(d, text.len() as u32);
    }
    crate::diagnostic::sort(&mut diagnostics);
    let more = diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
    if more > 0 {
        diagnostics.truncate(MAX_DIAGNOSTICS);
        let span = diagnostics.last().map_or(Span::new(source, 0, 0), |d| d.span);
        diagnostics.push(Diagnostic::new(Code::Syntax, span, format!("and {more} more faults in this file")));
    }
    Parse { file: ast::File { items }, comments: outline.comments, diagnostics, json: None }
}

/// How many items with faulty brackets are mended.
const MAX_REPAIRS: usize = 20;
/// Blanks behind the end of a file, for the brackets that are missing there.
const ROOM: usize = 2 * outline::MAX_DEPTH;

/// What is parsed: the file, or a copy in which faulty brackets and strings are mended, every place as in the file.
struct Work<'a> {
    text: std::borrow::Cow<'a, str>,
    /// Where the pieces begin that can be read after all.
    mended: Vec<u32>,
}

impl<'a> Work<'a> {
    fn of(source: SourceId, text: &'a str, outline: &mut outline::Outline) -> Self {
        let mut work = Work { text: text.into(), mended: Vec::new() };
        if !outline.pieces.iter().any(|p| p.faulty && !p.skipped) {
            return work;
        }
        let mut told = Vec::new();
        let mut copy = text.to_owned();
        if let Some((mended, diagnostics)) = braces::text_blocks(source, text) {
            *outline = outline::outline(source, &mended.replace('\u{1A}', " "));
            told = diagnostics;
            copy = mended;
        }
        copy.push_str(&" ".repeat(ROOM));
        for piece in outline.pieces.iter().filter(|p| p.faulty && !p.skipped).take(MAX_REPAIRS) {
            let repair = braces::repair(source, text, &mut copy, piece);
            if repair.diagnostics.is_empty() && !repair.mended {
                continue;
            }
            outline.diagnostics.retain(|d| {
                d.code != Code::UnclosedBracket || d.span.start < piece.start || d.span.start >= piece.end
            });
            told.extend(repair.diagnostics);
            if repair.mended {
                work.mended.push(piece.start);
            }
        }
        outline.diagnostics.append(&mut told);
        crate::diagnostic::sort(&mut outline.diagnostics);
        work.text = copy.into();
        work
    }
}

/// Where the line begins that holds `at`.
fn line_start(text: &str, at: u32) -> u32 {
    text.get(..at as usize).and_then(|t| t.rfind('\n')).map_or(0, |n| n as u32 + 1)
}

/// Keeps all places of a diagnostic inside a file of this length.
fn within(d: &mut Diagnostic, length: u32) {
    let clamp = |span: &mut Span| {
        span.start = span.start.min(length);
        span.end = span.end.min(length);
    };
    clamp(&mut d.span);
    d.fixes.iter_mut().flat_map(|f| &mut f.edits).for_each(|e| clamp(&mut e.span));
}

/// What keeps a text from being parsed at all: too long, nested too deep, a bracket or string unclosed.
fn unfit(source: SourceId, text: &str) -> Option<Diagnostic> {
    if text.len() > MAX_FILE {
        return Some(Diagnostic::new(
            Code::TooLarge,
            Span::new(source, 0, 0),
            "the text is larger than 64 MiB",
        ));
    }
    let outline = outline::outline(source, text);
    let mut faults = outline.refused.into_iter().chain(outline.diagnostics);
    faults.find(|d| matches!(d.code, Code::TooLarge | Code::TooDeep | Code::UnclosedBracket))
}

/// Parses an expression that stands alone.
#[must_use]
pub fn parse_expr(source: SourceId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let comments = comments(source, text);
    let mut builder = alone(source, text, &comments);
    let span = Span::new(source, 0, text.len());
    if let Some(d) = unfit(source, text) {
        return (ast::Expr { kind: Box::new(ast::ExprKind::Error), span }, vec![d]);
    }
    let expr = match PlanParser::parse(Rule::only_expr, text) {
        Ok(mut pairs) => pairs.next().map(|p| builder.expr(p).0),
        Err(error) => {
            builder.diagnostics.push(syntax_error(source, text, error_at(&error), &error));
            None
        }
    };
    (expr.unwrap_or(ast::Expr { kind: Box::new(ast::ExprKind::Error), span }), builder.diagnostics)
}

/// Parses a type that stands alone.
#[must_use]
pub fn parse_type(source: SourceId, text: &str) -> (ast::Type, Vec<Diagnostic>) {
    let comments = comments(source, text);
    let mut builder = alone(source, text, &comments);
    let span = Span::new(source, 0, text.len());
    if let Some(d) = unfit(source, text) {
        return (ast::Type { kind: ast::TypeKind::Error, span }, vec![d]);
    }
    let ty = match PlanParser::parse(Rule::only_type, text) {
        Ok(pairs) => builder.only_type(pairs, span),
        Err(error) => {
            builder.diagnostics.push(syntax_error(source, text, error_at(&error), &error));
            ast::Type { kind: ast::TypeKind::Error, span }
        }
    };
    (ty, builder.diagnostics)
}

/// The comments of a text that stands alone: names and numbers end before them.
fn comments(source: SourceId, text: &str) -> Vec<Comment> {
    let tokens = Scanner::new(text, 0, text.len()).filter(|t| t.kind == Kind::Comment);
    tokens.map(|t| Comment { span: Span { source, start: t.start, end: t.end }, own_line: t.first }).collect()
}

fn alone<'a>(source: SourceId, text: &'a str, comments: &'a [Comment]) -> Builder<'a> {
    let offsets = Offsets::shifted(0);
    Builder { source, text, comments, offsets, bodies: HashMap::new(), diagnostics: Vec::new(), deep: None }
}

/// The beginning of a token, on one line, as it stands in the text.
fn first_of(token: &str) -> String {
    let line = token.lines().next().unwrap_or("");
    let short: String = line.chars().take(30).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < token.len() { format!("{short}…") } else { short }
}

fn error_at(error: &pest::error::Error<Rule>) -> usize {
    match error.location {
        pest::error::InputLocation::Pos(at) => at,
        pest::error::InputLocation::Span((at, _)) => at,
    }
}

/// What pest found at the place `at` of the file.
fn syntax_error(source: SourceId, text: &str, at: usize, error: &pest::error::Error<Rule>) -> Diagnostic {
    let mut expected: Vec<&str> = Vec::new();
    if let pest::error::ErrorVariant::ParsingError { positives, .. } = &error.variant {
        expected.extend(positives.iter().map(|r| r.describe()));
    }
    expected.sort_unstable();
    expected.dedup();
    if expected.len() > 6 {
        expected.retain(|e| e.starts_with("a"));
    }
    let token = Scanner::new(text, at, text.len()).find(|t| t.kind != Kind::Comment);
    let (start, end) = token.map_or((text.len(), text.len()), |t| (t.start as usize, t.end as usize));
    let found = match text.get(start..end).filter(|t| !t.is_empty()) {
        Some(found) => format!("`{}` cannot stand here", first_of(found)),
        None => "the text ends too early".to_owned(),
    };
    let d = Diagnostic::new(Code::Syntax, Span::new(source, start, end), found);
    if expected.is_empty() { d } else { d.label(format!("expected {}", expected.join(", "))) }
}
