//! Mending a text with the safe fixes of its diagnostics, again and again until none is left.

use super::{Asking, Project};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{Loader, SourceId};
use std::collections::HashSet;
use std::path::Path;

/// More rounds than this are not tried: each one mends at least one diagnostic of a text of sensible size.
const ROUNDS: usize = 32;

/// A mended text.
#[derive(Debug)]
pub struct Fixed {
    /// The text with all safe fixes.
    pub text: String,
    /// The titles of what was applied, in order.
    pub applied: Vec<String>,
    /// The mended text checked: what is left is why it is not clean.
    pub project: Project,
}

impl Fixed {
    /// The diagnostics that are left.
    #[must_use]
    pub fn left(&self) -> &[Diagnostic] {
        &self.project.analysis.diagnostics
    }
}

/// Applies safe fixes to a text that stands for the file at `entry`. Only that file is changed, never one it uses.
#[must_use]
pub fn fix(entry: &Path, text: &str, loader: &dyn Loader) -> Fixed {
    fix_for(entry, text, loader, &Asking::default())
}

/// The same for an agent, a writer, and what the writer had read.
#[must_use]
pub fn fix_for(entry: &Path, text: &str, loader: &dyn Loader, asking: &Asking) -> Fixed {
    let mut text = text.to_owned();
    let mut applied = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut project = Project::load_text_for(entry, &text, loader, asking);
    for _ in 0..ROUNDS {
        let Some(source) = project.files.first().map(|f| f.source) else { break };
        // What is typed wrong, or never thrown, may seem so because a name is wrong: such mends wait until nothing else can be done.
        let found = &project.analysis.diagnostics;
        let late = |d: &Diagnostic| {
            matches!(
                d.code,
                Code::NeedsCast
                    | Code::MaybeNull
                    | Code::MaybeMissing
                    | Code::DeadHandler
                    | Code::UnhandledError
                    | Code::DeadArm
            )
        };
        let first: Vec<Diagnostic> = found.iter().filter(|d| !late(d)).cloned().collect();
        let (mut next, mut titles) = apply(&text, source, &first);
        if titles.is_empty() {
            (next, titles) = apply(&text, source, found);
        }
        if titles.is_empty() || next == text || seen.contains(&next) {
            break;
        }
        seen.insert(std::mem::replace(&mut text, next));
        applied.extend(titles);
        project = Project::load_text_for(entry, &text, loader, asking);
    }
    Fixed { text, applied, project }
}

/// The text with the first safe fix of each diagnostic, and their titles. A fix that overlaps an earlier one waits for the next
/// round.
#[must_use]
pub fn apply(text: &str, source: SourceId, diagnostics: &[Diagnostic]) -> (String, Vec<String>) {
    let mut edits: Vec<&Edit> = Vec::new();
    let mut titles = Vec::new();
    for fix in diagnostics.iter().filter_map(|d| d.fixes.iter().find(|f| f.safe)) {
        let fits = |e: &&Edit| e.span.source == source && text.get(e.span.range()).is_some();
        let free = |e: &Edit| edits.iter().all(|other| apart(e, other));
        if !fix.edits.is_empty() && fix.edits.iter().all(|e| fits(&e) && free(e)) {
            edits.extend(&fix.edits);
            titles.push(fix.title.clone());
        }
    }
    edits.sort_by_key(|e| (e.span.start, e.span.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in edits {
        let range = edit.span.range();
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = range.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, titles)
}

/// Whether two edits touch no common place: two insertions at one place would stand in no known order.
fn apart(a: &Edit, b: &Edit) -> bool {
    a.span.end < b.span.start
        || b.span.end < a.span.start
        || (a.span.end == b.span.start || b.span.end == a.span.start) && a.span.start != b.span.start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryLoader;

    fn mended(text: &str) -> (String, usize) {
        let fixed = fix(Path::new("/p/a.plan"), text, &MemoryLoader::new([]));
        (fixed.text.clone(), fixed.left().len())
    }

    #[test]
    fn mistakes_of_several_layers_are_mended_in_rounds() {
        let bad = "plan p(repo: strng) -> json {\n  step a = http.gett(ur: repo)\n    timeout: 3s\n  return a.jsn\n}\n";
        let (text, left) = mended(bad);
        assert_eq!(left, 0, "{text}");
        assert!(text.contains("http.get(url: repo)") && text.contains("a.json"), "{text}");
    }

    #[test]
    fn a_text_without_a_safe_fix_is_left_as_it_is() {
        let bad = "plan p() -> json {\n  step a = http.get()\n  return a.json\n}\n";
        assert_eq!(mended(bad), (bad.to_owned(), 1));
    }
}
