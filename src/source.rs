//! Source texts and places in them.

pub mod loader;

pub use loader::{DiskLoader, LoadError, Loader, MemoryLoader};

use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;

/// Names one text of a [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// A range of bytes in one source: `start` included, `end` not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The text the range lies in.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

/// Writes a span as `[source, start, end]`; it is read in this form and as a map.
///
/// # Errors
/// Those of the serializer.
pub fn brief<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    (span.source, span.start, span.end).serialize(serializer)
}

impl Span {
    /// The range `start..end` of `source`.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { source, start: clamp(start), end: clamp(end) }
    }

    /// The smallest range that holds both; `self` where the sources differ.
    #[must_use]
    pub fn to(self, other: Span) -> Self {
        if self.source != other.source {
            return self;
        }
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty range at the start of this one.
    #[must_use]
    pub fn head(self) -> Self {
        Span { end: self.start, ..self }
    }

    /// The empty range at the end of this one.
    #[must_use]
    pub fn tail(self) -> Self {
        Span { start: self.end, ..self }
    }

    /// The range as indices.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether `other` lies inside this range.
    #[must_use]
    pub fn contains(self, other: Span) -> bool {
        self.source == other.source && self.start <= other.start && other.end <= self.end
    }
}

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One text with its name.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path as the user knows it, for messages.
    pub path: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// A text under a name.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
        SourceFile {
            path: path.into(),
            text: text.into(),
            line_starts: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// The line (from 0) that holds the byte `offset`.
    #[must_use]
    pub fn line_of(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset of the first byte of a line (from 0).
    #[must_use]
    pub fn line_start(&self, line: usize) -> u32 {
        self.line_starts.get(line).copied().unwrap_or(self.text.len() as u32)
    }

    /// The place of a byte offset; offsets past the end are clamped.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let offset = floor_boundary(&self.text, offset as usize);
        let line = self.line_of(offset as u32);
        let start = self.line_start(line) as usize;
        let column = self.text.get(start..offset).map_or(0, |s| s.chars().count());
        Position { line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// The text of a span, empty where it does not fit.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// All texts of one compilation.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a text and returns its name.
    pub fn add(&mut self, path: &str, text: &str) -> SourceId {
        self.files.push(SourceFile::new(path, text));
        SourceId(self.files.len() as u32 - 1)
    }

    /// The text with this id.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All texts with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (SourceId(i as u32), f))
    }

    /// The text of a span, empty where it is unknown.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).map_or("", |f| f.slice(span))
    }
}
