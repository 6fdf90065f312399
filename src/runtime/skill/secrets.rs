//! Secrets: turned to text only for a call, and scrubbed from whatever comes back.

use super::config::SecretSource;
use super::wire;
use crate::engine::Failure;
use crate::value::{Map, SecretPart, Value};
use base64::Engine as _;
use indexmap::IndexMap;
use std::borrow::Cow;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What stands where a secret stood.
pub const SCRUBBED: &str = "[secret]";
/// So many bytes of a secret, at the end of a cut text, are scrubbed too.
const TELLING: usize = 4;
/// The longest secret, bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// The `[secrets]` of a project. Printing it shows no values.
pub struct Secrets {
    root: PathBuf,
    sources: IndexMap<String, SecretSource>,
    /// Every text a secret was resolved to, and the forms it takes on the way; the longest first.
    seen: Mutex<Vec<Arc<str>>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("names", &self.sources.keys().collect::<Vec<_>>()).finish()
    }
}

impl Secrets {
    /// The secrets of a project at `root`; nothing is read yet.
    #[must_use]
    pub fn new(root: PathBuf, sources: IndexMap<String, SecretSource>) -> Self {
        Self { root, sources, seen: Mutex::new(Vec::new()) }
    }

    /// The text of parts. Read anew each time, so a changed secret is used at the next call.
    ///
    /// # Errors
    /// `unavailable`, naming what is to be configured.
    pub fn resolve(&self, parts: &[SecretPart]) -> Result<String, Failure> {
        let mut text = String::new();
        for part in parts {
            match part {
                SecretPart::Text(piece) => text.push_str(piece),
                SecretPart::Name(name) => text.push_str(&self.one(name)?),
            }
        }
        Ok(text)
    }

    /// The same for the key of a provider: a file that others than its owner can read is refused.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub fn key(&self, parts: &[SecretPart]) -> Result<String, Failure> {
        for part in parts {
            if let SecretPart::Name(name) = part
                && let Some(SecretSource::File(path)) = self.sources.get(&**name)
                && let Ok(meta) = self.root.join(path).metadata()
                && meta.permissions().mode() & 0o077 != 0
            {
                let shown = path.display();
                let text = format!(
                    "the secret `{name}` is not used: others can read the file `{shown}`; say `chmod 600 {shown}`"
                );
                return Err(Failure::new("unavailable", text));
            }
        }
        self.resolve(parts)
    }

    fn one(&self, name: &str) -> Result<String, Failure> {
        let missing = |why: String| Failure::new("unavailable", format!("the secret `{name}` {why}"));
        let source = self
            .sources
            .get(name)
            .ok_or_else(|| missing("is not configured; add it to `[secrets]` of `aos.toml`".into()))?;
        let text = match source {
            SecretSource::Env(var) => std::env::var(var)
                .map_err(|_| missing(format!("has no value: set the environment variable `{var}`")))?,
            SecretSource::File(path) => self.file(path).map_err(|why| {
                missing(format!("has no value: the file `{}` cannot be read ({why})", path.display()))
            })?,
        };
        if text.is_empty() {
            return Err(missing("is empty".into()));
        }
        self.remember(&text);
        Ok(text)
    }

    fn file(&self, path: &PathBuf) -> Result<String, String> {
        let file = std::fs::File::open(self.root.join(path)).map_err(|e| e.to_string())?;
        let mut text = String::new();
        let read = file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
        if read as u64 > MAX_SECRET {
            return Err(format!("longer than {MAX_SECRET} bytes"));
        }
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Ok(text)
    }

    /// Keeps the forms in which a secret may come back: plain, quoted in JSON, in an address, in base64.
    fn remember(&self, text: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.iter().any(|known| known.as_ref() == text) {
            return;
        }
        let quoted = serde_json::Value::from(text).to_string();
        let quoted = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut forms = vec![text.to_owned(), quoted, form];
        if text.len() >= 4 {
            let base64 = base64::engine::general_purpose::STANDARD.encode(text);
            forms.push(base64.trim_end_matches('=').to_owned());
        }
        for form in forms {
            if !seen.iter().any(|known| known.as_ref() == form) {
                seen.push(form.into());
            }
        }
        seen.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    fn seen(&self) -> Vec<Arc<str>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Arguments with every secret as its text.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub fn open(&self, args: Map) -> Result<Map, Failure> {
        args.into_iter().map(|(name, value)| Ok((name, self.open_value(value)?))).collect()
    }

    fn open_value(&self, value: Value) -> Result<Value, Failure> {
        Ok(match value {
            Value::Secret(parts) => Value::String(self.resolve(&parts)?.into()),
            Value::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.open_value(item.clone())).collect();
                Value::List(Arc::new(items?))
            }
            Value::Map(map) => Value::Map(Arc::new(self.open(map.as_ref().clone())?)),
            plain @ (Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::File(_)
            | Value::Type(_)) => plain,
        })
    }

    /// A text without any secret that was resolved so far.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        scrub_with(&self.seen(), text).into_owned()
    }

    /// A value without any secret that was resolved so far.
    #[must_use]
    pub fn scrub_value(&self, value: Value) -> Value {
        let seen = self.seen();
        if seen.is_empty() { value } else { scrub_value(&seen, value) }
    }

    /// A failure without any secret that was resolved so far.
    #[must_use]
    pub fn scrub_failure(&self, mut failure: Failure) -> Failure {
        let seen = self.seen();
        if !seen.is_empty() {
            failure.kind = scrub_with(&seen, &failure.kind).into();
            failure.message = scrub_with(&seen, &failure.message).into();
            failure.details = scrub_map(&seen, &failure.details);
        }
        failure
    }
}

fn scrub_with<'a>(seen: &[Arc<str>], text: &'a str) -> Cow<'a, str> {
    let mut clean = Cow::Borrowed(text);
    for secret in seen {
        if clean.contains(secret.as_ref()) {
            clean = Cow::Owned(clean.replace(secret.as_ref(), SCRUBBED));
        }
    }
    match scrub_cuts(seen, &clean) {
        Some(scrubbed) => Cow::Owned(scrubbed),
        None => clean,
    }
}

/// Excerpts are cut before they are scrubbed: where a text ends in the mark of a cut, the beginning of a secret may stand
/// before it.
fn scrub_cuts(seen: &[Arc<str>], text: &str) -> Option<String> {
    let mut clean: Option<String> = None;
    let mut from = 0;
    while let Some(cut) = clean.as_deref().unwrap_or(text).get(from..).and_then(|t| t.find(wire::CUT)) {
        let at = from + cut;
        from = at + wire::CUT.len_utf8();
        let before = clean.as_deref().unwrap_or(text).get(..at).unwrap_or_default();
        let begun = seen.iter().filter_map(|secret| begun(before, secret)).max().unwrap_or(0);
        if begun > 0 {
            let whole = clean.get_or_insert_with(|| text.to_owned());
            whole.replace_range(at - begun..at, SCRUBBED);
            from = from + SCRUBBED.len() - begun;
        }
    }
    clean
}

/// How many bytes at the end of a text are the beginning of a secret; shorter ones than [`TELLING`] tell nothing.
fn begun(text: &str, secret: &str) -> Option<usize> {
    let longest = secret.len().min(text.len());
    (TELLING..=longest).rev().find(|n| {
        secret.is_char_boundary(*n) && text.as_bytes().ends_with(secret.as_bytes().get(..*n).unwrap_or(b"?"))
    })
}

fn scrub_map(seen: &[Arc<str>], map: &Map) -> Map {
    map.iter().map(|(key, value)| (scrub_with(seen, key).into(), scrub_value(seen, value.clone()))).collect()
}

fn scrub_value(seen: &[Arc<str>], value: Value) -> Value {
    match value {
        Value::String(text) => match scrub_with(seen, &text) {
            Cow::Borrowed(_) => Value::String(text),
            Cow::Owned(clean) => Value::String(clean.into()),
        },
        Value::Bytes(bytes) => scrub_bytes(seen, bytes),
        Value::List(items) => {
            Value::List(Arc::new(items.iter().map(|item| scrub_value(seen, item.clone())).collect()))
        }
        Value::Map(map) => Value::Map(Arc::new(scrub_map(seen, &map))),
        plain @ (Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::File(_)
        | Value::Secret(_)
        | Value::Type(_)) => plain,
    }
}

fn scrub_bytes(seen: &[Arc<str>], bytes: Arc<[u8]>) -> Value {
    let mut clean: Vec<u8> = Vec::new();
    let mut rest: &[u8] = &bytes;
    let mut found = false;
    while let Some(first) = rest.first() {
        match seen.iter().find(|secret| rest.starts_with(secret.as_bytes())) {
            Some(secret) => {
                found = true;
                clean.extend_from_slice(SCRUBBED.as_bytes());
                rest = rest.get(secret.len()..).unwrap_or_default();
            }
            None => {
                clean.push(*first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    Value::Bytes(if found { clean.into() } else { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(folder: &std::path::Path, text: &str) -> Secrets {
        std::fs::write(folder.join("token"), text).unwrap();
        let sources = [("T".to_owned(), SecretSource::File("token".into()))].into_iter().collect();
        Secrets::new(folder.to_owned(), sources)
    }

    #[test]
    fn the_beginning_of_a_secret_before_a_cut_is_scrubbed() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), "correct horse battery");
        secrets.resolve(&["T".into()].map(SecretPart::Name)).unwrap();
        for kept in 4..20 {
            let cut = wire::excerpt(&format!("token={} (end)", "correct horse battery"), 6 + kept);
            let shown = secrets.scrub(&format!("the program said: {cut} and no more"));
            assert_eq!(shown, format!("the program said: token={SCRUBBED}… and no more"), "{kept}");
        }
        assert_eq!(secrets.scrub("cor… and correct… and …"), format!("cor… and {SCRUBBED}… and …"));
    }

    #[test]
    fn resolved_and_scrubbed_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), "a\"b/c d\n");
        let parts = [SecretPart::Text("Bearer ".into()), SecretPart::Name("T".into())];
        assert_eq!(secrets.resolve(&parts).unwrap(), "Bearer a\"b/c d");
        assert_eq!(
            secrets.scrub("x a\"b/c d y a\\\"b/c d z a%22b%2Fc+d"),
            "x [secret] y [secret] z [secret]"
        );
        let base64 = base64::engine::general_purpose::STANDARD.encode("a\"b/c d");
        assert!(!secrets.scrub(&base64).contains(base64.trim_end_matches('=')));
        let value = secrets.scrub_value(Value::Bytes(b"1a\"b/c d2".as_slice().into()));
        assert!(matches!(value, Value::Bytes(bytes) if bytes.as_ref() == b"1[secret]2"));
    }

    #[test]
    fn missing_ones_name_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(
            folder.path().to_owned(),
            [("V".to_owned(), SecretSource::Env("AOS_TEST_NOT_SET".into()))].into_iter().collect(),
        );
        let error = secrets.resolve(&[SecretPart::Name("V".into())]).unwrap_err();
        assert_eq!(error.kind.as_ref(), "unavailable");
        assert!(error.message.contains("AOS_TEST_NOT_SET"), "{}", error.message);
        let error = secrets.resolve(&[SecretPart::Name("W".into())]).unwrap_err();
        assert!(error.message.contains("[secrets]"), "{}", error.message);
    }
}
