//! Chat completions, as OpenAI and the many that are compatible with it speak them: `POST /chat/completions`, streamed.

use super::ladder::{Ladder, turned_down};
use super::link::{Account, Link, Reply, Stream, answer, cut, refused, strange, within};
use super::openai::{SENT, classify, embed, schema_of, shaped, split};
use super::{
    Capabilities, EmbedRequest, Embeddings, GrammarSyntax, ModelAnswer, ModelProvider, ModelRequest,
    ModelUsage, Shape,
};
use crate::engine::Failure;
use crate::runtime::skill::BoxFuture;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use tokio::sync::OnceCell;

/// A server that speaks chat completions.
pub(super) struct Chat {
    link: Link,
    /// Ways to ask for a value, and the older name of `max_completion_tokens`.
    forms: Ladder,
    old_names: Ladder,
    /// What the server says it is.
    engine: OnceCell<Engine>,
    /// What `aos.toml` says it is.
    configured: Option<Engine>,
}

/// What is known of a server: what each adds to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// `structured_outputs`
    Vllm,
    /// `grammar`
    LlamaCpp,
    Other,
}

impl Engine {
    /// By the value of `engine` in `aos.toml`.
    pub(super) fn named(name: &str) -> Option<Engine> {
        match name {
            "vllm" => Some(Engine::Vllm),
            "llama.cpp" => Some(Engine::LlamaCpp),
            "other" => Some(Engine::Other),
            _ => None,
        }
    }

    fn grammar(self) -> Option<GrammarSyntax> {
        match self {
            Engine::Vllm | Engine::LlamaCpp => Some(GrammarSyntax::Gbnf),
            Engine::Other => None,
        }
    }
}

/// Ways to ask for a value, the best first.
const FORMS: usize = 3;

impl Chat {
    pub(super) fn new(link: Link, configured: Option<Engine>) -> Self {
        Chat {
            link,
            forms: Ladder::default(),
            old_names: Ladder::default(),
            engine: OnceCell::new(),
            configured,
        }
    }

    /// What the server is, by what it says of its models.
    async fn engine(&self) -> Engine {
        if let Some(engine) = self.configured {
            return engine;
        }
        let asked = self.engine.get_or_try_init(|| async {
            let models = self.link.get("/models", SENT, classify).await?;
            let owner = models.pointer("/data/0/owned_by").and_then(Json::as_str);
            Ok::<Engine, Failure>(match owner {
                Some("vllm") => Engine::Vllm,
                Some("llamacpp") => Engine::LlamaCpp,
                _ => Engine::Other,
            })
        });
        // What cannot be asked now is asked the next time.
        asked.await.copied().unwrap_or(Engine::Other)
    }

    async fn run(
        &self,
        request: &ModelRequest,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        super::fits_by_size(request)?;
        let engine = match request.shape {
            Shape::Grammar { .. } => self.engine().await,
            Shape::Text | Shape::Json(_) => Engine::Other,
        };
        loop {
            let (form, old) = (self.forms.rung(&request.model), self.old_names.rung(&request.model));
            let sent = body(request, form, old > 0, engine)?;
            let failure = match self.once(request, &sent, on_text).await {
                Err(failure) => failure,
                answered => return answered,
            };
            let asks_value = matches!(request.shape, Shape::Json(_)) && form + 1 < FORMS;
            if old == 0 && turned_down(&failure, &["max_completion_tokens"]) {
                self.old_names.down(&request.model, 0);
            } else if asks_value
                && turned_down(&failure, &["response_format", "json_schema", "json_object", "schema"])
            {
                self.forms.down(&request.model, form);
            } else {
                return Err(failure);
            }
        }
    }

    async fn once(
        &self,
        request: &ModelRequest,
        sent: &Json,
        on_text: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ModelAnswer, Failure> {
        let mut account = self.link.open(&request.model, &request.meter);
        let completion = match self.link.post("/chat/completions", SENT, sent, classify).await? {
            Reply::Whole(completion) => completion,
            Reply::Stream(stream) => collect(stream, &mut account, on_text).await?,
        };
        // Not every server says what was used: then it is not known.
        let usage = match completion.get("usage").filter(|u| u.is_object()) {
            Some(raw) => account.settle(usage(raw)),
            None => account.guess(request, &completion),
        };
        let value = read(&completion, request)?;
        let model = completion.get("model").and_then(Json::as_str);
        Ok(answer(value, usage, model, &request.model))
    }
}

impl ModelProvider for Chat {
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

    fn capabilities<'a>(&'a self, model: &'a str, timeout: Duration) -> BoxFuture<'a, Capabilities> {
        Box::pin(async move {
            let engine = tokio::time::timeout(timeout, self.engine()).await.unwrap_or(Engine::Other);
            let json_schema = self.forms.rung(model) == 0;
            Capabilities { json_schema, grammar: engine.grammar(), embeddings: true, context: None }
        })
    }

    fn count<'a>(
        &'a self,
        _request: &'a ModelRequest,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

fn body(request: &ModelRequest, form: usize, old_names: bool, engine: Engine) -> Result<Json, Failure> {
    let mut fields = Map::new();
    let mut system = request.system.as_deref().unwrap_or_default().to_owned();
    match (&request.shape, form) {
        (Shape::Text, _) => {}
        (Shape::Json(schema), 0) => {
            let (schema, strict) = schema_of(schema);
            let named = json!({ "name": "answer", "schema": schema, "strict": strict });
            fields
                .insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": named }));
        }
        (Shape::Json(schema), form) => {
            if form == 1 {
                fields.insert("response_format".to_owned(), json!({ "type": "json_object" }));
            }
            if !system.is_empty() {
                system.push_str("\n\n");
            }
            system.push_str(&format!(
                "Answer with one value of JSON and nothing else. It fits this JSON Schema: {schema}"
            ));
        }
        (Shape::Grammar { syntax: GrammarSyntax::Gbnf, text }, _) if engine == Engine::Vllm => {
            fields.insert("structured_outputs".to_owned(), json!({ "grammar": text }));
        }
        (Shape::Grammar { syntax: GrammarSyntax::Gbnf, text }, _) if engine == Engine::LlamaCpp => {
            fields.insert("grammar".to_owned(), json!(text));
        }
        (Shape::Grammar { .. }, _) => {
            return Err(Failure::new(
                "invalid_input",
                "the model's server is not known to take such a grammar",
            ));
        }
    }
    let mut messages = super::turns(&request.messages);
    if let (Json::Array(all), false) = (&mut messages, system.is_empty()) {
        all.insert(0, json!({ "role": "system", "content": system }));
    }
    fields.insert("model".to_owned(), json!(request.model));
    fields.insert("messages".to_owned(), messages);
    let limit = if old_names { "max_tokens" } else { "max_completion_tokens" };
    fields.insert(limit.to_owned(), json!(request.max_tokens));
    fields.insert("stream".to_owned(), json!(true));
    fields.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    if let Some(temperature) = request.temperature {
        fields.insert("temperature".to_owned(), json!(temperature));
    }
    Ok(Json::Object(fields))
}

/// The completion that a stream amounts to.
async fn collect(
    mut stream: Stream,
    account: &mut Account<'_>,
    on_text: &(dyn Fn(&str) + Send + Sync),
) -> Result<Json, Failure> {
    account.begun(ModelUsage::default());
    let (mut text, mut refusal) = (String::new(), String::new());
    let (mut model, mut usage, mut reason) = (Json::Null, Json::Null, Json::Null);
    while let Some(chunk) = stream.next().await? {
        if chunk.get("error").is_some_and(|e| !e.is_null()) {
            let (kind, said) = classify(200, &chunk);
            return Err(refused(kind, "broke its answer off", &said));
        }
        let text_at = |pointer: &str| chunk.pointer(pointer).and_then(Json::as_str);
        if let Some(part) = text_at("/choices/0/delta/content") {
            text.push_str(part);
            on_text(part);
        }
        if let Some(part) = text_at("/choices/0/delta/refusal") {
            refusal.push_str(part);
        }
        for (pointer, kept) in
            [("/model", &mut model), ("/usage", &mut usage), ("/choices/0/finish_reason", &mut reason)]
        {
            if let Some(said) = chunk.pointer(pointer).filter(|v| !v.is_null()) {
                *kept = said.clone();
            }
        }
    }
    // The end is `[DONE]`, which some leave out; that the answer is whole is said by its reason.
    if reason.is_null() {
        if usage.is_object() {
            account.begun(self::usage(&usage));
        }
        return Err(cut());
    }
    let mut message = json!({ "role": "assistant", "content": text });
    if let (Json::Object(fields), false) = (&mut message, refusal.is_empty()) {
        fields.insert("refusal".to_owned(), json!(refusal));
    }
    Ok(
        json!({ "model": model, "choices": [{ "index": 0, "message": message, "finish_reason": reason }], "usage": usage }),
    )
}

/// `prompt_tokens` holds what came from the cache.
fn usage(raw: &Json) -> ModelUsage {
    let details = "/prompt_tokens_details/";
    let (cached, written) = (format!("{details}cached_tokens"), format!("{details}cache_write_tokens"));
    split(raw, ["/prompt_tokens", &cached, &written, "/completion_tokens"])
}

fn read(completion: &Json, request: &ModelRequest) -> Result<Json, Failure> {
    let text = |pointer: &str| completion.pointer(pointer).and_then(Json::as_str);
    match text("/choices/0/finish_reason") {
        Some("length") => return Err(super::cut_off(request.max_tokens)),
        Some("content_filter") => {
            return Err(Failure::new("refused", "the provider's filter stopped the answer"));
        }
        _ => {}
    }
    if text("/choices/0/message/refusal").is_some_and(|refusal| !refusal.is_empty()) {
        return Err(Failure::new("refused", "the model refused to answer"));
    }
    let text = text("/choices/0/message/content").ok_or_else(|| strange("no text"))?;
    Ok(shaped(text, &request.shape))
}

impl Account<'_> {
    /// A server that does not say what was used: counted roughly by size, and the cost is not known.
    fn guess(&mut self, request: &ModelRequest, completion: &Json) -> ModelUsage {
        let answered =
            completion.pointer("/choices/0/message/content").and_then(Json::as_str).map_or(0, str::len);
        let usage = ModelUsage {
            input: super::tokens_of(super::size(request)),
            output: super::tokens_of(answered),
            raw: json!({ "guessed": true }),
            ..ModelUsage::default()
        };
        self.settle_unpriced(usage)
    }
}
