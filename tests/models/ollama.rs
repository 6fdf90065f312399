//! Ollama's own protocol.

use super::*;
use aos::runtime::model::EmbedRequest;

/// ollama `docs/api.md`, "Chat request (Streaming)".
fn chat(parts: &[&str], last: Json) -> Response {
    let piece = |text: &str| {
        json!({ "model": "m-1", "created_at": "2023-08-04T08:52:19.385406455-07:00",
            "message": { "role": "assistant", "content": text, "images": null }, "done": false })
    };
    let mut body: String = parts.iter().map(|part| format!("{}\n", piece(part))).collect();
    body.push_str(&format!("{last}\n"));
    Response::stream("application/x-ndjson", body)
}

fn done(reason: &str, read: i64) -> Json {
    json!({ "model": "m-1", "created_at": "2023-08-04T19:22:45.499127Z", "message": { "role": "assistant", "content": "" },
        "done_reason": reason, "done": true, "total_duration": 4883583458_i64, "load_duration": 1334875,
        "prompt_eval_count": read, "prompt_eval_duration": 342546000, "eval_count": 282, "eval_duration": 4535599000_i64 })
}

/// ollama `docs/openapi.yaml`, `ShowResponse`.
fn show(context: i64) -> Response {
    let body = json!({ "parameters": "temperature 0.7", "capabilities": ["completion", "vision"],
        "details": { "family": "gemma4" }, "model_info": { "gemma4.context_length": context } });
    Response::new(200, body.to_string()).header("content-type", "application/json")
}

async fn bench(context: i64, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Bench {
    Bench::new(LlmProvider::Ollama, move |request| match request.path.as_str() {
        "/api/show" => show(context),
        _ => answer(request),
    })
    .await
}

#[tokio::test]
async fn a_streamed_text_and_its_tokens() {
    let bench = bench(131_072, |_| chat(&["The", " sky"], done("stop", 26))).await;
    let (request, heard) = (request(Shape::Text), Heard::default());
    let answer = bench.provider.ask(&request, &heard.hear(), Duration::from_secs(10)).await.unwrap();
    assert_eq!((answer.value, heard.all().len()), (json!("The sky"), 2));
    assert_eq!((answer.usage.input, answer.usage.output), (26, 282));
    assert_eq!(booked(&request).raw["eval_duration"], 4535599000_i64);
    let sent = &bench.sent()[1];
    assert_eq!(sent["options"], json!({ "num_ctx": 4096, "num_predict": 100, "temperature": 0.5 }));
    // `api/types.go`, `ChatRequest`: an error instead of a cut.
    assert_eq!((&sent["truncate"], &sent["shift"]), (&json!(false), &json!(false)));
    let can = bench.provider.capabilities("m-1", Duration::from_secs(1)).await;
    assert_eq!((can.json_schema, can.embeddings, can.context), (true, false, Some(131_072)));
    assert_eq!(bench.server.seen().iter().filter(|r| r.path == "/api/show").count(), 1);
}

/// `docs/api.md`, "Chat request (Structured outputs)".
#[tokio::test]
async fn a_value_held_to_a_schema() {
    let bench = bench(8_192, |_| chat(&["{\"name\": \"Ada\"}"], done("stop", 34))).await;
    assert_eq!(bench.ask(&request(Shape::Json(person()))).await.unwrap().value, json!({ "name": "Ada" }));
    assert_eq!(bench.sent()[1]["format"], person());
}

#[tokio::test]
async fn an_input_that_was_cut_is_no_input() {
    let long = |max_input| {
        let mut request = request(Shape::Text);
        request.messages = vec![Message::user("word ".repeat(4_000))];
        request.max_input = max_input;
        request
    };
    // 20 kB of text, and the server says it read 512 tokens.
    let bench = bench(131_072, |_| chat(&["ok"], done("stop", 512))).await;
    let request = long(10_000);
    let failure = bench.ask(&request).await.unwrap_err();
    assert_eq!(&*failure.kind, "invalid_input");
    assert!(failure.message.contains("read only 512 tokens"), "{}", failure.message);
    assert_eq!(booked(&request).input, 512);
    assert_eq!(bench.sent()[1]["options"]["num_ctx"], 16_384);
    // It was said before that there is no room for it.
    let small = self::bench(2_048, |_| chat(&["ok"], done("stop", 2_048))).await;
    let failure = small.ask(&long(10_000)).await.unwrap_err();
    assert!(failure.message.contains("room for 2048 tokens"), "{}", failure.message);
    assert_eq!(small.server.seen().len(), 1, "it was not asked");
    let failure = small.ask(&long(1_000)).await.unwrap_err();
    assert!(failure.message.contains("`max_input`"), "{}", failure.message);
}

/// `docs/api/errors.mdx`
#[tokio::test]
async fn failures_by_their_kind() {
    let error = |status, text: &str| Response::new(status, json!({ "error": text }).to_string());
    let cases = [
        (error(404, "model \"m-1\" not found, try pulling it first"), "invalid_input"),
        (error(400, "the input length exceeds the context length"), "invalid_input"),
        (error(429, "too many requests"), "rate_limited"),
        (error(500, "the model failed to generate a response"), "unavailable"),
        (error(502, "cloud"), "unavailable"),
        (
            chat(&["Yes"], json!({ "error": "an error was encountered while running the model" })),
            "unavailable",
        ),
        (chat(&["Yes"], done("length", 26)), "limit"),
        (
            Response::stream("application/x-ndjson", "{\"message\":{\"content\":\"Yes\"},\"done\":false}\n"),
            "unavailable",
        ),
    ];
    for (answer, kind) in cases {
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let bench = bench(8_192, move |_| answer.clone()).await;
        assert_eq!(&*bench.ask(&request(Shape::Text)).await.unwrap_err().kind, kind, "{shown}");
    }
}

/// `docs/api.md`, "Generate Embeddings".
#[tokio::test]
async fn vectors() {
    let bench = bench(8_192, |request| {
        assert_eq!(request.path, "/api/embed");
        let body = json!({ "model": "m-1", "embeddings": [[0.01, -0.5], [1.0, 2.0]], "total_duration": 14143917,
            "load_duration": 1019500, "prompt_eval_count": 8 });
        Response::new(200, body.to_string()).header("content-type", "application/json")
    })
    .await;
    let texts =
        EmbedRequest { model: "m-1".into(), texts: vec!["a".into(), "b".into()], meter: Meter::default() };
    let answer = bench.provider.embed(&texts, Duration::from_secs(5)).await.unwrap();
    assert_eq!((answer.vectors.len(), answer.usage.input), (2, 8));
    assert_eq!(bench.sent()[0]["truncate"], false);
}
