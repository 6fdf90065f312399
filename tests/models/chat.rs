//! Chat completions.

use super::*;
use aos::runtime::model::GrammarSyntax;

/// openai-python `src/openai/types/chat/chat_completion_chunk.py`; the last chunk holds the usage of
/// `src/openai/types/completion_usage.py` and no choice.
fn chunks(parts: &[&str], reason: Json, usage: bool) -> Response {
    let chunk = |choices: Json, usage: Json| {
        json!({ "id": "chatcmpl-ABfvaueLEMLNYbT8YzpJxsmiQ6HSY", "object": "chat.completion.chunk", "created": 1727346142,
            "model": "m-1", "system_fingerprint": "fp_b40fb1c6fb", "choices": choices, "usage": usage })
    };
    let mut body = String::new();
    for part in parts {
        let choice =
            json!([{ "index": 0, "delta": { "content": part }, "logprobs": null, "finish_reason": null }]);
        body.push_str(&format!("data: {}\n\n", chunk(choice, Json::Null)));
    }
    let last = json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": reason }]);
    body.push_str(&format!("data: {}\n\n", chunk(last, Json::Null)));
    if usage {
        let usage = json!({ "prompt_tokens": 14, "completion_tokens": 37, "total_tokens": 51, "prompt_tokens_details": { "cached_tokens": 4 } });
        body.push_str(&format!("data: {}\n\ndata: [DONE]\n\n", chunk(json!([]), usage)));
    }
    Response::stream("text/event-stream", body)
}

#[tokio::test]
async fn a_streamed_text_and_its_cost() {
    let bench = Bench::new(LlmProvider::OpenAiChat, |_| chunks(&["He", "llo"], json!("stop"), true)).await;
    let (request, heard) = (request(Shape::Text), Heard::default());
    let answer = bench.provider.ask(&request, &heard.hear(), Duration::from_secs(10)).await.unwrap();
    assert_eq!((answer.value, heard.all().concat()), (json!("Hello"), "Hello".to_owned()));
    // `prompt_tokens` holds the cached ones.
    assert_eq!((answer.usage.input, answer.usage.cache_read, answer.usage.output), (10, 4, 37));
    assert_eq!(answer.usage.cost, Some(10 * 1_000 + 4 * 100 + 37 * 2_000));
    assert_eq!(bench.server.seen()[0].path, "/v1/chat/completions");
    let sent = &bench.sent()[0];
    assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "Be short" }));
    assert_eq!(
        (&sent["max_completion_tokens"], &sent["stream_options"]),
        (&json!(100), &json!({ "include_usage": true }))
    );
}

/// `tests/lib/chat/test_completions.py`, `test_parse_pydantic_model`: a whole answer of a server that streams not.
#[tokio::test]
async fn a_whole_answer_where_a_stream_was_asked_for() {
    let bench = Bench::new(LlmProvider::OpenAiChat, |_| {
        let body = r#"{"id": "chatcmpl-ABfvbtVnTu5DeC4EFnRYj8mtfOM99", "object": "chat.completion", "created": 1727346143, "model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "message": {"role": "assistant", "content": "{\"name\":\"Ada\"}", "refusal": null}, "logprobs": null, "finish_reason": "stop"}], "usage": {"prompt_tokens": 79, "completion_tokens": 14, "total_tokens": 93, "completion_tokens_details": {"reasoning_tokens": 0}}, "system_fingerprint": "fp_5050236cbd"}"#;
        Response::new(200, body).header("content-type", "application/json")
    })
    .await;
    let answer = bench.ask(&request(Shape::Json(person()))).await.unwrap();
    assert_eq!((answer.value, answer.usage.tokens()), (json!({ "name": "Ada" }), 93));
}

/// How a server turns a field down is unverified: each says it in its own words, which name the field.
#[tokio::test]
async fn ways_to_ask_are_found_out() {
    let bench = Bench::new(LlmProvider::OpenAiChat, |request| {
        let sent: Json = serde_json::from_str(&request.body).unwrap();
        let refuse = |what: &str| Response::new(400, json!({ "error": { "message": what } }).to_string());
        if sent.get("max_completion_tokens").is_some() {
            return refuse("Unsupported parameter: max_completion_tokens");
        }
        if sent.get("response_format").is_some() {
            return refuse("'response_format' is not supported by this model");
        }
        assert!(sent["messages"][0]["content"].as_str().unwrap().contains("\"age\""), "the schema is told");
        chunks(&["```json\n{\"name\": \"Ada\"}\n```"], json!("stop"), true)
    })
    .await;
    let request = request(Shape::Json(person()));
    assert_eq!(bench.ask(&request).await.unwrap().value, json!({ "name": "Ada" }));
    assert_eq!(bench.server.seen().len(), 4, "the older name, a schema, an object, a text");
    bench.ask(&request).await.unwrap();
    assert_eq!(bench.server.seen().len(), 5, "what was found out is known");
    assert!(!bench.provider.capabilities("m-1", Duration::from_secs(1)).await.json_schema);
}

/// A server says what it is in `/v1/models`: vLLM `owned_by: "vllm"` (`ModelCard`), llama.cpp `"llamacpp"` (`tools/server`). Their fields
/// for grammars: `structured_outputs` and `grammar`.
#[tokio::test]
async fn grammars_by_what_the_server_is() {
    for (owner, wanted) in [
        ("vllm", Some(json!({ "structured_outputs": { "grammar": "root ::= \"x\"" } }))),
        ("llamacpp", Some(json!({ "grammar": "root ::= \"x\"" }))),
        ("somebody", None),
    ] {
        let bench = Bench::new(LlmProvider::OpenAiChat, move |request| match request.path.as_str() {
            "/v1/models" => {
                let model = json!({ "id": "m-1", "object": "model", "created": 1, "owned_by": owner });
                Response::new(200, json!({ "object": "list", "data": [model] }).to_string())
            }
            _ => chunks(&["x"], json!("stop"), true),
        })
        .await;
        let grammar = Shape::Grammar { syntax: GrammarSyntax::Gbnf, text: "root ::= \"x\"".into() };
        let result = bench.ask(&request(grammar)).await;
        let can = bench.provider.capabilities("m-1", Duration::from_secs(1)).await;
        assert_eq!(can.grammar, wanted.as_ref().map(|_| GrammarSyntax::Gbnf));
        match wanted {
            None => assert_eq!(&*result.unwrap_err().kind, "invalid_input"),
            Some(wanted) => {
                assert_eq!(result.unwrap().value, json!("x"));
                let sent = bench.sent().pop().unwrap();
                for (key, value) in wanted.as_object().unwrap() {
                    assert_eq!(&sent[key], value);
                }
            }
        }
    }
    let dead =
        Bench::with(LlmProvider::OpenAiChat, |_| Response::new(404, ""), |c| c.engine = Some("vllm".into()))
            .await;
    let can = dead.provider.capabilities("m-1", Duration::from_secs(1)).await;
    assert_eq!(can.grammar, Some(GrammarSyntax::Gbnf), "what is configured is not asked");
    assert_eq!(dead.server.seen().len(), 0);
}

#[tokio::test]
async fn what_a_server_does_not_say_is_not_known() {
    let bench = Bench::new(LlmProvider::OpenAiChat, |_| chunks(&["x"], json!("stop"), false)).await;
    let request = request(Shape::Text);
    let answer = bench.ask(&request).await.unwrap();
    assert_eq!(answer.usage.cost, None);
    assert!(answer.usage.tokens() > 0);
    assert_eq!(booked(&request).raw, json!({ "guessed": true }));
}

#[tokio::test]
async fn no_key_is_sent_unasked() {
    let answer = |_: &Request| chunks(&["x"], json!("stop"), true);
    let bench = Bench::with(LlmProvider::OpenAiChat, answer, |config| config.key = None).await;
    bench.ask(&request(Shape::Text)).await.unwrap();
    assert!(!bench.server.seen()[0].headers.contains_key("authorization"));
}
