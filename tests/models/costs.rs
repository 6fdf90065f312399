//! The real program: what runs cost, added up and priced again; and the key is nowhere.

use super::*;
use crate::support::{aos, finish, finished};
use std::path::Path;

const PLAN: &str = r#"plan p() -> string {
  step one = llm.generate(prompt: "first")

  step two = llm.generate(prompt: "second", model: "m-2")
    depends_on [one]

  step three = llm.generate(prompt: "denied")
    depends_on [two]
    on_error {
      denied => use "no"
      _ => abort
    }

  return "${one} ${two} ${three}"
}
"#;

/// A project whose models are at a server.
fn project(url: &str, prices: &str) -> tempfile::TempDir {
    let toml = format!(
        "[project]\nname = \"t\"\nprices = \"prices.json\"\n\n[skills.llm]\nprovider = \"anthropic\"\nurl = \"{url}\"\nmodel = \"m-1\"\nkey = \"KEY\"\n\n[secrets]\nKEY = \"file:key\"\n"
    );
    let dir = crate::support::folder(&[
        ("aos.toml", &toml),
        ("p.plan", PLAN),
        ("prices.json", prices),
        ("key", KEY),
    ]);
    std::fs::set_permissions(dir.path().join("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

const ROW: &str =
    r#"{"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7}"#;

fn answer(request: &Request) -> Response {
    if request.body.contains("denied") {
        let error = json!({ "type": "error", "error": { "type": "authentication_error", "message": format!("invalid x-api-key {KEY}") } });
        return Response::new(401, error.to_string());
    }
    let text = json!([{ "type": "text", "text": "hi" }]);
    let usage = json!({ "input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 10 });
    let body = json!({ "model": "m-1", "content": text, "stop_reason": "end_turn", "usage": usage });
    Response::new(200, body.to_string()).header("content-type", "application/json")
}

fn lines(dir: &Path, args: &[&str]) -> Vec<Json> {
    let (code, out, err) = finish(aos(dir).args(["cost", "--json"]).args(args));
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains(KEY) && !err.contains(KEY));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below a folder.
fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_is_not_nothing() {
    let server = Server::start(answer).await;
    let dir = project(&server.url(""), &format!("{{\"m-1\": {ROW}}}"));
    let path = dir.path();
    tokio::task::block_in_place(|| {
        let (code, out, err) = finish(aos(path).args(["run", "p.plan", "--json"]).env("RUST_LOG", "trace"));
        assert_eq!(code, 0, "{err}");
        let last = finished(&out);
        assert_eq!(last["output"], "hi hi no");
        let nanos = 100 * 1_000 + 50 * 100 + 10 * 2_000;
        let known = f64::from(nanos) / 1e9;
        assert_eq!(
            last["usage"],
            json!({ "cost_usd": null, "known_cost_usd": known, "unknown_cost_calls": 1, "tokens": 320, "calls": 3 })
        );
        let run = last["run"].as_str().unwrap();
        let (code, shown, _) = finish(aos(path).args(["show", run]));
        assert_eq!(code, 0);
        assert!(shown.contains("320 tokens, $0.000125 and what is not known of 1 calls"), "{shown}");

        let by_model = lines(path, &["--by", "model"]);
        assert_eq!(by_model.len(), 2);
        assert_eq!((&by_model[0]["key"], &by_model[0]["cost_usd"]), (&json!("anthropic/m-1"), &json!(known)));
        assert_eq!((&by_model[1]["key"], &by_model[1]["cost_usd"]), (&json!("anthropic/m-2"), &Json::Null));
        assert_eq!(
            (&by_model[1]["unknown_cost_calls"], &by_model[1]["cached_tokens"]),
            (&json!(1), &json!(50))
        );
        let keys = |by| {
            lines(path, &["--by", by])
                .iter()
                .map(|l| l["key"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys("run"), [run]);
        assert_eq!(keys("step"), ["p.one", "p.two"]);
        assert_eq!(keys("agent"), ["(none)"]);
        assert_eq!(keys("day").len(), 1);
        assert_eq!(lines(path, &["--since", "2h"]).len(), 1);
        assert_eq!(lines(path, &["--since", "2999-01-01T00:00:00Z"]).len(), 0);

        // A price that comes later prices what was booked before.
        std::fs::write(path.join("prices.json"), format!("{{\"m-1\": {ROW}, \"m-2\": \"m-1\"}}")).unwrap();
        assert_eq!(lines(path, &[])[0]["cost_usd"], Json::Null, "what was booked stays");
        assert_eq!(lines(path, &["--reprice"])[0]["cost_usd"], json!(2.0 * known));
        let (_, table, _) = finish(aos(path).args(["cost", "--by", "model"]));
        assert!(table.contains("unknown (1 calls)") && table.contains("$0.000125"), "{table}");

        // The key is in its file, and nowhere else.
        assert!(!out.contains(KEY) && !err.contains(KEY), "{err}");
        let mut found = Vec::new();
        files(path, &mut found);
        assert!(found.len() > 4);
        for file in found.iter().filter(|f| !f.ends_with("key") && f.is_file()) {
            let bytes = std::fs::read(file).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|w| w == KEY.as_bytes()), "{}", file.display());
        }
        assert_eq!(server.seen()[0].headers["x-api-key"], KEY);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_and_time_outs_are_paid_for() {
    // Its first words say what it read; then nothing comes any more.
    let server = Server::start(|request: &Request| {
        if request.body.contains("stall") {
            let begun = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":70,\"output_tokens\":1}}}\n\n";
            let mut response = Response::stream("text/event-stream", begun);
            response.stalls = true;
            return response;
        }
        let usage = json!({ "input_tokens": 10, "output_tokens": 5 });
        let text = json!([{ "type": "text", "text": "no number" }]);
        Response::new(200, json!({ "content": text, "stop_reason": "end_turn", "usage": usage }).to_string())
    })
    .await;
    let dir = project(&server.url(""), &format!("{{\"m-1\": {ROW}}}"));
    let plan = "plan q() -> int? {\n  step bad = llm.extract<int>(prompt: \"count\")\n    on_error continue\n\n  step slow = llm.generate(prompt: \"stall\")\n    timeout 1s\n    on_error continue\n\n  return bad\n}\n";
    std::fs::write(dir.path().join("q.plan"), plan).unwrap();
    tokio::task::block_in_place(|| {
        let (_, out, err) = finish(aos(dir.path()).args(["run", "q.plan", "--json"]));
        let last = finished(&out);
        assert_eq!(last["status"], "succeeded", "{out}{err}");
        // Three rounds of the value that never fits; and a call whose end nobody saw.
        let usage = &last["usage"];
        assert_eq!(usage["known_cost_usd"], json!(f64::from(3 * (10 * 1_000 + 5 * 2_000)) / 1e9), "{usage}");
        assert_eq!((&usage["unknown_cost_calls"], &usage["tokens"]), (&json!(1), &json!(3 * 15 + 71)));
        let steps = lines(dir.path(), &["--by", "step"]);
        assert_eq!(steps.iter().map(|l| l["requests"].as_u64().unwrap()).sum::<u64>(), 4);
    });
}
