//! One test a feature: a text with the cursor `⟨⟩` in it, and what is said there.

use super::client::{Client, byte, edited, marked, place, uri};
use crate::support::folder;
use serde_json::{Value, json};

const URI: &str = "file:///p/a.plan";

/// A server with one text, the place of its cursor, and the text without it.
fn at(text: &str) -> (Client, Value, String) {
    let (text, place) = marked(text);
    let mut client = Client::new(None);
    client.open(URI, &text);
    (client, place, text)
}

fn hover(text: &str) -> String {
    let (mut client, place, _) = at(text);
    client.at("textDocument/hover", URI, place)["contents"]["value"].as_str().unwrap_or("").to_owned()
}

fn labels(text: &str) -> Vec<String> {
    completions(text).iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
}

fn completions(text: &str) -> Vec<Value> {
    let (mut client, place, _) = at(text);
    client.at("textDocument/completion", URI, place)["items"].as_array().unwrap().clone()
}

/// The slice of a text that a range covers.
fn slice<'t>(text: &'t str, range: &Value) -> &'t str {
    &text[byte(text, &range["start"])..byte(text, &range["end"])]
}

const PLAN: &str = r#"/// A level.
type Level = "low" | "high"
type Item = {
  /// Its number.
  id: int,
  note?: string,
}

/// Sends it.
skill mail.send(
  /// To whom.
  to: trusted string,
  level: Level,
) -> { sent: trusted bool }
  irreversible "mail"
  throws rejected(why: string) | slow
  cost 0.01 usd
  time 10s

/// Works.
plan work(items: list<Item>, go: bool = true) -> int {
  /// Fetches.
  step fetch = http.get(url: "https://a.example/x")
    when go
    on_error continue
  let n = size(items)
  step all = for item in items max 5 {
    step one = mail.send(to: "me@example.com", level: "low")
      on_error { rejected => abort _ => continue }
    return item.id + n
  }
  step later = mail.send(to: "x@example.com", level: "high")
    when fetch.status == 200
  return n
}
"#;

/// The plan with the cursor behind the nth mention of a word.
fn on(word: &str, nth: usize) -> String {
    let (from, _) = PLAN.match_indices(word).nth(nth).expect("the word");
    format!("{}⟨⟩{}", &PLAN[..from + 1], &PLAN[from + 1..])
}

#[test]
fn hovers_say_what_a_thing_is_and_why_it_may_be_missing() {
    let skill = hover(&on("mail.send", 1));
    assert!(skill.contains("skill mail.send(to: trusted string, level: Level)"), "{skill}");
    assert!(skill.contains("Sends it.") && skill.contains("`to`: To whom."), "{skill}");
    let step = hover(&on("fetch", 0));
    assert!(step.contains("step fetch:") && step.contains("Fetches."), "{step}");
    assert!(
        step.contains("may be missing: it is skipped unless `go`; it may fail, and the plan goes on"),
        "{step}"
    );
    assert!(step.contains("untrusted"), "{step}");
    let later = hover(&on("later", 0));
    assert!(later.contains("is skipped where `fetch` has no value"), "{later}");
    assert!(hover(&on("Level", 1)).contains("type Level = \"low\" | \"high\"\n```\n\nA level."));
    assert!(hover(&on("item.id", 0)).contains("item: Item"));
    assert!(hover(&on("id + n", 0)).contains("Its number."));
    assert!(hover(&on("size(items)", 0)).contains("size("));
    assert!(hover(&on("irreversible", 0)).contains("cannot be undone"));
    assert!(hover(&on("rejected =>", 0)).contains("rejected(why: string)"));
    assert!(hover(&on("go: bool", 0)).contains("go: bool = true"));
    assert!(hover(&on("work", 0)).contains("Works."));
    let ambient =
        hover("plan p() {\n  step a = time.sleep(1s)\n    on_error { time⟨⟩out => abort _ => abort }\n}\n");
    assert!(ambient.contains("an attempt took longer"), "{ambient}");
}

#[test]
fn definitions_are_found_here_in_other_files_and_in_the_standard_skills() {
    let lib = "/// Twice.\nplan twice(n: int) -> int { return n * 2 }\ntype Id = int\n";
    let main = "use \"lib/l.plan\" as l\n\nplan main(i: l.Id) -> int {\n  step a = l.twice(n: i)\n  step b = http.get(url: \"https://a.example\")\n  let c = b.json\n  return a\n}\n";
    let dir = folder(&[("lib/l.plan", lib), ("main.plan", main), ("aos.toml", "[project]\nname = \"p\"\n")]);
    let root = dir.path().canonicalize().unwrap();
    let (a, b) = (uri(&root.join("main.plan")), uri(&root.join("lib/l.plan")));
    let mut client = Client::new(Some(&root));
    client.open(&a, main);
    let goto = |client: &mut Client, method: &str, word: &str| -> (String, String) {
        let at = main.find(word).unwrap() + word.len() - 1;
        let found = client.at(method, &a, place(main, at));
        let Some(first) = found.get(0) else { return (String::new(), String::new()) };
        let target = first["uri"].as_str().unwrap().to_owned();
        let text = if target == a {
            main.to_owned()
        } else {
            std::fs::read_to_string(target.strip_prefix("file://").unwrap()).unwrap()
        };
        (target, slice(&text, &first["range"]).to_owned())
    };
    assert_eq!(goto(&mut client, "textDocument/definition", "l.twice"), (b.clone(), "twice".into()));
    assert_eq!(goto(&mut client, "textDocument/definition", "l.Id"), (b.clone(), "Id".into()));
    assert_eq!(goto(&mut client, "textDocument/definition", "twice(n"), (b.clone(), "n".into()));
    assert_eq!(goto(&mut client, "textDocument/definition", "lib/l.plan"), (b.clone(), String::new()));
    assert_eq!(goto(&mut client, "textDocument/definition", "return a"), (a.clone(), "a".into()));
    assert_eq!(goto(&mut client, "textDocument/typeDefinition", "n: i"), (b.clone(), "Id".into()));
    let (standard, name) = goto(&mut client, "textDocument/definition", "http.get");
    assert!(standard.ends_with("/http.plan") && name == "http.get", "{standard} {name}");
    let (field, name) = goto(&mut client, "textDocument/definition", "b.json");
    assert!(field == standard && name == "json", "{field} {name}");
    // The standard file itself can be opened, is not complained of, and is read-only.
    let path = standard.strip_prefix("file://").unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert!(std::fs::metadata(path).unwrap().permissions().readonly());
    client.open(&standard, &text);
    assert_eq!(client.diagnostics(&standard, 1), Vec::<Value>::new());
    let links = client.about("textDocument/documentLink", &a);
    assert_eq!((links.as_array().unwrap().len(), &links[0]["target"]), (1, &json!(b)));
}

const LIB: &str = "plan twice(n: int) -> int { return n * 2 }\n";
const USER: &str = "use \"lib.plan\"\n\nplan user(v: int) -> int {\n  step a = twice(n: v)\n  return a\n}\n\ntest \"t\" for user {\n  input { v: 1 }\n  expect succeeded(a)\n}\n";

fn two_files() -> (tempfile::TempDir, Client, String, String) {
    let dir = folder(&[("lib.plan", LIB), ("user.plan", USER), ("aos.toml", "[project]\nname = \"p\"\n")]);
    let root = dir.path().canonicalize().unwrap();
    let (lib, user) = (uri(&root.join("lib.plan")), uri(&root.join("user.plan")));
    let mut client = Client::new(Some(&root));
    client.open(&lib, LIB);
    (dir, client, lib, user)
}

#[test]
fn references_and_new_names_cross_files_open_or_not() {
    let (_dir, mut client, lib, user) = two_files();
    let at = place(LIB, LIB.find("twice").unwrap() + 2);
    let ask =
        json!({ "textDocument": { "uri": lib }, "position": at, "context": { "includeDeclaration": true } });
    let found = client.request("textDocument/references", ask).unwrap();
    let mut places: Vec<&str> =
        found.as_array().unwrap().iter().map(|l| l["uri"].as_str().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, [lib.as_str(), user.as_str()]);
    let rename = |client: &mut Client, uri: &str, at: &Value, to: &str| {
        client.request(
            "textDocument/rename",
            json!({ "textDocument": { "uri": uri }, "position": at, "newName": to }),
        )
    };
    let edit = rename(&mut client, &lib, &at, "double").unwrap();
    assert_eq!(edited(LIB, &edit["changes"][&lib]), LIB.replace("twice", "double"));
    assert_eq!(edited(USER, &edit["changes"][&user]), USER.replace("twice", "double"));
    // An input: its declaration, its mentions, the arguments of every call.
    let n = place(LIB, LIB.find("n: int").unwrap());
    let edit = rename(&mut client, &lib, &n, "number").unwrap();
    assert_eq!(
        edited(LIB, &edit["changes"][&lib]),
        LIB.replace("n: int", "number: int").replace("return n", "return number")
    );
    assert_eq!(edited(USER, &edit["changes"][&user]), USER.replace("n: v", "number: v"));
    // A step, from a test; an input, from a test.
    client.open(&user, USER);
    let a = place(USER, USER.find("succeeded(a").unwrap() + 10);
    let edit = rename(&mut client, &user, &a, "answer").unwrap();
    let want =
        USER.replace("step a", "step answer").replace("return a", "return answer").replace("(a)", "(answer)");
    assert_eq!(edited(USER, &edit["changes"][&user]), want);
    let v = place(USER, USER.find("v: 1").unwrap());
    let edit = rename(&mut client, &user, &v, "value").unwrap();
    assert_eq!(
        edited(USER, &edit["changes"][&user]),
        USER.replace("(v: int", "(value: int").replace("n: v", "n: value").replace("{ v:", "{ value:")
    );
    // What must not be.
    let refused = |answer: Result<Value, Value>, why: &str| {
        let error = answer.unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    };
    refused(rename(&mut client, &lib, &at, "step"), "reserved word");
    refused(rename(&mut client, &lib, &at, "a b"), "no name");
    refused(rename(&mut client, &lib, &at, "user"), "already");
    refused(rename(&mut client, &user, &a, "v"), "already");
    let keyword = client.request(
        "textDocument/prepareRename",
        json!({ "textDocument": { "uri": user }, "position": { "line": 0, "character": 1 } }),
    );
    refused(keyword, "no name here");
    let name = client.at("textDocument/prepareRename", &user, a);
    assert_eq!(name["placeholder"], "a");
}

#[test]
fn completion_offers_what_may_stand_there() {
    let body = |text: &str| {
        format!(
            "type Level = \"low\" | \"high\"\ntype Rec = {{ id: int, other?: string }}\nskill mail.send(to: string, level: Level, extra: Rec = {{ id: 1 }}) -> {{ sent: bool, rec: Rec }}\n  throws rejected | slow\nplan helper(q: string) {{ }}\nplan p(input: Rec, flag: bool) {{\n  step first = mail.send(to: \"a\", level: \"low\")\n  let word = \"x\"\n{text}\n}}\n"
        )
    };
    let has = |text: &str, wanted: &[&str]| {
        let all = labels(&body(text));
        for want in wanted {
            assert!(all.iter().any(|l| l == want), "{want} is not offered at {text:?}: {all:?}");
        }
        all
    };
    let lacks = |all: &[String], unwanted: &[&str]| {
        for word in unwanted {
            assert!(!all.iter().any(|l| l == word), "{word} is offered: {all:?}");
        }
    };
    // Skills and plans, with their required arguments to fill in; a plan never itself.
    let all = has("  step x = ⟨⟩", &["mail.send", "http.get", "helper", "for", "match"]);
    lacks(&all, &["p", "word", "when"]);
    has("  step x = mail.⟨⟩", &["mail.send"]);
    has("  step x = ht⟨⟩", &["http.get"]);
    let send = completions(&body("  step x = mai⟨⟩"));
    let send = send.iter().find(|i| i["label"] == "mail.send").unwrap();
    assert_eq!(send["textEdit"]["newText"], "mail.send(to: ${1:to}, level: ${2:level})$0");
    assert_eq!(send["insertTextFormat"], 2);
    // Arguments that are not given yet; values by type.
    let all = has("  step x = mail.send(to: \"b\", ⟨⟩)", &["level", "extra"]);
    lacks(&all, &["to"]);
    has("  step x = mail.send(to: \"b\", level: ⟨⟩)", &["\"low\"", "\"high\"", "word", "first"]);
    has("  step x = mail.send(to: \"b\", level: \"⟨⟩\")", &["low", "high"]);
    has("  step x = mail.send(to: \"b\", level: \"low\", extra: { ⟨⟩ })", &["id", "other"]);
    // Fields by type, through steps, in strings too.
    has("  let y = first.⟨⟩", &["sent", "rec"]);
    has("  let y = first.rec.⟨⟩", &["id", "other"]);
    has("  let y = input.⟨⟩", &["id", "other"]);
    has("  let y = \"${first.⟨⟩}\"", &["sent", "rec"]);
    has("  let y = word.⟨⟩", &["split", "size"]);
    // Names in scope.
    let all = has("  let y = ⟨⟩", &["first", "word", "input", "flag", "size", "true"]);
    lacks(&all, &["y", "mail.send", "timeout"]);
    has("  step x = for item in [input] {\n    let z = ⟨⟩\n  }", &["item", "first"]);
    has("  step x = for item in [input] {\n    let z = item.⟨⟩\n  }", &["id"]);
    has("  let y = [input].map(m, m.⟨⟩)", &["id"]);
    // Clauses and statements by place.
    let all = has(
        "  step x = mail.send(to: \"b\", level: \"low\")\n    ⟨⟩",
        &["when", "on_error", "timeout", "step", "return"],
    );
    lacks(&all, &["goal", "mock"]);
    has("  step x = for i in [1] ⟨⟩", &["max", "parallel", "tolerate"]);
    // Errors of the callee, reactions.
    let all = has(
        "  step x = mail.send(to: \"b\", level: \"low\")\n    on_error {\n      ⟨⟩\n    }",
        &["rejected", "slow", "timeout", "_"],
    );
    lacks(&all, &["word"]);
    has(
        "  step x = mail.send(to: \"b\", level: \"low\")\n    on_error ⟨⟩",
        &["retry", "abort", "continue", "fallback", "use"],
    );
    has("  step x = mail.send(to: \"b\", level: \"low\")\n    depends_on [⟨⟩]", &["first"]);
    has("  step x = mail.send(to: \"b\", level: \"low\")\n    timeout ⟨⟩", &["10s"]);
    has("  let l: Level = \"low\"\n  step x = match first.rec.other ?? \"\" {\n    ⟨⟩\n  }", &["_"]);
    // Types, items, clauses of heads, lines of tests.
    let whole = |text: &str| labels(text);
    assert!(whole("type A = int\nplan p(a: ⟨⟩) { }").contains(&"A".to_owned()));
    assert!(whole("⟨⟩").contains(&"plan".to_owned()));
    assert!(whole("plan p()\n  ⟨⟩\n{ }").contains(&"budget".to_owned()));
    assert!(whole("skill a.b() -> int\n  ⟨⟩\n").contains(&"idempotent".to_owned()));
    assert!(whole("plan p(q: int) { }\ntest \"x\" for p {\n  ⟨⟩\n}\n").contains(&"mock".to_owned()));
    assert!(whole("plan p(q: int) { }\ntest \"x\" for p {\n  input { ⟨⟩ }\n}\n").contains(&"q".to_owned()));
    // Nothing in comments.
    assert_eq!(whole("plan p() {\n  // http.⟨⟩\n}\n"), Vec::<String>::new());
}

#[test]
fn signatures_show_the_argument_at_the_cursor() {
    let help = |text: &str| {
        let (mut client, place, _) = at(text);
        client.at("textDocument/signatureHelp", URI, place)
    };
    let shown = help("plan p() {\n  step a = http.get(url: \"x\", ⟨⟩)\n}\n");
    let label = shown["signatures"][0]["label"].as_str().unwrap();
    assert!(label.starts_with("http.get(url: public string, headers: secret map<string> = {}"), "{label}");
    assert_eq!(shown["activeParameter"], 1);
    assert_eq!(shown["signatures"][0]["parameters"][0]["label"], json!([9, 27]));
    let named = help("plan p() {\n  step a = http.get(query: {⟨⟩}, url: \"x\")\n}\n");
    assert_eq!(named["activeParameter"], 2, "{named}");
    let function = help("plan p() {\n  let a = \"x\".split(⟨⟩)\n}\n");
    assert!(function["signatures"][0]["label"].as_str().unwrap().contains("split("), "{function}");
    assert_eq!(help("plan p() {\n  let a = 1⟨⟩\n}\n"), Value::Null);
}

#[test]
fn formatting_changes_only_the_lines_that_differ() {
    let text = "plan p()  {\n  let a = 1\n  let   b=2\n  // ü 😀\n  let c  = 3\n}\n";
    let mut client = Client::new(None);
    client.open(URI, text);
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let all = client
        .request("textDocument/formatting", json!({ "textDocument": { "uri": URI }, "options": options }))
        .unwrap();
    let want = "plan p() {\n  let a = 1\n  let b = 2\n  // ü 😀\n  let c = 3\n}\n";
    assert_eq!(edited(text, &all), want);
    assert!(all.as_array().unwrap().len() >= 2, "{all}");
    let range = json!({ "start": { "line": 2, "character": 0 }, "end": { "line": 2, "character": 5 } });
    let some = client
        .request(
            "textDocument/rangeFormatting",
            json!({ "textDocument": { "uri": URI }, "range": range, "options": options }),
        )
        .unwrap();
    assert_eq!(edited(text, &some), text.replace("let   b=2", "let b = 2"));
    client.change(URI, 2, json!([{ "text": "plan p( {" }]));
    let broken = client
        .request("textDocument/formatting", json!({ "textDocument": { "uri": URI }, "options": options }));
    assert!(broken.unwrap_err()["message"].as_str().unwrap().contains("cannot be formatted"));
}

#[test]
fn the_shape_of_a_file() {
    let mut client = Client::new(None);
    client.open(URI, PLAN);
    let symbols = client.about("textDocument/documentSymbol", URI);
    let names: Vec<&str> = symbols.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Level", "Item", "mail.send", "work"]);
    let inner: Vec<&str> =
        symbols[3]["children"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(inner, ["items", "go", "fetch", "n", "all", "later"]);
    assert_eq!(symbols[3]["children"][4]["children"][0]["name"], "one");
    let folds = client.about("textDocument/foldingRange", URI);
    let line = |word: &str| PLAN[..PLAN.find(word).unwrap()].matches('\n').count();
    let body = folds
        .as_array()
        .unwrap()
        .iter()
        .any(|f| f["startLine"] == line("step all") && f["endLine"] == line("return item"));
    assert!(body, "{folds}");
    let inside = place(PLAN, PLAN.find("item.id + n").unwrap() + 5);
    let chain = client
        .request(
            "textDocument/selectionRange",
            json!({ "textDocument": { "uri": URI }, "positions": [inside] }),
        )
        .unwrap();
    let mut texts = Vec::new();
    let mut next = &chain[0];
    while next["range"].is_object() {
        texts.push(slice(PLAN, &next["range"]));
        next = &next["parent"];
    }
    assert_eq!(&texts[..3], ["id", "item.id", "item.id + n"], "{texts:?}");
    assert!(texts.last() == Some(&PLAN) && texts.iter().any(|t| t.starts_with("step all")), "{texts:?}");
    assert!(texts.windows(2).all(|w| w[1].len() > w[0].len()));
}

#[test]
fn workspace_symbols_are_found_by_their_letters() {
    let (_dir, mut client, lib, user) = two_files();
    let ask = |client: &mut Client, query: &str| -> Vec<(String, String)> {
        let found = client.request("workspace/symbol", json!({ "query": query })).unwrap();
        let one = |s: &Value| {
            (s["name"].as_str().unwrap().to_owned(), s["location"]["uri"].as_str().unwrap().to_owned())
        };
        found.as_array().unwrap().iter().map(one).collect()
    };
    assert_eq!(ask(&mut client, "tw"), [("twice".to_owned(), lib)]);
    assert_eq!(ask(&mut client, "USR"), [("user".to_owned(), user.clone())]);
    assert_eq!(ask(&mut client, "").len(), 3);
}

#[test]
fn semantic_tokens_say_what_grammars_cannot() {
    let mut client = Client::new(None);
    let text = "plan p(max: int) -> string {\n  // ü 😀\n  step when = http.get(url: \"https://${max}/\")\n  return when.body\n}\n";
    client.open(URI, text);
    let decode = |answer: &Value| -> Vec<(String, u64, u64)> {
        let data: Vec<u64> = answer["data"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        let (mut line, mut column) = (0, 0);
        let mut out = Vec::new();
        for t in data.chunks(5) {
            line += t[0];
            column = if t[0] == 0 { column + t[1] } else { t[1] };
            let start = byte(text, &json!({ "line": line, "character": column }));
            let end = byte(text, &json!({ "line": line, "character": column + t[2] }));
            out.push((text[start..end].to_owned(), t[3], t[4]));
        }
        out
    };
    let kinds = aos::ide::tokens::Kind::ALL;
    let kind = |name: &str| kinds.iter().position(|k| k.name() == name).unwrap() as u64;
    let full = decode(&client.about("textDocument/semanticTokens/full", URI));
    let has = |word: &str, name: &str| full.iter().any(|(t, k, _)| t == word && *k == kind(name));
    // Words of the language that are names here.
    assert!(has("max", "parameter") && has("when", "variable"), "{full:?}");
    assert!(has("plan", "keyword") && has("http.get", "function") && has("url", "parameter"), "{full:?}");
    assert!(has("// ü 😀", "comment") && has("\"https://", "string") && has("body", "property"), "{full:?}");
    assert!(full.iter().filter(|(t, ..)| t == "max").count() == 2, "{full:?}");
    let range = json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 3, "character": 99 } });
    let some = client
        .request(
            "textDocument/semanticTokens/range",
            json!({ "textDocument": { "uri": URI }, "range": range }),
        )
        .unwrap();
    let some = decode(&some);
    assert_eq!(some.iter().map(|(t, ..)| t.as_str()).collect::<Vec<_>>(), ["return", "when", "body"]);
}

#[test]
fn hints_and_lenses() {
    let mut client = Client::new(None);
    let text = PLAN.replace("trusted string,\n", "string,\n");
    client.open(URI, &text);
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = client
        .request("textDocument/inlayHint", json!({ "textDocument": { "uri": URI }, "range": whole }))
        .unwrap();
    let shown: Vec<(u64, &str)> = hints
        .as_array()
        .unwrap()
        .iter()
        .map(|h| (h["position"]["line"].as_u64().unwrap(), h["label"].as_str().unwrap()))
        .collect();
    let line = |word: &str| text[..text.find(word).unwrap()].matches('\n').count() as u64;
    assert!(shown.contains(&(line("let n"), ": int")), "{shown:?}");
    assert!(shown.contains(&(line("for item"), ": Item")), "{shown:?}");
    assert!(shown.iter().any(|(l, t)| *l == line("step later") && t.contains("after fetch")), "{shown:?}");
    let lenses = client.about("textDocument/codeLens", URI);
    let titles: Vec<&str> =
        lenses.as_array().unwrap().iter().map(|l| l["command"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["▶ run", "check", "graph"]);
    assert_eq!(lenses[0]["command"]["arguments"], json!([URI, "work"]));
    // What a step costs is shown where the plan has no error.
    let fine = "skill a.b(x: int) -> int\n  cost 0.5 usd\n  time 10s\n\nplan p() -> int {\n  step one = a.b(x: 1)\n  step two = a.b(x: one)\n    on_error retry 1 backoff 1s\n  return two\n}\n";
    client.change(URI, 2, json!([{ "text": fine }]));
    let hints = client
        .request("textDocument/inlayHint", json!({ "textDocument": { "uri": URI }, "range": whole }))
        .unwrap();
    let labels: Vec<&str> = hints.as_array().unwrap().iter().map(|h| h["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"≤ 0.5 usd · 10s"), "{labels:?}");
    assert!(labels.contains(&"after one · ≤ 1 usd · 21s"), "{labels:?}");
    let checked = client
        .request(
            "workspace/executeCommand",
            json!({ "command": "aos.server.check", "arguments": [URI, "p"] }),
        )
        .unwrap();
    assert_eq!((&checked["errors"], &checked["plans"][0]["steps"]), (&json!(0), &json!(2)));
    // What an editor asks for before it runs the plan.
    let asks = "/// P.\nplan p(\n  /// Which one.\n  id: int,\n  by: string? = null,\n  top: int = 3,\n) -> int {\n  return id + top\n}\n";
    client.change(URI, 3, json!([{ "text": asks }]));
    let asked = client
        .request(
            "workspace/executeCommand",
            json!({ "command": "aos.server.check", "arguments": [URI, "p"] }),
        )
        .unwrap();
    assert_eq!(
        asked["plans"][0]["inputs"],
        json!([
            { "name": "id", "type": "int", "docs": "Which one.", "needed": true },
            { "name": "by", "type": "string?", "docs": null, "needed": false },
            { "name": "top", "type": "int", "docs": null, "needed": false },
        ])
    );
    client.change(URI, 4, json!([{ "text": fine }]));
    let graph = client
        .request(
            "workspace/executeCommand",
            json!({ "command": "aos.server.graph", "arguments": [URI, "p", "mermaid"] }),
        )
        .unwrap();
    assert!(graph.as_str().unwrap().contains("one") && graph.as_str().unwrap().contains("two"), "{graph}");
}

#[test]
fn calls_go_both_ways_over_files() {
    let (_dir, mut client, lib, user) = two_files();
    client.open(&user, USER);
    let at = place(USER, USER.find("twice").unwrap());
    let item = client.at("textDocument/prepareCallHierarchy", &user, at)[0].clone();
    assert_eq!((&item["name"], &item["uri"]), (&json!("twice"), &json!(lib)));
    let incoming = client.request("callHierarchy/incomingCalls", json!({ "item": item })).unwrap();
    assert_eq!(incoming[0]["from"]["name"], "user", "{incoming}");
    assert_eq!(slice(USER, &incoming[0]["fromRanges"][0]), "twice");
    let item =
        client.at("textDocument/prepareCallHierarchy", &user, place(USER, USER.find("user(").unwrap()))[0]
            .clone();
    let outgoing = client.request("callHierarchy/outgoingCalls", json!({ "item": item })).unwrap();
    assert_eq!(outgoing[0]["to"]["name"], "twice");
    let tests = client.request("callHierarchy/incomingCalls", json!({ "item": item })).unwrap();
    assert_eq!(tests[0]["from"]["name"], "t", "{tests}");
}

/// The text after the action with this title, at the cursor or over the marked range.
fn done(text: &str, title: &str) -> String {
    let (mut client, place, text) = at(text);
    let range = json!({ "start": place, "end": place });
    apply(&mut client, &text, range, title)
}

fn apply(client: &mut Client, text: &str, range: Value, title: &str) -> String {
    let ask = json!({ "textDocument": { "uri": URI }, "range": range, "context": { "diagnostics": [] } });
    let actions = client.request("textDocument/codeAction", ask).unwrap();
    let found = actions.as_array().unwrap().iter().find(|a| a["title"].as_str().unwrap().contains(title));
    let action = found.unwrap_or_else(|| panic!("no {title:?}: {actions}"));
    let out = edited(text, &action["edit"]["changes"][URI]);
    client.change(URI, 2, json!([{ "text": out }]));
    let errors: Vec<Value> = client.diagnostics(URI, 2).into_iter().filter(|d| d["severity"] == 1).collect();
    assert_eq!(errors, Vec::<Value>::new(), "{out}");
    out
}

#[test]
fn rewritings_keep_plans_right() {
    let inlined = done(
        "plan p(a: int) -> int {\n  let s⟨⟩um = a + 1\n  return sum * sum\n}\n",
        "put the value in the place",
    );
    assert_eq!(inlined, "plan p(a: int) -> int {\n  return (a + 1) * (a + 1)\n}\n");
    let parallel = done(
        "plan p(xs: list<int>) {\n  step a = f⟨⟩or x in xs max 5 {\n    return x\n  }\n}\n",
        "in parallel",
    );
    assert!(parallel.contains("for x in xs max 5 parallel 8 {"), "{parallel}");
    let arms = done(
        "plan p() {\n  step a = http⟨⟩.get(url: \"https://a.example\")\n}\n",
        "add a handler for each error",
    );
    assert!(
        arms.contains(
            "    on_error {\n      rate_limited => abort\n      status => abort\n      _ => abort\n    }"
        ),
        "{arms}"
    );
    let sorted = done(
        "plan p() -> int {\n  let a⟨⟩ = b + 1\n  let b = 2\n  return a\n}\n",
        "in the order of what they mention",
    );
    assert!(sorted.find("let b").unwrap() < sorted.find("let a").unwrap(), "{sorted}");
    let extracted = done(
        "plan p(u: string) -> string {\n  let full = \"https://${u}\"\n  step g⟨⟩et = http.get(url: full)\n    timeout 3s\n  return get.body\n}\n",
        "make a plan of `get`",
    );
    assert!(extracted.contains("  step get = get_plan(full: full)\n  return get.body\n}\n"), "{extracted}");
    assert!(extracted.contains("plan get_plan(full: string) -> {"), "{extracted}");
    assert!(
        extracted.contains("  step get = http.get(url: full)\n    timeout 3s\n\n  return get\n}"),
        "{extracted}"
    );
}

#[test]
fn several_steps_become_one_plan_and_warnings_can_be_silenced() {
    let text = "plan p(n: int) -> int {\n  let twice = n * 2\n  step s = do {\n    return twice + 1\n  }\n  let out = s + 1\n  return out\n}\n";
    let mut client = Client::new(None);
    client.open(URI, text);
    let (from, to) = (text.find("let twice").unwrap(), text.find("let out").unwrap());
    let range = json!({ "start": place(text, from), "end": place(text, to) });
    let out = apply(&mut client, text, range, "make a plan of these 2 statements");
    assert!(out.contains("plan s_plan(n: int) -> int {\n  let twice = n * 2\n  step s = do {\n    return twice + 1\n  }\n\n  return s\n}"), "{out}");
    assert!(out.contains("  step s = s_plan(n: n)\n  let out = s + 1\n"), "{out}");
    let warned =
        "plan p(xs: list<int>) -> list<int> {\n  step a = for x in xs {\n    return x\n  }\n  return a\n}\n";
    client.change(URI, 3, json!([{ "text": warned }]));
    let found = client.diagnostics(URI, 3);
    assert_eq!(found[0]["code"], "unbounded-for");
    let ask = json!({ "textDocument": { "uri": URI }, "range": found[0]["range"], "context": { "diagnostics": found } });
    let actions = client.request("textDocument/codeAction", ask).unwrap();
    let silence =
        actions.as_array().unwrap().iter().find(|a| a["title"] == "silence `unbounded-for` here").unwrap();
    assert_eq!(silence["diagnostics"][0]["code"], "unbounded-for");
    let silent = edited(warned, &silence["edit"]["changes"][URI]);
    client.change(URI, 4, json!([{ "text": silent }]));
    assert_eq!(client.diagnostics(URI, 4), Vec::<Value>::new(), "{silent}");
}

#[test]
fn paths_secrets_and_roles_are_completed_in_strings() {
    let main = "use \"\"\n\nplan p() {\n  step a = time.sleep(1s)\n    approve \"ok?\" by \"\"\n  let b = secret(\"\")\n}\n";
    let toml = "[project]\nname = \"p\"\n\n[secrets]\nKEY = \"env:KEY\"\n\n[people]\nops = [\"ann\"]\n";
    let dir = folder(&[("main.plan", main), ("lib/l.plan", ""), ("x.plan", ""), ("aos.toml", toml)]);
    let root = dir.path().canonicalize().unwrap();
    let main_uri = uri(&root.join("main.plan"));
    let mut client = Client::new(Some(&root));
    client.open(&main_uri, main);
    let mut at = |needle: &str| -> Vec<String> {
        let place = place(main, main.find(needle).unwrap() + needle.len() - 1);
        let found = client.at("textDocument/completion", &main_uri, place);
        found["items"].as_array().unwrap().iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(at("use \"\""), ["lib/l.plan", "x.plan"]);
    assert_eq!(at("by \"\""), ["ops"]);
    assert_eq!(at("secret(\"\""), ["KEY"]);
}
