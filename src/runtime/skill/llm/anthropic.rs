//! Anthropic's Messages protocol.

use super::{Answer, Question};
use crate::engine::Failure;
use crate::runtime::skill::config::LlmConfig;
use crate::runtime::skill::http::{body, client};
use crate::runtime::skill::wire;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value as Json, json};
use std::time::{Duration, SystemTime};

const VERSION: &str = "2023-06-01";
/// The tool whose call is the answer.
const TOOL: &str = "answer";
/// Tokens that the provider adds to what was sent, at most: a tool's frame.
const FRAME: usize = 1_024;
/// How much of a refusal's text is shown, characters.
const EXCERPT: usize = 500;

/// Asks, and reads the answer.
///
/// # Errors
/// `rate_limited`, `refused`, and ambient ones: `invalid_input` for what the provider does not take, `denied` for a wrong key,
/// `limit` for a spent account and for an answer longer than `max_tokens`, `unavailable` for an overloaded provider.
pub(super) async fn ask(
    client: &Client,
    config: &LlmConfig,
    key: &str,
    question: &Question,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let mut request = request(question);
    fits(client, config, key, question, &request, timeout).await?;
    if let Json::Object(fields) = &mut request {
        fields.insert("max_tokens".to_owned(), json!(question.max_tokens));
        if let Some(temperature) = question.temperature {
            fields.insert("temperature".to_owned(), json!(temperature));
        }
    }
    read(&post(client, config, key, "/v1/messages", &request, timeout).await?, question)
}

/// What both the question and the count of its tokens consist of.
fn request(question: &Question) -> Json {
    let mut request = json!({
        "model": question.model,
        "messages": [{ "role": "user", "content": question.prompt }],
    });
    if let Json::Object(fields) = &mut request {
        if let Some(system) = &question.system {
            fields.insert("system".to_owned(), json!(system));
        }
        if let Some(schema) = &question.schema {
            let tool = json!({ "name": TOOL, "description": "Gives the answer.", "input_schema": schema });
            fields.insert("tools".to_owned(), json!([tool]));
            fields.insert("tool_choice".to_owned(), json!({ "type": "tool", "name": TOOL }));
        }
    }
    request
}

/// Refuses an input of more than `max_input` tokens. A token has at least one byte, so small ones need no counting.
async fn fits(
    client: &Client,
    config: &LlmConfig,
    key: &str,
    question: &Question,
    request: &Json,
    timeout: Duration,
) -> Result<(), Failure> {
    let limit = usize::try_from(question.max_input).unwrap_or(usize::MAX);
    if request.to_string().len().saturating_add(FRAME) <= limit {
        return Ok(());
    }
    let answer = post(client, config, key, "/v1/messages/count_tokens", request, timeout).await?;
    match answer.get("input_tokens").and_then(Json::as_i64) {
        Some(tokens) if tokens <= question.max_input => Ok(()),
        Some(tokens) => {
            let message =
                format!("the input has {tokens} tokens, more than the {} of `max_input`", question.max_input);
            Err(Failure::new("invalid_input", message))
        }
        None => Err(strange("a count without `input_tokens`")),
    }
}

async fn post(
    client: &Client,
    config: &LlmConfig,
    key: &str,
    path: &str,
    request: &Json,
    timeout: Duration,
) -> Result<Json, Failure> {
    let mut headers = HeaderMap::new();
    let mut value = HeaderValue::from_str(key).map_err(|_| {
        Failure::new("unavailable", "the key of the model's provider holds characters that headers cannot")
    })?;
    value.set_sensitive(true);
    headers.insert("x-api-key", value);
    headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let url = format!("{}{path}", config.url.trim_end_matches('/'));
    let sent = client.post(url).headers(headers).timeout(timeout).body(request.to_string()).send().await;
    let response = sent.map_err(client::failure)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = body::read(response, config.max_body).await.map_err(|error| match error {
        body::BodyError::TooLong => body::too_long(config.max_body, "max_response"),
        body::BodyError::Broken(error) => client::failure(error),
    })?;
    let json = wire::parse(&bytes);
    if status == 200 {
        return json.map_err(|why| strange(&format!("no JSON: {why}")));
    }
    let mut failure = refusal(status, json.as_ref().unwrap_or(&Json::Null));
    if matches!(&*failure.kind, "rate_limited" | "unavailable") {
        failure.retry_after_ms = body::retry_after(&headers, SystemTime::now());
    }
    Err(failure)
}

/// The failure that an error means.
fn refusal(status: u16, answer: &Json) -> Failure {
    let field = |name: &str| answer.pointer(&format!("/error/{name}")).and_then(Json::as_str);
    let spent = answer.pointer("/error/details/error_code").and_then(Json::as_str)
        == Some("enforced_spend_limit_reached");
    let kind = match (field("type").unwrap_or_default(), status) {
        _ if spent => "limit",
        ("rate_limit_error", _) | (_, 429) => "rate_limited",
        ("authentication_error" | "permission_error", _) | (_, 401 | 403) => "denied",
        ("billing_error", _) | (_, 402) => "limit",
        ("timeout_error", _) | (_, 408 | 504) => "timeout",
        ("invalid_request_error" | "not_found_error" | "request_too_large", _) | (_, 400..=499) => {
            "invalid_input"
        }
        _ => "unavailable",
    };
    let said = field("message").map(|m| wire::excerpt(m, EXCERPT)).unwrap_or_default();
    Failure::new(kind, format!("the model's provider answered {status}: {said}").trim_end_matches([':', ' ']))
}

fn strange(what: &str) -> Failure {
    Failure::new("invalid_output", format!("the model's provider gave {what}"))
}

fn read(answer: &Json, question: &Question) -> Result<Answer, Failure> {
    match answer.get("stop_reason").and_then(Json::as_str) {
        Some("refusal") => return Err(Failure::new("refused", "the model refused to answer")),
        Some("max_tokens") => {
            let message =
                format!("the answer is longer than the {} tokens of `max_tokens`", question.max_tokens);
            return Err(Failure::new("limit", message));
        }
        Some("model_context_window_exceeded") => {
            return Err(Failure::new("limit", "the answer does not fit the model's context window"));
        }
        _ => {}
    }
    let blocks = answer.get("content").and_then(Json::as_array).ok_or_else(|| strange("no `content`"))?;
    let of = |kind: &'static str| {
        blocks.iter().filter(move |b| b.get("type").and_then(Json::as_str) == Some(kind))
    };
    let value = if question.schema.is_some() {
        let call = of("tool_use").find(|b| b.get("name").and_then(Json::as_str) == Some(TOOL));
        call.and_then(|b| b.get("input"))
            .cloned()
            .ok_or_else(|| strange("a text where a value was asked for"))?
    } else {
        let texts: Vec<&str> = of("text").filter_map(|b| b.get("text").and_then(Json::as_str)).collect();
        if texts.is_empty() {
            return Err(strange("no text"));
        }
        Json::String(texts.concat())
    };
    let used =
        |name: &str| answer.pointer(&format!("/usage/{name}")).and_then(Json::as_i64).unwrap_or(0).max(0);
    // `input_tokens` leaves out what went through the cache.
    let input = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let input_tokens = input.iter().fold(0_i64, |sum, name| sum.saturating_add(used(name)));
    Ok(Answer { value, input_tokens, output_tokens: used("output_tokens") })
}
