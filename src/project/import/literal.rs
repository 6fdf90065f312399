//! Names, texts and JSON as the language writes them.

use serde_json::Value as Json;
use std::fmt::Write as _;

const RESERVED: &[&str] = &[
    "step", "let", "return", "require", "fail", "do", "if", "else", "for", "match", "loop", "race", "in",
    "as", "throw", "true", "false", "null", "_",
];

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Letters, digits and `_`, no digit first.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A name for what is called so elsewhere: characters that names cannot hold become `_`.
pub(super) fn name_of(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// `find_events` as `FindEvents`.
pub(super) fn type_name_of(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

/// A field or parameter: the name, or the text in quotes.
pub(super) fn key(text: &str) -> String {
    if is_name(text) && text != "_" { text.to_owned() } else { quoted(text) }
}

/// A text as a string literal without interpolation.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if chars.peek() == Some(&'{') => out.push_str("\\$"),
            c if hidden(c) => {
                let code = u32::from(c);
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A pattern: raw where it can be.
pub(super) fn pattern(text: &str) -> String {
    let raw =
        text.contains('\\') && !text.contains('"') && !text.chars().any(|c| c.is_control() || hidden(c));
    if raw { format!("r\"{text}\"") } else { quoted(text) }
}

/// Controls, and characters that turn the direction of text or cannot be seen.
pub(super) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// JSON as an expression; `None` for numbers that are no `int` or `float` here.
pub(super) fn json(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null => "null".to_owned(),
        Json::Bool(b) => b.to_string(),
        Json::Number(n) => number(n)?,
        Json::String(s) => quoted(s),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(json).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Json::Object(map) if map.is_empty() => "{}".to_owned(),
        Json::Object(map) => {
            let entry = |(k, v): (&String, &Json)| Some(format!("{}: {}", key(k), json(v)?));
            format!("{{ {} }}", map.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", "))
        }
    })
}

/// A number: an `int` where it is one.
pub(super) fn number(n: &serde_json::Number) -> Option<String> {
    if let Some(n) = n.as_i64() {
        return (n != i64::MIN).then(|| n.to_string());
    }
    let x = n.as_f64().filter(|x| x.is_finite())?;
    Some(format!("{x:?}"))
}
