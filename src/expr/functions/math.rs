//! CEL's `math` extension.

use super::{Form, Outcome, Overload, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::{Value, compare};
use std::cmp::Ordering;

const I: Ty = Ty::Int;
const F: Ty = Ty::Float;

const EXTREMES: &[Overload] = &[
    Overload { params: &[I], variadic: true, result: I },
    Overload { params: &[F], variadic: true, result: F },
    on(&[Ty::List(&I)], I),
    on(&[Ty::List(&F)], F),
];
const OF_FLOAT: &[Overload] = &[on(&[F], F)];
const TEST: &[Overload] = &[on(&[F], Ty::Bool)];
const BITS: &[Overload] = &[on(&[I, I], I)];

const fn row(
    name: &'static str,
    overloads: &'static [Overload],
    doc: &'static str,
    run: fn(&[Value], &Cx) -> Outcome,
) -> Row {
    Row { name, form: Form::Global, overloads, doc, run }
}

pub(super) const ROWS: &[Row] = &[
    row(
        "math.greatest",
        EXTREMES,
        "The greatest of numbers: `math.greatest(1, 2)`, `math.greatest([1, 2])`.",
        |args, _| extreme("math.greatest", args, Ordering::Greater),
    ),
    row(
        "math.least",
        EXTREMES,
        "The least of numbers: `math.least(1, 2)`, `math.least([1, 2])`.",
        |args, _| extreme("math.least", args, Ordering::Less),
    ),
    row("math.ceil", OF_FLOAT, "The next whole number up: `math.ceil(1.2) == 2.0`.", |args, _| {
        of_float("math.ceil", args, f64::ceil)
    }),
    row("math.floor", OF_FLOAT, "The next whole number down: `math.floor(1.8) == 1.0`.", |args, _| {
        of_float("math.floor", args, f64::floor)
    }),
    row(
        "math.round",
        OF_FLOAT,
        "The nearest whole number, halves away from zero: `math.round(1.5) == 2.0`.",
        |args, _| of_float("math.round", args, f64::round),
    ),
    row("math.trunc", OF_FLOAT, "The number without its fraction: `math.trunc(-1.8) == -1.0`.", |args, _| {
        of_float("math.trunc", args, f64::trunc)
    }),
    row(
        "math.sqrt",
        OF_FLOAT,
        "The square root, NaN of a negative number: `math.sqrt(9) == 3.0`.",
        |args, _| of_float("math.sqrt", args, f64::sqrt),
    ),
    row("math.abs", &[on(&[I], I), on(&[F], F)], "The absolute value: `math.abs(-1) == 1`.", abs),
    row("math.sign", &[on(&[I], I), on(&[F], F)], "-1, 0 or 1: `math.sign(-3) == -1`.", sign),
    row("math.isNaN", TEST, "Whether a float is not a number: `math.isNaN(0.0 / 0.0)`.", |args, _| {
        test("math.isNaN", args, f64::is_nan)
    }),
    row("math.isInf", TEST, "Whether a float is infinite: `math.isInf(1.0 / 0.0)`.", |args, _| {
        test("math.isInf", args, f64::is_infinite)
    }),
    row(
        "math.isFinite",
        TEST,
        "Whether a float is neither infinite nor NaN: `math.isFinite(1.5)`.",
        |args, _| test("math.isFinite", args, f64::is_finite),
    ),
    row("math.bitAnd", BITS, "The bits that both have: `math.bitAnd(5, 3) == 1`.", |args, _| {
        bits("math.bitAnd", args, |a, b| Ok(a & b))
    }),
    row("math.bitOr", BITS, "The bits that either has: `math.bitOr(1, 2) == 3`.", |args, _| {
        bits("math.bitOr", args, |a, b| Ok(a | b))
    }),
    row("math.bitXor", BITS, "The bits that one of the two has: `math.bitXor(3, 5) == 6`.", |args, _| {
        bits("math.bitXor", args, |a, b| Ok(a ^ b))
    }),
    row("math.bitNot", &[on(&[I], I)], "All bits the other way round: `math.bitNot(1) == -2`.", bit_not),
    row("math.bitShiftLeft", BITS, "The bits moved up: `math.bitShiftLeft(1, 2) == 4`.", |args, _| {
        bits("math.bitShiftLeft", args, |a, by| shift(by, |by| a.checked_shl(by).unwrap_or(0)))
    }),
    row(
        "math.bitShiftRight",
        BITS,
        "The bits moved down, zeros put in: `math.bitShiftRight(1024, 2) == 256`.",
        |args, _| {
            bits("math.bitShiftRight", args, |a, by| {
                shift(by, |by| a.cast_unsigned().checked_shr(by).unwrap_or(0).cast_signed())
            })
        },
    ),
];

fn extreme(name: &str, args: &[Value], wanted: Ordering) -> Outcome {
    let numbers = match args {
        [Value::List(items)] => items.as_slice(),
        several => several,
    };
    let mut best: Option<&Value> = None;
    for number in numbers {
        if !matches!(number, Value::Int(_) | Value::Float(_)) {
            return no_overload(name, args);
        }
        best = Some(match best {
            Some(best) if compare(number, best) != Ok(Some(wanted)) => best,
            _ => number,
        });
    }
    best.cloned().ok_or_else(|| format!("`{name}` of an empty list"))
}

fn of_float(name: &str, args: &[Value], f: fn(f64) -> f64) -> Outcome {
    match args {
        [x] => match x.as_number() {
            Some(x) => Ok(Value::Float(f(x))),
            None => no_overload(name, args),
        },
        _ => no_overload(name, args),
    }
}

fn test(name: &str, args: &[Value], f: fn(f64) -> bool) -> Outcome {
    match args {
        [x] => match x.as_number() {
            Some(x) => Ok(Value::Bool(f(x))),
            None => no_overload(name, args),
        },
        _ => no_overload(name, args),
    }
}

fn abs(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [Value::Int(n)] => {
            n.checked_abs().map(Value::Int).ok_or_else(|| "the result is out of range".to_owned())
        }
        [Value::Float(x)] => Ok(Value::Float(x.abs())),
        _ => no_overload("math.abs", args),
    }
}

fn sign(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [Value::Int(n)] => Ok(Value::Int(n.signum())),
        [Value::Float(x)] => Ok(Value::Float(if *x == 0.0 || x.is_nan() { *x } else { x.signum() })),
        _ => no_overload("math.sign", args),
    }
}

fn bits(name: &str, args: &[Value], f: fn(i64, i64) -> Result<i64, String>) -> Outcome {
    match args {
        [Value::Int(a), Value::Int(b)] => f(*a, *b).map(Value::Int),
        _ => no_overload(name, args),
    }
}

fn bit_not(args: &[Value], _: &Cx) -> Outcome {
    match args {
        [Value::Int(n)] => Ok(Value::Int(!n)),
        _ => no_overload("math.bitNot", args),
    }
}

/// By 64 and more nothing is left.
fn shift(by: i64, f: impl Fn(u32) -> i64) -> Result<i64, String> {
    if by < 0 {
        return Err(format!("bits cannot be shifted by {by}"));
    }
    Ok(f(u32::try_from(by).unwrap_or(u32::MAX)))
}
