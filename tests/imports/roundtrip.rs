//! Import and back: what `aos skills` shows as JSON Schema gives the same verdicts as the schema that came in.

use super::shapes;
use crate::support::{aos, cases, finish, finish_with};
use aos::project::import::{Options, import};
use aos::project::schemas::KeptSchemas;
use aos::runtime::skill::schema::Schema;
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Values that a place may hold, right or wrong.
fn values() -> Vec<Json> {
    vec![
        Json::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(3),
        json!(10),
        json!(1.5),
        json!(1e9),
        json!(""),
        json!("x"),
        json!("a@b.example"),
        json!("2024-02-29"),
        json!("https://example.com/a"),
        json!("y".repeat(300)),
        json!([]),
        json!([1, 2]),
        json!(["a", "a"]),
        json!({}),
        json!({ "a": 1 }),
    ]
}

/// A value that likely fits a schema.
fn fitting(schema: &Json, root: &Json, depth: usize) -> Json {
    if let Some(target) = schema["$ref"].as_str().and_then(|r| root.pointer(r.strip_prefix('#')?)) {
        return if depth > 6 { Json::Null } else { fitting(target, root, depth + 1) };
    }
    if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[word].get(0) {
            let mut value = fitting(first, root, depth + 1);
            if word == "allOf" && value.is_object() {
                for more in schema[word].as_array().unwrap().iter().skip(1).chain([&own(schema)]) {
                    if let (Json::Object(value), Json::Object(more)) =
                        (&mut value, fitting(more, root, depth + 1))
                    {
                        value.extend(more);
                    }
                }
            }
            return value;
        }
    }
    let kind =
        schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str()).unwrap_or("").to_lowercase();
    match kind.as_str() {
        "integer" | "number" => {
            schema.get("minimum").or_else(|| schema.get("maximum")).cloned().unwrap_or(json!(1))
        }
        "boolean" => json!(true),
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(1) as usize;
            Json::Array((0..count.max(1)).map(|_| fitting(&schema["items"], root, depth + 1)).collect())
        }
        "string" => match schema["format"].as_str() {
            Some("date") => json!("2024-02-29"),
            Some("date-time") => json!("2024-02-29T00:00:00Z"),
            Some("email") => json!("a@b.example"),
            Some("uri") => json!("https://example.com/a"),
            Some("uuid") => json!("0b0b6d6e-5bd0-4e3a-8f2a-0a7c2c5b8a11"),
            _ => json!("x".repeat(schema["minLength"].as_u64().unwrap_or(1) as usize)),
        },
        _ if schema["properties"].is_object() => {
            let fields = schema["properties"].as_object().unwrap().iter();
            Json::Object(fields.map(|(k, v)| (k.clone(), fitting(v, root, depth + 1))).collect())
        }
        "object" => json!({}),
        _ => json!("x"),
    }
}

fn own(schema: &Json) -> Json {
    let mut own = schema.clone();
    if let Json::Object(map) = &mut own {
        ["allOf", "anyOf", "oneOf"].iter().for_each(|w| drop(map.shift_remove(*w)));
    }
    own
}

/// The value with one place in it changed, each in turn.
fn changed(value: &Json, out: &mut Vec<Json>, rebuild: &dyn Fn(Json) -> Json, depth: usize) {
    out.extend(values().into_iter().map(rebuild));
    if depth > 3 {
        return;
    }
    match value {
        Json::Object(map) => {
            for key in map.keys() {
                let without: Map<String, Json> =
                    map.iter().filter(|(k, _)| *k != key).map(|(k, v)| (k.clone(), v.clone())).collect();
                out.push(rebuild(Json::Object(without)));
                let put = |new: Json| {
                    let mut map = map.clone();
                    map.insert(key.clone(), new);
                    rebuild(Json::Object(map))
                };
                changed(&map[key], out, &put, depth + 1);
            }
            let mut more = map.clone();
            more.insert("one_more".to_owned(), json!(1));
            out.push(rebuild(Json::Object(more)));
        }
        Json::Array(items) => {
            let mut twice = items.clone();
            twice.extend(items.iter().cloned());
            out.push(rebuild(Json::Array(twice)));
            if let Some(first) = items.first() {
                let put = |new: Json| {
                    let mut items = items.clone();
                    items[0] = new;
                    rebuild(Json::Array(items))
                };
                changed(first, out, &put, depth + 1);
            }
        }
        _ => {}
    }
}

fn samples(schema: &Json) -> Vec<Json> {
    let base = fitting(schema, schema, 0);
    let mut all = vec![base.clone()];
    changed(&base, &mut all, &|v| v, 0);
    all
}

/// The skills of a namespace as `aos skills list --json` shows them, in order.
fn shown(dir: &Path) -> Vec<Json> {
    let (code, out, err) = finish(aos(dir).args(["skills", "list", "--json"]));
    assert_eq!(code, 0, "{err}");
    let all = out.lines().map(|l| serde_json::from_str::<Json>(l).unwrap());
    all.filter(|s| s["name"].as_str().unwrap().starts_with("rt.")).collect()
}

/// Whether a sample tells two schemas apart; `skip` leaves samples out.
fn apart(a: &Json, b: &Json, skip: impl Fn(&Json) -> bool) -> (usize, Option<String>) {
    let (Ok(first), Ok(second)) = (Schema::new(a), Schema::new(b)) else {
        return (0, Some(format!("a schema cannot be read: {a} / {b}")));
    };
    let all: Vec<Json> = samples(a).into_iter().filter(|s| !skip(s)).collect();
    let differ = all.iter().find(|s| first.check(s).is_ok() != second.check(s).is_ok());
    let why = differ.map(|s| {
        format!(
            "{} / {} on {s}\n  {a}\n  {b}",
            first.check(s).err().unwrap_or_default(),
            second.check(s).err().unwrap_or_default()
        )
    });
    (all.len(), why)
}

/// What the language reads otherwise on purpose: null for what is absent, and arguments that have no parameter.
fn looser(schema: &Json, sample: &Json) -> bool {
    fn has_null(v: &Json) -> bool {
        match v {
            Json::Null => true,
            Json::Array(items) => items.iter().any(has_null),
            Json::Object(map) => map.values().any(has_null),
            _ => false,
        }
    }
    let known = |key: &String| schema["properties"].get(key).is_some() || schema.get("allOf").is_some();
    let extra = sample.as_object().is_some_and(|s| s.keys().any(|key| !known(key) || key == "one_more"));
    has_null(sample) || extra
}

#[test]
fn verdicts_survive_the_way_there_and_back() {
    let mut documents: Vec<(String, Json)> = shapes::documents();
    if let Some(folder) = cases("examples-data/mcp") {
        for path in crate::conformance::files(&folder, ".json") {
            let server: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let list =
                server.pointer("/tools_list/result").or_else(|| server.get("tools")).unwrap_or(&server);
            documents.push((path.file_stem().unwrap().to_string_lossy().into_owned(), list.clone()));
        }
    }
    let (mut tools, mut told, mut said_by_types, mut wrong) = (0, 0, 0, Vec::new());
    for (name, document) in documents {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("skills")).unwrap();
        std::fs::write(dir.path().join("aos.toml"), "[project]\nskills = [\"skills\"]\n").unwrap();
        let args = ["skills", "import", "-", "--namespace", "rt", "--out", "skills/rt.plan"];
        let (code, _, err) = finish_with(aos(dir.path()).args(args), &document.to_string());
        assert_eq!(code, 0, "{name}: {err}");
        let options = Options { namespace: "rt".to_owned(), effect: None, trust: false };
        let notes = import(&document, &options).unwrap().notes;
        let file = std::fs::read_to_string(dir.path().join("skills/rt.schema.json")).unwrap();
        let kept = KeptSchemas::of(serde_json::from_str(&file).unwrap());
        let kept: Map<String, Json> = kept.names().map(|n| (n.to_owned(), kept.get(n).unwrap())).collect();
        let whole = shown(dir.path());
        assert_eq!(whole.len(), kept.len(), "{name}");
        tools += kept.len();
        // With the schemas that were kept.
        for skill in &whole {
            let own = &kept[skill["name"].as_str().unwrap()];
            for (part, shown) in [("input", "input_schema"), ("output", "output_schema")] {
                let Some(came) = own.get(part) else { continue };
                let (count, why) = apart(came, &skill[shown], |_| false);
                told += count;
                wrong.extend(why.map(|w| format!("{name} {} {part}: {w}", skill["name"])));
            }
        }
        // By the types alone, where they say everything.
        std::fs::remove_file(dir.path().join("skills/rt.schema.json")).unwrap();
        for skill in shown(dir.path()) {
            let id = skill["name"].as_str().unwrap();
            let noted = notes.iter().any(|n| {
                !n.starts_with("rt.") || n.starts_with(&format!("{id}:")) || n.starts_with(&format!("{id}("))
            });
            let came = kept[id].get("input").filter(|_| !noted);
            let Some(came) = came else { continue };
            said_by_types += 1;
            let (_, why) = apart(came, &skill["input_schema"], |sample| looser(came, sample));
            wrong.extend(why.map(|w| format!("{name} {id} by its types: {w}")));
        }
    }
    println!(
        "imports: {tools} tools there and back, {told} samples judged the same; {said_by_types} by their types alone"
    );
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
