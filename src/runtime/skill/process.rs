//! `provider = "process"`: a program, started once, that takes calls as JSON lines and answers in any order.

mod conn;
pub(super) mod reply;

use super::config::ProcessConfig;
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use conn::Conn;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The first wait before a program that keeps dying is started again; doubles each time.
const BACKOFF: Duration = Duration::from_millis(100);
/// The longest such wait.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// A program that lived so long was no failed start.
const LIVED: Duration = Duration::from_secs(60);

/// The skills of a namespace, behind one program.
pub struct ProcessSkill {
    namespace: String,
    config: ProcessConfig,
    base: PathBuf,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    conn: Option<Arc<Conn>>,
    /// Starts in a row that came to nothing.
    failed: u32,
    not_before: Option<Instant>,
}

impl ProcessSkill {
    /// The namespace as configured; the program is started at the first call.
    #[must_use]
    pub fn new(namespace: &str, config: ProcessConfig, base: &Path) -> Self {
        Self { namespace: namespace.to_owned(), config, base: base.to_owned(), slot: Mutex::default() }
    }

    /// The running program, started if need be.
    async fn conn(&self) -> Result<Arc<Conn>, Failure> {
        let mut slot = self.slot.lock().await;
        if let Some(conn) = &slot.conn {
            if !conn.is_over() {
                return Ok(Arc::clone(conn));
            }
            let useful = conn.has_answered() || conn.started.elapsed() > LIVED;
            slot.conn = None;
            slot.note(useful);
        }
        if let Some(at) = slot.not_before {
            tokio::time::sleep_until(at.into()).await;
        }
        match Conn::start(&self.namespace, &self.config, &self.base) {
            Ok(conn) => {
                let conn = Arc::new(conn);
                slot.conn = Some(Arc::clone(&conn));
                Ok(conn)
            }
            Err(failure) => {
                slot.note(false);
                Err(failure)
            }
        }
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let mut request = serde_json::Map::new();
        request.insert("skill".into(), call.name.as_ref().into());
        request.insert("args".into(), wire::object(&call.args)?);
        request.insert("idempotency_key".into(), Json::from(call.idempotency_key.as_ref()));
        let conn = self.conn().await?;
        Ok(SkillOutput::free(conn.ask(request).await?))
    }
}

impl Slot {
    /// Counts an end, and says when the next start may be: at once after a useful life or a first failure.
    fn note(&mut self, useful: bool) {
        self.failed = if useful { 0 } else { self.failed.saturating_add(1) };
        self.not_before = match self.failed {
            0 | 1 => None,
            more => {
                let wait = BACKOFF.saturating_mul(1 << (more - 2).min(10)).min(MAX_BACKOFF);
                Some(Instant::now() + wait)
            }
        };
    }
}

impl Skill for ProcessSkill {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let conn = self.slot.lock().await.conn.take();
            if let Some(conn) = conn {
                conn.stop().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_is_slowed_down() {
        let mut slot = Slot::default();
        slot.note(false);
        assert!(slot.not_before.is_none());
        for _ in 0..100 {
            slot.note(false);
        }
        let wait = slot.not_before.unwrap() - Instant::now();
        assert!(wait <= MAX_BACKOFF && wait > MAX_BACKOFF / 2);
        slot.note(true);
        assert!(slot.not_before.is_none());
    }
}
