//! `llm.extract`: a value of a type. Whatever holds the provider to a schema, the answer is checked, and asked for again where it
//! does not fit.

use super::LlmSkills;
use crate::engine::Failure;
use crate::runtime::model::{Message, Meter, ModelAnswer, ModelRequest, Shape};
use crate::runtime::skill::{SkillCall, wire};
use crate::types::Type;
use crate::types::conform::conform;
use crate::value::Value;
use serde_json::Value as Json;
use tokio::time::Instant;

/// How often it is asked at most.
const ROUNDS: u32 = 3;
/// The key under which a value that is no object comes back.
const VALUE: &str = "value";
/// How much of what is wrong is told to the model, characters.
const EXCERPT: usize = 600;

/// Asks until the answer fits, a few times, within the tokens and the time of the one call that the plan pays for.
pub(super) async fn run(skills: &LlmSkills, call: &SkillCall, meter: &Meter) -> Result<Value, Failure> {
    let end = Instant::now() + call.timeout;
    let (schema, wrapped) = schema(&call.output);
    let mut request = skills.request(call, Shape::Json(schema), meter)?;
    let mut round = 1;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let answer = skills.provider.ask(&request, &|_| {}, left).await?;
        let wrong = match fitting(answer.value.clone(), wrapped, &call.output) {
            Ok(value) => return Ok(value),
            Err(wrong) => wrong,
        };
        if round == ROUNDS || !again(&mut request, &answer, &wrong) {
            let times = if round == 1 { "once".to_owned() } else { format!("{round} times") };
            return Err(Failure::new(
                "invalid_output",
                format!("the model, asked {times}, gave no fitting value: {wrong}"),
            ));
        }
        round += 1;
    }
}

/// Takes the value out of an answer, where it is one of the type.
fn fitting(answer: Json, wrapped: bool, ty: &Type) -> Result<Value, String> {
    let value = match answer {
        Json::Object(mut object) if wrapped => match object.remove(VALUE) {
            Some(value) => value,
            None => return Err(format!("there is no `{VALUE}`")),
        },
        other => other,
    };
    conform(wire::from_json(value), ty).map_err(|mismatch| mismatch.to_string())
}

/// Makes the request one for a better answer; false where the tokens that are left are too few for one.
///
/// All rounds together stay within `max_input` and `max_tokens`, each: what the plan reserved and its worst case hold.
fn again(request: &mut ModelRequest, answer: &ModelAnswer, wrong: &str) -> bool {
    let usage = &answer.usage;
    let text = match &answer.value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    };
    request.max_tokens -= usage.output;
    request.max_input -= usage.all_input();
    let next_input = usage.all_input().saturating_add(usage.output);
    if request.max_tokens < usage.output.max(1) || request.max_input < next_input {
        return false;
    }
    let wrong = wire::excerpt(wrong, EXCERPT);
    request.messages.push(Message::assistant(text));
    request.messages.push(Message::user(format!(
        "That value does not fit: {wrong}. Give the whole value again, mended, and nothing else."
    )));
    true
}

/// The schema of a type as the object that providers need, and whether the value stands under [`VALUE`] in it.
fn schema(ty: &Type) -> (Json, bool) {
    let own = ty.json_schema();
    if own.get("type").and_then(Json::as_str) == Some("object") {
        return (own, false);
    }
    let mut properties = serde_json::Map::new();
    properties.insert(VALUE.to_owned(), own);
    (serde_json::json!({ "type": "object", "properties": properties, "required": [VALUE] }), true)
}
