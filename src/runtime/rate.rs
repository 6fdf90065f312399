//! `rate`: calls of a skill are held back that would be more than its signature allows. All runs of the process share it.

use crate::check::hir::Rate;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A window is cut rather than remembering more calls than this.
const MOST: u64 = 100_000;

/// When the last calls of a skill were made, oldest first.
type Window = Arc<tokio::sync::Mutex<VecDeque<Instant>>>;

/// The calls made lately, by project and skill.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<(PathBuf, Arc<str>), Window>>);

impl Rates {
    /// Resolves when one more call is allowed, first come first served: in no window of the rate's length are there more calls than it
    /// says. `place` is waited for last: a call counts from when it has that too.
    pub async fn admit<P>(
        &self,
        project: &Path,
        skill: &Arc<str>,
        rate: Rate,
        place: impl Future<Output = P>,
    ) -> P {
        let key = (project.to_path_buf(), Arc::clone(skill));
        let window = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        let count = u64::try_from(rate.count).unwrap_or(0).max(1);
        let per = Duration::from_millis(u64::try_from(rate.per_ms).unwrap_or(0));
        let (count, per) =
            if count > MOST { (MOST, per.mul_f64(MOST as f64 / count as f64)) } else { (count, per) };
        // The lock is fair, and whoever waits for the time holds it: that is the line.
        let mut calls = window.lock().await;
        while calls.front().is_some_and(|at| at.elapsed() >= per) {
            calls.pop_front();
        }
        if calls.len() as u64 >= count
            && let Some(first) = calls.front().copied()
        {
            tokio::time::sleep_until(first + per).await;
            calls.pop_front();
        }
        let place = place.await;
        calls.push_back(Instant::now());
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    #[tokio::test]
    async fn never_more_than_allowed_in_any_window() {
        let rates = Arc::new(Rates::default());
        let rate = Rate { count: 3, per_ms: 60 };
        let skill: Arc<str> = "a.b".into();
        let mut tasks = tokio::task::JoinSet::new();
        let start = Instant::now();
        for _ in 0..10 {
            let (rates, skill) = (Arc::clone(&rates), Arc::clone(&skill));
            tasks.spawn(async move {
                rates.admit(Path::new("/p"), &skill, rate, ready(())).await;
                start.elapsed().as_millis()
            });
        }
        let mut times = tasks.join_all().await;
        times.sort_unstable();
        for window in times.windows(4) {
            assert!(window[3] - window[0] >= 60, "{times:?}");
        }
        assert!(times[9] >= 180 && times[2] < 60, "the first go at once: {times:?}");
        // Another project's skill of the same name is another skill.
        let before = Instant::now();
        rates.admit(Path::new("/q"), &skill, rate, ready(())).await;
        assert!(before.elapsed().as_millis() < 60);
    }

    #[tokio::test]
    async fn who_waited_for_a_place_does_not_catch_up() {
        let rates = Arc::new(Rates::default());
        let places = Arc::new(tokio::sync::Semaphore::new(4));
        let held = Arc::clone(&places).acquire_many_owned(4).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        let start = Instant::now();
        for _ in 0..6 {
            let (rates, places) = (Arc::clone(&rates), Arc::clone(&places));
            tasks.spawn(async move {
                let rate = Rate { count: 2, per_ms: 60 };
                let place = places.acquire_owned();
                let place = rates.admit(Path::new("/p"), &"a.b".into(), rate, place).await.unwrap();
                let at = start.elapsed().as_millis();
                tokio::time::sleep(Duration::from_millis(10)).await;
                drop(place);
                at
            });
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
        drop(held);
        let mut times = tasks.join_all().await;
        times.sort_unstable();
        assert!(times[0] >= 150, "{times:?}");
        for window in times.windows(3) {
            assert!(window[2] - window[0] >= 60, "{times:?}");
        }
    }
}
