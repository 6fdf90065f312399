use super::super::schemas::KeptSchemas;
use super::*;
use serde_json::json;

fn options(trust: bool) -> Options {
    Options { namespace: "t".to_owned(), effect: trust.then_some(Effect::Pure), trust }
}

fn made(document: &Json, trust: bool) -> Imported {
    let made = import(document, &options(trust)).unwrap();
    let parse = syntax::parse(crate::source::SourceId(0), &made.text);
    assert_eq!(format::format(&made.text, &parse).unwrap(), made.text, "formatted already");
    made
}

/// The text of one parameter `p` of this schema.
fn param(schema: Json) -> String {
    let tool = json!([{ "name": "f", "input_schema": { "type": "object", "properties": { "p": schema }, "required": ["p"] } }]);
    let text = made(&tool, true).text;
    let (_, rest) = text.split_once("untrusted ").unwrap();
    rest.split(") -> json")
        .next()
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches(',')
        .to_owned()
}

#[test]
fn types_and_conditions() {
    for (schema, expected) in [
        (json!({ "type": "string" }), "string"),
        (json!({ "type": "integer", "minimum": 1, "maximum": 5 }), "int where (it >= 1 && it <= 5)"),
        (
            json!({ "type": "integer", "minimum": 0.5, "exclusiveMaximum": 9.5 }),
            "int where (it >= 1 && it < 10)",
        ),
        (json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true }), "float where (it > 0)"),
        (json!({ "type": "integer", "multipleOf": 5 }), "int where (it % 5 == 0)"),
        (
            json!({ "type": "string", "minLength": 1, "maxLength": 9 }),
            "string where (size(it) >= 1 && size(it) <= 9)",
        ),
        (json!({ "type": "string", "pattern": "^\\d+$" }), r#"string where (matches(it, r"^\d+$"))"#),
        (
            json!({ "type": "string", "format": "email" }),
            r#"string where (matches(it, r"^[^@\s]+@[^@\s]+$"))"#,
        ),
        (json!({ "type": "string", "enum": ["a", "b\"c", "a"] }), r#""a" | "b\"c""#),
        (json!({ "enum": ["a", "b", null] }), r#"("a" | "b")?"#),
        (json!({ "enum": [1, 2] }), "int where (it in [1, 2])"),
        (json!({ "const": "x" }), r#""x""#),
        (json!({ "type": ["string", "null"] }), "string?"),
        (json!({ "type": "string", "nullable": true, "minLength": 2 }), "(string where (size(it) >= 2))?"),
        (json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }), "int?"),
        (json!({ "oneOf": [{ "const": "a" }, { "enum": ["b"] }] }), r#""a" | "b""#),
        (json!({ "type": ["integer", "number"] }), "float"),
        (
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
            "list<string> where (size(it) >= 1)",
        ),
        (
            json!({ "type": "array", "uniqueItems": true }),
            "list<json> where (size(it.distinct()) == size(it))",
        ),
        (json!({ "type": "object", "additionalProperties": { "type": "integer" } }), "map<int>"),
        (json!({ "type": "object" }), "map<json>"),
        (json!({ "type": "object", "additionalProperties": false }), "{}"),
        (
            json!({ "type": "object", "properties": { "a-b": { "type": "string" }, "if": { "type": "boolean" } }, "required": ["if"] }),
            r#"{ "a-b"?: string, if: bool }"#,
        ),
        (json!({}), "json"),
        (json!(true), "json"),
    ] {
        let shown = schema.to_string();
        assert_eq!(param(schema).replace(", }", " }"), expected, "{shown}");
    }
}

#[test]
fn what_cannot_be_said_is_json_with_a_note() {
    for schema in [
        json!({ "type": ["string", "integer"] }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "array" }] }),
        json!({ "enum": ["a", 1] }),
        json!({ "type": "array", "items": [{ "type": "string" }] }),
        json!({ "$ref": "https://example.com/x.json" }),
        json!({ "not": { "type": "string" } }),
        json!({ "type": "string", "pattern": "(?=x)" }),
        json!({ "type": "string", "format": "iri" }),
    ] {
        let tool = json!([{ "name": "f", "input_schema": { "properties": { "p": schema } } }]);
        let made = made(&tool, false);
        assert!(made.text.contains("// Note: ") && !made.notes.is_empty(), "{}", made.text);
    }
}

#[test]
fn references_are_declared_types_and_circles_end() {
    let tree = json!({
        "type": "object",
        "properties": { "tree": { "$ref": "#/$defs/tree-node" }, "more": { "type": "array", "items": { "$ref": "#/$defs/tree-node" } } },
        "$defs": { "tree-node": {
            "description": "A node.",
            "type": "object",
            "properties": { "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#/$defs/tree-node" } } },
            "required": ["name"],
        } },
    });
    let made = made(
        &json!({ "tools": [{ "name": "grow", "inputSchema": tree }, { "name": "cut", "inputSchema": tree }] }),
        false,
    );
    assert!(made.text.contains("/// A node.\ntype TTreeNode = {\n"), "{}", made.text);
    assert!(made.text.contains("children?: list<json>,"), "{}", made.text);
    assert!(made.text.contains("tree?: trusted public TTreeNode,"), "{}", made.text);
    assert_eq!(made.text.matches("type TTreeNode").count(), 1);
    let own =
        json!([{ "name": "f", "parameters": { "type": "object", "properties": { "x": { "$ref": "#" } } } }]);
    import(&own, &options(false)).unwrap();
}

#[test]
fn names_labels_effects_and_defaults() {
    let list = json!([
        { "type": "function", "function": { "name": "get-news", "description": "News.\nSecond ${line}.", "parameters": {
            "type": "object",
            "properties": { "n": { "type": "integer", "default": 3 }, "bad": { "type": "integer", "default": "x" }, "r": { "type": "string", "default": "d" } },
            "required": ["r"],
        } } },
        { "name": "get.news", "inputSchema": {}, "annotations": { "readOnlyHint": true } },
    ]);
    let strict = made(&list, false);
    assert_eq!(
        strict.text,
        "// Imported. What the source does not say is read strictly: results are untrusted, arguments trusted and public.

/// News.
/// Second ${line}.
skill t.get_news(
  n: trusted public int = 3,
  /// Default: \"x\"
  bad?: trusted public int,
  /// Default: \"d\"
  r: trusted public string,
) -> untrusted json
  irreversible \"t\"
  wire \"get-news\"

skill t.get_news_2() -> untrusted json
  reads \"t\"
  idempotent
  wire \"get.news\"
"
    );
    assert_eq!(strict.schemas["t.get_news_2"], json!({ "input": {} }));
    let trusted = made(&list, true).text;
    assert!(trusted.contains("n: untrusted int = 3,") && trusted.contains("-> json\n  pure\n"), "{trusted}");
}

#[test]
fn openapi() {
    let document = json!({
        "openapi": "3.0.3",
        "paths": { "/pets/{id}": {
            "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }],
            "get": {
                "operationId": "getPet", "summary": "One pet.",
                "parameters": [{ "$ref": "#/components/parameters/Fields" }],
                "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } } },
            },
            "put": {
                "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } },
                "responses": { "204": { "description": "done" } },
            },
        } },
        "components": {
            "parameters": { "Fields": { "name": "X-Fields", "in": "header", "description": "Which.", "schema": { "type": "string" } } },
            "schemas": {
                "Pet": { "allOf": [{ "$ref": "#/components/schemas/Named" }, { "type": "object", "properties": {
                    "tag": { "type": "string", "nullable": true }, "parent": { "$ref": "#/components/schemas/Pet" } } }] },
                "Named": { "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] },
                "Other": { "type": "string" },
            },
        },
    });
    let made = made(&document, false);
    let text = &made.text;
    assert!(
        text.contains("type TPet = {\n  name: string,\n  tag?: string?,\n")
            || text.contains("type TPet = {\n  tag?: string?,\n"),
        "{text}"
    );
    assert!(text.contains("skill t.getPet(\n  id: public int,\n  /// Which.\n  \"X-Fields\"?: public string,\n) -> untrusted TPet\n  reads \"t\"\n  idempotent\n  wire \"GET /pets/{id}\"\n"), "{text}");
    assert!(text.contains("body: trusted public TPet) -> untrusted null\n  irreversible \"t\"\n  idempotent\n  wire \"PUT /pets/{id}\""), "{text}");
    let kept = KeptSchemas::of(made.schemas.clone()).get("t.getPet").unwrap();
    let kept = &kept["output"]["components"]["schemas"];
    assert!(kept["Named"].is_object() && kept["Other"].is_null());
    assert!(matches!(import(&json!({ "swagger": "2.0" }), &options(true)), Err(ImportError::Swagger(_))));
}

/// Whatever stands in a document, what comes out is sound or an error; nothing runs away.
#[test]
fn hostile_documents() {
    let nasty = "*/ \u{202e}\"\\${x}\r\n// allow(x): y\n```\n\u{0}";
    let mut deep = json!({ "type": "string" });
    for _ in 0..100 {
        deep = json!({ "type": "object", "properties": { "x": deep } });
    }
    let double = |i: i32| json!({ "allOf": [{ "$ref": format!("#/$defs/a{}", i + 1) }, { "$ref": format!("#/$defs/a{}", i + 1) }], "anyOf": [{ "$ref": format!("#/$defs/a{}", i + 1) }, {"type": "null"}] });
    let defs: Map<String, Json> = (0..40).map(|i| (format!("a{i}"), double(i))).collect();
    let doc = json!([
        { "name": nasty, "description": nasty, "input_schema": {
            "type": "object", "title": nasty, "required": [nasty, "never"],
            "properties": { nasty: { "type": "string", "description": nasty, "enum": [nasty, ""], "default": nasty }, "": {}, "if": deep,
                "n": { "type": "integer", "minimum": -1e300, "maximum": u64::MAX, "multipleOf": 0 }, "m": { "minimum": 1e308, "type": "number", "enum": [] },
                "p": { "type": "string", "pattern": nasty } },
        } },
        { "name": "", "input_schema": { "$defs": defs, "$ref": "#/$defs/a0" } },
        { "name": "9", "input_schema": { "$ref": "#/$defs/l", "$defs": { "l": { "$ref": "#/$defs/l" } }, "properties": { "x": { "$ref": "#/$defs/l" } } } },
        { "name": "x", "input_schema": { "properties": 5, "required": {}, "type": 7 }, "output_schema": { "type": [] } },
    ]);
    made(&doc, false);
    for namespace in ["", "for", "a b", "a..b", "9", "a.b"] {
        let options = Options { namespace: namespace.to_owned(), effect: None, trust: false };
        assert_eq!(import(&doc, &options).is_ok(), namespace == "a.b", "{namespace}");
    }
    for document in [json!(null), json!([]), json!({}), json!({ "tools": 3 }), json!([[[[[[[[]]]]]]]])] {
        assert!(import(&document, &options(false)).is_err());
    }
}
