//! Texts of scalars: what `string(x)` prints, and what `timestamp(s)`, `duration(s)` and `double(s)` read.

use super::Value;
use jiff::{SignedDuration, Timestamp};

/// Durations lie within 64 bits of nanoseconds, about 292 years.
pub const MAX_DURATION_NANOS: i128 = i64::MAX as i128;

/// The first second of year 1, where timestamps begin.
const FIRST_SECOND: i64 = -62_135_596_800;

impl Value {
    /// What `string(x)` gives: `None` for values that are not scalars, for secrets, and for bytes that are not UTF-8.
    #[must_use]
    pub fn scalar_text(&self) -> Option<String> {
        Some(match self {
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Float(x) => float_text(*x),
            Value::String(s) | Value::Type(s) => s.as_ref().to_owned(),
            Value::Bytes(b) => std::str::from_utf8(b).ok()?.to_owned(),
            Value::Timestamp(t) => t.to_string(),
            Value::Duration(d) => duration_text(*d),
            Value::List(_) | Value::Map(_) | Value::File(_) | Value::Secret(_) => return None,
        })
    }
}

/// The shortest text that reads back as the same float: `1`, `0.25`, `1e+21`, `NaN`, `-Infinity`.
#[must_use]
pub fn float_text(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = x.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return x.to_string();
    }
    let text = format!("{x:e}");
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

/// A float as `double(s)` reads it: decimal, with exponent, or `NaN`, `Infinity`, `inf`.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let x: f64 = text.trim().parse().ok()?;
    // A finite text that is too large is an error, not infinity.
    let named = text.bytes().any(|b| matches!(b, b'n' | b'N'));
    (named || x.is_finite()).then_some(x)
}

/// Seconds with as many decimals as needed: `6347s`, `1.5s`, `-0.000000001s`.
#[must_use]
pub fn duration_text(d: SignedDuration) -> String {
    let sign = if d.is_negative() { "-" } else { "" };
    let (secs, nanos) = (d.as_secs().unsigned_abs(), d.subsec_nanos().unsigned_abs());
    if nanos == 0 {
        return format!("{sign}{secs}s");
    }
    let fraction = format!("{nanos:09}");
    format!("{sign}{secs}.{}s", fraction.trim_end_matches('0'))
}

/// A duration such as `1h30m`, `-1.5s`, `250ms`, `7d`, `0`. `None` where the text is none, or it does not fit 292 years.
#[must_use]
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let (part, after) = duration_part(rest)?;
        nanos += part;
        if nanos > MAX_DURATION_NANOS {
            return None;
        }
        rest = after;
    }
    SignedDuration::try_from_nanos_i128(if negative { -nanos } else { nanos })
}

/// One number with its unit, in nanoseconds, and what follows.
fn duration_part(text: &str) -> Option<(i128, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at_checked(digits)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let units: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let (unit, rest) = units.iter().find_map(|(name, unit)| Some((*unit, rest.strip_prefix(name)?)))?;
    let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
    let mut nanos = whole.checked_mul(unit)?;
    let mut scale = unit;
    for digit in fraction.bytes().take(15) {
        // 86_400_000_000_000 has fewer than 15 digits: further digits are below a nanosecond.
        scale /= 10;
        nanos += i128::from(digit - b'0') * scale;
    }
    Some((nanos, rest))
}

/// A timestamp in RFC 3339, from year 1 on.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    // RFC 3339 has a zone and no annotation; the parser takes more.
    let date = text.get(..11)?;
    if !matches!(date.as_bytes().last(), Some(b'T' | b't' | b' ')) || text.contains('[') {
        return None;
    }
    timestamp_in_range(text.parse().ok()?)
}

/// The timestamp where it lies in the years 1 to 9999.
#[must_use]
pub fn timestamp_in_range(t: Timestamp) -> Option<Timestamp> {
    (t.as_nanosecond() >= i128::from(FIRST_SECOND) * 1_000_000_000).then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats() {
        for (x, text) in [
            (1.0, "1"),
            (123.456, "123.456"),
            (-4.5e-3, "-0.0045"),
            (1e-5, "1e-05"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (6.022e123, "6.022e+123"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float_text(x), text);
        }
        assert_eq!(parse_float("6.02214e23"), Some(6.02214e23));
        assert_eq!(parse_float("1e999"), None);
        assert!(parse_float("NaN").unwrap().is_nan());
        assert_eq!(parse_float("x"), None);
    }

    #[test]
    fn durations() {
        let text = |s: &str| parse_duration(s).map(duration_text);
        for (from, to) in [
            ("1h45m47s", "6347s"),
            ("1.5s", "1.5s"),
            ("-90m", "-5400s"),
            ("999999999ns", "0.999999999s"),
            ("1us", "0.000001s"),
            ("7d", "604800s"),
            ("0", "0s"),
            (".5s", "0.5s"),
            ("-1ns", "-0.000000001s"),
            ("0.1h", "360s"),
        ] {
            assert_eq!(text(from).as_deref(), Some(to), "{from}");
        }
        for bad in ["", "-", "5", "s", "1x", "1s ", "320000000000s", "99999999999999999999s", ".s", "1..5s"] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps() {
        let text = |s: &str| parse_timestamp(s).map(|t| t.to_string());
        assert_eq!(text("2009-02-13T23:31:30Z").as_deref(), Some("2009-02-13T23:31:30Z"));
        assert_eq!(text("2023-02-03T23:31:20+01:00").as_deref(), Some("2023-02-03T22:31:20Z"));
        assert_eq!(text("2023-02-03T23:31:20.125Z").as_deref(), Some("2023-02-03T23:31:20.125Z"));
        assert_eq!(text("0001-01-01T00:00:00Z").as_deref(), Some("0001-01-01T00:00:00Z"));
        for bad in ["", "2009-02-13", "0000-12-31T23:59:59Z", "nonsense", "2009-02-13T23:31:30"] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }
}
