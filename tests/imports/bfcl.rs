//! BFCL: calls that people wrote for tools. Right ones fit the imported signatures, wrong ones do not.

use super::{errors, foreign, said, skill_of, trusted};
use crate::nestful::argument;
use crate::support::cases;
use aos::diagnostic::Code;
use aos::project::import::Imported;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

fn plan(tools: &Json, made: &Imported, calls: &[Json]) -> String {
    let mut text = "use \"t.plan\"\nplan calls() {\n".to_owned();
    for (i, call) in calls.iter().enumerate() {
        let tool = call["name"].as_str().unwrap();
        let skill = skill_of(tools, made, tool).unwrap_or_else(|| foreign(tool));
        let args = call["args"].as_object().unwrap().iter();
        let args: Vec<String> = args.map(|(k, v)| format!("{k}: {}", argument(v))).collect();
        writeln!(text, "  step s{i} = {skill}({})", args.join(", ")).unwrap();
    }
    text.push_str("}\n");
    text
}

/// One mistake each in the calls of a case, with the code that says so.
fn mistakes(case: &Json) -> Vec<(Vec<Json>, Code)> {
    let gold = case["gold"].as_array().unwrap();
    let mut out = Vec::new();
    for (i, call) in gold.iter().enumerate() {
        let tool = case["tools"].as_array().unwrap().iter().find(|t| t["name"] == call["name"]).unwrap();
        let mut change = |f: &dyn Fn(&mut Json), code| {
            let mut calls = gold.clone();
            f(&mut calls[i]);
            out.push((calls, code));
        };
        change(&|c| c["name"] = json!(format!("{}_x9", c["name"].as_str().unwrap())), Code::UnknownSkill);
        change(&|c| c["args"]["no_such_argument"] = json!(1), Code::UnknownArgument);
        for (name, schema) in tool["input"]["properties"].as_object().unwrap() {
            let required = tool["input"]["required"].as_array().is_some_and(|r| r.iter().any(|n| n == name));
            if required {
                change(
                    &|c| {
                        c["args"].as_object_mut().unwrap().shift_remove(name);
                    },
                    Code::MissingArgument,
                );
            }
            if call["args"].get(name).is_none() {
                continue;
            }
            let other = match schema["type"].as_str() {
                Some("string") => json!(5),
                Some("integer" | "number" | "boolean" | "array" | "object") => json!("some text"),
                _ => continue,
            };
            change(&|c| c["args"][name] = other.clone(), Code::ArgumentType);
            if schema["enum"].is_array() && schema["type"] == "string" {
                change(&|c| c["args"][name] = json!("no member of it"), Code::ArgumentType);
            }
        }
    }
    out
}

#[test]
fn gold_calls_fit_and_wrong_ones_do_not() {
    let Some(set) = cases("examples-data/bfcl/parallel.jsonl") else { return };
    let (mut gold, mut refused, mut marked, mut wrong) = (0, 0, 0, Vec::new());
    for line in std::fs::read_to_string(set).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let made = trusted(&case["tools"]);
        let calls = case["gold"].as_array().unwrap();
        let text = plan(&case["tools"], &made, calls);
        let found = errors(&made.text, &text);
        let said: Vec<String> = found.iter().map(said).collect();
        if case["findings"].as_array().is_some_and(|f| !f.is_empty()) {
            marked += 1;
            if found.is_empty() {
                wrong.push(format!("{}: passes, but {}", case["id"], case["findings"]));
            }
            continue;
        }
        gold += calls.len();
        if !found.is_empty() {
            wrong.push(format!("{}: {said:?}\n{text}", case["id"]));
        }
        for (calls, code) in mistakes(&case) {
            refused += 1;
            let text = plan(&case["tools"], &made, &calls);
            let found = errors(&made.text, &text);
            if found.first().is_none_or(|d| d.code != code) {
                let codes: Vec<_> = found.iter().map(|d| d.code.name()).collect();
                wrong.push(format!("{}: expected {code}, found {codes:?}\n{text}", case["id"]));
            }
        }
    }
    println!("bfcl: {gold} gold calls fit, {marked} marked cases and {refused} calls made wrong are refused");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
