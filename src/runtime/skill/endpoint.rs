//! `provider = "http"`: a server that takes one call a request, as the same JSON that processes speak.

use super::config::EndpointConfig;
use super::http::body::{self, BodyError};
use super::http::client;
use super::process::reply;
use super::secrets::Secrets;
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The skills of a namespace, behind one address.
pub struct EndpointSkill {
    namespace: String,
    config: EndpointConfig,
    secrets: Arc<Secrets>,
    client: OnceLock<Result<Client, Failure>>,
}

impl EndpointSkill {
    /// The namespace as configured; nothing is sent yet.
    #[must_use]
    pub fn new(namespace: &str, config: EndpointConfig, secrets: Arc<Secrets>) -> Self {
        Self { namespace: namespace.to_owned(), config, secrets, client: OnceLock::new() }
    }

    fn misconfigured(&self, what: &str) -> Failure {
        Failure::new(
            "unavailable",
            format!("`{what}` in `[skills.{}]` of `aos.toml` is not valid", self.namespace),
        )
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let make = || client::plain(Duration::from_secs(10));
        let client = self.client.get_or_init(make).as_ref().map_err(Clone::clone)?;
        let url: url::Url = self.config.url.parse().map_err(|_| self.misconfigured("url"))?;
        let timeout = self.config.timeout.map_or(call.timeout, |own| own.min(call.timeout));
        let mut request = client.post(url).timeout(timeout);
        for (name, parts) in &self.config.headers {
            let bad = || self.misconfigured("headers");
            let value = HeaderValue::from_str(&self.secrets.resolve(parts)?).map_err(|_| bad())?;
            request = request.header(name.parse::<HeaderName>().map_err(|_| bad())?, value);
        }
        let body = serde_json::json!({
            "id": call.idempotency_key.as_ref(),
            "skill": call.name.as_ref(),
            "args": wire::object(&call.args)?,
            "idempotency_key": call.idempotency_key.as_ref(),
        });
        let request = request.header("idempotency-key", call.idempotency_key.as_ref()).json(&body);
        let response = request.send().await.map_err(client::failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = body::read(response, self.config.max_body).await.map_err(|error| match error {
            BodyError::TooLong => body::too_long(self.config.max_body, "max_body"),
            BodyError::Broken(error) => client::failure(error),
        })?;
        let answer = answer(status, &bytes).map_err(|mut failure| {
            failure.retry_after_ms =
                failure.retry_after_ms.or_else(|| body::retry_after(&headers, SystemTime::now()));
            failure
        })?;
        Ok(SkillOutput::free(answer))
    }
}

impl Skill for EndpointSkill {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

/// What an answer means: its own `result` or `error` first, then its status.
fn answer(status: StatusCode, bytes: &[u8]) -> Result<crate::value::Value, Failure> {
    let parsed = wire::parse(bytes).ok().and_then(reply::read);
    match parsed {
        Some(Err(failure)) => Err(failure),
        Some(Ok(value)) if status.is_success() => Ok(value),
        Some(Ok(_)) | None => Err(match status {
            StatusCode::TOO_MANY_REQUESTS => {
                Failure::new("rate_limited", format!("the server answered {status}"))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
                Failure::new("timeout", format!("the server answered {status}"))
            }
            status if status.is_success() => Failure::new(
                "invalid_output",
                format!(
                    "the answer is not `{{\"result\"}}` or `{{\"error\"}}`: {}",
                    wire::excerpt(&String::from_utf8_lossy(bytes.get(..800).unwrap_or(bytes)), 200)
                ),
            ),
            status => Failure::new("unavailable", format!("the server answered {status}")),
        }),
    }
}
