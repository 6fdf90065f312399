//! `aos grammar`

use crate::support::{aos, finish, folder};

const CONFIG: &str =
    "[project]\n[agents.reader]\ngrants = [\"http.get\", \"file.*\"]\ndeny = [\"file.delete\"]\n";

#[test]
fn the_command_prints_a_grammar_of_the_granted_skills() {
    let dir = folder(&[("aos.toml", CONFIG)]);
    let run = |args: &[&str]| finish(aos(dir.path()).arg("grammar").args(args));
    let (code, out, err) = run(&["--format", "lark"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("// aos plan grammar\n// level generic, language "), "{}", &out[..200]);
    let (code, out, _) = run(&["--format", "gbnf", "--level", "skills", "--agent", "reader"]);
    assert_eq!(code, 0);
    assert!(out.contains("root ::= ") && out.contains("\"http.get") && out.contains("\"file.read"), "{out}");
    assert!(!out.contains("file.delete") && !out.contains("llm."), "{out}");
    let (_, again, _) = run(&["--format", "gbnf", "--level", "skills", "--agent", "reader"]);
    assert_eq!(out, again);
    let (code, out, _) =
        run(&["--format", "lark", "--level", "typed", "--skills", "http.get,file.read", "--max-steps", "3"]);
    assert_eq!(code, 0);
    assert!(
        out.starts_with("%llguidance {}\n") && out.contains("step s3 = ") && !out.contains("step s4 = "),
        "{out}"
    );
    let (code, out, _) = run(&["--format", "json-schema", "--level", "skills", "--skills", "http.get"]);
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        schema["properties"]["steps"]["items"]["anyOf"][0]["properties"]["skill"]["const"],
        "http.get"
    );
}

#[test]
fn what_a_profile_cannot_say_is_refused() {
    let dir = folder(&[("aos.toml", CONFIG)]);
    for (args, what) in [
        ("--format gbnf --level typed", "GBNF cannot say rules with a state"),
        ("--format json-schema --level refs", "JSON Schema cannot say that a string names an earlier step"),
        ("--format lark --profile anthropic", "`anthropic` cannot say a grammar of a text"),
        ("--format lark --level typed --profile openai", "`openai` cannot say rules with a state"),
        ("--format gbnf --profile openai", "`openai` cannot say GBNF"),
        ("--format lark --profile llamacpp", "`llamacpp` cannot say Lark"),
        ("--format gbnf --profile llguidance", "`llguidance` cannot say GBNF"),
        ("--format json-schema --profile openai", "`openai` cannot say `params`"),
        ("--format json-schema --level skills --profile anthropic", "`anthropic` cannot say"),
        ("--format lark --level typed --max-steps 64", "the state of 64 bits holds the results of"),
    ] {
        let (code, out, err) = finish(aos(dir.path()).arg("grammar").args(args.split(' ')));
        assert_eq!((code, out.as_str()), (1, ""), "{args}: {err}");
        assert!(err.contains("grammar-cannot-say") && err.contains(what), "{args}: {err}");
    }
    let (code, _, err) =
        finish(aos(dir.path()).args(["grammar", "--skills", "http.gett", "--level", "skills"]));
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `http.get`?"), "{err}");
}

#[test]
fn the_json_schema_takes_what_the_form_says_and_no_more() {
    let dir = folder(&[("aos.toml", CONFIG)]);
    let (_, out, _) = finish(aos(dir.path()).args(["grammar", "--format", "json-schema"]));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for seed in 0..100 {
        let plan = crate::json_form::random::plan(seed);
        let parse = aos::syntax::parse(aos::source::SourceId(0), &plan);
        let (_, document) = aos::format::json::plan(&parse).unwrap();
        // A plan may have no goal; a model is asked for one.
        let mut document = document;
        document.as_object_mut().unwrap().entry("goal").or_insert("g".into());
        assert!(validator.is_valid(&document), "{document:#}");
    }
    for bad in [
        r#"{"goal": "g"}"#,
        r#"{"goal": "g", "steps": [{"step_id": "a b", "skill": "f", "params": {}}]}"#,
        r#"{"goal": "g", "steps": [], "x": 1}"#,
    ] {
        assert!(!validator.is_valid(&serde_json::from_str(bad).unwrap()), "{bad}");
    }
}
