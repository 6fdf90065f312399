//! The JSON form of plans: read with places of the JSON text, there and back the same plan, refusals for what it cannot say.

pub mod random;

use crate::support::{aos, finish, finished, folder};
use aos::diagnostic::{Code, Diagnostic};
use aos::format;
use aos::project::Project;
use aos::source::{MemoryLoader, SourceId};
use aos::syntax::{self, json};
use std::path::Path;

/// What is found in a document, each with the text it points at.
fn found(text: &str) -> Vec<(Code, String)> {
    let project = Project::load_text(Path::new("/p/doc.json"), text, &MemoryLoader::new([]));
    let at = |d: &Diagnostic| (d.code, project.sources.slice(d.span).to_owned());
    project.analysis.diagnostics.iter().filter(|d| d.is_error()).map(at).collect()
}

fn steps(steps: &str) -> String {
    format!(r#"{{"steps": [{steps}]}}"#)
}

type Row = (String, &'static [(Code, &'static str)]);

/// Faults of names and expressions.
fn of_the_language() -> Vec<Row> {
    vec![
        (steps(GET), &[]),
        (
            steps(r#"{"step_id": "a", "skill": "http.gett", "params": {"url": "u"}}"#),
            &[(Code::UnknownSkill, "http.gett")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http.get", "params": {"ulr": "u"}}"#),
            &[(Code::UnknownArgument, "ulr")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http.get", "params": {"url": 5}}"#),
            &[(Code::ArgumentType, "5")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http.get", "params": {"url": "${b.x}"}}"#),
            &[(Code::UnknownName, "b")],
        ),
        // Places behind escapes.
        (
            steps(
                r#"{"step_id": "a", "skill": "http.get", "params": {"url": "\"\u00e9\ud83d\ude00\n${nope}"}}"#,
            ),
            &[(Code::UnknownName, "nope")],
        ),
        (
            steps(
                r#"{"step_id": "a", "skill": "http.get", "params": {"url": "x\t${ \"}\" + \"\\n\" + nope }"}}"#,
            ),
            &[(Code::UnknownName, "nope")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http.get", "params": {"url": "${1 +}"}}"#),
            &[(Code::Syntax, "")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http.get", "params": {"url": "a ${b"}}"#),
            &[(Code::UnclosedBracket, "${")],
        ),
    ]
}

const GET: &str = r#"{"step_id": "a", "skill": "http.get", "params": {"url": "https://x.example"}}"#;

/// Faults of the form.
fn of_the_form() -> Vec<Row> {
    let get = GET;
    vec![
        (steps(&format!("{get}, {get}")), &[(Code::DuplicateName, "a")]),
        (
            steps(
                r#"{"step_id": "a", "skill": "time.sleep", "params": {"duration": "${1s}"}, "condition": "nope > 1"}"#,
            ),
            &[(Code::UnknownName, "nope")],
        ),
        (
            steps(r#"{"step_id": "a-b", "skill": "http.get", "params": {"url": "u"}}"#),
            &[(Code::JsonForm, "a-b")],
        ),
        (
            steps(r#"{"step_id": "step", "skill": "http.get", "params": {"url": "u"}}"#),
            &[(Code::JsonForm, "step")],
        ),
        (
            steps(r#"{"step_id": "a", "skill": "http get", "params": {"url": "u"}}"#),
            &[(Code::JsonForm, "http get")],
        ),
        (
            steps(r#"{"step_id": "a", "skil": "http.get"}"#),
            &[(Code::JsonForm, ""), (Code::JsonForm, "\"skil\"")],
        ),
        (
            steps(r#"{"step_id": "a", "step_id": "b", "skill": "http.get", "params": {"url": "u"}}"#),
            &[(Code::JsonForm, "\"step_id\"")],
        ),
        (steps(r#"{"step_id": "a", "skill": "http.get", "params": ["u"]}"#), &[(Code::JsonForm, "[\"u\"]")]),
        (steps(&get.replace("}}", r#"}, "depends_on": "b"}"#)), &[(Code::JsonForm, "\"b\"")]),
        (steps(&get.replace("}}", r#"}, "depends_on": ["b"]}"#)), &[(Code::UnknownName, "b")]),
        (
            steps(&get.replace("}}", r#"}, "on_error": "retyr", "retry_count": 2}"#)),
            &[(Code::JsonForm, "retyr")],
        ),
        (steps(&get.replace("}}", r#"}, "on_error": "retry"}"#)), &[(Code::JsonForm, "\"retry\"")]),
        (
            steps(&get.replace("}}", r#"}, "on_error": "retry", "retry_count": 1.5}"#)),
            &[(Code::JsonForm, "1.5")],
        ),
        (
            steps(&get.replace("}}", r#"}, "on_error": "abort", "retry_count": 1}"#)),
            &[(Code::JsonForm, "\"retry_count\"")],
        ),
        (
            steps(&get.replace("}}", r#"}, "fallback_skill": "http.head"}"#)),
            &[(Code::JsonForm, "\"http.head\"")],
        ),
        (
            steps(
                &get.replace(
                    "}}",
                    r#"}, "on_error": "retry", "retry_count": 1, "fallback_skill": "nope.get"}"#,
                ),
            ),
            &[(Code::UnknownSkill, "nope.get")],
        ),
        ("[]".to_owned(), &[(Code::JsonForm, "[]")]),
        ("".to_owned(), &[(Code::JsonForm, "")]),
        ("{}".to_owned(), &[(Code::JsonForm, "")]),
        (r#"{"steps": [], }"#.to_owned(), &[(Code::JsonForm, ",")]),
        (r#"{"steps": [] "goal": ""}"#.to_owned(), &[(Code::JsonForm, "\"")]),
        ("{'steps': []}".to_owned(), &[(Code::JsonForm, "'")]),
        (r#"{"steps": [], "goal": "\x"}"#.to_owned(), &[(Code::JsonForm, "\\")]),
        (r#"{"steps": [], "goal": "\ud800"}"#.to_owned(), &[(Code::JsonForm, "\\")]),
        (r#"{"steps": [], "goal": 5}"#.to_owned(), &[(Code::JsonForm, "5")]),
        (r#"{"steps": [], "goal": "a"} {}"#.to_owned(), &[(Code::JsonForm, "{")]),
        (
            r#"{"steps": [], "metadata": {"a": 99999999999999999999}}"#.to_owned(),
            &[(Code::BadLiteral, "99999999999999999999")],
        ),
        (r#"{"steps": [], "metadata": {"a": 01}}"#.to_owned(), &[(Code::JsonForm, "01")]),
        (format!("{{\"steps\": {}1{}}}", "[".repeat(200), "]".repeat(200)), &[(Code::TooDeep, "[")]),
    ]
}

#[test]
fn faults_point_into_the_json_text() {
    let mut wrong = Vec::new();
    for (text, want) in of_the_language().iter().chain(&of_the_form()) {
        let got = found(text);
        let want: Vec<(Code, String)> = want.iter().map(|(c, t)| (*c, (*t).to_owned())).collect();
        if got != want {
            wrong.push(format!("{text}\n  want {want:?}\n  got  {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lines_and_columns_are_those_of_the_json_text() {
    let text = "{\n  \"steps\": [\n    {\n      \"step_id\": \"a\",\n      \"skill\": \"http.get\",\n      \"params\": { \"url\": \"é${nope}\" }\n    }\n  ]\n}\n";
    let dir = folder(&[("doc.json", text)]);
    let (code, out, _) = finish(aos(dir.path()).args(["check", "doc.json", "--format", "json"]));
    assert_eq!(code, 1);
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    let d = &out["diagnostics"][0];
    assert_eq!(
        (&d["code"], &d["start"]["line"], &d["start"]["column"]),
        (&"unknown-name".into(), &6.into(), &30.into()),
        "{d:#}"
    );
}

#[test]
fn fixes_change_what_strings_hold_and_escape_it() {
    let text = r#"{"steps": [{"step_id": "a", "skill": "http.gett", "params": {"ur": "x"}, "on_eror": "abort"}, {"step_id": "b", "skill": "http.get", "params": {"url": "${and1 == 'q'}"}, "condition": "${a.status == 200 and true}"}]}"#;
    let dir = folder(&[("doc.json", text)]);
    let (_, _, err) = finish(aos(dir.path()).args(["fix", "doc.json"]));
    let mended = std::fs::read_to_string(dir.path().join("doc.json")).unwrap();
    let value: serde_json::Value =
        serde_json::from_str(&mended).unwrap_or_else(|e| panic!("{e}: {mended}\n{err}"));
    assert_eq!(value["steps"][0]["skill"], "http.get", "{mended}");
    assert_eq!(value["steps"][0]["params"]["url"], "x", "{mended}");
    assert_eq!(value["steps"][0]["on_error"], "abort", "{mended}");
    assert!(!value["steps"][1]["condition"].as_str().unwrap().contains("${"), "{mended}");
}

#[test]
fn a_document_runs_as_it_is() {
    let text = r#"{
  "planner": null,
  "goal": "Count words; a plain ${x}",
  "metadata": {"tags": ["a", 1, -2.5, null]},
  "steps": [
    {"step_id": "data", "skill": "json.parse", "params": {"text": "[1, 2, 3]"}},
    {"step_id": "note", "skill": "file.write", "params": {"path": "out.txt", "content": "n=${size(data as list<int>)} \\${x} \"q\""}, "condition": "size(data as list<int>) == 3"},
    {"step_id": "never", "skill": "file.write", "params": {"path": "no.txt", "content": "x"}, "depends_on": ["note"], "condition": "size(data as list<int>) > 3"}
  ]
}"#;
    let dir = folder(&[("count-words.json", text)]);
    let run = &["run", "count-words.json", "--json", "--written-by", "person"];
    let (code, out, err) = finish(aos(dir.path()).args(run));
    assert_eq!(code, 0, "{out}{err}");
    let end = finished(&out);
    assert_eq!(
        (&end["steps"]["note"]["status"], &end["steps"]["never"]["status"]),
        (&"succeeded".into(), &"skipped".into())
    );
    assert_eq!(std::fs::read_to_string(dir.path().join("out.txt")).unwrap(), "n=3 ${x} \"q\"");
    let (code, out, _) = finish(aos(dir.path()).args(["convert", "count-words.json", "--to", "plan"]));
    assert_eq!(code, 0);
    assert!(
        out.contains("plan count_words()") && out.contains("goal \"Count words; a plain \\${x}\""),
        "{out}"
    );
    let (code, out, _) = finish(aos(dir.path()).args(["fmt", "count-words.json"]));
    assert_eq!((code, out.as_str()), (2, ""));
}

/// A plan text, its JSON form, and the plan that form is read as.
fn there_and_back(text: &str) -> (serde_json::Value, String) {
    let parse = syntax::parse(SourceId(0), text);
    let (name, value) = format::json::plan(&parse).unwrap_or_else(|d| panic!("{text}\n{d:#?}"));
    let document = format!("{value:#}");
    let back = json::parse(SourceId(0), &document, &name);
    assert_eq!(back.diagnostics, vec![], "{text}\n{document}");
    (value, format::file(&back.file))
}

#[test]
fn there_and_back_gives_the_same_plan() {
    let count = random::count();
    let mut steps = 0;
    for seed in 0..count {
        let plan = random::plan(seed);
        steps += plan.matches("\n  step ").count();
        // Of both: how a text was written is no part of the form.
        let want = format::file(&random::plainly(syntax::parse(SourceId(0), &plan).file));
        let (value, back) = there_and_back(&plan);
        let parse = syntax::parse(SourceId(0), &back);
        assert_eq!(parse.diagnostics, vec![], "{back}");
        assert_eq!(format::file(&random::plainly(parse.file)), want, "seed {seed}: {value:#}");
        // And from the JSON form: the same document again.
        assert_eq!(there_and_back(&back).0, value, "seed {seed}");
    }
    println!("{count} random plans with {steps} steps went there and back");
    assert!(steps as u64 > count * 2);
}

#[test]
fn what_it_cannot_say_is_refused_with_the_place() {
    let body = |body: &str| format!("plan p() {{\n{body}\n}}\n");
    let call = |clause: &str| body(&format!("step a = f.g(x: 1)\n{clause}"));
    let table: &[(&str, String, &str)] = &[
        ("inputs", "plan p(a: int) { }".into(), "a: int"),
        ("a result type", "plan p() -> int { }".into(), "int"),
        ("`return`", body("return 1"), "return 1"),
        ("`let`", body("let x = 1"), "let x = 1"),
        ("`require`", body("require true else \"no\""), "require true else \"no\""),
        ("`fail`", body("fail \"no\""), "fail \"no\""),
        ("`do`", body("step a = do { }"), "{ }"),
        ("`for`", body("step a = for x in [1] { }"), "for x in [1] { }"),
        ("`if`", body("step a = if true { }"), "if true { }"),
        ("`match`", body("step a = match true { _ => { } }"), "match true { _ => { } }"),
        (
            "`loop`",
            body("step a = loop x = 1 max 2 { return 2 until true }"),
            "loop x = 1 max 2 { return 2 until true }",
        ),
        ("`race`", body("step a = race { do { } }"), "race { do { } }"),
        ("type arguments", body("step a = f.g<int>(x: 1)"), "int"),
        ("an argument without a name", body("step a = f.g(1)"), "1"),
        ("`key`", call("key \"k\""), "key \"k\""),
        ("`cache`", call("cache 5m"), "cache 5m"),
        ("`approve`", call("approve \"?\""), "approve \"?\""),
        ("`timeout`", call("timeout 5s"), "timeout 5s"),
        ("`deadline`", call("deadline 5s"), "deadline 5s"),
        ("`compensate`", call("compensate f.h(x: 1)"), "compensate f.h(x: 1)"),
        ("`on_error` with arms", call("on_error { _ => abort }"), "on_error { _ => abort }"),
        ("this `on_error`", call("on_error use 1"), "on_error use 1"),
        ("this `on_error`", call("on_error fail \"x\""), "on_error fail \"x\""),
        ("this `on_error`", call("on_error fallback f.h(x: 1)"), "on_error fallback f.h(x: 1)"),
        ("this `on_error`", call("on_error retry 2 backoff 1s"), "on_error retry 2 backoff 1s"),
        ("this `on_error`", call("on_error retry 2 then continue"), "on_error retry 2 then continue"),
        ("a `retry` count that is computed", call("on_error retry (1 + 1)"), "(1 + 1)"),
        ("a `fallback` with other arguments", call("on_error retry 2 then fallback f.h(x: 2)"), "f.h(x: 2)"),
        ("a `goal` that is computed", "plan p()\n  goal \"a ${1}\"\n{ }".into(), "\"a ${1}\""),
        ("`meta` that is computed", "plan p()\n  meta { a: 1 + 1 }\n{ }".into(), "{ a: 1 + 1 }"),
        ("`budget`", "plan p()\n  budget calls 1\n{ }".into(), "budget calls 1"),
        ("`throws`", "plan p()\n  throws a\n{ }".into(), "throws a"),
        ("`concurrency`", "plan p()\n  concurrency 2\n{ }".into(), "concurrency 2"),
        ("`use`", "use \"a.plan\"\nplan p() { }".into(), "use \"a.plan\""),
        ("`type`", "type A = int\nplan p() { }".into(), "A"),
        ("`skill`", "skill a.b() -> int\nplan p() { }".into(), "a.b"),
        ("`test`", "plan p() { }\ntest \"t\" for p { }".into(), "\"t\""),
        ("a second plan", "plan p() { }\nplan q() { }".into(), "q"),
        ("a comment", "plan p() { // why\n}".into(), "// why"),
    ];
    for (what, text, place) in table {
        let refused = format::json::plan(&syntax::parse(SourceId(0), text)).expect_err(text);
        let got: Vec<_> =
            refused.iter().map(|d| (d.code, d.message.as_str(), &text[d.span.range()])).collect();
        let message = format!("the JSON form of plans cannot say {what}");
        assert_eq!(got, [(Code::NotInJson, message.as_str(), *place)], "{text}");
        assert!(refused.iter().all(|d| !d.label.is_empty()), "{text}: no reason");
    }
    println!("{} constructs are refused", table.len());
    let dir = folder(&[("p.plan", "plan p() {\n  return 1\n}\n")]);
    let (code, out, err) = finish(aos(dir.path()).args(["convert", "p.plan", "--to", "json"]));
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("not-in-json") && err.contains("p.plan:2:3"), "{err}");
}

#[test]
fn the_name_is_the_files() {
    let dir = folder(&[("p.plan", "plan other() {\n}\n")]);
    let (code, out, err) = finish(aos(dir.path()).args(["convert", "p.plan", "--to", "json"]));
    assert_eq!(code, 0);
    assert!(out.contains("\"steps\": []") && err.contains("keep it as `other.json`"), "{out}{err}");
    let (code, _, err) =
        finish(aos(dir.path()).args(["convert", "p.plan", "--to", "json", "--out", "x.json"]));
    assert_eq!(code, 2);
    assert!(err.contains("`other.json`"), "{err}");
    let (code, _, _) =
        finish(aos(dir.path()).args(["convert", "p.plan", "--to", "json", "--out", "other.json"]));
    assert_eq!(code, 0);
    for (file, name) in
        [("a-b.json", "a_b"), ("9.json", "plan_9"), ("step.json", "plan_step"), ("é.json", "_")]
    {
        let got = json::plan_name(Path::new(file));
        assert!(json::is_name(&got), "{got}");
        assert!(got == name || got.starts_with("plan_"), "{file}: {got}");
    }
}

#[test]
fn any_text_is_read_without_a_panic_and_places_lie_inside() {
    let whole = r#"{"goal":"é","metadata":{"a":[1,-2e5,null]},"steps":[{"step_id":"a","skill":"http.get","params":{"url":"\u00e9 ${a[\"b\"] + '}'} \\${x} ${c}","h":{"k":[true,"${[1].map(x, x)}"]}},"depends_on":["b"],"condition":"a > 1 && has(b.c)","on_error":"retry","retry_count":3,"fallback_skill":"f.g"}]}"#;
    let mut texts: Vec<String> =
        (0..=whole.len()).filter_map(|n| whole.get(..n)).map(str::to_owned).collect();
    let mut random = random::Random::new(7);
    for _ in 0..3_000 {
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = b"{}[]\"\\$,:u0 \n\x1A"[random.below(14)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}[]\"\\$,:u0 \n\x1A"[random.below(14)]),
            }
        }
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for text in &texts {
        let project = Project::load_text(Path::new("/p/doc.json"), text, &MemoryLoader::new([]));
        for d in &project.analysis.diagnostics {
            let spans =
                std::iter::once(d.span).chain(d.fixes.iter().flat_map(|f| f.edits.iter().map(|e| e.span)));
            for span in spans.filter(|s| s.source == SourceId(0)) {
                assert!(text.get(span.range()).is_some(), "{span:?} of {text}\n{d:?}");
            }
        }
    }
    println!("{} texts", texts.len());
}

#[test]
fn large_documents_are_read_in_time_or_refused() {
    let many: Vec<String> = (0..5_000)
        .map(|n| format!(r#"{{"step_id":"s{n}","skill":"http.get","params":{{"url":"\n${{\"x\"}}\n"}}}}"#))
        .collect();
    let long =
        format!(r#"{{"step_id":"a","skill":"http.get","params":{{"url":"{}"}}}}"#, r"\n${1}".repeat(50_000));
    let wide = format!(r#"{{"steps": [], "metadata": {{"a": [{}1]}}}}"#, "1,".repeat(2_000_000));
    for (name, text, code) in [
        ("5,000 steps", steps(&many.join(",")), None),
        ("a string of 50,000 expressions", steps(&long), None),
        ("2,000,000 values", wide, Some(Code::TooLarge)),
    ] {
        let start = std::time::Instant::now();
        let got = json::parse(SourceId(0), &text, "p");
        println!("{name}: {} bytes in {:?}", text.len(), start.elapsed());
        assert_eq!(got.diagnostics.first().map(|d| d.code), code, "{name}");
        assert!(start.elapsed().as_secs() < 20, "{name}");
    }
}
