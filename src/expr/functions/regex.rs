//! `matches`. Patterns are RE2's, matched in linear time; their size is bounded.

use super::{Form, Outcome, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::Value;
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::VecDeque;

/// Bytes of a pattern.
const MAX_PATTERN: usize = 4096;

/// Bytes of a compiled pattern.
const MAX_COMPILED: usize = 1 << 20;

/// Compiled patterns kept by each thread.
const KEPT: usize = 32;

pub(super) const ROWS: &[Row] = &[Row {
    name: "matches",
    form: Form::Either,
    overloads: &[on(&[Ty::String, Ty::String], Ty::Bool)],
    doc: "Whether a regular expression is found in the text; `^` and `$` bind it to the ends: `\"a1\".matches(r\"^[a-z]\\d$\")`.",
    run: matches,
}];

thread_local! {
    static COMPILED: RefCell<VecDeque<(String, Regex)>> = const { RefCell::new(VecDeque::new()) };
}

/// Whether a text is a pattern.
///
/// # Errors
/// What is wrong with it, in plain words.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    compile(pattern).map(|_| ())
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern of more than {MAX_PATTERN} bytes"));
    }
    let built = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(64)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        regex::Error::Syntax(text) => {
            // The last line says what; the lines above draw the pattern.
            let last = text.lines().last().unwrap_or("").trim_start_matches("error: ");
            format!("not a regular expression: {last}")
        }
        other => format!("not a regular expression: {other}"),
    })
}

fn matches(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::String(text), Value::String(pattern)] = args else { return no_overload("matches", args) };
    cx.work(text.len() as u64 / 8)?;
    let known =
        COMPILED.with_borrow(|kept| kept.iter().find(|(p, _)| p == pattern.as_ref()).map(|(_, r)| r.clone()));
    let regex = match known {
        Some(regex) => regex,
        None => {
            // To compile is dear.
            cx.work(2_000 + 20 * pattern.len() as u64)?;
            let regex = compile(pattern)?;
            COMPILED.with_borrow_mut(|kept| {
                if kept.len() >= KEPT {
                    kept.pop_front();
                }
                kept.push_back((pattern.as_ref().to_owned(), regex.clone()));
            });
            regex
        }
    };
    Ok(Value::Bool(regex.is_match(text)))
}
