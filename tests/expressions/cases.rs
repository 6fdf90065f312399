//! What the language adds to CEL, and where evaluation must stop.

use super::{object, run};
use aos::expr::{BinaryOp, Expr, ExprKind, NoEnv, Stop, eval};
use aos::source::Span;
use aos::types::Type;
use aos::value::{SecretPart, Value};

/// The outside form of what an expression gives, or `error: …`.
fn shown(text: &str) -> String {
    let vars = [
        ("issue", object(&[("title", Value::from("Bug")), ("labels", Value::Null)])),
        ("key", Value::Secret([SecretPart::Name("KEY".into())].into())),
        ("nothing", Value::Null),
        ("one", Value::Int(1)),
    ];
    match run(text, &vars) {
        Ok(value) => value.to_json().to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let found = shown(text);
            let fits = if *expected == "error" { found.starts_with("error") } else { found == *expected };
            (!fits).then(|| format!("{text}\n  gives    {found}\n  expected {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn null_and_missing() {
    table(&[
        ("nothing ?? 2", "2"),
        ("one ?? 2", "1"),
        ("gone ?? 2", "2"),
        ("gone?.title ?? \"none\"", "\"none\""),
        ("gone", "error: missing"),
        ("gone.title ?? 2", "error: missing"),
        ("true || gone", "true"),
        ("false && gone", "false"),
        ("gone && false", "error: missing"),
        ("1 / 0 == 1 || gone", "error: missing"),
        ("true ? 1 : gone", "1"),
        ("[1].exists(x, gone)", "error: missing"),
        ("nothing?.title", "null"),
        ("nothing.title", "error: null has no field `title`"),
        ("issue.title", "\"Bug\""),
        ("issue.body", "error: no such key: `body`"),
        ("issue?.body", "null"),
        ("issue[?\"body\"]", "null"),
        ("[1, 2][?5]", "null"),
        ("[1, 2][5]", "error: index 5 is out of range, the list has 2 items"),
        ("has(issue.title)", "true"),
        ("has(issue.labels)", "false"),
        ("has(issue.body)", "false"),
    ]);
}

#[test]
fn interpolation() {
    table(&[
        (r#""n=${1 + 1} x=${1.5} b=${true}""#, r#""n=2 x=1.5 b=true""#),
        (r#""${[1, "a", null]} ${issue}""#, r#""[1,\"a\",null] {\"title\":\"Bug\",\"labels\":null}""#),
        (r#""${90m} ${timestamp(0)}""#, r#""5400s 1970-01-01T00:00:00Z""#),
        (r#""${b"x"}""#, "error: bytes have no text; convert them with `string` or `base64.encode`"),
    ]);
}

#[test]
fn secrets_are_joined_and_nothing_else() {
    table(&[
        (r#""Bearer ${key}""#, "\"[secret]\""),
        (r#""Bearer " + key"#, "\"[secret]\""),
        ("[key]", "[\"[secret]\"]"),
        ("key == \"a\"", "error: a secret can only be joined to text and handed to a skill"),
        ("size(key)", "error: a secret can only be joined to text and handed to a skill"),
        ("key.startsWith(\"a\")", "error"),
        ("\"a\" in [key]", "error"),
        ("\"${[key]}\"", "error"),
        ("[key].join(\",\")", "error"),
        ("[key, \"a\"].sort()", "error"),
        ("[key, key].distinct()", "error"),
        ("{ a: key } == { a: \"x\" }", "error"),
        ("\"%s\".format([key])", "error"),
        ("key < \"z\"", "error"),
        ("{ a: 1 }[key]", "error"),
    ]);
    let joined =
        run("\"a${key}b\" + \"c\"", &[("key", Value::Secret([SecretPart::Name("K".into())].into()))]);
    let text = |s: &str| SecretPart::Text(s.into());
    let parts = [text("a"), SecretPart::Name("K".into()), text("b"), text("c")];
    assert_eq!(joined, Ok(Value::Secret(parts.into())));
}

#[test]
fn casts() {
    table(&[
        ("3.0 as int", "3"),
        ("3.5 as int", "error: expected `int`, found float 3.5"),
        ("\"2026-01-31T12:00:00Z\" as timestamp", "\"2026-01-31T12:00:00Z\""),
        ("[1, 2.5] as list<float>", "[1.0,2.5]"),
        ("[1, \"a\"] as list<int>", "error: at `[1]`: expected `int`, found the string \"a\""),
        ("nothing as (int?)", "null"),
        ("(1 as float) / 2.0", "0.5"),
    ]);
}

#[test]
fn numbers() {
    table(&[
        ("9223372036854775807 + 1", "error: the result is out of range"),
        ("-9223372036854775807 - 2", "error: the result is out of range"),
        ("5000000000 * 5000000000", "error: the result is out of range"),
        ("1 / 0", "error: division by zero"),
        ("1 % 0", "error: remainder of a division by zero"),
        ("-7 / 2", "-3"),
        ("-7 % 2", "-1"),
        ("1.0 / 0.0", "\"Infinity\""),
        ("1.5 % 1.0", "error: `%` does not take float and float"),
        ("1 + 0.5", "1.5"),
        ("1 < \"a\"", "error: `<` does not take int and string"),
        ("0.0 / 0.0 == 0.0 / 0.0", "false"),
        ("[2, 1].map(x, x * 2)", "[4,2]"),
    ]);
}

#[test]
fn lists() {
    table(&[
        ("[3, 1, 2].sort()", "[1,2,3]"),
        ("[1, \"a\"].sort()", "error"),
        ("[1, 2, 3, 4].slice(1, 3)", "[2,3]"),
        ("[1, 2].slice(1, 3)", "error"),
        ("[[1], [2, [3]]].flatten()", "[1,2,[3]]"),
        ("[[1], [2, [3]]].flatten(2)", "[1,2,3]"),
        ("[1, 1.0, 2, \"a\", \"a\"].distinct()", "[1,2,\"a\"]"),
        ("[1, 2].first()", "1"),
        ("[].last()", "null"),
        ("lists.range(3)", "[0,1,2]"),
        ("[1, null, 2].compact()", "[1,2]"),
        ("[1, 2, 3].chunk(2)", "[[1,2],[3]]"),
        ("[1].chunk(0)", "error"),
        ("[1, 2].sum()", "3"),
        ("[1.5, 2].sum()", "3.5"),
        ("[].sum()", "0"),
        ("[1m, 30s].sum()", "\"90s\""),
        ("[1, 2].avg()", "1.5"),
        ("[].avg()", "error: `avg` of an empty list"),
        ("[1, 2].reverse()", "[2,1]"),
        (
            "[{ n: 2, s: \"a\" }, { n: 1, s: \"b\" }, { n: 2, s: \"A\" }].sortBy(x, -x.n, x.s).map(x, x.s)",
            "[\"A\",\"a\",\"b\"]",
        ),
        ("[1, 2, 3].sortBy(x, \"a\")", "[1,2,3]"),
        ("[1, 2].transformList(i, x, i * x)", "[0,2]"),
        ("{ a: 1, b: 2 }.transformMap(k, v, v > 1, v * 10)", "{\"b\":20}"),
        ("{ a: \"x\" }.transformMapEntry(k, v, { [v]: k })", "{\"x\":\"a\"}"),
        ("{ b: 1, a: 2 }.map(k, k)", "[\"b\",\"a\"]"),
        ("[1, 2, 3].exists(i, x, i == 2 && x == 3)", "true"),
        ("[1, 2, 3].map(x, x > 1, x * 2)", "[4,6]"),
        ("math.greatest([1, 3, 2])", "3"),
        ("math.least([])", "error"),
    ]);
}

#[test]
fn strings() {
    table(&[
        ("truncate(\"äbcdef\", 3)", "\"äbc\""),
        ("\"ab\".truncate(10)", "\"ab\""),
        ("\"a-b-c\".replace(\"-\", \"+\", 1)", "\"a+b-c\""),
        ("\"abc\".replace(\"\", \"_\")", "\"_a_b_c_\""),
        ("\"a,b,c\".split(\",\", 2)", "[\"a\",\"b,c\"]"),
        ("\"a,b\".split(\",\", 0)", "[]"),
        ("\"äb\".split(\"\")", "[\"ä\",\"b\"]"),
        ("\"äbc\".split(\"\", 2)", "[\"ä\",\"bc\"]"),
        ("\"aaaa\".lastIndexOf(\"aa\", 1)", "1"),
        ("\"ääa\".lastIndexOf(\"ä\", 1)", "1"),
        ("\"aä\".lastIndexOf(\"ä\", 0)", "-1"),
        ("\"abc\".charAt(3)", "\"\""),
        ("\"abc\".charAt(-1)", "error"),
        ("\"abc\".substring(2, 1)", "error"),
        ("matches(\"abc\", \"^b\")", "false"),
        ("\"abc\".matches(\"(\")", "error"),
        ("\"abc\".matches(\"(a{1000}){1000}\")", "error: the regular expression is too large"),
        ("\"%5\".format([1])", "error"),
        ("\"%.999999f\".format([1.0])", "error"),
        ("\"%o\".format([-8])", "\"-10\""),
    ]);
}

#[test]
fn time() {
    table(&[
        ("timestamp(\"2026-03-01T00:30:00Z\") - 1h", "\"2026-02-28T23:30:00Z\""),
        ("timestamp(\"2026-03-01T00:30:00Z\").getDayOfWeek()", "0"),
        ("timestamp(\"2026-03-01T00:30:00Z\").getDayOfYear()", "59"),
        ("timestamp(\"2026-03-01T00:30:00.125Z\").getMilliseconds()", "125"),
        (
            "timestamp(\"2026-03-01T00:30:00Z\").format(\"%Y-%m-%d %H:%M\", \"+02:00\")",
            "\"2026-03-01 02:30\"",
        ),
        ("timestamp(\"2026-03-01T00:30:00Z\").format(\"%!\")", "error"),
        ("timestamp(0).getHours(\"Nowhere/City\")", "error"),
        ("-(1h)", "\"-3600s\""),
    ]);
}

#[test]
fn bounds() {
    let big = "lists.range(100000)";
    table(&[
        (&format!("{big}.map(x, {big}.map(y, y)).size()"), "error"),
        (
            &format!("{big}.exists(x, {big}.exists(y, y / 0 == 1))"),
            "error: the expression takes too much work",
        ),
        ("lists.range(1000000000)", "error: a value of more than 64 MiB"),
    ]);
}

#[test]
fn long_chains_need_no_stack() {
    let one =
        || Expr { kind: Box::new(ExprKind::Literal(Value::Int(1))), span: Span::default(), ty: Type::Int };
    let mut sum = one();
    for _ in 1..5000 {
        let kind = ExprKind::Binary { op: BinaryOp::Add, left: sum, right: one() };
        sum = Expr { kind: Box::new(kind), span: Span::default(), ty: Type::Int };
    }
    assert_eq!(eval(&sum, &NoEnv), Ok(Value::Int(5000)));
    let mut deep = one();
    for _ in 0..1000 {
        deep = Expr { kind: Box::new(ExprKind::Neg(deep)), span: Span::default(), ty: Type::Int };
    }
    assert!(matches!(eval(&deep, &NoEnv), Err(Stop::Error(error)) if error.limit));
}
