//! Published plans over tools, run with their own implementations through the `process` provider.

use crate::support::{aos, cases, finish, finished};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// A JSON Schema as a type of the language; what cannot be said is `json`. Some published plans hand a fraction to an
/// `integer`, or texts to a list of integers, and their gold answers count on it: so far the schemas are not believed.
fn ty(schema: &Json) -> String {
    match schema["type"].as_str() {
        Some("string") => "string".into(),
        Some("integer" | "number") => "float".into(),
        Some("boolean") => "bool".into(),
        Some("array") => "list<json>".into(),
        _ => "json".into(),
    }
}

fn signature(tool: &Json) -> String {
    let name = tool["name"].as_str().unwrap();
    let required: BTreeSet<&str> = tool["input"]["required"]
        .as_array()
        .map(|r| r.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let mut params = String::new();
    for (param, schema) in tool["input"]["properties"].as_object().into_iter().flatten() {
        let mark = if required.contains(param.as_str()) { "" } else { "?" };
        write!(params, "{param}{mark}: {}, ", ty(schema)).unwrap();
    }
    let mut fields = String::new();
    for (field, schema) in tool["output"]["properties"].as_object().into_iter().flatten() {
        write!(fields, "{field}: {}, ", ty(schema)).unwrap();
    }
    format!("skill t.{name}({params}) -> {{ {fields} }}\n")
}

/// An argument: a reference becomes an expression over the step's name.
pub fn argument(value: &Json) -> String {
    match value {
        Json::Object(map) if map.contains_key("$ref") => {
            let mut text = map["$ref"]["step"].as_str().unwrap().to_owned();
            for part in map["$ref"]["path"].as_array().unwrap() {
                match part {
                    Json::String(field) => write!(text, ".{field}").unwrap(),
                    other => write!(text, "[{other}]").unwrap(),
                }
            }
            text
        }
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(k, v)| format!("{}: {}", quoted(k), argument(v))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(argument).collect::<Vec<_>>().join(", ")),
        Json::String(text) => quoted(text),
        other => other.to_string(),
    }
}

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace("${", "\\${")
}

fn tool<'a>(case: &'a Json, name: &str) -> &'a Json {
    case["tools"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap_or(&Json::Null)
}

/// The published outputs are loosely typed: what is `json` there and a type here is checked while running.
fn cast(case: &Json, value: &Json, wanted: &str) -> String {
    let (step, field) = (&value["$ref"]["step"], &value["$ref"]["path"][0]);
    let Some(step) =
        case["plan"]["steps"].as_array().unwrap().iter().find(|s| !step.is_null() && s["id"] == *step)
    else {
        return String::new();
    };
    let made = ty(&tool(case, step["skill"].as_str().unwrap())["output"]["properties"]
        [field.as_str().unwrap_or_default()]);
    if made.contains("json") && wanted != made && wanted != "json" {
        format!(" as {wanted}")
    } else {
        String::new()
    }
}

/// The signatures of a case's tools, and its plan.
pub fn parts(case: &Json) -> (String, String) {
    let signatures = case["tools"].as_array().unwrap().iter().map(signature).collect();
    let mut text = "plan answer() -> json {\n".to_owned();
    for step in case["plan"]["steps"].as_array().unwrap() {
        let (id, skill) = (step["id"].as_str().unwrap(), step["skill"].as_str().unwrap());
        let wanted = |param: &str| ty(&tool(case, skill)["input"]["properties"][param]);
        let args: Vec<String> = step["args"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| format!("{k}: {}{}", argument(v), cast(case, v, &wanted(k))))
            .collect();
        writeln!(text, "  step {id} = t.{skill}({})", args.join(", ")).unwrap();
    }
    writeln!(text, "  return {} as json\n}}", argument(&case["plan"]["result"])).unwrap();
    (signatures, text)
}

fn plan(case: &Json) -> String {
    let (signatures, plan) = parts(case);
    format!("{signatures}\n{plan}")
}

/// Equal as numbers where both are, else as they are.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => (x.as_f64().unwrap() - y.as_f64().unwrap()).abs() < 1e-9,
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

fn run(dir: &Path, case: &Json) -> Result<(), String> {
    std::fs::write(dir.join("answer.plan"), plan(case)).unwrap();
    let (_, out, err) = finish(aos(dir).args(["run", "answer.plan", "--json", "--store", ":memory:"]));
    if out.is_empty() {
        return Err(err);
    }
    let finished = finished(&out);
    if finished["status"] != "succeeded" {
        return Err(format!("{}: {}", finished["status"], finished["error"]));
    }
    for (step, expected) in case["expected_outputs"].as_object().unwrap() {
        let value = &finished["steps"][step]["value"];
        if !same(value, expected) {
            return Err(format!("step {step} gave {value}, expected {expected}"));
        }
    }
    // A result that names a whole step has one field: the value itself is the answer.
    let output = &finished["output"];
    let answer =
        output.as_object().filter(|o| o.len() == 1).and_then(|o| o.values().next()).unwrap_or(output);
    let gold = &case["gold_answer"];
    if same(answer, gold) || same(output, gold) {
        Ok(())
    } else {
        Err(format!("answered {answer}, expected {gold}"))
    }
}

#[test]
fn published_plans_give_their_gold_answers() {
    let Some(set) = cases("examples-data/nestful") else { return };
    let dir = tempfile::tempdir().unwrap();
    let skills = set.join("skills.py").canonicalize().unwrap();
    let config =
        format!("[skills.t]\nprovider = \"process\"\ncommand = [\"python3\", {skills:?}, \"--serve\"]\n");
    std::fs::write(dir.path().join("aos.toml"), config).unwrap();
    let mut wrong = Vec::new();
    let mut right = 0;
    for line in std::fs::read_to_string(set.join("nestful.jsonl")).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let findings = case["static_findings"].as_array().is_some_and(|f| !f.is_empty());
        if case["executable"] != true || findings {
            continue;
        }
        match run(dir.path(), &case) {
            Ok(()) => right += 1,
            Err(why) => wrong.push(format!("{}: {why}", case["id"])),
        }
    }
    println!("nestful: {right} published plans gave their gold answers, {} did not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
