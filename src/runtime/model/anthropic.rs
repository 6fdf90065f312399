//! Anthropic's Messages protocol: `POST /v1/messages`, streamed.

use super::ladder::{Ladder, turned_down};
use super::link::{Account, Auth, Link, Reply, Stream, answer, cut, refused, strange, used, within};
use super::{
    Capabilities, EmbedRequest, Embeddings, ModelAnswer, ModelProvider, ModelRequest, ModelUsage, Shape,
    strict,
};
use crate::engine::Failure;
use crate::runtime::skill::BoxFuture;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

const SENT: (Auth, &[(&str, &str)]) = (Auth::Header("x-api-key"), &[("anthropic-version", "2023-06-01")]);
/// Where the tokens of an input are counted.
const COUNT: &str = "/v1/messages/count_tokens";
/// The tool whose call is the answer.
const TOOL: &str = "answer";
/// What a request may have in schemas that answers are held to.
const LIMITS: strict::Limits = strict::Limits { optional: 24, unions: 16 };

/// A provider that speaks the Messages protocol.
pub(super) struct Anthropic {
    link: Link,
    /// Models that turned `output_config` down: they get a tool.
    with_tools: Ladder,
}

/// How a value is asked for.
#[derive(Clone, Debug)]
enum Form {
    Text,
    /// Held to a schema by the provider.
    Format(Json),
    /// As the input of a tool that must be called.
    Tool(Json),
}

impl Anthropic {
    pub(super) fn new(link: Link) -> Self {
        Anthropic { link, with_tools: Ladder::default() }
    }

    fn form(&self, request: &ModelRequest) -> Result<Form, Failure> {
        match &request.shape {
            Shape::Text => Ok(Form::Text),
            Shape::Json(schema) => Ok(match strict::closed(schema, &LIMITS) {
                Some(closed) if self.with_tools.rung(&request.model) == 0 => Form::Format(closed),
                _ => Form::Tool(schema.clone()),
            }),
            Shape::Grammar { .. } => {
                Err(Failure::new("invalid_input", "the provider `anthropic` holds no answer to a grammar"))
            }
        }
    }

    async fn run(
        &self,
        request: &ModelRequest,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        let form = self.form(request)?;
        let mut sent = body(request, &form);
        self.link.fits(COUNT, SENT, &sent, classify, request.max_input).await?;
        if let Json::Object(fields) = &mut sent {
            fields.insert("max_tokens".to_owned(), json!(request.max_tokens));
            fields.insert("stream".to_owned(), json!(true));
            if let Some(temperature) = request.temperature {
                fields.insert("temperature".to_owned(), json!(temperature));
            }
        }
        match (self.once(request, &form, &sent, on_text).await, form) {
            // An older model: it is asked again, once, by the way that all of them know.
            (Err(failure), Form::Format(_))
                if turned_down(&failure, &["output_config", "output_format", "schema", "grammar"]) =>
            {
                self.with_tools.down(&request.model, 0);
                let form = self.form(request)?;
                if let (Json::Object(fields), Json::Object(other)) = (&mut sent, body(request, &form)) {
                    fields.remove("output_config");
                    fields.extend(other);
                }
                self.once(request, &form, &sent, on_text).await
            }
            (result, _) => result,
        }
    }

    async fn once(
        &self,
        request: &ModelRequest,
        form: &Form,
        sent: &Json,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        let mut account = self.link.open(&request.model, &request.meter);
        let message = match self.link.post("/v1/messages", SENT, sent, classify).await? {
            Reply::Whole(message) => message,
            Reply::Stream(stream) => {
                account.begun(ModelUsage::default());
                collect(stream, &mut account, on_text).await?
            }
        };
        let usage = match message.get("usage") {
            Some(raw) => account.settle(usage(raw)),
            None => return Err(strange("no `usage`")),
        };
        let value = read(&message, request, form)?;
        let model = message.get("model").and_then(Json::as_str);
        Ok(answer(value, usage, model, &request.model))
    }
}

impl ModelProvider for Anthropic {
    fn name(&self) -> &'static str {
        self.link.provider
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        on_text: &'a (dyn Fn(&str) + Send + Sync),
        timeout: Duration,
    ) -> BoxFuture<'a, Result<ModelAnswer, Failure>> {
        Box::pin(within(timeout, self.run(request, on_text)))
    }

    fn embed<'a>(
        &'a self,
        _request: &'a EmbedRequest,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Embeddings, Failure>> {
        let text = "the provider `anthropic` has no embeddings; set `provider` of `[skills.llm]` to `openai` or `ollama`";
        Box::pin(std::future::ready(Err(Failure::new("invalid_input", text))))
    }

    fn capabilities<'a>(&'a self, _model: &'a str, _timeout: Duration) -> BoxFuture<'a, Capabilities> {
        // Every model takes a tool, and with it a schema.
        Box::pin(std::future::ready(Capabilities { json_schema: true, ..Capabilities::default() }))
    }

    fn count<'a>(
        &'a self,
        request: &'a ModelRequest,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, Failure>> {
        Box::pin(within(timeout, async move {
            let sent = body(request, &self.form(request)?);
            self.link.counted(COUNT, SENT, &sent, classify).await.map(Some)
        }))
    }
}

/// What both the question and the count of its tokens consist of.
fn body(request: &ModelRequest, form: &Form) -> Json {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), json!(request.model));
    fields.insert("messages".to_owned(), super::turns(&request.messages));
    if let Some(system) = &request.system {
        fields.insert("system".to_owned(), json!(system));
    }
    match form {
        Form::Text => {}
        Form::Format(schema) => {
            let format = json!({ "format": { "type": "json_schema", "schema": schema } });
            fields.insert("output_config".to_owned(), format);
        }
        Form::Tool(schema) => {
            let tool = json!({ "name": TOOL, "description": "Gives the answer.", "input_schema": schema });
            fields.insert("tools".to_owned(), json!([tool]));
            fields.insert("tool_choice".to_owned(), json!({ "type": "tool", "name": TOOL }));
        }
    }
    Json::Object(fields)
}

/// The message that a stream amounts to.
async fn collect(
    mut stream: Stream,
    account: &mut Account<'_>,
    on_text: &(dyn Fn(&str) + Send + Sync),
) -> Result<Json, Failure> {
    let mut message = Json::Null;
    let mut blocks: Vec<Json> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    while let Some(mut event) = stream.next().await? {
        let index = event.get("index").and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
        match event.get("type").and_then(Json::as_str).unwrap_or_default() {
            "message_start" => {
                message = event.get_mut("message").map(Json::take).unwrap_or_default();
                account.begun(usage(message.get("usage").unwrap_or(&Json::Null)));
            }
            "content_block_start" if index == Some(blocks.len()) => {
                blocks.push(event.get_mut("content_block").map(Json::take).unwrap_or_default());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let at = index.unwrap_or(usize::MAX);
                let (Some(block), Some(input)) = (blocks.get_mut(at), inputs.get_mut(at)) else {
                    return Err(strange("a piece of no block"));
                };
                piece(block, input, event.get("delta").unwrap_or(&Json::Null), on_text);
            }
            "message_delta" => {
                merge(&mut message, &event);
                account.begun(usage(message.get("usage").unwrap_or(&Json::Null)));
            }
            "message_stop" => return Ok(whole(message, blocks, inputs)),
            // It can follow a 200.
            "error" => {
                let (kind, said) = classify(200, &event);
                return Err(refused(kind, "broke its answer off", &said));
            }
            // `ping`, the end of a block, and what is not known yet.
            _ => {}
        }
    }
    Err(cut())
}

fn piece(block: &mut Json, input: &mut String, delta: &Json, on_text: &(dyn Fn(&str) + Send + Sync)) {
    if let Some(part) = delta.get("partial_json").and_then(Json::as_str) {
        input.push_str(part);
    }
    if let Some(part) = delta.get("text").and_then(Json::as_str)
        && let Some(Json::String(text)) = block.get_mut("text")
    {
        text.push_str(part);
        on_text(part);
    }
}

/// Takes the last word over: why it ended, and what was used in all.
fn merge(message: &mut Json, event: &Json) {
    let Json::Object(fields) = message else { return };
    if let Some(Json::Object(delta)) = event.get("delta") {
        fields.extend(delta.clone());
    }
    if let Some(Json::Object(last)) = event.get("usage") {
        let usage = fields.entry("usage").or_insert_with(|| json!({}));
        if let Json::Object(usage) = usage {
            usage.extend(last.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())));
        }
    }
}

fn whole(mut message: Json, mut blocks: Vec<Json>, inputs: Vec<String>) -> Json {
    for (block, input) in blocks.iter_mut().zip(inputs) {
        if let (Json::Object(fields), false) = (block, input.is_empty()) {
            // What is no JSON stays a text: no value fits it, and it is asked for again.
            let value = crate::runtime::skill::wire::parse(input.as_bytes()).unwrap_or(Json::String(input));
            fields.insert("input".to_owned(), value);
        }
    }
    if let Json::Object(fields) = &mut message {
        fields.insert("content".to_owned(), Json::Array(blocks));
    }
    message
}

/// `input_tokens` leaves out what went through the cache.
fn usage(raw: &Json) -> ModelUsage {
    let written = used(raw, "/cache_creation_input_tokens");
    let long = used(raw, "/cache_creation/ephemeral_1h_input_tokens").min(written);
    ModelUsage {
        input: used(raw, "/input_tokens"),
        cache_read: used(raw, "/cache_read_input_tokens"),
        cache_write: written - long,
        cache_write_long: long,
        output: used(raw, "/output_tokens"),
        cost: None,
        raw: raw.clone(),
    }
}

fn read(message: &Json, request: &ModelRequest, form: &Form) -> Result<Json, Failure> {
    match message.get("stop_reason").and_then(Json::as_str) {
        Some("refusal") => return Err(Failure::new("refused", "the model refused to answer")),
        Some("max_tokens") => return Err(super::cut_off(request.max_tokens)),
        Some("model_context_window_exceeded") => {
            return Err(Failure::new("limit", "the answer does not fit the model's context window"));
        }
        _ => {}
    }
    let blocks = message.get("content").and_then(Json::as_array).ok_or_else(|| strange("no `content`"))?;
    let of = |kind: &'static str| {
        blocks.iter().filter(move |b| b.get("type").and_then(Json::as_str) == Some(kind))
    };
    if let Form::Tool(_) = form
        && let Some(call) = of("tool_use").find(|b| b.get("name").and_then(Json::as_str) == Some(TOOL))
    {
        return call.get("input").cloned().ok_or_else(|| strange("a tool call without `input`"));
    }
    let texts: Vec<&str> = of("text").filter_map(|b| b.get("text").and_then(Json::as_str)).collect();
    match form {
        _ if texts.is_empty() => Err(strange("no text")),
        Form::Text => Ok(Json::String(texts.concat())),
        Form::Format(_) | Form::Tool(_) => Ok(super::value_of(&texts.concat())),
    }
}

/// The class of an error.
fn classify(status: u16, answer: &Json) -> (&'static str, String) {
    let field = |name: &str| answer.pointer(&format!("/error/{name}")).and_then(Json::as_str);
    let spent = answer.pointer("/error/details/error_code").and_then(Json::as_str)
        == Some("enforced_spend_limit_reached");
    let said = field("message").unwrap_or_default();
    let kind = match (field("type").unwrap_or_default(), status) {
        _ if spent || (status == 400 && said.contains("spend limit")) => "limit",
        ("rate_limit_error", _) | (_, 429) => "rate_limited",
        ("authentication_error" | "permission_error", _) | (_, 401 | 403) => "denied",
        ("billing_error", _) | (_, 402) => "limit",
        ("timeout_error", _) | (_, 408 | 504) => "timeout",
        ("invalid_request_error" | "not_found_error" | "request_too_large", _) | (_, 400..=499) => {
            "invalid_input"
        }
        _ => "unavailable",
    };
    (kind, said.to_owned())
}
