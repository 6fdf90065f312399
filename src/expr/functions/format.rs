//! `"…".format([…])`, as CEL's `strings` extension says, and `timestamp.format`.

use super::{Outcome, no_overload, time};
use crate::expr::eval::Cx;
use crate::value::{Value, float_text};
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// Decimals at most.
const MAX_PRECISION: usize = 100;

pub(super) fn run(args: &[Value], cx: &Cx) -> Outcome {
    match args {
        [Value::String(pattern), Value::List(values)] => fill(pattern, values, cx).map(Value::from),
        [Value::Timestamp(_), ..] => time::format(args, cx),
        _ => no_overload("format", args),
    }
}

fn fill(pattern: &str, values: &[Value], cx: &Cx) -> Result<String, String> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            text.push('%');
            continue;
        }
        let precision = precision(&mut chars)?;
        let verb = chars.next().ok_or("`%` at the end of the format")?;
        let value = values.next().ok_or("the format names more values than the list has")?;
        cx.make(value.size_estimate())?;
        let piece = verb_text(verb, value, precision)?;
        cx.make(piece.len())?;
        text.push_str(&piece);
    }
    cx.make(text.len())?;
    Ok(text)
}

fn precision(chars: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, String> {
    if chars.next_if_eq(&'.').is_none() {
        return Ok(None);
    }
    let mut digits = String::new();
    while let Some(c) = chars.next_if(char::is_ascii_digit) {
        digits.push(c);
    }
    match digits.parse::<usize>() {
        Ok(n) if n <= MAX_PRECISION => Ok(Some(n)),
        _ => Err(format!("the format asks for `.{digits}` decimals")),
    }
}

fn verb_text(verb: char, value: &Value, precision: Option<usize>) -> Result<String, String> {
    match verb {
        's' => plain(value),
        'd' => decimal(value),
        'f' => float(value, |x| format!("{x:.*}", precision.unwrap_or(6))),
        'e' => float(value, |x| scientific(x, precision.unwrap_or(6))),
        'b' => match value {
            Value::Int(n) => Ok(radix(*n, |n| format!("{n:b}"))),
            Value::Bool(b) => Ok(u8::from(*b).to_string()),
            other => Err(refused('b', other)),
        },
        'o' => match value {
            Value::Int(n) => Ok(radix(*n, |n| format!("{n:o}"))),
            other => Err(refused('o', other)),
        },
        'x' => hex(value),
        'X' => hex(value).map(|text| text.to_ascii_uppercase()),
        other => Err(format!("the format has no `%{other}`")),
    }
}

fn refused(verb: char, value: &Value) -> String {
    format!("`%{verb}` does not take a {}", value.type_name())
}

fn decimal(value: &Value) -> Result<String, String> {
    match value {
        Value::Int(n) => Ok(n.to_string()),
        Value::Float(x) => Ok(float_text(*x)),
        other => Err(refused('d', other)),
    }
}

fn float(value: &Value, finite: impl Fn(f64) -> String) -> Result<String, String> {
    let x = match value {
        Value::Int(n) => *n as f64,
        Value::Float(x) => *x,
        Value::String(s) if matches!(s.as_ref(), "NaN" | "Infinity" | "-Infinity") => {
            return Ok(s.as_ref().to_owned());
        }
        other => return Err(refused('f', other)),
    };
    Ok(if x.is_finite() { finite(x) } else { float_text(x) })
}

/// `1.052033e+03`
fn scientific(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(rest) => ('-', rest),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn radix(n: i64, digits: impl Fn(u64) -> String) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", digits(n.unsigned_abs()))
}

fn hex(value: &Value) -> Result<String, String> {
    let bytes: &[u8] = match value {
        Value::Int(n) => return Ok(radix(*n, |n| format!("{n:x}"))),
        Value::String(s) => s.as_bytes(),
        Value::Bytes(b) => b,
        other => return Err(refused('x', other)),
    };
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// `%s`: scalars as their text, lists as `[a, b]`, maps as `{k: v}` by sorted keys.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::List(items) => {
            let items: Result<Vec<String>, String> = items.iter().map(plain).collect();
            Ok(format!("[{}]", items?.join(", ")))
        }
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries: Result<Vec<String>, String> =
                entries.into_iter().map(|(key, value)| Ok(format!("{key}: {}", plain(value)?))).collect();
            Ok(format!("{{{}}}", entries?.join(", ")))
        }
        Value::Bytes(b) => Ok(String::from_utf8_lossy(b).into_owned()),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Type(_) => Ok(value.scalar_text().unwrap_or_default()),
        Value::File(_) | Value::Secret(_) => Err(refused('s', value)),
    }
}
