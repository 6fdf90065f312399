//! The care of a store beside the runs that go on in it: what needs no run to stop.

use super::{RunError, Runtime, Started};
use crate::engine::{Machine, RunStatus, StepStatus};
use crate::runtime::artifacts::{self, Artifact, Query};
use crate::runtime::blobs::Blobs;
use crate::runtime::care::{Done, Job};
use crate::runtime::dead::{self, Cause, DeadLetter, MOST_CRASHES};
use crate::runtime::journal::{JournalError, RunJournal};
use crate::runtime::setup;
use crate::runtime::spend::{self, SpendError};
use crate::runtime::store::keys::Key;
use crate::runtime::store::{Op, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

impl Runtime {
    /// With the folder of the store: large results are kept there, and it can be cared for.
    #[must_use]
    pub fn in_folder(mut self, data: &Path) -> Self {
        self.journal = self.journal.with_blobs(Blobs::new(data));
        self.data = Some(data.to_owned());
        self
    }

    /// Cares for the store while runs go on.
    ///
    /// # Errors
    /// In words: there is no folder, or the job failed.
    pub async fn care(&self, job: Job) -> Result<Done, String> {
        let data = self.data.clone().ok_or("this store is kept nowhere")?;
        let store = Arc::clone(self.store());
        let jobs = Arc::clone(&self.jobs);
        jobs.fetch_add(1, Ordering::AcqRel);
        let done = tokio::task::spawn_blocking(move || {
            let done = job.run(&store, &data).map_err(|error| error.to_string());
            jobs.fetch_sub(1, Ordering::AcqRel);
            done
        });
        done.await.map_err(|error| error.to_string())?
    }

    /// Finds artifacts, those of the latest runs first.
    ///
    /// # Errors
    /// There is no such run, or the store cannot be read.
    pub async fn artifacts(&self, query: Query) -> Result<Vec<Artifact>, RunError> {
        let run = query.run.as_deref().map(|run| self.find(run)).transpose()?;
        let (journal, tenant) = (self.journal.clone(), self.tenant.clone());
        let found = tokio::task::spawn_blocking(move || {
            artifacts::find(&**journal.store(), journal.blobs(), &tenant, run, &query)
        });
        Ok(found.await.map_err(|error| RunError::Task(error.to_string()))??)
    }

    /// What was used, added up.
    ///
    /// # Errors
    /// The store cannot be read, or the prices that it shall be priced by.
    pub async fn cost(&self, query: spend::Query) -> Result<Vec<spend::Line>, RunError> {
        let (store, tenant) = (Arc::clone(self.store()), self.tenant.clone());
        let added = tokio::task::spawn_blocking(move || {
            let prices =
                query.reprice.as_deref().map(setup::prices_of).transpose().map_err(SpendError::Prices)?;
            let mut table = spend::Table::new(query.by, prices);
            let since = query.since.unwrap_or_default();
            spend::each(&*store, &tenant, since, &mut |row| {
                if query.project.is_none() || query.project == row.project {
                    table.add(&row);
                }
            })?;
            Ok::<_, SpendError>(table.lines())
        });
        let added = added.await.map_err(|error| RunError::Task(error.to_string()))?;
        added.map_err(|error| RunError::Refused(error.to_string()))
    }

    /// The runs that are put aside, the latest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn dead(&self) -> Result<Vec<DeadLetter>, RunError> {
        Ok(dead::list(&**self.store(), &self.tenant)?)
    }

    /// Why a run is put aside.
    ///
    /// # Errors
    /// It is not, or the store cannot be read.
    pub fn dead_letter(&self, run: Uuid) -> Result<DeadLetter, RunError> {
        dead::get(&**self.store(), &self.tenant, run)?.ok_or(RunError::NotDead(run))
    }

    /// Takes a run off the list; what has become of it stays as it is.
    ///
    /// # Errors
    /// It is not on the list, or the store cannot be written.
    pub async fn drop_dead(&self, run: Uuid) -> Result<DeadLetter, RunError> {
        let letter = self.dead_letter(run)?;
        let key = Key::DeadLetter { tenant: self.tenant.clone(), run }.encode();
        let dropped = self.store().commit(Vec::new(), vec![Op::Del(key)]).await;
        dropped.map_err(JournalError::Store)?;
        Ok(letter)
    }

    /// Goes on with a run that was put aside and has not ended.
    ///
    /// # Errors
    /// It is not on the list, it has ended, or as [`Runtime::resume`].
    pub async fn retry_dead(&self, run: Uuid, actor: Arc<str>) -> Result<Started, RunError> {
        let letter = self.dead_letter(run)?;
        if letter.cause == Cause::Retries {
            return Err(RunError::Ended { run, status: "failed" });
        }
        self.drop_dead(run).await?;
        self.forgiven().insert(run);
        self.resume(run, actor)
    }

    /// A run whose process died goes on only so often without getting any further; one that is put aside does not go on.
    pub(super) fn may_go_on(&self, journal: &mut RunJournal, machine: &Machine) -> Result<(), RunError> {
        let (run, status) = (journal.row().run, journal.row().status);
        if let Some(letter) = dead::get(&**self.store(), &self.tenant, run)? {
            return Err(RunError::PutAside { run, why: letter.error });
        }
        if self.forgiven().remove(&run) {
            journal.crashed(0);
            return Ok(());
        }
        if status != RunStatus::Running {
            return Ok(());
        }
        let crashes = journal.row().crashes.saturating_add(1);
        if crashes < MOST_CRASHES {
            journal.crashed(crashes);
            return Ok(());
        }
        let mut steps: Vec<Arc<str>> = machine
            .report()
            .into_iter()
            .filter(|step| {
                matches!(step.status, StepStatus::Running | StepStatus::Waiting) && step.skill.is_some()
            })
            .map(|step| step.path.0)
            .collect();
        steps.truncate(20);
        let at = if steps.is_empty() { String::new() } else { format!("; it was at {}", steps.join(", ")) };
        let why =
            format!("the process ended {crashes} times while the run went on, and it got no further{at}");
        let letter = DeadLetter::of(journal.row(), Cause::Crashes, why.clone(), journal.events());
        let letter = DeadLetter { steps, attempts: crashes, ..letter };
        let put = dead::put(&self.tenant, &letter)?;
        let written = crate::runtime::care::wait(self.store().commit(Vec::new(), vec![put]));
        written.map_err(|error: StoreError| RunError::Journal(error.into()))?;
        Err(RunError::PutAside { run, why })
    }
}
