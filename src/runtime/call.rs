//! One attempt of one call: what was kept of earlier ones, the rate, the skill, its time-out, its type.

use super::keep::{Before, Keeper, Place};
use super::rate::Rates;
use super::skill::{SkillCall, SkillOutput, Skills};
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
        let timeout = patience(&invoke);
        let (cache, key) = (invoke.cache.clone(), invoke.key.clone());
        if cache.is_none() && key.is_none() {
            return self.make(invoke).await;
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
        let done = self.make(invoke).await;
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

    async fn make(&self, invoke: Invoke) -> Result<Done, Failure> {
        if let Some(rate) = invoke.rate {
            self.rates.admit(&self.project, &invoke.skill, rate).await;
        }
        let by = Behalf {
            run: Arc::clone(&self.run_text),
            tenant: Arc::clone(&self.tenant),
            actor: Arc::clone(&self.actor),
        };
        let SkillOutput { value, usage } = plain(&self.skills, invoke, by).await?;
        Ok(Done { value, usage, reused: None })
    }
}

/// For whom a call is made.
pub(super) struct Behalf {
    pub(super) run: Arc<str>,
    pub(super) tenant: Arc<str>,
    pub(super) actor: Arc<str>,
}

/// Makes a call within its time, and holds the result against its type.
pub(super) async fn plain(skills: &Skills, invoke: Invoke, by: Behalf) -> Result<SkillOutput, Failure> {
    let timeout = patience(&invoke);
    let name = Arc::clone(&invoke.skill);
    let output = invoke.output.clone();
    let call = SkillCall {
        name: invoke.skill,
        args: invoke.args,
        output: invoke.output,
        type_args: invoke.type_args,
        idempotency_key: invoke.idempotency_key,
        run: by.run,
        step: invoke.step.0,
        attempt: invoke.attempt,
        timeout,
        tenant: by.tenant,
        actor: by.actor,
    };
    let blame = |mut failure: Failure| {
        failure.skill.get_or_insert_with(|| Arc::clone(&name));
        failure
    };
    let answer = tokio::time::timeout(timeout, skills.call(call)).await;
    let mut out = match answer {
        Ok(answer) => answer.map_err(blame)?,
        Err(_) => {
            let waited = jiff::SignedDuration::try_from(timeout).unwrap_or_default();
            return Err(blame(Failure::new("timeout", format!("`{name}` gave no answer within {waited:#}"))));
        }
    };
    out.value = accept(std::mem::replace(&mut out.value, Value::Null), &output).map_err(blame)?;
    Ok(out)
}

/// How long an attempt may take.
fn patience(invoke: &Invoke) -> Duration {
    Duration::from_millis(u64::try_from(invoke.timeout_ms).unwrap_or(0))
}

fn accept(value: Value, ty: &crate::types::Type) -> Result<Value, Failure> {
    crate::types::conform::conform(value, ty).map_err(|mismatch| {
        Failure::new("invalid_output", format!("the result does not fit its type: {mismatch}"))
    })
}
