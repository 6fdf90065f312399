//! `aos plan` against a local server that speaks the Messages protocol and answers what the test says.

use crate::support::http::{Request, Response, Server};
use crate::support::{aos, finish, finish_with, folder};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const GOOD: &str = "Here it is:\n```plan\nplan note(text: string = \"hello\") -> { path: string, size: int } {\n  step done = file.write(path: \"note.txt\", content: text)\n  return done\n}\n```\n";
/// One mistake that a fix mends, one that only the model can.
const BAD: &str = "plan note(text: string = \"hello\") -> { path: string, size: int } {\n  step done = file.write(pth: \"note.txt\", content: txet_of_note())\n  return done\n}\n";

/// A server whose answers are these, the last one again and again, and the runtime that it lives in.
pub struct Played {
    pub server: Server,
    _runtime: tokio::runtime::Runtime,
}

pub fn play(answers: &[&str]) -> Played {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
    let next = AtomicUsize::new(0);
    let server = runtime.block_on(Server::start(move |request: &Request| {
        if request.path.ends_with("count_tokens") {
            return Response::new(200, r#"{"input_tokens": 2000}"#);
        }
        let n = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        message(&answers[n])
    }));
    Played { server, _runtime: runtime }
}

/// The events of an answer, as the provider streams them.
fn message(text: &str) -> Response {
    let events = [
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [],
            "usage": { "input_tokens": 1000, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 0, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 100 } }),
        json!({ "type": "message_stop" }),
    ];
    let body: String =
        events.iter().map(|e| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap())).collect();
    Response::new(200, body).header("content-type", "text/event-stream")
}

/// A project whose model is the server.
pub fn project(played: &Played) -> tempfile::TempDir {
    let config = format!(
        "[skills.llm]\nurl = \"{}\"\nmodel = \"m-1\"\ninput_cost_per_token = 0.000001\noutput_cost_per_token = 0.00001\n\
         [agents.clerk]\ngrants = [\"file.*\"]\n",
        played.server.url("")
    );
    folder(&[("aos.toml", &config)])
}

pub fn plan(dir: &Path, args: &[&str]) -> Command {
    let mut command = aos(dir);
    command.arg("plan").args(args).env("ANTHROPIC_API_KEY", "k3y-v4lue");
    command
}

fn asked(played: &Played) -> Vec<Json> {
    let seen = played.server.seen();
    let posts = seen.iter().filter(|r| r.path == "/v1/messages");
    posts.map(|r| serde_json::from_str(&r.body).unwrap()).collect()
}

#[test]
fn a_goal_becomes_a_plan_with_its_origin() {
    let played = play(&[GOOD]);
    let dir = project(&played);
    let (code, out, err) = finish(&mut plan(dir.path(), &["Write a note", "--agent", "clerk"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("plan note(text: string = \"hello\")"), "{out}");
    for clause in ["goal \"Write a note\"", "planner \"m-1\"", "planner_version \""] {
        assert!(out.contains(clause), "{out}");
    }
    for said in [
        "at most: 0 usd, 0 tokens, 1 call",
        "may change: writes \"file:note.txt\"",
        "calls: file.write",
        "planned by m-1 in 1 answer: 2100 tokens, 0.003 usd",
    ] {
        assert!(err.contains(said), "{said}\n{err}");
    }
    assert!(!err.contains("k3y"), "{err}");
    let sent = &asked(&played)[0];
    let system = sent["system"].to_string();
    assert!(
        system.contains("file.write") && !system.contains("shell.run"),
        "only what is granted is offered"
    );
    assert!(sent["messages"].to_string().contains("<goal>\\nWrite a note\\n</goal>"));
    assert!(!dir.path().join("note.txt").exists(), "nothing was run");
}

#[test]
fn mistakes_are_mended_and_told() {
    let played = play(&[BAD, GOOD]);
    let dir = project(&played);
    let (code, out, err) =
        finish(&mut plan(dir.path(), &["Write a note", "--explain", "--out", "plans/note.plan"]));
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(
        err.contains("mended: rename it to `path`") && err.contains("error[unknown-function] 2:53"),
        "{err}"
    );
    assert!(err.contains("1000 cached") && err.contains("saved as plans/note.plan"), "{err}");
    let told = asked(&played)[1]["messages"][0]["content"].to_string();
    assert!(
        told.contains("2 |   step done = file.write(path: ")
            && told.contains("1. error[unknown-function] at 2:53"),
        "{told}"
    );
    let (code, ..) = finish(aos(dir.path()).args(["check", "plans/note.plan", "--agent", "clerk"]));
    assert_eq!(code, 0);
    // The file stands in the way of the next one.
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--out", "plans/note.plan"]));
    assert!(code == 2 && err.contains("is there already; say --yes to replace it"), "{err}");
    assert_eq!(asked(&played).len(), 2, "nothing was asked");
}

#[test]
fn a_plan_runs_only_where_that_was_said() {
    let played = play(&[GOOD]);
    let dir = project(&played);
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--run"]));
    assert!(code == 2 && err.contains("say --run --yes"), "{err}");
    assert_eq!(asked(&played).len(), 0);
    let (code, out, err) = finish(&mut plan(
        dir.path(),
        &["Write a note", "--run", "--yes", "--input", "text=hi there", "--json"],
    ));
    assert_eq!(code, 0, "{err}");
    assert_eq!(std::fs::read_to_string(dir.path().join("note.txt")).unwrap(), "hi there");
    let last: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["status"], &last["output"]["size"]), (&json!("succeeded"), &json!(8)));
    let first = &out[..out.find("\n}\n").unwrap() + 2];
    let told: Json = serde_json::from_str(first).unwrap();
    assert_eq!(told["plan"]["effects"], json!(["writes \"file:note.txt\""]));
    assert_eq!(told["usage"]["output_tokens"], 100);
    assert_eq!(told["rounds"].as_array().unwrap().len(), 1);
}

#[test]
fn one_key_one_plan_and_no_second_bill() {
    let played = play(&[GOOD]);
    let dir = project(&played);
    let (code, first, err) = finish(&mut plan(dir.path(), &["Write a note", "--key", "k1"]));
    assert_eq!(code, 0, "{err}");
    let (code, second, err) = finish(&mut plan(dir.path(), &["Write a note", "--key", "k1"]));
    assert_eq!((code, &first), (0, &second), "{err}");
    assert!(err.contains("under this key; no model was asked"), "{err}");
    assert_eq!(asked(&played).len(), 1);
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write two notes", "--key", "k1"]));
    assert!(code == 2 && err.contains("the key `k1` stands for another goal: “Write a note”"), "{err}");
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--key", "k1", "--agent", "clerk"]));
    assert_eq!(code, 2, "another agent is another request: {err}");
    assert_eq!(asked(&played).len(), 1);
}

#[test]
fn no_plan_is_a_failure_with_a_reason() {
    let played = play(&["I will not do that."]);
    let dir = project(&played);
    let (code, out, err) = finish(&mut plan(dir.path(), &["Write a note"]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no plan: the model gives no plan: it says: “I will not do that.”"), "{err}");
    let played = play(&["plan note() {\n  step a = shell.run(command: [\"id\"])\n}"]);
    let dir = project(&played);
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--agent", "clerk"]));
    assert!(code == 1 && err.contains("error[skill-not-granted]"), "{err}");
    assert!(err.contains("the nearest to a plan was:"), "{err}");
}

#[test]
fn bounds_are_held() {
    let played = play(&[BAD, GOOD]);
    let dir = project(&played);
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--max-tokens", "5000"]));
    assert!(code == 1 && err.contains("of `--max-tokens`"), "{err}");
    assert_eq!(asked(&played).len(), 0, "nothing is asked that may not fit");
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note", "--max-cost", "0.001"]));
    assert!(code == 1 && err.contains("`--max-cost`"), "{err}");
    let (code, _, err) = finish(&mut plan(dir.path(), &["x ".repeat(60_000).as_str()]));
    assert!(code == 2 && err.contains("shorten the goal"), "{err}");
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write", "--agent", "clrk"]));
    assert!(code == 2 && err.contains("did you mean `clerk`?"), "{err}");
    std::fs::write(dir.path().join("aos.toml"), "").unwrap();
    let (code, _, err) = finish(&mut plan(dir.path(), &["Write a note"]));
    assert!(code == 2 && err.contains("no model is named"), "{err}");
}

#[test]
fn a_conversation_changes_a_plan() {
    let changed = GOOD.replace("note.txt", "other.txt");
    let played = play(&[GOOD, &changed, "no idea", "no idea", &changed]);
    let dir = project(&played);
    let said = "use other.txt\nmake it blue\n/undo\n/save kept.plan\n/undo\n/what\n/quit\n";
    let (code, out, err) = finish_with(&mut plan(dir.path(), &["Write a note", "--chat"]), said);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("-  step done = file.write(path: \"note.txt\""), "{out}");
    assert!(out.contains("+  step done = file.write(path: \"other.txt\""), "{out}");
    assert!(err.contains("the plan before stands"), "{err}");
    assert!(err.contains("there is no plan before this one") && err.contains("there is no `/what`"), "{err}");
    let kept = std::fs::read_to_string(dir.path().join("kept.plan")).unwrap();
    assert!(kept.contains("note.txt") && kept.contains("goal \"Write a note\""), "{kept}");
    let second = asked(&played)[1]["messages"].to_string();
    assert!(second.contains("1. use other.txt") && second.contains("note.txt"), "{second}");
    // The goal can be said there too, and the plan be run.
    let played = play(&[GOOD]);
    let dir = project(&played);
    let (code, _, err) = finish_with(&mut plan(dir.path(), &["--chat"]), "Write a note\n/run\n");
    assert_eq!(code, 0, "{err}");
    assert!(dir.path().join("note.txt").exists());
}
