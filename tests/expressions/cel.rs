//! CEL's own cases that the language covers, evaluated. `AOS_CASES` says where they lie; without them the test says so and passes.

use super::run;
use aos::value::{Map, Value};
use base64::Engine as _;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;

fn folder() -> PathBuf {
    std::env::var_os("AOS_CASES")
        .map_or_else(|| PathBuf::from("../shared"), PathBuf::from)
        .join("conformance/cel")
}

fn value(tagged: &Json) -> Option<Value> {
    let (tag, inner) = tagged.as_object()?.iter().next()?;
    Some(match tag.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool()?),
        "int" => Value::Int(match inner {
            Json::String(text) => text.parse().ok()?,
            number => number.as_i64()?,
        }),
        "double" => Value::Float(match inner {
            Json::String(text) => text.parse().ok()?,
            number => number.as_f64()?,
        }),
        "string" => Value::from(inner.as_str()?),
        "bytes" => {
            Value::Bytes(base64::engine::general_purpose::STANDARD.decode(inner.as_str()?).ok()?.into())
        }
        "timestamp" => Value::Timestamp(aos::value::parse_timestamp(inner.as_str()?)?),
        "duration" => Value::Duration(aos::value::parse_duration(inner.as_str()?)?),
        "list" => Value::from(inner.as_array()?.iter().map(value).collect::<Option<Vec<_>>>()?),
        "map" => {
            let entries = inner.as_array()?.iter().map(|pair| {
                let key = value(pair.get(0)?)?.scalar_text()?;
                Some((Arc::from(key), value(pair.get(1)?)?))
            });
            Value::from(entries.collect::<Option<Map>>()?)
        }
        _ => return None,
    })
}

/// `None`: it passes.
fn verdict(case: &Json) -> Option<String> {
    let text = case["expr"].as_str().unwrap_or_default();
    let mut vars = Vec::new();
    for (name, tagged) in case["bindings"].as_object().into_iter().flatten() {
        match value(tagged) {
            Some(value) => vars.push((name.as_str(), value)),
            None => return Some(format!("a binding this test does not read: {tagged}")),
        }
    }
    let result = run(text, &vars);
    if case.get("expected_error").is_some() {
        return result.ok().map(|value| format!("gives {}, expected an error", value.to_json()));
    }
    // Without an expected value the case is about types.
    let expected = case.get("expected")?;
    match (result, value(expected)) {
        (Ok(found), Some(expected)) if found == expected => None,
        (Ok(found), _) => Some(format!("gives {}, expected {expected}", found.to_json())),
        (Err(error), _) => Some(format!("fails: {error}, expected {expected}")),
    }
}

#[test]
fn cel_cases() {
    let Ok(files) = std::fs::read_dir(folder()) else {
        eprintln!("skipped: no cases at {}", folder().display());
        return;
    };
    let mut paths: Vec<PathBuf> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let (mut passed, mut failed) = (0, Vec::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let case: Json = serde_json::from_str(line).unwrap();
            if case["aos_profile"] != Json::Bool(true) {
                continue;
            }
            let id = case["id"].as_str().unwrap_or_default();
            match verdict(&case) {
                None => passed += 1,
                Some(why) => failed.push(format!("{id}: {} {why}", case["expr"])),
            }
        }
    }
    eprintln!("{passed} cases pass");
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}
