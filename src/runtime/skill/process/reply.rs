//! What providers answer: `{"result": …}` or `{"error": {"kind", "message", "retry_after_ms"?, "details"?}}`.

use crate::engine::Failure;
use crate::runtime::skill::wire;
use crate::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

/// The longest message that is kept, characters.
const MESSAGE: usize = 4_000;

#[derive(Deserialize)]
struct ErrorReply {
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    retry_after_ms: Option<f64>,
    #[serde(default)]
    details: serde_json::Map<String, Json>,
}

/// Reads the `result` or `error` of an answer; `None` where it has neither.
pub(in crate::runtime::skill) fn read(answer: Json) -> Option<Result<Value, Failure>> {
    let Json::Object(mut answer) = answer else { return None };
    if let Some(error) = answer.remove("error").filter(|error| !error.is_null()) {
        return Some(Err(failure(error)));
    }
    answer.remove("result").map(|result| Ok(wire::from_json(result)))
}

fn failure(error: Json) -> Failure {
    let reply = match serde_json::from_value::<ErrorReply>(error) {
        Ok(reply) if is_kind(&reply.kind) => reply,
        Ok(reply) => {
            let kind = wire::excerpt(&reply.kind, 80);
            return Failure::new("invalid_output", format!("the kind of the error, `{kind}`, is no name"));
        }
        Err(error) => {
            return Failure::new("invalid_output", format!("the error is not as it should be: {error}"));
        }
    };
    let message =
        if reply.message.is_empty() { reply.kind.clone() } else { wire::excerpt(&reply.message, MESSAGE) };
    let mut failure = Failure::new(&reply.kind, message);
    // Casting saturates; a negative or absurd wait is none.
    failure.retry_after_ms = reply.retry_after_ms.filter(|ms| *ms >= 0.0).map(|ms| ms as i64);
    failure.details =
        reply.details.into_iter().map(|(name, value)| (name.into(), wire::from_json(value))).collect();
    failure
}

fn is_kind(kind: &str) -> bool {
    let starts = kind.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && kind.len() <= 64 && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_and_errors() {
        assert!(matches!(read(json!({ "result": null })), Some(Ok(Value::Null))));
        assert!(matches!(read(json!({ "result": 1, "error": null })), Some(Ok(Value::Int(1)))));
        assert!(read(json!({ "id": 1 })).is_none());
        assert!(read(json!([])).is_none());
        let error = json!({ "error": { "kind": "status", "message": "m", "retry_after_ms": 5, "details": { "status": 404 } } });
        let failure = read(error).unwrap().unwrap_err();
        assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("status", Some(5)));
        assert!(matches!(failure.details["status"], Value::Int(404)));
    }

    #[test]
    fn bad_errors_are_invalid_output() {
        for error in [json!("boom"), json!({}), json!({ "kind": "no name" }), json!({ "kind": "" })] {
            let failure = read(json!({ "error": error })).unwrap().unwrap_err();
            assert_eq!(failure.kind.as_ref(), "invalid_output");
        }
    }
}
