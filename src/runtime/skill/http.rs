//! `http.*`: requests to the web, to the hosts that `aos.toml` lets through.

pub(in crate::runtime) mod body;
pub(in crate::runtime) mod client;
mod guard;

use super::args::{given, invalid, optional_text, text, text_map};
use super::config::HttpConfig;
use super::secrets::Secrets;
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use crate::value::{Map, Value};
use body::BodyError;
use guard::{GuardedResolver, HostRules};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use url::Url;

/// A client for what is no skill: it reaches every address.
///
/// # Errors
/// TLS cannot be set up.
#[cfg(feature = "otel")]
pub(crate) fn plain_client(connect_timeout: Duration) -> Result<Client, String> {
    client::plain(connect_timeout).map_err(|failure| failure.message.to_string())
}

/// How much of the body of a refusal goes into the error's details, characters.
const REFUSAL: usize = 16 * 1024;
/// The headers that may go along to another origin.
const HARMLESS: [&str; 5] = ["accept", "accept-language", "content-type", "user-agent", "idempotency-key"];

/// The `http` family.
pub struct HttpSkills {
    config: HttpConfig,
    rules: HostRules,
    secrets: Arc<Secrets>,
    client: OnceLock<Result<Client, Failure>>,
}

impl HttpSkills {
    /// The family as configured; the client is made at the first call.
    #[must_use]
    pub fn new(config: HttpConfig, secrets: Arc<Secrets>) -> Self {
        let rules = HostRules {
            allow: config.allow_hosts.clone(),
            deny: config.deny_hosts.clone(),
            private: config.allow_private_network,
        };
        Self { config, rules, secrets, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, Failure> {
        let make = || client::guarded(GuardedResolver(self.rules.clone()), self.config.connect_timeout);
        self.client.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// The request that the arguments describe.
    fn request(&self, call: &SkillCall) -> Result<Request, Failure> {
        let method = method(&call.name, &call.args)?;
        let mut url = parse_url(&text(&call.args, "url")?)?;
        let query = text_map(&call.args, "query")?;
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(key, value)| (key.as_ref(), value.as_ref())));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in text_map(&call.args, "headers")? {
            put_header(&mut headers, &name, &value)?;
        }
        for (name, parts) in &self.config.headers {
            if !headers.contains_key(name) {
                put_header(&mut headers, name, &self.secrets.resolve(parts)?)?;
            }
        }
        if !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS)
            && !headers.contains_key("idempotency-key")
        {
            put_header(&mut headers, "idempotency-key", &call.idempotency_key)?;
        }
        let body = request_body(&call.args, &mut headers)?;
        Ok(Request { method, url, headers, body })
    }

    /// Sends a request and follows its redirects, each checked like the first.
    async fn send(&self, mut request: Request, timeout: Duration) -> Result<Response, Failure> {
        let client = self.client()?;
        for _ in 0..=self.config.max_redirects {
            self.rules.check(&request.url)?;
            let mut builder = client
                .request(request.method.clone(), request.url.clone())
                .headers(request.headers.clone())
                .timeout(timeout);
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let response = builder.send().await.map_err(client::failure)?;
            match redirect(&response, &request.url)? {
                None => return Ok(response),
                Some(target) => request.follow(response.status(), target),
            }
        }
        Err(Failure::new("unavailable", format!("more than {} redirects", self.config.max_redirects)))
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let request = self.request(&call)?;
        let all = async {
            let response = self.send(request, call.timeout).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = body::read(response, self.config.max_body).await.map_err(|error| match error {
                BodyError::TooLong => body::too_long(self.config.max_body, "max_body"),
                BodyError::Broken(error) => client::failure(error),
            })?;
            answer(status, &headers, &body)
        };
        let late = |_| Failure::new("timeout", format!("no answer within {:?}", call.timeout));
        Ok(SkillOutput::free(tokio::time::timeout(call.timeout, all).await.map_err(late)??))
    }
}

impl Skill for HttpSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

impl Request {
    /// Becomes the request that a redirect asks for. Another origin gets nothing that may be a credential.
    fn follow(&mut self, status: StatusCode, target: Url) {
        if target.origin() != self.url.origin() {
            let kept = |(name, _): &(&HeaderName, &HeaderValue)| HARMLESS.contains(&name.as_str());
            self.headers =
                self.headers.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect();
        }
        let to_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove("idempotency-key");
        }
        self.url = target;
    }
}

fn method(skill: &str, args: &Map) -> Result<Method, Failure> {
    let name = match skill.rsplit('.').next().unwrap_or_default() {
        "request" => text(args, "method")?.to_string(),
        verb => verb.to_ascii_uppercase(),
    };
    match name.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => {
            Method::from_bytes(name.as_bytes())
                .map_err(|error| invalid(format!("the method `{name}`: {error}")))
        }
        _ => Err(invalid(format!("the method `{name}` is not supported"))),
    }
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    Url::parse(text)
        .map_err(|error| invalid(format!("`{}` is not an address: {error}", wire::excerpt(text, 200))))
}

/// Adds a header; the value stays out of the message, as it may be a secret.
fn put_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    let bad_name = |_| invalid(format!("`{}` is not the name of a header", wire::excerpt(name, 100)));
    let parsed: HeaderName = name.parse().map_err(bad_name)?;
    if matches!(
        parsed.as_str(),
        "host" | "content-length" | "transfer-encoding" | "connection" | "upgrade" | "te" | "trailer"
    ) {
        return Err(invalid(format!("the header `{name}` is set by the connection itself")));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        invalid(format!("the value of the header `{name}` holds characters that headers cannot"))
    })?;
    value.set_sensitive(true);
    headers.insert(parsed, value);
    Ok(())
}

fn request_body(args: &Map, headers: &mut HeaderMap) -> Result<Option<String>, Failure> {
    match (given(args, "json"), optional_text(args, "body")?) {
        (Some(_), Some(_)) => Err(invalid("both `json` and `body` are given")),
        (None, body) => Ok(body.map(|text| text.to_string())),
        (Some(json), None) => {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Ok(Some(wire::to_json(json)?.to_string()))
        }
    }
}

/// Where a response redirects to, if it does.
fn redirect(response: &Response, from: &Url) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let target = location.to_str().ok().and_then(|text| from.join(text).ok());
    target
        .map(Some)
        .ok_or_else(|| Failure::new("invalid_output", "the answer redirects to what is no address"))
}

/// The result, or the failure that the status means.
fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value, Failure> {
    let text = body::text(headers, body);
    let code = i64::from(status.as_u16());
    if code >= 400 {
        let limited = status == StatusCode::TOO_MANY_REQUESTS;
        let mut failure = Failure::new(
            if limited { "rate_limited" } else { "status" },
            format!("the server answered {status}"),
        );
        failure.retry_after_ms = body::retry_after(headers, SystemTime::now());
        if !limited {
            failure.details.insert("status".into(), Value::Int(code));
            failure.details.insert("body".into(), Value::String(wire::excerpt(&text, REFUSAL).into()));
        }
        return Err(failure);
    }
    let json = body::json(headers, &text).map_or(Value::Null, wire::from_json);
    Ok(wire::record([
        ("status", Value::Int(code)),
        ("headers", Value::Map(Arc::new(header_map(headers)))),
        ("body", Value::String(text.into())),
        ("json", json),
    ]))
}

/// Headers by their name in lower case; repeated ones joined by commas.
fn header_map(headers: &HeaderMap) -> Map {
    headers
        .keys()
        .map(|name| {
            let values: Vec<_> =
                headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            (name.as_str().into(), Value::String(values.join(", ").into()))
        })
        .collect()
}
