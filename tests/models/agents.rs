//! The real program: what agents may do and spend, over all their runs.

use super::*;
use crate::support::{aos, finish, finished, folder};
use std::path::Path;

const PLAN: &str = r#"plan p() -> string {
  step one = llm.generate(prompt: "first", max_input: 100, max_tokens: 10)

  return one
}
"#;
const WAITS: &str = r#"plan w() -> string {
  step go = signal.wait<string>(name: "go")

  step one = llm.generate(prompt: go, max_input: 100, max_tokens: 10)

  return one
}
"#;
const PRICES: &str = r#"{"m-1": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}"#;

fn toml(url: &str, agent: &str) -> String {
    format!(
        "[project]\nprices = \"prices.json\"\n\n[skills.llm]\nurl = \"{url}\"\nmodel = \"m-1\"\nkey = \"KEY\"\n\n[secrets]\nKEY = \"file:key\"\n\n[agents.a]\ndescription = \"Asks\"\nowner = \"ada\"\n{agent}\n"
    )
}

fn project(toml: &str) -> tempfile::TempDir {
    let files =
        [("aos.toml", toml), ("p.plan", PLAN), ("w.plan", WAITS), ("prices.json", PRICES), ("key", KEY)];
    let dir = folder(&files);
    std::fs::set_permissions(dir.path().join("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

/// 10 tokens in, 5 out: 20 micro-dollars.
async fn server() -> Server {
    Server::start(|request: &Request| {
        // An input that may be longer than `max_input` is counted first.
        if request.path.ends_with("/count_tokens") {
            return Response::new(200, "{\"input_tokens\": 10}");
        }
        let text = json!([{ "type": "text", "text": "hi" }]);
        let usage = json!({ "input_tokens": 10, "output_tokens": 5 });
        Response::new(200, json!({ "content": text, "stop_reason": "end_turn", "usage": usage }).to_string())
    })
    .await
}

/// How often a model was asked.
fn asked(server: &Server) -> usize {
    server.seen().iter().filter(|request| request.path == "/v1/messages").count()
}

fn run(dir: &Path, args: &[&str]) -> Json {
    let (_, out, err) = finish(aos(dir).args(["run", "--json", "--agent", "a"]).args(args));
    assert!(!out.is_empty(), "{err}");
    finished(&out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_holds_over_all_runs() {
    let server = server().await;
    // A call may come to 100 + 2 * 10 micro-dollars.
    let budget =
        "grants = [\"llm.*\"]\ndeny = [\"llm.embed\"]\nbudget = { cost_usd = 0.0002, per = \"day\" }";
    let dir = project(&toml(&server.url(""), budget));
    tokio::task::block_in_place(|| {
        for n in 0..5 {
            assert_eq!(run(dir.path(), &["p.plan"])["status"], "succeeded", "run {n}");
        }
        let last = run(dir.path(), &["p.plan"]);
        assert_eq!((&last["status"], &last["error"]["kind"]), (&json!("failed"), &json!("budget")));
        let message = last["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("the agent `a` may come to 0.00022 usd in a day, its budget is 0.0002 usd"),
            "{message}"
        );
        assert_eq!(asked(&server), 5, "it was not asked");
        // Without the agent there is no such budget.
        let (_, out, _) = finish(aos(dir.path()).args(["run", "p.plan", "--json"]));
        assert_eq!(finished(&out)["status"], "succeeded");

        let (code, out, err) = finish(aos(dir.path()).args(["agents", "show", "a", "--json"]));
        assert_eq!(code, 0, "{err}");
        let shown: Json = serde_json::from_str(&out).unwrap();
        assert_eq!((&shown["used"]["cost_usd"], &shown["used"]["tokens"]), (&json!(0.0001), &json!(75)));
        assert_eq!(shown["skills"], json!(["llm.extract", "llm.generate"]));
        let (_, text, _) = finish(aos(dir.path()).args(["agents", "show", "a"]));
        assert!(text.contains("cost $0.0002 a day: $0.0001 used, $0.0001 left"), "{text}");
        let (_, text, _) = finish(aos(dir.path()).args(["agents", "list"]));
        assert!(
            text.contains("active") && text.contains("ada") && text.contains("$0.0001 in a day"),
            "{text}"
        );
        let (_, out, _) = finish(aos(dir.path()).args(["cost", "--by", "agent", "--json"]));
        let keys: Vec<Json> =
            out.lines().map(|l| serde_json::from_str::<Json>(l).unwrap()["key"].clone()).collect();
        assert_eq!(keys, ["a", "(none)"]);
        assert_eq!(finish(aos(dir.path()).args(["agents", "show", "b"])).0, 2);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_in_no_budget() {
    let server = server().await;
    let budget = "grants = [\"*\"]\nbudget = { cost_usd = 5, per = \"month\" }";
    let dir = project(&toml(&server.url(""), budget).replace("m-1", "m-9"));
    tokio::task::block_in_place(|| {
        let last = run(dir.path(), &["p.plan"]);
        let message = last["error"]["message"].as_str().unwrap();
        assert!(message.contains("what `llm.generate` may cost is not known"), "{message}");
        assert_eq!(asked(&server), 0);
    });
    // A plan's own budget ends it after the call that nobody can price.
    let plan = PLAN.replace("-> string {", "-> string budget cost 1 usd {");
    std::fs::write(dir.path().join("p.plan"), plan).unwrap();
    tokio::task::block_in_place(|| {
        let (_, out, _) = finish(aos(dir.path()).args(["run", "p.plan", "--json"]));
        let last = finished(&out);
        assert_eq!(last["error"]["kind"], "budget", "{last}");
        assert_eq!(last["usage"]["cost_usd"], Json::Null);
        assert_eq!(asked(&server), 1);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_paused_does_not_act() {
    let server = server().await;
    let active = toml(&server.url(""), "grants = [\"llm.*\", \"signal.*\"]");
    let dir = project(&active);
    let path = dir.path();
    let configure = |text: &str| std::fs::write(path.join("aos.toml"), text).unwrap();
    tokio::task::block_in_place(|| {
        let waiting = run(path, &["w.plan"]);
        assert_eq!(waiting["status"], "suspended");
        let id = waiting["run"].as_str().unwrap();
        configure(&format!("{active}status = \"paused\"\n"));
        for command in [["run", "p.plan", "--agent", "a"], ["check", "p.plan", "--agent", "a"]] {
            let (code, _, err) = finish(aos(path).args(command));
            assert_eq!(code, 1, "{err}");
            assert!(err.contains("the agent `a` is paused"), "{err}");
        }
        let (code, _, err) = finish(aos(path).args(["signal", id, "go", "now"]));
        assert_ne!(code, 0);
        assert!(err.contains("the agent `a` is paused"), "{err}");
        assert_eq!(asked(&server), 0);
        // Its grants are others when it goes on.
        configure(&toml(&server.url(""), "grants = [\"signal.*\"]"));
        let (_, out, err) = finish(aos(path).args(["signal", id, "go", "now", "--json"]));
        let last = finished(&out);
        assert_eq!(last["error"]["kind"], "denied", "{last} {err}");
        assert_eq!(asked(&server), 0);
        // One that may not act may be stopped.
        configure(&active);
        let waiting = run(path, &["w.plan"]);
        configure(&format!("{active}status = \"disabled\"\n"));
        let (code, _, err) = finish(aos(path).args(["cancel", waiting["run"].as_str().unwrap()]));
        assert!(code == 0 || code == 4, "{code} {err}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_held_back() {
    let server = server().await;
    let dir = project(&toml(&server.url(""), "grants = [\"llm.*\"]\nrate = \"2/s\""));
    let plan = "plan p() -> list<string> {\n  step all = for n in [1, 2, 3, 4, 5] {\n    step one = llm.generate(prompt: \"${n}\", max_input: 100, max_tokens: 10)\n    return one\n  }\n\n  return all\n}\n";
    std::fs::write(dir.path().join("p.plan"), plan).unwrap();
    tokio::task::block_in_place(|| {
        let began = std::time::Instant::now();
        assert_eq!(run(dir.path(), &["p.plan"])["status"], "succeeded");
        assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    });
}

#[test]
fn what_is_misspelt_is_told_before_anything_is_shown() {
    let dir = folder(&[("aos.toml", "[agents.a]\nstatus = \"pausd\"\n")]);
    let (code, out, err) = finish(aos(dir.path()).args(["agents", "list"]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("error[config-invalid]") && err.contains("aos.toml:2:10"), "{err}");
}
