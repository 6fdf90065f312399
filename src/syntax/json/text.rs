//! JSON with places: every value knows where it stands, every string where each of its characters came from.

use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{SourceId, Span};
use crate::syntax::MAX_FILE;
use crate::syntax::offsets::Offsets;
use crate::syntax::outline::MAX_DEPTH;

/// Texts of more values are refused: each takes memory, and the shortest are two bytes long.
const MAX_VALUES: usize = 1 << 20;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// As written, of JSON's form.
    Number(String),
    Text(Text),
    Array(Vec<Node>),
    Object(Vec<(Text, Node)>),
}

impl Node {
    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a bool",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a string",
            Kind::Array(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }
}

/// A string without its escapes.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) value: String,
    /// From the value to the file.
    pub(super) offsets: Offsets,
    /// With the quotes.
    pub(super) span: Span,
}

impl Text {
    /// What stands between the quotes.
    pub(super) fn inside(&self) -> Span {
        let start = self.span.start + 1;
        Span { start, end: (self.span.end.saturating_sub(1)).max(start), ..self.span }
    }
}

/// Reads a text that is one JSON value.
pub(super) fn read(source: SourceId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let mut reader = Reader { source, text, bytes: text.as_bytes(), at: 0, values: 0 };
    if text.len() > MAX_FILE {
        let d = Diagnostic::new(Code::TooLarge, reader.here(0, 0), "the file is larger than 64 MiB");
        return Err(Box::new(d));
    }
    if text.starts_with('\u{FEFF}') {
        reader.at = '\u{FEFF}'.len_utf8();
    }
    let node = reader.value(0)?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.wrong("something stands behind the end of the plan"));
    }
    Ok(node)
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

type Read<T> = Result<T, Box<Diagnostic>>;

impl Reader<'_> {
    fn here(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// The text here is no JSON.
    fn wrong(&self, message: impl Into<String>) -> Box<Diagnostic> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if word > 0 { word.min(40) } else { rest.chars().next().map_or(0, char::len_utf8) };
        let length = (length..rest.len()).find(|n| rest.is_char_boundary(*n)).unwrap_or(rest.len());
        let d = Diagnostic::new(Code::JsonForm, self.here(self.at, self.at + length), message);
        Box::new(match rest.bytes().next() {
            None => d.label("the text ends too early"),
            Some(b'\'') => d.label("JSON has strings in double quotes only"),
            Some(b'/' | b'#') => d.label("JSON has no comments"),
            Some(b'`') => d.label("a Markdown fence").help("give the JSON text alone"),
            Some(_) => d,
        })
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        self.blanks();
        self.values += 1;
        let start = self.at;
        if depth > MAX_DEPTH {
            let message = format!("arrays and objects nest deeper than {MAX_DEPTH} here");
            return Err(Box::new(Diagnostic::new(Code::TooDeep, self.here(start, start + 1), message)));
        }
        if self.values > MAX_VALUES {
            let message = format!("the file has more than {MAX_VALUES} values");
            let d = Diagnostic::new(Code::TooLarge, self.here(start, start + 1), message);
            return Err(Box::new(d.help("keep data in a file of its own and read it with `file.read`")));
        }
        let kind = match self.peek() {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Kind::Text(self.string()?),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { kind, span: self.here(start, self.at) })
    }

    fn word(&mut self) -> Read<Kind> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let kind = match rest.get(..length) {
            Some("null") => Kind::Null,
            Some("true") => Kind::Bool(true),
            Some("false") => Kind::Bool(false),
            Some("" | "None" | "True" | "False" | "undefined" | "NaN") | None | Some(_) => {
                return Err(self.wrong("this is no JSON value"));
            }
        };
        self.at += length;
        Ok(kind)
    }

    fn number(&mut self) -> Read<Kind> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while reader.peek().is_ascii_digit() {
                reader.at += 1;
            }
            reader.at > from
        };
        if self.peek() == b'-' {
            self.at += 1;
        }
        let zero = self.peek() == b'0';
        let first = self.at;
        let mut good = digits(self) && !(zero && self.at > first + 1);
        if self.peek() == b'.' {
            self.at += 1;
            good &= digits(self);
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            good &= digits(self);
        }
        if !good || self.peek().is_ascii_alphanumeric() || self.peek() == b'_' {
            self.at = start;
            return Err(self.wrong("this is no JSON number"));
        }
        Ok(Kind::Number(self.text.get(start..self.at).unwrap_or("0").to_owned()))
    }

    fn array(&mut self, depth: usize) -> Read<Kind> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.ends(b']')? {
                return Ok(Kind::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Kind> {
        self.at += 1;
        let mut entries = Vec::new();
        self.blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(Kind::Object(entries));
        }
        loop {
            self.blanks();
            if self.peek() != b'"' {
                return Err(self.wrong("a key in double quotes is wanted here"));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != b':' {
                return Err(self.wrong("`:` is wanted behind a key"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            entries.push((key, value));
            if self.ends(b'}')? {
                return Ok(Kind::Object(entries));
            }
        }
    }

    /// Passes over a comma, or the bracket that closes.
    fn ends(&mut self, close: u8) -> Read<bool> {
        self.blanks();
        if self.peek() == close {
            self.at += 1;
            return Ok(true);
        }
        if self.peek() != b',' || self.at >= self.bytes.len() {
            return Err(self.wrong(format!("`,` or `{}` is wanted here", char::from(close))));
        }
        let comma = self.at;
        self.at += 1;
        self.blanks();
        if self.peek() == close {
            let place = self.here(comma, comma + 1);
            let d = Diagnostic::new(Code::JsonForm, place, "JSON has no comma behind the last element");
            return Err(Box::new(d.fix("remove it", vec![Edit::delete(place)])));
        }
        Ok(false)
    }

    fn string(&mut self) -> Read<Text> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        let mut offsets = Offsets::empty();
        let mut run = self.at;
        loop {
            let byte = self.peek();
            if self.at >= self.bytes.len() || byte == b'\n' {
                self.at = start;
                return Err(self.wrong("the string is never closed"));
            }
            if byte < 0x20 {
                return Err(self.wrong("a control character in a string is written as an escape"));
            }
            if byte != b'"' && byte != b'\\' {
                self.at += 1;
                continue;
            }
            if run < self.at || byte == b'"' {
                offsets.run(value.len(), run, true);
                value.push_str(self.text.get(run..self.at).unwrap_or(""));
            }
            if byte == b'"' {
                self.at += 1;
                return Ok(Text { value, offsets, span: self.here(start, self.at) });
            }
            offsets.run(value.len(), self.at, false);
            value.push(self.escape()?);
            run = self.at;
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 2;
        let char = match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => match self.unicode() {
                Some(char) => char,
                None => {
                    self.at = start;
                    return Err(self.wrong("this `\\u` names no character"));
                }
            },
            Some(_) | None => {
                self.at = start;
                return Err(self.wrong("JSON has no such escape; a backslash is written `\\\\`"));
            }
        };
        Ok(char)
    }

    /// The character of the digits here, and of a second `\u` where they are the first half of a pair.
    fn unicode(&mut self) -> Option<char> {
        let unit = |reader: &mut Self| {
            let digits = reader.text.get(reader.at..reader.at + 4)?;
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            reader.at += 4;
            u32::from_str_radix(digits, 16).ok()
        };
        let first = unit(self)?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first);
        }
        if self.text.get(self.at..self.at + 2) != Some("\\u") {
            return None;
        }
        self.at += 2;
        let second = unit(self).filter(|n| (0xDC00..0xE000).contains(n))?;
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }
}
