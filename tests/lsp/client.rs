//! A client in the same process: requests and answers over pipes.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A server and the end of it that a client holds.
pub struct Client {
    to: std::io::PipeWriter,
    from: Receiver<Value>,
    next: u64,
    /// What was told last, by document: version and diagnostics.
    pub told: BTreeMap<String, (Option<i64>, Vec<Value>)>,
    /// Requests of the server.
    pub asked: Vec<Value>,
    pub ended: Receiver<bool>,
}

/// Longer than any answer takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// A server that has not been told anything.
    pub fn raw() -> Client {
        let (server_in, to) = std::io::pipe().unwrap();
        let (from, server_out) = std::io::pipe().unwrap();
        let (ended_to, ended) = channel();
        std::thread::spawn(move || {
            let _ = ended_to.send(aos::lsp::serve(BufReader::new(server_in), server_out));
        });
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut input = BufReader::new(from);
            while let Some(message) = read(&mut input) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Client { to, from: receiver, next: 0, told: BTreeMap::new(), asked: Vec::new(), ended }
    }

    /// A server for a folder, with a client that can do everything.
    pub fn new(root: Option<&Path>) -> Client {
        let mut client = Client::raw();
        let folders = root.map(|r| json!([{ "uri": uri(r), "name": "root" }]));
        client
            .request(
                "initialize",
                json!({ "processId": null, "rootUri": null, "workspaceFolders": folders, "capabilities": {
                    "textDocument": {
                        "completion": { "completionItem": { "snippetSupport": true } },
                        "hover": { "contentFormat": ["markdown"] },
                        "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
                        "publishDiagnostics": { "relatedInformation": true },
                    },
                    "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } },
                } }),
            )
            .unwrap();
        client.notify("initialized", json!({}));
        client
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).unwrap();
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request without waiting; gives its id.
    pub fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The next message that answers a request; others are kept.
    pub fn answer(&mut self) -> Value {
        loop {
            let message = self.from.recv_timeout(PATIENCE).expect("an answer");
            if !self.keep(&message) {
                return message;
            }
        }
    }

    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], id, "{answer}");
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    fn keep(&mut self, message: &Value) -> bool {
        if message["method"] == "textDocument/publishDiagnostics" {
            let params = &message["params"];
            let list = params["diagnostics"].as_array().unwrap().clone();
            let version = params["version"].as_i64();
            self.told.insert(params["uri"].as_str().unwrap().to_owned(), (version, list));
            return true;
        }
        if message.get("method").is_some() {
            self.asked.push(message.clone());
            return true;
        }
        false
    }

    pub fn open(&mut self, uri: &str, text: &str) {
        self.notify(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "aos", "version": 1, "text": text } }),
        );
    }

    pub fn change(&mut self, uri: &str, version: i64, changes: Value) {
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": changes }),
        );
    }

    /// Waits for what is told of a version of a document.
    pub fn diagnostics(&mut self, uri: &str, version: i64) -> Vec<Value> {
        while self.told.get(uri).is_none_or(|(v, _)| *v != Some(version)) {
            let message = self.from.recv_timeout(PATIENCE).expect("diagnostics");
            assert!(self.keep(&message), "{message}");
        }
        self.told[uri].1.clone()
    }

    /// Waits until a condition on what was told holds.
    pub fn until(&mut self, holds: impl Fn(&Client) -> bool) {
        while !holds(self) {
            let message = self.from.recv_timeout(PATIENCE).expect("a notification");
            assert!(self.keep(&message), "{message}");
        }
    }

    /// Asks about a place of a document.
    pub fn at(&mut self, method: &str, uri: &str, place: Value) -> Value {
        self.request(method, json!({ "textDocument": { "uri": uri }, "position": place })).unwrap()
    }

    pub fn about(&mut self, method: &str, uri: &str) -> Value {
        self.request(method, json!({ "textDocument": { "uri": uri } })).unwrap()
    }

    /// Goes without a word; what the server then says of its end.
    pub fn hang_up(self) -> bool {
        drop(self.to);
        self.ended.recv_timeout(PATIENCE).unwrap()
    }

    pub fn shut_down(mut self) -> bool {
        self.request("shutdown", Value::Null).unwrap();
        self.notify("exit", Value::Null);
        self.ended.recv_timeout(PATIENCE).unwrap()
    }
}

fn read(input: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", n)) => length = n.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON from the server"))
}

/// The URI of a path without characters that need escapes.
pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The text without the marker `⟨⟩`, and its place in UTF-16 units.
pub fn marked(text: &str) -> (String, Value) {
    let at = text.find("⟨⟩").expect("a marker");
    (text.replacen("⟨⟩", "", 1), place(text, at))
}

/// Where the lines begin: behind `\n`, `\r\n` and a lone `\r`, as the protocol counts.
fn starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = (0..bytes.len())
        .filter(|i| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
    std::iter::once(0).chain(ends.map(|i| i + 1)).collect()
}

/// The place of a byte.
pub fn place(text: &str, at: usize) -> Value {
    let starts = starts(text);
    let line = starts.partition_point(|s| *s <= at) - 1;
    json!({ "line": line, "character": text[starts[line]..at].encode_utf16().count() })
}

/// The byte at a place.
pub fn byte(text: &str, place: &Value) -> usize {
    let line = place["line"].as_u64().unwrap() as usize;
    let Some(start) = starts(text).get(line).copied() else { return text.len() };
    let mut units = place["character"].as_u64().unwrap() as usize;
    for (at, c) in text[start..].char_indices() {
        if units == 0 {
            return start + at;
        }
        units = units.saturating_sub(c.len_utf16());
    }
    text.len()
}

/// The text with edits; they must not overlap.
pub fn edited(text: &str, edits: &Value) -> String {
    let mut list: Vec<(usize, usize, String)> = edits
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let (a, b) = (byte(text, &e["range"]["start"]), byte(text, &e["range"]["end"]));
            (a, b, e["newText"].as_str().unwrap().to_owned())
        })
        .collect();
    list.sort();
    let mut out = text.to_owned();
    let mut last = usize::MAX;
    for (a, b, new) in list.into_iter().rev() {
        assert!(b <= last, "edits overlap: {edits}");
        out.replace_range(a..b, &new);
        last = a;
    }
    out
}
