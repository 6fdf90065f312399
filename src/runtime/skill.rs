//! Skills: what does the work. The signature is a `.plan` file; this is the other half.
//!
//! [`Skills`] finds the implementation of a name: first the providers of `aos.toml`, then the built-in families
//! of [`registry::BUILTIN`]. Secrets are turned to text on the way in and scrubbed from all that comes back, so
//! an implementation can neither journal nor show them by mistake.

pub mod config;
pub mod endpoint;
pub mod file;
pub mod http;
pub mod jq;
pub mod json;
pub mod llm;
pub mod memory;
pub mod process;
pub mod registry;
pub mod schema;
pub mod secrets;
pub mod shell;

mod args;
mod group;
pub(in crate::runtime) mod wire;

pub use config::{Blobs, HttpConfig, JqConfig, LlmConfig, Provider, SecretSource, SkillsConfig};
pub use registry::{Place, Skills};
pub use secrets::Secrets;

use super::model::Meter;
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
    /// Where calls of models book what they use.
    pub meter: Meter,
    /// The JSON Schemas of a skill whose signature was imported.
    pub schema: Option<Arc<schema::SkillSchema>>,
}

/// What a skill gave.
#[derive(Clone, Debug)]
pub struct SkillOutput {
    pub value: Value,
    pub usage: Usage,
}

impl SkillOutput {
    /// A result that cost nothing.
    #[must_use]
    pub fn free(value: Value) -> Self {
        Self { value, usage: Usage::default() }
    }
}

/// What a call costs at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// What its signature says.
    Signature,
    /// Nano-dollars.
    Nanos(u64),
    /// That is not known.
    Unknown,
}

/// An implementation of one or more skills. Dropping the future of a call cancels it.
pub trait Skill: Send + Sync {
    /// Makes the call. The caller checks the result against its type, times it out and retries it.
    ///
    /// # Errors
    /// The failure as the plan's `on_error` sees it.
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>>;

    /// What a call costs at the most, before it is made.
    fn bound(&self, _name: &str, _args: &Map) -> Bound {
        Bound::Signature
    }

    /// Lets go of what is held (processes); later calls may start it anew.
    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
