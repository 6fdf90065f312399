//! Functions over strings; positions count characters.

use super::{Form, Outcome, Row, Ty, format, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::Value;

const S: Ty = Ty::String;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "contains",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::Bool)],
        doc: "Whether the text holds another: `\"hello\".contains(\"ell\")`.",
        run: |args, _| predicate("contains", args, |s, t| s.contains(t)),
    },
    Row {
        name: "startsWith",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::Bool)],
        doc: "Whether the text begins with another: `\"hello\".startsWith(\"he\")`.",
        run: |args, _| predicate("startsWith", args, |s, t| s.starts_with(t)),
    },
    Row {
        name: "endsWith",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::Bool)],
        doc: "Whether the text ends with another: `\"hello\".endsWith(\"lo\")`.",
        run: |args, _| predicate("endsWith", args, |s, t| s.ends_with(t)),
    },
    Row {
        name: "charAt",
        form: Form::Receiver,
        overloads: &[on(&[S, Ty::Int], S)],
        doc: "The character at a position, empty right behind the last: `\"abc\".charAt(1) == \"b\"`.",
        run: char_at,
    },
    Row {
        name: "indexOf",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::Int), on(&[S, S, Ty::Int], Ty::Int)],
        doc: "The first position of a text, from a position on, or -1: `\"abcabc\".indexOf(\"c\", 3) == 5`.",
        run: index_of,
    },
    Row {
        name: "lastIndexOf",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::Int), on(&[S, S, Ty::Int], Ty::Int)],
        doc: "The last position of a text, at a position or before, or -1: `\"abcabc\".lastIndexOf(\"c\") == 5`.",
        run: last_index_of,
    },
    Row {
        name: "lowerAscii",
        form: Form::Receiver,
        overloads: &[on(&[S], S)],
        doc: "The text with A to Z in lower case: `\"TacoCat\".lowerAscii() == \"tacocat\"`.",
        run: |args, cx| map_text("lowerAscii", args, cx, str::to_ascii_lowercase),
    },
    Row {
        name: "upperAscii",
        form: Form::Receiver,
        overloads: &[on(&[S], S)],
        doc: "The text with a to z in upper case: `\"tacocat\".upperAscii() == \"TACOCAT\"`.",
        run: |args, cx| map_text("upperAscii", args, cx, str::to_ascii_uppercase),
    },
    Row {
        name: "trim",
        form: Form::Receiver,
        overloads: &[on(&[S], S)],
        doc: "The text without white space at its ends: `\" a \".trim() == \"a\"`.",
        run: |args, cx| map_text("trim", args, cx, |s| s.trim().to_owned()),
    },
    Row {
        name: "replace",
        form: Form::Receiver,
        overloads: &[on(&[S, S, S], S), on(&[S, S, S, Ty::Int], S)],
        doc: "The text with one piece put for another, at most so often: `\"a-b-c\".replace(\"-\", \"+\", 1) == \"a+b-c\"`.",
        run: replace,
    },
    Row {
        name: "split",
        form: Form::Receiver,
        overloads: &[on(&[S, S], Ty::List(&S)), on(&[S, S, Ty::Int], Ty::List(&S))],
        doc: "The pieces between separators, at most so many: `\"a,b\".split(\",\") == [\"a\", \"b\"]`.",
        run: split,
    },
    Row {
        name: "substring",
        form: Form::Receiver,
        overloads: &[on(&[S, Ty::Int], S), on(&[S, Ty::Int, Ty::Int], S)],
        doc: "The text from one position up to another: `\"tacocat\".substring(0, 4) == \"taco\"`.",
        run: substring,
    },
    Row {
        name: "truncate",
        form: Form::Either,
        overloads: &[on(&[S, Ty::Int], S)],
        doc: "At most the first so many characters: `truncate(\"abcdef\", 3) == \"abc\"`.",
        run: truncate,
    },
    Row {
        name: "join",
        form: Form::Receiver,
        overloads: &[on(&[Ty::List(&S)], S), on(&[Ty::List(&S), S], S)],
        doc: "The texts of a list in one, with a separator between them: `[\"a\", \"b\"].join(\", \")`.",
        run: join,
    },
    Row {
        name: "format",
        form: Form::Receiver,
        overloads: &[
            on(&[S, Ty::List(&Ty::Any)], S),
            on(&[Ty::Timestamp, S], S),
            on(&[Ty::Timestamp, S, S], S),
        ],
        doc: "A text with `%s %d %f %e %b %o %x` filled in: `\"%d of %d\".format([1, 2])`; or a timestamp by an strftime pattern, in a time zone: `t.format(\"%Y-%m-%d\", \"Europe/Vienna\")`.",
        run: format::run,
    },
    Row {
        name: "strings.quote",
        form: Form::Global,
        overloads: &[on(&[S], S)],
        doc: "The text as a literal in double quotes: `strings.quote(\"a\") == \"\\\"a\\\"\"`.",
        run: quote,
    },
];

fn predicate(name: &str, args: &[Value], test: fn(&str, &str) -> bool) -> Outcome {
    match args {
        [Value::String(s), Value::String(t)] => Ok(Value::Bool(test(s, t))),
        _ => no_overload(name, args),
    }
}

fn map_text(name: &str, args: &[Value], cx: &Cx, change: fn(&str) -> String) -> Outcome {
    match args {
        [Value::String(s)] => {
            cx.make(s.len())?;
            Ok(change(s).into())
        }
        _ => no_overload(name, args),
    }
}

/// The byte offset of a character position; the end is one too.
fn offset(text: &str, position: i64) -> Option<usize> {
    let position = usize::try_from(position).ok()?;
    if position == 0 {
        return Some(0);
    }
    let mut chars = text.char_indices();
    chars.nth(position - 1).map(|(at, c)| at + c.len_utf8())
}

fn out_of_range(position: i64) -> String {
    format!("position {position} is out of range")
}

fn chars_before(text: &str, offset: usize) -> i64 {
    text.get(..offset).map_or(0, |head| head.chars().count() as i64)
}

fn char_at(args: &[Value], _: &Cx) -> Outcome {
    let [Value::String(s), Value::Int(n)] = args else { return no_overload("charAt", args) };
    let at = offset(s, *n).ok_or_else(|| out_of_range(*n))?;
    let rest = s.get(at..).unwrap_or("");
    Ok(rest.chars().next().map(String::from).unwrap_or_default().into())
}

fn index_of(args: &[Value], _: &Cx) -> Outcome {
    let (s, t, from) = match args {
        [Value::String(s), Value::String(t)] => (s, t, 0),
        [Value::String(s), Value::String(t), Value::Int(from)] => (s, t, *from),
        _ => return no_overload("indexOf", args),
    };
    let start = offset(s, from).ok_or_else(|| out_of_range(from))?;
    let found = s.get(start..).and_then(|rest| rest.find(t.as_ref()));
    Ok(Value::Int(found.map_or(-1, |at| chars_before(s, start + at))))
}

fn last_index_of(args: &[Value], _: &Cx) -> Outcome {
    let (s, t, last) = match args {
        [Value::String(s), Value::String(t)] => (s, t, None),
        [Value::String(s), Value::String(t), Value::Int(last)] => (s, t, Some(*last)),
        _ => return no_overload("lastIndexOf", args),
    };
    let end = match last {
        None => s.len(),
        Some(last) => {
            let start = offset(s, last).ok_or_else(|| out_of_range(last))?;
            // A match may begin at `last` and go on behind it.
            let mut end = start.saturating_add(t.len()).min(s.len());
            while !s.is_char_boundary(end) {
                end += 1;
            }
            end
        }
    };
    let mut found = s.get(..end).and_then(|head| head.rfind(t.as_ref()));
    if let (Some(at), Some(last)) = (found, last)
        && chars_before(s, at) > last
    {
        let before = s.get(..end).map_or(0, |head| head.len().min(at + t.len()).saturating_sub(1));
        let floor = (0..=before).rev().find(|i| s.is_char_boundary(*i)).unwrap_or(0);
        found = s.get(..floor).and_then(|head| head.rfind(t.as_ref()));
    }
    Ok(Value::Int(found.map_or(-1, |at| chars_before(s, at))))
}

fn replace(args: &[Value], cx: &Cx) -> Outcome {
    let (s, from, to, count) = match args {
        [Value::String(s), Value::String(from), Value::String(to)] => (s, from, to, usize::MAX),
        // A negative count: all.
        [Value::String(s), Value::String(from), Value::String(to), Value::Int(n)] => {
            (s, from, to, usize::try_from(*n).unwrap_or(usize::MAX))
        }
        _ => return no_overload("replace", args),
    };
    let hits = s.matches(from.as_ref()).take(count).count();
    cx.make(s.len().saturating_add(hits.saturating_mul(to.len())))?;
    Ok(s.replacen(from.as_ref(), to, count).into())
}

fn split(args: &[Value], cx: &Cx) -> Outcome {
    let (s, separator, limit) = match args {
        [Value::String(s), Value::String(separator)] => (s, separator, -1),
        [Value::String(s), Value::String(separator), Value::Int(limit)] => (s, separator, *limit),
        _ => return no_overload("split", args),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(Value::list(Vec::new()));
    }
    let count = if separator.is_empty() { s.len() } else { s.matches(separator.as_ref()).count() + 1 };
    cx.make_list(count.min(limit).saturating_mul(2))?;
    cx.make(s.len())?;
    let pieces = if separator.is_empty() {
        characters(s, limit)
    } else {
        s.splitn(limit, separator.as_ref()).map(Value::from).collect()
    };
    Ok(Value::list(pieces))
}

/// One piece a character; what is beyond the limit stays together in the last.
fn characters(text: &str, limit: usize) -> Vec<Value> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if pieces.len() + 1 == limit {
            pieces.push(Value::from(rest));
            break;
        }
        let (head, tail) = rest.split_at_checked(c.len_utf8()).unwrap_or((rest, ""));
        pieces.push(Value::from(head));
        rest = tail;
    }
    pieces
}

fn substring(args: &[Value], cx: &Cx) -> Outcome {
    let (s, from, to) = match args {
        [Value::String(s), Value::Int(from)] => (s, *from, None),
        [Value::String(s), Value::Int(from), Value::Int(to)] => (s, *from, Some(*to)),
        _ => return no_overload("substring", args),
    };
    let start = offset(s, from).ok_or_else(|| out_of_range(from))?;
    let end = match to {
        Some(to) => offset(s, to).ok_or_else(|| out_of_range(to))?,
        None => s.len(),
    };
    let piece =
        s.get(start..end).ok_or_else(|| format!("position {from} lies behind the end of the piece"))?;
    cx.make(piece.len())?;
    Ok(piece.into())
}

fn truncate(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::String(s), Value::Int(n)] = args else { return no_overload("truncate", args) };
    if *n < 0 {
        return Err(format!("`truncate` takes a number of characters, not {n}"));
    }
    match offset(s, *n) {
        Some(end) if end < s.len() => {
            cx.make(end)?;
            Ok(s.get(..end).unwrap_or("").into())
        }
        _ => Ok(Value::String(s.clone())),
    }
}

fn join(args: &[Value], cx: &Cx) -> Outcome {
    let (items, separator) = match args {
        [Value::List(items)] => (items, ""),
        [Value::List(items), Value::String(separator)] => (items, separator.as_ref()),
        _ => return no_overload("join", args),
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items.iter() {
        match item {
            Value::String(s) => texts.push(s.as_ref()),
            Value::Secret(_) => return Err("a secret can only be joined with `+` and `${…}`".to_owned()),
            other => {
                return Err(format!(
                    "`join` takes a list of strings, this one holds a {}",
                    other.type_name()
                ));
            }
        }
    }
    let bytes = texts.iter().map(|s| s.len()).sum::<usize>();
    cx.make(bytes.saturating_add(separator.len().saturating_mul(texts.len())))?;
    Ok(texts.join(separator).into())
}

fn quote(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::String(s)] = args else { return no_overload("strings.quote", args) };
    cx.make(s.len().saturating_mul(2))?;
    let mut quoted = String::with_capacity(s.len() + 2);
    quoted.push('"');
    for c in s.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted.into())
}
