//! What is said of functions that no table holds, and of what stands in the `${` of a string.

use super::client::{Client, marked};
use serde_json::Value;

const URI: &str = "file:///p/a.plan";

/// The answer at `⟨⟩` in the body of a plan.
fn ask(method: &str, body: &str) -> Value {
    let head = "skill shop.find(q: string) -> list<{ id: string, kind: \"book\" | \"toy\" }>\n  reads \"shop\"\n\nplan p(q: string) -> int {\n  step items = shop.find(q: q)\n    when q != \"\"\n";
    let (text, place) = marked(&format!("{head}{body}\n}}\n"));
    let mut client = Client::new(None);
    client.open(URI, &text);
    let answer = client.at(method, URI, place);
    assert!(client.shut_down());
    answer
}

fn hover(body: &str) -> String {
    ask("textDocument/hover", body)["contents"]["value"].as_str().unwrap_or("nothing").to_owned()
}

fn offered(body: &str) -> Vec<String> {
    let list = ask("textDocument/completion", body);
    let items = list["items"].as_array().or(list.as_array()).unwrap();
    items.iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn functions_that_run_over_a_list_or_ask_about_a_step_are_explained() {
    let map = hover("  let ids = (items ?? []).m⟨⟩ap(i, i.id)\n  return 1");
    assert!(
        map.contains("list<T>.map(x, value) -> list<V>") && map.contains("one for each element"),
        "{map}"
    );
    let asked = hover("  return succ⟨⟩eeded(items) ? 1 : 2");
    assert!(asked.contains("succeeded(step) -> bool") && asked.contains("has a value"), "{asked}");
    // A type of the same name stays a type.
    assert!(!hover("  let x = q as m⟨⟩ap<int>\n  return 1").contains("list<T>"), "a type");
    let help = ask("textDocument/signatureHelp", "  let ids = (items ?? []).filter(i, ⟨⟩)\n  return 1");
    assert_eq!(help["signatures"][0]["label"], "list<T>.filter(x, condition) -> list<T>");
    assert_eq!(help["activeParameter"], 1);
}

#[test]
fn a_field_that_is_read_is_shown_with_its_name() {
    let field = hover("  let ids = (items ?? []).map(i, i.k⟨⟩ind)\n  return 1");
    assert_eq!(field, "```plan\nkind: \"book\" | \"toy\"\n```");
}

#[test]
fn values_are_offered_in_the_hole_of_a_string() {
    for body in [
        "  let x = \"hello ${⟨⟩}\"\n  return 1",
        "  let x = \"hello ${q⟨⟩}\"\n  return 1",
        "  let x = \"hello ${\n    size(q) + ⟨⟩}\"\n  return 1",
        "  let x = \"${q} and ${q + i⟨⟩}\"\n  return 1",
    ] {
        let found = offered(body);
        assert!(found.iter().any(|l| l == "items") && found.iter().any(|l| l == "size"), "{body}: {found:?}");
        assert!(!found.iter().any(|l| l == "step" || l == "return"), "{body}: {found:?}");
    }
}

#[test]
fn the_values_of_a_field_are_offered_where_it_is_compared() {
    assert_eq!(
        offered("  let toys = (items ?? []).filter(i, i.kind == \"⟨⟩\")\n  return 1"),
        ["book", "toy"]
    );
}

#[test]
fn what_is_asked_of_a_step_that_may_be_missing_is_no_constant() {
    let text = "plan p(q: string) -> int {\n  step text = file.read(path: q)\n    when size(q) > 3\n  return text?.size() ?? 0\n}\n";
    let mut client = Client::new(None);
    client.open(URI, text);
    assert_eq!(client.diagnostics(URI, 1), Vec::<Value>::new());
    assert!(client.shut_down());
}
