//! Skills: what does the work. The signature is a `.plan` file; this is the other half.

use crate::engine::{Failure, Usage};
use crate::types::Type;
use crate::value::{Map, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A future that can be kept in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One call of a skill.
#[derive(Clone, Debug)]
pub struct SkillCall {
    /// The dotted name.
    pub name: Arc<str>,
    /// Named arguments, checked against the signature; left-out ones are absent. Secrets are symbolic still.
    pub args: Map,
    /// What the result must fit.
    pub output: Type,
    /// Type arguments, for skills that need a schema.
    pub type_args: Vec<(Arc<str>, Type)>,
    /// The same for every attempt of one step with the same arguments.
    pub idempotency_key: Arc<str>,
    pub run: Arc<str>,
    pub step: Arc<str>,
    pub attempt: u32,
    /// How long the attempt may take; the caller drops the future after it.
    pub timeout: Duration,
    pub tenant: Arc<str>,
    pub actor: Arc<str>,
}

/// What a skill gave.
#[derive(Clone, Debug)]
pub struct SkillOutput {
    pub value: Value,
    pub usage: Usage,
}

/// An implementation of one or more skills. Dropping the future of a call cancels it.
pub trait Skill: Send + Sync {
    /// Makes the call. The caller checks the result against its type, times it out and retries it.
    ///
    /// # Errors
    /// The failure as the plan's `on_error` sees it.
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>>;
}
