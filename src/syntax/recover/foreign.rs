//! Forms of other languages that leave no doubt about what was meant.

use super::{Mend, Recovery, enclosing};
use crate::diagnostic::Code;
use crate::syntax::offsets::Change;
use crate::syntax::scan::{Kind, Token};

fn one(start: u32, end: u32, text: &str) -> Change {
    Change { start, end, text: text.into() }
}

fn mend(message: impl Into<String>, title: impl Into<String>, changes: Vec<Change>) -> Option<Mend> {
    Some((Code::ForeignSyntax, message.into(), title.into(), changes))
}

impl Recovery<'_> {
    /// What another language would write at the token `n`.
    pub(super) fn foreign(&self, tokens: &[Token], n: usize, bracket: Option<u8>) -> Option<Mend> {
        let here = tokens.get(n)?;
        let before = n.checked_sub(1).and_then(|n| tokens.get(n));
        let (word, last) = (self.word(here), before.map_or("", |t| self.word(t)));
        let next = tokens.get(n + 1);
        let whole = |text: &str| one(here.start, here.end, text);
        match word {
            "and" | "or" => {
                let to = if word == "and" { "&&" } else { "||" };
                mend(format!("`{word}` is written `{to}`"), format!("write `{to}`"), vec![whole(to)])
            }
            "elif" | "elsif" | "elseif" => {
                mend(format!("`{word}` is written `else if`"), "write `else if`", vec![whole("else if")])
            }
            ";" => mend("nothing ends with `;`", "remove it", vec![whole("")]),
            "=>" if bracket == Some(b'(') => self.lambda(tokens, n),
            "=" if matches!(last, "==" | "!=") && before.is_some_and(|b| b.end == here.start) => mend(
                format!("`{last}=` is written `{last}`"),
                format!("write `{last}`"),
                vec![one(here.start, here.end, "")],
            ),
            "`" => self.backticks(tokens, n),
            "f" if next.is_some_and(|t| t.kind == Kind::Str && t.start == here.end) => {
                self.f_string(here, next?)
            }
            "$" => self.dollar(tokens, n),
            "," | "}" if bracket == Some(b'{') && before.is_some_and(|b| b.kind == Kind::Word) => {
                self.shorthand(tokens, n)
            }
            ":" if bracket.is_none() => self.typed_name(tokens, n),
            "const" | "var" | "val" if here.first && self.in_body() => {
                mend(format!("`{word}` is written `let`"), "write `let`", vec![whole("let")])
            }
            _ if last == "await" && here.kind == Kind::Word => {
                let await_ = before?;
                mend(
                    "nothing is awaited: a step waits for what it mentions",
                    "remove it",
                    vec![one(await_.start, here.start, "")],
                )
            }
            _ => None,
        }
    }

    /// `xs.map(x => x.name)`, `xs.map((x) => x.name)`
    fn lambda(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let here = tokens.get(n)?;
        let before = tokens.get(n.checked_sub(1)?)?;
        let name = if before.kind == Kind::Word { before } else { tokens.get(n.checked_sub(2)?)? };
        let open = if before.kind == Kind::Word { before } else { tokens.get(n.checked_sub(3)?)? };
        let parenthesised = before.kind == Kind::Close(b')') && open.kind == Kind::Open(b'(');
        if name.kind != Kind::Word || (before.kind != Kind::Word && !parenthesised) {
            return None;
        }
        let mut changes = vec![one(name.end, here.end, ",")];
        if parenthesised {
            changes.insert(0, one(open.start, open.end, ""));
        }
        let name = self.word(name);
        mend(
            "a macro takes its variable and its expression with a comma",
            format!("write `{name}, …`"),
            changes,
        )
    }

    /// A text between backticks.
    fn backticks(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let open = tokens.get(n)?;
        let close = tokens.get(n + 1..)?.iter().find(|t| self.word(t) == "`")?;
        let inside = self.slice(open.end, close.start);
        let quotes = if inside.contains('\n') { "\"\"\"" } else { "\"" };
        if inside.contains('"') {
            return None;
        }
        let changes = vec![one(open.start, open.end, quotes), one(close.start, close.end, quotes)];
        mend("a text stands between `\"`", "write `\"…\"`", changes)
    }

    /// `f"… {x} …"`
    fn f_string(&self, here: &Token, text: &Token) -> Option<Mend> {
        let mut changes = vec![one(here.start, here.end, "")];
        let mut before = ' ';
        for (at, c) in self.word(text).char_indices() {
            if c == '{' && before != '$' {
                let at = text.start + at as u32;
                changes.push(one(at, at, "$"));
            }
            before = c;
        }
        mend("every text may hold `${…}`", "write `\"… ${…} …\"`", changes)
    }

    /// `${x}` and `$x` outside of a text.
    fn dollar(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let (here, next) =
            (tokens.get(n)?, tokens.get(n + 1).filter(|t| t.start == tokens.get(n).map_or(0, |h| h.end))?);
        let message = "outside of a text a value is named without `$`";
        if next.kind != Kind::Open(b'{') {
            return mend(message, "remove the `$`", vec![one(here.start, here.end, "")]);
        }
        let mut depth = 0_usize;
        let close = tokens.get(n + 1..)?.iter().find(|t| {
            match t.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })?;
        mend(
            message,
            "remove the `${` and `}`",
            vec![one(here.start, next.end, ""), one(close.start, close.end, "")],
        )
    }

    /// `{ a, b }` for `{ a: a, b: b }`, and error kinds with commas.
    fn shorthand(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let name = tokens.get(n.checked_sub(1)?)?;
        let opened = tokens.get(n.checked_sub(2)?)?;
        if !matches!(self.word(opened), "{" | ",") {
            return None;
        }
        let head =
            enclosing(tokens, n)?.checked_sub(1).and_then(|i| tokens.get(i)).map_or("", |t| self.word(t));
        if head == "on_error" {
            let comma = tokens.get(n).filter(|t| self.word(t) == ",")?;
            return mend(
                "kinds of errors stand between `|`",
                "write `|`",
                vec![one(comma.start, comma.end, " |")],
            );
        }
        if !matches!(head, "(" | "[" | "," | "=" | ":" | "??" | "?" | "return" | "use") {
            return None;
        }
        let word = self.word(name);
        let text = format!(": {word}");
        mend(
            format!("the key `{word}` has no value"),
            format!("write `{word}: {word}`"),
            vec![one(name.end, name.end, &text)],
        )
    }

    /// `let x: int = …`, `step x: T = …`
    fn typed_name(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let head = tokens.first().map_or("", |t| self.word(t));
        let equals = tokens
            .get(n..)?
            .iter()
            .take_while(|t| !t.first && t.kind != Kind::Open(b'('))
            .find(|t| self.word(t) == "=")?;
        if n != 2 || !matches!(head, "let" | "step") {
            return None;
        }
        let from = tokens.get(1)?.end;
        mend(
            format!("a `{head}` says no type: its value has one"),
            "remove the type",
            vec![one(from, equals.start, " ")],
        )
    }
}
