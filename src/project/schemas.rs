//! The JSON Schemas that imports keep beside signature files: `gh.schema.json` beside `gh.plan`.

use super::Project;
use crate::source::Loader;
use serde_json::{Map, Value as Json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the names of such files end.
pub const SUFFIX: &str = ".schema.json";

/// The file that keeps the schemas of a signature file.
#[must_use]
pub fn schema_file(signatures: &Path) -> PathBuf {
    signatures.with_extension("schema.json")
}

impl Project {
    /// What imports kept of the skills that are wanted: `{"gh.list": {"input": …, "output": …}}`.
    ///
    /// # Errors
    /// Such a file cannot be read, or is not of this form.
    pub fn kept_schemas(
        &self,
        loader: &dyn Loader,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Map<String, Json>, String> {
        let mut all = Map::new();
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
            let kept: Map<String, Json> = serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))?;
            all.extend(kept.into_iter().filter(|(name, _)| wanted(name)));
        }
        Ok(all)
    }

    /// The same as a source of a run, so that it ends with the schemas it began with; `None` where there are none.
    ///
    /// # Errors
    /// As [`Project::kept_schemas`].
    pub fn schema_source(
        &self,
        loader: &dyn Loader,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<(Arc<str>, Arc<str>)>, String> {
        let kept = self.kept_schemas(loader, wanted)?;
        let name: Arc<str> = format!("<imported>{SUFFIX}").into();
        Ok((!kept.is_empty()).then(|| (name, Json::Object(kept).to_string().into())))
    }
}
