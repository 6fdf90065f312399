//! `llm.*` against a local server that speaks the Messages protocol.

use super::{call, config};
use crate::support::http::{Request, Response, Server};
use aos::engine::Failure;
use aos::runtime::skill::{SkillOutput, Skills};
use aos::types::Type;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The shape of an answer as the provider documents it.
fn message(content: Json, stop: &str) -> String {
    json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "m-1",
        "content": content, "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 12, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 7 },
    })
    .to_string()
}

fn error(kind: &str, text: &str) -> String {
    json!({ "type": "error", "error": { "type": kind, "message": text }, "request_id": "req_1" }).to_string()
}

async fn ask(
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    skill: &str,
    args: Json,
    output: Type,
) -> (Result<SkillOutput, Failure>, Vec<Request>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(answer).await;
    let mut config = config(folder.path());
    config.llm.url = Some(server.url(""));
    config.llm.model = Some("m-1".into());
    config.llm.input_cost_per_token = Some(0.001);
    config.llm.output_cost_per_token = Some(0.01);
    config.llm.key = Some(vec![aos::value::SecretPart::Name("TOKEN".into())]);
    let skills = Skills::new(config);
    let mut call = call(skill, args);
    call.output = output;
    let result = skills.call(call).await;
    (result, server.seen())
}

#[tokio::test]
async fn a_text_and_what_it_cost() {
    let answer =
        |_: &Request| Response::new(200, message(json!([{ "type": "text", "text": "Hi." }]), "end_turn"));
    let args = json!({ "prompt": "Say hi", "system": "Be short", "max_tokens": 50, "temperature": 0.5 });
    let (result, seen) = ask(answer, "llm.generate", args, Type::String).await;
    let output = result.unwrap();
    assert_eq!(output.value.to_json(), json!("Hi."));
    assert_eq!(output.usage.tokens, 27);
    assert!((output.usage.cost_usd - 0.09).abs() < 1e-12);
    assert_eq!(seen.len(), 1, "a short input is not counted");
    assert_eq!(seen[0].path, "/v1/messages");
    assert_eq!(seen[0].headers["x-api-key"], "s3cr3t-value");
    assert_eq!(seen[0].headers["anthropic-version"], "2023-06-01");
    let sent: Json = serde_json::from_str(&seen[0].body).unwrap();
    let want = json!({
        "model": "m-1", "max_tokens": 50, "temperature": 0.5, "system": "Be short",
        "messages": [{ "role": "user", "content": "Say hi" }], "stream": true,
    });
    assert_eq!(sent, want);
}

#[tokio::test]
async fn a_value_held_to_a_schema() {
    // `output_config` as in anthropic-sdk-python `types/output_config_param.py`.
    let answer = |request: &Request| {
        let sent: Json = serde_json::from_str(&request.body).unwrap();
        let schema = json!({
            "type": "object",
            "properties": { "value": { "type": "array", "items": { "type": "integer" } } },
            "required": ["value"],
            "additionalProperties": false,
        });
        assert_eq!(sent["output_config"], json!({ "format": { "type": "json_schema", "schema": schema } }));
        assert!(sent.get("tools").is_none());
        let block = json!({ "type": "text", "text": "{\"value\": [1, 2]}" });
        Response::new(200, message(json!([block]), "end_turn"))
    };
    let list = Type::List(Arc::new(Type::Int));
    let (result, seen) = ask(answer, "llm.extract", json!({ "prompt": "Count" }), list).await;
    assert_eq!(result.unwrap().value.to_json(), json!([1, 2]));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_model_that_knows_no_schemas_gets_a_tool() {
    let answer = |request: &Request| {
        let sent: Json = serde_json::from_str(&request.body).unwrap();
        if sent.get("output_config").is_some() {
            return Response::new(400, error("invalid_request_error", "output_config: not supported by m-1"));
        }
        assert_eq!(sent["tool_choice"], json!({ "type": "tool", "name": "answer" }));
        assert_eq!(sent["tools"][0]["input_schema"]["required"], json!(["value"]));
        let block =
            json!({ "type": "tool_use", "id": "toolu_1", "name": "answer", "input": { "value": [1, 2] } });
        Response::new(200, message(json!([block]), "tool_use"))
    };
    let list = Type::List(Arc::new(Type::Int));
    let (result, seen) = ask(answer, "llm.extract", json!({ "prompt": "Count" }), list).await;
    assert_eq!(result.unwrap().value.to_json(), json!([1, 2]));
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_asked_for_again() {
    let answer = |request: &Request| {
        let sent: Json = serde_json::from_str(&request.body).unwrap();
        let turns = sent["messages"].as_array().unwrap().len();
        let text = match turns {
            1 => "no idea",
            3 => "{\"value\": [1, \"two\"]}",
            _ => "```json\n{\"value\": [1, 2]}\n```",
        };
        if turns == 5 {
            let said = sent["messages"][4]["content"].as_str().unwrap();
            assert!(said.contains("does not fit") && said.contains("expected `int`"), "{said}");
            assert_eq!(sent["messages"][1], json!({ "role": "assistant", "content": "no idea" }));
        }
        Response::new(200, message(json!([{ "type": "text", "text": text }]), "end_turn"))
    };
    let list = Type::List(Arc::new(Type::Int));
    let (result, seen) = ask(answer, "llm.extract", json!({ "prompt": "Count" }), list.clone()).await;
    let output = result.unwrap();
    assert_eq!(output.value.to_json(), json!([1, 2]));
    assert_eq!(seen.len(), 3);
    assert_eq!(output.usage.tokens, 3 * 27, "every round is paid for");
    // All rounds stay within what one call may use: 7 tokens are gone, 7 are left, then none.
    let args = json!({ "prompt": "Count", "max_tokens": 14 });
    let (result, seen) = ask(answer, "llm.extract", args, list).await;
    assert_eq!(&*result.unwrap_err().kind, "invalid_output");
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_long_input_is_counted_first() {
    let answer = |request: &Request| match request.path.as_str() {
        "/v1/messages/count_tokens" => Response::new(200, r#"{"input_tokens": 2001}"#),
        _ => Response::new(200, message(json!([{ "type": "text", "text": "x" }]), "end_turn")),
    };
    let prompt = "word ".repeat(1000);
    let args = json!({ "prompt": prompt, "max_input": 2000 });
    let (result, seen) = ask(answer, "llm.generate", args, Type::String).await;
    let failure = result.unwrap_err();
    assert_eq!(&*failure.kind, "invalid_input");
    assert!(failure.message.contains("2001 tokens"), "{}", failure.message);
    assert_eq!(seen.len(), 1, "nothing was asked");
    let args = json!({ "prompt": prompt, "max_input": 2001 });
    let (result, seen) = ask(answer, "llm.generate", args, Type::String).await;
    assert!(result.is_ok());
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn failures_by_their_kind() {
    let spent = json!({ "type": "error", "error": { "type": "rate_limit_error", "message": "spent",
        "details": { "error_code": "enforced_spend_limit_reached" } } });
    let cases = [
        (429, error("rate_limit_error", "slow down"), "rate_limited", Some(7_000)),
        (429, spent.to_string(), "limit", None),
        (529, error("overloaded_error", "Overloaded"), "unavailable", Some(7_000)),
        (500, error("api_error", "oops"), "unavailable", Some(7_000)),
        (400, error("invalid_request_error", "max_tokens: too many"), "invalid_input", None),
        (404, error("not_found_error", "model: m-1"), "invalid_input", None),
        (401, error("authentication_error", "invalid x-api-key s3cr3t-value"), "denied", None),
        (502, "<html>".to_owned(), "unavailable", Some(7_000)),
        (200, "{".to_owned(), "invalid_output", None),
        (200, message(json!([]), "refusal"), "refused", None),
        (200, message(json!([{ "type": "text", "text": "a b" }]), "max_tokens"), "limit", None),
        (200, message(json!([]), "end_turn"), "invalid_output", None),
    ];
    for (status, body, kind, wait) in cases {
        let shown = body.clone();
        let answer = move |_: &Request| Response::new(status, body.clone()).header("retry-after", "7");
        let (result, seen) = ask(answer, "llm.generate", json!({ "prompt": "x" }), Type::String).await;
        let failure = result.unwrap_err();
        assert_eq!((&*failure.kind, failure.retry_after_ms), (kind, wait), "{status} {shown}");
        assert_eq!(failure.skill.as_deref(), Some("llm.generate"));
        assert!(!failure.message.contains("s3cr3t"), "{}", failure.message);
        assert_eq!(seen.len(), 1, "the machine retries, not the skill");
    }
}

#[tokio::test]
async fn what_is_not_configured_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    let failure = skills.call(call("llm.generate", json!({ "prompt": "x" }))).await.unwrap_err();
    assert_eq!(&*failure.kind, "invalid_input");
    assert!(failure.message.contains("[skills.llm]"), "{}", failure.message);
    let args = json!({ "prompt": "x", "model": "m" });
    let failure = skills.call(call("llm.generate", args)).await.unwrap_err();
    assert_eq!(&*failure.kind, "unavailable");
    assert!(failure.message.contains("ANTHROPIC_API_KEY"), "{}", failure.message);
}
