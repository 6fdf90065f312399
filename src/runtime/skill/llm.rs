//! `llm.*`: a language model of the provider that `[skills.llm]` names.

mod extract;

use super::args::{given, invalid, optional_text, text};
use super::config::LlmConfig;
use super::secrets::Secrets;
use super::{Bound, BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use crate::runtime::model::{self, EmbedRequest, Message, Meter, ModelProvider, ModelRequest, Shape, usage};
use crate::value::{Map, Value};
use std::sync::Arc;

/// The `llm` family.
pub struct LlmSkills {
    config: LlmConfig,
    provider: Arc<dyn ModelProvider>,
}

impl LlmSkills {
    /// The family as configured; nothing is read or connected before the first call.
    #[must_use]
    pub fn new(config: LlmConfig, secrets: Arc<Secrets>) -> Self {
        Self { provider: model::connect(&config, secrets), config }
    }

    fn model(&self, args: &Map) -> Result<Arc<str>, Failure> {
        let usual = || self.config.model.as_deref().map(Into::into);
        optional_text(args, "model")?.or_else(usual).ok_or_else(|| {
            invalid("no model is named; give `model`, or set it in `[skills.llm]` of `aos.toml`")
        })
    }

    fn request(&self, call: &SkillCall, shape: Shape, meter: &Meter) -> Result<ModelRequest, Failure> {
        Ok(ModelRequest {
            model: self.model(&call.args)?,
            system: optional_text(&call.args, "system")?,
            messages: vec![Message::user(text(&call.args, "prompt")?)],
            max_tokens: count(&call.args, "max_tokens", 1_000)?,
            max_input: count(&call.args, "max_input", 16_000)?,
            temperature: number(&call.args, "temperature")?,
            shape,
            meter: meter.clone(),
        })
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let meter = call.meter.clone();
        let answered = match &*call.name {
            "llm.extract" => extract::run(self, &call, &meter).await,
            "llm.embed" => self.embed(&call, &meter).await,
            _ => self.generate(&call, &meter).await,
        };
        let usage = usage(&meter.calls());
        answered.map(|value| SkillOutput { value, usage })
    }

    async fn generate(&self, call: &SkillCall, meter: &Meter) -> Result<Value, Failure> {
        let request = self.request(call, Shape::Text, meter)?;
        let answer = self.provider.ask(&request, &|_| {}, call.timeout).await?;
        Ok(wire::from_json(answer.value))
    }

    async fn embed(&self, call: &SkillCall, meter: &Meter) -> Result<Value, Failure> {
        let Some(Value::List(texts)) = given(&call.args, "texts") else {
            return Err(invalid("the argument `texts` is no list"));
        };
        let texts: Option<Vec<Arc<str>>> = texts
            .iter()
            .map(|text| if let Value::String(text) = text { Some(Arc::clone(text)) } else { None })
            .collect();
        let texts = texts.ok_or_else(|| invalid("the argument `texts` holds something that is no text"))?;
        let limit = count(&call.args, "max_input", 16_000)?;
        let tokens = texts.iter().map(|text| text.len().div_ceil(3)).sum::<usize>();
        if i64::try_from(tokens).unwrap_or(i64::MAX) > limit {
            return Err(invalid(format!(
                "the texts have some {tokens} tokens by their size, more than the {limit} of `max_input`"
            )));
        }
        if texts.is_empty() {
            return Ok(Value::list(Vec::new()));
        }
        let request = EmbedRequest { model: self.model(&call.args)?, texts, meter: meter.clone() };
        let answer = self.provider.embed(&request, call.timeout).await?;
        let floats = |v: Vec<f64>| Value::list(v.into_iter().map(Value::Float).collect());
        Ok(Value::list(answer.vectors.into_iter().map(floats).collect()))
    }
}

impl Skill for LlmSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }

    fn bound(&self, name: &str, args: &Map) -> Bound {
        let output = if name == "llm.embed" { Ok(0) } else { count(args, "max_tokens", 1_000) };
        let (Ok(model), Ok(input), Ok(output)) = (self.model(args), count(args, "max_input", 16_000), output)
        else {
            // It fails before anything is asked.
            return Bound::Nanos(0);
        };
        let day = jiff::Timestamp::now().to_string();
        let price = self.config.price_of(&model, day.get(..10).unwrap_or_default());
        price.map_or(Bound::Unknown, |price| Bound::Nanos(price.worst(input, output)))
    }
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
