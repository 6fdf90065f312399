//! One attempt of one call: what was kept of earlier ones, the rate, the skill, its time-out, its type.

use super::keep::{Before, Keeper, Place};
use super::rate::Rates;
use super::skill::{SkillCall, Skills};
use crate::engine::{Failure, Invoke, Usage};
use crate::value::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What makes the calls of one run.
#[derive(Clone)]
pub struct Caller {
    pub skills: Arc<Skills>,
    pub rates: Arc<Rates>,
    pub keeper: Keeper,
    pub project: PathBuf,
    pub run: Uuid,
    /// The same as text.
    pub run_text: Arc<str>,
    pub tenant: Arc<str>,
    pub actor: Arc<str>,
}

/// What a call gave.
pub struct Done {
    pub value: Value,
    pub usage: Usage,
    /// Where the value was taken from, where no call was made.
    pub reused: Option<Arc<str>>,
}

impl Caller {
    /// Makes the call, or gives what an equal one gave.
    ///
    /// # Errors
    /// The failure as the plan's `on_error` sees it.
    pub async fn call(&self, invoke: Invoke) -> Result<Done, Failure> {
        let timeout = Duration::from_millis(u64::try_from(invoke.timeout_ms).unwrap_or(0));
        let (cache, key) = (invoke.cache.clone(), invoke.key.clone());
        if cache.is_none() && key.is_none() {
            return self.make(invoke, timeout).await;
        }
        let step = Arc::clone(&invoke.step.0);
        let place = Place { run: self.run, step: &step, project: &self.project };
        if let Some(cache) = &cache
            && let Some(value) = self.keeper.cached(&place, cache)
            && let Ok(value) = accept(value, &invoke.output)
        {
            return Ok(Done { value, usage: Usage::default(), reused: Some("cache".into()) });
        }
        if let Some(key) = &key {
            let before = tokio::time::timeout(timeout, self.keeper.claim(&place, key)).await;
            match before.unwrap_or_else(|_| Err(self.keeper.still_held(&place, key)))? {
                Before::Go => {}
                Before::Done { value, run } => {
                    let value = accept(value, &invoke.output)?;
                    return Ok(Done { value, usage: Usage::default(), reused: Some(run) });
                }
            }
        }
        let done = self.make(invoke, timeout).await;
        match &done {
            Ok(done) => {
                if let Some(cache) = &cache {
                    self.keeper.put(&place, cache, &done.value).await;
                }
                if let Some(key) = &key {
                    self.keeper.settle(&place, key, &done.value).await;
                }
            }
            Err(_) => {
                if let Some(key) = &key {
                    self.keeper.release(&place, key).await;
                }
            }
        }
        done
    }

    async fn make(&self, invoke: Invoke, timeout: Duration) -> Result<Done, Failure> {
        if let Some(rate) = invoke.rate {
            self.rates.admit(&self.project, &invoke.skill, rate).await;
        }
        let name = Arc::clone(&invoke.skill);
        let output = invoke.output.clone();
        let call = SkillCall {
            name: invoke.skill,
            args: invoke.args,
            output: invoke.output,
            type_args: invoke.type_args,
            idempotency_key: invoke.idempotency_key,
            run: Arc::clone(&self.run_text),
            step: invoke.step.0,
            attempt: invoke.attempt,
            timeout,
            tenant: Arc::clone(&self.tenant),
            actor: Arc::clone(&self.actor),
        };
        let blame = |mut failure: Failure| {
            failure.skill.get_or_insert_with(|| Arc::clone(&name));
            failure
        };
        let answer = tokio::time::timeout(timeout, self.skills.call(call)).await;
        let mut out = match answer {
            Ok(answer) => answer.map_err(blame)?,
            Err(_) => {
                let waited = jiff::SignedDuration::try_from(timeout).unwrap_or_default();
                return Err(blame(Failure::new(
                    "timeout",
                    format!("`{name}` gave no answer within {waited:#}"),
                )));
            }
        };
        let value = accept(std::mem::replace(&mut out.value, Value::Null), &output).map_err(blame)?;
        Ok(Done { value, usage: out.usage, reused: None })
    }
}

fn accept(value: Value, ty: &crate::types::Type) -> Result<Value, Failure> {
    crate::types::conform::conform(value, ty).map_err(|mismatch| {
        Failure::new("invalid_output", format!("the result does not fit its type: {mismatch}"))
    })
}
