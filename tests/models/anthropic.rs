//! The Messages protocol.

use super::*;

/// anthropic-sdk-python `tests/lib/streaming/fixtures/basic_response.txt`, with the counts of the cache of
/// `src/anthropic/types/usage.py`.
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_4QpJur2dWWDjF6C758FbBw5vm12BaVipnK","type":"message","role":"assistant","content":[],"model":"m-1-20260101","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,"cache_creation_input_tokens":8,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":3},"cache_read_input_tokens":20,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" there!"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":6}}

event: message_stop
data: {"type":"message_stop"}"#;

/// `tests/lib/streaming/fixtures/tool_use_response.txt`, with our tool.
const TOOL: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_019Q1hrJbZG26Fb9BQhrkHEr","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":377,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_01NRLabsLyVHZPKxbKvkfSMn","name":"answer","caller":{"type":"direct"},"input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"na"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"me\": \"Ada\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":65}}

event: message_stop
data: {"type":"message_stop"}"#;

#[tokio::test]
async fn a_streamed_text_and_its_cost() {
    let bench = Bench::new(LlmProvider::Anthropic, |_| Response::stream("text/event-stream", STREAM)).await;
    let (request, heard) = (request(Shape::Text), Heard::default());
    let answer = bench.provider.ask(&request, &heard.hear(), Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer.value, json!("Hello there!"));
    assert_eq!(heard.all(), ["Hello", " there!"]);
    assert_eq!(&*answer.model, "m-1-20260101");
    // What went through the cache is no part of `input_tokens`.
    assert_eq!((answer.usage.input, answer.usage.cache_read), (11, 20));
    assert_eq!((answer.usage.cache_write, answer.usage.cache_write_long, answer.usage.output), (5, 3, 6));
    let nanos = 11 * 1_000 + 20 * 100 + (5 + 3) * 1_250 + 6 * 2_000;
    assert_eq!(answer.usage.cost, Some(nanos));
    assert_eq!(booked(&request).cost, Some(nanos));
    assert_eq!(booked(&request).raw["cache_read_input_tokens"], 20);
    let seen = &bench.server.seen()[0];
    assert_eq!((seen.path.as_str(), seen.headers["x-api-key"].as_str()), ("/v1/messages", KEY));
    assert_eq!(bench.sent()[0]["stream"], true);
}

#[tokio::test]
async fn a_streamed_tool_call() {
    let bench = Bench::new(LlmProvider::Anthropic, |request| {
        if request.body.contains("output_config") {
            let error = json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "output_config.format: not supported" } });
            return Response::new(400, error.to_string());
        }
        Response::stream("text/event-stream", TOOL)
    })
    .await;
    let request = request(Shape::Json(person()));
    assert_eq!(bench.ask(&request).await.unwrap().value, json!({ "name": "Ada" }));
    assert_eq!(booked(&request).output, 65, "what was turned down cost nothing");
    // It is known from now on.
    bench.ask(&request).await.unwrap();
    assert_eq!(bench.server.seen().len(), 3);
}

/// `RawMessageStreamEvent` has no error; the SDK raises for `event: error` (`src/anthropic/_streaming.py`).
#[tokio::test]
async fn an_error_after_the_beginning() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let body = STREAM.split("event: content_block_stop").next().unwrap().to_owned() + error;
    let bench =
        Bench::new(LlmProvider::Anthropic, move |_| Response::stream("text/event-stream", body.clone()))
            .await;
    let request = request(Shape::Text);
    let failure = bench.ask(&request).await.unwrap_err();
    assert_eq!(&*failure.kind, "unavailable");
    assert!(failure.message.contains("Overloaded"), "{}", failure.message);
    let call = booked(&request);
    assert_eq!((call.input, call.cut, call.cost), (11, true, None), "what it cost in the end is not known");
}

#[tokio::test]
async fn there_are_no_embeddings() {
    let bench = Bench::new(LlmProvider::Anthropic, |_| Response::new(200, "{}")).await;
    let texts = model::EmbedRequest { model: "m-1".into(), texts: vec!["a".into()], meter: Meter::default() };
    let failure = bench.provider.embed(&texts, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(&*failure.kind, "invalid_input");
    assert!(failure.message.contains("has no embeddings"), "{}", failure.message);
}
