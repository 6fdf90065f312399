//! `llm.*`: a language model of the provider that `[skills.llm]` names.

mod anthropic;

use super::args::{given, invalid, optional_text, text};
use super::config::LlmConfig;
use super::http::client;
use super::secrets::Secrets;
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::{Failure, Usage};
use crate::types::Type;
use crate::value::{Map, Value};
use reqwest::Client;
use std::sync::{Arc, OnceLock};

/// The `llm` family.
pub struct LlmSkills {
    config: LlmConfig,
    secrets: Arc<Secrets>,
    client: OnceLock<Result<Client, Failure>>,
}

/// What a model is asked, whoever provides it.
struct Question {
    model: Arc<str>,
    prompt: Arc<str>,
    system: Option<Arc<str>>,
    max_tokens: i64,
    max_input: i64,
    temperature: Option<f64>,
    /// The schema of the answer, which must be an object; without it a text is asked for.
    schema: Option<serde_json::Value>,
}

/// What it answered.
struct Answer {
    /// A text, or the object that was asked for.
    value: serde_json::Value,
    input_tokens: i64,
    output_tokens: i64,
}

/// The key under which a value that is no object comes back.
const VALUE: &str = "value";

impl LlmSkills {
    /// The family as configured; nothing is read or connected before the first call.
    #[must_use]
    pub fn new(config: LlmConfig, secrets: Arc<Secrets>) -> Self {
        Self { config, secrets, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.client.get_or_init(|| client::plain(self.config.connect_timeout)).as_ref().map_err(Clone::clone)
    }

    fn question(&self, call: &SkillCall, schema: Option<serde_json::Value>) -> Result<Question, Failure> {
        let model = match (optional_text(&call.args, "model")?, &self.config.model) {
            (Some(model), _) => model,
            (None, Some(model)) => model.as_str().into(),
            (None, None) => {
                let message = "no model is named; give `model`, or set it in `[skills.llm]` of `aos.toml`";
                return Err(invalid(message));
            }
        };
        Ok(Question {
            model,
            prompt: text(&call.args, "prompt")?,
            system: optional_text(&call.args, "system")?,
            max_tokens: count(&call.args, "max_tokens", 1_000)?,
            max_input: count(&call.args, "max_input", 16_000)?,
            temperature: number(&call.args, "temperature")?,
            schema,
        })
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let typed = &*call.name == "llm.extract";
        let (schema, wrapped) = if typed { schema(&call.output) } else { (None, false) };
        let question = self.question(&call, schema)?;
        let key = self.secrets.resolve(&self.config.key)?;
        let asked = anthropic::ask(self.client()?, &self.config, &key, &question, call.timeout);
        let late = |_| Failure::new("timeout", format!("no answer within {:?}", call.timeout));
        let answer = tokio::time::timeout(call.timeout, asked).await.map_err(late)??;
        let usage = self.usage(&answer);
        let value = match answer.value {
            serde_json::Value::Object(mut object) if wrapped => match object.remove(VALUE) {
                Some(value) => value,
                None => return Err(Failure::new("invalid_output", "the model gave no value")),
            },
            other => other,
        };
        Ok(SkillOutput { value: wire::from_json(value), usage })
    }

    fn usage(&self, answer: &Answer) -> Usage {
        #[expect(clippy::cast_precision_loss, reason = "counts of tokens are small")]
        let cost = answer.input_tokens as f64 * self.config.input_cost_per_token
            + answer.output_tokens as f64 * self.config.output_cost_per_token;
        Usage { cost_usd: cost, tokens: answer.input_tokens.saturating_add(answer.output_tokens) }
    }
}

impl Skill for LlmSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

/// The schema of a type as the object a tool call needs, and whether the value stands under [`VALUE`] in it.
fn schema(ty: &Type) -> (Option<serde_json::Value>, bool) {
    let own = ty.json_schema();
    if own.get("type").and_then(serde_json::Value::as_str) == Some("object") {
        return (Some(own), false);
    }
    let mut properties = serde_json::Map::new();
    properties.insert(VALUE.to_owned(), own);
    (Some(serde_json::json!({ "type": "object", "properties": properties, "required": [VALUE] })), true)
}

fn count(args: &Map, name: &str, default: i64) -> Result<i64, Failure> {
    match given(args, name) {
        None => Ok(default),
        Some(Value::Int(n)) if *n > 0 => Ok(*n),
        Some(_) => Err(invalid(format!("the argument `{name}` is not a number above 0"))),
    }
}

fn number(args: &Map, name: &str) -> Result<Option<f64>, Failure> {
    match given(args, name) {
        None => Ok(None),
        #[expect(clippy::cast_precision_loss, reason = "a temperature is small")]
        Some(Value::Int(n)) => Ok(Some(*n as f64)),
        Some(Value::Float(x)) if x.is_finite() => Ok(Some(*x)),
        Some(_) => Err(invalid(format!("the argument `{name}` is not a number"))),
    }
}
