//! Parts of timestamps and durations, and `timestamp.format`.

use super::{Form, Outcome, Overload, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::Value;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

const T: Ty = Ty::Timestamp;
const DATE: &[Overload] = &[on(&[T], Ty::Int), on(&[T, Ty::String], Ty::Int)];
const CLOCK: &[Overload] = &[on(&[T], Ty::Int), on(&[T, Ty::String], Ty::Int), on(&[Ty::Duration], Ty::Int)];

const fn row(
    name: &'static str,
    overloads: &'static [Overload],
    doc: &'static str,
    run: fn(&[Value], &Cx) -> Outcome,
) -> Row {
    Row { name, form: Form::Receiver, overloads, doc, run }
}

pub(super) const ROWS: &[Row] = &[
    row(
        "getFullYear",
        DATE,
        "The year, in UTC or a time zone: `t.getFullYear(\"Europe/Vienna\")`.",
        |args, _| date("getFullYear", args, |d| i64::from(d.year())),
    ),
    row("getMonth", DATE, "The month, January is 0: `t.getMonth()`.", |args, _| {
        date("getMonth", args, |d| i64::from(d.month()) - 1)
    }),
    row("getDate", DATE, "The day of the month from 1: `t.getDate()`.", |args, _| {
        date("getDate", args, |d| i64::from(d.day()))
    }),
    row("getDayOfMonth", DATE, "The day of the month from 0: `t.getDayOfMonth()`.", |args, _| {
        date("getDayOfMonth", args, |d| i64::from(d.day()) - 1)
    }),
    row("getDayOfWeek", DATE, "The day of the week, Sunday is 0: `t.getDayOfWeek()`.", |args, _| {
        date("getDayOfWeek", args, |d| i64::from(d.weekday().since(Weekday::Sunday)))
    }),
    row("getDayOfYear", DATE, "The day of the year from 0: `t.getDayOfYear()`.", |args, _| {
        date("getDayOfYear", args, |d| i64::from(d.day_of_year()) - 1)
    }),
    row(
        "getHours",
        CLOCK,
        "The hour of the day, or the whole hours of a duration: `t.getHours()`.",
        |args, _| clock("getHours", args, |d| i64::from(d.hour()), |d| d.as_hours()),
    ),
    row(
        "getMinutes",
        CLOCK,
        "The minute of the hour, or the whole minutes of a duration: `t.getMinutes()`.",
        |args, _| clock("getMinutes", args, |d| i64::from(d.minute()), |d| d.as_mins()),
    ),
    row(
        "getSeconds",
        CLOCK,
        "The second of the minute, or the whole seconds of a duration: `t.getSeconds()`.",
        |args, _| clock("getSeconds", args, |d| i64::from(d.second()), |d| d.as_secs()),
    ),
    row(
        "getMilliseconds",
        CLOCK,
        "The milliseconds of the second, of a timestamp or a duration: `t.getMilliseconds()`.",
        |args, _| {
            clock(
                "getMilliseconds",
                args,
                |d| i64::from(d.subsec_nanosecond() / 1_000_000),
                |d| i64::from(d.subsec_millis()),
            )
        },
    ),
];

fn date(name: &str, args: &[Value], part: fn(DateTime) -> i64) -> Outcome {
    match args {
        [Value::Timestamp(t)] => Ok(Value::Int(part(TimeZone::UTC.to_datetime(*t)))),
        [Value::Timestamp(t), Value::String(zone)] => Ok(Value::Int(part(time_zone(zone)?.to_datetime(*t)))),
        _ => no_overload(name, args),
    }
}

fn clock(
    name: &str,
    args: &[Value],
    part: fn(DateTime) -> i64,
    whole: fn(&SignedDuration) -> i64,
) -> Outcome {
    match args {
        [Value::Duration(d)] => Ok(Value::Int(whole(d))),
        _ => date(name, args, part),
    }
}

/// A name such as `Europe/Vienna`, or an offset such as `+02:00`, `-02:30`, `02:00`.
fn time_zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    let short: String = name.chars().take(40).collect();
    TimeZone::get(name).map_err(|_| format!("unknown time zone {short:?}"))
}

fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let number = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<i32>().ok()).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// `t.format(pattern)` and `t.format(pattern, zone)`.
pub(super) fn format(args: &[Value], cx: &Cx) -> Outcome {
    let (t, pattern, zone) = match args {
        [Value::Timestamp(t), Value::String(pattern)] => (t, pattern, TimeZone::UTC),
        [Value::Timestamp(t), Value::String(pattern), Value::String(zone)] => (t, pattern, time_zone(zone)?),
        _ => return no_overload("format", args),
    };
    // A directive can be padded to 255 places.
    cx.make(pattern.len().saturating_mul(64))?;
    written(*t, pattern, zone).map(Value::from).ok_or_else(|| {
        let short: String = pattern.chars().take(40).collect();
        format!("{short:?} is no pattern for timestamps")
    })
}

fn written(t: Timestamp, pattern: &str, zone: TimeZone) -> Option<String> {
    jiff::fmt::strtime::format(pattern, &t.to_zoned_datetime(zone)).ok()
}
