//! The language server, over the protocol.

#[path = "lsp/client.rs"]
pub mod client;
#[path = "lsp/editors.rs"]
mod editors;
#[path = "lsp/features.rs"]
mod features;
#[path = "lsp/forms.rs"]
mod forms;
#[path = "lsp/fuzz.rs"]
mod fuzz;
#[path = "lsp/speed.rs"]
mod speed;

use crate::support::folder;
use client::{Client, edited, uri};
use serde_json::{Value, json};

#[test]
fn every_request_is_answered_once_whatever_is_sent() {
    let mut client = Client::raw();
    let early = client.request("textDocument/hover", json!({})).unwrap_err();
    assert_eq!(early["code"], -32002);
    client.request("initialize", json!({ "capabilities": {} })).unwrap();
    assert_eq!(client.request("initialize", json!({ "capabilities": {} })).unwrap_err()["code"], -32600);
    assert_eq!(client.request("no/such", json!({})).unwrap_err()["code"], -32601);
    assert_eq!(client.request("textDocument/hover", json!({ "x": 1 })).unwrap_err()["code"], -32602);
    // A document that is not open has nothing to say.
    let unknown = json!({ "textDocument": { "uri": "file:///nowhere/a.plan" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(client.request("textDocument/hover", unknown).unwrap(), Value::Null);
    client.bytes(b"Content-Length: 3\r\n\r\n{x}");
    assert_eq!(client.answer()["error"]["code"], -32700);
    client.notify("no/such", json!({}));
    client.notify("textDocument/didChange", json!({ "textDocument": 1 }));
    client.send(&json!({ "jsonrpc": "2.0", "id": "a", "method": "shutdown" }));
    assert_eq!(client.answer()["id"], "a");
    assert_eq!(client.request("textDocument/hover", json!({})).unwrap_err()["code"], -32600);
    client.notify("exit", Value::Null);
    assert!(client.ended.recv().unwrap());
}

#[test]
fn a_client_that_goes_without_a_word_ends_the_server() {
    assert!(!Client::new(None).hang_up());
}

#[test]
fn cancelled_requests_are_answered_as_cancelled() {
    let mut client = Client::new(None);
    // Something that takes a while comes first, so that what follows waits in line.
    let big = speed::plan(3_000);
    client.open("file:///p/big.plan", &big);
    let first =
        client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": "file:///p/big.plan" } }));
    let second =
        client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": "file:///p/big.plan" } }));
    client.notify("$/cancelRequest", json!({ "id": second }));
    let third =
        client.ask("textDocument/foldingRange", json!({ "textDocument": { "uri": "file:///p/big.plan" } }));
    let answers: Vec<Value> = (0..3).map(|_| client.answer()).collect();
    assert_eq!(answers.iter().map(|a| a["id"].as_u64().unwrap()).collect::<Vec<_>>(), [first, second, third]);
    assert_eq!(answers[1]["error"]["code"], -32800, "{}", answers[1]);
    assert!(answers[2]["result"].is_array());
    assert!(client.shut_down());
}

const MAIN: &str =
    "use \"lib.plan\"\n\nplan main(id: int) -> string {\n  step a = twice(id: id)\n  return a\n}\n";

#[test]
fn diagnostics_follow_every_open_text_the_disk_and_the_configuration() {
    let dir = folder(&[
        ("main.plan", MAIN),
        ("lib.plan", "plan twice(id: int) -> string {\n  return string(id * 2)\n}\n"),
        ("aos.toml", "[project]\nname = \"p\"\n"),
    ]);
    let root = dir.path().canonicalize().unwrap();
    let (main, lib) = (uri(&root.join("main.plan")), uri(&root.join("lib.plan")));
    let mut client = Client::new(Some(&root));
    client.open(&main, MAIN);
    assert_eq!(client.diagnostics(&main, 1), Vec::<Value>::new());
    // The server asks to be told of files.
    client.until(|c| !c.asked.is_empty());
    assert_eq!(client.asked[0]["method"], "client/registerCapability");
    // An open text counts before the disk.
    client.open(&lib, "plan twice(id: string) -> string {\n  return id\n}\n");
    client.until(|c| c.told.get(&main).is_some_and(|(_, d)| d.len() == 1));
    let found = &client.told[&main].1[0];
    assert_eq!(found["code"], "argument-type");
    assert_eq!(found["source"], "aos");
    // Closed, the disk counts again.
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": lib } }));
    client.until(|c| c.told.get(&main).is_some_and(|(_, d)| d.is_empty()));
    // A file that changes on the disk, told by the client; its own faults are told of it though it is not open.
    std::fs::write(root.join("lib.plan"), "plan twice(id: int) -> string {\n  return idd\n}\n").unwrap();
    client.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": lib, "type": 2 }] }));
    client.until(|c| c.told.get(&lib).is_some_and(|(_, d)| d.len() == 1));
    assert_eq!(client.told[&lib].1[0]["code"], "unknown-name");
    // The configuration is read too: a faulty one is told at its place.
    std::fs::write(root.join("aos.toml"), "[project]\nnme = \"p\"\n").unwrap();
    let toml = uri(&root.join("aos.toml"));
    client.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": toml, "type": 2 }] }));
    client.until(|c| c.told.get(&toml).is_some_and(|(_, d)| d.len() == 1));
    // When the last text that needs them is closed, all is taken back.
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": main } }));
    client.until(|c| c.told.values().all(|(_, d)| d.is_empty()));
    assert!(client.shut_down());
}

#[test]
fn edits_count_in_utf16_and_a_fix_mends_what_it_names() {
    let mut client = Client::new(None);
    let text = "plan p() -> string {\n  let a = \"😀 ü\" + nam\n  let name = 1\n  return a\n}\n";
    client.open("untitled:Untitled-1", text);
    let at = json!({ "line": 1, "character": 22 });
    // `nam` becomes `b` by an edit behind a character of two units.
    let range = json!({ "start": { "line": 1, "character": 19 }, "end": at });
    client.change("untitled:Untitled-1", 2, json!([{ "range": range, "text": "b" }]));
    let now = "plan p() -> string {\n  let a = \"😀 ü\" + b\n  let name = 1\n  return a\n}\n";
    let found = client.diagnostics("untitled:Untitled-1", 2);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "unknown-name");
    assert_eq!(
        found[0]["range"],
        json!({ "start": { "line": 1, "character": 19 }, "end": { "line": 1, "character": 20 } })
    );
    let typo = now
        .replace("+ b", "+ nme")
        .replace("let name = 1\n", "")
        .replace("let a", "let name = \"x\"\n  let a");
    client.change("untitled:Untitled-1", 3, json!([{ "text": typo }]));
    let found = client.diagnostics("untitled:Untitled-1", 3);
    let actions = client
        .request(
            "textDocument/codeAction",
            json!({ "textDocument": { "uri": "untitled:Untitled-1" }, "range": found[0]["range"],
                    "context": { "diagnostics": found } }),
        )
        .unwrap();
    let fix = &actions[0];
    assert_eq!((&fix["kind"], &fix["isPreferred"]), (&json!("quickfix"), &json!(true)), "{actions}");
    let mended = edited(&typo, &fix["edit"]["changes"]["untitled:Untitled-1"]);
    client.change("untitled:Untitled-1", 4, json!([{ "text": mended }]));
    assert_eq!(client.diagnostics("untitled:Untitled-1", 4), Vec::<Value>::new(), "{mended}");
}
