//! CEL's `lists` extension, and sums over lists.

use super::{Form, Outcome, Overload, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::{Incomparable, MAX_DURATION_NANOS, Value, compare_exactly, equals_counted};
use jiff::SignedDuration;
use std::cmp::Ordering;
use std::sync::Arc;

const A: Ty = Ty::A;
const LIST: Ty = Ty::List(&A);
const SAME: &[Overload] = &[on(&[LIST], LIST)];
const ONE: &[Overload] = &[on(&[LIST], Ty::Optional(&A))];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "slice",
        form: Form::Receiver,
        overloads: &[on(&[LIST, Ty::Int, Ty::Int], LIST)],
        doc: "The items from one index up to another: `[1, 2, 3].slice(0, 2) == [1, 2]`.",
        run: slice,
    },
    Row {
        name: "flatten",
        form: Form::Receiver,
        overloads: &[
            on(&[Ty::List(&LIST)], LIST),
            on(&[LIST, Ty::Int], Ty::List(&Ty::Json)),
            on(&[LIST], Ty::List(&Ty::Json)),
        ],
        doc: "The items of the lists in a list, so many levels deep: `[[1], [2]].flatten() == [1, 2]`.",
        run: flatten,
    },
    Row {
        name: "reverse",
        form: Form::Receiver,
        overloads: &[on(&[LIST], LIST), on(&[Ty::String], Ty::String)],
        doc: "A list or text back to front: `[1, 2].reverse() == [2, 1]`.",
        run: reverse,
    },
    Row {
        name: "sort",
        form: Form::Receiver,
        overloads: SAME,
        doc: "The items in order, all of one kind: `[2, 1].sort() == [1, 2]`.",
        run: sort,
    },
    Row {
        name: "distinct",
        form: Form::Receiver,
        overloads: SAME,
        doc: "Each item once, the first of equals: `[1, 1, 2].distinct() == [1, 2]`.",
        run: distinct,
    },
    Row {
        name: "first",
        form: Form::Receiver,
        overloads: ONE,
        doc: "The first item, null of an empty list: `[1, 2].first() == 1`.",
        run: |args, _| end("first", args, <[Value]>::first),
    },
    Row {
        name: "last",
        form: Form::Receiver,
        overloads: ONE,
        doc: "The last item, null of an empty list: `[1, 2].last() == 2`.",
        run: |args, _| end("last", args, <[Value]>::last),
    },
    Row {
        name: "lists.range",
        form: Form::Global,
        overloads: &[on(&[Ty::Int], Ty::List(&Ty::Int))],
        doc: "The ints from 0 up to a number: `lists.range(3) == [0, 1, 2]`.",
        run: range,
    },
    Row {
        name: "compact",
        form: Form::Receiver,
        overloads: &[on(&[Ty::List(&Ty::Optional(&A))], LIST)],
        doc: "The items that are not null: `[1, null].compact() == [1]`.",
        run: compact,
    },
    Row {
        name: "chunk",
        form: Form::Receiver,
        overloads: &[on(&[LIST, Ty::Int], Ty::List(&LIST))],
        doc: "The list in lists of so many items: `[1, 2, 3].chunk(2) == [[1, 2], [3]]`.",
        run: chunk,
    },
    Row {
        name: "sum",
        form: Form::Receiver,
        overloads: &[
            on(&[Ty::List(&Ty::Int)], Ty::Int),
            on(&[Ty::List(&Ty::Float)], Ty::Float),
            on(&[Ty::List(&Ty::Duration)], Ty::Duration),
        ],
        doc: "The sum of numbers or durations, 0 of an empty list: `[1, 2].sum() == 3`.",
        run: |args, _| match args {
            [Value::List(items)] => sum("sum", items),
            _ => no_overload("sum", args),
        },
    },
    Row {
        name: "avg",
        form: Form::Receiver,
        overloads: &[
            on(&[Ty::List(&Ty::Int)], Ty::Float),
            on(&[Ty::List(&Ty::Float)], Ty::Float),
            on(&[Ty::List(&Ty::Duration)], Ty::Duration),
        ],
        doc: "The mean of numbers or durations; an error of an empty list: `[1, 2].avg() == 1.5`.",
        run: avg,
    },
];

fn slice(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::List(items), Value::Int(from), Value::Int(to)] = args else {
        return no_overload("slice", args);
    };
    let range = usize::try_from(*from).ok().zip(usize::try_from(*to).ok());
    let piece = range.and_then(|(from, to)| items.get(from..to));
    let piece = piece
        .ok_or_else(|| format!("items {from} to {to} are out of range, the list has {}", items.len()))?;
    cx.make_list(piece.len())?;
    Ok(Value::list(piece.to_vec()))
}

fn flatten(args: &[Value], cx: &Cx) -> Outcome {
    let (items, levels) = match args {
        [Value::List(items)] => (items, 1),
        [Value::List(items), Value::Int(levels)] if *levels >= 0 => (items, *levels),
        [Value::List(_), Value::Int(levels)] => {
            return Err(format!("`flatten` takes a number of levels, not {levels}"));
        }
        _ => return no_overload("flatten", args),
    };
    let mut flat: Vec<Value> = items.as_ref().clone();
    for _ in 0..levels {
        if !flat.iter().any(|item| matches!(item, Value::List(_))) {
            break;
        }
        let len = flat.iter().map(|item| item.as_list().map_or(1, <[Value]>::len)).sum();
        cx.make_list(len)?;
        let mut next = Vec::with_capacity(len);
        for item in flat {
            match item {
                Value::List(inner) => next.extend(inner.iter().cloned()),
                other => next.push(other),
            }
        }
        flat = next;
    }
    Ok(Value::list(flat))
}

fn reverse(args: &[Value], cx: &Cx) -> Outcome {
    match args {
        [Value::List(items)] => {
            cx.make_list(items.len())?;
            Ok(Value::list(items.iter().rev().cloned().collect()))
        }
        [Value::String(s)] => {
            cx.make(s.len())?;
            Ok(s.chars().rev().collect::<String>().into())
        }
        _ => no_overload("reverse", args),
    }
}

fn sort(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::List(items)] = args else { return no_overload("sort", args) };
    cx.make_list(items.len())?;
    let n = items.len() as u64;
    cx.work(n * u64::from(n.max(1).ilog2() + 1))?;
    if let Some(first) = items.first() {
        for item in items.iter() {
            if !matches!(compare_exactly(first, item), Ok(Some(_))) {
                return Err(format!("a {} and a {} have no order", first.type_name(), item.type_name()));
            }
        }
    }
    let mut sorted = items.as_ref().clone();
    sorted.sort_by(|a, b| compare_exactly(a, b).ok().flatten().unwrap_or(Ordering::Equal));
    Ok(Value::list(sorted))
}

fn distinct(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::List(items)] = args else { return no_overload("distinct", args) };
    cx.make_list(items.len())?;
    let mut kept: Vec<Value> = Vec::new();
    let mut texts = std::collections::HashSet::new();
    for item in items.iter() {
        // Strings are the common case; the rest is compared one by one.
        if let Value::String(s) = item {
            if texts.insert(Arc::clone(s)) {
                kept.push(item.clone());
            }
            continue;
        }
        if !holds(&kept, item, cx)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn holds(items: &[Value], wanted: &Value, cx: &Cx) -> Result<bool, String> {
    for item in items {
        let mut work = 0;
        let equal = equals_counted(item, wanted, &mut work);
        cx.work(work)?;
        match equal {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(Incomparable::Secret | Incomparable::Types) => {
                return Err("secrets cannot be compared".to_owned());
            }
        }
    }
    Ok(false)
}

fn end(name: &str, args: &[Value], pick: fn(&[Value]) -> Option<&Value>) -> Outcome {
    match args {
        [Value::List(items)] => Ok(pick(items).cloned().unwrap_or(Value::Null)),
        _ => no_overload(name, args),
    }
}

fn range(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::Int(n)] = args else { return no_overload("lists.range", args) };
    let len = usize::try_from(*n).map_err(|_| format!("`lists.range` takes a number of items, not {n}"))?;
    cx.make_list(len)?;
    Ok(Value::list((0..*n).map(Value::Int).collect()))
}

fn compact(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::List(items)] = args else { return no_overload("compact", args) };
    cx.make_list(items.len())?;
    Ok(Value::list(items.iter().filter(|item| !item.is_null()).cloned().collect()))
}

fn chunk(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::List(items), Value::Int(n)] = args else { return no_overload("chunk", args) };
    let size = usize::try_from(*n).ok().filter(|n| *n > 0);
    let size = size.ok_or_else(|| format!("`chunk` takes a number of items above 0, not {n}"))?;
    cx.make_list(items.len().saturating_mul(3))?;
    Ok(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect()))
}

fn sum(name: &str, items: &[Value]) -> Outcome {
    let mut total = match items.first() {
        Some(Value::Duration(_)) => Value::Duration(SignedDuration::ZERO),
        _ => Value::Int(0),
    };
    for item in items {
        total = match (&total, item) {
            (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_add(*b).ok_or("the sum is out of range")?),
            (Value::Duration(a), Value::Duration(b)) => {
                let sum = a
                    .checked_add(*b)
                    .filter(|d| d.as_nanos().unsigned_abs() <= MAX_DURATION_NANOS.unsigned_abs());
                Value::Duration(sum.ok_or("the sum is out of range")?)
            }
            (total, item) => match (total.as_number(), item.as_number()) {
                (Some(a), Some(b)) => Value::Float(a + b),
                _ => {
                    return Err(format!(
                        "`{name}` takes numbers or durations, this list holds a {}",
                        item.type_name()
                    ));
                }
            },
        };
    }
    Ok(total)
}

fn avg(args: &[Value], _: &Cx) -> Outcome {
    let [Value::List(items)] = args else { return no_overload("avg", args) };
    if items.is_empty() {
        return Err("`avg` of an empty list".to_owned());
    }
    match items.first() {
        Some(Value::Duration(_)) => match sum("avg", items)? {
            Value::Duration(total) => {
                let nanos = total.as_nanos() / i128::try_from(items.len()).unwrap_or(i128::MAX);
                Ok(Value::Duration(SignedDuration::from_nanos_i128(nanos)))
            }
            other => Ok(other),
        },
        _ => {
            let mut total = 0.0;
            for item in items.iter() {
                total += item.as_number().ok_or_else(|| {
                    format!("`avg` takes numbers or durations, this list holds a {}", item.type_name())
                })?;
            }
            Ok(Value::Float(total / items.len() as f64))
        }
    }
}
