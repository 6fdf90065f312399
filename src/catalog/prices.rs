//! What models cost: a dated file in the field names of LiteLLM, laid over by one of the project.
//!
//! A name is looked up as it is, then without the date at its end, then without the provider before it, then as another name that the
//! file gives it; nothing is guessed from a family. What is not there has an unknown cost, which is not nothing. Sums are in whole
//! numbers: pico-dollars a token, nano-dollars a call.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};

const BUILTIN: &str = include_str!("../../stdlib/prices.json");

/// The prices of models.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    models: IndexMap<Arc<str>, Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    /// One after another in time.
    Rows(Vec<Price>),
    /// Another name of a model.
    Alias(Arc<str>),
}

/// What a model costs, in pico-dollars a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    rates: Rates,
    /// Beyond so many tokens of input the whole request has other rates.
    above: Vec<(i64, Rates)>,
    /// The day from which it holds, as in RFC 3339; `None`: from ever.
    pub effective_from: Option<Arc<str>>,
    /// Who provides it; `None`: whoever does.
    provider: Option<Arc<str>>,
    /// The longest input, in tokens.
    pub max_input: Option<i64>,
    /// Where the figures are from.
    pub source: Option<Arc<str>>,
    /// The first digits of the digest of what the file says.
    pub digest: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rates {
    input: u64,
    output: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_long: Option<u64>,
}

/// Tokens of one call, each counted in one of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: i64,
    pub cache_read: i64,
    pub cache_write: i64,
    pub cache_write_long: i64,
    pub output: i64,
}

impl Tokens {
    fn all_input(self) -> i64 {
        [self.cache_read, self.cache_write, self.cache_write_long]
            .iter()
            .fold(self.input, |sum, n| sum.saturating_add(*n))
    }
}

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub nanos: u64,
    /// Tokens of a cache are counted as plain input: the file has no rate for them.
    pub cache_guessed: bool,
}

impl Price {
    /// The same rates for all: what `aos.toml` says in two numbers, dollars a token.
    #[must_use]
    pub fn flat(input: f64, output: f64) -> Price {
        let rates = Rates {
            input: pico(input).unwrap_or(0),
            output: pico(output).unwrap_or(0),
            cache_read: None,
            cache_write: None,
            cache_write_long: None,
        };
        let digest = digest(&format!("{} {}", rates.input, rates.output));
        Price {
            rates,
            above: Vec::new(),
            effective_from: None,
            provider: None,
            max_input: None,
            source: Some("aos.toml".into()),
            digest,
        }
    }

    /// What a call costs that used so many tokens.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> Cost {
        let rates = self.rates_of(tokens.all_input());
        let cached = [
            (tokens.cache_read, rates.cache_read),
            (tokens.cache_write, rates.cache_write),
            (tokens.cache_write_long, rates.cache_write_long.or(rates.cache_write)),
        ];
        let mut pico = times(tokens.input, rates.input) + times(tokens.output, rates.output);
        for (count, rate) in cached {
            pico += times(count, rate.unwrap_or(rates.input));
        }
        let cache_guessed = cached.iter().any(|(count, rate)| *count > 0 && rate.is_none());
        Cost { nanos: u64::try_from((pico + 500) / 1_000).unwrap_or(u64::MAX), cache_guessed }
    }

    /// The most that a call costs which uses at most so many tokens, in nano-dollars.
    #[must_use]
    pub fn worst(&self, input: i64, output: i64) -> u64 {
        let (per_input, per_output) = self.worst_rates(input);
        let pico = times(input, per_input) + times(output, per_output);
        u64::try_from(pico.div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    /// The dearest rates of input and output that an input of at most so many tokens can have, in pico-dollars.
    #[must_use]
    pub fn worst_rates(&self, input: i64) -> (u64, u64) {
        let reached = self.above.iter().filter(|(above, _)| input > *above).map(|(_, rates)| rates);
        let all = std::iter::once(&self.rates).chain(reached);
        all.fold((0, 0), |(i, o), rates| {
            // Anthropic caches what it is asked to cache, and it never is; OpenAI does by itself.
            let written =
                rates.cache_write.filter(|_| self.provider.as_deref() != Some("anthropic")).unwrap_or(0);
            (i.max(rates.input).max(written), o.max(rates.output))
        })
    }

    /// The lengths of input beyond which a request has other rates, ascending.
    #[must_use]
    pub fn steps(&self) -> Vec<i64> {
        self.above.iter().map(|(above, _)| *above).collect()
    }

    fn rates_of(&self, input: i64) -> &Rates {
        let above = self.above.iter().filter(|(above, _)| input > *above).max_by_key(|(above, _)| *above);
        above.map_or(&self.rates, |(_, rates)| rates)
    }
}

fn times(tokens: i64, rate: u64) -> u128 {
    u128::try_from(tokens).unwrap_or(0) * u128::from(rate)
}

impl Prices {
    /// The prices that come along.
    #[must_use]
    pub fn builtin() -> &'static Prices {
        static PRICES: OnceLock<Prices> = OnceLock::new();
        PRICES.get_or_init(|| Prices::parse(BUILTIN, true).unwrap_or_default())
    }

    /// Those that come along, with a project's laid over.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn with_file(text: &str) -> Result<Prices, String> {
        let mut all = Self::builtin().clone();
        all.models.extend(Prices::parse(text, false)?.models);
        Ok(all)
    }

    /// Reads a file. Rows of the one that comes along hold for the provider that they name only: a model of the same name on
    /// another server has its own price.
    fn parse(text: &str, of_providers: bool) -> Result<Prices, String> {
        let all: Map<String, Json> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut models = IndexMap::new();
        for (name, entry) in all {
            // The file's words about itself, and LiteLLM's row that explains the fields.
            if name.starts_with('_') || name == "sample_spec" {
                continue;
            }
            let wrong = |why: &str| format!("`{name}`: {why}");
            let rows = match entry {
                Json::String(other) => {
                    models.insert(Arc::from(name), Entry::Alias(other.into()));
                    continue;
                }
                Json::Array(rows) => rows,
                row @ Json::Object(_) => vec![row],
                Json::Null | Json::Bool(_) | Json::Number(_) => {
                    return Err(wrong("neither a price, nor a list of prices, nor another name"));
                }
            };
            let mut prices = Vec::new();
            for row in &rows {
                // Rows of what is not paid by the token are of no use here.
                if let Some(price) = price(row, of_providers).map_err(|why| wrong(&why))? {
                    prices.push(price);
                }
            }
            if !prices.is_empty() {
                models.insert(Arc::from(name), Entry::Rows(prices));
            }
        }
        Ok(Prices { models })
    }

    /// The price of a model of a provider at a day (`2026-09-01`); `None`: it is not known.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str, day: &str) -> Option<&Price> {
        let family = if provider == "openai-chat" { "openai" } else { provider };
        let undated = without_date(model);
        let bare =
            |name: &str| name.strip_prefix(family).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        let names = [Some(model.to_owned()), Some(undated.to_owned()), bare(model), bare(undated)];
        names.iter().flatten().find_map(|name| self.rows(name, 0)).and_then(|rows| {
            let fits = |p: &&Price| p.provider.as_deref().is_none_or(|own| own == family);
            let holds = |p: &&Price| p.effective_from.as_deref().is_none_or(|from| from <= day);
            rows.iter().filter(fits).filter(holds).max_by(|a, b| a.effective_from.cmp(&b.effective_from))
        })
    }

    fn rows(&self, name: &str, depth: u8) -> Option<&[Price]> {
        match self.models.get(name)? {
            Entry::Rows(rows) => Some(rows),
            Entry::Alias(other) if depth < 4 => self.rows(other, depth + 1),
            Entry::Alias(_) => None,
        }
    }

    /// How many models have a price.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }
}

/// `claude-x-20260101`, `gpt-x-2026-01-01` and `x@20260101` without the date.
fn without_date(model: &str) -> &str {
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((name, date)) = model.rsplit_once(['-', '@'])
        && digits(date, 8)
    {
        return name;
    }
    let mut parts = model.rsplitn(4, '-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(d), Some(m), Some(y), Some(name)) if digits(d, 2) && digits(m, 2) && digits(y, 4) => name,
        _ => model,
    }
}

fn price(row: &Json, of_providers: bool) -> Result<Option<Price>, String> {
    let Json::Object(fields) = row else { return Err("a price is no object".to_owned()) };
    let Some(rates) = rates(fields, "")? else { return Ok(None) };
    let text = |name: &str| fields.get(name).and_then(Json::as_str).map(Arc::<str>::from);
    let mut above: Vec<(i64, Rates)> = Vec::new();
    for key in fields.keys() {
        let Some(suffix) = key.strip_prefix("input_cost_per_token") else { continue };
        let Some(thousands) = suffix.strip_prefix("_above_").and_then(|s| s.strip_suffix("k_tokens")) else {
            continue;
        };
        let Ok(thousands) = thousands.parse::<i64>() else { continue };
        if let Some(dearer) = self::rates(fields, suffix)? {
            above.push((thousands.saturating_mul(1_000), dearer));
        }
    }
    above.sort_by_key(|(from, _)| *from);
    let effective_from = text("effective_from");
    if let Some(day) = &effective_from
        && day.parse::<jiff::civil::Date>().is_err()
    {
        return Err(format!("`effective_from` is no day such as 2026-09-01: {day}"));
    }
    Ok(Some(Price {
        rates,
        above,
        effective_from,
        provider: text("litellm_provider").filter(|_| of_providers),
        max_input: fields.get("max_input_tokens").and_then(Json::as_i64),
        source: text("source"),
        digest: digest(&row.to_string()),
    }))
}

/// The rates under names with a suffix; those of the cache that are not said so are the plain ones.
fn rates(fields: &Map<String, Json>, suffix: &str) -> Result<Option<Rates>, String> {
    let rate = |name: &str| -> Result<Option<u64>, String> {
        let key = format!("{name}{suffix}");
        match fields.get(&key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => match value.as_f64().and_then(pico) {
                Some(pico) => Ok(Some(pico)),
                None => Err(format!("`{key}` is no price: {value}")),
            },
        }
    };
    let (Some(input), output) = (rate("input_cost_per_token")?, rate("output_cost_per_token")?) else {
        return Ok(None);
    };
    let embeds = fields.get("mode").and_then(Json::as_str) == Some("embedding");
    let Some(output) = output.or(embeds.then_some(0)) else { return Ok(None) };
    Ok(Some(Rates {
        input,
        output,
        cache_read: rate("cache_read_input_token_cost")?,
        cache_write: rate("cache_creation_input_token_cost")?,
        cache_write_long: rate("cache_creation_input_token_cost_above_1hr")?,
    }))
}

/// Dollars as whole pico-dollars; a token costs no thousand dollars.
fn pico(dollars: f64) -> Option<u64> {
    (0.0..1_000.0).contains(&dollars).then(|| (dollars * 1e12).round() as u64)
}

fn digest(text: &str) -> Arc<str> {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "2026-11-25";

    fn own(text: &str) -> Prices {
        Prices::with_file(text).unwrap()
    }

    #[test]
    fn names_are_found_without_guessing() {
        let prices = Prices::builtin();
        assert!(prices.len() > 50);
        let exact = prices.find("anthropic", "claude-haiku-4-5", DAY).unwrap();
        for name in
            ["claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5", "anthropic/claude-haiku-4-5@20251001"]
        {
            assert_eq!(prices.find("anthropic", name, DAY), Some(exact), "{name}");
        }
        assert!(prices.find("openai-chat", "gpt-4o-2024-08-06", DAY).is_some());
        for name in
            ["claude-haiku-9", "claude-haiku-4-5-turbo", "openrouter/claude-haiku-4-5", "", "-20251001"]
        {
            assert_eq!(prices.find("anthropic", name, DAY), None, "{name}");
        }
        assert_eq!(prices.find("ollama", "gpt-4o", DAY), None, "another server's model of the same name");
    }

    #[test]
    fn every_row_that_comes_along_says_where_it_is_from() {
        for (name, entry) in &Prices::builtin().models {
            let Entry::Rows(rows) = entry else { panic!("{name}") };
            for row in rows {
                assert!(row.source.is_some() && row.provider.is_some(), "{name}");
                assert!(row.rates.input > 0, "{name}");
            }
        }
    }

    #[test]
    fn prices_change_with_the_day() {
        let prices = Prices::builtin();
        let cost =
            |day| prices.find("anthropic", "claude-sonnet-5", day).unwrap().worst(1_000_000, 1_000_000);
        assert_eq!((cost("2026-08-31"), cost("2026-09-01")), (12_000_000_000, 18_000_000_000));
        let later = own(
            r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "effective_from": "2027-01-01"}}"#,
        );
        assert_eq!(later.find("ollama", "m", DAY), None, "no price yet");
    }

    #[test]
    fn whole_numbers_all_the_way() {
        let prices = Prices::builtin();
        let nano = prices.find("openai", "gpt-5-nano", DAY).unwrap();
        // 5 nano-dollars a cached token, 50 a token, 400 an answered one.
        let tokens = Tokens { input: 3, cache_read: 7, output: 2, ..Tokens::default() };
        assert_eq!(nano.cost(tokens), Cost { nanos: 3 * 50 + 7 * 5 + 2 * 400, cache_guessed: false });
        let opus = prices.find("anthropic", "claude-opus-5", DAY).unwrap();
        let tokens = Tokens { input: 1, cache_read: 1, cache_write: 1, cache_write_long: 1, output: 1 };
        assert_eq!(opus.cost(tokens).nanos, 5_000 + 500 + 6_250 + 10_000 + 25_000);
    }

    #[test]
    fn a_long_input_has_its_own_rates() {
        let price = Prices::builtin().find("openai", "gpt-5.4", DAY).unwrap().clone();
        let cost = |input| price.cost(Tokens { input, output: 1_000, ..Tokens::default() }).nanos;
        assert_eq!(cost(272_000), 272_000 * 2_500 + 1_000 * 15_000);
        assert_eq!(cost(272_001), 272_001 * 5_000 + 1_000 * 22_500);
        assert_eq!(price.worst(272_001, 1_000), cost(272_001));
        assert!(price.worst(272_000, 1_000) >= cost(272_000));
    }

    #[test]
    fn what_the_cache_costs_is_never_nothing() {
        let prices = own(r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}, "n": "m"}"#);
        let price = prices.find("ollama", "n", DAY).unwrap();
        let cost = price.cost(Tokens { input: 1, cache_read: 2, cache_write: 3, ..Tokens::default() });
        assert_eq!(cost, Cost { nanos: 6_000, cache_guessed: true });
    }

    #[test]
    fn wrong_files_are_refused_and_foreign_rows_passed_over() {
        for text in [
            "[]",
            r#"{"m": 3}"#,
            r#"{"m": [3]}"#,
            r#"{"m": {"input_cost_per_token": "1", "output_cost_per_token": 1}}"#,
            r#"{"m": {"input_cost_per_token": -1, "output_cost_per_token": 1}}"#,
            r#"{"m": {"input_cost_per_token": 1, "output_cost_per_token": 1, "effective_from": "soon"}}"#,
        ] {
            assert!(Prices::with_file(text).is_err(), "{text}");
        }
        let foreign = own(
            r#"{"sample_spec": {"input_cost_per_token": "x"}, "dall-e-2": {"input_cost_per_pixel": 1e-8}, "a": "b", "b": "a"}"#,
        );
        assert_eq!(foreign.find("openai", "dall-e-2", DAY), None);
        assert_eq!(foreign.find("openai", "a", DAY), None, "names in a circle");
    }
}
