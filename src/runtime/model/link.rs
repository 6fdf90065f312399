//! The connection to a provider: one request and its answer, whole or as a stream, within time and size.

use super::meter::{Meter, ModelCall};
use super::stream::{Framing, Pieces};
use super::{ModelAnswer, ModelUsage};
use crate::catalog::prices::{Price, Prices};
use crate::engine::Failure;
use crate::runtime::skill::LlmConfig;
use crate::runtime::skill::http::{body, client};
use crate::runtime::skill::secrets::Secrets;
use crate::runtime::skill::wire;
use crate::value::SecretPart;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use serde_json::Value as Json;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// Tokens that a provider adds to what was sent, at most: a tool's frame.
const FRAME: usize = 1_024;
/// How much of a refusal's text is shown, characters.
pub(super) const EXCERPT: usize = 500;

/// What all protocols need to speak with a provider.
pub(super) struct Link {
    /// The name of `provider` in `aos.toml`.
    pub(super) provider: &'static str,
    url: String,
    key: Option<Vec<SecretPart>>,
    secrets: Arc<Secrets>,
    client: OnceLock<Result<Client, Failure>>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_body: usize,
    prices: Arc<Prices>,
    /// Where `aos.toml` says the price itself.
    flat: Option<Price>,
}

/// How a key is sent.
#[derive(Clone, Copy)]
pub(super) enum Auth {
    /// In a header of its own.
    Header(&'static str),
    /// `Authorization: Bearer …`
    Bearer,
}

/// The class of a refusal: its kind and what was said.
pub(super) type Classify = fn(u16, &Json) -> (&'static str, String);

/// An answer that has begun.
pub(super) enum Reply {
    Whole(Json),
    Stream(Stream),
}

/// A stream of JSON.
pub(super) struct Stream {
    response: Response,
    pieces: Pieces,
    ready: std::collections::VecDeque<Json>,
    left: usize,
    max_body: usize,
    idle: Duration,
    ended: bool,
}

impl Link {
    pub(super) fn new(config: &LlmConfig, secrets: Arc<Secrets>) -> Self {
        Link {
            provider: config.provider.name(),
            url: config.base(),
            key: config.key_parts(),
            secrets,
            client: OnceLock::new(),
            connect_timeout: config.connect_timeout,
            idle_timeout: config.idle_timeout,
            max_body: config.max_body,
            prices: Arc::clone(&config.prices),
            flat: config.price(),
        }
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.client.get_or_init(|| client::plain(self.connect_timeout)).as_ref().map_err(Clone::clone)
    }

    fn headers(&self, auth: Auth, extra: &[(&'static str, &'static str)]) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in extra {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(parts) = &self.key {
            let key = self.secrets.key(parts)?;
            let (name, text) = match auth {
                Auth::Header(name) => (HeaderName::from_static(name), key),
                Auth::Bearer => (reqwest::header::AUTHORIZATION, format!("Bearer {key}")),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                Failure::new(
                    "unavailable",
                    "the key of the model's provider holds characters that headers cannot",
                )
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// Refuses an input of more than `max_input` tokens. A token has at least one byte, so small ones need no counting.
    pub(super) async fn fits(
        &self,
        path: &str,
        auth: (Auth, &[(&'static str, &'static str)]),
        request: &Json,
        classify: Classify,
        max_input: i64,
    ) -> Result<(), Failure> {
        let limit = usize::try_from(max_input).unwrap_or(usize::MAX);
        if request.to_string().len().saturating_add(FRAME) <= limit {
            return Ok(());
        }
        let tokens = self.counted(path, auth, request, classify).await?;
        if tokens <= max_input { Ok(()) } else { Err(super::too_long(tokens, max_input)) }
    }

    /// The tokens of an input, as the provider counts them.
    pub(super) async fn counted(
        &self,
        path: &str,
        auth: (Auth, &[(&'static str, &'static str)]),
        request: &Json,
        classify: Classify,
    ) -> Result<i64, Failure> {
        match self.post(path, auth, request, classify).await? {
            Reply::Whole(answer) => {
                let tokens = answer.get("input_tokens").and_then(Json::as_i64);
                tokens.ok_or_else(|| strange("a count without `input_tokens`"))
            }
            Reply::Stream(_) => Err(strange("a stream where a count was asked for")),
        }
    }

    /// Posts, and waits for the beginning of an answer that is none of a refusal.
    pub(super) async fn post(
        &self,
        path: &str,
        (auth, extra): (Auth, &[(&'static str, &'static str)]),
        request: &Json,
        classify: Classify,
    ) -> Result<Reply, Failure> {
        let headers = self.headers(auth, extra)?;
        let url = format!("{}{path}", self.url);
        let sent = self.client()?.post(url).headers(headers).body(request.to_string()).send().await;
        self.reply(sent.map_err(client::failure)?, classify).await
    }

    async fn reply(&self, response: Response, classify: Classify) -> Result<Reply, Failure> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let framing = match kind.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Some(Framing::Events),
            "application/x-ndjson" => Some(Framing::Lines),
            _ => None,
        };
        if let Some(framing) = framing.filter(|_| status == 200) {
            return Ok(Reply::Stream(Stream {
                response,
                pieces: Pieces::new(framing),
                ready: std::collections::VecDeque::new(),
                left: self.max_body,
                max_body: self.max_body,
                idle: self.idle_timeout,
                ended: false,
            }));
        }
        let bytes = body::read(response, self.max_body).await.map_err(|error| match error {
            body::BodyError::TooLong => body::too_long(self.max_body, "max_response"),
            body::BodyError::Broken(error) => client::failure(error),
        })?;
        let json = wire::parse(&bytes);
        if status == 200 {
            return json.map(Reply::Whole).map_err(|why| strange(&format!("no JSON: {why}")));
        }
        let (kind, said) = classify(status, json.as_ref().unwrap_or(&Json::Null));
        let mut failure = refused(kind, &format!("answered {status}"), &said);
        if may_pass(&failure) {
            failure.retry_after_ms = body::retry_after(&headers, SystemTime::now());
        }
        Err(failure)
    }

    /// Gets JSON.
    pub(super) async fn get(
        &self,
        path: &str,
        (auth, extra): (Auth, &[(&'static str, &'static str)]),
        classify: Classify,
    ) -> Result<Json, Failure> {
        let headers = self.headers(auth, extra)?;
        let sent = self.client()?.get(format!("{}{path}", self.url)).headers(headers).send().await;
        match self.reply(sent.map_err(client::failure)?, classify).await? {
            Reply::Whole(json) => Ok(json),
            Reply::Stream(_) => Err(strange("a stream")),
        }
    }

    /// Opens the books for a request.
    pub(super) fn open<'a>(&'a self, model: &'a Arc<str>, meter: &'a Meter) -> Account<'a> {
        Account { link: self, model, meter, seen: None, settled: false }
    }

    /// Nano-dollars; `None` where the price is not known.
    fn price(&self, model: &str, usage: &ModelUsage) -> Option<u64> {
        let day = jiff::Timestamp::now().to_string();
        let day = day.get(..10).unwrap_or_default();
        let price = self.flat.as_ref().or_else(|| self.prices.find(self.provider, model, day));
        let Some(price) = price else {
            tracing::warn!(provider = self.provider, model, "what the model costs is not known");
            return None;
        };
        let cost = price.cost(usage.counted());
        if cost.cache_guessed {
            tracing::warn!(
                provider = self.provider,
                model,
                "no price for cached tokens: they are counted as plain input"
            );
        }
        Some(cost.nanos)
    }
}

/// The account of one request: what was used is booked once, however the request ends.
pub(super) struct Account<'a> {
    link: &'a Link,
    model: &'a Arc<str>,
    meter: &'a Meter,
    /// What is known while the answer goes on.
    seen: Option<ModelUsage>,
    settled: bool,
}

impl Account<'_> {
    /// The provider has begun: it uses at least this.
    pub(super) fn begun(&mut self, usage: ModelUsage) {
        self.seen = Some(usage);
    }

    /// The provider has said what was used.
    pub(super) fn settle(&mut self, mut usage: ModelUsage) -> ModelUsage {
        usage.cost = self.link.price(self.model, &usage);
        self.settle_unpriced(usage)
    }

    /// The same where the cost is not known, or found out already.
    pub(super) fn settle_unpriced(&mut self, usage: ModelUsage) -> ModelUsage {
        self.meter.add(ModelCall::of(self.link.provider, self.model, &usage, false));
        self.settled = true;
        usage
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if let Some(seen) = self.seen.take().filter(|_| !self.settled) {
            self.meter.add(ModelCall::of(self.link.provider, self.model, &seen, true));
        }
    }
}

impl Stream {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Json>, Failure> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if self.ended {
                return Ok(None);
            }
            let chunk =
                tokio::time::timeout(self.idle, self.response.chunk()).await.map_err(|_| idle(self.idle))?;
            match chunk.map_err(client::failure)? {
                Some(bytes) => {
                    self.left = self
                        .left
                        .checked_sub(bytes.len())
                        .ok_or_else(|| body::too_long(self.max_body, "max_response"))?;
                    self.ready.extend(self.pieces.feed(&bytes)?);
                }
                None => {
                    self.ended = true;
                    self.ready.extend(self.pieces.end()?);
                }
            }
        }
    }
}

/// An answer with its text, of which all was seen.
pub(super) fn answer(value: Json, usage: ModelUsage, model: Option<&str>, asked: &Arc<str>) -> ModelAnswer {
    ModelAnswer { value, usage, model: model.map_or_else(|| Arc::clone(asked), Into::into) }
}

/// Whether another try may go better.
pub(super) fn may_pass(failure: &Failure) -> bool {
    matches!(&*failure.kind, "rate_limited" | "unavailable")
}

/// The failure for what a provider does not do.
pub(super) fn refused(kind: &str, what: &str, said: &str) -> Failure {
    let said = wire::excerpt(said, EXCERPT);
    let text = format!("the model's provider {what}: {said}");
    Failure::new(kind, text.trim_end_matches([':', ' ']))
}

/// The failure for an answer that is not of the protocol.
pub(super) fn strange(what: &str) -> Failure {
    Failure::new("invalid_output", format!("the model's provider gave {what}"))
}

/// The failure for a stream that ends too early: another try may go better.
pub(super) fn cut() -> Failure {
    Failure::new("unavailable", "the model's provider ended its answer in the middle")
}

fn idle(after: Duration) -> Failure {
    let after = jiff::SignedDuration::try_from(after).unwrap_or_default();
    Failure::new("timeout", format!("the model's provider sent nothing for {after:#}"))
}

/// Bounds a whole call.
pub(super) async fn within<T>(
    timeout: Duration,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
        let waited = jiff::SignedDuration::try_from(timeout).unwrap_or_default();
        Err(Failure::new("timeout", format!("no answer of the model within {waited:#}")))
    })
}

/// A count in what a provider says it used; none is negative.
pub(super) fn used(usage: &Json, pointer: &str) -> i64 {
    usage.pointer(pointer).and_then(Json::as_i64).unwrap_or(0).max(0)
}
