use super::{config, run};
use aos::runtime::skill::Skills;
use serde_json::json;
use std::time::{Duration, Instant};

fn skills() -> (tempfile::TempDir, Skills) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.jq.program = Some(env!("CARGO_BIN_EXE_aos").into());
    config.jq.timeout = Duration::from_secs(3);
    (folder, Skills::new(config))
}

#[tokio::test]
async fn a_query_gives_a_list() {
    let (_folder, skills) = skills();
    let value = json!({ "items": [{ "name": "ä" }, { "name": null }] });
    let result = run(&skills, "json.query", json!({ "value": value, "program": ".items[] | .name" })).await;
    assert_eq!(result.unwrap(), json!(["ä", null]));
    let parsed = run(&skills, "json.parse", json!({ "text": "{\"a\": [1]}" })).await.unwrap();
    assert_eq!(parsed, json!({ "a": [1] }));
}

#[tokio::test]
async fn hostile_programs_end_alone() {
    let (_folder, skills) = skills();
    for program in [
        "def f: f; f",
        "def f: 1 + f; f",
        "[range(1e9)]",
        "[limit(1e9; repeat(\"aaaaaaaaaaaaaaaa\"))] | length",
        "repeat(1)",
        "\"a\" | until(false; . + .)",
        "reduce range(1e6) as $i (0; [.]) | tojson",
        "env",
        "$ENV",
        "halt",
        "halt_error",
        "input",
        "debug",
        "now",
        "\"\\(",
    ] {
        let start = Instant::now();
        let result = run(&skills, "json.query", json!({ "value": 1, "program": program })).await;
        let failure = result.expect_err(program);
        assert_eq!(failure.kind.as_ref(), "query_failed", "{program}: {}", failure.message);
        assert!(start.elapsed() < Duration::from_secs(8), "{program}");
        println!("{program}: {} ({:?})", failure.message, start.elapsed());
    }
}
