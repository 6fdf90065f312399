//! `aos.toml`: read key by key, so that every unknown key has its place and a suggestion.

mod read;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Duration;

/// What `aos.toml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub project: ProjectConfig,
    /// By namespace.
    pub skills: IndexMap<Arc<str>, SkillConfig>,
    /// By name.
    pub secrets: IndexMap<Arc<str>, SecretSource>,
    /// Login names by role.
    pub people: IndexMap<Arc<str>, Vec<Arc<str>>>,
    /// By name.
    pub agents: IndexMap<Arc<str>, AgentConfig>,
    pub store: StoreConfig,
}

/// `[store]`: of the store that lies below the folder of this file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreConfig {
    /// Where files and large results are kept: `s3://BUCKET/PREFIX`; else in the store's folder.
    pub blobs: Option<Arc<str>>,
    /// The address of the service, where it is not Amazon's.
    pub endpoint: Option<Arc<str>>,
    pub region: Option<Arc<str>>,
    /// The names of the secrets that hold the id of the access key and the key; without them the service is asked as the
    /// environment says (`AWS_ACCESS_KEY_ID` and so on).
    pub keys: Option<(Arc<str>, Arc<str>)>,
}

/// `[project]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectConfig {
    pub name: Option<Arc<str>>,
    /// The folder of plan files.
    pub plans: Option<Arc<str>>,
    /// Folders of signature files, with where they are written.
    pub skills: Vec<(Arc<str>, Span)>,
    /// Whether `--as NAME` may answer for another login name.
    pub allow_as: bool,
    /// The file of prices, laid over those that come along.
    pub prices: Option<(Arc<str>, Span)>,
}

/// `[skills.<namespace>]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkillConfig {
    /// `None`: a built-in family.
    pub provider: Option<Provider>,
    /// The default time-out of a call.
    pub timeout: Option<Duration>,
    /// Calls at once.
    pub concurrency: Option<u32>,
    /// The largest result, in bytes.
    pub max_response: Option<u64>,
    pub http: HttpPolicy,
    pub llm: LlmPolicy,
    /// Where the table stands.
    pub span: Span,
}

/// Who may be reached over HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpPolicy {
    /// Host names, `*.example.com` for all below one; `None`: every public host.
    pub allow_hosts: Option<Vec<Arc<str>>>,
    pub deny_hosts: Vec<Arc<str>>,
    pub allow_private_network: bool,
    pub max_redirects: Option<u32>,
}

/// The protocols that models are asked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlmProvider {
    /// The Messages protocol.
    #[default]
    Anthropic,
    /// The Responses protocol.
    OpenAi,
    /// Chat completions: OpenAI, and whoever is compatible with it.
    OpenAiChat,
    /// Ollama's own.
    Ollama,
}

impl LlmProvider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Anthropic, Self::OpenAi, Self::OpenAiChat, Self::Ollama];

    /// The name in `aos.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::OpenAiChat => "openai-chat",
            Self::Ollama => "ollama",
        }
    }

    /// By the name in `aos.toml`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// Which model answers, in `[skills.llm]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LlmPolicy {
    /// The protocol, where it is said.
    pub provider: Option<LlmProvider>,
    /// What a server of `openai-chat` is: `vllm`, `llama.cpp` or `other`.
    pub engine: Option<Arc<str>>,
    /// The provider's address.
    pub url: Option<Arc<str>>,
    /// The model of calls that name none.
    pub model: Option<Arc<str>>,
    /// The name of the secret that holds the provider's key.
    pub key: Option<Arc<str>>,
    /// US dollars.
    pub input_cost_per_token: Option<f64>,
    /// US dollars.
    pub output_cost_per_token: Option<f64>,
}

/// What implements the skills of a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// JSON lines over stdin and stdout of a program that is started once.
    Process {
        command: Vec<Arc<str>>,
        env: IndexMap<Arc<str>, Arc<str>>,
        /// The working folder, relative to `aos.toml`.
        folder: Option<Arc<str>>,
    },
    /// One endpoint.
    Http { url: Arc<str>, headers: IndexMap<Arc<str>, Arc<str>> },
    /// An MCP server: a program, or an address.
    Mcp {
        command: Vec<Arc<str>>,
        url: Option<Arc<str>>,
        env: IndexMap<Arc<str>, Arc<str>>,
        headers: IndexMap<Arc<str>, Arc<str>>,
    },
    /// Plans of a file.
    Plan { file: Arc<str> },
}

/// Where a secret lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `env:NAME`
    Env(Arc<str>),
    /// `file:PATH`, relative to `aos.toml`.
    File(Arc<str>),
}

/// Whether an agent may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentStatus {
    #[default]
    Active,
    /// Nothing starts or goes on for it until it is active again.
    Paused,
    /// The same, for good.
    Disabled,
}

impl AgentStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Disabled];

    /// The name in `aos.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// The time over which a budget of an agent counts, back from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// Each run has its own.
    #[default]
    Run,
    Hour,
    Day,
    Week,
    /// Thirty days.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Run, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name in `aos.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// How far back it counts; `None` where it counts in a run.
    #[must_use]
    pub fn length(self) -> Option<Duration> {
        const HOUR: u64 = 3_600;
        let hours = match self {
            Self::Run => return None,
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        };
        Some(Duration::from_secs(hours * HOUR))
    }
}

/// So many calls in a time: `60/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentRate {
    pub count: i64,
    pub per_ms: i64,
}

impl AgentRate {
    /// From `10/s`, `60/min`, `100/h`, `1000/day`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        let count = count.trim().parse::<i64>().ok().filter(|n| *n > 0)?;
        let per_ms = match per.trim() {
            "s" | "sec" | "second" => 1_000,
            "min" | "m" | "minute" => 60_000,
            "h" | "hour" => 3_600_000,
            "d" | "day" => 86_400_000,
            _ => return None,
        };
        Some(AgentRate { count, per_ms })
    }
}

/// `[agents.<name>]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentConfig {
    pub description: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    pub status: AgentStatus,
    /// Skill names, `llm.*` for all of a namespace.
    pub grants: Vec<Arc<str>>,
    pub deny: Vec<Arc<str>>,
    /// Parameters that a plan of this agent may endorse.
    pub may_endorse: Vec<Arc<str>>,
    pub planner: Option<PlannerConfig>,
    pub budget: Option<AgentBudget>,
    /// Calls of all its runs, as `60/min`.
    pub rate: Option<AgentRate>,
}

/// `planner = { … }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannerConfig {
    pub provider: Option<LlmProvider>,
    pub model: Option<Arc<str>>,
    pub temperature: Option<f64>,
    /// The provider's address.
    pub url: Option<Arc<str>>,
    /// The name of the secret that holds the provider's key.
    pub key: Option<Arc<str>>,
    /// As in `[skills.llm]`.
    pub engine: Option<Arc<str>>,
}

/// `budget = { … }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentBudget {
    pub cost_usd: Option<f64>,
    pub tokens: Option<i64>,
    pub calls: Option<i64>,
    pub per: Period,
}

impl AgentConfig {
    /// Whether it may call a skill: one of its grants names it, and none of its denials.
    #[must_use]
    pub fn may_call(&self, skill: &str) -> bool {
        names(&self.grants, skill) && !names(&self.deny, skill)
    }

    /// What stands in its way, where it may not act.
    #[must_use]
    pub fn hindrance(&self, name: &str) -> Option<String> {
        let status = self.status.name();
        (self.status != AgentStatus::Active).then(|| {
            format!(
                "the agent `{name}` is {status}; set `status = \"active\"` in `[agents.{name}]` of aos.toml"
            )
        })
    }
}

/// Whether a list of patterns names a skill: `http.get`, `llm.*`, `*`.
#[must_use]
pub fn names(patterns: &[Arc<str>], skill: &str) -> bool {
    patterns.iter().any(|p| match p.strip_suffix('*') {
        Some(start) => skill.starts_with(start),
        None => **p == *skill,
    })
}

impl Config {
    /// Reads the text of an `aos.toml`; what is wrong is left at its default and reported as `config-invalid`.
    #[must_use]
    pub fn parse(source: SourceId, text: &str) -> (Config, Vec<Diagnostic>) {
        read::config(source, text)
    }
}

/// A duration as in plans: `250ms`, `10s`, `1h30m`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(ms)?)?;
        rest = tail;
    }
    Some(Duration::from_millis(total))
}

/// A size as in plans: `64KiB`, `1MiB`, or bytes.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
[project]
name = "triage"
plans = "plans"
skills = ["skills"]

[skills.math]
provider = "process"
command = ["python3", "skills/math.py"]
env = { MODE = "x" }
timeout = "5s"

[skills.http]
allow_hosts = ["api.example.com"]
allow_private_network = false

[secrets]
GITHUB = "env:GITHUB_TOKEN"

[people]
ops = ["ada"]

[agents.triager]
description = "Sorts the inbox"
owner = "ada"
status = "paused"
grants = ["http.get", "llm.*"]
deny = ["shell.*"]
planner = { provider = "anthropic", model = "m", temperature = 0.2 }
budget = { cost_usd = 5.0, per = "day" }
rate = "60/min"
"#;

    #[test]
    fn the_whole_form_is_read() {
        let (config, diagnostics) = Config::parse(SourceId(0), WHOLE);
        assert_eq!(diagnostics, vec![]);
        assert_eq!(config.project.name.as_deref(), Some("triage"));
        assert_eq!(config.skills["math"].timeout, Some(Duration::from_secs(5)));
        assert!(
            matches!(&config.skills["math"].provider, Some(Provider::Process { command, .. }) if command.len() == 2)
        );
        assert_eq!(config.skills["http"].http.allow_hosts.as_ref().map(Vec::len), Some(1));
        assert_eq!(config.secrets["GITHUB"], SecretSource::Env("GITHUB_TOKEN".into()));
        let triager = &config.agents["triager"];
        assert_eq!(triager.budget.as_ref().map(|b| (b.cost_usd, b.per)), Some((Some(5.0), Period::Day)));
        assert_eq!(triager.rate, Some(AgentRate { count: 60, per_ms: 60_000 }));
        assert_eq!(triager.status, AgentStatus::Paused);
        assert!(triager.hindrance("triager").is_some_and(|why| why.contains("`triager` is paused")));
        assert_eq!(
            ["llm.embed", "http.get", "http.post", "shell.run"].map(|s| triager.may_call(s)),
            [true, true, false, false]
        );
    }

    #[test]
    fn unknown_keys_have_place_and_suggestion() {
        let text = "[project]\nnmae = \"x\"\n[skils.x]\n";
        let (_, diagnostics) = Config::parse(SourceId(0), text);
        assert_eq!(diagnostics.len(), 2);
        assert_eq!(&text[diagnostics[0].span.range()], "nmae");
        assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `name`?"));
        assert_eq!(&text[diagnostics[1].span.range()], "skils");
    }

    #[test]
    fn wrong_values_are_reported() {
        let cases = [
            ("[project]\nname = 3", "3"),
            ("[skills.a]\nprovider = \"proces\"", "\"proces\""),
            ("[skills.a]\nprovider = \"process\"", "a"),
            ("[skills.a]\ntimeout = \"fast\"", "\"fast\""),
            ("[skills.a]\nconcurrency = 0", "0"),
            ("[secrets]\nA = \"x\"", "\"x\""),
            ("[people]\nops = \"ada\"", "\"ada\""),
            ("[agents.a]\nstatus = \"pausd\"", "\"pausd\""),
            ("[agents.a]\nrate = \"often\"", "\"often\""),
            ("[agents.a]\nbudget = { per = \"year\" }", "\"year\""),
            ("[agents.a]\nplanner = { provider = \"antropic\" }", "\"antropic\""),
            ("[agents.a]\ngrants = [\"llm.*.x\"]", "\"llm.*.x\""),
            ("[store]\nblobs = \"/tmp\"", "\"/tmp\""),
            ("[store]\naccess_key = \"AKIA\"\nsecret_key = \"S\"\n[secrets]\nS = \"env:S\"", "\"AKIA\""),
            ("[store]\naccess_key = \"S\"\n[secrets]\nS = \"env:S\"", "\"S\""),
        ];
        for (text, place) in cases {
            let (_, diagnostics) = Config::parse(SourceId(0), text);
            assert_eq!(diagnostics.len(), 1, "{text}: {diagnostics:?}");
            assert_eq!(&text[diagnostics[0].span.range()], place, "{text}");
        }
        assert_eq!(Config::parse(SourceId(0), "[project\n").1.len(), 1);
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration(""), None);
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("x"), None);
    }
}
