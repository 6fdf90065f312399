//! CEL's own cases through `aos eval --jsonl`: parsed, type-checked, evaluated.

use super::{files, lines};
use crate::support::{aos, cases, finish_with};
use aos::types::{Type, conform};
use aos::value::{Value, parse_duration, parse_timestamp};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

/// The cases within the language's profile that it does not answer as CEL does, by id or by the beginning of ids, each with the sentence of
/// the language that says so.
const DIFFERENT: &[(&str, &str)] = &[
    ("comparisons/eq_literal/eq_map_value_mixed_types", STRING_KEYS),
    ("macros/exists/map_key_type", STRING_KEYS),
    ("string_ext/format/dyntype support for maps", STRING_KEYS),
    (
        "type_deduction/complex_initializers/map",
        "records `{ a: T, b?: T }`: a literal with plain keys is a record, which fits `map<T>` when its fields fit `T`",
    ),
    (
        "type_deduction/flexible_type_parameter_assignment/unconstrained_type_var_as_dyn",
        "what can be known before running is checked before running: the element of an empty list",
    ),
];

const STRING_KEYS: &str = "`map<T>` (string keys)";

/// A tagged value in the outside form that `eval` prints; `None` where the language has no such value.
fn plain(tagged: &Json) -> Option<Json> {
    let (tag, inner) = tagged.as_object()?.iter().next()?;
    Some(match tag.as_str() {
        "null" => Json::Null,
        "int" => json!(match inner {
            Json::String(text) => text.parse::<i64>().ok()?,
            number => number.as_i64()?,
        }),
        "double" => match inner {
            Json::String(text) => json!(text),
            number => json!(number.as_f64()?),
        },
        "bool" | "string" | "bytes" | "type" => inner.clone(),
        "timestamp" => Value::Timestamp(parse_timestamp(inner.as_str()?)?).to_json(),
        "duration" => Value::Duration(parse_duration(inner.as_str()?)?).to_json(),
        "list" => Json::Array(inner.as_array()?.iter().map(plain).collect::<Option<_>>()?),
        "map" => {
            let mut map = Map::new();
            for pair in inner.as_array()? {
                map.insert(pair[0]["string"].as_str()?.to_owned(), plain(&pair[1])?);
            }
            Json::Object(map)
        }
        _ => return None,
    })
}

/// A type as the language writes it.
fn type_text(cel: &str) -> Option<String> {
    let inside = |start: &str| cel.strip_prefix(start)?.strip_suffix(')');
    if let Some(item) = inside("list(") {
        return Some(format!("list<{}>", type_text(item)?));
    }
    if let Some(entry) = inside("map(string, ") {
        return Some(format!("map<{}>", type_text(entry)?));
    }
    Some(match cel {
        "double" => "float".to_owned(),
        "dyn" => "json".to_owned(),
        "int" | "string" | "bool" | "bytes" | "null" | "timestamp" | "duration" => cel.to_owned(),
        _ => return None,
    })
}

fn question(case: &Json) -> Option<Json> {
    let (mut types, mut vars) = (Map::new(), Map::new());
    for (name, ty) in case["type_env"].as_object().into_iter().flatten() {
        types.insert(name.clone(), json!(type_text(ty.as_str()?)?));
    }
    for (name, value) in case["bindings"].as_object().into_iter().flatten() {
        vars.insert(name.clone(), plain(value)?);
    }
    let check = case["disable_check"] != true;
    Some(json!({ "id": case["id"], "expr": case["expr"], "types": types, "vars": vars, "check": check }))
}

/// Equal, an int never to a float.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x.is_f64() == y.is_f64() && x.as_f64() == y.as_f64(),
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// The answer's type is a type of the language, and its value is one of it.
fn sound(answer: &Json) -> Result<(), String> {
    let text = answer["type"].as_str().unwrap_or_default();
    // `type(x)` has a type that cannot be written.
    if text == "type" {
        return Ok(());
    }
    let ty: Type = aos::check::read_type(text).map_err(|e| format!("the type `{text}`: {}", e[0].message))?;
    conform(Value::from_json(&answer["value"]), &ty)
        .map(|_| ())
        .map_err(|m| format!("the value is no `{text}`: {m}"))
}

/// `Err`: why the answer is not what the case expects.
fn verdict(case: &Json, answer: &Json) -> Result<(), String> {
    if case.get("expected_error").is_some() {
        return match answer.get("error") {
            Some(_) => Ok(()),
            None => Err(format!("gives {}, expected an error", answer["value"])),
        };
    }
    if let Some(error) = answer.get("error") {
        let only_type = case["check_only"] == true && error["phase"] == "run";
        return if only_type { Ok(()) } else { Err(format!("{}: {}", error["code"], error["message"])) };
    }
    sound(answer)?;
    if let Some(deduced) = case["deduced_type"].as_str() {
        let wanted = type_text(deduced).ok_or("a type that the language lacks")?;
        if answer["type"] != json!(wanted) {
            return Err(format!("its type is {}, expected {wanted}", answer["type"]));
        }
    }
    let Some(expected) = case.get("expected") else { return Ok(()) };
    match plain(expected) {
        Some(wanted) if same(&answer["value"], &wanted) => Ok(()),
        Some(_) | None => Err(format!("gives {} ({}), expected {expected}", answer["value"], answer["type"])),
    }
}

#[test]
fn cel_typed() {
    let Some(folder) = cases("conformance/cel") else { return };
    let all: Vec<Json> = files(&folder, ".jsonl").iter().flat_map(|path| lines(path)).collect();
    let asked: Vec<(&Json, Option<Json>)> = all.iter().map(|case| (case, question(case))).collect();
    let mut text = String::new();
    for question in asked.iter().filter_map(|(_, q)| q.as_ref()) {
        writeln!(text, "{question}").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = finish_with(aos(dir.path()).args(["eval", "--jsonl"]), &text);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut answers = out.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let (mut passed, mut profile, mut profile_passed) = (0, 0, 0);
    let (mut wrong, mut listed) = (Vec::new(), vec![0; DIFFERENT.len()]);
    for (case, question) in &asked {
        let result = match question {
            Some(question) => {
                let answer = answers.next().expect("an answer a line");
                assert_eq!(answer["id"], question["id"], "answers come in order");
                verdict(case, &answer)
            }
            None => Err("types or values that the language lacks".to_owned()),
        };
        let inside = case["aos_profile"] == true;
        profile += usize::from(inside);
        passed += usize::from(result.is_ok());
        profile_passed += usize::from(inside && result.is_ok());
        let id = case["id"].as_str().unwrap();
        if let (Err(why), true) = (result, inside) {
            match DIFFERENT.iter().position(|(start, _)| id.starts_with(start)) {
                Some(at) => listed[at] += 1,
                None => wrong.push(format!("{id}: {} {why}", case["expr"])),
            }
        }
    }
    println!(
        "cel: {profile_passed} of {profile} cases within the profile, {} on the list of differences; {passed} of all {}",
        listed.iter().sum::<usize>(),
        all.len()
    );
    for ((start, sentence), count) in DIFFERENT.iter().zip(&listed) {
        println!("  {start}: {count} differ: {sentence}");
        assert!(*count > 0, "`{start}` is on the list, and agrees");
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
