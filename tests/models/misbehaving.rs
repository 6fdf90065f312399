//! What servers do that they should not: cut, stalled, slow, huge and wrong answers, and refusals that pass or do not.

use super::*;
use aos::runtime::model::retry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const ALL: [LlmProvider; 4] = LlmProvider::ALL;

/// The kind of stream a provider sends, and a beginning of one.
fn beginning(kind: LlmProvider) -> (&'static str, &'static str) {
    match kind {
        LlmProvider::Anthropic => (
            "text/event-stream",
            "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":11,\"output_tokens\":1}}}\n\n",
        ),
        LlmProvider::OpenAi => {
            ("text/event-stream", "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n")
        }
        LlmProvider::OpenAiChat => {
            ("text/event-stream", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n")
        }
        LlmProvider::Ollama => ("application/x-ndjson", "{\"message\":{\"content\":\"x\"},\"done\":false}\n"),
    }
}

/// A whole good answer.
fn good(kind: LlmProvider) -> Response {
    let body = match kind {
        LlmProvider::Anthropic => {
            json!({ "content": [{ "type": "text", "text": "ok" }], "stop_reason": "end_turn", "usage": { "input_tokens": 3, "output_tokens": 2 } })
        }
        LlmProvider::OpenAi => {
            json!({ "status": "completed", "output": [{ "type": "message", "content": [{ "type": "output_text", "text": "ok" }] }], "usage": { "input_tokens": 3, "output_tokens": 2 } })
        }
        LlmProvider::OpenAiChat => {
            json!({ "choices": [{ "message": { "content": "ok" }, "finish_reason": "stop" }], "usage": { "prompt_tokens": 3, "completion_tokens": 2 } })
        }
        LlmProvider::Ollama => {
            json!({ "message": { "content": "ok" }, "done": true, "prompt_eval_count": 3, "eval_count": 2 })
        }
    };
    Response::new(200, body.to_string()).header("content-type", "application/json")
}

/// A bench whose models answer so; Ollama is asked for its model besides, and knows nothing of it.
async fn bench(kind: LlmProvider, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Bench {
    let answer = move |request: &Request| match request.path.as_str() {
        "/api/show" => Response::new(404, ""),
        _ => answer(request),
    };
    Bench::with(kind, answer, |config| config.max_body = 100_000).await
}

/// Asks, and holds that no failure shows the key.
async fn fails(bench: &Bench, request: &ModelRequest) -> Failure {
    let failure = bench.ask(request).await.unwrap_err();
    assert!(!format!("{failure:?}").contains(KEY), "{failure:?}");
    failure
}

#[tokio::test]
async fn cut_streams_may_be_tried_again_and_are_booked() {
    for kind in ALL {
        let (mime, begun) = beginning(kind);
        let bench = bench(kind, move |_| Response::stream(mime, begun)).await;
        let request = request(Shape::Text);
        let failure = fails(&bench, &request).await;
        assert_eq!(&*failure.kind, "unavailable", "{kind:?}");
        let call = booked(&request);
        assert_eq!((call.cut, call.cost), (true, None), "{kind:?}");
    }
}

#[tokio::test]
async fn a_stream_that_stalls_does_not_hang() {
    for kind in ALL {
        let (mime, begun) = beginning(kind);
        let bench = bench(kind, move |_| {
            let mut response = Response::stream(mime, begun);
            response.stalls = true;
            response
        })
        .await;
        let (request, began) = (request(Shape::Text), Instant::now());
        assert_eq!(&*fails(&bench, &request).await.kind, "timeout", "{kind:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{kind:?}: {:?}", began.elapsed());
        assert!(booked(&request).cut);
    }
}

#[tokio::test]
async fn slow_bytes_end_with_the_time_of_the_call() {
    for kind in ALL {
        let bench = bench(kind, move |_| {
            let mut response = good(kind);
            response.drip = Some(Duration::from_millis(50));
            response
        })
        .await;
        let (request, began) = (request(Shape::Text), Instant::now());
        let failure = bench.provider.ask(&request, &|_| {}, Duration::from_millis(700)).await.unwrap_err();
        assert_eq!(&*failure.kind, "timeout", "{kind:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{kind:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn huge_answers_are_refused() {
    for kind in ALL {
        let (mime, begun) = beginning(kind);
        for whole in [false, true] {
            let bench = bench(kind, move |_| match whole {
                true => Response::new(200, vec![b' '; 1_000_000]),
                false => Response::stream(mime, begun.repeat(3_000)),
            })
            .await;
            let failure = fails(&bench, &request(Shape::Text)).await;
            assert_eq!(&*failure.kind, "invalid_output", "{kind:?}");
            assert!(failure.message.contains("longer than 100000 bytes"), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn wrong_json_is_no_answer() {
    for kind in ALL {
        let (mime, _) = beginning(kind);
        let answers = [
            Response::new(200, "{\"content\": "),
            Response::new(200, "[]"),
            Response::new(200, "null"),
            Response::stream(mime, "data: {oops\n\n{oops\n\n"),
            Response::stream(mime, "\u{0}\u{1}\n\ndata: \u{7}\n\n"),
        ];
        for answer in answers {
            let shown = String::from_utf8_lossy(&answer.body).into_owned();
            let bench = bench(kind, move |_| answer.clone()).await;
            let failure = fails(&bench, &request(Shape::Text)).await;
            assert!(
                matches!(&*failure.kind, "invalid_output" | "unavailable"),
                "{kind:?} {shown}: {failure:?}"
            );
        }
    }
}

/// Refusals one after another, then a good answer.
async fn scripted(kind: LlmProvider, refusals: Vec<Response>) -> Bench {
    let next = AtomicUsize::new(0);
    bench(kind, move |_| {
        refusals.get(next.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_else(|| good(kind))
    })
    .await
}

fn asked(bench: &Bench) -> usize {
    bench.server.seen().iter().filter(|r| r.path != "/api/show").count()
}

#[tokio::test]
async fn what_passes_is_tried_again_after_the_wait_that_is_asked_for() {
    for kind in ALL {
        let waits = |status, seconds: &str| Response::new(status, "{}").header("retry-after", seconds);
        let bench = scripted(kind, vec![waits(429, "1"), Response::new(503, "busy")]).await;
        let (request, began) = (request(Shape::Text), Instant::now());
        let answer = retry::ask(&*bench.provider, &request, &|_| {}, Duration::from_secs(20)).await.unwrap();
        assert_eq!((answer.value, asked(&bench)), (json!("ok"), 3), "{kind:?}");
        assert!(began.elapsed() >= Duration::from_millis(1_000 + 750), "{kind:?}: {:?}", began.elapsed());
        assert_eq!(request.meter.calls().len(), 1, "a refusal costs nothing");
        // Without a wait of the provider: half a second, then one; 529 is what an overloaded Anthropic says.
        let bench =
            scripted(kind, vec![Response::new(529, "{}"), Response::new(429, "{}"), Response::new(500, "")])
                .await;
        let failure =
            retry::ask(&*bench.provider, &request, &|_| {}, Duration::from_secs(20)).await.unwrap_err();
        assert_eq!(
            (&*failure.kind, asked(&bench)),
            ("unavailable", 3),
            "{kind:?}: two tries more, as the SDKs do"
        );
        // A wait beyond the time of the call is not begun.
        let bench = scripted(kind, vec![waits(429, "60")]).await;
        let began = Instant::now();
        let failure =
            retry::ask(&*bench.provider, &request, &|_| {}, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(
            (&*failure.kind, failure.retry_after_ms, asked(&bench)),
            ("rate_limited", Some(60_000), 1)
        );
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for kind in ALL {
        for (status, wanted) in
            [(400, "invalid_input"), (401, "denied"), (403, "denied"), (402, "limit"), (404, "invalid_input")]
        {
            let bench = scripted(kind, vec![Response::new(status, "{}").header("retry-after", "0")]).await;
            let request = request(Shape::Text);
            let failure =
                retry::ask(&*bench.provider, &request, &|_| {}, Duration::from_secs(5)).await.unwrap_err();
            assert_eq!((&*failure.kind, asked(&bench)), (wanted, 1), "{kind:?} {status}");
        }
    }
    let spent = json!({ "type": "error", "error": { "type": "rate_limit_error", "message": "spent",
        "details": { "error_code": "enforced_spend_limit_reached" } } });
    let bench = scripted(LlmProvider::Anthropic, vec![Response::new(429, spent.to_string())]).await;
    let request = request(Shape::Text);
    let failure = retry::ask(&*bench.provider, &request, &|_| {}, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((&*failure.kind, asked(&bench)), ("limit", 1), "a spend limit does not pass");
}

#[tokio::test]
async fn a_dropped_call_ends_the_request_and_is_booked() {
    for kind in ALL {
        let (mime, begun) = beginning(kind);
        let bench = bench(kind, move |_| {
            let mut response = Response::stream(mime, begun);
            response.stalls = true;
            response
        })
        .await;
        let request = request(Shape::Text);
        let call = bench.provider.ask(&request, &|_| {}, Duration::from_secs(10));
        assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
        assert!(booked(&request).cut, "{kind:?}");
    }
}
