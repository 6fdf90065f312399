//! Documents of tools in the shapes that exist: providers' lists, OpenAPI, odd names and odd schemas.

use super::trusted;
use serde_json::{Value as Json, json};

/// Schemas as tools in the wild have them.
fn odd() -> Json {
    json!([
        { "name": "odd names-1", "inputSchema": { "type": "object", "properties": {
            "content-type": { "type": "string" }, "if": { "type": "boolean" }, "$filter": { "type": "string" }, "2nd": { "type": "integer" },
            "größe": { "type": "number" }, "a.b": { "type": "string" }, "a b": { "type": "string" }, "_": { "type": "string" } },
            "required": ["if", "$filter"] } },
        { "name": "nested any", "inputSchema": { "type": "object", "properties": {
            "when": { "anyOf": [{ "anyOf": [{ "type": "string", "format": "date" }, { "type": "null" }] }, { "type": "integer", "minimum": 0 }] },
            "who": { "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "null" }], "default": null },
            "kind": { "oneOf": [{ "const": "a" }, { "const": "b" }, { "enum": ["c", "d"] }] },
            "size": { "type": ["integer", "null"], "minimum": 1, "maximum": 10 } }, "required": ["kind"] } },
        { "name": "nullable", "parameters": { "type": "OBJECT", "properties": {
            "s": { "type": "STRING", "nullable": true }, "e": { "type": "STRING", "enum": ["x", "y"], "nullable": true },
            "l": { "type": "ARRAY", "items": { "type": "INTEGER" }, "nullable": true } }, "required": ["s"] } },
        { "name": "maps", "inputSchema": { "type": "object", "properties": {
            "counts": { "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } },
            "free": { "type": "object" }, "closed": { "type": "object", "properties": { "x": { "type": "number" } }, "required": ["x"], "additionalProperties": false },
            "open": { "type": "object", "properties": { "x": { "type": "number" } }, "additionalProperties": true },
            "typed": { "type": "object", "properties": { "x": { "type": "number" } }, "additionalProperties": { "type": "string" } },
            "some": { "type": "object", "minProperties": 1, "maxProperties": 2 } } } },
        { "name": "merged", "inputSchema": { "allOf": [
            { "type": "object", "properties": { "id": { "type": "string", "minLength": 1 } }, "required": ["id"] },
            { "$ref": "#/$defs/paging" },
            { "properties": { "sort": { "allOf": [{ "type": "string" }, { "enum": ["up", "down"] }] } } } ],
            "$defs": { "paging": { "type": "object", "properties": { "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }, "after": { "type": "string" } } } } } },
        { "name": "lists", "inputSchema": { "type": "object", "properties": {
            "tags": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] }, "minItems": 1, "maxItems": 3, "uniqueItems": true },
            "grid": { "type": "array", "items": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 } },
            "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }] },
            "old": { "type": "array", "items": [{ "type": "string" }], "additionalItems": false },
            "rows": { "type": "array", "items": { "type": "object", "properties": { "k": { "type": "string" }, "v": {} }, "required": ["k"] } } } } },
        { "name": "numbers", "inputSchema": { "type": "object", "properties": {
            "five": { "type": "integer", "multipleOf": 5 }, "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
            "port": { "type": "integer", "minimum": 1, "maximum": 65535 }, "one_of": { "enum": [1, 2, 3] }, "fixed": { "const": 7 }, "yes": { "const": true },
            "half": { "type": "number", "multipleOf": 0.5 }, "old": { "type": "integer", "minimum": 0, "exclusiveMinimum": true } } } },
        { "name": "texts", "inputSchema": { "type": "object", "properties": {
            "mail": { "type": "string", "format": "email" }, "day": { "type": "string", "format": "date" }, "at": { "type": "string", "format": "date-time" },
            "link": { "type": "string", "format": "uri" }, "id": { "type": "string", "format": "uuid" }, "code": { "type": "string", "pattern": "^[A-Z]{2}-\\d+$", "maxLength": 9 },
            "pass": { "type": "string", "pattern": "^(?=.*\\d).{4,}$" }, "blob": { "type": "string", "contentEncoding": "base64" } } } },
        { "name": "tree", "inputSchema": { "type": "object", "properties": { "root": { "$ref": "#/definitions/node" } }, "required": ["root"],
            "definitions": { "node": { "type": "object", "properties": { "label": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#/definitions/node" } } }, "required": ["label"] } } } },
        { "name": "either", "inputSchema": { "type": "object", "properties": { "id": { "type": "integer" }, "name": { "type": "string" } }, "oneOf": [{ "required": ["id"] }, { "required": ["name"] }] } },
        { "name": "depends", "inputSchema": { "type": "object", "properties": { "card": { "type": "string" }, "address": { "type": "string" }, "mode": { "enum": ["fast", "slow"] }, "limit": { "type": "integer" } },
            "dependentRequired": { "card": ["address"] }, "if": { "properties": { "mode": { "const": "slow" } }, "required": ["mode"] }, "then": { "required": ["limit"] } } },
        { "name": "nothing", "inputSchema": { "type": "object" } },
    ])
}

fn openapi() -> Json {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Orders", "version": "1" },
        "paths": {
            "/orders/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^o[0-9]+$" } }],
                "get": { "operationId": "getOrder", "parameters": [
                    { "name": "fields", "in": "query", "schema": { "type": "array", "items": { "type": "string", "enum": ["id", "total"] } } },
                    { "name": "id", "in": "query", "schema": { "type": "integer" } } ],
                    "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } } },
                "patch": { "operationId": "orders.update", "requestBody": { "$ref": "#/components/requestBodies/Change" }, "responses": { "200": { "description": "ok" } } } },
            "/orders": { "post": { "requestBody": { "required": true, "content": { "application/json": { "schema": { "allOf": [
                { "$ref": "#/components/schemas/Order" }, { "type": "object", "properties": { "note": { "type": "string", "maxLength": 5 } } }] } } } },
                "responses": { "201": { "description": "made" } } } } },
        "components": {
            "requestBodies": { "Change": { "required": true, "content": { "application/json": { "schema": { "type": "object", "properties": {
                "total": { "type": "number", "minimum": 0 }, "state": { "$ref": "#/components/schemas/State" } } } } } } },
            "schemas": {
                "State": { "type": "string", "enum": ["open", "paid"] },
                "Order": { "type": "object", "properties": { "total": { "type": "number", "minimum": 0 }, "state": { "$ref": "#/components/schemas/State" },
                    "parent": { "$ref": "#/components/schemas/Order" } }, "required": ["total"] },
            },
        },
    })
}

/// Documents with a name each.
pub fn documents() -> Vec<(String, Json)> {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" }, "unit": { "enum": ["C", "F"] } }, "required": ["city"] });
    [
        ("odd", odd()),
        ("openapi", openapi()),
        ("anthropic", json!([{ "name": "get_weather", "description": "Weather.", "input_schema": schema }])),
        ("openai", json!([{ "type": "function", "function": { "name": "get_weather", "parameters": schema, "strict": true } }])),
        ("responses", json!({ "tools": [{ "type": "function", "name": "get_weather", "parameters": schema }] })),
        ("mcp", json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [{ "name": "get_weather", "inputSchema": schema, "outputSchema": schema }] } })),
    ]
    .map(|(name, document)| (name.to_owned(), document))
    .to_vec()
}

/// The providers' shapes of one tool give one signature.
#[test]
fn one_tool_in_many_shapes() {
    let expected = "skill t.get_weather(city: untrusted string, unit?: untrusted \"C\" | \"F\") -> json\n  pure\n  idempotent\n";
    for (name, document) in documents().into_iter().skip(2) {
        let text = trusted(&document).text.replace("/// Weather.\n", "");
        let text = if name == "mcp" {
            text.replace(") -> {\n  city: string,\n  unit?: \"C\" | \"F\",\n}\n", ") -> json\n")
                .replace(") -> { city: string, unit?: \"C\" | \"F\" }\n", ") -> json\n")
        } else {
            text
        };
        assert!(text.ends_with(expected), "{name}: {text}");
    }
}
