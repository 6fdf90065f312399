//! The grammar in GBNF, as llama.cpp, XGrammar and vLLM read it: characters only, no lexer.

use super::ir::{Grammar, Node};
use std::fmt::Write as _;

/// Prints a grammar without state.
pub(super) fn print(grammar: &Grammar, header: &str) -> String {
    let mut out = String::new();
    for line in header.lines() {
        let _ = writeln!(out, "# {line}");
    }
    for (index, (name, rule)) in grammar.rules.iter().enumerate() {
        // The first rule is that of the whole text.
        let _ = write!(out, "{} ::= ", if index == 0 { "root" } else { name });
        for (i, (part, _)) in rule.alternatives.iter().enumerate() {
            out.push_str(if i > 0 { " | " } else { "" });
            node(&mut out, part, 0);
        }
        out.push('\n');
    }
    out
}

/// `level` 0: whole alternative, 1: in a sequence, 2: an atom.
fn node(out: &mut String, part: &Node, level: u8) {
    match part {
        Node::Never => out.push_str("[^\\x00-\\U0010ffff]"),
        Node::Text(text) => {
            out.push('"');
            text.chars().for_each(|c| escaped(out, c));
            out.push('"');
        }
        Node::Class { ranges, negated } => super::class(out, ranges, *negated, escaped),
        Node::Seq(nodes) => {
            out.push_str(if level > 1 { "(" } else { "" });
            for (i, part) in nodes.iter().enumerate() {
                out.push_str(if i > 0 { " " } else { "" });
                node(out, part, if matches!(part, Node::Any(_)) { 2 } else { 1 });
            }
            out.push_str(if level > 1 { ")" } else { "" });
        }
        Node::Any(nodes) => {
            out.push_str(if level > 0 { "(" } else { "" });
            for (i, part) in nodes.iter().enumerate() {
                out.push_str(if i > 0 { " | " } else { "" });
                node(out, part, 1);
            }
            out.push_str(if level > 0 { ")" } else { "" });
        }
        Node::Repeat { node: inner, min, max } => {
            node(out, inner, 2);
            let _ = match (min, max) {
                (0, None) => write!(out, "*"),
                (1, None) => write!(out, "+"),
                (0, Some(1)) => write!(out, "?"),
                (min, None) => write!(out, "{{{min},}}"),
                (min, Some(max)) => write!(out, "{{{min},{max}}}"),
            };
        }
        Node::Rule { name, .. } => out.push_str(name),
    }
}

/// A character in a literal or a class.
fn escaped(out: &mut String, c: char) {
    let code = u32::from(c);
    match c {
        '\n' => out.push_str("\\n"),
        '"' | '\\' | ']' | '[' => {
            out.push('\\');
            out.push(c);
        }
        '^' | '-' => {
            let _ = write!(out, "\\x{code:02x}");
        }
        c if c.is_ascii() && !c.is_ascii_control() => out.push(c),
        _ if code < 0x100 => {
            let _ = write!(out, "\\x{code:02x}");
        }
        _ if code < 0x10000 => {
            let _ = write!(out, "\\u{code:04x}");
        }
        _ => {
            let _ = write!(out, "\\U{code:08x}");
        }
    }
}
