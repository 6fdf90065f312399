//! What an imported schema says and the types cannot is held when the calls run.

use crate::support::{aos, finish, finish_with, finished, folder};
use serde_json::{Value as Json, json};
use std::path::Path;

/// Gives back its arguments, and leaves out what it is told to.
const SERVER: &str = r#"import json, sys
for line in sys.stdin:
    call = json.loads(line)
    args = call["args"]
    open("seen.log", "a").write(json.dumps(args) + "\n")
    result = {"sent": sorted(args), "code": args.get("answer", "ok-1")}
    print(json.dumps({"id": call["id"], "result": result}), flush=True)
"#;

fn tools() -> Json {
    json!([{ "name": "send", "inputSchema": {
        "type": "object",
        "properties": {
            "card": { "type": "string" }, "address": { "type": "string" }, "answer": { "type": "string" },
            "amount": { "type": "number", "multipleOf": 0.01 }, "key": { "type": "string", "not": { "pattern": "^sk-" } },
        },
        "required": ["amount"],
        "dependentRequired": { "card": ["address"] },
    }, "outputSchema": {
        "type": "object",
        "properties": { "sent": { "type": "array" }, "code": { "type": "string", "pattern": "^(?!no)[a-z]+-[0-9]+$" } },
        "required": ["sent", "code"],
    } }])
}

fn project() -> tempfile::TempDir {
    let config = "[project]\nskills = [\"skills\"]\n[skills.pay]\nprovider = \"process\"\ncommand = [\"python3\", \"server.py\"]\n[secrets]\nKEY = \"env:PAY_KEY\"\n";
    let dir = folder(&[("aos.toml", config), ("server.py", SERVER), ("skills/.keep", "")]);
    let args = [
        "skills",
        "import",
        "-",
        "--namespace",
        "pay",
        "--out",
        "skills/pay.plan",
        "--effect",
        "pure",
        "--trust",
    ];
    let (code, _, err) = finish_with(aos(dir.path()).args(args), &tools().to_string());
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("`dependentRequired` is left to the schema"), "{err}");
    dir
}

fn run(dir: &Path, call: &str) -> Json {
    let text =
        format!("plan p(none: string? = null) -> json {{\n  step s = pay.send({call})\n  return s\n}}\n");
    std::fs::write(dir.join("p.plan"), text).unwrap();
    let run = ["--store", "store", "run", "p.plan", "--json"];
    let (_, out, err) = finish(aos(dir).env("PAY_KEY", "sk-very-secret").args(run));
    assert!(!out.contains("very-secret") && !err.contains("very-secret"), "{out}{err}");
    assert!(!out.is_empty(), "{err}");
    finished(&out)
}

#[test]
fn calls_are_held_against_the_schemas_of_their_import() {
    let dir = project();
    for (call, kind, part) in [
        ("amount: 1.5, card: \"4711\"", "invalid_input", "\"address\" is a required property"),
        ("amount: 0.001", "invalid_input", "at `/amount`"),
        ("amount: 1, key: \"sk-x\"", "invalid_input", "at `/key`"),
        ("amount: 1, answer: \"no-1\"", "invalid_output", "at `/code`"),
        ("amount: 1, answer: \"x\"", "invalid_output", "at `/code`"),
    ] {
        let end = run(dir.path(), call);
        let error = &end["error"];
        assert_eq!(error["kind"], kind, "{call}: {end}");
        assert!(error["message"].as_str().unwrap().contains(part), "{call}: {error}");
    }
    let seen = std::fs::read_to_string(dir.path().join("seen.log")).unwrap();
    assert_eq!(seen.lines().count(), 2, "a call with wrong arguments is not made: {seen}");
    // Null is as good as absent where the schema does not take it.
    let end = run(dir.path(), "amount: 1, address: none, card: none");
    assert_eq!(end["output"]["sent"], json!(["amount"]), "{end}");
    let end = run(dir.path(), "amount: 2.25, card: \"4711\", address: \"here\"");
    assert_eq!(end["output"]["sent"], json!(["address", "amount", "card"]), "{end}");
}

#[test]
fn a_schema_file_that_is_broken_is_named() {
    let dir = project();
    std::fs::write(dir.path().join("skills/pay.schema.json"), "{ no json").unwrap();
    std::fs::write(dir.path().join("p.plan"), "plan p() {\n  step s = pay.send(amount: 1)\n}\n").unwrap();
    let (code, _, err) = finish(aos(dir.path()).args(["--store", ":memory:", "run", "p.plan"]));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("pay.schema.json") && err.contains("import the tools again"), "{err}");
    // What is no schema at all is left out by the import, with a note.
    let bad = json!([{ "name": "f", "inputSchema": { "type": "object", "properties": { "a": { "type": "string", "pattern": "(" } } } }]);
    let (code, out, err) =
        finish_with(aos(dir.path()).args(["skills", "import", "-", "--namespace", "x"]), &bad.to_string());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("skill x.f(") && err.contains("cannot be used and is left out"), "{out}{err}");
}
