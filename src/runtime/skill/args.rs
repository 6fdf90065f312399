//! Reading the arguments of a call. The checker has typed them; what still does not fit is `invalid_input`.

use crate::engine::Failure;
use crate::value::{Map, Value};
use std::sync::Arc;

/// The failure for an argument that is not what the skill takes.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new("invalid_input", message)
}

/// An argument that is neither left out nor null.
pub(super) fn given<'a>(args: &'a Map, name: &str) -> Option<&'a Value> {
    args.get(name).filter(|value| !matches!(value, Value::Null))
}

/// A text that must be there.
pub(super) fn text(args: &Map, name: &str) -> Result<Arc<str>, Failure> {
    optional_text(args, name)?.ok_or_else(|| invalid(format!("the argument `{name}` is missing")))
}

/// A text that may be left out.
pub(super) fn optional_text(args: &Map, name: &str) -> Result<Option<Arc<str>>, Failure> {
    match given(args, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Arc::clone(text))),
        Some(_) => Err(invalid(format!("the argument `{name}` is not a string"))),
    }
}

/// A list of texts that must be there.
pub(super) fn texts(args: &Map, name: &str) -> Result<Vec<Arc<str>>, Failure> {
    let wrong = || invalid(format!("the argument `{name}` is not a list of strings"));
    let Some(Value::List(items)) = given(args, name) else { return Err(wrong()) };
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(Arc::clone(text)),
            _ => Err(wrong()),
        })
        .collect()
}

/// A name and its text.
pub(super) type TextPair = (Arc<str>, Arc<str>);

/// A map of texts; empty where left out.
pub(super) fn text_map(args: &Map, name: &str) -> Result<Vec<TextPair>, Failure> {
    let wrong = || invalid(format!("the argument `{name}` is not a map of strings"));
    match given(args, name) {
        None => Ok(Vec::new()),
        Some(Value::Map(map)) => map
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((Arc::clone(key), Arc::clone(text))),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}
