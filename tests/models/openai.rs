//! The Responses protocol, and embeddings.

use super::*;
use aos::runtime::model::{EmbedRequest, GrammarSyntax};

/// openai-python `tests/lib/responses/test_responses.py`, `test_output_text`, shortened; the counts of the cache are ours.
fn response(output: Json, status: &str, incomplete: Json) -> Json {
    json!({
        "id": "resp_689a0b2545288193953c892439b42e2800b2e36c65a1fd4b", "object": "response", "created_at": 1754925861,
        "status": status, "error": null, "incomplete_details": incomplete, "model": "m-1-2024-07-18", "output": output,
        "usage": {
            "input_tokens": 14, "input_tokens_details": { "cached_tokens": 10, "cache_write_tokens": 1 },
            "output_tokens": 50, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 64,
        },
    })
}

fn text(text: &str) -> Json {
    json!([{
        "id": "msg_689a0b2637b08193ac478e568f49e3f900b2e36c65a1fd4b", "type": "message", "status": "completed",
        "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }], "role": "assistant",
    }])
}

/// `src/openai/types/responses/response_text_delta_event.py` and `response_completed_event.py`.
fn stream(deltas: &[&str], last: &str, response: Json) -> Response {
    let mut body = String::new();
    for (n, delta) in deltas.iter().enumerate() {
        let event = json!({
            "type": "response.output_text.delta", "sequence_number": n, "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "delta": delta, "logprobs": [],
        });
        body.push_str(&format!("event: response.output_text.delta\ndata: {event}\n\n"));
    }
    let event = json!({ "type": last, "sequence_number": deltas.len(), "response": response });
    body.push_str(&format!("event: {last}\ndata: {event}\n\n"));
    Response::stream("text/event-stream; charset=utf-8", body)
}

#[tokio::test]
async fn a_streamed_text_and_its_cost() {
    let bench = Bench::new(LlmProvider::OpenAi, |_| {
        stream(&["He", "llo"], "response.completed", response(text("Hello"), "completed", Json::Null))
    })
    .await;
    let (request, heard) = (request(Shape::Text), Heard::default());
    let answer = bench.provider.ask(&request, &heard.hear(), Duration::from_secs(10)).await.unwrap();
    assert_eq!((answer.value, heard.all()), (json!("Hello"), vec!["He".to_owned(), "llo".to_owned()]));
    // `input_tokens` holds the cached ones.
    assert_eq!((answer.usage.input, answer.usage.cache_read, answer.usage.cache_write), (3, 10, 1));
    assert_eq!(answer.usage.cost, Some(3 * 1_000 + 10 * 100 + 1_250 + 50 * 2_000));
    let seen = &bench.server.seen()[0];
    assert_eq!(
        (seen.path.as_str(), seen.headers["authorization"].as_str()),
        ("/v1/responses", format!("Bearer {KEY}").as_str())
    );
    let sent = json!({
        "model": "m-1", "instructions": "Be short", "input": [{ "role": "user", "content": "Say hi" }],
        "max_output_tokens": 100, "stream": true, "store": false, "temperature": 0.5,
    });
    assert_eq!(bench.sent()[0], sent);
}

/// `response_format_text_json_schema_config_param.py`
#[tokio::test]
async fn a_value_held_to_a_schema() {
    let bench = Bench::new(LlmProvider::OpenAi, |_| {
        let answer = text("{\"name\":\"Ada\",\"age\":null}");
        stream(&[], "response.completed", response(answer, "completed", Json::Null))
    })
    .await;
    let answer = bench.ask(&request(Shape::Json(person()))).await.unwrap();
    assert_eq!(answer.value, json!({ "name": "Ada" }), "what need not be there is null there");
    let format = &bench.sent()[0]["text"]["format"];
    assert_eq!((&format["type"], &format["strict"]), (&json!("json_schema"), &json!(true)));
    assert_eq!(format["schema"]["required"], json!(["name", "age"]));
}

/// `custom_tool_param.py`, `custom_tool_input_format.py`, `tool_choice_custom_param.py`, `response_custom_tool_call.py`
#[tokio::test]
async fn a_text_held_to_a_grammar() {
    let bench = Bench::new(LlmProvider::OpenAi, |_| {
        let call = json!([{ "id": "ctc_1", "type": "custom_tool_call", "status": "completed", "call_id": "call_1", "input": "plan p {}", "name": "answer" }]);
        stream(&[], "response.completed", response(call, "completed", Json::Null))
    })
    .await;
    let grammar = Shape::Grammar { syntax: GrammarSyntax::Lark, text: "start: \"plan p {}\"".into() };
    assert_eq!(bench.ask(&request(grammar)).await.unwrap().value, json!("plan p {}"));
    let tool = json!({ "type": "custom", "name": "answer", "description": "Gives the answer.",
        "format": { "type": "grammar", "syntax": "lark", "definition": "start: \"plan p {}\"" } });
    let sent = &bench.sent()[0];
    assert_eq!(
        (&sent["tools"], &sent["tool_choice"]),
        (&json!([tool]), &json!({ "type": "custom", "name": "answer" }))
    );
    assert_eq!(sent["parallel_tool_calls"], false);
    let gbnf = Shape::Grammar { syntax: GrammarSyntax::Gbnf, text: "root ::= \"x\"".into() };
    assert_eq!(&*bench.ask(&request(gbnf)).await.unwrap_err().kind, "invalid_input");
}

/// `response.py`: `status`, `incomplete_details`, `error`; `response_error_event.py`; refusals by `response_output_refusal.py`. The codes of
/// spent accounts are unverified: no SDK test shows them.
#[tokio::test]
async fn failures_by_their_kind() {
    let completed =
        |output: Json| stream(&[], "response.completed", response(output, "completed", Json::Null));
    let incomplete = |why: &str| {
        stream(&[], "response.incomplete", response(json!([]), "incomplete", json!({ "reason": why })))
    };
    let mut broken = response(json!([]), "failed", Json::Null);
    broken["error"] = json!({ "code": "server_error", "message": "it broke" });
    let refusal = json!([{ "type": "message", "content": [{ "type": "refusal", "refusal": "no" }] }]);
    let error = |code: &str| {
        Response::new(
            429,
            json!({ "error": { "message": "slow", "type": "requests", "param": null, "code": code } })
                .to_string(),
        )
        .header("retry-after", "3")
    };
    let event = "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null,\"sequence_number\":1}\n\n";
    let cases: Vec<(Response, &str, Option<i64>)> = vec![
        (incomplete("max_output_tokens"), "limit", None),
        (incomplete("content_filter"), "refused", None),
        (stream(&[], "response.failed", broken), "unavailable", None),
        (completed(refusal), "refused", None),
        (completed(json!([])), "invalid_output", None),
        (error("rate_limit_exceeded"), "rate_limited", Some(3_000)),
        (error("insufficient_quota"), "limit", None),
        (Response::stream("text/event-stream", event), "rate_limited", None),
        (
            Response::new(
                401,
                json!({ "error": { "message": format!("Incorrect API key provided: {KEY}") } }).to_string(),
            ),
            "denied",
            None,
        ),
        (Response::new(503, "<html>"), "unavailable", None),
    ];
    for (answer, kind, wait) in cases {
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let bench = Bench::new(LlmProvider::OpenAi, move |_| answer.clone()).await;
        let failure = bench.ask(&request(Shape::Text)).await.unwrap_err();
        assert_eq!((&*failure.kind, failure.retry_after_ms), (kind, wait), "{shown}");
        assert_eq!(bench.server.seen().len(), 1);
    }
}

/// `src/openai/types/create_embedding_response.py`
#[tokio::test]
async fn vectors_in_the_order_of_the_texts() {
    let bench = Bench::new(LlmProvider::OpenAi, |_| {
        let row = |n: usize, v: Json| json!({ "object": "embedding", "index": n, "embedding": v });
        let rows = json!([row(1, json!([3.0, 4.0])), row(0, json!([1, 0.5]))]);
        let body = json!({ "object": "list", "data": rows, "model": "m-1", "usage": { "prompt_tokens": 8, "total_tokens": 8 } });
        Response::new(200, body.to_string()).header("content-type", "application/json")
    })
    .await;
    let texts =
        EmbedRequest { model: "m-1".into(), texts: vec!["a".into(), "b".into()], meter: Meter::default() };
    let answer = bench.provider.embed(&texts, Duration::from_secs(5)).await.unwrap();
    assert_eq!(answer.vectors, [[1.0, 0.5], [3.0, 4.0]]);
    assert_eq!((answer.usage.input, answer.usage.cost), (8, Some(8_000)));
    let three = EmbedRequest { texts: vec!["a".into(); 3], ..texts };
    assert_eq!(
        &*bench.provider.embed(&three, Duration::from_secs(5)).await.unwrap_err().kind,
        "invalid_output"
    );
}
