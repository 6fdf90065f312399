//! `size`, `type` and the conversions.

use super::{Form, Outcome, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::{Value, parse_duration, parse_float, parse_timestamp, timestamp_in_range};
use jiff::Timestamp;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "size",
        form: Form::Either,
        overloads: &[
            on(&[Ty::String], Ty::Int),
            on(&[Ty::Bytes], Ty::Int),
            on(&[Ty::List(&Ty::A)], Ty::Int),
            on(&[Ty::Map(&Ty::Any)], Ty::Int),
        ],
        doc: "The number of characters, bytes, items or entries: `size(\"abc\") == 3`.",
        run: size,
    },
    Row {
        name: "type",
        form: Form::Global,
        overloads: &[on(&[Ty::Any], Ty::TypeOf)],
        doc: "The type of a value: `type(1) == type(2)`.",
        run: type_name,
    },
    Row {
        name: "dyn",
        form: Form::Global,
        overloads: &[on(&[Ty::Any], Ty::Json)],
        doc: "The value as `json`, the same as `x as json`.",
        run: identity,
    },
    Row {
        name: "bool",
        form: Form::Global,
        overloads: &[on(&[Ty::Bool], Ty::Bool), on(&[Ty::String], Ty::Bool)],
        doc: "A bool from a text: `bool(\"true\")`.",
        run: to_bool,
    },
    Row {
        name: "int",
        form: Form::Global,
        overloads: &[
            on(&[Ty::Int], Ty::Int),
            on(&[Ty::Float], Ty::Int),
            on(&[Ty::String], Ty::Int),
            on(&[Ty::Timestamp], Ty::Int),
        ],
        doc: "An int from a float (cut towards zero), a text, or a timestamp (seconds since 1970): `int(3.7) == 3`.",
        run: to_int,
    },
    Row {
        name: "double",
        form: Form::Global,
        overloads: &[on(&[Ty::Float], Ty::Float), on(&[Ty::String], Ty::Float)],
        doc: "A float from an int or a text: `double(\"1.5\")`.",
        run: to_float,
    },
    Row {
        name: "float",
        form: Form::Global,
        overloads: &[on(&[Ty::Float], Ty::Float), on(&[Ty::String], Ty::Float)],
        doc: "The same as `double`: `float(\"1.5\")`.",
        run: to_float,
    },
    Row {
        name: "string",
        form: Form::Global,
        overloads: &[
            on(&[Ty::String], Ty::String),
            on(&[Ty::Int], Ty::String),
            on(&[Ty::Float], Ty::String),
            on(&[Ty::Bool], Ty::String),
            on(&[Ty::Bytes], Ty::String),
            on(&[Ty::Timestamp], Ty::String),
            on(&[Ty::Duration], Ty::String),
        ],
        doc: "The text of a scalar; bytes must be UTF-8: `string(12) == \"12\"`.",
        run: to_string,
    },
    Row {
        name: "bytes",
        form: Form::Global,
        overloads: &[on(&[Ty::Bytes], Ty::Bytes), on(&[Ty::String], Ty::Bytes)],
        doc: "The UTF-8 bytes of a text: `bytes(\"abc\") == b\"abc\"`.",
        run: to_bytes,
    },
    Row {
        name: "timestamp",
        form: Form::Global,
        overloads: &[
            on(&[Ty::Timestamp], Ty::Timestamp),
            on(&[Ty::String], Ty::Timestamp),
            on(&[Ty::Int], Ty::Timestamp),
        ],
        doc: "A timestamp from RFC 3339 or seconds since 1970: `timestamp(\"2026-01-31T12:00:00Z\")`.",
        run: to_timestamp,
    },
    Row {
        name: "duration",
        form: Form::Global,
        overloads: &[on(&[Ty::Duration], Ty::Duration), on(&[Ty::String], Ty::Duration)],
        doc: "A duration from a text: `duration(\"1h30m\")`.",
        run: to_duration,
    },
];

fn size(args: &[Value], _: &Cx) -> Outcome {
    let size = match args {
        [Value::String(s)] => s.chars().count(),
        [Value::Bytes(b)] => b.len(),
        [Value::List(items)] => items.len(),
        [Value::Map(map)] => map.len(),
        _ => return no_overload("size", args),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn type_name(args: &[Value], _: &Cx) -> Outcome {
    match args {
        // CEL's name for it; `null` is the value.
        [Value::Null] => Ok(Value::Type("null_type".into())),
        [value] => Ok(Value::Type(value.type_name().into())),
        _ => no_overload("type", args),
    }
}

fn identity(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [value] => Ok(value.clone()),
        _ => no_overload("dyn", args),
    }
}

fn to_bool(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [b @ Value::Bool(_)] => Ok(b.clone()),
        [Value::String(s)] => match s.as_ref() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(unreadable("bool", s)),
        },
        _ => no_overload("bool", args),
    }
}

fn to_int(args: &[Value], _: &Cx) -> Outcome {
    // The largest float below 2^63 and the smallest above -2^63 are out: CEL wants a margin.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match args {
        [n @ Value::Int(_)] => Ok(n.clone()),
        [Value::Float(x)] if *x > -LIMIT && *x < LIMIT => Ok(Value::Int(*x as i64)),
        [Value::Float(x)] => Err(format!("{} does not fit an int", crate::value::float_text(*x))),
        [Value::String(s)] => s.parse().map(Value::Int).map_err(|_| unreadable("int", s)),
        [Value::Timestamp(t)] => Ok(Value::Int(t.as_second() - i64::from(t.subsec_nanosecond() < 0))),
        _ => no_overload("int", args),
    }
}

fn to_float(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [Value::Int(n)] => Ok(Value::Float(*n as f64)),
        [x @ Value::Float(_)] => Ok(x.clone()),
        [Value::String(s)] => parse_float(s).map(Value::Float).ok_or_else(|| unreadable("float", s)),
        _ => no_overload("double", args),
    }
}

fn to_string(args: &[Value], cx: &Cx) -> Outcome {
    match args {
        [s @ (Value::String(_) | Value::Secret(_))] => Ok(s.clone()),
        [Value::Bytes(b)] => {
            cx.make(b.len())?;
            match std::str::from_utf8(b) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err("the bytes are not UTF-8".to_owned()),
            }
        }
        [
            scalar @ (Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::Type(_)),
        ] => Ok(scalar.scalar_text().unwrap_or_default().into()),
        _ => no_overload("string", args),
    }
}

fn to_bytes(args: &[Value], cx: &Cx) -> Outcome {
    match args {
        [b @ Value::Bytes(_)] => Ok(b.clone()),
        [Value::String(s)] => {
            cx.make(s.len())?;
            Ok(Value::Bytes(s.as_bytes().into()))
        }
        _ => no_overload("bytes", args),
    }
}

fn to_timestamp(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [t @ Value::Timestamp(_)] => Ok(t.clone()),
        [Value::String(s)] => {
            parse_timestamp(s).map(Value::Timestamp).ok_or_else(|| unreadable("timestamp", s))
        }
        [Value::Int(seconds)] => Timestamp::from_second(*seconds)
            .ok()
            .and_then(timestamp_in_range)
            .map(Value::Timestamp)
            .ok_or_else(|| "the timestamp is out of range".to_owned()),
        _ => no_overload("timestamp", args),
    }
}

fn to_duration(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [d @ Value::Duration(_)] => Ok(d.clone()),
        [Value::String(s)] => parse_duration(s).map(Value::Duration).ok_or_else(|| unreadable("duration", s)),
        _ => no_overload("duration", args),
    }
}

fn unreadable(what: &str, text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?} is no {what}")
}
