//! Providers of models against a local server that speaks each protocol, and misbehaves on script.
//!
//! Each shape names where it was taken from: anthropic-sdk-python at 009b035, openai-python at e43b422, ollama at fb30760. What no
//! public document or test of theirs shows is marked `unverified`.

mod agents;
mod anthropic;
mod chat;
mod costs;
mod misbehaving;
mod ollama;
mod openai;

use crate::support::http::{Request, Response, Server};
use aos::catalog::prices::Prices;
use aos::engine::Failure;
use aos::project::config::LlmProvider;
use aos::runtime::model::{self, Message, Meter, ModelAnswer, ModelCall, ModelProvider, ModelRequest, Shape};
use aos::runtime::skill::{LlmConfig, SecretSource, Secrets};
use aos::value::SecretPart;
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The key of every provider here.
const KEY: &str = "sk-s3cr3t-key-value";

/// A provider at a server of ours.
struct Bench {
    server: Server,
    provider: Arc<dyn ModelProvider>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new(kind: LlmProvider, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::with(kind, answer, |_| {}).await
    }

    async fn with(
        kind: LlmProvider,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
        configure: impl FnOnce(&mut LlmConfig),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let sources = [("KEY".to_owned(), SecretSource::File("key".into()))].into_iter().collect();
        let secrets = Arc::new(Secrets::new(folder.path().to_owned(), sources));
        let server = Server::start(answer).await;
        let mut config = LlmConfig {
            provider: kind,
            url: Some(server.url("")),
            key: Some(vec![SecretPart::Name("KEY".into())]),
            idle_timeout: Duration::from_millis(300),
            prices: Arc::new(prices()),
            ..LlmConfig::default()
        };
        configure(&mut config);
        Bench { provider: model::connect(&config, secrets), server, _folder: folder }
    }

    async fn ask(&self, request: &ModelRequest) -> Result<ModelAnswer, Failure> {
        self.provider.ask(request, &|_| {}, Duration::from_secs(10)).await
    }

    /// What was sent, as JSON.
    fn sent(&self) -> Vec<Json> {
        self.server.seen().iter().map(|r| serde_json::from_str(&r.body).unwrap_or_default()).collect()
    }
}

/// 1 micro-dollar a token of input, 2 one of output, a tenth of one read from a cache.
fn prices() -> Prices {
    let row = json!({
        "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
        "cache_read_input_token_cost": 1e-7, "cache_creation_input_token_cost": 1.25e-6,
    });
    Prices::with_file(&json!({ "m-1": row }).to_string()).unwrap()
}

fn request(shape: Shape) -> ModelRequest {
    ModelRequest {
        model: "m-1".into(),
        system: Some("Be short".into()),
        messages: vec![Message::user("Say hi")],
        max_tokens: 100,
        max_input: 10_000,
        temperature: Some(0.5),
        shape,
        meter: Meter::default(),
    }
}

fn person() -> Json {
    json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
        "required": ["name"],
    })
}

/// The one call that a meter booked.
fn booked(request: &ModelRequest) -> ModelCall {
    let calls = request.meter.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls[0].clone()
}

/// Texts as they come.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn hear(&self) -> impl Fn(&str) + Send + Sync + use<> {
        let all = Arc::clone(&self.0);
        move |text: &str| all.lock().unwrap().push(text.to_owned())
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let bench = Bench::new(LlmProvider::OpenAi, |_| Response::new(500, "")).await;
    let path = bench._folder.path().join("key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let failure = bench.ask(&request(Shape::Text)).await.unwrap_err();
    assert_eq!(&*failure.kind, "unavailable");
    assert!(failure.message.contains("chmod 600 key"), "{}", failure.message);
    assert_eq!(bench.server.seen().len(), 0, "nothing was sent");
}
