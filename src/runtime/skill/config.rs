//! What the skills need to know of the project: plain data, filled from `aos.toml`.

use crate::catalog::prices::{Price, Prices};
use crate::project::config::LlmProvider;
use crate::value::SecretPart;
use indexmap::IndexMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One mebibyte, in bytes.
pub const MIB: usize = 1024 * 1024;

/// Everything the skills are configured by.
#[derive(Clone, Debug)]
pub struct SkillsConfig {
    /// The folder of `aos.toml`: the only place where `file.*` reads and writes, the working folder of programs.
    pub project_root: PathBuf,
    /// `[skills.http]`
    pub http: HttpConfig,
    /// `[skills.llm]`
    pub llm: LlmConfig,
    /// How `json.query` runs its programs.
    pub jq: JqConfig,
    /// Namespaces with a provider: `[skills.NAME]`. They win over built-in families.
    pub namespaces: IndexMap<String, Provider>,
    /// Calls at once, by namespace; built-in families too.
    pub concurrency: IndexMap<String, u32>,
    /// `[secrets]`
    pub secrets: IndexMap<String, SecretSource>,
    /// The most that `file.*` reads at once, bytes.
    pub max_file: usize,
    /// Where `file.open` keeps contents.
    pub blobs: Option<BlobSink>,
}

impl SkillsConfig {
    /// The defaults for a project at `project_root`: public hosts only, nothing else configured.
    pub fn new(project_root: impl Into<PathBuf>) -> Self {
        Self {
            project_root: project_root.into(),
            http: HttpConfig::default(),
            llm: LlmConfig::default(),
            jq: JqConfig::default(),
            namespaces: IndexMap::new(),
            concurrency: IndexMap::new(),
            secrets: IndexMap::new(),
            max_file: 10 * MIB,
            blobs: None,
        }
    }
}

/// Keeps contents by their digest.
pub trait Blobs: Send + Sync {
    /// Keeps `bytes`; `digest` is `sha256:<hex>` of them. Keeping the same twice does nothing.
    ///
    /// # Errors
    /// If they cannot be written.
    fn put(&self, digest: &str, bytes: &[u8]) -> io::Result<()>;
}

/// A shared [`Blobs`].
#[derive(Clone)]
pub struct BlobSink(pub Arc<dyn Blobs>);

impl fmt::Debug for BlobSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobSink")
    }
}

/// `[skills.http]`
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Only these hosts, where said: `api.example.com`, `*.example.com`, `host:8080`, `*`.
    pub allow_hosts: Option<Vec<String>>,
    /// Never these hosts; wins over `allow_hosts`.
    pub deny_hosts: Vec<String>,
    /// Whether addresses of private networks and of this machine may be reached. Link-local addresses, where
    /// clouds serve credentials, never are.
    pub allow_private_network: bool,
    /// The longest body of an answer, bytes.
    pub max_body: usize,
    /// How many redirects are followed.
    pub max_redirects: usize,
    /// Headers of every request that does not say otherwise.
    pub headers: IndexMap<String, Vec<SecretPart>>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allow_hosts: None,
            deny_hosts: Vec::new(),
            allow_private_network: false,
            max_body: 10 * MIB,
            max_redirects: 5,
            headers: IndexMap::new(),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// `[skills.llm]`
#[derive(Clone, Debug)]
pub struct LlmConfig {
    /// The protocol.
    pub provider: LlmProvider,
    /// The provider's address; without it that of the provider itself.
    pub url: Option<String>,
    /// The model of calls that name none.
    pub model: Option<String>,
    /// The provider's key: a secret. Without it the one that the provider's own address takes.
    pub key: Option<Vec<SecretPart>>,
    /// What a server of `openai-chat` is, where it shall not be asked: `vllm`, `llama.cpp` or `other`.
    pub engine: Option<String>,
    /// US dollars.
    pub input_cost_per_token: Option<f64>,
    /// US dollars.
    pub output_cost_per_token: Option<f64>,
    /// What models cost.
    pub prices: Arc<Prices>,
    /// The longest answer, bytes.
    pub max_body: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a provider may send nothing in the middle of an answer.
    pub idle_timeout: Duration,
}

impl LlmConfig {
    /// The secrets that hold the keys where `aos.toml` names none, which are also the variables they are read from.
    pub const KEYS: [&'static str; 2] = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"];

    /// The secret that holds the key: the one that is named, else the provider's usual one. A key of OpenAI goes to no other
    /// server unasked.
    #[must_use]
    pub fn key_parts(&self) -> Option<Vec<SecretPart>> {
        let usual = || self.usual_key().map(|name| vec![SecretPart::Name(name.into())]);
        self.key.clone().or_else(usual)
    }

    /// The name of the usual secret, where it is used.
    #[must_use]
    pub fn usual_key(&self) -> Option<&'static str> {
        let [anthropic, openai] = Self::KEYS;
        match self.provider {
            _ if self.key.is_some() => None,
            LlmProvider::Anthropic => Some(anthropic),
            LlmProvider::OpenAi => Some(openai),
            LlmProvider::OpenAiChat => self.url.is_none().then_some(openai),
            LlmProvider::Ollama => None,
        }
    }

    /// The address that paths are added to.
    #[must_use]
    pub fn base(&self) -> String {
        let (usual, version) = match self.provider {
            LlmProvider::Anthropic => ("https://api.anthropic.com", ""),
            LlmProvider::OpenAi | LlmProvider::OpenAiChat => ("https://api.openai.com", "/v1"),
            LlmProvider::Ollama => ("http://localhost:11434", ""),
        };
        let url = self.url.as_deref().unwrap_or(usual).trim_end_matches('/');
        // `http://localhost:8000` and `http://localhost:8000/v1` are the same server.
        let bare = url.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if bare { format!("{url}{version}") } else { url.to_owned() }
    }

    /// What a model costs on a day; `None`: that is not known.
    #[must_use]
    pub fn price_of(&self, model: &str, day: &str) -> Option<Price> {
        self.price().or_else(|| self.prices.find(self.provider.name(), model, day).cloned())
    }

    /// The price that `aos.toml` itself says.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        match (self.input_cost_per_token, self.output_cost_per_token) {
            (None, None) => None,
            (input, output) => Some(Price::flat(input.unwrap_or(0.0), output.unwrap_or(0.0))),
        }
    }
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            provider: LlmProvider::Anthropic,
            url: None,
            model: None,
            key: None,
            engine: None,
            input_cost_per_token: None,
            output_cost_per_token: None,
            prices: Arc::new(Prices::builtin().clone()),
            max_body: 16 * MIB,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// How jq programs are run: each in a process of its own, within these bounds.
#[derive(Clone, Debug)]
pub struct JqConfig {
    /// The program that is started with the argument `__jq`; without it this very program.
    pub program: Option<PathBuf>,
    /// The longest run.
    pub timeout: Duration,
    /// The most memory, bytes of address space: 256 MiB.
    pub max_memory: u64,
    /// The most output, bytes of JSON.
    pub max_output: usize,
}

impl Default for JqConfig {
    fn default() -> Self {
        Self {
            program: None,
            timeout: Duration::from_secs(10),
            max_memory: 256 * MIB as u64,
            max_output: 10 * MIB,
        }
    }
}

/// Who implements a namespace.
#[derive(Clone, Debug)]
pub enum Provider {
    /// A program that speaks JSON lines.
    Process(ProcessConfig),
    /// A server that takes one call a request.
    Http(EndpointConfig),
}

/// `provider = "process"`
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The program and its arguments; a program with a `/` is looked up from `project_root`, others in `PATH`.
    pub command: Vec<String>,
    /// The working folder, from `project_root`.
    pub cwd: Option<PathBuf>,
    /// Variables besides `PATH`, `HOME`, `LANG` and the like; nothing else is passed on.
    pub env: IndexMap<String, String>,
    /// The longest answer line, bytes: `max_response`, without it 16 MiB. Whatever it is, an answer of more than a
    /// million JSON values is refused, as small ones take some fifty times their bytes once they are read.
    pub max_line: usize,
    /// How long the program may take to end by itself at shutdown.
    pub grace: Duration,
}

impl ProcessConfig {
    /// The defaults for a command.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            cwd: None,
            env: IndexMap::new(),
            max_line: 16 * MIB,
            grace: Duration::from_secs(2),
        }
    }
}

/// `provider = "http"`
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Where the calls are posted.
    pub url: String,
    /// Headers of every call; they may hold secrets.
    pub headers: IndexMap<String, Vec<SecretPart>>,
    /// The longest answer, bytes: `max_response`, without it 16 MiB; bounded like `max_line`.
    pub max_body: usize,
    /// The longest call, where it is shorter than that of the signature.
    pub timeout: Option<Duration>,
}

impl EndpointConfig {
    /// The defaults for an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: IndexMap::new(), max_body: 16 * MIB, timeout: None }
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `env:NAME`: a variable of the environment.
    Env(String),
    /// `file:PATH`, from `project_root`; an end of line at its end is no part of it.
    File(PathBuf),
}
