//! Plannings of the store, and the keys that they stand for.

use super::Runtime;
use crate::runtime::planning::{self, Planning};
use std::path::Path;

impl Runtime {
    /// The planning that a key stands for in a project. `request` is what [`planning::request`] gives.
    ///
    /// # Errors
    /// The key stands for another goal, or the store cannot be read.
    pub fn planned(&self, project: &Path, key: &str, request: &str) -> Result<Option<Planning>, String> {
        let Some((id, asked)) = self.keeper.planned(project, key)? else { return Ok(None) };
        let Some(planning) = planning::get(&**self.store(), &self.tenant, id)? else { return Ok(None) };
        if *asked == *request {
            return Ok(Some(planning));
        }
        Err(format!(
            "the key `{key}` stands for another goal: “{}”; use another key, or the same goal, agent and run",
            planning.goal
        ))
    }

    /// Keeps a planning; one with a key that has a plan stands for it from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_planning(&self, planning: &Planning) -> Result<(), String> {
        let op = planning::put(&self.tenant, planning).map_err(|e| e.to_string())?;
        let spent = planning::spend(planning);
        if let Some(agent) = &planning.agent {
            self.books.add(&planning.project, agent, &spent);
        }
        let spent = spent.put(&self.tenant).map_err(|e| e.to_string())?;
        self.store().commit(Vec::new(), vec![op, spent]).await.map_err(|e| e.to_string())?;
        if let (Some(key), planning::PlanningEnd::Plan { .. }) = (&planning.key, &planning.end) {
            let request =
                planning::request(&planning.goal, planning.agent.as_deref(), planning.from.as_deref());
            self.keeper.keep_planned(&planning.project, key, request, planning.id).await?;
        }
        Ok(())
    }

    /// The latest plannings first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn plannings(&self, most: usize) -> Result<Vec<Planning>, String> {
        planning::list(&**self.store(), &self.tenant, most).map_err(|e| e.to_string())
    }
}
