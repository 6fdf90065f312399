//! The text of an expression on one line, as the printer writes it: for the conditions of refined types.

use crate::syntax::ast::{EntryKey, Expr, ExprKind, TextPart, Type, TypeKind, UnaryOp};
use std::fmt::Write as _;

/// The text of an expression.
pub(super) fn expr_text(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

fn write_expr(out: &mut String, expr: &Expr) {
    match &*expr.kind {
        ExprKind::Null => out.push_str("null"),
        ExprKind::Bool(b) => put(out, b),
        ExprKind::Int(i) => put(out, i),
        ExprKind::Float(f) => put(out, format_args!("{f:?}")),
        ExprKind::DurationMs(ms) => put(out, format_args!("{ms}ms")),
        ExprKind::Text { value, .. } => quoted(out, value),
        ExprKind::Bytes(bytes) => {
            out.push_str("b\"");
            for b in bytes.iter() {
                put(out, format_args!("\\x{b:02x}"));
            }
            out.push('"');
        }
        ExprKind::Interpolated { parts, .. } => {
            out.push('"');
            for part in parts {
                match part {
                    TextPart::Text(t) => escaped(out, t),
                    TextPart::Expr(e) => {
                        out.push_str("${");
                        write_expr(out, e);
                        out.push('}');
                    }
                }
            }
            out.push('"');
        }
        ExprKind::Name(name) => out.push_str(name),
        ExprKind::Member { base, name, safe } => {
            write_expr(out, base);
            out.push_str(if *safe { "?." } else { "." });
            out.push_str(&name.name);
        }
        ExprKind::Index { base, index, safe } => {
            write_expr(out, base);
            out.push_str(if *safe { "[?" } else { "[" });
            write_expr(out, index);
            out.push(']');
        }
        ExprKind::Call { callee, args } => {
            write_expr(out, callee);
            list(out, "(", ")", args, |out, arg| {
                if let Some(name) = &arg.name {
                    put(out, format_args!("{}: ", name.name));
                }
                write_expr(out, &arg.value);
            });
        }
        ExprKind::List(items) => list(out, "[", "]", items, write_expr),
        ExprKind::Record(entries) if entries.is_empty() => out.push_str("{}"),
        ExprKind::Record(entries) => list(out, "{ ", " }", entries, |out, entry| {
            match &entry.key {
                EntryKey::Text(t) => quoted(out, &t.value),
                EntryKey::Expr(e) => {
                    out.push('[');
                    write_expr(out, e);
                    out.push(']');
                }
            }
            out.push_str(": ");
            write_expr(out, &entry.value);
        }),
        ExprKind::Unary { op, operand } => {
            out.push(match op {
                UnaryOp::Not => '!',
                UnaryOp::Neg => '-',
            });
            write_expr(out, operand);
        }
        ExprKind::Binary { op, left, right, .. } => {
            write_expr(out, left);
            put(out, format_args!(" {} ", op.symbol()));
            write_expr(out, right);
        }
        ExprKind::Cond { cond, then, otherwise } => {
            write_expr(out, cond);
            out.push_str(" ? ");
            write_expr(out, then);
            out.push_str(" : ");
            write_expr(out, otherwise);
        }
        ExprKind::As { value, ty } => {
            write_expr(out, value);
            out.push_str(" as ");
            write_type(out, ty);
        }
        ExprKind::Paren(inner) => {
            out.push('(');
            write_expr(out, inner);
            out.push(')');
        }
        ExprKind::Error => out.push('…'),
    }
}

fn write_type(out: &mut String, ty: &Type) {
    match &ty.kind {
        TypeKind::Name(path) => out.push_str(&path.name),
        TypeKind::List(t) => angle(out, "list", t),
        TypeKind::Map(t) => angle(out, "map", t),
        TypeKind::Record(fields) => list(out, "{ ", " }", fields, |out, f| {
            put(out, format_args!("{}{}: ", f.name.name, if f.optional { "?" } else { "" }));
            write_type(out, &f.ty);
        }),
        TypeKind::Literal(t) => quoted(out, &t.value),
        TypeKind::Null => out.push_str("null"),
        TypeKind::Optional(t) => {
            write_type(out, t);
            out.push('?');
        }
        TypeKind::Union(members) => {
            for (i, member) in members.iter().enumerate() {
                out.push_str(if i > 0 { " | " } else { "" });
                write_type(out, member);
            }
        }
        TypeKind::Where { base, predicate } => {
            write_type(out, base);
            out.push_str(" where (");
            write_expr(out, predicate);
            out.push(')');
        }
        TypeKind::Labelled { inner, .. } => write_type(out, inner),
        TypeKind::Paren(inner) => {
            out.push('(');
            write_type(out, inner);
            out.push(')');
        }
        TypeKind::Error => out.push('…'),
    }
}

fn angle(out: &mut String, word: &str, inner: &Type) {
    out.push_str(word);
    out.push('<');
    write_type(out, inner);
    out.push('>');
}

fn list<T>(out: &mut String, open: &str, close: &str, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        write(out, item);
    }
    out.push_str(close);
}

fn put(out: &mut String, what: impl std::fmt::Display) {
    // Writing into a string cannot fail.
    let _ = write!(out, "{what}");
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    escaped(out, text);
    out.push('"');
}

fn escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
}
