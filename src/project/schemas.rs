//! The JSON Schemas that imports keep beside signature files: `gh.schema.json` beside `gh.plan`.

use super::Project;
use crate::source::Loader;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the names of such files end.
pub const SUFFIX: &str = ".schema.json";
/// The entry with what the schemas of one document share: its `components`.
pub const SHARED: &str = "$shared";

/// A text with its name, as runs keep their sources.
pub type NamedText = (Arc<str>, Arc<str>);

/// The file that keeps the schemas of a signature file.
#[must_use]
pub fn schema_file(signatures: &Path) -> PathBuf {
    signatures.with_extension("schema.json")
}

/// What imports kept, by the dotted names of skills: `{"gh.list": {"input": …, "output": …}, "$shared": …}`, a map each file.
#[derive(Debug, Default)]
pub struct KeptSchemas(Vec<Map<String, Json>>);

impl KeptSchemas {
    /// Of one import.
    #[must_use]
    pub fn of(file: Map<String, Json>) -> KeptSchemas {
        KeptSchemas(vec![file])
    }

    /// The map of the first file.
    #[must_use]
    pub fn into_file(self) -> Map<String, Json> {
        self.0.into_iter().next().unwrap_or_default()
    }

    /// The schemas of one skill, each standing alone: `{"input": …, "output": …}`.
    #[must_use]
    pub fn get(&self, skill: &str) -> Option<Json> {
        self.0.iter().find_map(|file| {
            let kept = file.get(skill).filter(|_| skill != SHARED)?.as_object()?;
            let shared = file.get(SHARED).unwrap_or(&Json::Null);
            Some(kept.iter().map(|(part, schema)| (part.clone(), whole(schema, shared))).collect())
        })
    }

    /// The names of the skills.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(Map::keys).map(String::as_str).filter(|name| *name != SHARED)
    }
}

impl Project {
    /// What imports kept beside the project's signature files.
    ///
    /// # Errors
    /// Such a file cannot be read, or is not of this form.
    pub fn kept_schemas(&self, loader: &dyn Loader) -> Result<KeptSchemas, String> {
        let mut files = Vec::new();
        for file in &self.files {
            let path = schema_file(&file.path);
            if !loader.exists(&path) {
                continue;
            }
            let shown = path.display();
            let unusable = |why: String| {
                format!("`{shown}` cannot be used: {why}; import the tools again, or remove the file")
            };
            let text = loader.read(&path).map_err(|e| unusable(e.to_string()))?;
            files.push(serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?);
        }
        Ok(KeptSchemas(files))
    }

    /// The schemas of the wanted skills as a source of a run, so that it ends with those it began with; `None` where there are none.
    ///
    /// # Errors
    /// As [`Project::kept_schemas`].
    pub fn schema_source(
        &self,
        loader: &dyn Loader,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<NamedText>, String> {
        let kept = self.kept_schemas(loader)?;
        let of = |name: &str| Some((name.to_owned(), kept.get(name)?));
        let used: Map<String, Json> = kept.names().filter(|name| wanted(name)).filter_map(of).collect();
        let name: Arc<str> = format!("<imported>{SUFFIX}").into();
        Ok((!used.is_empty()).then(|| (name, Json::Object(used).to_string().into())))
    }
}

/// A schema with all of what is shared that it refers to, so that it stands alone.
fn whole(schema: &Json, shared: &Json) -> Json {
    let components = reached([schema], shared);
    let mut out = schema.clone();
    if let (Json::Object(out), false) = (&mut out, components.is_empty()) {
        out.insert("components".to_owned(), Json::Object(components));
    }
    out
}

/// The components of a document that schemas refer to, also through each other.
pub(super) fn reached<'j>(
    schemas: impl IntoIterator<Item = &'j Json>,
    document: &'j Json,
) -> Map<String, Json> {
    let mut found: BTreeMap<String, &Json> = BTreeMap::new();
    let mut open: VecDeque<&Json> = schemas.into_iter().collect();
    while let Some(next) = open.pop_front() {
        match next {
            Json::Object(map) => {
                let pointer =
                    map.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/components/"));
                if let Some(pointer) = pointer {
                    let name: String = pointer.split('/').take(2).collect::<Vec<_>>().join("/");
                    if !found.contains_key(&name)
                        && let Some(target) = document.pointer(&format!("/components/{name}"))
                    {
                        found.insert(name, target);
                        open.push_back(target);
                    }
                }
                open.extend(map.values());
            }
            Json::Array(items) => open.extend(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    let mut components: Map<String, Json> = Map::new();
    for (name, target) in found {
        let Some((kind, name)) = name.split_once('/') else { continue };
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Json::Object(of) = components.entry(kind).or_insert_with(|| json!({})) {
            of.insert(name, target.clone());
        }
    }
    components
}
