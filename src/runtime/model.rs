//! Language models, whoever provides them: the `llm.*` skills and the planner ask through [`ModelProvider`].
//!
//! A provider makes one request a call and never repeats it by itself: for a step the machine retries, others use [`retry`]. What
//! comes back is data to be checked, never trusted: a provider may ignore the shape that it was asked for.

mod anthropic;
mod chat;
mod ladder;
mod link;
mod meter;
mod ollama;
mod openai;
pub mod retry;
mod stream;
mod strict;

pub use meter::{Meter, ModelCall, usage};

use super::skill::secrets::Secrets;
use super::skill::{BoxFuture, LlmConfig};
use crate::catalog::prices::Tokens;
use crate::engine::Failure;
use crate::project::config::LlmProvider;
use std::sync::Arc;
use std::time::Duration;

/// The provider that is configured; nothing is read or connected before the first call.
#[must_use]
pub fn connect(config: &LlmConfig, secrets: Arc<Secrets>) -> Arc<dyn ModelProvider> {
    let link = link::Link::new(config, secrets);
    match config.provider {
        LlmProvider::Anthropic => Arc::new(anthropic::Anthropic::new(link)),
        LlmProvider::OpenAi => Arc::new(openai::OpenAi::new(link)),
        LlmProvider::OpenAiChat => {
            let engine = config.engine.as_deref().and_then(chat::Engine::named);
            Arc::new(chat::Chat::new(link, engine))
        }
        LlmProvider::Ollama => Arc::new(ollama::Ollama::new(link)),
    }
}

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The name, as the provider knows it.
    pub model: Arc<str>,
    /// Instructions that stand before everything.
    pub system: Option<Arc<str>>,
    /// The conversation; the last one is the user's.
    pub messages: Vec<Message>,
    /// The longest answer, in tokens.
    pub max_tokens: i64,
    /// The longest input, in tokens; more is `invalid_input`, and nothing is asked.
    pub max_input: i64,
    /// From 0 (always the likeliest word) up.
    pub temperature: Option<f64>,
    /// What the answer is to look like.
    pub shape: Shape,
    /// Where it is booked what was used, also by requests that fail or are given up.
    pub meter: Meter,
}

/// A turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub text: Arc<str>,
}

impl Message {
    /// What the user says.
    pub fn user(text: impl Into<Arc<str>>) -> Self {
        Message { role: Role::User, text: text.into() }
    }

    /// What the model said.
    pub fn assistant(text: impl Into<Arc<str>>) -> Self {
        Message { role: Role::Assistant, text: text.into() }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

/// What an answer is to look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A value of this JSON Schema, which must be that of an object.
    Json(serde_json::Value),
    /// A text of this grammar; only where [`Capabilities::grammar`] has its syntax.
    Grammar { syntax: GrammarSyntax, text: Arc<str> },
}

/// How a grammar is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrammarSyntax {
    /// That of llguidance and OpenAI.
    Lark,
    /// That of llama.cpp, which vLLM and SGLang take as well.
    Gbnf,
}

/// What a model answered.
#[derive(Clone, Debug)]
pub struct ModelAnswer {
    /// A string where a text was asked for, else the value.
    pub value: serde_json::Value,
    pub usage: ModelUsage,
    /// The model that answered, as the provider says.
    pub model: Arc<str>,
}

/// Texts to be turned into vectors.
#[derive(Clone, Debug)]
pub struct EmbedRequest {
    /// The name, as the provider knows it.
    pub model: Arc<str>,
    pub texts: Vec<Arc<str>>,
    /// As in [`ModelRequest::meter`].
    pub meter: Meter,
}

/// Vectors of texts, in the order of the texts.
#[derive(Clone, Debug)]
pub struct Embeddings {
    pub vectors: Vec<Vec<f64>>,
    pub usage: ModelUsage,
    /// The model that answered, as the provider says.
    pub model: Arc<str>,
}

/// What a call used, each token counted in exactly one of the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelUsage {
    /// Tokens of the input that no cache had part in.
    pub input: i64,
    /// Tokens of the input that were read from a cache.
    pub cache_read: i64,
    /// Tokens of the input that were written to a cache for minutes.
    pub cache_write: i64,
    /// The same for an hour.
    pub cache_write_long: i64,
    /// Tokens of the answer, with what the model thought.
    pub output: i64,
    /// Nano-dollars; `None`: not known, which is not nothing.
    pub cost: Option<u64>,
    /// What the provider said, as it said it.
    pub raw: serde_json::Value,
}

impl ModelUsage {
    /// What prices are told by.
    fn counted(&self) -> Tokens {
        Tokens {
            input: self.input,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_long: self.cache_write_long,
            output: self.output,
        }
    }

    /// All tokens of the input.
    #[must_use]
    pub fn all_input(&self) -> i64 {
        [self.cache_read, self.cache_write, self.cache_write_long]
            .iter()
            .fold(self.input, |sum, n| sum.saturating_add(*n))
    }

    /// All tokens.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.all_input().saturating_add(self.output)
    }
}

/// What a provider can do with a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether answers can be held to a JSON Schema.
    pub json_schema: bool,
    /// Whether answers can be held to a grammar, and in which syntax.
    pub grammar: Option<GrammarSyntax>,
    /// Whether texts can be turned into vectors.
    pub embeddings: bool,
    /// The longest input and answer together, where the provider says.
    pub context: Option<i64>,
}

/// A provider of models. Dropping a future cancels the request.
pub trait ModelProvider: Send + Sync {
    /// The name of `provider` in `aos.toml`.
    fn name(&self) -> &'static str;

    /// Asks once. Pieces of a text are given to `on_text` as they come; `timeout` bounds the whole call.
    ///
    /// # Errors
    /// `rate_limited` and `unavailable` may pass (with the wait that the provider asks for), `timeout` too; `refused`, `denied`,
    /// `limit`, `invalid_input` and `invalid_output` do not.
    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        on_text: &'a (dyn Fn(&str) + Send + Sync),
        timeout: Duration,
    ) -> BoxFuture<'a, Result<ModelAnswer, Failure>>;

    /// Turns texts into vectors.
    ///
    /// # Errors
    /// As [`ModelProvider::ask`]; `invalid_input` where the provider has no embeddings.
    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Embeddings, Failure>>;

    /// What can be asked of a model. Found out by asking the provider where it is not a matter of the protocol, and
    /// remembered; never guessed from an address.
    fn capabilities<'a>(&'a self, model: &'a str, timeout: Duration) -> BoxFuture<'a, Capabilities>;

    /// The tokens of an input as the provider counts them; `None` where it cannot say.
    ///
    /// # Errors
    /// As [`ModelProvider::ask`].
    fn count<'a>(
        &'a self,
        request: &'a ModelRequest,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Option<i64>, Failure>>;
}

/// The failure for an input that is too long.
fn too_long(tokens: i64, limit: i64) -> Failure {
    Failure::new(
        "invalid_input",
        format!("the input has {tokens} tokens, more than the {limit} of `max_input`"),
    )
}

/// The failure for an answer that was cut off.
fn cut_off(limit: i64) -> Failure {
    Failure::new("limit", format!("the answer is longer than the {limit} tokens of `max_tokens`"))
}

/// The value in a text that a model wrote: its JSON, also between the marks of a block of code; else the text itself, which fits
/// nothing but a text.
fn value_of(text: &str) -> serde_json::Value {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = inner.map_or(trimmed, |rest| rest.strip_prefix("json").unwrap_or(rest).trim());
    super::skill::wire::parse(inner.as_bytes()).unwrap_or_else(|_| text.into())
}

/// The bytes of what is said in a request, the schema with it.
fn size(request: &ModelRequest) -> usize {
    let shape = match &request.shape {
        Shape::Text => 0,
        Shape::Json(schema) => schema.to_string().len(),
        // It holds the engine's hand; the model does not read it.
        Shape::Grammar { .. } => 0,
    };
    let said = request.messages.iter().map(|m| m.text.len()).sum::<usize>();
    said + shape + request.system.as_ref().map_or(0, |s| s.len())
}

/// The turns of a conversation, as the protocols of Anthropic and OpenAI have them.
fn turns(messages: &[Message]) -> serde_json::Value {
    let turn = |m: &Message| {
        let role = match m.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        serde_json::json!({ "role": role, "content": m.text })
    };
    messages.iter().map(turn).collect()
}

/// Tokens of so many bytes where nobody counts them: what most texts have is a little less.
fn tokens_of(bytes: usize) -> i64 {
    i64::try_from(bytes.div_ceil(3)).unwrap_or(i64::MAX)
}

/// Refuses an input that has more than `max_input` tokens by its size, where the provider has no count.
fn fits_by_size(request: &ModelRequest) -> Result<(), Failure> {
    let tokens = tokens_of(size(request));
    if tokens <= request.max_input {
        return Ok(());
    }
    let text = format!(
        "the input has some {tokens} tokens by its size, more than the {} of `max_input`",
        request.max_input
    );
    Err(Failure::new("invalid_input", text))
}

/// A vector of numbers.
fn vector(json: Option<&serde_json::Value>) -> Option<Vec<f64>> {
    json?.as_array()?.iter().map(serde_json::Value::as_f64).collect()
}

/// Vectors, one a text.
fn embeddings(
    vectors: Option<Vec<Vec<f64>>>,
    request: &EmbedRequest,
    usage: ModelUsage,
    model: Option<&str>,
) -> Result<Embeddings, Failure> {
    let model = model.map_or_else(|| Arc::clone(&request.model), Into::into);
    match vectors.filter(|v| v.len() == request.texts.len()) {
        Some(vectors) => Ok(Embeddings { vectors, usage, model }),
        None => Err(link::strange("not one vector of numbers for each text")),
    }
}
