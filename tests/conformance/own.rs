//! What CEL means, in cases of our own through `aos eval --jsonl`: sections as its suite has them.

use crate::support::{aos, finish_with};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// What is asked, and the value with its type; `"!"` and a phase for an error.
const CASES: &[(&str, &str, &str)] = &[
    // integer_math, fp_math
    ("9223372036854775807 + 1", "!", "check"),
    ("i + 9223372036854775807", "!", "run"),
    ("-9223372036854775808", "-9223372036854775808", "int"),
    ("7 % -3", "1", "int"),
    ("-7 / 2", "-3", "int"),
    ("i / 0", "!", "run"),
    ("i % 0", "!", "run"),
    ("f / 0.0", "\"Infinity\"", "float"),
    ("-f / 0.0", "\"-Infinity\"", "float"),
    ("0.0 / 0.0 == 0.0 / 0.0", "false", "bool"),
    ("f % 2.0", "!", "check"),
    ("1 + 2.5", "3.5", "float"),
    ("2 * f", "3.0", "float"),
    ("1e308 * 10.0", "\"Infinity\"", "float"),
    // comparisons
    ("1 < 1.5 && 2.0 > 1 && 1 == 1.0", "true", "bool"),
    ("'a' < 'b' && 'Z' < 'a' && '' < 'a'", "true", "bool"),
    ("b'a' < b'ab'", "true", "bool"),
    ("false < true", "true", "bool"),
    ("duration('1m') == duration('60s') && duration('1s') < duration('1m')", "true", "bool"),
    ("timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-01T00:00:01Z')", "true", "bool"),
    ("[1, [2, 3]] == [1, [2, 3]] && [1] != [1, 1]", "true", "bool"),
    ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true", "bool"),
    ("1 == '1'", "!", "check"),
    ("dyn(1) == '1'", "false", "bool"),
    ("dyn(i) < 'a'", "!", "run"),
    ("2 in xs && !(9 in xs) && 'k' in m && !('z' in m)", "true", "bool"),
    // logic
    ("true || i / 0 == 1", "true", "bool"),
    ("i / 0 == 1 || true", "true", "bool"),
    ("i / 0 == 1 && false", "false", "bool"),
    ("i / 0 == 1 || false", "!", "run"),
    ("!true ? 1 : 2", "2", "int"),
    ("(true ? false : true) ? 'a' : 'b'", "\"b\"", "string"),
    ("1 || true", "!", "check"),
    // macros
    ("xs.all(x, x > 0) && xs.exists(x, x == 3) && xs.exists_one(x, x == 2)", "true", "bool"),
    ("[].all(x, false) || [].exists(x, true)", "true", "bool"),
    ("xs.exists(x, x / 0 == 1)", "!", "run"),
    ("[1, 0].exists(x, 1 / x == 1)", "true", "bool"),
    ("xs.map(x, x * x).filter(x, x % 2 == 1)", "[1,9]", "list<int>"),
    ("xs.map(x, x > 1, string(x))", "[\"2\",\"3\"]", "list<string>"),
    ("m.map(k, k + '!')", "[\"k!\"]", "list<string>"),
    ("[[1, 2], [3]].map(x, x.map(y, y + 1))", "[[2,3],[4]]", "list<list<int>>"),
    ("[1, 2].map(x, [x, 'a'].size())", "[2,2]", "list<int>"),
    ("has({'a': 1}.a) && !has(m.z)", "true", "bool"),
    // lists, maps
    ("xs + [4] == [1, 2, 3, 4] && xs[1] == 2 && size(xs) == 3", "true", "bool"),
    ("xs[3]", "!", "run"),
    ("xs[-1]", "!", "run"),
    ("m.k + m['k']", "14", "int"),
    ("m.z", "!", "run"),
    ("[1, 'a', null]", "[1,\"a\",null]", "list<json>"),
    ("[1, null]", "[1,null]", "list<int?>"),
    ("[1, 2.5]", "[1.0,2.5]", "list<float>"),
    ("{'a': [{'b': true}]}.a[0].b", "true", "bool"),
    // conversions
    ("int('-5') + int(2.9) + int(-2.9)", "-5", "int"),
    ("int(1e30)", "!", "check"),
    ("int('x1')", "!", "check"),
    ("double('1e3') == 1000.0 && float(3) == 3.0", "true", "bool"),
    ("string(1.0) + string(true) + string(-3) + string(1.5)", "\"1true-31.5\"", "string"),
    ("string(b'\\xc3\\xbf') == 'ÿ' && bytes('ÿ') == b'\\303\\277'", "true", "bool"),
    ("string(b'\\xff')", "!", "check"),
    ("bool('true') && !bool('false')", "true", "bool"),
    ("string(timestamp('2024-05-06T07:08:09.5+02:00'))", "\"2024-05-06T05:08:09.5Z\"", "string"),
    ("string(duration('1h30m0.5s'))", "\"5400.5s\"", "string"),
    (
        "type(1) == int && type(1.0) == double && type('a') == string && type([]) == list && type({}) == map",
        "true",
        "bool",
    ),
    ("type(null) == null_type && type(type(1)) == type && type(true) != type(1)", "true", "bool"),
    // strings
    ("size('größe') == 5 && size(b'größe') == 7 && size('😀') == 1", "true", "bool"),
    ("s.startsWith('he') && s.endsWith('lo') && s.contains('ell') && s.matches('^h.*o$')", "true", "bool"),
    ("s + ' ' + s", "\"hello hello\"", "string"),
    ("'\\u00fc\\U0001f600\\x41\\101\\n' == \"ü😀AA\\n\"", "true", "bool"),
    ("r'\\d' == '\\\\d' && '''a'b''' == \"a'b\" && r\"\"\"x\\\"\"\" == 'x\\\\'", "true", "bool"),
    ("'a,b,,c'.split(',') == ['a', 'b', '', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']", "true", "bool"),
    (
        "'tacocat'.charAt(3) == 'o' && 'tacocat'.indexOf('a', 2) == 5 && 'tacocat'.lastIndexOf('a') == 5",
        "true",
        "bool",
    ),
    ("'abc'.charAt(4)", "!", "check"),
    (
        "'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco' && '  x '.trim() == 'x'",
        "true",
        "bool",
    ),
    ("'Abc'.lowerAscii() + 'Abc'.upperAscii() + 'abc'.reverse()", "\"abcABCcba\"", "string"),
    ("'aXbX'.replace('X', '-') == 'a-b-' && 'aXbX'.replace('X', '-', 1) == 'a-bX'", "true", "bool"),
    ("['a', 'b'].join() + ['a', 'b'].join('-')", "\"aba-b\"", "string"),
    (
        "'%s is %d, %.2f, %x, %e, %b'.format(['a', 5, 1.234, 255, 1200.0, 5])",
        "\"a is 5, 1.23, ff, 1.200000e+03, 101\"",
        "string",
    ),
    ("'%s'.format([[1, 'a', true, null, duration('1s')]])", "\"[1, a, true, null, 1s]\"", "string"),
    ("'%d'.format(['a'])", "!", "check"),
    ("strings.quote('a\"b\\n')", "\"\\\"a\\\\\\\"b\\\\n\\\"\"", "string"),
    // math
    ("math.greatest(1, 5, 3) + math.least([4, 2])", "7", "int"),
    ("math.greatest(1, 2.5)", "2.5", "float"),
    ("math.ceil(1.2) + math.floor(-1.2) + math.round(2.5) + math.trunc(-1.9)", "2.0", "float"),
    ("math.abs(-3) + math.sign(-9)", "2", "int"),
    ("math.isNaN(0.0 / 0.0) && math.isInf(1.0 / 0.0) && math.isFinite(f)", "true", "bool"),
    (
        "math.bitAnd(6, 3) + math.bitOr(6, 3) + math.bitXor(6, 3) + math.bitShiftLeft(1, 4) + math.bitShiftRight(256, 4)",
        "46",
        "int",
    ),
    ("math.sqrt(16) + math.sqrt(2.25)", "5.5", "float"),
    // timestamps
    (
        "t.getFullYear() + t.getMonth() + t.getDate() + t.getDayOfMonth() + t.getDayOfWeek() + t.getDayOfYear()",
        "2166",
        "int",
    ),
    ("t.getHours('+02:30') * 100 + t.getMinutes('+02:30')", "938", "int"),
    ("t.getHours('America/New_York')", "3", "int"),
    ("t.getSeconds() * 1000 + t.getMilliseconds()", "9500", "int"),
    ("t + duration('1h') - t", "\"3600s\"", "duration"),
    (
        "duration('90m').getHours() + duration('90m').getMinutes() + duration('1.5s').getMilliseconds()",
        "591",
        "int",
    ),
    ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "!", "check"),
    (
        "timestamp(1) == timestamp('1970-01-01T00:00:01Z') && int(timestamp('1970-01-01T00:01:00Z')) == 60",
        "true",
        "bool",
    ),
    ("duration('x')", "!", "check"),
    // parse
    ("1 + // a remark\n 2", "3", "int"),
    ("((((((((1))))))))", "1", "int"),
    ("- - 1", "1", "int"),
    ("!!!true", "false", "bool"),
    ("0x1F + 0xff", "286", "int"),
    ("m\n  .k", "7", "int"),
    ("a.b.c", "5", "int"),
    ("xs[xs[0]]", "2", "int"),
    ("1 +", "!", "parse"),
    ("1 2", "!", "parse"),
    ("'a", "!", "parse"),
    ("nope", "!", "check"),
    // encoders and what the language adds
    ("base64.encode(b'hello') == 'aGVsbG8=' && base64.decode('aGVsbG8=') == b'hello'", "true", "bool"),
    ("b'hello'", "\"aGVsbG8=\"", "bytes"),
    ("opt ?? 4", "4", "int"),
    ("[opt, 1].compact()", "[1]", "list<int>"),
    ("xs.sum() + int(xs.avg())", "8", "int"),
    (
        "[{'n': 'b', 'i': 2}, {'n': 'a', 'i': 2}].sortBy(x, x.i, x.n).map(x, x.n)",
        "[\"a\",\"b\"]",
        "list<string>",
    ),
    ("dyn({'a': 1}) as { a: int }", "{\"a\":1}", "{ a: int }"),
    ("'a' as \"a\" | \"b\"", "!", "parse"),
    ("('a' as (\"a\" | \"b\"))", "\"a\"", "\"a\" | \"b\""),
];

#[test]
fn own_cases() {
    let types = json!({ "i": "int", "f": "float", "s": "string", "xs": "list<int>", "m": "map<int>", "t": "timestamp", "a.b": "map<int>", "opt": "int?" });
    let vars = json!({ "i": 3, "f": 1.5, "s": "hello", "xs": [1, 2, 3], "m": { "k": 7 }, "t": "2024-05-06T07:08:09.5Z", "a.b": { "c": 5 }, "opt": null });
    let mut text = String::new();
    for (i, (expr, _, _)) in CASES.iter().enumerate() {
        writeln!(text, "{}", json!({ "id": i, "expr": expr, "types": types, "vars": vars })).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = finish_with(aos(dir.path()).args(["eval", "--jsonl"]), &text);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut wrong = Vec::new();
    for ((expr, value, kind), line) in CASES.iter().zip(out.lines()) {
        let answer: Json = serde_json::from_str(line).unwrap();
        let fits = match *value {
            "!" => answer["error"]["phase"] == *kind,
            value => {
                let value: Json = serde_json::from_str(value).unwrap();
                answer["value"] == value && answer["type"] == *kind
            }
        };
        if !fits {
            wrong.push(format!("{expr}\n  {line}\n  expected {value} {kind}"));
        }
    }
    assert_eq!(out.lines().count(), CASES.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// Lines that are no question, and values in their outside forms.
#[test]
fn lines_and_forms() {
    for (line, expected) in [
        ("nonsense", r#"{"id":null,"error":{"phase":"parse","code":"bad-line""#),
        (r#"{"id":1}"#, r#"{"id":1,"error":{"phase":"parse","code":"bad-line""#),
        (r#"{"id":"a","expr":"x + 1","vars":{"x":1}}"#, r#"{"id":"a","type":"json","value":2}"#),
        (
            r#"{"id":2,"expr":"x","types":{"x":"float"},"vars":{"x":"NaN"}}"#,
            r#"{"id":2,"type":"float","value":"NaN"}"#,
        ),
        (
            r#"{"id":2,"expr":"x","types":{"x":"float"},"vars":{"x":3}}"#,
            r#"{"id":2,"type":"float","value":3.0}"#,
        ),
        (
            r#"{"id":2,"expr":"x * 1e300","types":{"x":"float"},"vars":{"x":10}}"#,
            r#"{"id":2,"type":"float","value":1e+301}"#,
        ),
        (
            r#"{"id":3,"expr":"x","types":{"x":"duration"},"vars":{"x":"1m1.5s"}}"#,
            r#"{"id":3,"type":"duration","value":"61.5s"}"#,
        ),
        (
            r#"{"id":4,"expr":"x","types":{"x":"timestamp"},"vars":{"x":"2024-01-01T01:00:00+01:00"}}"#,
            r#"{"id":4,"type":"timestamp","value":"2024-01-01T00:00:00Z"}"#,
        ),
        (
            r#"{"id":5,"expr":"x + b'!'","types":{"x":"bytes"},"vars":{"x":"aGk="}}"#,
            r#"{"id":5,"type":"bytes","value":"aGkh"}"#,
        ),
        (
            r#"{"id":6,"expr":"x","types":{"x":"int"},"vars":{"x":"1"}}"#,
            r#"{"id":6,"error":{"phase":"run","code":"invalid-input""#,
        ),
        (r#"{"id":7,"expr":"x","types":{"x":"list<"},"vars":{}}"#, r#"{"id":7,"error":{"phase":"parse","#),
        (r#"{"id":8,"expr":"x","types":{"x":"nope"},"vars":{}}"#, r#"{"id":8,"error":{"phase":"check","#),
        (r#"{"id":9,"expr":"1 + 'a'"}"#, r#"{"id":9,"error":{"phase":"check","code":"operator-type""#),
        (
            r#"{"id":9,"expr":"1 + 'a'","check":false}"#,
            r#"{"id":9,"error":{"phase":"run","code":"expression""#,
        ),
        (r#"{"id":9,"expr":"true || y.z() || w","check":false}"#, r#"{"id":9,"type":"json","value":true}"#),
        (r#"{"id":9,"expr":"y","check":false}"#, r#"{"id":9,"error":{"phase":"run","code":"expression""#),
        (
            r#"{"id":10,"expr":"{ a: x, \"b c\": null }","types":{"x":"list<string?>?"},"vars":{"x":null}}"#,
            r#"{"id":10,"type":"{ a: list<string?>?, \"b c\": null }","value":{"a":null,"b c":null}}"#,
        ),
        (
            r#"{"id":11,"expr":"if.x","types":{"if.x":"int"},"vars":{"if.x":1}}"#,
            r#"{"id":11,"error":{"phase":"parse""#,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (_, out, err) = finish_with(aos(dir.path()).args(["eval", "--jsonl"]), &format!("{line}\n"));
        assert!(out.starts_with(expected), "{line}\n  {out}{err}  {expected}");
    }
}
