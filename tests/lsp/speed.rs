//! How long a keystroke takes, through the protocol and the real program: `cargo test --release --test main lsp::speed --
//! --ignored --nocapture`.

use crate::support::{aos, root};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A plan of so many steps, each of which reads an earlier one.
pub fn plan(steps: usize) -> String {
    let mut text = String::from("plan big(base: string) -> string {\n");
    for n in 0..steps {
        let url = match n {
            0 => "${base}/0".to_owned(),
            _ => format!("${{base}}/${{s{}.status}}", n / 2),
        };
        let _ = writeln!(text, "  step s{n} = http.get(url: \"{url}\")\n    timeout 10s");
    }
    // All that no other step reads.
    let ends: Vec<String> = (steps / 2..steps).map(|n| format!("s{n}.body")).collect();
    let _ = writeln!(text, "  return [\n    {},\n  ].join(\"\")\n}}", ends.join(",\n    "));
    text
}

struct Program {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Program {
    fn start() -> Program {
        let mut child = aos(&root()).arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Program { child, to, from, next: 0 }
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).unwrap();
            match line.trim().strip_prefix("Content-Length: ") {
                Some(n) => length = n.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.read();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn diagnostics(&mut self, version: u64) -> Value {
        loop {
            let message = self.read();
            if message["params"]["version"] == version {
                return message["params"]["diagnostics"].clone();
            }
        }
    }

    /// Resident memory at its highest, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |q: usize| times[(times.len() * q / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!(
        "{what}: median {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, {} times",
        at(50),
        at(90),
        at(99),
        times.len()
    );
}

const URI: &str = "file:///p/big.plan";
/// What is typed, letter by letter, as a new statement in the middle of the plan; closing brackets and quotes come by themselves.
const TYPED: &str = "step extra = http.get(url: \"https://a.example/${s3.status}\")\n    timeout 5s\n";

#[test]
#[ignore = "a measurement; run it in release"]
fn keystrokes_in_a_plan_of_a_thousand_steps() {
    let text = plan(1_000);
    let mut program = Program::start();
    program.request("initialize", json!({ "capabilities": {} }));
    let opened = Instant::now();
    program.send(&json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": {
        "uri": URI, "languageId": "aos", "version": 1, "text": text } } }));
    assert_eq!(program.diagnostics(1), json!([]));
    println!("{} KB; opening: {:.1} ms", text.len() / 1000, opened.elapsed().as_secs_f64() * 1e3);
    let line = text[..text.find("  step s500 ").unwrap()].matches('\n').count();
    let mut version = 1;
    let (mut typing, mut completing, mut colours, mut hovers) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        let (mut row, mut column) = (line, 0);
        for c in TYPED.chars() {
            version += 1;
            let at = json!({ "line": row, "character": column });
            // An editor puts the closing one behind the cursor, and later types over it.
            let pair = match c {
                '(' => "()",
                '{' => "{}",
                '"' if TYPED[..TYPED.len() / 2].contains('"') && column < 30 => "\"\"",
                _ => "",
            };
            let over = matches!(c, ')' | '}') || (c == '"' && pair.is_empty());
            let (range, new) = if over {
                (json!({ "start": at, "end": { "line": row, "character": column + 1 } }), c.to_string())
            } else if pair.is_empty() {
                (json!({ "start": at, "end": at }), c.to_string())
            } else {
                (json!({ "start": at, "end": at }), pair.to_owned())
            };
            let start = Instant::now();
            program.send(&json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
                "textDocument": { "uri": URI, "version": version }, "contentChanges": [{ "range": range, "text": new }] } }));
            program.diagnostics(version);
            typing.push(start.elapsed());
            (row, column) = if c == '\n' { (row + 1, 0) } else { (row, column + 1) };
            let place =
                json!({ "textDocument": { "uri": URI }, "position": { "line": row, "character": column } });
            let start = Instant::now();
            program.request("textDocument/completion", place.clone());
            completing.push(start.elapsed());
            if column % 8 == 0 {
                let start = Instant::now();
                program.request("textDocument/hover", place);
                hovers.push(start.elapsed());
                let start = Instant::now();
                program
                    .request("textDocument/semanticTokens/full", json!({ "textDocument": { "uri": URI } }));
                colours.push(start.elapsed());
            }
        }
        assert!(round < 3);
    }
    show("keystroke to diagnostics", &mut typing);
    show("completion", &mut completing);
    show("hover", &mut hovers);
    show("semantic tokens of all", &mut colours);
    println!("memory: {:.1} MB at the most", program.peak() as f64 / 1024.0);
    program.request("shutdown", Value::Null);
    program.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert!(program.child.wait().unwrap().success());
}
