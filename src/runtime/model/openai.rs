//! OpenAI's Responses protocol: `POST /responses`, streamed.

use super::ladder::{Ladder, turned_down};
use super::link::{Account, Auth, Link, Reply, Stream, answer, cut, refused, strange, used, within};
use super::{
    Capabilities, EmbedRequest, Embeddings, GrammarSyntax, ModelAnswer, ModelProvider, ModelRequest,
    ModelUsage, Shape, strict,
};
use crate::engine::Failure;
use crate::runtime::skill::BoxFuture;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

pub(super) const SENT: (Auth, &[(&str, &str)]) = (Auth::Bearer, &[]);
/// Where the tokens of an input are counted.
const COUNT: &str = "/responses/input_tokens";
/// The tool whose input is held to a grammar, and the name of the schema.
const NAME: &str = "answer";

/// A provider that speaks the Responses protocol.
pub(super) struct OpenAi {
    link: Link,
    /// Models that take no grammar.
    grammars: Ladder,
}

impl OpenAi {
    pub(super) fn new(link: Link) -> Self {
        OpenAi { link, grammars: Ladder::default() }
    }

    async fn run(
        &self,
        request: &ModelRequest,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        let mut sent = body(request)?;
        self.link.fits(COUNT, SENT, &sent, classify, request.max_input).await?;
        if let Json::Object(fields) = &mut sent {
            fields.insert("max_output_tokens".to_owned(), json!(request.max_tokens));
            fields.insert("stream".to_owned(), json!(true));
            // Nothing is kept there for a later turn.
            fields.insert("store".to_owned(), json!(false));
            if let Some(temperature) = request.temperature {
                fields.insert("temperature".to_owned(), json!(temperature));
            }
        }
        let result = self.once(request, &sent, on_text).await;
        if let (Err(failure), Shape::Grammar { .. }) = (&result, &request.shape)
            && turned_down(failure, &["grammar", "custom", "tool"])
        {
            self.grammars.down(&request.model, 0);
        }
        result
    }

    async fn once(
        &self,
        request: &ModelRequest,
        sent: &Json,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        let mut account = self.link.open(&request.model, &request.meter);
        let response = match self.link.post("/responses", SENT, sent, classify).await? {
            Reply::Whole(response) => response,
            Reply::Stream(stream) => collect(stream, &mut account, on_text).await?,
        };
        let usage = match response.get("usage").filter(|u| u.is_object()) {
            Some(raw) => account.settle(usage(raw)),
            None => return Err(ended(&response, request).unwrap_or_else(|| strange("no `usage`"))),
        };
        let value = read(&response, request)?;
        let model = response.get("model").and_then(Json::as_str);
        Ok(answer(value, usage, model, &request.model))
    }
}

impl ModelProvider for OpenAi {
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
        request: &'a EmbedRequest,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Embeddings, Failure>> {
        Box::pin(within(timeout, embed(&self.link, request)))
    }

    fn capabilities<'a>(&'a self, model: &'a str, _timeout: Duration) -> BoxFuture<'a, Capabilities> {
        let grammar = (self.grammars.rung(model) == 0).then_some(GrammarSyntax::Lark);
        let all = Capabilities { json_schema: true, grammar, embeddings: true, context: None };
        Box::pin(std::future::ready(all))
    }

    fn count<'a>(
        &'a self,
        request: &'a ModelRequest,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, Failure>> {
        Box::pin(within(timeout, async move {
            self.link.counted(COUNT, SENT, &body(request)?, classify).await.map(Some)
        }))
    }
}

/// What both the question and the count of its tokens consist of.
fn body(request: &ModelRequest) -> Result<Json, Failure> {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), json!(request.model));
    fields.insert("input".to_owned(), super::turns(&request.messages));
    if let Some(system) = &request.system {
        fields.insert("instructions".to_owned(), json!(system));
    }
    match &request.shape {
        Shape::Text => {}
        Shape::Json(schema) => {
            let (schema, strict) = schema_of(schema);
            let format = json!({ "type": "json_schema", "name": NAME, "schema": schema, "strict": strict });
            fields.insert("text".to_owned(), json!({ "format": format }));
        }
        Shape::Grammar { syntax: GrammarSyntax::Lark, text } => {
            let format = json!({ "type": "grammar", "syntax": "lark", "definition": text });
            let tool = json!({ "type": "custom", "name": NAME, "description": "Gives the answer.", "format": format });
            fields.insert("tools".to_owned(), json!([tool]));
            fields.insert("tool_choice".to_owned(), json!({ "type": "custom", "name": NAME }));
            fields.insert("parallel_tool_calls".to_owned(), json!(false));
        }
        Shape::Grammar { syntax: GrammarSyntax::Gbnf, .. } => {
            return Err(Failure::new(
                "invalid_input",
                "the provider `openai` takes no grammar in GBNF, only in Lark",
            ));
        }
    }
    Ok(Json::Object(fields))
}

/// The schema as it is sent, and whether the answer is held to it to the letter.
pub(super) fn schema_of(schema: &Json) -> (Json, bool) {
    match strict::complete(schema) {
        Some(complete) => (complete, true),
        None => (schema.clone(), false),
    }
}

/// The response that a stream amounts to.
async fn collect(
    mut stream: Stream,
    account: &mut Account<'_>,
    on_text: &(dyn Fn(&str) + Send + Sync),
) -> Result<Json, Failure> {
    account.begun(ModelUsage::default());
    while let Some(mut event) = stream.next().await? {
        match event.get("type").and_then(Json::as_str).unwrap_or_default() {
            "response.output_text.delta" | "response.custom_tool_call_input.delta" => {
                if let Some(part) = event.get("delta").and_then(Json::as_str) {
                    on_text(part);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                return Ok(event.get_mut("response").map(Json::take).unwrap_or_default());
            }
            "error" => {
                let (kind, said) = failed(&event);
                return Err(refused(kind, "broke its answer off", &said));
            }
            _ if event.get("error").is_some_and(Json::is_object) => {
                let (kind, said) = classify(200, &event);
                return Err(refused(kind, "broke its answer off", &said));
            }
            // What goes on meanwhile, and what is not known yet.
            _ => {}
        }
    }
    Err(cut())
}

/// `input_tokens` holds what came from the cache and what went into it.
fn usage(raw: &Json) -> ModelUsage {
    split(
        raw,
        [
            "/input_tokens",
            "/input_tokens_details/cached_tokens",
            "/input_tokens_details/cache_write_tokens",
            "/output_tokens",
        ],
    )
}

/// Usage whose count of the input holds the cached tokens too.
pub(super) fn split(raw: &Json, [input, cached, written, output]: [&str; 4]) -> ModelUsage {
    let all = used(raw, input);
    let cache_read = used(raw, cached).min(all);
    let cache_write = used(raw, written).min(all - cache_read);
    ModelUsage {
        input: all - cache_read - cache_write,
        cache_read,
        cache_write,
        cache_write_long: 0,
        output: used(raw, output),
        cost: None,
        raw: raw.clone(),
    }
}

/// Why a response has no answer, or not all of one.
fn ended(response: &Json, request: &ModelRequest) -> Option<Failure> {
    let text = |pointer: &str| response.pointer(pointer).and_then(Json::as_str);
    match text("/status") {
        Some("incomplete") => Some(match text("/incomplete_details/reason") {
            Some("content_filter") => Failure::new("refused", "the provider's filter stopped the answer"),
            _ => super::cut_off(request.max_tokens),
        }),
        Some("failed" | "cancelled") => {
            let (kind, said) = failed(response.get("error").unwrap_or(&Json::Null));
            Some(refused(kind, "could not answer", &said))
        }
        _ => None,
    }
}

fn read(response: &Json, request: &ModelRequest) -> Result<Json, Failure> {
    if let Some(failure) = ended(response, request) {
        return Err(failure);
    }
    let items = response.get("output").and_then(Json::as_array).ok_or_else(|| strange("no `output`"))?;
    let kind = |item: &Json, wanted: &str| item.get("type").and_then(Json::as_str) == Some(wanted);
    if let Shape::Grammar { .. } = request.shape {
        let call = items.iter().find(|item| kind(item, "custom_tool_call"));
        let input = call.and_then(|call| call.get("input")).and_then(Json::as_str);
        return input.map(Json::from).ok_or_else(|| strange("no call of the tool that it was to call"));
    }
    let parts: Vec<&Json> = items
        .iter()
        .filter(|item| kind(item, "message"))
        .filter_map(|item| item.get("content").and_then(Json::as_array))
        .flatten()
        .collect();
    if parts.iter().any(|part| kind(part, "refusal")) {
        return Err(Failure::new("refused", "the model refused to answer"));
    }
    let texts: Vec<&str> = parts
        .iter()
        .filter(|p| kind(p, "output_text"))
        .filter_map(|p| p.get("text").and_then(Json::as_str))
        .collect();
    if texts.is_empty() {
        return Err(strange("no text"));
    }
    Ok(shaped(&texts.concat(), &request.shape))
}

/// A text as the value that was asked for.
pub(super) fn shaped(text: &str, shape: &Shape) -> Json {
    match shape {
        Shape::Text | Shape::Grammar { .. } => text.into(),
        Shape::Json(schema) => {
            let mut value = super::value_of(text);
            strict::without_nulls(&mut value, schema);
            value
        }
    }
}

/// The class of an error inside a response.
fn failed(error: &Json) -> (&'static str, String) {
    let text = |name: &str| error.get(name).and_then(Json::as_str).unwrap_or_default();
    let kind = match text("code") {
        "rate_limit_exceeded" => "rate_limited",
        "insufficient_quota" | "billing_hard_limit_reached" => "limit",
        "invalid_prompt" => "invalid_input",
        "bio_policy" | "image_content_policy_violation" | "content_policy_violation" => "refused",
        _ => "unavailable",
    };
    (kind, text("message").to_owned())
}

/// The class of an error.
pub(super) fn classify(status: u16, answer: &Json) -> (&'static str, String) {
    let field =
        |name: &str| answer.pointer(&format!("/error/{name}")).and_then(Json::as_str).unwrap_or_default();
    let bare =
        answer.get("error").and_then(Json::as_str).or_else(|| answer.get("message").and_then(Json::as_str));
    let said = if field("message").is_empty() { bare.unwrap_or_default() } else { field("message") };
    let kind = match (field("code"), field("type"), status) {
        // A 429 too, but waiting does not help.
        ("insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active", ..)
        | (_, "insufficient_quota", _)
        | (_, _, 402) => "limit",
        ("content_policy_violation" | "content_filter", ..) => "refused",
        ("rate_limit_exceeded", ..) | (_, _, 429) => "rate_limited",
        (_, _, 401 | 403) => "denied",
        (_, _, 408 | 504) => "timeout",
        (_, _, 409) => "unavailable",
        (_, "invalid_request_error", _) | (_, _, 400..=499) => "invalid_input",
        _ => "unavailable",
    };
    (kind, said.to_owned())
}

/// `POST /embeddings`
pub(super) async fn embed(link: &Link, request: &EmbedRequest) -> Result<Embeddings, Failure> {
    let sent = json!({ "model": request.model, "input": request.texts, "encoding_format": "float" });
    let mut account = link.open(&request.model, &request.meter);
    let Reply::Whole(answer) = link.post("/embeddings", SENT, &sent, classify).await? else {
        return Err(strange("a stream where vectors were asked for"));
    };
    let raw = answer.get("usage").cloned().unwrap_or_default();
    let usage =
        account.settle(ModelUsage { input: used(&raw, "/prompt_tokens"), raw, ..ModelUsage::default() });
    let mut rows: Vec<&Json> =
        answer.get("data").and_then(Json::as_array).map(|d| d.iter().collect()).unwrap_or_default();
    rows.sort_by_key(|row| row.get("index").and_then(Json::as_u64));
    let vectors = rows.iter().map(|row| super::vector(row.get("embedding"))).collect::<Option<Vec<_>>>();
    let model = answer.get("model").and_then(Json::as_str);
    super::embeddings(vectors, request, usage, model)
}
