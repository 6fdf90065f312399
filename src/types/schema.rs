//! Types as JSON Schema (draft 2020-12), for models and for skills that take a schema.

use super::{RecordType, Type};
use crate::expr::{BinaryOp, Expr, ExprKind, IT};
use crate::value::Value;
use serde_json::{Value as Json, json};

/// Formats of JSON Schema with the patterns that refined types ask for them.
pub const FORMATS: &[(&str, &str)] = &[
    ("date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    ("time", r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?$"),
    (
        "date-time",
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?$",
    ),
    ("email", r"^[^@\s]+@[^@\s]+$"),
    ("uri", r"^[A-Za-z][A-Za-z0-9+.-]*:"),
    ("uuid", r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
    ("ipv4", r"^([0-9]{1,3}\.){3}[0-9]{1,3}$"),
];

impl Type {
    /// The schema of the outside form of its values. Refinements become keywords where there are such (`maxLength`, `maximum`,
    /// `pattern`), else a description.
    #[must_use]
    pub fn json_schema(&self) -> Json {
        match self {
            Type::Error | Type::Json | Type::Param(_) => json!({}),
            Type::Null => json!({ "type": "null" }),
            Type::Bool => json!({ "type": "boolean" }),
            Type::Int => json!({ "type": "integer" }),
            Type::Float => json!({ "type": "number" }),
            Type::String | Type::TypeOf => json!({ "type": "string" }),
            Type::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Type::Timestamp => json!({ "type": "string", "format": "date-time" }),
            Type::Duration => {
                json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$", "description": "seconds, as in 1.5s" })
            }
            Type::File => file_schema(),
            Type::Literals(texts) => {
                json!({ "enum": texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>() })
            }
            Type::List(item) => json!({ "type": "array", "items": item.json_schema() }),
            Type::Map(value) => json!({ "type": "object", "additionalProperties": value.json_schema() }),
            Type::Record(record) => record_schema(record),
            Type::Optional(inner) => json!({ "anyOf": [inner.json_schema(), { "type": "null" }] }),
            Type::Opaque { base, .. } => base.json_schema(),
            Type::Named { ty, .. } => ty.json_schema(),
            Type::Labelled { inner, .. } => inner.json_schema(),
            Type::Refined { base, refinement } => {
                let mut schema = base.json_schema();
                if let Json::Object(object) = &mut schema
                    && !refine(&refinement.predicate, base, object)
                {
                    object.insert("description".to_owned(), json!(format!("where {}", refinement.text)));
                }
                schema
            }
        }
    }
}

fn file_schema() -> Json {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "size": { "type": "integer" },
            "mime": { "type": "string" },
            "digest": { "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" },
        },
        "required": ["name", "size", "mime", "digest"],
    })
}

fn record_schema(record: &RecordType) -> Json {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (name, field) in &record.fields {
        let mut schema = field.ty.json_schema();
        if let (Json::Object(object), Some(docs)) = (&mut schema, &field.docs) {
            object.insert("description".to_owned(), json!(docs.as_ref()));
        }
        properties.insert(name.as_ref().to_owned(), schema);
        if !field.optional {
            required.push(json!(name.as_ref()));
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Adds what the predicate says as keywords; false where it says more than they can.
fn refine(predicate: &Expr, base: &Type, schema: &mut serde_json::Map<String, Json>) -> bool {
    match predicate.kind.as_ref() {
        ExprKind::Binary { op: BinaryOp::And, left, right } => {
            // Both are looked at, whatever the first gives.
            refine(left, base, schema) & refine(right, base, schema)
        }
        ExprKind::Binary { op, left, right } => bound(*op, left, right, base, schema),
        ExprKind::Call { function, args } if function.as_ref() == "matches" => match args.as_slice() {
            [subject, pattern] if is_it(subject) => match literal(pattern) {
                Some(Value::String(pattern)) => {
                    let known = FORMATS.iter().find(|(_, p)| *p == pattern.as_ref());
                    match known {
                        Some((format, _)) => schema.insert("format".to_owned(), json!(format)),
                        // Several patterns hold together.
                        None if schema.contains_key("pattern") => return false,
                        None => schema.insert("pattern".to_owned(), json!(pattern.as_ref())),
                    };
                    true
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

fn bound(
    op: BinaryOp,
    left: &Expr,
    right: &Expr,
    base: &Type,
    schema: &mut serde_json::Map<String, Json>,
) -> bool {
    if matches!(op, BinaryOp::In | BinaryOp::Eq) {
        return equal(op, left, right, schema);
    }
    let Some(limit @ (Value::Int(_) | Value::Float(_))) = literal(right) else { return false };
    let keyword = if is_it(left) {
        match op {
            BinaryOp::Le => "maximum",
            BinaryOp::Lt => "exclusiveMaximum",
            BinaryOp::Ge => "minimum",
            BinaryOp::Gt => "exclusiveMinimum",
            _ => return false,
        }
    } else if is_size_of_it(left) {
        match (op, base.bare()) {
            (BinaryOp::Le, Type::String) => "maxLength",
            (BinaryOp::Ge, Type::String) => "minLength",
            (BinaryOp::Le, Type::List(_)) => "maxItems",
            (BinaryOp::Ge, Type::List(_)) => "minItems",
            (BinaryOp::Le, Type::Map(_)) => "maxProperties",
            (BinaryOp::Ge, Type::Map(_)) => "minProperties",
            _ => return false,
        }
    } else {
        return false;
    };
    schema.insert(keyword.to_owned(), limit.to_json());
    true
}

/// `it in […]`, `it == x`, `it % n == 0`, `size(it.distinct()) == size(it)`.
fn equal(op: BinaryOp, left: &Expr, right: &Expr, schema: &mut serde_json::Map<String, Json>) -> bool {
    let (keyword, value) = match (op, left.kind.as_ref(), right.kind.as_ref()) {
        (BinaryOp::In, _, ExprKind::List(items)) if is_it(left) => {
            let values: Option<Vec<Json>> = items.iter().map(|i| literal(i).map(Value::to_json)).collect();
            match values {
                Some(values) => ("enum", Json::Array(values)),
                None => return false,
            }
        }
        (BinaryOp::Eq, ExprKind::Binary { op: BinaryOp::Rem, left: it, right: by }, _) if is_it(it) => {
            match (literal(by), literal(right)) {
                (Some(Value::Int(by)), Some(Value::Int(0))) if *by > 0 => ("multipleOf", json!(by)),
                _ => return false,
            }
        }
        (BinaryOp::Eq, ExprKind::Call { function, args }, _)
            if function.as_ref() == "size" && is_size_of_it(right) =>
        {
            let distinct = matches!(args.as_slice(), [only] if is_call_on_it(only, "distinct"));
            if !distinct {
                return false;
            }
            ("uniqueItems", json!(true))
        }
        (BinaryOp::Eq, _, _) if is_it(left) => match literal(right) {
            Some(value) => ("const", value.to_json()),
            None => return false,
        },
        _ => return false,
    };
    schema.insert(keyword.to_owned(), value);
    true
}

fn is_it(expr: &Expr) -> bool {
    match expr.kind.as_ref() {
        ExprKind::Var(var) => *var == IT,
        ExprKind::Widen(inner) => is_it(inner),
        _ => false,
    }
}

fn is_size_of_it(expr: &Expr) -> bool {
    is_call_on_it(expr, "size")
}

fn is_call_on_it(expr: &Expr, name: &str) -> bool {
    match expr.kind.as_ref() {
        ExprKind::Call { function, args } => {
            function.as_ref() == name && matches!(args.as_slice(), [only] if is_it(only))
        }
        _ => false,
    }
}

fn literal(expr: &Expr) -> Option<&Value> {
    match expr.kind.as_ref() {
        ExprKind::Literal(value) => Some(value),
        ExprKind::Widen(inner) => literal(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Field, Labels, Refinement};
    use super::*;
    use crate::source::Span;
    use std::sync::Arc;

    fn node(kind: ExprKind) -> Expr {
        Expr { kind: Box::new(kind), span: Span::default(), ty: Type::Error }
    }

    fn refined(base: Type, left: ExprKind, op: BinaryOp, limit: i64) -> Type {
        let right = node(ExprKind::Literal(Value::Int(limit)));
        let predicate = node(ExprKind::Binary { op, left: node(left), right });
        Type::Refined {
            base: Arc::new(base),
            refinement: Arc::new(Refinement { text: "…".into(), predicate }),
        }
    }

    #[test]
    fn records_and_unions() {
        let union = Type::Literals(["a".into(), "b".into()].into());
        let field =
            |ty, optional| Field { ty, optional, labels: Labels::default(), docs: Some("text".into()) };
        let fields = [("kind", field(union, false)), ("n", field(Type::Int, true))];
        let fields = fields.into_iter().map(|(name, field)| (Arc::from(name), field)).collect();
        assert_eq!(
            Type::Record(Arc::new(RecordType { fields })).json_schema(),
            json!({
                "type": "object",
                "properties": {
                    "kind": { "enum": ["a", "b"], "description": "text" },
                    "n": { "type": "integer", "description": "text" },
                },
                "required": ["kind"],
            })
        );
    }

    #[test]
    fn refinements_become_keywords() {
        let it = || ExprKind::Var(IT);
        let size = || ExprKind::Call { function: "size".into(), args: vec![node(it())] };
        assert_eq!(
            refined(Type::Int, it(), BinaryOp::Le, 5).json_schema(),
            json!({ "type": "integer", "maximum": 5 })
        );
        assert_eq!(
            refined(Type::String, size(), BinaryOp::Le, 5).json_schema(),
            json!({ "type": "string", "maxLength": 5 })
        );
        assert_eq!(
            refined(Type::Int, it(), BinaryOp::Ne, 5).json_schema(),
            json!({ "type": "integer", "description": "where …" })
        );
    }
}
