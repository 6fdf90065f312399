//! A small document algebra after Wadler: what may break, and a renderer that decides where it does.

use std::borrow::Cow;

/// Columns of one level of indentation.
const STEP: usize = 2;

/// Text with possible line breaks.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    Nil,
    /// Text without line breaks.
    Text(Cow<'static, str>),
    /// A blank, nothing at the end or the start of a line.
    Space,
    /// A blank, or a break where the group around it breaks.
    Line,
    /// Nothing, or a break where the group around it breaks.
    SoftLine,
    /// Always a break.
    HardLine,
    /// Always a break, with an empty line.
    BlankLine,
    /// Text only where the group around it breaks.
    IfBreak(&'static str),
    /// A comment: what follows starts a new line; one that had a line of its own starts one too.
    Comment {
        text: String,
        own_line: bool,
    },
    Concat(Vec<Doc>),
    Indent(Box<Doc>),
    /// On one line if it fits, else all its `Line`s break.
    Group(Box<Doc>),
}

/// Text.
pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Doc {
    Doc::Text(text.into())
}

/// One after the other.
pub(super) fn cat<const N: usize>(docs: [Doc; N]) -> Doc {
    Doc::Concat(docs.into())
}

/// Indented by one level.
pub(super) fn indent(doc: Doc) -> Doc {
    Doc::Indent(Box::new(doc))
}

/// On one line if it fits.
pub(super) fn group(doc: Doc) -> Doc {
    Doc::Group(Box::new(doc))
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Flat,
    Break,
}

#[derive(Clone, Copy)]
struct Task<'a> {
    indent: usize,
    mode: Mode,
    doc: &'a Doc,
}

impl Doc {
    /// Whether it always takes more than one line.
    pub(super) fn breaks(&self) -> bool {
        let mut work = vec![self];
        while let Some(doc) = work.pop() {
            match doc {
                Doc::HardLine | Doc::BlankLine | Doc::Comment { .. } => return true,
                Doc::Concat(docs) => work.extend(docs),
                Doc::Indent(doc) | Doc::Group(doc) => work.push(doc),
                Doc::Nil | Doc::Text(_) | Doc::Space | Doc::Line | Doc::SoftLine | Doc::IfBreak(_) => {}
            }
        }
        false
    }

    /// As lines of at most `width` columns where that can be; ends in a line break unless empty.
    pub(super) fn render(&self, width: usize) -> String {
        let mut out = self.layout(Fit::Width(width), Mode::Break, Writer::default()).out;
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }

    /// All on one line.
    pub(super) fn render_flat(&self) -> String {
        self.layout(Fit::Width(usize::MAX), Mode::Flat, Writer::default()).out
    }

    /// As lines that break where they do in a text; ends in a line break unless empty.
    pub(super) fn render_like(&self, text: &str) -> String {
        let mut out = self.layout(Fit::Like(text), Mode::Break, Writer::default()).out;
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }

    /// Whether it is on one line in a text that is written so far.
    fn flat_in(&self, text: &str, writer: &Writer) -> bool {
        if self.breaks() {
            return false;
        }
        // What is written before decides about blanks: one character stands for it.
        let before = if writer.out.is_empty() { "" } else { "x" };
        let start = Writer { out: before.to_owned(), ..*writer };
        let flat = self.layout(Fit::Width(usize::MAX), Mode::Flat, start).out;
        let rest = text.get(writer.out.len()..).unwrap_or("");
        rest.starts_with(flat.get(before.len()..).unwrap_or(""))
    }

    fn layout(&self, fit: Fit<'_>, mode: Mode, mut writer: Writer) -> Writer {
        let mut work = vec![Task { indent: 0, mode, doc: self }];
        while let Some(Task { indent, mode, doc }) = work.pop() {
            match doc {
                Doc::Nil => {}
                Doc::Text(text) => writer.text(indent, text),
                Doc::IfBreak(text) if mode == Mode::Break => writer.text(indent, text),
                Doc::Line if mode == Mode::Break => writer.newline(indent, false),
                Doc::SoftLine if mode == Mode::Break => writer.newline(indent, false),
                Doc::IfBreak(_) | Doc::SoftLine => {}
                Doc::Space | Doc::Line => writer.space = true,
                Doc::HardLine => writer.newline(indent, false),
                Doc::BlankLine => writer.newline(indent, true),
                Doc::Comment { text, own_line } => writer.comment(indent, text, *own_line),
                Doc::Concat(docs) => work.extend(docs.iter().rev().map(|doc| Task { indent, mode, doc })),
                Doc::Indent(doc) => work.push(Task { indent: indent + STEP, mode, doc }),
                Doc::Group(doc) => {
                    let flat = mode == Mode::Flat
                        || match fit {
                            Fit::Width(width) => {
                                fits(doc, &work, width.saturating_sub(writer.column(indent)))
                            }
                            Fit::Like(text) => doc.flat_in(text, &writer),
                        };
                    work.push(Task { indent, mode: if flat { Mode::Flat } else { Mode::Break }, doc });
                }
            }
        }
        writer
    }
}

/// What decides whether a group is on one line.
#[derive(Clone, Copy)]
enum Fit<'t> {
    /// Columns.
    Width(usize),
    /// How it is in this text.
    Like(&'t str),
}

/// Whether `doc` on one line, with what follows up to the next possible break, takes at most `room` columns.
fn fits(doc: &Doc, rest: &[Task<'_>], mut room: usize) -> bool {
    let mut rest = rest.iter().rev();
    let mut work = vec![(Mode::Flat, doc)];
    loop {
        let Some((mode, doc)) = work.pop() else {
            let Some(task) = rest.next() else { return true };
            work.push((task.mode, task.doc));
            continue;
        };
        let inside = mode == Mode::Flat;
        let taken = match doc {
            Doc::Nil | Doc::SoftLine | Doc::IfBreak(_) if inside => 0,
            Doc::Nil => 0,
            Doc::Text(text) => text.chars().count(),
            Doc::Line if inside => 1,
            Doc::Space => 1,
            Doc::HardLine | Doc::BlankLine | Doc::Comment { .. } => return !inside,
            Doc::Line | Doc::SoftLine => return true,
            Doc::IfBreak(text) => text.len(),
            Doc::Concat(docs) => {
                work.extend(docs.iter().rev().map(|doc| (mode, doc)));
                0
            }
            Doc::Indent(doc) | Doc::Group(doc) => {
                work.push((mode, doc));
                0
            }
        };
        // The blank before a break is dropped when it comes to that, so it may lie outside.
        if taken > room && !matches!(doc, Doc::Space) {
            return false;
        }
        room = room.saturating_sub(taken);
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Columns of the current line.
    used: usize,
    /// Indentation of the current line, until it has text.
    pending: Option<usize>,
    space: bool,
    /// The line ends in a comment: nothing may follow on it.
    closed: bool,
}

impl Writer {
    /// The column where text would go.
    fn column(&self, indent: usize) -> usize {
        if self.closed {
            return indent;
        }
        self.pending.unwrap_or(self.used + usize::from(self.space && self.used > 0))
    }

    fn text(&mut self, indent: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.closed {
            self.newline(indent, false);
        }
        if let Some(columns) = self.pending.take() {
            self.out.extend(std::iter::repeat_n(' ', columns));
            self.used = columns;
        } else if self.space && self.used > 0 {
            self.out.push(' ');
            self.used += 1;
        }
        self.space = false;
        self.out.push_str(text);
        self.used += text.chars().count();
    }

    fn newline(&mut self, indent: usize, blank: bool) {
        self.space = false;
        self.closed = false;
        if self.out.is_empty() {
            return;
        }
        self.out.push('\n');
        if blank {
            self.out.push('\n');
        }
        self.used = 0;
        self.pending = Some(indent);
    }

    fn comment(&mut self, indent: usize, text: &str, own_line: bool) {
        if own_line && self.used > 0 && self.pending.is_none() {
            self.newline(indent, false);
        }
        self.space = true;
        self.text(indent, text);
        self.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Doc {
        let mut inner = vec![Doc::SoftLine];
        for (i, item) in items.iter().enumerate() {
            inner.push(text(item.to_string()));
            if i + 1 < items.len() {
                inner.extend([text(","), Doc::Line]);
            } else {
                inner.push(Doc::IfBreak(","));
            }
        }
        group(cat([text("("), indent(Doc::Concat(inner)), Doc::SoftLine, text(")")]))
    }

    #[test]
    fn a_group_breaks_only_when_it_must() {
        assert_eq!(list(&["aa", "bb"]).render(8), "(aa, bb)\n");
        assert_eq!(list(&["aa", "bb"]).render(7), "(\n  aa,\n  bb,\n)\n");
        assert_eq!(cat([list(&["aa", "bb"]), text(";")]).render(8), "(\n  aa,\n  bb,\n);\n");
    }

    #[test]
    fn a_comment_ends_its_line() {
        let comment = Doc::Comment { text: "// c".into(), own_line: false };
        let doc = group(cat([text("a"), comment, Doc::Line, text("b")]));
        assert_eq!(doc.render(80), "a // c\nb\n");
        let comment = Doc::Comment { text: "// c".into(), own_line: true };
        let doc = indent(cat([text("a"), Doc::Space, comment, Doc::Space, text("b")]));
        assert_eq!(doc.render(80), "a\n  // c\n  b\n");
    }

    #[test]
    fn no_line_ends_in_a_blank() {
        let doc = cat([text("a"), Doc::Space, Doc::HardLine, indent(Doc::BlankLine), text("b"), Doc::Space]);
        assert_eq!(doc.render(80), "a\n\n\n  b\n");
    }
}
