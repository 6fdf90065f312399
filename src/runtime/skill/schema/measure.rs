//! How much work it is to hold a value against a schema, told before it is done: schemas come from outside, and a few lines of them can ask
//! for more than a computer ever does.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value as Json;
use std::collections::HashMap;

/// The most values in one schema.
const MAX_NODES: usize = 300_000;
/// The most resources (`$id`) within one schema.
const MAX_RESOURCES: usize = 50;
/// The deepest that schemas may lie in each other, references followed.
pub(super) const MAX_LEVELS: usize = 20_000;

/// A schema with the places that its references may mean.
pub(super) struct Document<'s> {
    root: &'s Json,
    /// The word that names a resource.
    id: &'static str,
    /// The root, and whatever has an `$id`.
    resources: Vec<&'s Json>,
    anchors: HashMap<&'s str, Vec<&'s Json>>,
}

fn address(json: &Json) -> usize {
    std::ptr::from_ref(json) as usize
}

fn children(json: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match json {
        Json::Object(map) => Box::new(map.values()),
        Json::Array(items) => Box::new(items.iter()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Box::new(std::iter::empty()),
    }
}

impl<'s> Document<'s> {
    /// A schema that may be read at all.
    ///
    /// # Errors
    /// It is too large, or nested too deep.
    pub(super) fn new(root: &'s Json) -> Result<Self, String> {
        let (document, nodes) = Self::read(root);
        if nodes.len() > MAX_NODES {
            return Err(format!("it has more than {MAX_NODES} values"));
        }
        if document.resources.len() > MAX_RESOURCES {
            return Err(format!("it has more than {MAX_RESOURCES} resources of their own"));
        }
        if document.levels(&nodes) > MAX_LEVELS {
            return Err(format!("its references lead more than {MAX_LEVELS} levels deep"));
        }
        Ok(document)
    }

    /// The same for one that was read before.
    pub(super) fn again(root: &'s Json) -> Self {
        Self::read(root).0
    }

    fn read(root: &'s Json) -> (Self, Vec<&'s Json>) {
        let old = root.get("$schema").and_then(Json::as_str).is_some_and(|uri| uri.contains("draft-04"));
        let id = if old { "id" } else { "$id" };
        let mut document = Document { root, id, resources: vec![root], anchors: HashMap::new() };
        let mut open = vec![root];
        let mut nodes: Vec<&Json> = Vec::new();
        while let Some(next) = open.pop() {
            nodes.push(next);
            if nodes.len() > MAX_NODES {
                break;
            }
            let text = |word: &str| next.get(word).and_then(Json::as_str);
            if text(document.id).is_some() && address(next) != address(root) {
                document.resources.push(next);
            }
            for anchor in ["$anchor", "$dynamicAnchor"].iter().filter_map(|word| text(word)) {
                document.anchors.entry(anchor).or_default().push(next);
            }
            open.extend(children(next));
        }
        (document, nodes)
    }

    /// What the references of a schema may mean.
    fn targets(&self, schema: &'s Json) -> Vec<&'s Json> {
        let mut found = Vec::new();
        for word in ["$ref", "$dynamicRef"] {
            if let Some(reference) = schema.get(word).and_then(Json::as_str) {
                self.resolve(reference, &mut found);
            }
        }
        if schema.get("$recursiveRef").is_some() {
            found.extend(&self.resources);
        }
        found
    }

    fn resolve(&self, reference: &str, found: &mut Vec<&'s Json>) {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let named = |resource: &&&Json| {
            let id = resource.get(self.id).and_then(Json::as_str);
            file.is_empty() || id.is_some_and(|id| id.trim_end_matches('#').ends_with(file))
        };
        let resources = self.resources.iter().filter(named);
        if fragment.is_empty() {
            found.extend(resources);
        } else if fragment.starts_with('/') {
            let plain = crate::project::import::percent_decoded(fragment);
            found.extend(resources.filter_map(|resource| resource.pointer(&plain)));
        } else {
            found.extend(self.anchors.get(fragment).into_iter().flatten());
        }
    }

    /// No way through the schema and its references that comes nowhere twice is longer.
    fn levels(&self, nodes: &[&'s Json]) -> usize {
        let mut graph: DiGraph<(), (), u32> = DiGraph::with_capacity(nodes.len(), nodes.len());
        let places: HashMap<usize, NodeIndex> =
            nodes.iter().map(|node| (address(node), graph.add_node(()))).collect();
        for node in nodes {
            let Some(from) = places.get(&address(node)) else { continue };
            for next in children(node).chain(self.targets(node)) {
                if let Some(to) = places.get(&address(next)) {
                    graph.add_edge(*from, *to, ());
                }
            }
        }
        // Circles come last first: what they lead to is known.
        let mut longest = vec![0_usize; nodes.len()];
        let mut most = 0;
        for circle in kosaraju_scc(&graph) {
            let behind = circle.iter().flat_map(|node| graph.neighbors(*node));
            let behind = behind.filter_map(|next| longest.get(next.index())).max().copied().unwrap_or(0);
            let length = behind + circle.len();
            most = most.max(length);
            for node in &circle {
                if let Some(slot) = longest.get_mut(node.index()) {
                    *slot = length;
                }
            }
        }
        most
    }

    /// How many schemas are held against how many values; `None` where that is too deep or too much to be told.
    pub(super) fn visits(&self, value: &Json) -> Option<u64> {
        let mut work = Work { document: self, known: HashMap::new(), steps: 0, failed: false };
        let visits = work.of(self.root, value, 0);
        (!work.failed).then_some(visits)
    }
}

/// The most steps of telling.
const MAX_STEPS: u64 = 20_000_000;

struct Work<'d, 's> {
    document: &'d Document<'s>,
    /// What references lead to, by schema and value; none while one is looked at.
    known: HashMap<(usize, usize), Option<u64>>,
    steps: u64,
    failed: bool,
}

/// Stands for the name of a property.
const NAME: &Json = &Json::Null;

impl<'s> Work<'_, 's> {
    fn of(&mut self, schema: &'s Json, value: &Json, depth: usize) -> u64 {
        self.steps += 1;
        if depth > MAX_LEVELS || self.steps > MAX_STEPS {
            self.failed = true;
        }
        let Json::Object(map) = schema else { return 1 };
        if self.failed {
            return 1;
        }
        let mut total: u64 = 1;
        for target in self.document.targets(schema) {
            total = total.saturating_add(self.behind(target, value, depth));
        }
        for (word, inner) in map {
            let more = match word.as_str() {
                "not" | "if" | "then" | "else" => self.of(inner, value, depth + 1),
                "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => {
                    self.all(inner, value, depth)
                }
                _ => self.below(word, inner, value, depth),
            };
            total = total.saturating_add(more);
        }
        total
    }

    /// Several schemas against one value.
    fn all(&mut self, schemas: &'s Json, value: &Json, depth: usize) -> u64 {
        children(schemas).fold(0, |sum: u64, schema| sum.saturating_add(self.of(schema, value, depth + 1)))
    }

    /// Keywords that look into the value.
    fn below(&mut self, word: &str, inner: &'s Json, value: &Json, depth: usize) -> u64 {
        let mut total: u64 = 0;
        let mut add = |more: u64| total = total.saturating_add(more);
        match (word, value) {
            ("properties", Json::Object(map)) => {
                for (name, schema) in inner.as_object().into_iter().flatten() {
                    if let Some(value) = map.get(name) {
                        add(self.of(schema, value, depth + 1));
                    }
                }
            }
            ("patternProperties", Json::Object(map)) => {
                map.values().for_each(|value| add(self.all(inner, value, depth)));
            }
            ("additionalProperties" | "unevaluatedProperties", Json::Object(map)) => {
                map.values().for_each(|value| add(self.of(inner, value, depth + 1)));
            }
            ("propertyNames", Json::Object(map)) => {
                add(self.of(inner, NAME, depth + 1).saturating_mul(map.len() as u64));
            }
            ("items", Json::Array(values)) if inner.is_array() => {
                values.iter().zip(children(inner)).for_each(|(v, schema)| add(self.of(schema, v, depth + 1)));
            }
            ("prefixItems", Json::Array(values)) => {
                values.iter().zip(children(inner)).for_each(|(v, schema)| add(self.of(schema, v, depth + 1)));
            }
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", Json::Array(values)) => {
                values.iter().for_each(|value| add(self.of(inner, value, depth + 1)));
            }
            _ => {}
        }
        total
    }

    /// What a reference leads to; a circle that comes back without going into the value ends there.
    fn behind(&mut self, target: &'s Json, value: &Json, depth: usize) -> u64 {
        let key = (address(target), address(value));
        match self.known.get(&key) {
            Some(Some(known)) => return *known,
            Some(None) => return 0,
            None => {}
        }
        self.known.insert(key, None);
        let visits = self.of(target, value, depth + 1);
        self.known.insert(key, Some(visits));
        visits
    }
}
