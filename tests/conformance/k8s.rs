//! Validation rules of Kubernetes resources: `self` is declared from the resource's schema through the import, and the rule is
//! type-checked. No rule that works is refused.

use super::lines;
use crate::support::cases;
use aos::check::{check_expr, hir::Signature};
use aos::project::Project;
use aos::project::import::{Effect, Options, import};
use aos::source::MemoryLoader;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// Rules that read a property which the schema of the set lacks: it stands there under its plain name in the original (`namespace`, written
/// `__namespace__` in rules), and was lost with it.
const LOST: &[&str] = &[
    "gateway-api/GRPCRoute/spec.parentRefs#23",
    "gateway-api/GRPCRoute/spec.parentRefs#24",
    "gateway-api/GRPCRoute/spec.parentRefs#98",
];

/// The signature of a tool with these properties.
pub fn signature(properties: &Json) -> Arc<Signature> {
    let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
    let tool = json!([{ "name": "rule", "inputSchema": { "type": "object", "properties": properties, "required": names } }]);
    let options = Options { namespace: "t".to_owned(), effect: Some(Effect::Pure), trust: true };
    let made = import(&tool, &options).unwrap();
    let loader = MemoryLoader::new([("/p/t.plan", made.text.as_str())]);
    let project = Project::load(Path::new("/p/t.plan"), &loader).unwrap();
    let errors: Vec<_> = project.analysis.diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{}", made.text);
    Arc::clone(&project.analysis.skills["t.rule"])
}

/// The findings of a rule over `self` (and `oldSelf`) of a schema, as `code: message`.
pub fn findings(rule: &str, schema: &Json) -> Vec<String> {
    let signature = signature(&json!({ "self": schema }));
    let ty = signature.params[0].ty.to_string();
    match check_expr(rule, &[("self".into(), &ty), ("oldSelf".into(), &ty)]) {
        Ok((_, found)) if found.to_string() == "bool" => Vec::new(),
        Ok((_, found)) => vec![format!("type: it is `{found}`, no bool")],
        Err(found) => found.iter().map(|d| format!("{}: {}", d.code, d.message)).collect(),
    }
}

/// Whether some optional field is used by a rule without any guard, by the text alone: its name stands nowhere in a `has(…)`.
fn unguarded(rule: &str, schema: &Json) -> bool {
    let mut optional = Vec::new();
    optional_fields(schema, &mut optional);
    optional.iter().any(|name| {
        let read = format!(".{name}");
        rule.contains(&read)
            && !rule.split("has(").skip(1).any(|rest| rest.split(')').next().unwrap_or("").ends_with(&read))
    })
}

fn optional_fields(schema: &Json, into: &mut Vec<String>) {
    if !schema.is_object() {
        return;
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if !required.iter().any(|r| r == name) {
            into.push(name.clone());
        }
        optional_fields(inner, into);
    }
    for word in ["items", "additionalProperties"] {
        optional_fields(&schema[word], into);
    }
}

#[test]
fn kubernetes_rules() {
    let Some(set) = cases("conformance/cel_k8s/rules.jsonl") else { return };
    let (mut clean, mut foreign, mut lost) = (0, 0, 0);
    let (mut unguarded_reads, mut wrong) = (Vec::new(), Vec::new());
    for case in lines(&set) {
        let (id, rule) = (case["id"].as_str().unwrap(), case["rule"].as_str().unwrap());
        let found = findings(rule, &case["self_schema"]);
        if !case["k8s_lib"].as_array().unwrap().is_empty() {
            foreign += 1;
            let named = found.iter().any(|f| f.starts_with("unknown-function: "));
            assert!(named, "{id}: {found:?}");
        } else if LOST.contains(&id) {
            lost += 1;
            assert!(found.iter().all(|f| f.starts_with("unknown-field: ")), "{id}: {found:?}");
        } else if found.is_empty() {
            clean += 1;
        } else if found.iter().all(|f| f.starts_with("maybe-null: ")) && unguarded(rule, &case["self_schema"])
        {
            unguarded_reads.push(format!("{id}: {}", found.join("; ")));
        } else {
            wrong.push(format!("{id}: {}\n  {rule}", found.join("; ")));
        }
    }
    println!(
        "cel_k8s: {clean} rules type-check, {} read an optional field without a guard, {foreign} use Kubernetes-only functions, {lost} lack a property in the set",
        unguarded_reads.len()
    );
    unguarded_reads.iter().for_each(|line| println!("  {line}"));
    assert!(wrong.is_empty(), "{} false alarms:\n{}", wrong.len(), wrong.join("\n"));
}

/// A resource with what such schemas have, and rules of the forms that people write.
fn resource() -> Json {
    let reference = json!({ "type": "object", "properties": {
        "group": { "type": "string" }, "kind": { "type": "string", "enum": ["Service", "Gateway"] }, "name": { "type": "string", "minLength": 1 },
        "namespace": { "type": "string", "maxLength": 63 }, "port": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 65535 } },
        "required": ["kind", "name"] });
    json!({ "type": "object", "properties": {
        "mode": { "type": "string", "enum": ["Auto", "Manual"], "default": "Auto" },
        "replicas": { "type": "integer" }, "min": { "type": "integer" }, "max": { "type": "integer" }, "weight": { "type": "number" },
        "name": { "type": "string" }, "note": { "type": "string", "nullable": true },
        "target": reference, "targets": { "type": "array", "maxItems": 16, "items": reference },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "ports": { "type": "array", "items": { "x-kubernetes-int-or-string": true } },
        "any": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "nested": { "type": "object", "properties": { "deep": { "type": "object", "properties": { "list": { "type": "array", "items": { "type": "string" } } } } } },
        "timeout": { "type": "string" } },
        "required": ["mode", "name"],
        "oneOf": [{ "required": ["target"] }, { "required": ["targets"] }] })
}

#[test]
fn rules_of_many_forms() {
    for rule in [
        "self.mode == 'Auto' || has(self.replicas)",
        "!has(self.replicas) || self.replicas >= 0",
        "has(self.replicas) ? self.replicas > 0 : self.mode == 'Auto'",
        "!has(self.min) || !has(self.max) || self.min <= self.max",
        "!(has(self.min) && has(self.max)) || self.min <= self.max",
        "has(self.min) && has(self.max) ? self.min <= self.max : true",
        "self.mode == 'Manual' && !has(self.replicas) ? false : true",
        "[has(self.target), has(self.targets)].exists_one(x, x)",
        "[has(self.target), has(self.targets)].filter(x, x).size() == 1",
        "(has(self.target) ? 1 : 0) + (has(self.targets) ? 1 : 0) == 1",
        "has(self.target) == !has(self.targets)",
        "!has(self.targets) || self.targets.all(t, !has(t.port) || t.port > 1024)",
        "!has(self.targets) || self.targets.all(a, self.targets.exists_one(b, a.name == b.name && a.kind == b.kind && (has(a.port) ? a.port : 0) == (has(b.port) ? b.port : 0)))",
        "has(self.targets) && self.targets.filter(t, has(t.port)).all(t, t.port != 22)",
        "!has(self.targets) || self.targets.filter(t, has(t.namespace)).map(t, t.namespace.size()).all(n, n > 0)",
        "!has(self.targets) || size(self.targets) == 0 || !has(self.targets[0].port) || self.targets[0].port > 0",
        "has(self.target) && has(self.target.namespace) && self.target.namespace.startsWith('kube-')",
        "!has(self.target) || !has(self.target.group) || self.target.group in ['', 'core']",
        "has(self.labels) ? self.labels.all(k, k.size() <= 63 && self.labels[k].size() <= 63) : true",
        "!has(self.labels) || !('app' in self.labels) || self.labels['app'] != ''",
        "!has(self.labels) || self.labels.all(k, v, k.matches('^[a-z]+$') && v.size() > 0)",
        "!has(self.ports) || self.ports.all(p, type(p) == int ? p > 0 && p < 65536 : p.matches('^[0-9]+%?$'))",
        "has(self.any) && has(self.any.spec) ? self.any.spec.replicas > 1 : true",
        "has(self.nested) && has(self.nested.deep) && has(self.nested.deep.list) && self.nested.deep.list.exists(x, x == 'a')",
        "!has(self.nested) || !has(self.nested.deep) || !has(self.nested.deep.list) || self.nested.deep.list.size() < 3",
        "self.nested?.deep?.list != null && self.nested.deep.list.size() < 3",
        "self.replicas != null && self.replicas > 0",
        "self.replicas == null || self.replicas > 0",
        "!has(self.timeout) || duration(self.timeout) <= duration('1h')",
        "(has(self.note) ? self.note : '') != 'x' && (has(self.weight) ? self.weight : 0.5) < 1.0",
        "(has(self.labels) ? self.labels : {}).size() <= 8 && (has(self.targets) ? self.targets : []).size() <= 8",
        "self.mode != '' && self.name != '' && self.name == self.name.trim().lowerAscii()",
        "self.name.split('-').all(part, part.size() > 0) && self.name.replace('-', '') != ''",
        "has(self.weight) && self.weight * 2.0 > 1.0 && self.weight + 1 > double(1)",
        "self == oldSelf || self.mode == oldSelf.mode",
        "!has(oldSelf.replicas) || has(self.replicas) && self.replicas >= oldSelf.replicas",
        "has(self.target) == has(oldSelf.target) && (!has(self.target) || self.target.name == oldSelf.target?.name)",
        "r\"\"\"^\\d+$\"\"\" != self.name // a remark\n && true",
    ] {
        let found = findings(rule, &resource());
        assert!(found.is_empty(), "{rule}: {found:?}");
    }
    for (rule, code) in [
        ("self.replicas > 0", "maybe-null"),
        ("self.labels.size() > 0", "maybe-null"),
        ("size(self.targets) > 0", "maybe-null"),
        ("has(self.min) || self.min > 0", "maybe-null"),
        ("!has(self.min) && self.min > 0", "maybe-null"),
        ("has(self.min) ? true : self.min > 0", "maybe-null"),
        ("has(self.target) && self.target.namespace.size() > 0", "maybe-null"),
        ("self.targets.all(t, t.name != '')", "maybe-null"),
        ("has(self.targets) && self.targets.exists(t, t.port > 1)", "maybe-null"),
        ("self.mode == 'Atuo'", "type-mismatch"),
        ("self.name > 3", "operator-type"),
        ("self.nmae == 'x'", "unknown-field"),
        ("self.name", "type"),
        ("has(self.name) && self.name.sizes() > 1", "unknown-function"),
        ("quantity(self.name).isLessThan(quantity('1'))", "unknown-function"),
    ] {
        let found = findings(rule, &resource());
        assert!(found.first().is_some_and(|f| f.starts_with(&format!("{code}: "))), "{rule}: {found:?}");
    }
}
