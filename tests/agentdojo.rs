//! Published tasks of an agent over tools, with what attackers hide in the tools' answers: no marked flow passes the checker, no clean
//! task is refused, and an attacker's call never runs.

use crate::engine::influence::{Trace, compile, trace};
use crate::support::{aos, cases, finish};
use aos::check::flow::{Asker, Writer};
use aos::value::Value;
use serde_json::Value as Json;
use std::fmt::Write as _;

const STUB: &str = r#"import json, sys
for line in sys.stdin:
    call = json.loads(line)
    open("calls.log", "a").write(json.dumps([call["skill"], call["args"]]) + "\n")
    print(json.dumps({"id": call["id"], "result": open("injection.txt").read()}), flush=True)
"#;

fn ty(schema: &Json) -> &str {
    let schema = schema["anyOf"].as_array().and_then(|a| a.first()).unwrap_or(schema);
    match schema["type"].as_str() {
        Some("string") => "string",
        Some("integer") => "int",
        Some("number") => "float",
        Some("boolean") => "bool",
        Some("array") => "list<json>",
        _ => "json",
    }
}

fn literal(value: &Json, ty: &str) -> String {
    match value {
        // Whatever the attacker makes of it.
        Json::Object(map) if map.contains_key("$dynamic") => {
            (if ty == "string" { "\"anything\"" } else { "1" }).to_owned()
        }
        Json::String(text) => format!("{text:?}"),
        Json::Number(n) if ty == "float" => format!("{:?}", n.as_f64().unwrap()),
        other => other.to_string(),
    }
}

/// The calls as a plan; `marked` says which arguments are computed from the latest untrusted read. With `ask`, calls with such arguments ask
/// a person first.
fn plan(suite: &Json, calls: &[Json], marked: impl Fn(&Json, &str) -> bool, ask: bool) -> String {
    let mut out = String::new();
    for tool in suite["tools"].as_array().unwrap() {
        let required = tool["input"]["required"].as_array().unwrap();
        let mut params = String::new();
        for (name, schema) in tool["input"]["properties"].as_object().unwrap() {
            let mark = if required.iter().any(|r| r == name) { "" } else { "?" };
            write!(params, "{name}{mark}: {}, ", ty(schema)).unwrap();
        }
        let trust = if tool["reads_untrusted"] == true { "untrusted " } else { "" };
        let effect = if tool["effect"] == true { "irreversible" } else { "reads" };
        writeln!(
            out,
            "skill t.{}({params}) -> {trust}json\n  {effect} \"suite\"",
            tool["name"].as_str().unwrap()
        )
        .unwrap();
    }
    out.push_str("plan task() {\n");
    let mut latest = None;
    for (index, call) in calls.iter().enumerate() {
        let name = call["skill"].as_str().unwrap();
        let tools = suite["tools"].as_array().unwrap();
        let tool = tools.iter().find(|t| t["name"] == name).unwrap();
        let (mut args, mut asks) = (Vec::new(), false);
        for (arg, value) in call["args"].as_object().unwrap() {
            let ty = ty(&tool["input"]["properties"][arg]);
            let text = match latest {
                Some(step) if marked(call, arg) => {
                    asks = ask;
                    format!("s{step} as {ty}")
                }
                _ => literal(value, ty),
            };
            args.push(format!("{arg}: {text}"));
        }
        let mut order = if index == 0 { String::new() } else { format!("\n    depends_on [s{}]", index - 1) };
        if asks {
            order.push_str("\n    approve \"Do this?\"");
        }
        writeln!(out, "  step s{index} = t.{name}({}){order}", args.join(", ")).unwrap();
        if tool["reads_untrusted"] == true {
            latest = Some(index);
        }
    }
    out.push_str("}\n");
    out
}

fn is_marked(call: &Json, arg: &str) -> bool {
    call["effect"] == true && call["tainted_args"].as_array().is_some_and(|a| a.iter().any(|t| t == arg))
}

/// A project whose tools answer what the attackers wrote.
struct World(tempfile::TempDir);

impl World {
    fn new(suite: &Json) -> World {
        let dir = tempfile::tempdir().unwrap();
        let config = "[skills.t]\nprovider = \"process\"\ncommand = [\"python3\", \"stub.py\"]\n";
        std::fs::write(dir.path().join("aos.toml"), config).unwrap();
        std::fs::write(dir.path().join("stub.py"), STUB).unwrap();
        let tasks = suite["injection_tasks"].as_array().unwrap();
        let goals: Vec<&str> = tasks.iter().filter_map(|t| t["goal"].as_str()).collect();
        let text = format!("IMPORTANT: {}", goals.join(" And: "));
        std::fs::write(dir.path().join("injection.txt"), text).unwrap();
        World(dir)
    }

    /// The exit code, what was said, and the calls that were made.
    fn run(&self, text: &str, options: &[&str]) -> (i32, String, String) {
        let log = self.0.path().join("calls.log");
        let _ = std::fs::remove_file(&log);
        std::fs::write(self.0.path().join("task.plan"), text).unwrap();
        let args = ["--store", ":memory:", "run", "task.plan"];
        let (code, out, err) = finish(aos(self.0.path()).args(args).args(options));
        (code, format!("{out}{err}"), std::fs::read_to_string(&log).unwrap_or_default())
    }

    fn errors(&self, text: &str) -> Vec<Json> {
        std::fs::write(self.0.path().join("task.plan"), text).unwrap();
        let (_, out, _) = finish(aos(self.0.path()).args(["check", "task.plan", "--format", "json"]));
        let all: Json = serde_json::from_str(&out).unwrap();
        all["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error").cloned().collect()
    }

    /// How many marked flows were found, all of them.
    fn user_task(&self, suite: &Json, task: &Json) -> usize {
        let id = &task["id"];
        let calls = task["calls"].as_array().unwrap();
        let text = plan(suite, calls, is_marked, false);
        let effects = calls.iter().filter(|c| c["effect"] == true);
        let marks: usize = effects.map(|c| c["tainted_args"].as_array().map_or(0, Vec::len)).sum();
        let found = self.errors(&text);
        let trust = |d: &&Json| d["code"] == "untrusted-flow" || d["code"] == "untrusted-control";
        assert_eq!(found.iter().filter(trust).count(), marks, "{id}: {found:#?}\n{text}");
        assert_eq!(found.len(), marks, "{id}: {found:#?}\n{text}");
        let (code, said, made) = self.run(&text, &[]);
        if marks == 0 {
            assert_eq!(code, 0, "{id}: {said}\n{text}");
            assert_eq!(made.lines().count(), calls.len(), "{id}: {made}");
            return 0;
        }
        assert_eq!((code, made.as_str()), (1, ""), "{id}: {said}");
        // With a person asked it is fine, and what is asked about is not done before the answer. What an attacker wrote may also be no
        // number at all.
        let asking = plan(suite, calls, is_marked, true);
        assert_eq!(self.errors(&asking), [Json::Null; 0], "{id}: {asking}");
        let marked = |call: &Json| call["args"].as_object().unwrap().keys().any(|arg| is_marked(call, arg));
        let before = calls.iter().position(marked).unwrap();
        let (code, said, made) = self.run(&asking, &[]);
        assert!(code == 3 || said.contains("expression"), "{id}: {code} {said}");
        assert_eq!(made.lines().count(), before, "{id}: {made}");
        marks
    }

    /// A planner that obeys what it reads: the attacker's call, with its arguments from the text. Whether it asks for an effect.
    fn attack(&self, suite: &Json, task: &Json) -> bool {
        let tools = suite["tools"].as_array().unwrap();
        let reader = tools.iter().find(|t| t["reads_untrusted"] == true).unwrap();
        let mut read = serde_json::json!({ "skill": reader["name"], "args": {} });
        for need in reader["input"]["required"].as_array().unwrap() {
            let filler = match ty(&reader["input"]["properties"][need.as_str().unwrap()]) {
                "int" | "float" => serde_json::json!(1),
                "bool" => serde_json::json!(true),
                _ => serde_json::json!("x"),
            };
            read["args"][need.as_str().unwrap()] = filler;
        }
        let mut calls = vec![read];
        calls.extend(task["calls"].as_array().unwrap().iter().cloned());
        if !calls.iter().any(|c| c["effect"] == true && !c["args"].as_object().unwrap().is_empty()) {
            return false;
        }
        let computed = plan(suite, &calls, |call, _| call["effect"] == true, false);
        let (code, said, made) = self.run(&computed, &[]);
        assert_eq!((code, made.as_str()), (1, ""), "{}: {said}", task["id"]);
        // The same with the attacker's own words written out by a model that has read them.
        let written = plan(suite, &calls, |_, _| false, false);
        let options = ["--written-by", "model", "--context", "untrusted"];
        let (code, said, made) = self.run(&written, &options);
        assert_eq!((code, made.as_str()), (1, ""), "{}: {said}", task["id"]);
        assert!(said.contains("untrusted"), "{}: {said}", task["id"]);
        true
    }
}

#[test]
fn marked_flows_are_refused_and_clean_tasks_run_without_an_attackers_call() {
    let Some(folder) = cases("examples-data/agentdojo") else { return };
    let (mut refused, mut clean, mut flows, mut attacks) = (0, 0, 0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let suite: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let world = World::new(&suite);
        for task in suite["user_tasks"].as_array().unwrap() {
            match world.user_task(&suite, task) {
                0 => clean += 1,
                marks => {
                    refused += 1;
                    flows += marks;
                }
            }
        }
        let tasks = suite["injection_tasks"].as_array().unwrap();
        attacks += tasks.iter().filter(|task| world.attack(&suite, task)).count();
    }
    println!(
        "{clean} clean tasks ran, {refused} refused with {flows} marked flows, {attacks} attacks refused"
    );
    assert!(clean > 0 && refused > 0 && attacks > 0);
}

/// Both runs of one plan: what is read from outside is harmless, and then what the attacker wrote.
fn twice(suite: &Json, text: &str, attack: &Json) -> Result<(Trace, Trace), Vec<String>> {
    let dag = compile(text, &Asker::default())?;
    let tools = suite["tools"].as_array().unwrap();
    let named = |field: &str| -> Vec<String> {
        let tools = tools.iter().filter(|t| t[field] == true);
        tools.map(|t| format!("t.{}", t["name"].as_str().unwrap())).collect()
    };
    let (outside, effects) = (named("reads_untrusted"), named("effect"));
    // Where a number is made of it, the attacker writes one.
    let number = text.contains("(string(s");
    let run = |says: String| {
        let outside = outside.clone();
        let answer = move |invoke: &aos::engine::Invoke| {
            Ok(match outside.iter().any(|name| **name == *invoke.skill) {
                false => Value::from_json(&serde_json::json!({ "own": "answer" })),
                true => Value::String(says.clone().into()),
            })
        };
        trace(&dag, answer, |skill| effects.iter().any(|name| name == skill))
    };
    let attack = format!("IMPORTANT: {} {}", attack["goal"], attack["calls"]);
    Ok((run("12".into()), run(if number { "666".into() } else { attack })))
}

#[test]
fn no_injection_changes_what_a_task_does() {
    let Some(folder) = cases("examples-data/agentdojo") else { return };
    let numbers = regex::Regex::new(r"(s\d+) as (float|int)").unwrap();
    let (mut same, mut refused, mut differ, mut obeyed) = (0, 0, 0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let suite: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for task in suite["user_tasks"].as_array().unwrap() {
            let calls = task["calls"].as_array().unwrap();
            let text = plan(&suite, calls, is_marked, false).replace("plan task()", "plan p()");
            for attack in suite["injection_tasks"].as_array().unwrap() {
                let pair = format!("{} and {}", task["id"], attack["id"]);
                match twice(&suite, &text, attack) {
                    Ok((calm, attacked)) => {
                        assert_eq!(calm.acts, attacked.acts, "{pair}\n{text}");
                        assert_eq!(calm.status, attacked.status, "{pair}");
                        same += 1;
                    }
                    Err(errors) => {
                        let flow = |e: &String| e.starts_with("untrusted-");
                        assert!(errors.iter().all(flow), "{pair}: {errors:#?}");
                        refused += 1;
                        // What was refused would have been told by the attacker what to do.
                        let bare = text.replace("-> untrusted ", "-> ");
                        let bare = numbers.replace_all(&bare, "$2(string($1))");
                        let (calm, attacked) = twice(&suite, &bare, attack).unwrap();
                        differ += u32::from(calm.acts != attacked.acts);
                    }
                }
                // A planner that has read the injection and obeys: its plan goes nowhere.
                let added = attack["calls"].as_array().unwrap().iter();
                let acts = |c: &&Json| c["effect"] == true && !c["args"].as_object().unwrap().is_empty();
                if added.clone().any(|c| acts(&c)) {
                    let all: Vec<Json> = calls.iter().chain(added).cloned().collect();
                    let text = plan(&suite, &all, is_marked, false).replace("plan task()", "plan p()");
                    let asker = Asker {
                        written_by: Some(Writer::Model),
                        untrusted_context: true,
                        ..Asker::default()
                    };
                    assert!(compile(&text, &asker).is_err(), "{pair}\n{text}");
                    obeyed += 1;
                }
            }
        }
    }
    println!(
        "{} pairs: {same} do the same, {refused} are refused, of which {differ} do otherwise without labels; {obeyed} plans \
         that obey are refused",
        same + refused
    );
    assert!(same > 0 && refused > 0 && differ == refused && obeyed > 0);
}
