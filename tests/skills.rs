//! The skills against real servers, files and processes.

mod files;
mod http;
mod jq;
mod llm;
mod places;
mod process;
mod secrets;
mod shell;

use aos::engine::Failure;
use aos::runtime::model::Meter;
use aos::runtime::skill::{SecretSource, SkillCall, Skills, SkillsConfig};
use aos::types::Type;
use aos::value::{SecretPart, Value};
use serde_json::Value as Json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A call as the engine makes it.
fn call(name: &str, args: Json) -> SkillCall {
    let Value::Map(args) = Value::from_json(&args) else { panic!("arguments are an object") };
    SkillCall {
        schema: None,
        meter: Meter::default(),
        name: name.into(),
        args: args.as_ref().clone(),
        output: Type::Json,
        type_args: Vec::new(),
        idempotency_key: "key-1".into(),
        run: "run".into(),
        step: "step".into(),
        attempt: 1,
        timeout: Duration::from_secs(20),
        tenant: "local".into(),
        actor: "tester".into(),
    }
}

/// Makes a call; the result as JSON.
async fn run(skills: &Skills, name: &str, args: Json) -> Result<Json, Failure> {
    skills.call(call(name, args)).await.map(|output| output.value.to_json())
}

/// The kind of the failure of a call.
async fn fails(skills: &Skills, name: &str, args: Json) -> String {
    match run(skills, name, args.clone()).await {
        Ok(value) => panic!("{name} {args} gave {value}"),
        Err(failure) => failure.kind.to_string(),
    }
}

/// A configuration with the secret `TOKEN`, which is `s3cr3t-value`.
fn config(root: &Path) -> SkillsConfig {
    let token = root.join("token.txt");
    std::fs::write(&token, "s3cr3t-value\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut config = SkillsConfig::new(root);
    config.secrets.insert("TOKEN".into(), SecretSource::File("token.txt".into()));
    config
}

fn secret(before: &str) -> Value {
    Value::Secret(Arc::new([SecretPart::Text(before.into()), SecretPart::Name("TOKEN".into())]))
}

#[tokio::test]
async fn nobody_implements_it() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    let failure = run(&skills, "math.add", serde_json::json!({})).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "unavailable");
    assert!(failure.message.contains("[skills.math]"), "{}", failure.message);
}
