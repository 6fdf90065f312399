//! Ollama's own protocol: `POST /api/chat`, streamed as one object a line.
//!
//! A server cuts an input silently that is longer than `num_ctx`; so that is set by what is sent, kept within what the model has, and
//! what was read is compared with what was sent.

use super::link::{Account, Auth, Link, Reply, Stream, answer, cut, refused, strange, used, within};
use super::openai::shaped;
use super::{
    Capabilities, EmbedRequest, Embeddings, ModelAnswer, ModelProvider, ModelRequest, ModelUsage, Shape,
};
use crate::engine::Failure;
use crate::runtime::skill::BoxFuture;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SENT: (Auth, &[(&str, &str)]) = (Auth::Bearer, &[]);
/// The shortest context that is asked for: a model is loaded anew whenever it changes.
const LEAST: i64 = 4_096;
/// No text has so many bytes a token.
const BYTES_A_TOKEN: i64 = 16;

/// An Ollama server.
pub(super) struct Ollama {
    link: Link,
    /// What was found out about models.
    known: Mutex<HashMap<Arc<str>, Capabilities>>,
}

impl Ollama {
    pub(super) fn new(link: Link) -> Self {
        Ollama { link, known: Mutex::default() }
    }

    /// What the server says of a model; nothing where it does not.
    async fn known(&self, model: &str) -> Capabilities {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(model) {
            return *known;
        }
        let all = Capabilities { json_schema: true, embeddings: true, ..Capabilities::default() };
        let shown = self.link.post("/api/show", SENT, &json!({ "model": model }), classify).await;
        let Ok(Reply::Whole(shown)) = shown else { return all };
        let info = shown.get("model_info").and_then(Json::as_object);
        let context = info.and_then(|info| {
            info.iter().find(|(key, _)| key.ends_with(".context_length")).and_then(|(_, n)| n.as_i64())
        });
        let can = |what: &str| {
            let said = shown.get("capabilities").and_then(Json::as_array);
            said.is_none_or(|said| said.iter().any(|c| c.as_str() == Some(what)))
        };
        let known =
            Capabilities { json_schema: can("completion"), embeddings: can("embedding"), context, ..all };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(model.into(), known);
        known
    }

    async fn run(
        &self,
        request: &ModelRequest,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        super::fits_by_size(request)?;
        let context = self.known(&request.model).await.context;
        let window = window(request, context)?;
        let sent = body(request, window)?;
        let mut account = self.link.open(&request.model, &request.meter);
        let last = match self.link.post("/api/chat", SENT, &sent, classify).await? {
            Reply::Whole(last) => last,
            Reply::Stream(stream) => collect(stream, &mut account, on_text).await?,
        };
        let usage = account.settle(usage(&last));
        whole_input(&last, request, window)?;
        match last.get("done_reason").and_then(Json::as_str) {
            Some("length") => return Err(super::cut_off(request.max_tokens)),
            Some("load" | "unload") => return Err(strange("no answer: the model was only loaded")),
            _ => {}
        }
        let text =
            last.pointer("/message/content").and_then(Json::as_str).ok_or_else(|| strange("no text"))?;
        let model = last.get("model").and_then(Json::as_str);
        Ok(answer(shaped(text, &request.shape), usage, model, &request.model))
    }

    async fn vectors(&self, request: &EmbedRequest) -> Result<Embeddings, Failure> {
        // An error instead of a text that is cut.
        let sent = json!({ "model": request.model, "input": request.texts, "truncate": false });
        let mut account = self.link.open(&request.model, &request.meter);
        let Reply::Whole(answer) = self.link.post("/api/embed", SENT, &sent, classify).await? else {
            return Err(strange("a stream where vectors were asked for"));
        };
        let usage = account.settle(usage(&answer));
        let rows = answer.get("embeddings").and_then(Json::as_array);
        let vectors = rows.and_then(|rows| rows.iter().map(|row| super::vector(Some(row))).collect());
        let model = answer.get("model").and_then(Json::as_str);
        super::embeddings(vectors, request, usage, model)
    }
}

impl ModelProvider for Ollama {
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
        Box::pin(within(timeout, self.vectors(request)))
    }

    fn capabilities<'a>(&'a self, model: &'a str, timeout: Duration) -> BoxFuture<'a, Capabilities> {
        Box::pin(async move { tokio::time::timeout(timeout, self.known(model)).await.unwrap_or_default() })
    }

    fn count<'a>(
        &'a self,
        _request: &'a ModelRequest,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// The context to ask for: powers of two, so that a model is not loaded anew for each request.
fn window(request: &ModelRequest, context: Option<i64>) -> Result<i64, Failure> {
    // Half a token a byte is more than any text of a language has.
    let most = i64::try_from(super::size(request)).unwrap_or(i64::MAX) / 2 + 256;
    let needed = most.min(request.max_input).saturating_add(request.max_tokens);
    let wanted =
        u64::try_from(needed).unwrap_or(0).checked_next_power_of_two().and_then(|n| i64::try_from(n).ok());
    let wanted = wanted.unwrap_or(needed).max(LEAST);
    let Some(context) = context.filter(|context| *context < wanted) else { return Ok(wanted) };
    let likely = super::tokens_of(super::size(request)).saturating_add(request.max_tokens);
    if likely > context {
        let text = format!(
            "the input and the {} tokens of `max_tokens` do not fit the model, which has room for {context} tokens in all",
            request.max_tokens
        );
        return Err(Failure::new("invalid_input", text));
    }
    Ok(context)
}

fn body(request: &ModelRequest, window: i64) -> Result<Json, Failure> {
    let mut messages = super::turns(&request.messages);
    if let (Json::Array(all), Some(system)) = (&mut messages, &request.system) {
        all.insert(0, json!({ "role": "system", "content": system }));
    }
    let mut options = Map::new();
    options.insert("num_ctx".to_owned(), json!(window));
    options.insert("num_predict".to_owned(), json!(request.max_tokens));
    if let Some(temperature) = request.temperature {
        options.insert("temperature".to_owned(), json!(temperature));
    }
    let mut fields = Map::new();
    fields.insert("model".to_owned(), json!(request.model));
    fields.insert("messages".to_owned(), messages);
    fields.insert("stream".to_owned(), json!(true));
    // Newer servers say so instead of cutting.
    fields.insert("truncate".to_owned(), json!(false));
    fields.insert("shift".to_owned(), json!(false));
    fields.insert("options".to_owned(), Json::Object(options));
    match &request.shape {
        Shape::Text => {}
        Shape::Json(schema) => drop(fields.insert("format".to_owned(), schema.clone())),
        Shape::Grammar { .. } => {
            return Err(Failure::new("invalid_input", "the provider `ollama` holds no answer to a grammar"));
        }
    }
    Ok(Json::Object(fields))
}

/// The last object of a stream, with all of the text.
async fn collect(
    mut stream: Stream,
    account: &mut Account<'_>,
    on_text: &(dyn Fn(&str) + Send + Sync),
) -> Result<Json, Failure> {
    account.begun(ModelUsage::default());
    let mut text = String::new();
    while let Some(mut piece) = stream.next().await? {
        if let Some(said) = piece.get("error").and_then(Json::as_str) {
            return Err(refused("unavailable", "broke its answer off", said));
        }
        if let Some(part) = piece.pointer("/message/content").and_then(Json::as_str).filter(|p| !p.is_empty())
        {
            text.push_str(part);
            on_text(part);
        }
        if piece.get("done").and_then(Json::as_bool) == Some(true) {
            if let Some(message) = piece.get_mut("message").and_then(Json::as_object_mut) {
                message.insert("content".to_owned(), Json::String(text));
            }
            return Ok(piece);
        }
    }
    Err(cut())
}

fn usage(last: &Json) -> ModelUsage {
    let kept = [
        "prompt_eval_count",
        "eval_count",
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    ];
    let raw: Map<String, Json> =
        kept.iter().filter_map(|key| Some(((*key).to_owned(), last.get(*key)?.clone()))).collect();
    ModelUsage {
        input: used(last, "/prompt_eval_count"),
        output: used(last, "/eval_count"),
        raw: Json::Object(raw),
        ..ModelUsage::default()
    }
}

/// Refuses an answer to an input of which a part was cut.
fn whole_input(last: &Json, request: &ModelRequest, window: i64) -> Result<(), Failure> {
    let read = used(last, "/prompt_eval_count");
    let bytes = i64::try_from(super::size(request)).unwrap_or(i64::MAX);
    // A server that had it all in its cache may say nothing.
    let too_few = read > 0 && read.saturating_mul(BYTES_A_TOKEN) < bytes;
    if !too_few && read < window {
        return Ok(());
    }
    let text = format!(
        "the model read only {read} tokens of an input of {bytes} bytes: the server cut it; give its models a longer context"
    );
    Err(Failure::new("invalid_input", text))
}

/// The class of an error.
fn classify(status: u16, answer: &Json) -> (&'static str, String) {
    let said = answer.get("error").and_then(Json::as_str).unwrap_or_default();
    let kind = match status {
        401 | 403 => "denied",
        402 => "limit",
        408 | 504 => "timeout",
        429 => "rate_limited",
        400..=499 => "invalid_input",
        _ if said.contains("context length") => "invalid_input",
        _ => "unavailable",
    };
    (kind, said.to_owned())
}
