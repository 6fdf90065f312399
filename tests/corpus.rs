//! Corpus files: many named sections a file, the expected diagnostics marked under the line they belong to.
//!
//! ```text
//! //# name of a section
//! step a = …
//! //~ error[code]: part of the message
//! //~ 7 error[code]: the same, at column 7
//! ```
//! A section whose name ends in ` (fixed)` must parse clean once every first fix has been applied.

use aos::diagnostic::{Diagnostic, Severity};
use aos::source::{SourceFile, SourceId};
use aos::syntax::parse;
use std::path::Path;

/// One section of a corpus file: the text without its marks, and the marks.
pub struct Section {
    /// File and name.
    pub title: String,
    /// The text; marks are blank lines, so that lines keep their numbers.
    pub text: String,
    /// Line (from 1) and what stands behind `//~ `.
    pub expected: Vec<(u32, String)>,
}

/// The sections of all `.plan` files of a folder under `tests/corpus`.
pub fn sections(folder: &str) -> Vec<Section> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.retain(|f| f.extension().is_some_and(|e| e == "plan"));
    assert!(!files.is_empty(), "no corpus files in {}", folder.display());
    let mut all = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let mut current: Option<Section> = None;
        for line in std::fs::read_to_string(&file).unwrap().split_inclusive('\n') {
            if let Some(name) = line.strip_prefix("//# ") {
                all.extend(current.take());
                let title = format!("{stem}: {}", name.trim());
                current = Some(Section { title, text: String::new(), expected: Vec::new() });
                continue;
            }
            let Some(section) = current.as_mut() else { continue };
            match line.trim().strip_prefix("//~ ") {
                // A mark counts as no line: it is taken out, and speaks of the line before it.
                Some(mark) => {
                    let at = section.text.lines().count() as u32;
                    section.expected.push((at.max(1), mark.to_owned()));
                }
                None => section.text.push_str(line),
            }
        }
        all.extend(current);
    }
    all
}

/// How a diagnostic is written in a mark.
pub fn shown(d: &Diagnostic) -> String {
    let severity = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    format!("{severity}[{}]: {}", d.code, d.message)
}

/// What differs between the marks of a section and the diagnostics found.
pub fn compare(section: &Section, diagnostics: &[Diagnostic]) -> Option<String> {
    let file = SourceFile::new("", &section.text);
    let place = |d: &Diagnostic| file.position(d.span.start);
    let mut left: Vec<_> = diagnostics.iter().map(|d| (place(d).line, place(d).column, shown(d))).collect();
    let mut missing = Vec::new();
    for (line, whole) in &section.expected {
        let column = whole.split_once(' ').and_then(|(n, rest)| Some((n.parse::<u32>().ok()?, rest)));
        let mark = column.map_or(whole.as_str(), |(_, rest)| rest);
        let column = column.map(|(n, _)| n);
        let (head, part) = mark.split_once(": ").unwrap_or((mark, ""));
        match left.iter().position(|(l, c, text)| {
            l == line && column.is_none_or(|n| n == *c) && text.starts_with(head) && text.contains(part)
        }) {
            Some(at) => drop(left.remove(at)),
            None => missing.push(format!("  missing {line}: {whole}")),
        }
    }
    let extra = left.into_iter().map(|(line, column, text)| format!("  unexpected {line}:{column}: {text}"));
    let all: Vec<_> = missing.into_iter().chain(extra).collect();
    (!all.is_empty()).then(|| format!("{}\n{}", section.title, all.join("\n")))
}

/// The text with the first fix of every diagnostic applied.
pub fn fixed(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut edits: Vec<_> =
        diagnostics.iter().filter_map(|d| d.fixes.first()).flat_map(|f| f.edits.clone()).collect();
    edits.sort_by_key(|e| (e.span.start, e.span.end));
    let mut out = String::new();
    let mut at = 0;
    for edit in edits {
        let range = edit.span.range();
        if range.start < at {
            continue;
        }
        out.push_str(&text[at..range.start]);
        out.push_str(&edit.text);
        at = range.end;
    }
    out + &text[at..]
}

#[test]
fn syntax_sections_give_what_their_marks_say() {
    let mut wrong = Vec::new();
    for section in sections("syntax") {
        let parse = parse(SourceId(0), &section.text);
        wrong.extend(compare(&section, &parse.diagnostics));
        if section.title.ends_with("(fixed)") {
            let text = fixed(&section.text, &parse.diagnostics);
            let again = aos::syntax::parse(SourceId(0), &text);
            if let Some(d) = again.diagnostics.first() {
                wrong.push(format!("{}: after the fixes: {}\n{text}", section.title, shown(d)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} sections differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn check_sections_give_what_their_marks_say() {
    use aos::project::{Project, fix};
    use aos::source::DiskLoader;
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/check/section.plan");
    let (mut wrong, mut silent, mut count) = (Vec::new(), 0, 0);
    for section in sections("check") {
        let project = Project::load_text(&entry, &section.text, &DiskLoader);
        count += 1;
        silent += usize::from(section.expected.is_empty());
        wrong.extend(compare(&section, &project.analysis.diagnostics));
        if section.title.ends_with("(fixed)") {
            let fixed = fix::fix(&entry, &section.text, &DiskLoader);
            if let Some(d) = fixed.left().first() {
                wrong.push(format!("{}: after the fixes: {}\n{}", section.title, shown(d), fixed.text));
            }
        }
    }
    println!("{count} plans, {silent} of them correct");
    assert!(wrong.is_empty(), "{} sections differ\n{}", wrong.len(), wrong.join("\n"));
}

/// The text with the first fix of the first diagnostic, safe or not, and what is found then.
fn mended_by_hand(text: &str) -> (String, Vec<String>) {
    use aos::project::Project;
    use aos::source::DiskLoader;
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/check/section.plan");
    let found = Project::load_text(&entry, text, &DiskLoader).analysis.diagnostics;
    let text = fixed(text, found.get(..1).unwrap_or_default());
    let again = Project::load_text(&entry, &text, &DiskLoader).analysis.diagnostics;
    (text, again.iter().map(shown).collect())
}

#[test]
fn fixes_that_need_an_eye_leave_a_plan_that_checks_clean() {
    let list = [
        ("a hole", "plan p() -> string {\n  step a = file.read()\n  return a\n}", "file.read(path: \"\")"),
        (
            "a name",
            "plan p(path: string) -> string {\n  step a = file.read()\n  return a + path\n}",
            "file.read(path: path)",
        ),
        (
            "a record",
            "type Who = { name: string, age: int, tags: list<string>, note?: string }\nskill x.greet(who: Who, at: timestamp, how: \"loud\" | \"low\") -> string\nplan p() -> string {\n  step a = x.greet()\n  return a\n}",
            "who: { name: \"\", age: 0, tags: [] }, at: timestamp(\"2000-01-01T00:00:00Z\"), how: \"loud\"",
        ),
        (
            "a default",
            "plan p(c: bool) -> string {\n  step a = file.read(path: \"a\")\n    when c\n  return a\n}",
            "return a ?? \"\"",
        ),
        (
            "a default behind fields",
            "plan p(c: bool) -> int {\n  step a = http.get(url: \"a\")\n    when c\n  return a.status\n}",
            "return a?.status ?? 0",
        ),
        (
            "a default inside",
            "plan p(c: bool) -> list<string> {\n  step a = file.read(path: \"a\")\n    when c\n  return [a, \"b\"]\n}",
            "return [(a ?? \"\"), \"b\"]",
        ),
        (
            "match arms",
            "plan p(w: \"a\" | \"b\") -> json? {\n  step n = match w {\n    \"a\" => { return 1 }\n  }\n  return n\n}",
            "\"b\" => {}",
        ),
        (
            "a bound",
            "plan p(all: list<string>) -> list<int> {\n  step n = for one in all {\n    return size(one)\n  }\n  return n\n}",
            "in all max 100 {",
        ),
        (
            "a retry",
            "plan p() -> int {\n  step n = http.post(url: \"https://a.b\")\n    on_error retry 3\n  return n.status\n}",
            "on_error abort",
        ),
        (
            "a retry before something",
            "plan p() -> int? {\n  step n = http.post(url: \"https://a.b\")\n    on_error retry 3 then continue\n  return n?.status\n}",
            "on_error continue",
        ),
        (
            "an order",
            "plan p(url: string) -> string {\n  step post = http.post(url: url, body: \"done\")\n  require url != \"\" else \"no url\"\n  return post.body\n}",
            "require url != \"\" else \"no url\"\n\n  step post",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, part) in list {
        let (text, left) = mended_by_hand(text);
        if !left.is_empty() || !text.contains(part) {
            wrong.push(format!("{name}: {left:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parsing_is_total_on_cut_and_spoilt_plans() {
    let plan = include_str!("corpus/syntax/accepted.plan");
    let chars: Vec<char> = plan.chars().collect();
    let spoilers = ['{', '}', '(', '"', '$', '\u{1A}', 'ü', '\0', '?', '#', '`', '='];
    for i in (0..chars.len()).step_by(37) {
        let mut text: String = chars[..i].iter().collect();
        text.push(spoilers[i % spoilers.len()]);
        text.extend(chars[(i + i % 3).min(chars.len())..].iter().take(400));
        for d in parse(SourceId(0), &text).diagnostics {
            assert!(text.get(d.span.range()).is_some(), "{d:?}");
        }
    }
}
