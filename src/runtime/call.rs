//! One attempt of one call: what was kept of earlier ones, the rate, a place among the calls at once, the skill, its time-out, its
//! type.

use super::agents::Agent;
use super::keep::{Before, Keeper, Place};
use super::model::Meter;
use super::points;
use super::rate::Rates;
use super::skill::schema::{Schemas, SkillSchema};
use super::skill::{self, SkillCall, SkillOutput, Skills};
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
    /// Of skills whose signatures were imported.
    pub schemas: Arc<Schemas>,
    pub rates: Arc<Rates>,
    pub keeper: Keeper,
    pub project: PathBuf,
    pub run: Uuid,
    /// The same as text.
    pub run_text: Arc<str>,
    pub tenant: Arc<str>,
    pub actor: Arc<str>,
    /// On whose behalf the run is made.
    pub agent: Option<Arc<Agent>>,
}

/// What a call gave.
pub struct Done {
    pub value: Value,
    pub usage: Usage,
    /// Where the value was taken from, where no call was made.
    pub reused: Option<Arc<str>>,
}

/// What is known before a call.
pub enum Ready {
    /// It may be made now, and has this place until it ends.
    Call(Option<skill::Place>),
    /// It need not be made.
    Done(Done),
}

impl Caller {
    /// Whether something may stand in the way of a call, or in its place.
    #[must_use]
    pub fn prepares(&self, invoke: &Invoke) -> bool {
        invoke.cache.is_some()
            || invoke.key.is_some()
            || invoke.rate.is_some()
            || self.agent.is_some()
            || self.skills.is_bounded(&invoke.skill)
    }

    /// Looks for what an equal call gave, and waits until the call may be made.
    ///
    /// # Errors
    /// It may not be made.
    pub async fn prepare(&self, invoke: &Invoke) -> Result<Ready, Failure> {
        let place = Place { run: self.run, step: &invoke.step.0, project: &self.project };
        let reused = |value, from| Ready::Done(Done { value, usage: Usage::default(), reused: Some(from) });
        if let Some(cache) = &invoke.cache
            && let Some(value) = self.keeper.cached(&place, cache)
            && let Ok(value) = accept(value, &invoke.output)
        {
            return Ok(reused(value, "cache".into()));
        }
        if let Some(key) = &invoke.key {
            let before = tokio::time::timeout(patience(invoke), self.keeper.claim(&place, key)).await;
            match before.unwrap_or_else(|_| Err(self.keeper.still_held(&place, key)))? {
                Before::Go => {}
                Before::Done { value, run } => return Ok(reused(accept(value, &invoke.output)?, run)),
            }
        }
        if let Some(agent) = &self.agent {
            agent.admits(invoke)?;
            if let Some(rate) = agent.rate() {
                self.rates.admit(&self.project, agent.rate_key(), rate, std::future::ready(())).await;
            }
        }
        let place = self.skills.place(&invoke.skill);
        Ok(Ready::Call(match invoke.rate {
            Some(rate) => self.rates.admit(&self.project, &invoke.skill, rate, place).await,
            None => place.await,
        }))
    }

    /// Makes the call, and keeps what it gave where that was asked for.
    ///
    /// # Errors
    /// The failure as the plan's `on_error` sees it.
    pub async fn call(&self, invoke: Box<Invoke>, meter: Meter) -> Result<Done, Failure> {
        let (cache, key, step) = (invoke.cache.clone(), invoke.key.clone(), Arc::clone(&invoke.step.0));
        let set_aside = match &self.agent {
            Some(agent) => agent.set_aside(self.run, &invoke, self.skills.bound(&invoke), &meter),
            None => Ok(None),
        };
        let done = match set_aside {
            Ok(set_aside) => {
                let done = self.make(invoke, meter).await;
                if let (Some(set_aside), Ok(done)) = (set_aside, &done) {
                    set_aside.settle(done.usage);
                }
                done
            }
            Err(failure) => Err(failure),
        };
        let place = Place { run: self.run, step: &step, project: &self.project };
        if let (Some(cache), Ok(done)) = (&cache, &done) {
            self.keeper.put(&place, cache, &done.value).await;
        }
        match (&key, &done) {
            (Some(key), Ok(done)) => self.keeper.settle(&place, key, &done.value).await,
            (Some(key), Err(_)) => self.keeper.release(&place, key).await,
            (None, _) => {}
        }
        done
    }

    async fn make(&self, invoke: Box<Invoke>, meter: Meter) -> Result<Done, Failure> {
        let by = Behalf {
            run: Arc::clone(&self.run_text),
            tenant: Arc::clone(&self.tenant),
            actor: Arc::clone(&self.actor),
            meter,
        };
        let schema = self.schemas.get(&invoke.skill);
        let SkillOutput { value, usage } = plain(&self.skills, invoke, schema, by).await?;
        Ok(Done { value, usage, reused: None })
    }
}

/// For whom a call is made.
pub(super) struct Behalf {
    pub(super) run: Arc<str>,
    pub(super) tenant: Arc<str>,
    pub(super) actor: Arc<str>,
    pub(super) meter: Meter,
}

/// Makes a call within its time, and holds the result against its type; the schemas are those of its import.
pub(super) async fn plain(
    skills: &Skills,
    invoke: Box<Invoke>,
    schema: Option<Arc<SkillSchema>>,
    by: Behalf,
) -> Result<SkillOutput, Failure> {
    let timeout = patience(&invoke);
    let name = Arc::clone(&invoke.skill);
    let output = invoke.output.clone();
    let blame = |mut failure: Failure| {
        failure.skill.get_or_insert_with(|| Arc::clone(&name));
        failure
    };
    points::pass("call-before");
    let answer = tokio::time::timeout(timeout, skills.call(asked(*invoke, timeout, schema, by))).await;
    points::pass("call-after");
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

/// What the skill is asked.
fn asked(invoke: Invoke, timeout: Duration, schema: Option<Arc<SkillSchema>>, by: Behalf) -> SkillCall {
    SkillCall {
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
        meter: by.meter,
        schema,
    }
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
