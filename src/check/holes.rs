//! Values that stand where one is missing: a hole to be filled in, of the type that is wanted.

use super::relate::{non_null, nullable, shape};
use crate::types::Type;

/// Records inside records deeper than this are not written out.
const DEPTH: u32 = 4;

/// Something of this type, as text; `null` where nothing can be written.
pub(super) fn hole(ty: &Type) -> String {
    if nullable(ty) { "null".into() } else { filled(ty, DEPTH).unwrap_or_else(|| "null".into()) }
}

/// What may stand for null where a value of this type is wanted.
pub(super) fn default(ty: &Type) -> Option<String> {
    filled(&non_null(ty), DEPTH)
}

fn filled(ty: &Type, depth: u32) -> Option<String> {
    Some(match shape(ty) {
        Type::Bool => "false".into(),
        Type::Int => "0".into(),
        Type::Float => "0.0".into(),
        Type::String => "\"\"".into(),
        Type::Duration => "0s".into(),
        Type::Bytes => "b\"\"".into(),
        Type::Timestamp => "timestamp(\"2000-01-01T00:00:00Z\")".into(),
        Type::List(_) => "[]".into(),
        Type::Map(_) => "{}".into(),
        Type::Literals(all) => format!("{:?}", &**all.first()?),
        Type::Record(record) => {
            let mut fields = Vec::new();
            for (name, field) in record.fields.iter().filter(|(_, f)| !f.optional) {
                let value = if nullable(&field.ty) {
                    "null".to_owned()
                } else {
                    filled(&field.ty, depth.checked_sub(1)?)?
                };
                let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !name.starts_with(|c: char| c.is_ascii_digit());
                fields.push(if plain { format!("{name}: {value}") } else { format!("{name:?}: {value}") });
            }
            if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        Type::Refined { base, .. } => filled(base, depth)?,
        Type::Named { ty, .. } => filled(ty, depth)?,
        Type::Labelled { inner, .. } => filled(inner, depth)?,
        Type::Error
        | Type::Null
        | Type::Json
        | Type::File
        | Type::Optional(_)
        | Type::Opaque { .. }
        | Type::Param(_)
        | Type::TypeOf => return None,
    })
}
