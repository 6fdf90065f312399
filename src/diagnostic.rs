//! Diagnostics as plain data: what is wrong, where, why, and how to mend it.
//!
//! A diagnostic is built where its cause is found, by a constructor function there; its [`Code`] is a row of the table in
//! [`code`]; its page lies in `src/diagnostic/explain/`. Rendering happens at the edge.

pub mod code;
pub mod json;

pub use code::Code;

use crate::source::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan does not run.
    Error,
    /// The plan runs, but probably not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Which kind of finding.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// The text that is wrong; the diagnostic starts inside it.
    pub span: Span,
    /// What is here, shown under the span; may be empty.
    pub label: String,
    /// Other places that belong to it.
    pub labels: Vec<Label>,
    /// What to do, one imperative.
    pub help: Option<String>,
    /// Mends.
    pub fixes: Vec<Fix>,
}

/// A place that belongs to a diagnostic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// What is there.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// A mend as text edits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// One imperative: "rename it to `http.get`".
    pub title: String,
    /// Whether it may be applied without asking.
    pub safe: bool,
    /// Edits that do not overlap.
    pub edits: Vec<Edit>,
}

/// Puts `text` in place of a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What is replaced; may be empty.
    pub span: Span,
    /// The new text.
    pub text: String,
}

impl Diagnostic {
    /// A finding with the severity of its code.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.severity(),
            message: message.into(),
            span,
            label: String::new(),
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// Says what is at the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { message: message.into(), span });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a mend that may be applied without asking.
    #[must_use]
    pub fn fix(self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.with_fix(Fix { title: title.into(), safe: true, edits })
    }

    /// Adds a mend that needs a person's eye.
    #[must_use]
    pub fn unsafe_fix(self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.with_fix(Fix { title: title.into(), safe: false, edits })
    }

    fn with_fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Whether it keeps a plan from running.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Edit {
    /// Puts `text` in place of `span`.
    #[must_use]
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Edit { span, text: text.into() }
    }

    /// Puts `text` before `span`.
    #[must_use]
    pub fn before(span: Span, text: impl Into<String>) -> Self {
        Edit { span: span.head(), text: text.into() }
    }

    /// Puts `text` behind `span`.
    #[must_use]
    pub fn after(span: Span, text: impl Into<String>) -> Self {
        Edit { span: span.tail(), text: text.into() }
    }

    /// Takes `span` away.
    #[must_use]
    pub fn delete(span: Span) -> Self {
        Edit { span, text: String::new() }
    }
}

/// Sorts by place, worst first at the same place, and drops exact repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|d| (d.span.source, d.span.start, d.severity, d.span.end, d.code));
    diagnostics.dedup();
}

/// The candidate nearest to `name`, if it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let lower = name.to_lowercase();
    let distance = |candidate: &str| {
        let other = candidate.to_lowercase();
        if other == lower || squash(&other) == squash(&lower) {
            0
        } else {
            strsim::damerau_levenshtein(&lower, &other)
        }
    };
    candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| (distance(c), c))
        .filter(|(d, _)| *d <= limit)
        .min_by(|(d, a), (e, b)| d.cmp(e).then_with(|| a.cmp(b)))
        .map(|(_, c)| c)
}

/// The candidate whose words hold all of the name's, or the other way round: `Translation` for `MachineTranslation`. None where several
/// are as near.
#[must_use]
pub fn nearest_by_words<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (space, words) = words_of(name);
    let mut best: Option<(f64, &str, bool)> = None;
    for candidate in candidates {
        let (other_space, other) = words_of(candidate);
        if other_space != space || words.is_empty() || other.is_empty() {
            continue;
        }
        let shared = words.intersection(&other).count();
        let (fewer, more) = (words.len().min(other.len()), words.len().max(other.len()));
        let share = shared as f64 / more as f64;
        if shared < fewer || share < 0.3 || words.intersection(&other).all(|w| w.len() < 4) {
            continue;
        }
        match best {
            Some((before, _, _)) if share < before => {}
            Some((before, known, _)) if share == before && known != candidate => {
                best = Some((share, known, false))
            }
            Some(_) | None => best = Some((share, candidate, true)),
        }
    }
    best.filter(|(_, _, alone)| *alone).map(|(_, candidate, _)| candidate)
}

/// What stands before the last dot, and the words behind it: at `_`, `-` and where a capital begins one.
fn words_of(name: &str) -> (&str, BTreeSet<String>) {
    let (space, last) = name.rsplit_once('.').unwrap_or(("", name));
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut before = '_';
    for c in last.chars().chain(['_']) {
        let starts = c.is_uppercase() && before.is_lowercase();
        if !c.is_alphanumeric() || starts {
            words.insert(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.remove("");
    (space, words)
}

fn squash(name: &str) -> String {
    name.chars().filter(|c| *c != '_' && *c != '-').collect()
}
