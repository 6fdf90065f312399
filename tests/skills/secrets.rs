//! What the binary shows and keeps, and how much memory it takes.

use crate::support::http::{Response, Server};
use base64::Engine as _;
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::process::Command;

/// Needs quoting in JSON and in addresses.
const SECRET: &str = "pw-7f\"3x/Zq+1 end";

fn aos(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aos"));
    command.args(args).current_dir(folder).env("AOS_TEST_X", SECRET).kill_on_drop(true);
    command
}

/// The forms of the secret among the bytes.
fn leaks(bytes: &[u8]) -> Vec<String> {
    let quoted = serde_json::Value::from(SECRET).to_string();
    let base64 = base64::engine::general_purpose::STANDARD.encode(SECRET);
    let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let forms = [SECRET.to_owned(), quoted.trim_matches('"').to_owned(), base64, form];
    let there = |form: &String| bytes.windows(form.len()).any(|window| window == form.as_bytes());
    forms.into_iter().filter(there).collect()
}

fn all_files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

async fn output(folder: &Path, args: &[&str]) -> Output {
    let output = aos(folder, args).output().await.unwrap();
    for bytes in [&output.stdout, &output.stderr] {
        assert_eq!(leaks(bytes), Vec::<String>::new(), "{args:?}: {}", String::from_utf8_lossy(bytes));
    }
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_neither_shown_nor_kept() {
    let server = Server::start(|request| {
        let seen = request.headers.get("authorization").cloned().unwrap_or_default();
        let secret = seen.trim_start_matches("Bearer ");
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        match request.path.as_str() {
            "/refused" => Response::new(403, format!("not with {seen}, {base64}, {form}")),
            "/json" => {
                let body = serde_json::json!({ "seen": seen, secret: [secret, { "x": secret }] });
                Response::new(200, body.to_string())
                    .header("content-type", "application/json")
                    .header("x-seen", seen)
            }
            _ => Response::new(200, format!("{seen} {base64} {form}")),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let config = "[skills.http]\nallow_private_network = true\n[secrets]\nX = \"env:AOS_TEST_X\"\n";
    std::fs::write(root.join("aos.toml"), config).unwrap();
    let get = |path: &str, value: &str| {
        format!("http.get(url: \"{}\", headers: {{\"authorization\": {value}}})", server.url(path))
    };
    let echo = format!(
        "plan echo() -> json {{\n  step a = {}\n  step b = {}\n  return [a.json, a.headers, a.body, b.body]\n}}\n",
        get("/json", "\"Bearer ${secret(\"X\")}\""),
        get("/text", "secret(\"X\")"),
    );
    std::fs::write(root.join("echo.plan"), echo).unwrap();
    let refused = format!(
        "plan refused() -> json {{\n  step a = {}\n  return a.body\n}}\n",
        get("/refused", "\"Bearer ${secret(\"X\")}\"")
    );
    std::fs::write(root.join("refused.plan"), refused).unwrap();
    for args in [vec!["run"], vec!["run", "--json"]] {
        let echo = output(root, &[args.as_slice(), &["echo.plan"]].concat()).await;
        let text = String::from_utf8_lossy(&echo.stdout).into_owned();
        assert!(echo.status.success(), "{text} {}", String::from_utf8_lossy(&echo.stderr));
        assert!(text.contains("[secret]"), "{text}");
        let refused = output(root, &[args.as_slice(), &["refused.plan"]].concat()).await;
        assert!(!refused.status.success());
    }
    let seen = server.seen();
    assert!(seen.len() >= 6, "{}", seen.len());
    assert!(seen.iter().all(|request| request.headers["authorization"].ends_with(SECRET)));
    let runs = output(root, &["runs", "--json"]).await;
    let runs = String::from_utf8(runs.stdout).unwrap();
    let ids: Vec<String> = serde_json::Deserializer::from_str(&runs)
        .into_iter::<serde_json::Value>()
        .flat_map(|value| match value.unwrap() {
            serde_json::Value::Array(items) => items,
            other => vec![other],
        })
        .filter_map(|run| run.get("run").or(run.get("id")).and_then(|id| id.as_str().map(str::to_owned)))
        .collect();
    assert_eq!(ids.len(), 4, "{runs}");
    for id in &ids {
        output(root, &["show", id]).await;
        let shown = output(root, &["show", id, "--json"]).await;
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        assert!(!shown.stdout.is_empty());
    }
    let mut files = Vec::new();
    all_files(&root.join(".aos"), &mut files);
    assert!(!files.is_empty());
    for (path, bytes) in files {
        assert_eq!(leaks(&bytes), Vec::<String>::new(), "{path}");
    }
}

/// Answers with a line as long as the argument says: of one text, or of small numbers.
const PROVIDER: &str = r#"
import json, sys
for line in sys.stdin:
    call = json.loads(line)
    out = sys.stdout
    out.write('{"id": %d, "result": ' % call["id"])
    if call["skill"] == "p.text":
        out.write('"')
        for _ in range(200):
            out.write("x" * 1000000)
        out.write('"}\n')
    elif call["skill"] == "p.letters":
        out.write('"' + "x" * (16 * 1024 * 1024 - 100) + '"}\n')
    else:
        count = 900000 if call["skill"] == "p.numbers" else 4000000
        out.write("[" + "1," * count + "1]}\n")
    out.flush()
"#;

/// The most memory that the process had, bytes.
async fn peak(mut command: Command) -> (u64, std::process::ExitStatus) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        most = most.max(kib * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            return (most, ended);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_huge_answer_takes_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("p.py"), PROVIDER).unwrap();
    let config = "[project]\nskills = [\"skills\"]\n[skills.p]\nprovider = \"process\"\ncommand = [\"python3\", \"p.py\"]\n";
    std::fs::write(root.join("aos.toml"), config).unwrap();
    std::fs::create_dir(root.join("skills")).unwrap();
    let skills = "skill p.text() -> json\n  pure\nskill p.numbers() -> json\n  pure\nskill p.letters() -> json\n  pure\nskill p.many() -> json\n  pure\n";
    std::fs::write(root.join("skills/p.plan"), skills).unwrap();
    for (name, succeeds) in [("text", false), ("many", false), ("numbers", true), ("letters", true)] {
        let plan = format!("plan {name}() -> bool {{\n  step a = p.{name}()\n  return a == null\n}}\n");
        let file = format!("{name}.plan");
        std::fs::write(root.join(&file), plan).unwrap();
        let (bytes, status) = peak(aos(root, &["run", &file])).await;
        if !succeeds {
            let said = output(root, &["run", "--json", &file]).await;
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains("invalid_output") && said.contains("more than"), "{name}: {said}");
        }
        println!("{name}: {} MB, {status}", bytes / 1_000_000);
        assert_eq!(status.success(), succeeds, "{name}");
        assert!(bytes > 1_000_000 && bytes <= 300_000_000, "{name}: {bytes}");
    }
}
