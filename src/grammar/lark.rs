//! The grammar in Lark's syntax, as llguidance reads it; `plain` leaves out what only llguidance knows.

use super::ir::{Field, Grammar, Node, Rule, When};
use std::fmt::Write as _;

/// Prints a grammar.
pub(super) fn print(grammar: &Grammar, plain: bool, header: &str) -> String {
    let mut out = String::new();
    if grammar.is_parametric() {
        out.push_str("%llguidance {}\n");
    }
    for line in header.lines() {
        let _ = writeln!(out, "// {line}");
    }
    let printer = Printer { grammar, plain };
    for (index, (name, rule)) in grammar.rules.iter().enumerate() {
        printer.rule(&mut out, index, name, rule);
    }
    out
}

struct Printer<'a> {
    grammar: &'a Grammar,
    plain: bool,
}

impl Printer<'_> {
    fn rule(&self, out: &mut String, index: usize, name: &str, rule: &Rule) {
        if rule.token {
            let mut regex = String::new();
            for (i, (node, _)) in rule.alternatives.iter().enumerate() {
                regex.push_str(if i > 0 { "|" } else { "" });
                self.regex(&mut regex, node, false);
            }
            let _ = writeln!(out, "{}: /{}/", self.name(name), regex);
            return;
        }
        let state = if rule.parametric && index > 0 { "::_" } else { "" };
        let _ = write!(out, "{}{state}:", self.name(name));
        for (i, (node, when)) in rule.alternatives.iter().enumerate() {
            out.push_str(if i > 0 { "\n  | " } else { " " });
            self.node(out, node, rule.parametric && index > 0, 0);
            self.when(out, when);
        }
        out.push('\n');
    }

    fn name(&self, name: &str) -> String {
        let token = self.grammar.rules.get(name).is_some_and(|r| r.token);
        if token { name.to_uppercase() } else { name.to_owned() }
    }

    fn when(&self, out: &mut String, when: &When) {
        let field = |f: &Field| format!("eq([{}:{}], {})", f.first, f.end, f.value);
        let joined = |word: &str, parts: Vec<String>| {
            parts.into_iter().reduce(|a, b| format!("{word}({a}, {b})")).unwrap_or_default()
        };
        let all: Vec<String> =
            when.0.iter().map(|any| joined("or", any.iter().map(field).collect())).collect();
        if !all.is_empty() {
            let _ = write!(out, " %if {}", joined("and", all));
        }
    }

    /// `level` 0: whole alternative, 1: in a sequence, 2: an atom.
    fn node(&self, out: &mut String, node: &Node, stateful: bool, level: u8) {
        match node {
            Node::Never => out.push_str("/[^\\s\\S]/"),
            Node::Text(text) => literal(out, text),
            Node::Class { .. } => {
                out.push('/');
                self.regex(out, node, true);
                out.push('/');
            }
            Node::Seq(nodes) => {
                out.push_str(if level > 1 { "(" } else { "" });
                for (i, node) in nodes.iter().enumerate() {
                    out.push_str(if i > 0 { " " } else { "" });
                    self.node(out, node, stateful, if matches!(node, Node::Any(_)) { 2 } else { 1 });
                }
                out.push_str(if level > 1 { ")" } else { "" });
            }
            Node::Any(nodes) => {
                out.push_str(if level > 0 { "(" } else { "" });
                for (i, node) in nodes.iter().enumerate() {
                    out.push_str(if i > 0 { " | " } else { "" });
                    self.node(out, node, stateful, 1);
                }
                out.push_str(if level > 0 { ")" } else { "" });
            }
            Node::Repeat { node, min, max } => self.repeat(out, node, *min, *max, stateful),
            Node::Rule { name, set } => {
                out.push_str(&self.name(name));
                if self.grammar.rules.get(name).is_some_and(|r| r.parametric) {
                    let _ = match (stateful, set) {
                        (false, set) => write!(out, "::0x{set:x}"),
                        (true, 0) => write!(out, "::_"),
                        (true, set) => write!(out, "::bit_or(0x{set:x})"),
                    };
                }
            }
        }
    }

    fn repeat(&self, out: &mut String, node: &Node, min: u32, max: Option<u32>, stateful: bool) {
        let mut inner = String::new();
        self.node(&mut inner, node, stateful, 2);
        let counted = match (min, max) {
            (0, None) => "*".to_owned(),
            (1, None) => "+".to_owned(),
            (0, Some(1)) => "?".to_owned(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) if min == max => format!("{{{min}}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        };
        if !self.plain || !counted.starts_with('{') {
            out.push_str(&inner);
            out.push_str(&counted);
            return;
        }
        // Without counted repetition: each optional one inside the one before.
        let mut parts = vec![inner.clone(); min as usize];
        let more = max.map_or(0, |max| max.saturating_sub(min));
        let mut tail = String::new();
        for _ in 0..more {
            tail = if tail.is_empty() { format!("({inner})?") } else { format!("({inner} {tail})?") };
        }
        if max.is_none() {
            tail = format!("{inner}*");
        }
        parts.push(tail);
        let _ = write!(out, "({})", parts.join(" "));
    }

    /// A node of a token as a regular expression.
    fn regex(&self, out: &mut String, node: &Node, atom: bool) {
        match node {
            Node::Never => out.push_str("[^\\s\\S]"),
            Node::Text(text) => {
                let many = atom && text.chars().count() != 1;
                out.push_str(if many { "(" } else { "" });
                text.chars().for_each(|c| escaped(out, c));
                out.push_str(if many { ")" } else { "" });
            }
            Node::Class { ranges, negated } => super::class(out, ranges, *negated, escaped),
            Node::Seq(nodes) => {
                out.push_str(if atom { "(" } else { "" });
                for node in nodes {
                    self.regex(out, node, matches!(node, Node::Any(_)));
                }
                out.push_str(if atom { ")" } else { "" });
            }
            Node::Any(nodes) => {
                out.push('(');
                for (i, node) in nodes.iter().enumerate() {
                    out.push_str(if i > 0 { "|" } else { "" });
                    self.regex(out, node, false);
                }
                out.push(')');
            }
            Node::Repeat { node, min, max } => {
                self.regex(out, node, true);
                let _ = match (min, max) {
                    (0, None) => write!(out, "*"),
                    (1, None) => write!(out, "+"),
                    (0, Some(1)) => write!(out, "?"),
                    (min, None) => write!(out, "{{{min},}}"),
                    (min, Some(max)) => write!(out, "{{{min},{max}}}"),
                };
            }
            Node::Rule { name, .. } => {
                out.push('(');
                let rule = self.grammar.rules.get(name);
                for (i, (node, _)) in rule.iter().flat_map(|r| &r.alternatives).enumerate() {
                    out.push_str(if i > 0 { "|" } else { "" });
                    self.regex(out, node, false);
                }
                out.push(')');
            }
        }
    }
}

fn literal(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A character of a regular expression, in a class or outside.
fn escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        c if c.is_ascii_alphanumeric()
            || matches!(c, ' ' | '_' | '"' | '\'' | ':' | ',' | '=' | '<' | '>') =>
        {
            out.push(c)
        }
        c if c.is_ascii() && !c.is_ascii_control() => {
            out.push('\\');
            out.push(c);
        }
        c => {
            let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
        }
    }
}
