//! The scanner: tokens of any text, without the grammar. It finds the pieces of a file, its comments and its bracket faults.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    /// A whole string with its quotes and `${…}`.
    Str,
    /// A string without its closing quotes.
    OpenStr,
    /// `(`, `[`, `{`
    Open(u8),
    /// `)`, `]`, `}`
    Close(u8),
    /// An operator or other punctuation.
    Punct,
    /// A character that stands nowhere in the language.
    Junk,
    Comment,
}

/// A piece of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Whether nothing but blanks stands before it on its line.
    pub(super) first: bool,
    /// How deep `${…}` nests in a string.
    pub(super) nesting: u16,
}

/// Cuts a text into tokens.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    end: usize,
    first: bool,
}

/// The closing bracket of an opening one.
pub(super) fn closer(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, start: usize, end: usize) -> Self {
        let first = text.get(..start).is_none_or(|t| {
            t.rsplit('\n').next().is_none_or(|line| line.bytes().all(|b| b.is_ascii_whitespace()))
        });
        Scanner { text, bytes: text.as_bytes(), at: start, end, first }
    }

    fn byte(&self, at: usize) -> u8 {
        if at < self.end { self.bytes.get(at).copied().unwrap_or(0) } else { 0 }
    }

    fn starts(&self, at: usize, what: &str) -> bool {
        self.bytes.get(at..self.end).is_some_and(|b| b.starts_with(what.as_bytes()))
    }

    fn while_at(&self, mut at: usize, test: impl Fn(u8) -> bool) -> usize {
        while at < self.end && test(self.byte(at)) {
            at += 1;
        }
        at
    }

    /// The end of the string whose quotes start at `at`, whether it is closed, and how deep it nests.
    fn string(&self, at: usize, raw: bool, interpolated: bool) -> (usize, bool, u16) {
        /// A string or an interpolation that is open.
        #[derive(Clone, Copy)]
        enum Mode {
            Text {
                quote: u8,
                triple: bool,
                raw: bool,
            },
            /// With the number of `{` that are open in it.
            Code {
                braces: u32,
            },
        }
        let open = |at: usize, raw: bool| {
            let quote = self.byte(at);
            let triple = self.byte(at + 1) == quote && self.byte(at + 2) == quote;
            (Mode::Text { quote, triple, raw }, at + if triple { 3 } else { 1 })
        };
        let (mode, mut at) = open(at, raw);
        let one_line = matches!(mode, Mode::Text { triple: false, .. });
        let mut stack = vec![mode];
        let mut deepest = 0;
        while let Some(mode) = stack.last_mut() {
            if at >= self.end {
                return (self.end, false, deepest);
            }
            let byte = self.byte(at);
            if byte == b'\n' && (one_line || matches!(mode, Mode::Text { triple: false, .. })) {
                return (at, false, deepest);
            }
            match mode {
                Mode::Text { quote, triple, raw } => {
                    if byte == b'\\' && !*raw {
                        at += if self.byte(at + 1) == b'\n' && !*triple { 1 } else { 2 };
                    } else if byte == *quote && !*triple {
                        at += 1;
                        stack.pop();
                    } else if byte == *quote && self.byte(at + 1) == *quote && self.byte(at + 2) == *quote {
                        at += 3;
                        stack.pop();
                    } else if byte == b'$' && self.byte(at + 1) == b'{' && !*raw && interpolated {
                        at += 2;
                        if stack.len() < 300 {
                            stack.push(Mode::Code { braces: 0 });
                        }
                        deepest = deepest.max((stack.len() / 2) as u16);
                    } else {
                        at += 1;
                    }
                }
                Mode::Code { braces } => match byte {
                    b'{' => {
                        *braces += 1;
                        at += 1;
                    }
                    b'}' if *braces > 0 => {
                        *braces -= 1;
                        at += 1;
                    }
                    b'}' => {
                        stack.pop();
                        at += 1;
                    }
                    b'"' | b'\'' => {
                        let raw = matches!(self.byte(at.wrapping_sub(1)), b'r' | b'R')
                            && !matches!(self.byte(at.wrapping_sub(2)), b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9');
                        let (mode, next) = open(at, raw);
                        if stack.len() < 300 {
                            stack.push(mode);
                        }
                        at = next;
                    }
                    b'/' if self.byte(at + 1) == b'/' => at = self.while_at(at, |b| b != b'\n'),
                    _ => at += 1,
                },
            }
        }
        (at.min(self.end), true, deepest)
    }

    fn punct(&self, at: usize) -> usize {
        const TWO: &[&str] = &["=>", "->", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", ".."];
        if TWO.iter().any(|t| self.starts(at, t)) { at + 2 } else { at + 1 }
    }

    fn number(&self, at: usize) -> usize {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut end = self.while_at(at, word);
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            end = self.while_at(end + 1, word);
        }
        let hex = self.starts(at, "0x") || self.starts(at, "0X");
        if !hex && matches!(self.byte(end - 1), b'e' | b'E') && matches!(self.byte(end), b'+' | b'-') {
            end = self.while_at(end + 1, word);
        }
        if self.byte(end) == b'%' && !matches!(self.byte(end + 1), b' ') { end + 1 } else { end }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            match self.byte(self.at) {
                _ if self.at >= self.end => return None,
                b'\n' => self.first = true,
                b' ' | b'\t' | b'\r' => {}
                _ => break,
            }
            self.at += 1;
        }
        let start = self.at;
        let byte = self.byte(start);
        let mut nesting = 0;
        let (kind, end) = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let end = self.while_at(start, |b| b.is_ascii_alphanumeric() || b == b'_');
                let word = self.text.get(start..end).unwrap_or("");
                let prefix = match word {
                    "r" | "R" => Some((true, false)),
                    "b" | "B" => Some((false, false)),
                    "br" | "bR" | "Br" | "BR" => Some((true, false)),
                    _ => None,
                };
                match prefix.filter(|_| matches!(self.byte(end), b'"' | b'\'')) {
                    Some((raw, interpolated)) => {
                        let (end, closed, _) = self.string(end, raw, interpolated);
                        (if closed { Kind::Str } else { Kind::OpenStr }, end)
                    }
                    None => (Kind::Word, end),
                }
            }
            b'0'..=b'9' => (Kind::Number, self.number(start)),
            b'"' | b'\'' => {
                let (end, closed, deepest) = self.string(start, false, true);
                nesting = deepest;
                (if closed { Kind::Str } else { Kind::OpenStr }, end)
            }
            b'/' if self.byte(start + 1) == b'/' => (Kind::Comment, self.while_at(start, |b| b != b'\n')),
            b'(' | b'[' | b'{' => (Kind::Open(byte), start + 1),
            b')' | b']' | b'}' => (Kind::Close(byte), start + 1),
            b'=' | b'-' | b'+' | b'*' | b'/' | b'%' | b'<' | b'>' | b'!' | b'&' | b'|' | b'?' | b':'
            | b'.' | b',' => (Kind::Punct, self.punct(start)),
            _ => {
                let mut end = start + 1;
                while end < self.end && !self.text.is_char_boundary(end) {
                    end += 1;
                }
                (Kind::Junk, end)
            }
        };
        let mut end = end.min(self.end);
        while end < self.end && !self.text.is_char_boundary(end) {
            end += 1;
        }
        let first = std::mem::replace(&mut self.first, false);
        self.at = end;
        if kind == Kind::Str || kind == Kind::OpenStr {
            // After a string of several lines the rest of its last line is not the first thing there.
            self.first = false;
        }
        Some(Token { kind, start: start as u32, end: end as u32, first, nesting })
    }
}
