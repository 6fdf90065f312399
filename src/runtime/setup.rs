//! From `aos.toml` to skills.

use super::blobs::{Blobs as BlobStore, BucketConfig};
use super::model::{self, ModelProvider};
use super::people::People;
use super::skill::config::{
    BlobSink, Blobs, EndpointConfig, HttpConfig, LlmConfig, ProcessConfig, Provider, SecretSource,
};
use super::skill::{Secrets, Skills, SkillsConfig};
use crate::catalog::prices::{Price, Prices};
use crate::project::config::{self, AgentConfig, Config, PlannerConfig, SkillConfig};
use crate::source::{DiskLoader, Loader as _, Sources};
use crate::value::SecretPart;
use indexmap::IndexMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A model of a project, with how it is asked.
pub struct Planner {
    pub provider: Arc<dyn ModelProvider>,
    /// None where `aos.toml` names none.
    pub model: Option<Arc<str>>,
    pub temperature: Option<f64>,
    prices: Arc<Prices>,
    /// Where `aos.toml` says the price itself.
    flat: Option<Price>,
}

impl Planner {
    /// What a model costs today; `None` where that is not known.
    #[must_use]
    pub fn price(&self, model: &str) -> Option<Price> {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        self.flat.clone().or_else(|| self.prices.find(self.provider.name(), model, &day).cloned())
    }
}

/// The model that plans for an agent: what `planner` of `[agents.NAME]` says, else `[skills.llm]`.
///
/// # Errors
/// `aos.toml` cannot be read or understood, or has no such agent.
pub fn planner(root: &Path, agent: Option<&str>) -> Result<Planner, String> {
    let config = config(root)?;
    let said = match agent {
        Some(name) => match config.agents.get(name) {
            Some(agent) => agent.planner.clone().unwrap_or_default(),
            None => return Err(format!("`aos.toml` has no agent `{name}`")),
        },
        None => PlannerConfig::default(),
    };
    let mut llm = llm_config(&config, root)?;
    // Another provider has another address, key, kind and price.
    if let Some(provider) = said.provider.filter(|p| *p != llm.provider) {
        llm = LlmConfig { provider, prices: llm.prices, max_body: llm.max_body, ..LlmConfig::default() };
    }
    if let Some(url) = &said.url {
        llm.url = Some(url.to_string());
    }
    if let Some(key) = &said.key {
        llm.key = Some(vec![SecretPart::Name(key.clone())]);
    }
    if let Some(engine) = &said.engine {
        llm.engine = Some(engine.to_string());
    }
    let secrets = Arc::new(Secrets::new(root.to_path_buf(), secrets(&config)));
    let model = said.model.or_else(|| llm.model.as_deref().map(Into::into));
    Ok(Planner {
        provider: model::connect(&llm, secrets),
        model,
        temperature: said.temperature,
        prices: Arc::clone(&llm.prices),
        flat: llm.price(),
    })
}

/// The skills of the project at `root`, by its `aos.toml` if there is one; file contents are kept below `store`.
///
/// # Errors
/// `aos.toml` cannot be read or understood, or asks for a provider that this version lacks.
pub fn skills(root: &Path, store: Option<&Path>) -> Result<Skills, String> {
    let config = config(root)?;
    let mut skills = SkillsConfig::new(root);
    if let Some(http) = config.skills.get("http") {
        skills.http = http_config(http);
    }
    skills.llm = llm_config(&config, root)?;
    for (namespace, skill) in &config.skills {
        if let Some(provider) = &skill.provider {
            skills.namespaces.insert(namespace.to_string(), self::provider(namespace, provider, skill)?);
        }
        if let Some(count) = skill.concurrency {
            skills.concurrency.insert(namespace.to_string(), count);
        }
    }
    skills.secrets = secrets(&config);
    skills.blobs = store.map(|dir| BlobSink(Arc::new(Kept(BlobStore::new(dir)))));
    Ok(Skills::new(skills))
}

/// `[secrets]`, with where a provider's key lies that nothing is said of.
fn secrets(config: &Config) -> IndexMap<String, SecretSource> {
    let source = |s: &config::SecretSource| match s {
        config::SecretSource::Env(name) => SecretSource::Env(name.to_string()),
        config::SecretSource::File(path) => SecretSource::File(PathBuf::from(&**path)),
    };
    let mut secrets: IndexMap<String, SecretSource> =
        config.secrets.iter().map(|(name, s)| (name.to_string(), source(s))).collect();
    for key in LlmConfig::KEYS {
        secrets.entry(key.to_owned()).or_insert_with(|| SecretSource::Env(key.to_owned()));
    }
    secrets
}

/// Who may answer the questions of the project at `root`.
///
/// # Errors
/// `aos.toml` cannot be read or understood.
pub fn people(root: &Path) -> Result<People, String> {
    let config = config(root)?;
    Ok(People { roles: config.people, allow_as: config.project.allow_as })
}

/// What an agent of the project at `root` may do.
///
/// # Errors
/// `aos.toml` cannot be read or understood, or has no such agent.
pub fn agent(root: &Path, name: &str) -> Result<AgentConfig, String> {
    let found = config(root)?.agents.shift_remove(name);
    found.ok_or_else(|| format!("`aos.toml` has no agent `{name}` any more"))
}

/// Where a store that lies at `data` keeps files and large results, if not in its own folder: what the nearest `aos.toml` above it
/// says.
///
/// # Errors
/// `aos.toml` cannot be read or understood, or a key is not to be had.
pub(super) fn bucket(data: &Path) -> Result<Option<BucketConfig>, String> {
    let data = std::path::absolute(data).map_err(|e| e.to_string())?;
    let Some(root) = data.ancestors().find(|dir| dir.join("aos.toml").is_file()) else { return Ok(None) };
    let config = config(root)?;
    let Some(url) = config.store.blobs.clone() else { return Ok(None) };
    let rest = url.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let secrets = Secrets::new(root.to_path_buf(), secrets(&config));
    let key =
        |name: &Arc<str>| secrets.key(&[SecretPart::Name(name.clone())]).map_err(|e| e.message.to_string());
    let keys = match &config.store.keys {
        Some((id, secret)) => Some((key(id)?, key(secret)?)),
        None => None,
    };
    Ok(Some(BucketConfig {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: config.store.endpoint.map(|e| e.to_string()),
        region: config.store.region.map(|r| r.to_string()),
        keys,
    }))
}

fn config(root: &Path) -> Result<Config, String> {
    let path = root.join("aos.toml");
    if path.is_file() { read(&path) } else { Ok(Config::default()) }
}

fn read(path: &Path) -> Result<Config, String> {
    let name = path.display();
    let text = DiskLoader.read(path).map_err(|e| format!("`{name}` cannot be read: {e}"))?;
    let mut sources = Sources::default();
    let id = sources.add(&name.to_string(), &text);
    let (config, found) = Config::parse(id, &text);
    match found.iter().find(|d| d.is_error()) {
        None => Ok(config),
        Some(error) => {
            let line = sources.get(id).map_or(1, |f| f.position(error.span.start).line);
            Err(format!("`{name}` line {line}: {}", error.message))
        }
    }
}

fn http_config(skill: &SkillConfig) -> HttpConfig {
    let policy = &skill.http;
    let mut http = HttpConfig {
        allow_hosts: policy.allow_hosts.as_ref().map(|hosts| hosts.iter().map(ToString::to_string).collect()),
        deny_hosts: policy.deny_hosts.iter().map(ToString::to_string).collect(),
        allow_private_network: policy.allow_private_network,
        ..HttpConfig::default()
    };
    if let Some(bytes) = skill.max_response {
        http.max_body = size(bytes);
    }
    if let Some(redirects) = policy.max_redirects {
        http.max_redirects = redirects as usize;
    }
    http
}

fn llm_config(config: &Config, root: &Path) -> Result<LlmConfig, String> {
    let mut llm = LlmConfig { prices: Arc::new(prices(config, root)?), ..LlmConfig::default() };
    let Some(skill) = config.skills.get("llm") else { return Ok(llm) };
    let policy = &skill.llm;
    llm.provider = policy.provider.unwrap_or_default();
    llm.url = policy.url.as_ref().map(ToString::to_string);
    llm.model = policy.model.as_ref().map(ToString::to_string);
    llm.key = policy.key.as_ref().map(|key| vec![SecretPart::Name(key.clone())]);
    llm.engine = policy.engine.as_ref().map(ToString::to_string);
    llm.input_cost_per_token = policy.input_cost_per_token;
    llm.output_cost_per_token = policy.output_cost_per_token;
    if let Some(bytes) = skill.max_response {
        llm.max_body = size(bytes);
    }
    Ok(llm)
}

/// The same for the project at `root`.
///
/// # Errors
/// As [`prices`], and `aos.toml` cannot be read or understood.
pub fn prices_of(root: &Path) -> Result<Prices, String> {
    prices(&config(root)?, root)
}

/// What models cost: the prices that come along, and those of the file that `aos.toml` names.
///
/// # Errors
/// The file cannot be read or understood.
pub fn prices(config: &Config, root: &Path) -> Result<Prices, String> {
    let Some((path, _)) = &config.project.prices else { return Ok(Prices::builtin().clone()) };
    let text = DiskLoader
        .read(&root.join(&**path))
        .map_err(|e| format!("the file of prices `{path}` cannot be read: {e}"))?;
    Prices::with_file(&text).map_err(|why| format!("the file of prices `{path}`: {why}"))
}

fn provider(namespace: &str, provider: &config::Provider, skill: &SkillConfig) -> Result<Provider, String> {
    match provider {
        config::Provider::Process { command, env, folder } => {
            let mut process = ProcessConfig::new(command.iter().map(ToString::to_string));
            process.env = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            process.cwd = folder.as_deref().map(PathBuf::from);
            if let Some(bytes) = skill.max_response {
                process.max_line = size(bytes);
            }
            Ok(Provider::Process(process))
        }
        config::Provider::Http { url, headers } => {
            let mut endpoint = EndpointConfig::new(&**url);
            endpoint.headers = header_parts(headers);
            endpoint.timeout = skill.timeout;
            if let Some(bytes) = skill.max_response {
                endpoint.max_body = size(bytes);
            }
            Ok(Provider::Http(endpoint))
        }
        config::Provider::Mcp { .. } => {
            Err(format!("`[skills.{namespace}]`: `provider = \"mcp\"` cannot be run yet"))
        }
        config::Provider::Plan { .. } => {
            Err(format!("`[skills.{namespace}]`: `provider = \"plan\"` cannot be run yet"))
        }
    }
}

/// `secret:NAME` stands for a secret of `[secrets]`, also behind a prefix: `Bearer secret:NAME`.
fn header_parts(headers: &IndexMap<Arc<str>, Arc<str>>) -> IndexMap<String, Vec<SecretPart>> {
    let parts = |value: &str| match value.split_once("secret:") {
        Some((before, name)) => vec![SecretPart::Text(before.into()), SecretPart::Name(name.trim().into())],
        None => vec![SecretPart::Text(value.into())],
    };
    headers.iter().map(|(name, value)| (name.to_string(), parts(value))).collect()
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

struct Kept(BlobStore);

impl Blobs for Kept {
    fn put(&self, _digest: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.put(bytes).map(drop).map_err(io::Error::other)
    }
}
