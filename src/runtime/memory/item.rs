//! One memory, whatever it is of.

use super::index::About;
use super::{Content, Label, Note};
use crate::runtime::journal::RunRow;
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use uuid::Uuid;

/// What is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A run that has ended.
    Run(Box<RunRow>),
    /// A note, or a result that was kept.
    Note(Box<Note>),
}

/// The kinds of memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Run,
    Result,
    Note,
}

impl Kind {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Result => "result",
            Self::Note => "note",
        }
    }
}

impl Item {
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Run(row) => row.run,
            Self::Note(note) => note.id,
        }
    }

    #[must_use]
    pub fn at(&self) -> jiff::Timestamp {
        match self {
            Self::Run(row) => row.updated_at,
            Self::Note(note) => note.at,
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Run(_) => Kind::Run,
            Self::Note(note) => match note.content {
                Content::Text(_) => Kind::Note,
                Content::Value(_) => Kind::Result,
            },
        }
    }

    /// Of a run: of what [`super::context()`] shows of it; the text of its error is untrusted always.
    #[must_use]
    pub fn label(&self) -> Label {
        match self {
            Self::Run(row) if row.about.doubted => Label::Untrusted,
            Self::Run(_) => Label::Trusted,
            Self::Note(note) => note.label,
        }
    }

    pub(super) fn about(&self) -> About {
        let same = match self {
            Self::Run(row) => {
                let mut hash = DefaultHasher::new();
                (&row.about.digest, &row.about.goal, row.status as u8, &row.about.failed_step)
                    .hash(&mut hash);
                (!row.about.digest.is_empty()).then(|| hash.finish())
            }
            Self::Note(_) => None,
        };
        About { id: self.id(), at: self.at(), same }
    }

    /// The words that may be shown to a planner.
    pub(super) fn open_words(&self) -> String {
        match self {
            Self::Run(row) if row.about.doubted => String::new(),
            Self::Run(row) => {
                let about = &row.about;
                let parts =
                    [about.goal.as_ref(), Some(&row.plan), about.failed_step.as_ref(), about.error.as_ref()];
                join(parts.into_iter().flatten().chain(&about.skills))
            }
            Self::Note(note) => {
                let origin = note.origin.iter();
                let of = origin.clone().flat_map(|o| o.plan.iter().chain(&o.goal));
                match note.label {
                    Label::Trusted => join(of.chain(&note.tags).chain([&note.text()])),
                    Label::Untrusted => join(of),
                }
            }
        }
    }

    /// All words.
    pub(super) fn all_words(&self) -> String {
        match self {
            Self::Run(row) => {
                let about = &row.about;
                let parts =
                    [about.goal.as_ref(), Some(&row.plan), about.failed_step.as_ref(), about.error.as_ref()];
                let error = row.error.as_deref().unwrap_or_default();
                format!("{} {error}", join(parts.into_iter().flatten().chain(&about.skills)))
            }
            Self::Note(note) => {
                let of = note.origin.iter().flat_map(|o| o.plan.iter().chain(&o.goal));
                join(of.chain(&note.tags).chain([&note.text()]))
            }
        }
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a std::sync::Arc<str>>) -> String {
    parts.map(|part| &**part).collect::<Vec<_>>().join(" ")
}
