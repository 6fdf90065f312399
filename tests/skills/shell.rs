use super::{call, config, fails, run, secret};
use aos::runtime::skill::Skills;
use aos::value::{Map, Value};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn programs_run_without_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    let result = run(&skills, "shell.run", json!({ "command": ["echo", "$HOME; ls"] })).await.unwrap();
    assert_eq!(result, json!({ "code": 0, "stdout": "$HOME; ls\n", "stderr": "" }));
    let result = run(&skills, "shell.run", json!({ "command": ["cat"], "stdin": "in" })).await.unwrap();
    assert_eq!(result["stdout"], "in");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let result = run(&skills, "shell.run", json!({ "command": ["pwd"], "folder": "sub" })).await.unwrap();
    assert!(result["stdout"].as_str().unwrap().ends_with("/sub\n"));
    assert_eq!(fails(&skills, "shell.run", json!({ "command": ["pwd"], "folder": "../.." })).await, "denied");
    assert_eq!(fails(&skills, "shell.run", json!({ "command": [] })).await, "invalid_input");
    assert_eq!(
        fails(&skills, "shell.run", json!({ "command": ["no-such-program-x"] })).await,
        "invalid_input"
    );
    let result = run(&skills, "shell.run", json!({ "command": ["env"] })).await.unwrap();
    assert!(!result["stdout"].as_str().unwrap().contains("CARGO"), "{result}");
}

#[tokio::test]
async fn a_failing_program_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    let mut failing = call("shell.run", json!({ "command": ["sh", "-c", "echo $T >&2; exit 4"] }));
    let env: Map = [("T".into(), secret("token "))].into_iter().collect();
    failing.args.insert("env".into(), Value::Map(Arc::new(env)));
    let failure = skills.call(failing).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "exit");
    assert!(matches!(failure.details["code"], Value::Int(4)));
    assert!(matches!(&failure.details["stderr"], Value::String(text) if text.as_ref() == "token [secret]\n"));
    assert!(failure.message.contains("token [secret]"), "{}", failure.message);
}

#[tokio::test]
async fn too_much_output_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    assert_eq!(fails(&skills, "shell.run", json!({ "command": ["yes"] })).await, "invalid_output");
    let script = "sleep 60 & echo $! > pid; wait";
    let slow = run(&skills, "shell.run", json!({ "command": ["sh", "-c", script] }));
    assert!(tokio::time::timeout(Duration::from_millis(500), slow).await.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}
