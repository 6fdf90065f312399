//! The canonical text of types, as `fmt` prints them.

use super::{Labels, Privacy, RecordType, Trust, Type};
use std::fmt::{self, Display, Formatter, Write as _};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Type::Error => f.write_str("unknown"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::Json => f.write_str("json"),
            Type::File => f.write_str("file"),
            Type::TypeOf => f.write_str("type"),
            Type::Literals(texts) => {
                for (i, text) in texts.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" | ")?;
                    }
                    quoted(f, text)?;
                }
                Ok(())
            }
            Type::List(item) => write!(f, "list<{item}>"),
            Type::Map(value) => write!(f, "map<{value}>"),
            Type::Record(record) => record_text(f, record),
            Type::Optional(inner) if needs_parentheses(inner) => write!(f, "({inner})?"),
            Type::Optional(inner) => write!(f, "{inner}?"),
            Type::Refined { base, refinement } => write!(f, "{base} where ({})", refinement.text),
            Type::Opaque { name, .. } | Type::Named { name, .. } | Type::Param(name) => f.write_str(name),
            Type::Labelled { labels, inner } => write!(f, "{labels}{inner}"),
        }
    }
}

/// Each label with a space behind it: `untrusted private `.
impl Display for Labels {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.trust {
            Some(Trust::Trusted) => "trusted ",
            Some(Trust::Untrusted) => "untrusted ",
            None => "",
        })?;
        f.write_str(match self.privacy {
            Some(Privacy::Public) => "public ",
            Some(Privacy::Private) => "private ",
            Some(Privacy::Secret) => "secret ",
            None => "",
        })
    }
}

/// `?` belongs to the member before it.
fn needs_parentheses(inner: &Type) -> bool {
    match inner {
        Type::Literals(texts) => texts.len() > 1,
        Type::Refined { .. } | Type::Labelled { .. } => true,
        _ => false,
    }
}

fn record_text(f: &mut Formatter<'_>, record: &RecordType) -> fmt::Result {
    if record.fields.is_empty() {
        return f.write_str("{}");
    }
    f.write_str("{ ")?;
    for (i, (name, field)) in record.fields.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if is_name(name) {
            f.write_str(name)?;
        } else {
            quoted(f, name)?;
        }
        f.write_str(if field.optional { "?: " } else { ": " })?;
        write!(f, "{}{}", field.labels, field.ty)?;
    }
    f.write_str(" }")
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::super::Field;
    use super::*;
    use std::sync::Arc;

    #[test]
    fn canonical_texts() {
        let union = Type::Literals(["low".into(), "high".into()].into());
        let mut fields = indexmap::IndexMap::new();
        let field = |ty, optional| Field { ty, optional, labels: Labels::default(), docs: None };
        fields.insert(Arc::from("a"), field(Type::Int, false));
        fields.insert(Arc::from("content-type"), field(Type::String, true));
        let record = Type::Record(Arc::new(RecordType { fields }));
        assert_eq!(record.to_string(), r#"{ a: int, "content-type"?: string }"#);
        assert_eq!(union.to_string(), r#""low" | "high""#);
        assert_eq!(Type::Optional(Arc::new(union)).to_string(), r#"("low" | "high")?"#);
        assert_eq!(Type::List(Arc::new(Type::Optional(Arc::new(Type::Int)))).to_string(), "list<int?>");
        let labels = Labels { trust: Some(Trust::Untrusted), privacy: Some(Privacy::Private) };
        let labelled = Type::Labelled { labels, inner: Arc::new(Type::String) };
        assert_eq!(labelled.to_string(), "untrusted private string");
    }
}
