//! From TOML with places to [`Config`].

use super::{
    AgentBudget, AgentConfig, AgentRate, AgentStatus, Config, HttpPolicy, LlmPolicy, LlmProvider, Period,
    PlannerConfig, ProjectConfig, Provider, SecretSource, SkillConfig, StoreConfig, parse_duration,
    parse_size,
};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::{SourceId, Span};
use indexmap::IndexMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) fn config(source: SourceId, text: &str) -> (Config, Vec<Diagnostic>) {
    let mut reader = Reader { source, diagnostics: Vec::new() };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(20) {
        let span = error.span().unwrap_or(0..0);
        reader.report(span, error.message().to_lowercase());
    }
    let config = reader.root(root.get_ref());
    crate::diagnostic::sort(&mut reader.diagnostics);
    (config, reader.diagnostics)
}

struct Reader {
    source: SourceId,
    diagnostics: Vec<Diagnostic>,
}

type Found<'t> = Option<&'t Spanned<DeValue<'t>>>;

/// A table whose keys have been looked at.
struct Keys<'t> {
    table: &'t DeTable<'t>,
}

impl<'t> Keys<'t> {
    fn get(&self, key: &str) -> Found<'t> {
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v)
    }
}

impl Reader {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    fn report(&mut self, range: Range<usize>, message: impl Into<String>) {
        let span = self.span(range);
        self.diagnostics.push(Diagnostic::new(Code::ConfigInvalid, span, message));
    }

    fn root(&mut self, table: &DeTable<'_>) -> Config {
        let keys =
            self.keys(table, "aos.toml", &["project", "skills", "secrets", "people", "agents", "store"]);
        let secrets = self.entries(keys.get("secrets"), Self::secret);
        Config {
            store: self.table(keys.get("store"), |r, t| r.store(t, &secrets)).unwrap_or_default(),
            project: self.table(keys.get("project"), Self::project).unwrap_or_default(),
            skills: self.tables(keys.get("skills"), Self::skill),
            secrets,
            people: self.entries(keys.get("people"), |r, v| r.strings(Some(v))),
            agents: self.tables(keys.get("agents"), |r, t, _| r.agent(t)),
        }
    }

    fn store(&mut self, table: &DeTable<'_>, secrets: &IndexMap<Arc<str>, SecretSource>) -> StoreConfig {
        let known = ["blobs", "endpoint", "region", "access_key", "secret_key"];
        let keys = self.keys(table, "[store]", &known);
        let blobs = self.string(keys.get("blobs"));
        let named = |url: &str| {
            url.strip_prefix("s3://").is_some_and(|rest| !rest.starts_with(['/']) && !rest.is_empty())
        };
        if let (Some(value), Some(url)) = (keys.get("blobs"), &blobs)
            && !named(url)
        {
            self.report(value.span(), format!("`{url}` is no bucket; write `s3://BUCKET/PREFIX`"));
        }
        let id = self.secret_named(keys.get("access_key"), secrets);
        let key = self.secret_named(keys.get("secret_key"), secrets);
        for (one, other, name) in [("access_key", &key, "secret_key"), ("secret_key", &id, "access_key")] {
            if let (Some(value), None, false) = (keys.get(one), other, table.contains_key(name)) {
                self.report(value.span(), format!("`{one}` needs `{name}` beside it"));
            }
        }
        StoreConfig {
            blobs,
            endpoint: self.string(keys.get("endpoint")),
            region: self.string(keys.get("region")),
            keys: id.zip(key),
        }
    }

    /// The name of a secret, which must be there.
    fn secret_named(
        &mut self,
        value: Found<'_>,
        secrets: &IndexMap<Arc<str>, SecretSource>,
    ) -> Option<Arc<str>> {
        let name = self.string(value)?;
        if !secrets.contains_key(&name) {
            let range = value.map_or(0..0, Spanned::span);
            // What stands here may be a key after all: it is not repeated.
            self.report(range, "`[secrets]` has no such name; keys are named here, never written");
        }
        Some(name)
    }

    /// Reports keys that are not among `known`.
    fn keys<'t>(&mut self, table: &'t DeTable<'t>, what: &str, known: &[&str]) -> Keys<'t> {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let span = self.span(key.span());
            let mut d = Diagnostic::new(Code::ConfigInvalid, span, format!("{what} has no key `{name}`"));
            d = match nearest(name, known.iter().copied()) {
                Some(near) => d
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(span, near)]),
                None => d.help(format!("use one of: {}", known.join(", "))),
            };
            self.diagnostics.push(d);
        }
        Keys { table }
    }

    fn wrong(&mut self, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let message = format!("expected {wanted}, found {}", value.get_ref().type_str());
        self.report(value.span(), message);
    }

    fn table<T>(&mut self, value: Found<'_>, read: impl FnOnce(&mut Self, &DeTable<'_>) -> T) -> Option<T> {
        let value = value?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value, "a table");
            return None;
        };
        Some(read(self, table))
    }

    fn tables<T>(
        &mut self,
        value: Found<'_>,
        mut read: impl FnMut(&mut Self, &DeTable<'_>, Span) -> T,
    ) -> IndexMap<Arc<str>, T> {
        let mut out = IndexMap::new();
        self.table(value, |reader, table| {
            for (key, value) in table {
                let span = reader.span(key.span());
                if let Some(read) = reader.table(Some(value), |r, t| read(r, t, span)) {
                    out.insert(Arc::from(key.get_ref().as_ref()), read);
                }
            }
        });
        out
    }

    fn entries<T>(
        &mut self,
        value: Found<'_>,
        read: impl Fn(&mut Self, &Spanned<DeValue<'_>>) -> Option<T>,
    ) -> IndexMap<Arc<str>, T> {
        let mut out = IndexMap::new();
        self.table(value, |reader, table| {
            for (key, value) in table {
                if let Some(value) = read(reader, value) {
                    out.insert(Arc::from(key.get_ref().as_ref()), value);
                }
            }
        });
        out
    }

    fn string(&mut self, value: Found<'_>) -> Option<Arc<str>> {
        let value = value?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(value, "a string");
        }
        text.map(Arc::from)
    }

    fn strings(&mut self, value: Found<'_>) -> Option<Vec<Arc<str>>> {
        Some(self.spanned_strings(value)?.into_iter().map(|(s, _)| s).collect())
    }

    fn spanned_strings(&mut self, value: Found<'_>) -> Option<Vec<(Arc<str>, Span)>> {
        let value = value?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(value, "a list of strings");
            return None;
        };
        let mut out = Vec::new();
        for item in items.iter() {
            if let Some(text) = self.string(Some(item)) {
                out.push((text, self.span(item.span())));
            }
        }
        Some(out)
    }

    fn bool(&mut self, value: Found<'_>) -> Option<bool> {
        let value = value?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong(value, "true or false");
        }
        found
    }

    fn int(&mut self, value: Found<'_>) -> Option<i64> {
        self.whole(value, 0)
    }

    fn whole(&mut self, value: Found<'_>, least: i64) -> Option<i64> {
        let value = value?;
        let found = match value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        if found.is_some_and(|n| n >= least) {
            return found;
        }
        let wanted = format!("a whole number from {least} up");
        match found {
            Some(n) => self.report(value.span(), format!("expected {wanted}, found {n}")),
            None => self.wrong(value, &wanted),
        }
        None
    }

    fn count(&mut self, value: Found<'_>) -> Option<u32> {
        self.int(value).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// A count of at least one.
    fn some(&mut self, value: Found<'_>) -> Option<u32> {
        self.whole(value, 1).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    fn float(&mut self, value: Found<'_>) -> Option<f64> {
        let value = value?;
        let found = match value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            DeValue::Float(n) => n.as_str().parse().ok(),
            _ => None,
        };
        if found.is_none() {
            self.wrong(value, "a number");
        }
        found
    }

    fn duration(&mut self, value: Found<'_>) -> Option<std::time::Duration> {
        let text = self.string(value)?;
        let found = parse_duration(&text);
        if let (None, Some(value)) = (found, value) {
            self.report(value.span(), "expected a duration such as \"30s\"");
        }
        found
    }

    fn size(&mut self, value: Found<'_>) -> Option<u64> {
        if value.is_some_and(|v| v.get_ref().is_integer()) {
            return self.int(value).and_then(|n| u64::try_from(n).ok());
        }
        let text = self.string(value)?;
        let found = parse_size(&text);
        if let (None, Some(value)) = (found, value) {
            self.report(value.span(), "expected a size such as \"1MiB\"");
        }
        found
    }

    fn project(&mut self, table: &DeTable<'_>) -> ProjectConfig {
        let keys = self.keys(table, "[project]", &["name", "plans", "skills", "allow_as", "prices"]);
        ProjectConfig {
            name: self.string(keys.get("name")),
            plans: self.string(keys.get("plans")),
            skills: self.spanned_strings(keys.get("skills")).unwrap_or_default(),
            allow_as: self.bool(keys.get("allow_as")).unwrap_or_default(),
            prices: keys.get("prices").and_then(|value| {
                let span = self.span(value.span());
                self.string(Some(value)).map(|path| (path, span))
            }),
        }
    }

    fn secret(&mut self, value: &Spanned<DeValue<'_>>) -> Option<SecretSource> {
        let text = self.string(Some(value))?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Some(SecretSource::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Some(SecretSource::File(path.into())),
            _ => {
                self.report(value.span(), "expected \"env:NAME\" or \"file:PATH\"");
                None
            }
        }
    }

    fn skill(&mut self, table: &DeTable<'_>, span: Span) -> SkillConfig {
        const KNOWN: &[&str] = &[
            "provider",
            "command",
            "url",
            "headers",
            "env",
            "folder",
            "file",
            "timeout",
            "concurrency",
            "max_response",
            "allow_hosts",
            "deny_hosts",
            "allow_private_network",
            "max_redirects",
            "model",
            "key",
            "engine",
            "input_cost_per_token",
            "output_cost_per_token",
        ];
        let keys = self.keys(table, "a table of skills", KNOWN);
        SkillConfig {
            provider: self.provider(&keys, span),
            timeout: self.duration(keys.get("timeout")),
            concurrency: self.some(keys.get("concurrency")),
            max_response: self.size(keys.get("max_response")),
            http: HttpPolicy {
                allow_hosts: self.strings(keys.get("allow_hosts")),
                deny_hosts: self.strings(keys.get("deny_hosts")).unwrap_or_default(),
                allow_private_network: self.bool(keys.get("allow_private_network")).unwrap_or_default(),
                max_redirects: self.count(keys.get("max_redirects")),
            },
            llm: LlmPolicy {
                provider: keys
                    .get("provider")
                    .and_then(|p| p.get_ref().as_str())
                    .and_then(LlmProvider::named),
                engine: self.engine(keys.get("engine")),
                url: self.string(keys.get("url")),
                model: self.string(keys.get("model")),
                key: self.string(keys.get("key")),
                input_cost_per_token: self.float(keys.get("input_cost_per_token")),
                output_cost_per_token: self.float(keys.get("output_cost_per_token")),
            },
            span,
        }
    }

    /// One of a few words.
    fn word(&mut self, value: Found<'_>, what: &str, known: &[&str]) -> Option<Arc<str>> {
        let word = self.string(value)?;
        if known.contains(&&*word) {
            return Some(word);
        }
        let place = self.span(value.map_or(0..0, Spanned::span));
        let d = Diagnostic::new(Code::ConfigInvalid, place, format!("there is no {what} `{word}`"));
        self.diagnostics.push(match nearest(&word, known.iter().copied()) {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d.help(format!("use one of: {}", known.join(", "))),
        });
        None
    }

    fn engine(&mut self, value: Found<'_>) -> Option<Arc<str>> {
        self.word(value, "engine", &["vllm", "llama.cpp", "other"])
    }

    fn provider(&mut self, keys: &Keys<'_>, span: Span) -> Option<Provider> {
        const KNOWN: [&str; 8] =
            ["process", "http", "mcp", "plan", "anthropic", "openai", "openai-chat", "ollama"];
        let name = self.string(keys.get("provider"))?;
        let command = self.strings(keys.get("command")).unwrap_or_default();
        let url = self.string(keys.get("url"));
        let env = self.entries(keys.get("env"), |r, v| r.string(Some(v)));
        let headers = self.entries(keys.get("headers"), |r, v| r.string(Some(v)));
        let needs = |reader: &mut Self, key: &str| {
            let d =
                Diagnostic::new(Code::ConfigInvalid, span, format!("the provider `{name}` needs `{key}`"));
            reader.diagnostics.push(d);
        };
        match &*name {
            "process" if command.is_empty() => needs(self, "command"),
            "process" => {
                return Some(Provider::Process { command, env, folder: self.string(keys.get("folder")) });
            }
            // The built-in family `llm` speaks their protocols.
            name if LlmProvider::named(name).is_some() => return None,
            "http" => match url {
                Some(url) => return Some(Provider::Http { url, headers }),
                None => needs(self, "url"),
            },
            "mcp" if command.is_empty() && url.is_none() => needs(self, "command` or `url"),
            "mcp" => return Some(Provider::Mcp { command, url, env, headers }),
            "plan" => match self.string(keys.get("file")) {
                Some(file) => return Some(Provider::Plan { file }),
                None => needs(self, "file"),
            },
            other => {
                let range = keys.get("provider").map_or(0..0, Spanned::span);
                let place = self.span(range);
                let mut d =
                    Diagnostic::new(Code::ConfigInvalid, place, format!("there is no provider `{other}`"));
                d = match nearest(other, KNOWN) {
                    Some(near) => d.help(format!("did you mean `{near}`?")),
                    None => d.help(format!("use one of: {}", KNOWN.join(", "))),
                };
                self.diagnostics.push(d);
            }
        }
        None
    }

    fn agent(&mut self, table: &DeTable<'_>) -> AgentConfig {
        const KNOWN: &[&str] =
            &["description", "owner", "status", "grants", "deny", "may_endorse", "planner", "budget", "rate"];
        let keys = self.keys(table, "an agent", KNOWN);
        AgentConfig {
            description: self.string(keys.get("description")),
            owner: self.string(keys.get("owner")),
            status: self.status(keys.get("status")),
            grants: self.patterns(keys.get("grants")),
            deny: self.patterns(keys.get("deny")),
            may_endorse: self.strings(keys.get("may_endorse")).unwrap_or_default(),
            planner: self.table(keys.get("planner"), Self::planner),
            budget: self.table(keys.get("budget"), Self::budget),
            rate: self.rate(keys.get("rate")),
        }
    }

    /// An agent whose status cannot be read does not act.
    fn status(&mut self, value: Found<'_>) -> AgentStatus {
        if value.is_none() {
            return AgentStatus::Active;
        }
        let word = self.word(value, "status", &AgentStatus::ALL.map(AgentStatus::name));
        let named = AgentStatus::ALL.into_iter().find(|s| Some(s.name()) == word.as_deref());
        named.unwrap_or(AgentStatus::Disabled)
    }

    fn rate(&mut self, value: Found<'_>) -> Option<AgentRate> {
        let text = self.string(value)?;
        let found = AgentRate::parse(&text);
        if let (None, Some(value)) = (found, value) {
            self.report(value.span(), "expected a rate such as \"60/min\"");
        }
        found
    }

    /// Names of skills; a `*` stands at the end only.
    fn patterns(&mut self, value: Found<'_>) -> Vec<Arc<str>> {
        let found = self.spanned_strings(value).unwrap_or_default();
        for (pattern, span) in &found {
            if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') || pattern.is_empty() {
                let d = Diagnostic::new(Code::ConfigInvalid, *span, format!("`{pattern}` names no skills"));
                self.diagnostics.push(d.help("write a name, or one that ends in `*`: `llm.*`"));
            }
        }
        found.into_iter().map(|(pattern, _)| pattern).collect()
    }

    fn planner(&mut self, table: &DeTable<'_>) -> PlannerConfig {
        let keys =
            self.keys(table, "a planner", &["provider", "model", "temperature", "url", "key", "engine"]);
        let providers = LlmProvider::ALL.map(LlmProvider::name);
        let provider = self.word(keys.get("provider"), "provider of models", &providers);
        PlannerConfig {
            provider: provider.as_deref().and_then(LlmProvider::named),
            model: self.string(keys.get("model")),
            temperature: self.float(keys.get("temperature")),
            url: self.string(keys.get("url")),
            key: self.string(keys.get("key")),
            engine: self.engine(keys.get("engine")),
        }
    }

    fn period(&mut self, value: Found<'_>) -> Period {
        let word = value.is_some().then(|| self.word(value, "period", &Period::ALL.map(Period::name)));
        Period::ALL
            .into_iter()
            .find(|p| Some(p.name()) == word.as_ref().and_then(|w| w.as_deref()))
            .unwrap_or_default()
    }

    fn budget(&mut self, table: &DeTable<'_>) -> AgentBudget {
        let keys = self.keys(table, "a budget", &["cost_usd", "tokens", "calls", "per"]);
        AgentBudget {
            cost_usd: self.float(keys.get("cost_usd")),
            tokens: self.int(keys.get("tokens")),
            calls: self.int(keys.get("calls")),
            per: self.period(keys.get("per")),
        }
    }
}
